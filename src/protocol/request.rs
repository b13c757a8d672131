//! The requests of the client: method, path and body of each (PROTOCOL §1).

use crate::stream::chunk::quoted;
use crate::stream::cursor::EventId;
use crate::stream::percent;

/// A message that the app sends (PROTOCOL §1, body of `POST …/stream`). Fields that no decision depends on are JSON text, which
/// is passed through unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendRequest {
    /// The text of the message.
    pub message: String,
    /// The author of the message.
    pub author: Author,
    /// `context` as JSON text. Some backends store it in front of the text.
    pub context: Option<String>,
    /// An id that no other send has. The shell generates one if the app passes none.
    pub message_id: String,
    /// How the message changes the session.
    pub trigger: Trigger,
    /// The other members of the body, as the text of a JSON object with the names of PROTOCOL §1.
    pub rest: Option<String>,
    /// The headers of this request alone, as the text of a JSON object.
    pub headers: Option<String>,
    /// The description of the message that all tabs get when the backend has accepted it, as JSON text.
    pub turn: Option<String>,
}

/// The author of a message.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Author {
    /// `is_user_message: true`.
    #[default]
    User,
    /// `is_user_message: false`: the backend stores the message with the role assistant and answers it all the same.
    Assistant,
}

/// How a message changes its session (PROTOCOL §1, "A turn"). A base backend ignores this and appends every message.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// The message is appended and answered.
    #[default]
    Submit,
    /// A stored user message is answered again. The messages after it are removed, and none is added.
    Regenerate,
    /// The message replaces a stored user message. The messages after that one are removed.
    Edit,
    /// The last assistant message is continued. No message is added.
    Continue,
}

impl Trigger {
    /// Returns whether a backend that supports triggers adds a user message for this one.
    #[must_use]
    pub fn adds_message(self) -> bool {
        matches!(self, Self::Submit | Self::Edit)
    }

    /// Returns whether a backend that supports triggers removes messages for this one.
    #[must_use]
    pub fn removes_messages(self) -> bool {
        matches!(self, Self::Regenerate | Self::Edit)
    }
}

impl SendRequest {
    fn body(&self) -> String {
        let is_user = if self.author == Author::User { "true" } else { "false" };
        let (message, id) = (quoted(&self.message), quoted(&self.message_id));
        let mut body = ["{\"message\":", &message, ",\"is_user_message\":", is_user, ",\"message_id\":", &id].concat();
        if let Some(context) = &self.context {
            body.extend([",\"context\":", context]);
        }
        let rest = self.rest.as_deref().and_then(|rest| rest.strip_prefix("{")).unwrap_or("}");
        body.extend([if rest == "}" { "" } else { "," }, rest]);
        body
    }
}

/// One HTTP request of the client.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// `POST /sessions/{session}/stream`, answered by an event stream.
    Send {
        /// The session's id.
        session: String,
        /// The body.
        request: SendRequest,
    },
    /// `GET /tasks/{task}/stream`, answered by an event stream.
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
        /// The session's id.
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
    /// `POST /sessions/{session}/cancel`: cancels the answer to a message, whether the message has arrived or not.
    Withdraw {
        /// The session's id.
        session: String,
        /// The id with which the message was sent.
        message: String,
    },
}

/// The form of the replayed part of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The stream repeats every chunk as it was.
    Exact,
    /// The server merges adjacent deltas of a block (`compact=1`, PROTOCOL §2).
    Compact,
}

