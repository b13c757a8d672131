//! The head of a response: its status and the headers that the client reads.

use crate::stream::Millis;
use crate::stream::bytes::decimal;
use crate::stream::bytes::short::cut;

/// The status and the headers of a response.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// HTTP status.
    pub status: u16,
    /// `content-type`, or empty if it is missing.
    pub content_type: &'a str,
    /// `x-task-id`, an extension of our server (PROTOCOL §1).
    pub task: Option<&'a str>,
    /// `retry-after`.
    pub retry_after: Option<RetryAfter>,
    /// `date`. A browser hides it from scripts of another origin.
    pub date: Option<Millis>,
    /// Whether the requested URL itself answered.
    pub redirect: Redirect,
}

/// The `Retry-After` header of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// The client may try again after this delay in milliseconds.
    Pause(Millis),
    /// The client may try again at this time of the server's clock.
    At(Millis),
}

impl RetryAfter {
    /// Reads the header: seconds, or a date (RFC 9110 §10.2.3). `parse_date` reads the date, because the browser has a parser for
    /// it.
    pub fn read(text: &str, parse_date: impl FnOnce(&str) -> Option<Millis>) -> Option<Self> {
        let text = text.trim_ascii();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return parse_date(text).map(Self::At);
        }
        let seconds = decimal::read(text.as_bytes()).unwrap_or(u64::MAX);
        Some(Self::Pause(seconds.saturating_mul(1_000)))
    }
}

/// Whether `fetch` followed a redirect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirect {
    /// The requested URL answered.
    #[default]
    None,
    /// Another URL answered, often a login page.
    Followed,
}

impl Head<'_> {
    /// Returns whether the body is an event stream: status 200 and this media type, without regard to its parameters (HTML
    /// §9.2.3).
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        if self.status != 200 {
            return false;
        }
        cut(self.content_type, b';').0.trim_ascii().eq_ignore_ascii_case("text/event-stream")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_media_type_makes_an_event_stream() {
        let is = |content_type| Head { status: 200, content_type, ..Head::default() }.is_event_stream();
        assert!(is("text/event-stream") && is("Text/Event-Stream; charset=utf-8"));
        assert!(!is("text/html") && !is("") && !is("application/json; x=text/event-stream"));
    }
}
