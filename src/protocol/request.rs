//! How requests look on the wire: method, path and body (PROTOCOL §1).

use serde::Serialize;

use crate::stream::cursor::EventId;
use crate::stream::percent;

/// A message to send, as the app gave it (PROTOCOL §1, body of `POST …/stream`).
#[derive(Clone, Debug, PartialEq)]
pub struct SendRequest {
    /// The text.
    pub message: String,
    /// Who wrote it.
    pub author: Author,
    /// `context` as JSON text, handed on as it is.
    pub context: Option<String>,
    /// Fresh for every send; the shell makes one where the app gave none.
    pub message_id: String,
}

/// Who wrote a message that is sent.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// `is_user_message: true`.
    User,
    /// `is_user_message: false`: stored with the role assistant and answered all the same.
    Assistant,
}

/// One HTTP request. Its path and body are made by [`Request::path`](crate::protocol::request) and friends.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// `POST /sessions/{session}/stream`: answered by an event stream.
    Send {
        /// Session id.
        session: String,
        /// The body.
        request: SendRequest,
    },
    /// `GET /tasks/{task}/stream`: answered by an event stream.
    Join {
        /// Task id.
        task: String,
        /// `last_message_id`.
        after: EventId,
        /// `compact=1`.
        replay: Replay,
    },
    /// `GET /sessions/{session}`.
    Session {
        /// Session id.
        session: String,
    },
    /// `GET /tasks/{task}`.
    Task {
        /// Task id.
        task: String,
    },
    /// `POST /tasks/{task}/cancel`.
    Cancel {
        /// Task id.
        task: String,
    },
}

/// How the replayed part of a join comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// Every chunk as it was.
    Exact,
    /// Adjacent deltas of a block merged (PROTOCOL §2, ours).
    Compact,
}

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
    pub fn body(&self) -> Option<SendBody<'_>> {
        match self {
            Self::Send { request, .. } => Some(SendBody::new(request)),
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
    [folder, &percent::encode(id), rest].concat()
}

/// The body of `POST …/stream`. The members whose value the app chose freely are JSON text in [`SendBody::json`], since
/// only the browser parses them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SendBody<'a> {
    /// The text.
    pub message: &'a str,
    /// Whether a user wrote it.
    pub is_user_message: bool,
    /// The id that makes a repeat recognisable.
    pub message_id: &'a str,
    /// Further members: their names, and their values as JSON text.
    #[serde(skip)]
    pub json: Vec<(&'static str, &'a str)>,
}

impl<'a> SendBody<'a> {
    fn new(request: &'a SendRequest) -> Self {
        let context = request.context.as_deref().map(|context| ("context", context));
        Self {
            message: &request.message,
            is_user_message: request.author == Author::User,
            message_id: &request.message_id,
            json: context.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::cursor::EventId;

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
        let context = r#"{"url":"u","content":"c"}"#;
        let request = send(Some(context));
        let body = request.body().unwrap();
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            r#"{"message":"say \"hi\"","is_user_message":true,"message_id":"m1"}"#
        );
        assert_eq!(body.json, [("context", context)]);
        assert_eq!(send(None).body().unwrap().json, []);
    }
}
