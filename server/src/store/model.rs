//! The records of a store: sessions, messages, tasks, logs, completions.

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
    /// The task that began last, which may have ended. Each change of the messages belongs to a task, so while a
    /// session names the same ended task, it has the same messages.
    #[serde(default)]
    pub last_task: Option<String>,
}

/// How deep a value may be nested that becomes part of a record. The parser that reads records has a limit, too, which
/// counts the record itself.
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

/// The role of a message's author.
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
    /// Its number in the session, from 1. The store assigns it and ignores the number that it is given.
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

/// The status of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl Status {
    /// The name of the status in responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The stage of a running task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// A process writes it, under a lease.
    Working,
    /// It waits for the completion of its last operation, without a lease or a writer (PROTOCOL §5).
    Waiting,
    /// A process continues it after a completion, under a lease. When the lease runs out the task waits again, because
    /// the completion will be delivered again.
    Resuming,
}

/// A long-running operation of a task (PROTOCOL §5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    pub id: String,
    pub tool_name: String,
    pub tool_call_id: String,
    /// How many entries the log had when the task began to wait. The entries after them belong to the handling of the
    /// completion.
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
    /// All its operations. The task may wait only for the last one.
    #[serde(default)]
    pub operations: Vec<Operation>,
    /// The app's own values for the agent, while the task runs.
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

    /// The operation that it waits for, or the last one that it waited for.
    pub fn operation(&self) -> Option<&Operation> {
        self.operations.last()
    }
}

/// The result of looking for a record that may be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    Found(T),
    /// The task's record is gone, and its log is still there.
    Expired,
    Missing,
}

/// The right to write a task. It ends when another claim is made, or when the task ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub task: String,
    /// Grows with every claim (the fencing token).
    pub epoch: u64,
    /// How many entries were appended so far. A repeated append has the same position, so that it writes once.
    pub position: u64,
}

/// One entry of a task's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: EventId,
    /// One chunk as JSON text.
    pub data: Arc<str>,
}

/// A part of a log, with the state of the task when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The entries after the cursor, in order.
    pub entries: Vec<Entry>,
    /// The task's status.
    pub status: Status,
    /// The newest id of the log.
    pub last: EventId,
    /// The last id of the snapshot of merged chunks; [`EventId::ZERO`] where there is none.
    pub trimmed: EventId,
    /// The first entry after the snapshot.
    pub first: EventId,
    /// Whether entries after the cursor are gone, whoever removed them, or the log ends before the cursor.
    pub gap: bool,
}

/// How much of a log is read at once. One entry is always read, however large.
#[derive(Clone, Copy, Debug)]
pub struct Portion {
    pub entries: usize,
    pub bytes: usize,
}

/// A task to begin, with the changes of the session in the same step.
#[derive(Clone, Debug)]
pub struct Begin {
    pub task: Task,
    /// The state in which the session has to be.
    pub expected: Expected,
    /// The names by which a repeat of this send is recognised. The session may know none of them.
    pub names: Vec<String>,
    pub replaced: Replacement,
    /// The message that it answers, or the message that it continues with what was added to it. They are inserted, or
    /// replaced by id, after the removal.
    pub messages: Vec<Message>,
    /// The session's title, if it has none yet.
    pub title: String,
    /// The owner of the session, for the user's list.
    pub owner: Option<String>,
    /// The first entries of its log.
    pub chunks: Vec<Arc<str>>,
}

/// The state of the session that a beginning relies on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any state.
    Anything,
    /// The messages have not changed since this was [`Session::last_task`] and no task ran.
    LastTask(Option<String>),
}

/// The messages and tasks that a new answer replaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replacement {
    /// The ids of the session's last messages, which are remembered as replaced.
    pub messages: Vec<String>,
    /// The tasks that wrote them. The names of their sends are remembered as replaced, too.
    pub tasks: Vec<String>,
}

/// The outcome of a beginning. Only [`Begun::Claimed`] has stored something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The task runs, and the caller writes it. The ids are those of its first entries.
    Claimed(Claim, Vec<EventId>),
    /// The session knows one of the names, or this task has begun before. The id is that of the task that answers.
    Repeated(String),
    /// The session has removed the message or the answer of one of the names.
    Replaced,
    /// A task of the session runs.
    Busy(String),
    /// The session is not in the expected state.
    Changed,
    /// There is no such session.
    NoSession,
    /// A message or a send of one of the names was cancelled before it came.
    Cancelled,
    /// The beginning was given up, and will not happen any more.
    Withdrawn,
}

/// The state of a message that is cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The message has come, and this task answers it.
    Answered(String),
    /// The message has come, and it or its answer was removed since.
    Replaced,
    /// The message has not come, and is refused for [`REFUSED_FOR`] when it does.
    Refused,
    /// There is no such session.
    NoSession,
}

/// The outcome of a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The session, its messages and the logs of its tasks are gone, if they were there.
    Done,
    /// A task of the session runs or waits: nothing was removed.
    Busy(String),
}

/// The state of a message or a send that a session knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// This task answers it.
    Answered(String),
    /// Its message or its answer has been removed.
    Replaced,
}

/// The end of a task, which is stored in one step.
#[derive(Clone, Debug)]
pub struct End {
    pub status: Status,
    /// The last entries of its log.
    pub chunks: Vec<Arc<str>>,
    /// The messages that it wrote. They are inserted, or replaced by id, and a replaced one keeps its number.
    pub messages: Vec<Message>,
}

/// The outcome of resuming a task after a completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resume {
    /// The caller writes it.
    Claimed(Claim, Box<Task>),
    /// The task has ended, or has continued after that operation.
    Settled,
    /// Another process handles the completion.
    Busy,
    /// The task runs and does not wait for that operation yet.
    Early,
    /// There is no such task.
    Unknown,
}

/// The state of a task's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It holds, or there is none.
    Fine,
    /// It has run out.
    Lapsed,
}

/// The owner of the sessions in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    User(String),
}

/// A page of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub limit: usize,
    pub offset: usize,
}

/// A completion on its way to its task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The id under which the store knows it.
    pub id: String,
    /// JSON text, unchecked.
    pub data: String,
    /// How often it was delivered, this time included. Deliveries that were released do not count.
    pub attempt: u32,
}

/// How long a message that was cancelled before it came is refused.
pub const REFUSED_FOR: Duration = Duration::from_secs(3600);
/// How many messages of one session may be refused. The oldest are forgotten.
pub const MOST_REFUSED: usize = 100;

/// How often the handling of a completion may fail before it is dead.
pub const MAX_DELIVERIES: u32 = 5;
