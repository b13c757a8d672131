//! Who answers. An agent turns a message into chunks; it knows nothing of logs, readers and leases.

pub mod conversation;
pub mod demo;
pub mod http;
pub mod openai;
pub mod queue;
pub mod upstream;

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::HeaderMap;
use serde_json::Value;

use crate::chunk::{self, Chunk, Legacy};
use crate::store::{Message, Operation, Task};
pub use queue::Emitter;

/// What an agent is asked.
#[derive(Clone, Debug)]
pub struct Turn {
    pub task: Task,
    /// The session's owner; `None` is anonymous.
    pub user_id: Option<String>,
    pub trigger: Trigger,
    /// The message to answer.
    pub asked: Message,
    /// Where the user was when writing it: `{url, content}`.
    pub context: Option<Value>,
    /// Headers of the user's request that the agent may see. A turn that goes on later has none.
    pub headers: HeaderMap,
    /// What was said before the message.
    pub history: Vec<Message>,
    /// What was answered in earlier turns: by this task, or of the message that it continues.
    pub answered: Vec<Message>,
    /// Bytes of the task's log so far.
    pub logged_bytes: u64,
}

/// Why there is a turn.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// A user's message.
    Submit,
    /// The message is answered anew.
    Regenerate {
        /// The id that the page gave: of the answer that is gone, or of the message itself.
        replaces: String,
    },
    /// A user's message in the place of another.
    Edit,
    /// The answer goes on: what waited in it was settled.
    Continue,
    /// An operation of the task succeeded, and the agent is to go on.
    Operation(Completed),
}

/// An operation that succeeded.
#[derive(Clone, Debug)]
pub struct Completed {
    /// Its number among the task's operations, from 0.
    pub number: usize,
    pub operation: Operation,
    pub result: Value,
}

impl Turn {
    /// The operation whose end this turn goes on after.
    pub fn completed(&self) -> Option<&Completed> {
        match &self.trigger {
            Trigger::Operation(completed) => Some(completed),
            Trigger::Submit | Trigger::Regenerate { .. } | Trigger::Edit | Trigger::Continue => None,
        }
    }

    /// Its number among the turns of its task, from 1.
    pub fn number(&self) -> usize {
        self.completed().map_or(1, |completed| completed.number + 2)
    }
}

/// How an agent's work ended.
#[derive(Debug)]
pub enum Ending {
    /// The `finish` chunk.
    Completed(Arc<str>),
    /// The `error` chunk that says why.
    Failed(Arc<str>),
    /// The `abort` chunk.
    Aborted(Arc<str>),
    /// It goes on when this operation is complete; with the chunks that are to be written in the step that lets it wait.
    Waiting(Operation, Vec<Arc<str>>),
}

/// Nobody writes down any more what the agent says: it has lost the task, or the task was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// See the module.
#[async_trait]
pub trait Agent: Send + Sync + 'static {
    /// Answers, chunk by chunk; `start` is not the agent's, and the last chunk is in what is returned.
    async fn answer(&self, turn: Turn, out: Emitter) -> Result<Ending, Gone>;
}

/// In which words an agent speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    #[default]
    AiSdk,
    Legacy,
}

impl Dialect {
    /// The chunk that ends a task badly.
    pub fn error(self, code: &str, message: &str) -> Arc<str> {
        match self {
            Self::AiSdk => chunk::json(&Chunk::Error { error_text: message, code }),
            Self::Legacy => chunk::json(&Legacy::Error { message, code }),
        }
    }

    /// The result of a tool.
    pub fn output(self, id: &str, name: &str, output: &Value) -> Arc<str> {
        match self {
            Self::AiSdk => chunk::json(&Chunk::ToolOutputAvailable { tool_call_id: id, tool_name: name, output }),
            Self::Legacy => {
                chunk::json(&Legacy::ToolResponse { tool_id: id, tool_name: name, result: output, success: true })
            }
        }
    }
}
