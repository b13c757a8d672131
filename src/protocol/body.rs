//! The bodies of plain answers (PROTOCOL §1) as structs: what a client reads of a session, a task's status or an error.
//!
//! The caller parses the JSON (in the browser with `Response.json()`), so that no JSON parser is part of the package.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::lenient::{List, Record, Text};

/// The members of all answers that the client reads. Each answer has some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Body {
    /// Of an error.
    pub detail: Option<Detail>,
    /// `detail` as JSON text, for `RejoinError.details`. Whoever parsed the body sets it.
    #[serde(skip)]
    pub details: Option<String>,
    /// Of a session: the running task.
    pub active_stream: Record<ActiveStreamBody>,
    /// Of a session.
    pub messages: List<Record<MessageBody>>,
    /// Of a task.
    pub status: Text,
}

/// `detail` of an error: an object of ours, or the plain text of a base backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Stable, upper case.
    pub code: Text,
    /// One sentence.
    pub message: Text,
    /// The task that a 409 or 410 is about.
    pub task_id: Text,
}

/// `active_stream` of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ActiveStreamBody {
    /// The running task.
    pub task_id: Text,
    /// The operation it waits for.
    pub operation_id: Text,
    /// The tool of that operation; `chat` or nothing for an answer.
    pub tool_name: Text,
}

/// A message of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MessageBody {
    /// `user`, `assistant` or `tool`.
    pub role: Text,
    /// Its id; a base backend has none.
    pub id: Text,
    /// The task that wrote or answers it.
    pub task_id: Text,
    /// Its text; JSON text for a tool's output.
    pub content: Text,
    /// The calls of an assistant message.
    pub tool_calls: List<Record<ToolCallBody>>,
    /// The call that a tool message answers.
    pub tool_call_id: Text,
    /// The tool's name.
    pub name: Text,
}

/// One call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ToolCallBody {
    /// Its id.
    pub id: Text,
    /// What is called.
    pub function: Record<FunctionBody>,
}

/// What a call calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FunctionBody {
    /// The tool's name.
    pub name: Text,
    /// JSON text.
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
