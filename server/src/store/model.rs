//! What a store keeps and hands out: sessions, messages, tasks, logs, completions.

use std::sync::Arc;
use std::time::Duration;

use rejoin::stream::cursor::EventId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Millis;

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: String,
    pub created_at: Millis,
    pub updated_at: Millis,
    pub title: Option<String>,
    /// Its owner; `None` is anonymous.
    pub user_id: Option<String>,
    /// The task that began last, which may have ended. Every change of the messages belongs to a task, so a session
    /// that still names the same ended task has the same messages.
    #[serde(default)]
    pub last_task: Option<String>,
}

/// How deep a value may be nested that becomes part of a record. What reads records has a limit of its own, and the record
/// counts too.
const DEEPEST: usize = 100;

/// Whether a value can be stored in a record and read again.
pub fn can_be_stored(value: &Value) -> bool {
    nesting(value) <= DEEPEST
}

fn nesting(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(nesting).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(nesting).max().unwrap_or_default(),
        _ => 0,
    }
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
    /// The parts of the AI SDK's `UIMessage`, in order. A tool message has none: its output is in the part of its call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Value>,
    /// The metadata of the AI SDK's `UIMessage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
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
    /// What the app sent for the agent, while the task runs.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub body: Map<String, Value>,
}

/// Names a task in the log of this program. Its id carries the session's, which opens an ownerless session.
pub fn log_id(task: &str) -> &str {
    task.rsplit_once('.').map_or("", |(_, own)| own)
}

impl Task {
    /// See [`log_id`].
    pub fn log_id(&self) -> &str {
        log_id(&self.id)
    }

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
    /// Entries after the cursor are gone, whoever removed them, or the log is shorter than the cursor.
    pub gap: bool,
}

/// How much of a log is read at once. One entry is always given, however large.
#[derive(Clone, Copy, Debug)]
pub struct Portion {
    pub entries: usize,
    pub bytes: usize,
}

/// A task to begin, with what it does to the session in the same step.
#[derive(Clone, Debug)]
pub struct Begin {
    pub task: Task,
    /// The session as it has to be still.
    pub expected: Expected,
    /// Ids by which a repeat of this send is known. The session may know none of them.
    pub names: Vec<String>,
    pub replaced: Replacement,
    /// The message that it answers, or the message that it continues with what was added to it. They are inserted, or
    /// replaced by id, after the removal.
    pub messages: Vec<Message>,
    /// The session's title, if it has none yet.
    pub title: String,
    /// Whose session it is, for the user's list.
    pub owner: Option<String>,
    /// The first entries of its log.
    pub chunks: Vec<Arc<str>>,
}

/// What a beginning relies on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// On nothing that may change.
    Anything,
    /// On messages that were read when this was [`Session::last_task`] and no task ran.
    LastTask(Option<String>),
}

/// What a new answer takes the place of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replacement {
    /// Ids of the session's last messages. They stay known as replaced.
    pub messages: Vec<String>,
    /// Tasks that wrote them: the names of their sends are replaced too.
    pub tasks: Vec<String>,
}

/// How a beginning went. Only a claim has stored something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It runs, and the caller writes it. With the ids of its first entries.
    Claimed(Claim, Vec<EventId>),
    /// The session knows one of the names, or this task has begun before. Names the task that answers.
    Repeated(String),
    /// The session has removed the message or the answer of one of the names.
    Replaced,
    /// A task of the session runs.
    Busy(String),
    /// The session is not as it is expected to be.
    Changed,
    /// There is no such session.
    NoSession,
    /// A message or a send of one of the names was cancelled before it came.
    Cancelled,
    /// The beginning was given up, and will not happen any more.
    Withdrawn,
}

/// What a session knows of a message that is cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It has come, and this task answers it.
    Answered(String),
    /// It has come, and it or its answer was removed since.
    Replaced,
    /// It has not come, and is refused when it does, for [`REFUSED_FOR`].
    Refused,
    /// There is no such session.
    NoSession,
}

/// How a removal went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The session, its messages and the logs of its tasks are gone, if they were there.
    Done,
    /// A task of the session runs or waits: nothing was removed.
    Busy(String),
}

/// What a session knows of an id that a send may be named by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// This task answers it.
    Answered(String),
    /// Its message or its answer has been removed.
    Replaced,
}

/// How a task ends, in one step.
#[derive(Clone, Debug)]
pub struct End {
    pub status: Status,
    /// The last entries of its log.
    pub chunks: Vec<Arc<str>>,
    /// What it wrote; inserted or replaced by id, and a replaced one keeps its place.
    pub messages: Vec<Message>,
}

/// How taking up a task after a completion went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resume {
    /// The caller writes it.
    Claimed(Claim, Box<Task>),
    /// The task has ended, or has gone on from that operation.
    Settled,
    /// Another process is at it.
    Busy,
    /// The task runs, and does not wait for that operation yet.
    Early,
    /// There is no such task.
    Unknown,
}

/// What looking at the lease of a task gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It holds, or there is none.
    Fine,
    /// It has run out.
    Lapsed,
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
    /// How often its handling was begun, this time included. Deliveries that were released do not count.
    pub attempt: u32,
}

/// How long a message that was cancelled before it came is refused.
pub const REFUSED_FOR: Duration = Duration::from_secs(3600);
/// Messages of one session that are refused at most; the oldest are forgotten.
pub const MOST_REFUSED: usize = 100;

/// How often the handling of a completion may fail before it is dead.
pub const MAX_DELIVERIES: u32 = 5;
