//! Identifies callers and decides what they may reach (PROTOCOL §1 and §6, owner). Tokens and keys are never logged.

mod jwks;
mod token;

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::Config;
use crate::error::ApiError;
use crate::store::{Scope, Session};
use jwks::Jwks;
use token::{Refusal, Tokens};

/// The caller of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    Anonymous,
    User(String),
}

/// Whether a request without a token is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anonymous {
    Served,
    Refused,
}

/// The ways to identify a caller.
pub struct Auth {
    /// The keys that tokens are checked with. Without them, everyone is anonymous.
    tokens: Option<Tokens>,
    anonymous: Anonymous,
    api_key: Option<SecretString>,
}

impl Auth {
    /// As configured. An empty secret or key counts as none.
    ///
    /// # Errors
    /// The flag that is missing or wrong.
    pub fn new(config: &Config) -> Result<Self, String> {
        let tokens = Tokens::new(config)?;
        if config.require_auth && tokens.is_none() {
            return Err("--require-auth needs --jwt-secret or --jwks-url".into());
        }
        let anonymous = if config.require_auth { Anonymous::Refused } else { Anonymous::Served };
        Ok(Self { tokens, anonymous, api_key: filled(config.internal_api_key.as_ref()) })
    }

    /// Identifies the caller of a request.
    pub async fn caller(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        match (&self.tokens, headers.get(header::AUTHORIZATION)) {
            (Some(tokens), Some(authorization)) => {
                let token = authorization.to_str().ok().and_then(bearer).ok_or(BAD_TOKEN)?;
                tokens.user(token).await.map(Caller::User).map_err(refused)
            }
            _ if self.anonymous == Anonymous::Refused => Err(ApiError::Unauthorized("Sign in first.")),
            _ => Ok(Caller::Anonymous),
        }
    }

    /// Which sessions a caller may list.
    pub fn scope(&self, caller: &Caller) -> Result<Scope, ApiError> {
        match (caller, &self.tokens) {
            (Caller::User(user), _) => Ok(Scope::User(user.clone())),
            (Caller::Anonymous, None) => Ok(Scope::All),
            (Caller::Anonymous, Some(_)) => Err(ApiError::Unauthorized("Sign in to see your sessions.")),
        }
    }

    /// Checks the API key of the webhook.
    pub fn check_api_key(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let expected = self.api_key.as_ref().ok_or(ApiError::WebhookNotConfigured)?.expose_secret();
        let given = headers.get("x-api-key").map_or(&b""[..], |key| key.as_bytes());
        if equal(given, expected.as_bytes()) { Ok(()) } else { Err(ApiError::Unauthorized("Wrong x-api-key.")) }
    }

    /// The published keys, where tokens are checked with them.
    pub fn jwks(&self) -> Option<Arc<Jwks>> {
        self.tokens.as_ref()?.jwks()
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

const BAD_TOKEN: ApiError = ApiError::Unauthorized("The token is bad or has expired.");

fn refused(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::Invalid => BAD_TOKEN,
        Refusal::NoKeys => ApiError::KeysUnavailable,
    }
}

fn filled(secret: Option<&SecretString>) -> Option<SecretString> {
    secret.filter(|secret| !secret.expose_secret().is_empty()).cloned()
}

/// Compares two values in a time that depends on neither of them, not even on their lengths.
fn equal(a: &[u8], b: &[u8]) -> bool {
    Sha256::digest(a).ct_eq(&Sha256::digest(b)).into()
}

/// The scheme is case-insensitive (RFC 9110 §11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn auth(flags: &[&str]) -> Result<Auth, String> {
        Auth::new(&Config::try_parse_from(["rejoin-server"].iter().chain(flags)).unwrap())
    }

    #[test]
    fn keys_are_equal_only_when_all_bytes_are() {
        assert!(equal(b"key", b"key"));
        assert!(!equal(b"key", b"ke"));
        assert!(!equal(b"", b"key"));
    }

    #[test]
    fn the_scheme_of_a_token_is_bearer_in_any_case() {
        assert_eq!(bearer("bEARER  x.y.z"), Some("x.y.z"));
        assert_eq!(bearer("Basic x.y.z"), None);
        assert_eq!(bearer("Bearer"), None);
    }

    #[test]
    fn to_require_a_token_there_has_to_be_a_way_to_check_one() {
        assert!(auth(&["--require-auth"]).is_err());
        assert!(auth(&["--require-auth", "--jwt-secret", ""]).is_err());
        assert!(auth(&["--require-auth", "--jwt-secret", "s"]).is_ok());
    }
}
