//! Who calls, and what they may reach (PROTOCOL §1 and §6, owner). Tokens are JSON Web Tokens signed with HS256
//! (RFC 7519, RFC 7515); nothing of a token is ever logged.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::clock;
use crate::error::ApiError;
use crate::store::{Scope, Session};

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    Anonymous,
    User(String),
}

/// How callers are known.
#[derive(Clone, Default)]
pub struct Auth {
    secret: Option<String>,
    api_key: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// The claims that count here; times are seconds since the epoch (RFC 7519 §4.1).
#[derive(Deserialize)]
struct Claims {
    sub: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
}

impl Auth {
    /// `secret` signs tokens, `api_key` opens the webhook; either may be missing, and an empty one is.
    pub fn new(secret: Option<String>, api_key: Option<String>) -> Self {
        let filled = |value: Option<String>| value.filter(|value| !value.is_empty());
        Self { secret: filled(secret), api_key: filled(api_key) }
    }

    /// Who calls. Without a secret, everyone is anonymous, whatever they send.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let (Some(secret), Some(authorization)) = (&self.secret, headers.get(header::AUTHORIZATION)) else {
            return Ok(Caller::Anonymous);
        };
        let token = authorization.to_str().ok().and_then(bearer);
        let user = token.and_then(|token| verify(token, secret.as_bytes(), clock::now() / 1000));
        user.map(Caller::User).ok_or(ApiError::Unauthorized("The token is bad or has expired."))
    }

    /// Which sessions a caller may list.
    pub fn scope(&self, caller: &Caller) -> Result<Scope, ApiError> {
        match (caller, &self.secret) {
            (Caller::User(user), _) => Ok(Scope::User(user.clone())),
            (Caller::Anonymous, None) => Ok(Scope::All),
            (Caller::Anonymous, Some(_)) => Err(ApiError::Unauthorized("Sign in to see your sessions.")),
        }
    }

    /// Lets the webhook's callers in.
    pub fn check_api_key(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let expected = self.api_key.as_deref().ok_or(ApiError::WebhookNotConfigured)?;
        let given = headers.get("x-api-key").map_or(&b""[..], |key| key.as_bytes());
        if equal(given, expected.as_bytes()) { Ok(()) } else { Err(ApiError::Unauthorized("Wrong x-api-key.")) }
    }
}

impl Caller {
    /// Whether this caller may reach a session and its tasks.
    pub fn check(&self, session: &Session) -> Result<(), ApiError> {
        match (self, &session.user_id) {
            (_, None) => Ok(()),
            (Self::Anonymous, Some(_)) => Err(ApiError::Unauthorized("Sign in to reach this.")),
            (Self::User(user), Some(owner)) if user == owner => Ok(()),
            (Self::User(_), Some(_)) => Err(ApiError::AccessDenied),
        }
    }

    /// The user, where there is one.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Anonymous => None,
            Self::User(user) => Some(user),
        }
    }
}

/// In time that depends on neither value, not even on their lengths.
fn equal(a: &[u8], b: &[u8]) -> bool {
    Sha256::digest(a).ct_eq(&Sha256::digest(b)).into()
}

/// The scheme is case-insensitive (RFC 9110 §11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The user that a token names, if it is signed with the secret and valid now.
fn verify(token: &str, secret: &[u8], now: u64) -> Option<String> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    if decode::<Header>(header)?.alg != "HS256" {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(signed.as_bytes());
    mac.verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    let claims: Claims = decode(claims)?;
    claims.are_valid_at(now).then_some(claims.sub)?.filter(|user| !user.is_empty())
}

fn decode<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

impl Claims {
    fn are_valid_at(&self, now: u64) -> bool {
        let now = now as f64;
        self.exp.is_none_or(|end| now < end) && self.nbf.is_none_or(|begin| begin <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const SECRET: &[u8] = b"a secret of the tests";

    fn token(header: &Value, claims: &Value, secret: &[u8]) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    fn hs256(claims: &Value) -> String {
        token(&json!({"alg": "HS256", "typ": "JWT"}), claims, SECRET)
    }

    #[test]
    fn a_signed_token_names_its_subject_until_it_expires() {
        let token = hs256(&json!({"sub": "ada", "exp": 100}));
        assert_eq!(verify(&token, SECRET, 99).as_deref(), Some("ada"));
        assert_eq!(verify(&token, SECRET, 100), None);
    }

    #[test]
    fn the_example_of_the_specification_is_verified() {
        // RFC 7515 appendix A.1; it names no subject, so what is seen here is that the signature alone is not enough.
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(verify(token, SECRET, 0), None);
    }

    #[test]
    fn a_token_without_the_right_signature_is_refused() {
        let claims = json!({"sub": "ada"});
        assert_eq!(verify(&token(&json!({"alg": "HS256"}), &claims, b"other"), SECRET, 0), None);
        assert_eq!(verify(&token(&json!({"alg": "none"}), &claims, SECRET), SECRET, 0), None);
        let unsigned = format!("{}.", hs256(&claims).rsplit_once('.').unwrap().0);
        assert_eq!(verify(&unsigned, SECRET, 0), None);
        assert_eq!(verify("garbage", SECRET, 0), None);
    }

    #[test]
    fn a_token_that_names_nobody_or_is_not_valid_yet_is_refused() {
        assert_eq!(verify(&hs256(&json!({"exp": 100})), SECRET, 0), None);
        assert_eq!(verify(&hs256(&json!({"sub": ""})), SECRET, 0), None);
        assert_eq!(verify(&hs256(&json!({"sub": "ada", "nbf": 50})), SECRET, 49), None);
    }

    #[test]
    fn keys_are_equal_only_when_all_bytes_are() {
        assert!(equal(b"key", b"key"));
        assert!(!equal(b"key", b"ke"));
        assert!(!equal(b"", b"key"));
    }
}
