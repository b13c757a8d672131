//! How requests look on the wire: method, path, body (PROTOCOL §1), and how an answer's head is read.

use crate::io::{Author, Head, Replay, Request, SendRequest};
use crate::json::{Json, ObjectWriter};
use crate::task::percent_encode;
use crate::text::before;
use alloc::string::String;

impl Request {
    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Self::Send { .. } | Self::Cancel { .. } => "POST",
            Self::Join { .. } | Self::Session { .. } | Self::Task { .. } => "GET",
        }
    }

    /// Path and query below the base URL, beginning with a slash.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Send { session, .. } => below("/sessions/", session, "/stream"),
            Self::Session { session } => below("/sessions/", session, ""),
            Self::Task { task } => below("/tasks/", task, ""),
            Self::Cancel { task } => below("/tasks/", task, "/cancel"),
            Self::Join { task, after, replay } => {
                let compact = match replay {
                    Replay::Exact => "",
                    Replay::Compact => "&compact=1",
                };
                below("/tasks/", task, &["/stream?last_message_id=", &after.text(), compact].concat())
            }
        }
    }

    /// The JSON body, where there is one.
    #[must_use]
    pub fn body(&self) -> Option<String> {
        match self {
            Self::Send { request, .. } => Some(send_body(request)),
            _ => None,
        }
    }

    /// Whether an event stream is what a good answer is.
    #[must_use]
    pub fn expects_stream(&self) -> bool {
        matches!(self, Self::Send { .. } | Self::Join { .. })
    }
}

fn below(folder: &str, id: &str, rest: &str) -> String {
    let mut path = String::from(folder);
    percent_encode(&mut path, id);
    path.push_str(rest);
    path
}

fn send_body(request: &SendRequest) -> String {
    let body = ObjectWriter::default()
        .text("message", &request.message)
        .flag("is_user_message", request.author == Author::User);
    let body = match request.context.as_deref().and_then(Json::parse) {
        Some(context) => body.raw("context", context.text()),
        None => body,
    };
    body.text("message_id", &request.message_id).end()
}

impl Head<'_> {
    /// Whether the body is an event stream: status 200 and the media type, without its parameters (HTML §9.2.3).
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        if self.status != 200 {
            return false;
        }
        before(self.content_type, b';').trim().eq_ignore_ascii_case("text/event-stream")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::EventId;

    fn send(context: Option<&str>) -> Request {
        let request = SendRequest {
            message: "say \"hi\"".into(),
            author: Author::User,
            context: context.map(str::to_owned),
            message_id: "m1".into(),
        };
        Request::Send { session: "a/b".into(), request }
    }

    #[test]
    fn ids_are_encoded_into_the_path() {
        assert_eq!(send(None).path(), "/sessions/a%2Fb/stream");
        assert_eq!(Request::Cancel { task: "t ü".into() }.path(), "/tasks/t%20%C3%BC/cancel");
        assert_eq!(Request::Task { task: "..".into() }.path(), "/tasks/..");
    }

    #[test]
    fn a_join_names_its_cursor_and_a_cold_one_asks_for_merged_chunks() {
        let after = EventId { ms: 5, seq: 10 };
        let join = |replay| Request::Join { task: "t".into(), after, replay }.path();
        assert_eq!(join(Replay::Exact), "/tasks/t/stream?last_message_id=5-10");
        assert_eq!(join(Replay::Compact), "/tasks/t/stream?last_message_id=5-10&compact=1");
    }

    #[test]
    fn the_body_carries_message_author_context_and_id() {
        assert_eq!(
            send(Some(r#"{"url":"u","content":"c"}"#)).body().unwrap(),
            r#"{"message":"say \"hi\"","is_user_message":true,"context":{"url":"u","content":"c"},"message_id":"m1"}"#
        );
        assert!(!send(None).body().unwrap().contains("context"));
    }

    #[test]
    fn only_the_media_type_tells_an_event_stream() {
        let is = |content_type| Head { status: 200, content_type, ..Head::default() }.is_event_stream();
        assert!(is("text/event-stream") && is("Text/Event-Stream; charset=utf-8"));
        assert!(!is("text/html") && !is("") && !is("application/json; x=text/event-stream"));
    }
}
