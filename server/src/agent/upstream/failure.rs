//! The failures of a request. Their texts are for the log: they name statuses, types and errors of the system, and
//! never the address, which may hold a password.

use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, timeout};

/// How much of a refusal's body is read, in bytes, and for how long.
const MOST_OF_A_BODY: usize = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of it goes to the log, in characters.
const LOGGED: usize = 300;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection was made, so the agent has not run.
    Unreachable(String),
    /// The connection broke before an answer began.
    Unanswered(String),
    /// The answer has an error status. `retry_after` is the time that it asks for, or zero.
    Status { status: StatusCode, retry_after: Option<Duration>, body: String },
    /// The answer has this content type, which is not an event stream.
    NoStream(String),
    /// The answer did not come in time.
    Timeout(Wait),
    /// The answer is too large.
    TooLarge(Limit),
    /// The body broke off.
    Cut(String),
}

/// The deadline that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    FirstByte,
    NextByte,
    End,
}

/// The limit that was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Event,
    Body,
}

impl Wait {
    /// The deadline that comes first: that of the first byte, or that of the whole answer.
    pub(super) fn at(first_byte: Instant, end: Instant) -> Self {
        if first_byte < end { Self::FirstByte } else { Self::End }
    }
}

impl Failure {
    pub(super) fn of_request(error: &reqwest::Error) -> Self {
        let why = chain(error);
        if error.is_connect() { Self::Unreachable(why) } else { Self::Unanswered(why) }
    }

    pub(super) async fn of_status(mut response: Response) -> Self {
        let (status, retry_after) = (response.status(), retry_after(&response));
        let mut body = Vec::new();
        let read = async {
            while let Ok(Some(bytes)) = response.chunk().await {
                body.extend_from_slice(&bytes);
                if body.len() >= MOST_OF_A_BODY {
                    return;
                }
            }
        };
        // The part that came in time is enough for the log.
        let _ = timeout(PATIENCE, read).await;
        body.truncate(MOST_OF_A_BODY);
        Self::Status { status, retry_after, body: String::from_utf8_lossy(&body).into_owned() }
    }

    /// How long to wait before the same request; `None`: it must not be made again.
    pub(super) fn is_worth_another_attempt(&self) -> Option<Duration> {
        match self {
            Self::Unreachable(_) => Some(Duration::ZERO),
            Self::Status { status, retry_after, .. } if is_passing(*status) => Some(retry_after.unwrap_or_default()),
            _ => None,
        }
    }
}

/// Whether a status says that the same request may succeed later.
pub fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error()
}

/// Reads a `retry-after`: seconds, or a date.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).ok(),
    }
}

/// The error with its causes, which name what happened.
fn chain(error: &reqwest::Error) -> String {
    let mut text = match error.url() {
        Some(url) => error.to_string().replace(url.as_str(), "…"),
        None => error.to_string(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

pub(super) fn cut(error: &reqwest::Error) -> Failure {
    Failure::Cut(chain(error))
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(out, "no connection: {why}"),
            Self::Unanswered(why) => write!(out, "no answer: {why}"),
            Self::Status { status, body, .. } => {
                let begun: String = body.chars().take(LOGGED).collect();
                write!(out, "status {}: {begun:?}", status.as_u16())
            }
            Self::NoStream(kind) => write!(out, "an answer of type {kind:?} and not text/event-stream"),
            Self::Timeout(Wait::FirstByte) => write!(out, "no first byte in time"),
            Self::Timeout(Wait::NextByte) => write!(out, "silent for too long"),
            Self::Timeout(Wait::End) => write!(out, "not at an end in time"),
            Self::TooLarge(Limit::Event) => write!(out, "an event is too large"),
            Self::TooLarge(Limit::Body) => write!(out, "the answer is too large"),
            Self::Cut(why) => write!(out, "cut off: {why}"),
        }
    }
}
