//! Signs requests as Standard Webhooks does, so that an agent knows that they come from this server, and when: the
//! message `id.timestamp.body` under HMAC-SHA256.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use sha2::Sha256;

/// What a secret may begin with, as its tools write it.
const PREFIX: &str = "whsec_";

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The key that both ends know.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

impl Secret {
    /// From `whsec_` and base64; the prefix may be missing.
    ///
    /// # Errors
    /// In words that don't quote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let key = STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text)).ok().filter(|key| !key.is_empty());
        let key = key.ok_or("REJOIN_AGENT_SECRET is not base64, with or without `whsec_` in front")?;
        Hmac::new_from_slice(&key).map(Self).map_err(|error| format!("REJOIN_AGENT_SECRET: {error}"))
    }

    /// Adds the three headers. `seconds` since 1970.
    ///
    /// # Errors
    /// An id that a header cannot carry.
    pub fn sign(&self, headers: &mut HeaderMap, id: &str, seconds: u64, body: &[u8]) -> Result<(), InvalidHeaderValue> {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        headers.insert(ID, HeaderValue::from_str(id)?);
        headers.insert(TIMESTAMP, seconds.into());
        headers.insert(SIGNATURE, HeaderValue::from_str(&signature)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Verified by the library that the authors of the standard publish.
    #[test]
    fn a_signature_is_what_the_standards_own_library_verifies() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let mut headers = HeaderMap::new();
        Secret::parse(secret).unwrap().sign(&mut headers, "task.1", now, b"{\"a\":1}").unwrap();
        let webhook = standardwebhooks::Webhook::new(secret).unwrap();
        assert!(webhook.verify(b"{\"a\":1}", &headers).is_ok());
        assert!(webhook.verify(b"{\"a\":2}", &headers).is_err());
    }

    #[test]
    fn a_secret_is_base64_with_or_without_its_prefix() {
        assert!(Secret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_ok());
        for wrong in ["", "whsec_", "not base64!"] {
            assert!(Secret::parse(wrong).is_err(), "{wrong}");
        }
    }
}
