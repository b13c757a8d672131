//! The failures of an endpoint, as the reader sees them.

use std::sync::Arc;

use reqwest::StatusCode;
use serde_json::Value;

use crate::agent::upstream::{Failure, Limit};
use crate::agent::{Dialect, Gone};

/// How much of an endpoint's error is shown.
const LONGEST_ERROR: usize = 500;

/// A code and a sentence.
#[derive(Debug, PartialEq, Eq)]
pub struct EndpointError {
    code: &'static str,
    message: String,
}

/// Why the reading of an answer stops.
pub enum Halt {
    /// Nobody takes the chunks any more.
    Gone,
    /// The endpoint failed.
    Failed(EndpointError),
}

impl From<Gone> for Halt {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl From<EndpointError> for Halt {
    fn from(error: EndpointError) -> Self {
        Self::Failed(error)
    }
}

impl EndpointError {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// No event came.
    pub fn before_an_answer(failure: &Failure) -> Self {
        tracing::warn!(%failure, "the model's endpoint does not answer");
        match failure {
            Failure::Timeout(_) => Self::new("UPSTREAM_TIMEOUT", "The model's endpoint did not answer in time."),
            Failure::NoStream(_) => Self::new("UPSTREAM_ERROR", "The model's endpoint did not answer with a stream."),
            Failure::Status { status, body, .. } => Self::refusal(*status, body),
            Failure::Unreachable(_) | Failure::Unanswered(_) | Failure::TooLarge(_) | Failure::Cut(_) => {
                Self::new("UPSTREAM_UNAVAILABLE", "The model's endpoint cannot be reached.")
            }
        }
    }

    /// Some of the answer came.
    pub fn in_the_middle(failure: &Failure) -> Self {
        tracing::warn!(%failure, "the model's endpoint broke off");
        match failure {
            Failure::TooLarge(Limit::Event) => {
                Self::new("UPSTREAM_ERROR", "An event of the model's endpoint is too large.")
            }
            Failure::Timeout(_) => Self::new("UPSTREAM_TIMEOUT", "The model's endpoint fell silent."),
            _ => Self::cut(),
        }
    }

    /// The answer ended before it was finished.
    pub fn cut() -> Self {
        Self::new("UPSTREAM_CUT", "The model's endpoint broke off in the middle of its answer.")
    }

    /// The failure of an event that is no part of an answer.
    pub fn malformed() -> Self {
        Self::new("UPSTREAM_MALFORMED", "The model's endpoint sent something that is no chunk.")
    }

    /// The failure that an event reports.
    pub fn said(error: &Value) -> Self {
        let said = error_of(error).unwrap_or_else(|| "no reason given".into());
        Self::new("UPSTREAM_ERROR", format!("The model's endpoint failed: {said}"))
    }

    fn refusal(status: StatusCode, body: &str) -> Self {
        match status {
            // The text of an authorisation error may quote the key.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Self::new("UPSTREAM_UNAUTHORIZED", "The model's endpoint refused this server's key.")
            }
            StatusCode::TOO_MANY_REQUESTS => Self::new("UPSTREAM_RATE_LIMITED", answered(status, body)),
            _ => Self::new("UPSTREAM_ERROR", answered(status, body)),
        }
    }

    /// The `error` chunk for the reader.
    pub fn chunk(&self) -> Arc<str> {
        Dialect::AiSdk.error(self.code, &self.message)
    }
}

fn answered(status: StatusCode, body: &str) -> String {
    let said = serde_json::from_str::<Value>(body).ok().and_then(|body| error_of(&body["error"]));
    let said = said.unwrap_or_else(|| "no reason given".into());
    format!("The model's endpoint answered {}: {said}", status.as_u16())
}

/// `{"error": {"message": …}}`, or `{"error": "…"}`.
fn error_of(error: &Value) -> Option<String> {
    let text = error["message"].as_str().or(error.as_str())?;
    Some(text.chars().take(LONGEST_ERROR).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_in_the_endpoints_words() {
        let body = r#"{"error":{"message":"model not found","type":"x"}}"#;
        assert_eq!(answered(StatusCode::NOT_FOUND, body), "The model's endpoint answered 404: model not found");
        assert_eq!(answered(StatusCode::BAD_GATEWAY, "<html>"), "The model's endpoint answered 502: no reason given");
    }
}
