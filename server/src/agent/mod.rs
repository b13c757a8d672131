//! Who answers. An agent turns a message into chunks; it knows nothing of logs, readers and leases.

pub mod demo;
pub mod openai;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::chunk::{self, Chunk, Legacy};
use crate::store::{Message, Operation, Task};

/// What an agent is asked.
#[derive(Clone, Debug)]
pub struct Turn {
    pub task: Task,
    /// The message to answer.
    pub message: String,
    /// Where the user was when writing it: `{url, content}`.
    pub context: Option<Value>,
    /// What was said before.
    pub history: Vec<Message>,
    /// Set where the agent is to go on after an operation.
    pub completed: Option<Completed>,
}

/// An operation that succeeded.
#[derive(Clone, Debug)]
pub struct Completed {
    /// Its place among the task's operations, from 0.
    pub number: usize,
    pub operation: Operation,
    pub result: Value,
}

/// How an agent's work ended.
#[derive(Debug)]
pub enum Ending {
    Completed,
    /// The `error` chunk that says why.
    Failed(Arc<str>),
    /// It goes on when this operation is complete.
    Waiting(Operation, Arc<str>),
}

/// Nobody writes down any more what the agent says: it has lost the task, or the task was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// See the module.
#[async_trait]
pub trait Agent: Send + Sync + 'static {
    /// Answers, chunk by chunk; `start` and `finish` are not the agent's.
    async fn answer(&self, turn: Turn, out: Emitter) -> Result<Ending, Gone>;
}

/// Where an agent's chunks go.
#[derive(Debug)]
pub struct Emitter {
    chunks: mpsc::Sender<Arc<str>>,
    /// Chunks that an earlier attempt has written already.
    skip: u64,
}

impl Emitter {
    /// One that drops its first `skip` chunks: an attempt that died had written them.
    pub fn new(chunks: mpsc::Sender<Arc<str>>, skip: u64) -> Self {
        Self { chunks, skip }
    }

    /// Emits a chunk; waits while the log is slower than the agent.
    pub async fn emit(&mut self, chunk: Arc<str>) -> Result<(), Gone> {
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(());
        }
        self.chunks.send(chunk).await.map_err(|_| Gone)
    }
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
