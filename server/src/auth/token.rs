//! JSON Web Tokens: HS256 by the server's secret; RS256, ES256 and EdDSA by published keys.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::filled;
use super::jwks::{Jwks, Key};
use crate::config::Config;

/// Seconds by which the clocks of the issuer and of this server may differ.
const LEEWAY: u64 = 30;
/// The longest user, in bytes: it becomes part of keys in the store.
const LONGEST_USER: usize = 256;

/// Why a token identifies no user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The token is malformed, forged, expired, or for another audience.
    Invalid,
    /// The published keys could not be fetched, so the token cannot be checked.
    NoKeys,
}

/// The keys and claims that tokens are checked with.
pub struct Tokens {
    secret: Option<DecodingKey>,
    jwks: Option<Arc<Jwks>>,
    issuer: Option<String>,
    audience: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

/// Whether a token that never expires is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expiry {
    /// With a secret of the operator's own, the operator decides how long tokens live.
    Optional,
    Required,
}

impl Tokens {
    /// As configured; `None` where neither a secret nor published keys are.
    pub fn new(config: &Config) -> Result<Option<Self>, String> {
        let secret = filled(config.jwt_secret.as_ref());
        let secret = secret.map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes())).transpose();
        let secret = secret.map_err(|error| format!("--jwt-secret: {error}"))?;
        let url = config.jwks_url.as_deref().filter(|url| !url.is_empty());
        let jwks = url.map(Jwks::new).transpose()?.map(Arc::new);
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (issuer, audience) = (filled(&config.jwt_issuer), filled(&config.jwt_audience));
        let any = secret.is_some() || jwks.is_some();
        Ok(any.then_some(Self { secret, jwks, issuer, audience }))
    }

    /// The published keys.
    pub fn jwks(&self) -> Option<Arc<Jwks>> {
        self.jwks.clone()
    }

    /// The user that a token names, if it is signed and valid now.
    pub async fn user(&self, token: &str) -> Result<String, Refusal> {
        let header = decode_header(token).map_err(|_| Refusal::Invalid)?;
        match header.alg {
            Algorithm::HS256 => {
                let key = self.secret.as_ref().ok_or(Refusal::Invalid)?;
                self.check(token, key, &self.validation(Algorithm::HS256, Expiry::Optional))
            }
            Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA => {
                let key = self.published(&header).await?;
                self.check(token, &key.decoding, &self.validation(header.alg, Expiry::Required))
            }
            _ => Err(Refusal::Invalid),
        }
    }

    /// The key that a token names. A key verifies its own algorithm and no other, whatever the token says.
    async fn published(&self, header: &Header) -> Result<Arc<Key>, Refusal> {
        let (Some(jwks), Some(id)) = (&self.jwks, &header.kid) else { return Err(Refusal::Invalid) };
        let key = jwks.key(id).await.map_err(|_| Refusal::NoKeys)?;
        key.filter(|key| key.algorithm == header.alg).ok_or(Refusal::Invalid)
    }

    fn validation(&self, algorithm: Algorithm, expiry: Expiry) -> Validation {
        let mut validation = Validation::new(algorithm);
        let mut required = vec!["sub"];
        required.extend((expiry == Expiry::Required).then_some("exp"));
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        match &self.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                required.push("aud");
            }
            // The audience is not configured, so any is accepted.
            None => validation.validate_aud = false,
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    fn check(&self, token: &str, key: &DecodingKey, validation: &Validation) -> Result<String, Refusal> {
        let claims = decode::<Claims>(token, key, validation).map_err(|_| Refusal::Invalid)?.claims;
        let fits = !claims.sub.is_empty() && claims.sub.len() <= LONGEST_USER;
        fits.then_some(claims.sub).ok_or(Refusal::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use jsonwebtoken::{EncodingKey, encode, get_current_timestamp};
    use serde_json::{Value, json};

    const SECRET: &str = "a secret of the tests";

    fn tokens(flags: &[&str]) -> Tokens {
        let flags = ["rejoin-server", "--jwt-secret", SECRET].iter().chain(flags);
        Tokens::new(&Config::try_parse_from(flags).unwrap()).unwrap().unwrap()
    }

    fn signed(claims: &Value, secret: &str) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes()).unwrap();
        encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
    }

    async fn user(claims: &Value) -> Result<String, Refusal> {
        tokens(&[]).user(&signed(claims, SECRET)).await
    }

    #[tokio::test]
    async fn a_signed_token_names_its_subject_until_it_expires() {
        let now = get_current_timestamp();
        assert_eq!(user(&json!({"sub": "ada", "exp": now + 60})).await.as_deref(), Ok("ada"));
        assert_eq!(user(&json!({"sub": "ada", "exp": now - 20})).await.as_deref(), Ok("ada"), "clocks differ");
        assert_eq!(user(&json!({"sub": "ada", "exp": now - 40})).await, Err(Refusal::Invalid));
    }

    #[tokio::test]
    async fn the_example_of_the_specification_is_refused() {
        // RFC 7515 appendix A.1. The token names no subject, so its valid signature is not enough.
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(tokens(&[]).user(token).await, Err(Refusal::Invalid));
    }

    #[tokio::test]
    async fn a_token_without_the_right_signature_is_refused() {
        let claims = json!({"sub": "ada"});
        let good = signed(&claims, SECRET);
        let (head, rest) = good.split_once('.').unwrap();
        // {"alg":"none"}
        let none = format!("eyJhbGciOiJub25lIn0.{}.", rest.split_once('.').unwrap().0);
        let unsigned = format!("{head}.{}.", rest.split_once('.').unwrap().0);
        for token in [signed(&claims, "other"), none, unsigned, "garbage".into(), String::new(), "..".into()] {
            assert_eq!(tokens(&[]).user(&token).await, Err(Refusal::Invalid), "{token}");
        }
        assert_eq!(tokens(&[]).user(&good).await.as_deref(), Ok("ada"));
    }

    #[tokio::test]
    async fn a_token_that_names_nobody_or_is_not_valid_yet_is_refused() {
        let now = get_current_timestamp();
        let long = "a".repeat(LONGEST_USER + 1);
        for claims in [
            json!({"exp": now + 60}),
            json!({"sub": ""}),
            json!({"sub": 7}),
            json!({"sub": long}),
            json!({"sub": "ada", "nbf": now + 60}),
            json!({"sub": "ada", "exp": "soon"}),
        ] {
            assert_eq!(user(&claims).await, Err(Refusal::Invalid), "{claims}");
        }
    }

    #[tokio::test]
    async fn the_issuer_and_the_audience_have_to_be_the_configured_ones() {
        let tokens = tokens(&["--jwt-issuer", "https://id.example", "--jwt-audience", "chat"]);
        let right = json!({"sub": "ada", "iss": "https://id.example", "aud": ["chat", "mail"]});
        assert_eq!(tokens.user(&signed(&right, SECRET)).await.as_deref(), Ok("ada"));
        for wrong in [
            json!({"sub": "ada", "aud": "chat"}),
            json!({"sub": "ada", "iss": "https://id.example"}),
            json!({"sub": "ada", "iss": "https://other.example", "aud": "chat"}),
            json!({"sub": "ada", "iss": "https://id.example", "aud": "mail"}),
        ] {
            assert_eq!(tokens.user(&signed(&wrong, SECRET)).await, Err(Refusal::Invalid), "{wrong}");
        }
    }

    #[tokio::test]
    async fn where_no_audience_is_configured_a_token_may_have_any() {
        assert_eq!(user(&json!({"sub": "ada", "aud": "mail", "iss": "x"})).await.as_deref(), Ok("ada"));
    }
}
