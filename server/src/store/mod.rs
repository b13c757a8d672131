//! Where tasks, their logs, sessions and messages live. One trait, so that memory, the embedded database and Redis
//! are one to everything above.
//!
//! The rules that every store keeps (PROTOCOL §6), and that the suite of tests holds it to:
//! * an entry is readable only after it is durable, in the store's sense of the word;
//! * who appends holds a [`Claim`]; taking a task over makes a new one and ends the old one;
//! * a status leaves `running` once, and the final chunks are appended in that same step.

mod bells;
mod embedded;
mod memory;
mod redis;
#[cfg(test)]
mod suite;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rejoin::stream::cursor::EventId;
use serde::{Deserialize, Serialize};

pub use bells::Bell;

use crate::clock::Millis;

/// A store that any part of the server may hold.
pub type SharedStore = Arc<dyn Store>;

/// What a store is told about time.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long an ended task is kept after its last use.
    pub ttl: Duration,
    /// How long a claim holds without renewal.
    pub lease: Duration,
}

/// Opens the store that `--store` names.
pub async fn open(spec: &str, terms: Terms) -> Result<SharedStore> {
    match spec.split_once(':') {
        None if spec == "memory" => memory::open(terms),
        Some(("embedded", path)) if !path.is_empty() => embedded::open(path.as_ref(), terms),
        Some(("redis" | "rediss", _)) => redis::open(spec, terms).await,
        _ => Err(StoreError::Unavailable(format!("unknown store `{spec}`: use memory, embedded:PATH or redis://…"))),
    }
}

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// It did not answer, or not in time. Whether a write took place is unknown; it may be tried again.
    Unavailable(String),
    /// The task has ended, or someone else has taken it over: this claim writes nothing any more.
    Lost,
}

/// The result of everything that a store does.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: String,
    pub created_at: Millis,
    pub updated_at: Millis,
    pub title: Option<String>,
    /// Its owner; `None` is anonymous.
    pub user_id: Option<String>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    User,
    Assistant,
    Tool,
}

/// One stored message (PROTOCOL §1, "Messages of a session").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub id: String,
    /// Its place in the session, from 1. The store gives it; what is handed in is ignored.
    #[serde(default)]
    pub sequence: u64,
    pub role: Role,
    pub content: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub created_at: Millis,
    /// The task that wrote it or answers it.
    pub task_id: String,
}

/// A call of a tool by an assistant message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// JSON text.
    pub arguments: String,
}

/// Where a task's life has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl Status {
    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What a running task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// A process writes it, under a lease.
    Working,
    /// It waits for the completion of its last operation: no lease, no writer (PROTOCOL §5).
    Waiting,
    /// A process carries on after a completion, under a lease. When that runs out the task waits again, since the
    /// completion will be delivered again.
    Resuming,
}

/// A long-running operation of a task (PROTOCOL §5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    pub id: String,
    pub tool_name: String,
    pub tool_call_id: String,
    /// Entries in the log when it began to wait: what follows belongs to the handling of its completion.
    #[serde(default)]
    pub position: u64,
}

/// The record of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub id: String,
    pub session_id: String,
    pub status: Status,
    pub stage: Stage,
    /// The message that it answers.
    pub answers: String,
    /// The assistant message that it writes (`start.messageId`).
    pub writes: String,
    pub created_at: Millis,
    /// All its operations; only the last one may be waited for.
    #[serde(default)]
    pub operations: Vec<Operation>,
}

impl Task {
    /// The operation that it waits for or waited for last.
    pub fn operation(&self) -> Option<&Operation> {
        self.operations.last()
    }
}

/// What is known of something that may be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    Found(T),
    /// The task's record is gone, its log is not yet.
    Expired,
    Missing,
}

/// The right to write a task: ends when another claim is made or the task ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub task: String,
    /// Grows with every claim (the fencing token).
    pub epoch: u64,
    /// Entries appended so far. A retried append carries the same position, so that it writes once.
    pub position: u64,
}

/// One entry of a task's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: EventId,
    /// One chunk as JSON text.
    pub data: Arc<str>,
}

/// A piece of a log, with what was true of the task when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// In order, after the cursor.
    pub entries: Vec<Entry>,
    /// The task's status.
    pub status: Status,
    /// The newest id of the log.
    pub last: EventId,
    /// Up to here the log is a snapshot of merged chunks; [`EventId::ZERO`] while it is not.
    pub trimmed: EventId,
    /// The first entry after the snapshot.
    pub first: EventId,
}

/// A task to begin, with the message that it answers.
#[derive(Clone, Debug)]
pub struct NewTask {
    pub task: Task,
    pub message: Message,
    /// The session's title, if it has none yet.
    pub title: String,
}

