//! Agents, which answer messages. An agent turns a message into chunks and knows nothing of logs, readers and leases.

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

/// The question to an agent.
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
    /// The messages before that one.
    pub history: Vec<Message>,
    /// The answer so far, where earlier turns of this task or another task began it.
    pub answered: Vec<Message>,
    /// How many bytes the task's log has so far.
    pub logged_bytes: u64,
}

/// The reason for a turn.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// The user sent a message.
    Submit,
    /// The message is answered anew.
    Regenerate {
        /// The id that the page sent, of the removed answer or of the message itself.
        replaces: String,
    },
    /// The user replaced a message.
    Edit,
    /// The answer continues, because the calls that waited in it are settled.
    Continue,
    /// An operation of the task succeeded, and the agent continues.
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
    /// The operation after whose end this turn begins.
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

/// The end of an agent's turn.
#[derive(Debug)]
pub enum Ending {
    /// The `finish` chunk.
    Completed(Arc<str>),
    /// The `error` chunk that says why.
    Failed(Arc<str>),
    /// The `abort` chunk.
    Aborted(Arc<str>),
    /// The task waits for this operation. The chunks are written in the step that lets it wait.
    Waiting(Operation, Vec<Arc<str>>),
}

/// Nobody takes the agent's chunks any more: this process has lost the task, or the task was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// See the module.
#[async_trait]
pub trait Agent: Send + Sync + 'static {
    /// Answers, chunk by chunk. The registry writes `start`, and the returned ending contains the last chunk.
    async fn answer(&self, turn: Turn, out: Emitter) -> Result<Ending, Gone>;
}

/// The dialect of an agent's chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    #[default]
    AiSdk,
    Legacy,
}

impl Dialect {
    /// Makes the `error` chunk that ends a failed task.
    pub fn error(self, code: &str, message: &str) -> Arc<str> {
        match self {
            Self::AiSdk => chunk::json(&Chunk::Error { error_text: message, code }),
            Self::Legacy => chunk::json(&Legacy::Error { message, code }),
        }
    }

    /// Makes the chunk with the output of a tool.
    pub fn output(self, id: &str, name: &str, output: &Value) -> Arc<str> {
        match self {
            Self::AiSdk => chunk::json(&Chunk::ToolOutputAvailable { tool_call_id: id, tool_name: name, output }),
            Self::Legacy => {
                chunk::json(&Legacy::ToolResponse { tool_id: id, tool_name: name, result: output, success: true })
            }
        }
    }
}
