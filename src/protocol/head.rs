//! The head of an answer: status and the headers that the client reads.

/// Status and headers of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// HTTP status.
    pub status: u16,
    /// `content-type`, or empty.
    pub content_type: &'a str,
    /// `x-task-id` (PROTOCOL §1, ours).
    pub task: Option<&'a str>,
    /// `retry-after`, as it came: seconds or an HTTP date.
    pub retry_after: Option<&'a str>,
    /// `date`, as it came; hidden from scripts across origins.
    pub date: Option<&'a str>,
    /// Whether this answer came from where it was asked.
    pub redirect: Redirect,
}

/// Whether `fetch` followed a redirect to get an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirect {
    /// Answered by the URL that was asked.
    #[default]
    None,
    /// Answered by another URL: often a login page.
    Followed,
}

impl Head<'_> {
    /// Whether the body is an event stream: status 200 and the media type, without its parameters (HTML §9.2.3).
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        if self.status != 200 {
            return false;
        }
        self.content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_media_type_tells_an_event_stream() {
        let is = |content_type| Head { status: 200, content_type, ..Head::default() }.is_event_stream();
        assert!(is("text/event-stream") && is("Text/Event-Stream; charset=utf-8"));
        assert!(!is("text/html") && !is("") && !is("application/json; x=text/event-stream"));
    }
}