/// How a beginning went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// It runs, and the caller writes it.
    Begun(Claim),
    /// The session has this message: nothing was stored. Names the task that answers it.
    Repeated(String),
    /// A task of the session runs: nothing was stored.
    Busy(String),
    /// There is no such session.
    NoSession,
}

/// How taking up a task after a completion went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resume {
    /// The caller writes it.
    Claimed(Claim, Task),
    /// It does not wait for that operation any more.
    Settled,
    /// Another process is at it.
    Busy,
}

/// Whose sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    User(String),
}

/// A piece of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub limit: usize,
    pub offset: usize,
}

/// A completion on its way to its task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Names it to the store.
    pub id: String,
    /// JSON text, unchecked.
    pub data: String,
    /// How often it has been delivered, this time included.
    pub attempt: u32,
}

/// How often a completion is delivered before it is dead.
pub const MAX_DELIVERIES: u32 = 5;

/// See the module.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// What `/health` calls it.
    fn kind(&self) -> &'static str;
    /// Whether it answers.
    async fn ping(&self) -> Result<()>;

    async fn create_session(&self, session: Session) -> Result<()>;
    async fn session(&self, id: &str) -> Result<Option<Session>>;
    /// Newest first by `updated_at`, with the number of all.
    async fn sessions(&self, scope: Scope, page: Page) -> Result<(Vec<Session>, u64)>;
    /// Gives an ownerless session to a user, and returns the session as it then is.
    async fn assign_session(&self, id: &str, user: &str) -> Result<Option<Session>>;
    /// In order.
    async fn messages(&self, session: &str) -> Result<Vec<Message>>;
    async fn message(&self, session: &str, id: &str) -> Result<Option<Message>>;
    /// Inserts or replaces by id; a replaced one keeps its place.
    async fn put_messages(&self, session: &str, messages: Vec<Message>) -> Result<()>;
    /// The session's running task: one key read, and the task's own record is believed.
    async fn active(&self, session: &str) -> Result<Option<Task>>;

    async fn begin(&self, new: NewTask) -> Result<Begin>;
    async fn task(&self, id: &str) -> Result<Lookup<Task>>;
    /// Returns the ids of the new entries. Renews the lease.
    async fn append(&self, claim: &Claim, chunks: &[Arc<str>]) -> Result<Vec<EventId>>;
    /// Appends the last chunks and sets the status, in one step.
    async fn finish(&self, claim: &Claim, status: Status, chunks: &[Arc<str>]) -> Result<Vec<EventId>>;
    /// Appends, and lets the task wait for an operation, in one step.
    async fn suspend(&self, claim: &Claim, operation: Operation, chunks: &[Arc<str>]) -> Result<Vec<EventId>>;
    async fn renew(&self, claim: &Claim) -> Result<()>;
    /// Takes a running task from whoever writes it. `None`: it has ended, or is gone.
    async fn seize(&self, id: &str) -> Result<Option<Claim>>;
    /// Takes up a task that waits for this operation.
    async fn resume(&self, id: &str, operation: &str) -> Result<Resume>;
    /// Tasks whose lease has run out.
    async fn lapsed(&self) -> Result<Vec<String>>;
    /// Seizes a task if its lease has run out. One that was resuming waits again instead.
    async fn reap(&self, id: &str) -> Result<Option<Claim>>;
    /// Replaces everything up to and including `through` by a snapshot.
    async fn trim(&self, claim: &Claim, through: EventId, snapshot: Vec<Entry>) -> Result<()>;

    /// At most `limit` entries after a cursor.
    async fn read(&self, id: &str, after: EventId, limit: usize) -> Result<Lookup<Slice>>;
    /// Rings after every change of the task's log. Everything that changes after this call has returned rings.
    async fn watch(&self, id: &str) -> Result<Bell>;
    /// Removes what has expired, where the store does not do so by itself.
    async fn sweep(&self) -> Result<()>;

    /// The task of an operation.
    async fn operation(&self, id: &str) -> Result<Option<String>>;
    /// Adds to the completion log.
    async fn push_completion(&self, data: &str) -> Result<()>;
    /// Waits a while for completions that are new, or that nobody settled within one lease.
    async fn completions(&self) -> Result<Vec<Delivery>>;
    /// Keeps a delivery from being made again for another lease.
    async fn hold(&self, delivery: &Delivery) -> Result<()>;
    /// A completion was dealt with.
    async fn settle(&self, delivery: &Delivery) -> Result<()>;
    /// Moves a completion to the dead-letter log.
    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<()>;
}
