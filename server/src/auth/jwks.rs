//! The public keys that an identity provider publishes (RFC 7517). They are fetched ahead of need, and again for an
//! unknown key id.
//!
//! A caller who makes up key ids causes at most one fetch per [`UNKNOWN`]. Keys that could not be renewed for [`STALE`]
//! are no longer used, because a key that the provider has withdrawn must not be believed for ever.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use parking_lot::Mutex;
use tokio::time::Instant;

/// The time between two fetches that succeed.
const RENEWAL: Duration = Duration::from_secs(600);
/// The time from a fetch that failed to the next.
const RETRY: Duration = Duration::from_secs(1);
/// The shortest time between two fetches for unknown key ids.
const UNKNOWN: Duration = Duration::from_secs(30);
/// The age at which keys are no longer used.
const STALE: Duration = Duration::from_secs(3600);
/// How long a fetch may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The largest key set, in bytes.
const LARGEST: usize = 1 << 20;

/// A key with its one algorithm.
pub struct Key {
    pub algorithm: Algorithm,
    pub decoding: DecodingKey,
}

/// The keys could not be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoKeys;

/// See the module.
pub struct Jwks {
    url: reqwest::Url,
    client: reqwest::Client,
    state: Mutex<State>,
    /// Held during a fetch, so that all who need new keys wait for the same one.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: Option<Keys>,
    /// When the last fetch failed; `None` where it did not.
    failed: Option<Instant>,
    /// The last fetch for an unknown id.
    sought: Option<Instant>,
}

struct Keys {
    by_id: HashMap<String, Arc<Key>>,
    fetched: Instant,
}

impl Jwks {
    /// Fetches nothing yet.
    pub fn new(url: &str) -> Result<Self, String> {
        let url: reqwest::Url = url.parse().map_err(|error| format!("--jwks-url: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("--jwks-url: neither http nor https".into());
        }
        let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| format!("--jwks-url: {error}"))?;
        Ok(Self { url, client, state: Mutex::default(), fetching: tokio::sync::Mutex::default() })
    }

    /// The key of an id; `None` where the provider has no such key.
    pub async fn key(&self, id: &str) -> Result<Option<Arc<Key>>, NoKeys> {
        if let Some(answer) = self.state.lock().answer(id, Instant::now()) {
            return answer;
        }
        let _one_at_a_time = self.fetching.lock().await;
        // The holder of the lock before may have fetched the missing key.
        let now = Instant::now();
        if let Some(answer) = self.state.lock().answer(id, now) {
            return answer;
        }
        self.state.lock().seek(now);
        self.fetch_into_state().await;
        let state = self.state.lock();
        state.known(id, now).map_or_else(|| state.missing(now), |key| Ok(Some(key)))
    }

    /// Renews the keys again and again.
    pub async fn renew_for_ever(self: Arc<Self>) {
        loop {
            let fetching = self.fetching.lock().await;
            self.fetch_into_state().await;
            drop(fetching);
            let wait = if self.state.lock().failed.is_some() { RETRY * 5 } else { RENEWAL };
            tokio::time::sleep(wait).await;
        }
    }

    async fn fetch_into_state(&self) {
        let fetched = self.fetch().await;
        let mut state = self.state.lock();
        match fetched {
            Ok(by_id) => {
                tracing::debug!(keys = by_id.len(), "fetched the keys of tokens");
                state.keys = Some(Keys { by_id, fetched: Instant::now() });
                state.failed = None;
            }
            Err(why) => {
                tracing::warn!(why, "cannot fetch the keys of tokens");
                state.failed = Some(Instant::now());
            }
        }
    }

    async fn fetch(&self) -> Result<HashMap<String, Arc<Key>>, String> {
        let failed = |error: reqwest::Error| error.without_url().to_string();
        let response = self.client.get(self.url.clone()).send().await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("the answer is {status}"));
        }
        let (mut parts, mut bytes) = (response.bytes_stream(), Vec::new());
        while let Some(part) = parts.next().await {
            bytes.extend_from_slice(&part.map_err(failed)?);
            if bytes.len() > LARGEST {
                return Err(format!("the answer is larger than {LARGEST} bytes"));
            }
        }
        let set: JwkSet =
            serde_json::from_slice(&bytes).map_err(|error| format!("the answer is no key set: {error}"))?;
        Ok(usable(&set))
    }
}

impl State {
    /// The answer for an id without a fetch; `None` where it takes one.
    fn answer(&self, id: &str, now: Instant) -> Option<Result<Option<Arc<Key>>, NoKeys>> {
        match self.known(id, now) {
            Some(key) => Some(Ok(Some(key))),
            None if self.may_fetch(now) => None,
            None => Some(self.missing(now)),
        }
    }

