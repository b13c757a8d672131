//! The bodies of JSON answers (PROTOCOL §1) as structs: the fields of a session, a task's status and an error that the client
//! reads.
//!
//! The caller parses the JSON, in the browser with `Response.json()`, so that the package contains no JSON parser.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::lenient::{List, Record, Text};

/// The fields of all answers that the client reads. Each answer has some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Body {
    /// The description of an error.
    pub detail: Option<Detail>,
    /// `detail` as JSON text, for `RejoinError.details`. The code that parses the body sets it.
    #[serde(skip)]
    pub details: Option<String>,
    /// The running task of a session.
    pub active_stream: Record<ActiveStreamBody>,
    /// The messages of a session.
    pub messages: List<Record<MessageBody>>,
    /// The status of a task.
    pub status: Text,
}

/// The `detail` of an error: an object, or the plain text that a base backend sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// A stable code in upper case.
    pub code: Text,
    /// One sentence for a person.
    pub message: Text,
    /// The task that a 409 or 410 names.
    pub task_id: Text,
}

/// The `active_stream` of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ActiveStreamBody {
    /// The id of the running task.
    pub task_id: Text,
    /// The operation that the task waits for.
    pub operation_id: Text,
    /// The tool of that operation. It is `chat` or missing if the task writes an answer.
    pub tool_name: Text,
}

/// A message of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MessageBody {
    /// `user`, `assistant` or `tool`.
    pub role: Text,
    /// The message's id, which a base backend does not send.
    pub id: Text,
    /// The task that wrote the message or answers it.
    pub task_id: Text,
    /// The text, or the JSON text of a tool's output.
    pub content: Text,
    /// The tool calls of an assistant message.
    pub tool_calls: List<Record<ToolCallBody>>,
    /// The call whose output a tool message holds.
    pub tool_call_id: Text,
    /// The tool's name.
    pub name: Text,
}

/// One tool call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ToolCallBody {
    /// Its id.
    pub id: Text,
    /// The tool and its arguments.
    pub function: Record<FunctionBody>,
}

/// The tool of a call and its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FunctionBody {
    /// The tool's name.
    pub name: Text,
    /// The arguments as JSON text.
    pub arguments: Text,
}

struct DetailVisitor;

impl<'de> Visitor<'de> for DetailVisitor {
    type Value = Detail;

    fn visit_str<E: Error>(self, text: &str) -> Result<Detail, E> {
        Ok(Detail { message: Text(Some(text.to_owned())), ..Detail::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Detail, A::Error> {
        let mut detail = Detail::default();
        while let Some((name, value)) = members.next_entry::<String, Text>()? {
            match name.as_str() {
                "code" => detail.code = value,
                "message" => detail.message = value,
                "task_id" => detail.task_id = value,
                _ => {}
            }
        }
        Ok(detail)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Detail, A::Error> {
        while items.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(Detail::default())
    }

    fn visit_unit<E>(self) -> Result<Detail, E> {
        Ok(Detail::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Detail, E> {
        Ok(Detail::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Detail, E> {
        Ok(Detail::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Detail, E> {
        Ok(Detail::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Detail, E> {
        Ok(Detail::default())
    }

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }
}

impl<'de> Deserialize<'de> for Detail {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DetailVisitor)
    }
}
