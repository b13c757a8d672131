//! Chunks: the JSON of one event, in either dialect of PROTOCOL §3.
//!
//! [`decode`] tries the shallow scanner first. The scanner accepts only objects of few members that it is sure of, as nearly
//! every event holds one. The exact decoder takes everything else. For all that the scanner accepts, both give the same chunk.
//!
//! Rust never builds the values of a chunk: it stays JSON text, cut into members, until `JSON.parse` reads it once in JavaScript.
//! So every value is what `JSON.parse` gives: key order, `__proto__`, lone surrogates, numbers, any depth.

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
pub(in crate::stream) use object::without_end;
pub use pattern::{PatternName, Patterns, Repeat, Text};
pub use tool::{Tool, ToolStep};
pub use writer::{ChunkWriter, quoted};

use std::borrow::Cow;
use vocabulary::Role;

/// Why a frame is no chunk. Such a frame is skipped, counted and reported, and the stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// `JSON.parse` would throw for the data.
    NotJson,
    /// The data is JSON, but no object with a string `type`.
    NoType,
}

/// One chunk, borrowed from the data of its event.
#[derive(Clone, Debug, PartialEq)]
pub enum Chunk<'a> {
    /// A piece of text and nothing else. Nearly all chunks of an answer are deltas.
    Delta(Delta<'a>),
    /// The whole input or output of a tool call and nothing else.
    Tool(Tool<'a>),
    /// Any other chunk.
    Object(Object<'a>),
}

/// A piece of text in its simplest form: the chunk has no other members, and all text is well-formed.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta<'a> {
    /// What the text belongs to.
    pub stream: Stream<'a>,
    /// The text to append.
    pub text: JsonString<'a>,
}

/// What a piece of text belongs to: the type of its chunk, and its block or tool call.
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

/// What a chunk means to the machine that follows a task. In these texts a lone surrogate becomes U+FFFD.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal<'a> {
    /// `start`: an answer begins.
    Start {
        /// `taskId`; `None` if it is missing, empty or no string.
        task: Option<Cow<'a, str>>,
        /// `messageId`.
        message: Option<Cow<'a, str>>,
    },
    /// `text-start`, `reasoning-start` or `tool-input-start`: a block begins.
    BlockStart {
        /// `id` or `toolCallId`.
        block: Cow<'a, str>,
    },
    /// `text-delta`, `reasoning-delta` or `tool-input-delta`.
    Delta {
        /// `id` or `toolCallId`.
        block: Cow<'a, str>,
    },
    /// `finish` or `stream_end`: ends the task.
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
        /// `details`, as JSON text.
        details: Option<&'a str>,
    },
    /// A type that PROTOCOL §3 does not list.
    Unknown,
    /// Any other chunk, which means nothing to the machine.
    Other,
}

impl Signal<'_> {
    /// Returns whether the chunk ends the task.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Finish { .. } | Self::Abort { .. } | Self::Error { .. })
    }
}

/// Decodes the data of one event. The caller has to recognise `[DONE]` before, which is no chunk.
///
/// # Errors
/// Returns [`Malformed`] if the data is no chunk.
pub fn decode(data: &str) -> Result<Chunk<'_>, Malformed> {
    match scan::scan(data) {
        Some(chunk) => Ok(chunk),
        None => exact::decode(data),
    }
}

/// Decodes as [`decode`] does, without the scanner. Tests compare the two.
///
/// # Errors
/// Returns [`Malformed`] if the data is no chunk.
pub fn decode_exact(data: &str) -> Result<Chunk<'_>, Malformed> {
    exact::decode(data)
}

impl<'a> Chunk<'a> {
    /// Returns what the chunk means to the machine.
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
    /// Returns what a delta of this stream means to the machine.
    #[must_use]
    pub fn signal(&self) -> Signal<'a> {
        self.block().map_or(Signal::Other, |block| Signal::Delta { block: block.text() })
    }

    /// Returns the id of the block or tool call. The legacy dialect has none.
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
