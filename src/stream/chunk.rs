//! Chunks: what one event's data says, in either dialect of PROTOCOL §3.
//!
//! [`decode`] tries the shallow scanner first, which takes only what it is sure of: objects of few members, as nearly every
//! event is one. Everything else is decoded exactly. Whatever the scanner takes, the exact way decodes to the
//! same chunk.
//!
//! A chunk is never turned into values here: it stays JSON text, cut into members, until `JSON.parse` reads it once in
//! JavaScript. So every value is what JSON.parse gives: key order, `__proto__`, lone surrogates, numbers, any depth.

mod exact;
mod object;
mod pattern;
mod scan;
mod tool;
mod vocabulary;
mod writer;

#[cfg(test)]
mod tests;

pub use crate::stream::bytes::json::JsonString;
pub use object::Object;
pub use pattern::{PatternName, Patterns, Repeat, Text};
pub use tool::{Tool, ToolStep};
pub use writer::{ChunkWriter, quoted};

use std::borrow::Cow;
use vocabulary::Role;

/// Why a frame is no chunk. It is skipped, counted and reported; the stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// `JSON.parse` would throw.
    NotJson,
    /// JSON, but no object with a string `type`.
    NoType,
}

/// One chunk, borrowed from the data of its event.
#[derive(Clone, Debug, PartialEq)]
pub enum Chunk<'a> {
    /// A piece of text and nothing else: the hot path.
    Delta(Delta<'a>),
    /// A tool's whole input or output and nothing else.
    Tool(Tool<'a>),
    /// Any other.
    Object(Object<'a>),
}

/// A piece of text in its simplest form: no member beside these, all text well-formed.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta<'a> {
    /// Of what.
    pub stream: Stream<'a>,
    /// What is to be appended.
    pub text: JsonString<'a>,
}

/// What a piece of text belongs to.
#[derive(Clone, Debug, PartialEq)]
pub enum Stream<'a> {
    /// `text_chunk{content}`.
    Legacy,
    /// `text-delta{id, delta}`.
    Text(JsonString<'a>),
    /// `reasoning-delta{id, delta}`.
    Reasoning(JsonString<'a>),
    /// `tool-input-delta{toolCallId, inputTextDelta}`.
    ToolInput(JsonString<'a>),
}

/// What a chunk means to the machine that follows a task. Text with a lone surrogate shows U+FFFD here.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal<'a> {
    /// `start`.
    Start {
        /// `taskId`; not given, empty or no text: none.
        task: Option<Cow<'a, str>>,
        /// `messageId`.
        message: Option<Cow<'a, str>>,
    },
    /// `text-start`, `reasoning-start`, `tool-input-start`.
    BlockStart {
        /// `id` or `toolCallId`.
        block: Cow<'a, str>,
    },
    /// `text-delta`, `reasoning-delta`, `tool-input-delta`.
    Delta {
        /// `id` or `toolCallId`.
        block: Cow<'a, str>,
    },
    /// `finish`, `stream_end`: ends the task.
    Finish {
        /// `finishReason`.
        reason: Option<Cow<'a, str>>,
    },
    /// `abort`: ends the task.
    Abort {
        /// `reason`.
        reason: Option<Cow<'a, str>>,
    },
    /// `error` of either dialect: ends the task.
    Error {
        /// `code`.
        code: Option<Cow<'a, str>>,
        /// `errorText`, `message` or `content`.
        message: Option<Cow<'a, str>>,
        /// `details` as JSON text.
        details: Option<&'a str>,
    },
    /// A type that PROTOCOL §3 does not know.
    Unknown,
    /// Any other.
    Other,
}

impl Signal<'_> {
    /// Whether it ends the task.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Finish { .. } | Self::Abort { .. } | Self::Error { .. })
    }
}

/// Reads the data of one event. `[DONE]` is not data in this sense: look for it first.
///
/// # Errors
/// [`Malformed`] where it is no chunk at all.
pub fn decode(data: &str) -> Result<Chunk<'_>, Malformed> {
    match scan::scan(data) {
        Some(chunk) => Ok(chunk),
        None => exact::decode(data),
    }
}

/// As [`decode`], without the scanner: what the scanner is held against.
///
/// # Errors
/// [`Malformed`] where it is no chunk at all.
pub fn decode_exact(data: &str) -> Result<Chunk<'_>, Malformed> {
    exact::decode(data)
}

impl<'a> Chunk<'a> {
    /// What it means to the machine.
    #[must_use]
    pub fn signal(&self) -> Signal<'a> {
        match self {
            Self::Delta(delta) => delta.stream.signal(),
            Self::Tool(_) => Signal::Other,
            Self::Object(object) => object.signal(),
        }
    }
}

impl<'a> Stream<'a> {
    /// What a delta of it means to the machine.
    #[must_use]
    pub fn signal(&self) -> Signal<'a> {
        self.block().map_or(Signal::Other, |block| Signal::Delta { block: block.text() })
    }

    /// The id of the block or tool call; the legacy dialect has none.
    #[must_use]
    pub fn block(&self) -> Option<&JsonString<'a>> {
        match self {
            Self::Legacy => None,
            Self::Text(id) | Self::Reasoning(id) | Self::ToolInput(id) => Some(id),
        }
    }
}

impl<'a> Object<'a> {
    fn signal(&self) -> Signal<'a> {
        match self.word.map(|word| word.role) {
            None => Signal::Unknown,
            Some(Role::Start) => Signal::Start { task: self.task(), message: self.text("messageId") },
            Some(Role::BlockStart(id)) => Signal::BlockStart { block: self.text(id).unwrap_or_default() },
            Some(Role::Delta(id)) => Signal::Delta { block: self.text(id).unwrap_or_default() },
            Some(Role::Finish) => Signal::Finish { reason: self.text("finishReason") },
            Some(Role::Abort) => Signal::Abort { reason: self.text("reason") },
            Some(Role::Error) => self.error(),
            Some(Role::Other) => Signal::Other,
        }
    }

    fn error(&self) -> Signal<'a> {
        let message = self.text("errorText").or_else(|| self.text("message")).or_else(|| self.text("content"));
        Signal::Error { code: self.text("code"), message, details: self.value("details") }
    }
}
