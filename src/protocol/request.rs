//! How requests look on the wire: method, path and body (PROTOCOL §1).

use crate::stream::chunk::quoted;
use crate::stream::cursor::EventId;
use crate::stream::percent;

/// A message to send, as the app gave it (PROTOCOL §1, body of `POST …/stream`). What the client decides nothing by comes as
/// JSON text and goes on as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendRequest {
    /// The text.
    pub message: String,
    /// Who wrote it.
    pub author: Author,
    /// `context` as JSON text. Some backends store it in front of the text.
    pub context: Option<String>,
    /// Fresh for every send; the shell makes one where the app gave none.
    pub message_id: String,
    /// What the message does to the session.
    pub trigger: Trigger,
    /// The further members of the body, as the text of a JSON object that has the names of PROTOCOL §1.
    pub rest: Option<String>,
    /// Headers of this send alone, as the text of a JSON object.
    pub headers: Option<String>,
    /// What the tabs are told of the message once the backend has taken it, as JSON text.
    pub turn: Option<String>,
}

/// Who wrote a message that is sent.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Author {
    /// `is_user_message: true`.
    #[default]
    User,
    /// `is_user_message: false`: stored with the role assistant and answered all the same.
    Assistant,
}

/// What a message does to its session (PROTOCOL §1, "A turn"). A base backend appends it, whatever it is.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// It is appended and answered.
    #[default]
    Submit,
    /// A user message is answered anew. None is added; what came after it is removed.
    Regenerate,
    /// A user message, and all after it, is replaced by this one.
    Edit,
    /// The last assistant message goes on. None is added.
    Continue,
}

impl Trigger {
    /// Whether a backend that knows triggers adds a user message for it.
    #[must_use]
    pub fn adds_message(self) -> bool {
        matches!(self, Self::Submit | Self::Edit)
    }

    /// Whether a backend that knows triggers removes messages for it.
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
        let rest = self.rest.as_deref().and_then(|rest| rest.strip_prefix('{')).unwrap_or("}");
        body.extend([if rest == "}" { "" } else { "," }, rest]);
        body
    }
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
    /// `POST /sessions/{session}/cancel`: the message is answered no more, be it that it has arrived or not.
    Withdraw {
        /// Session id.
        session: String,
        /// The id under which the message was sent.
        message: String,
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
            Self::Send { .. } | Self::Cancel { .. } | Self::Withdraw { .. } => "POST",
            Self::Join { .. } | Self::Session { .. } | Self::Task { .. } => "GET",
        }
    }

    /// What `prepareRequest` of the app calls it (API.md).
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

    /// The task that it names.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        match self {
            Self::Join { task, .. } | Self::Task { task } | Self::Cancel { task } => Some(task),
            _ => None,
        }
    }

    /// The event after which it joins.
    #[must_use]
    pub fn cursor(&self) -> Option<EventId> {
        match self {
            Self::Join { after, .. } => Some(*after),
            _ => None,
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

    /// The JSON body, where there is one.
    #[must_use]
    pub fn body(&self) -> Option<String> {
        match self {
            Self::Send { request, .. } => Some(request.body()),
            Self::Withdraw { message, .. } => Some(["{\"message_id\":", &quoted(message), "}"].concat()),
            _ => None,
        }
    }

    /// Headers that only this request has, as the text of a JSON object.
    #[must_use]
    pub fn headers(&self) -> Option<&str> {
        match self {
            Self::Send { request, .. } => request.headers.as_deref(),
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