impl Request {
    /// Returns the HTTP method.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Self::Send { .. } | Self::Cancel { .. } | Self::Withdraw { .. } => "POST",
            Self::Join { .. } | Self::Session { .. } | Self::Task { .. } => "GET",
        }
    }

    /// Returns the `kind` that the app's `prepareRequest` gets (API.md).
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Send { .. } => "send",
            Self::Join { .. } => "join",
            Self::Session { .. } => "session",
            Self::Task { .. } => "task",
            Self::Cancel { .. } | Self::Withdraw { .. } => "cancel",
        }
    }

    /// Returns the task in the path of the request.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        match self {
            Self::Join { task, .. } | Self::Task { task } | Self::Cancel { task } => Some(task),
            _ => None,
        }
    }

    /// Returns the event after which the stream is requested.
    #[must_use]
    pub fn cursor(&self) -> Option<EventId> {
        match self {
            Self::Join { after, .. } => Some(*after),
            _ => None,
        }
    }

    /// Returns the path and query below the base URL, beginning with a slash.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Send { session, .. } => below("/sessions/", session, "/stream"),
            Self::Session { session } => below("/sessions/", session, ""),
            Self::Task { task } => below("/tasks/", task, ""),
            Self::Cancel { task } => below("/tasks/", task, "/cancel"),
            Self::Withdraw { session, .. } => below("/sessions/", session, "/cancel"),
            Self::Join { task, after, replay } => {
                let compact = match replay {
                    Replay::Exact => "",
                    Replay::Compact => "&compact=1",
                };
                below("/tasks/", task, &["/stream?last_message_id=", &after.text(), compact].concat())
            }
        }
    }

    /// Returns the JSON body of a request that has one.
    #[must_use]
    pub fn body(&self) -> Option<String> {
        match self {
            Self::Send { request, .. } => Some(request.body()),
            Self::Withdraw { message, .. } => Some(["{\"message_id\":", &quoted(message), "}"].concat()),
            _ => None,
        }
    }

    /// Returns the headers of this request alone, as the text of a JSON object.
    #[must_use]
    pub fn headers(&self) -> Option<&str> {
        match self {
            Self::Send { request, .. } => request.headers.as_deref(),
            _ => None,
        }
    }

    /// Returns whether a successful response is an event stream.
    #[must_use]
    pub fn expects_stream(&self) -> bool {
        matches!(self, Self::Send { .. } | Self::Join { .. })
    }
}

fn below(folder: &str, id: &str, rest: &str) -> String {
    [folder, &percent::encode(id), rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::cursor::EventId;

    fn send(context: Option<&str>, rest: Option<&str>) -> Request {
        let request = SendRequest {
            message: "say \"hi\"".into(),
            message_id: "m1".into(),
            context: context.map(str::to_owned),
            rest: rest.map(str::to_owned),
            ..SendRequest::default()
        };
        Request::Send { session: "a/b".into(), request }
    }

    #[test]
    fn ids_are_encoded_into_the_path() {
        assert_eq!(send(None, None).path(), "/sessions/a%2Fb/stream");
        assert_eq!(Request::Cancel { task: "t ü".into() }.path(), "/tasks/t%20%C3%BC/cancel");
        assert_eq!(Request::Task { task: "..".into() }.path(), "/tasks/..");
    }

    #[test]
    fn a_message_is_withdrawn_from_its_session_by_its_id() {
        let request = Request::Withdraw { session: "s/1".into(), message: "m\"1".into() };
        assert_eq!(request.path(), "/sessions/s%2F1/cancel");
        assert_eq!(request.body().unwrap(), r#"{"message_id":"m\"1"}"#);
    }

    #[test]
    fn a_join_names_its_cursor_and_a_cold_one_asks_for_merged_chunks() {
        let after = EventId { ms: 5, seq: 10 };
        let join = |replay| Request::Join { task: "t".into(), after, replay }.path();
        assert_eq!(join(Replay::Exact), "/tasks/t/stream?last_message_id=5-10");
        assert_eq!(join(Replay::Compact), "/tasks/t/stream?last_message_id=5-10&compact=1");
    }

    #[test]
    fn the_body_carries_message_author_and_id_and_what_else_the_app_gave() {
        let body = |context, rest| send(context, rest).body().unwrap();
        let own = r#"{"message":"say \"hi\"","is_user_message":true,"message_id":"m1""#;
        assert_eq!(body(None, None), format!("{own}}}"));
        assert_eq!(body(None, Some("{}")), format!("{own}}}"));
        let (context, rest) = (r#"{"url":"u","content":"c"}"#, r#"{"trigger":"edit","metadata":[1]}"#);
        let whole = format!(r#"{own},"context":{context},"trigger":"edit","metadata":[1]}}"#);
        assert_eq!(body(Some(context), Some(rest)), whole);
    }
}