    fn known(&self, id: &str, now: Instant) -> Option<Arc<Key>> {
        self.fresh(now)?.by_id.get(id).cloned()
    }

    /// The answer for an id that is not among the keys. After a failed fetch it is unknown whether the provider has it.
    fn missing(&self, now: Instant) -> Result<Option<Arc<Key>>, NoKeys> {
        if self.failed.is_some() || self.fresh(now).is_none() { Err(NoKeys) } else { Ok(None) }
    }

    fn fresh(&self, now: Instant) -> Option<&Keys> {
        self.keys.as_ref().filter(|keys| now.saturating_duration_since(keys.fetched) < STALE)
    }

    /// Whether a fetch is due: soon after one that failed, seldom for an unknown id.
    fn may_fetch(&self, now: Instant) -> bool {
        let past = |last: Option<Instant>, wait| last.is_none_or(|last| now.saturating_duration_since(last) >= wait);
        let lacks = self.failed.is_some() || self.fresh(now).is_none();
        if lacks { past(self.failed, RETRY) } else { past(self.sought, UNKNOWN) }
    }

    fn seek(&mut self, now: Instant) {
        if self.failed.is_none() && self.fresh(now).is_some() {
            self.sought = Some(now);
        }
    }
}

/// The keys that have an id and an algorithm that is accepted here. Others are ignored.
fn usable(set: &JwkSet) -> HashMap<String, Arc<Key>> {
    set.keys.iter().filter_map(|jwk| Some((jwk.common.key_id.clone()?, Arc::new(key(jwk)?)))).collect()
}

fn key(jwk: &Jwk) -> Option<Key> {
    if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
        return None;
    }
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    let is_for_another = |named| !Algorithm::try_from(named).is_ok_and(|named| named == algorithm);
    if jwk.common.key_algorithm.is_some_and(is_for_another) {
        return None;
    }
    Some(Key { algorithm, decoding: DecodingKey::from_jwk(jwk).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// RFC 8037 appendix A.2, and RFC 7517 appendix A.1.
    fn set() -> JwkSet {
        let ed =
            json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let ec = json!({"kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"});
        let secret = json!({"kty": "oct", "kid": "secret", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"});
        let mut nameless = ed.clone();
        nameless["kid"] = json!(null);
        let mut encrypts = ec.clone();
        (encrypts["kid"], encrypts["use"]) = (json!("enc"), json!("enc"));
        let mut other = ec.clone();
        (other["kid"], other["alg"]) = (json!("other"), json!("RS256"));
        let unknown = json!({"kty": "new", "kid": "new"});
        serde_json::from_value(json!({"keys": [ed, ec, secret, nameless, encrypts, other, unknown]})).unwrap()
    }

    #[test]
    fn of_a_set_those_keys_are_used_that_have_an_id_and_sign() {
        let keys = usable(&set());
        let mut ids: Vec<&str> = keys.keys().map(String::as_str).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["ec", "ed"]);
        assert_eq!((keys["ec"].algorithm, keys["ed"].algorithm), (Algorithm::ES256, Algorithm::EdDSA));
    }

    fn state(now: Instant) -> State {
        State { keys: Some(Keys { by_id: usable(&set()), fetched: now }), ..State::default() }
    }

    #[test]
    fn unknown_ids_cause_a_fetch_at_most_every_thirty_seconds() {
        let now = Instant::now();
        let mut state = state(now);
        assert!(state.may_fetch(now));
        state.sought = Some(now);
        assert!(!state.may_fetch(now + Duration::from_secs(29)));
        assert!(state.may_fetch(now + Duration::from_secs(30)));
    }

    #[test]
    fn a_fetch_that_failed_is_tried_again_soon() {
        let now = Instant::now();
        let state = State { failed: Some(now), sought: Some(now), ..state(now) };
        assert!(!state.may_fetch(now + Duration::from_millis(900)));
        assert!(state.may_fetch(now + RETRY));
    }

    #[test]
    fn keys_that_could_not_be_renewed_for_an_hour_are_not_believed() {
        let now = Instant::now();
        let state = state(now);
        assert!(state.known("ed", now + STALE - Duration::from_secs(1)).is_some());
        assert!(state.known("ed", now + STALE).is_none());
    }

    #[test]
    fn a_url_that_is_none_is_refused_at_once() {
        assert!(Jwks::new("keys").is_err());
        assert!(Jwks::new("file:///keys").is_err());
    }
}
