//! The bodies of JSON answers (PROTOCOL §1) as structs: the fields of a session, a task's status and an error that the client
//! reads.
//!
//! The caller parses the JSON, in the browser with `JSON.parse`, so that the package contains no JSON parser. A base backend may
//! leave out members or send other types. That must not lose an answer, so such members count as missing.

use serde::Deserialize;

use crate::value::Value;

/// The fields of all answers that the client reads. Each answer has some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Value")]
pub struct Body {
    /// The description of an error.
    pub detail: Option<Detail>,
    /// `detail` as JSON text, for `RejoinError.details`. The code that parses the body sets it.
    pub details: Option<String>,
    /// The session, which is empty in other answers.
    pub session: SessionView,
    /// The status of a task.
    pub status: Option<String>,
}

/// The `detail` of an error: an object, or the plain text that a base backend sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// A stable code in upper case.
    pub code: Option<String>,
    /// One sentence for a person.
    pub message: Option<String>,
    /// The task that a 409 or 410 names.
    pub task_id: Option<String>,
}

/// The part of `GET /sessions/{id}` that the core uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionView {
    /// The running task.
    pub active: Option<ActiveStream>,
    /// The messages.
    pub messages: Vec<MessageBody>,
}

/// The `active_stream` of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActiveStream {
    /// The id of the running task.
    pub task_id: String,
    /// The operation that the task waits for.
    pub operation_id: Option<String>,
    /// The tool of that operation. It is `chat` or missing if the task writes an answer.
    pub tool_name: Option<String>,
}

/// A message of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageBody {
    /// `user`, `assistant` or `tool`.
    pub role: Option<String>,
    /// The message's id, which a base backend does not send.
    pub id: Option<String>,
    /// The task that wrote the message or answers it.
    pub task_id: Option<String>,
    /// The text, or the JSON text of a tool's output.
    pub content: Option<String>,
    /// The tool calls of an assistant message.
    pub tool_calls: Vec<ToolCallBody>,
    /// The call whose output a tool message holds.
    pub tool_call_id: Option<String>,
    /// The tool's name.
    pub name: Option<String>,
}

/// One tool call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCallBody {
    /// The call's id.
    pub id: Option<String>,
    /// The tool's name.
    pub name: Option<String>,
    /// The arguments as JSON text.
    pub arguments: Option<String>,
}

impl From<Value> for Body {
    fn from(mut body: Value) -> Self {
        Self {
            detail: Detail::of(body.take("detail")),
            details: None,
            session: SessionView {
                active: ActiveStream::of(body.take("active_stream")),
                messages: body.take_list("messages"),
            },
            status: body.take_text("status"),
        }
    }
}

impl Detail {
    fn of(mut detail: Value) -> Option<Self> {
        let (code, task_id) = (detail.take_text("code"), detail.take_text("task_id"));
        let message = detail.take_text("message");
        detail.is_some().then(|| Self { code, message: message.or_else(|| detail.into_text()), task_id })
    }
}

impl ActiveStream {
    fn of(mut stream: Value) -> Option<Self> {
        Some(Self {
            task_id: stream.take_text("task_id")?,
            operation_id: stream.take_text("operation_id"),
            tool_name: stream.take_text("tool_name"),
        })
    }
}

impl From<Value> for MessageBody {
    fn from(mut message: Value) -> Self {
        Self {
            role: message.take_text("role"),
            id: message.take_text("id"),
            task_id: message.take_text("task_id"),
            content: message.take_text("content"),
            tool_calls: message.take_list("tool_calls"),
            tool_call_id: message.take_text("tool_call_id"),
            name: message.take_text("name"),
        }
    }
}

impl From<Value> for ToolCallBody {
    fn from(mut call: Value) -> Self {
        let mut function = call.take("function");
        Self { id: call.take_text("id"), name: function.take_text("name"), arguments: function.take_text("arguments") }
    }
}
