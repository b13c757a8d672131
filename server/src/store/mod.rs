//! Stores tasks, their logs, sessions and messages. Memory, the embedded database and Redis implement one trait, so the
//! rest of the server does not know which of them it uses.
//!
//! The rules that every store keeps (PROTOCOL §6), and that the suite of tests holds it to:
//! * an entry is readable only after it is durable, in the store's sense of the word;
//! * whoever appends holds a [`Claim`]; taking a task over makes a new claim and ends the old one;
//! * a status leaves `running` once; the final chunks and the messages are stored in that same step;
//! * every step may be repeated and has its effect once;
//! * missing entries are a gap, which is reported; a reader never skips it.

mod embedded;
mod memory;
mod model;
pub mod notifications;
mod redis;
#[cfg(test)]
mod suite;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rejoin::stream::cursor::EventId;

pub use model::*;
use notifications::Subscription;

/// A store that any part of the server may hold.
pub type SharedStore = Arc<dyn Store>;

/// The settings that a store is opened with.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How long an ended task is kept after its last use.
    pub ttl: Duration,
    /// How long a session is kept after its last message; `None`: for ever.
    pub session_ttl: Option<Duration>,
    /// How long a claim holds without renewal.
    pub lease: Duration,
    /// The prefix of all keys, where the store is shared with others.
    pub prefix: String,
}

/// Opens the store that `--store` names.
pub async fn open(spec: &str, terms: Terms) -> Result<SharedStore> {
    match spec.split_once(':') {
        None if spec == "memory" => memory::open(terms),
        Some(("embedded", path)) if !path.is_empty() => embedded::open(path.as_ref(), terms),
        Some(("redis" | "rediss", _)) => redis::open(spec, terms).await,
        // The error does not quote the setting, because a mistyped address may hold a password.
        _ => Err(StoreError::Corrupt("the store is none of memory, embedded:PATH, redis://… and rediss://…".into())),
    }
}

/// Why a store failed. Only [`StoreError::Transient`] is worth another try.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store did not answer in time. Whether a write took place is unknown; every write may be repeated.
    #[error("the store does not answer: {0}")]
    Transient(String),
    /// The stored data cannot be read: another version wrote it, or a key holds a value of another type.
    #[error("what is stored cannot be read: {0}")]
    Corrupt(String),
    /// The task has ended, or someone else has taken it over, so this claim no longer allows writes.
    #[error("the claim on the task is over")]
    Fenced,
    /// The log holds fewer entries than the store acknowledged: a failover lost the newest.
    #[error("the log holds {position} entries and lacks what came after them")]
    Gap {
        /// How many entries were ever appended, according to the log.
        position: u64,
    },
}

/// The result of each call of a store.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Conversations and their messages.
#[async_trait]
pub trait Sessions {
    async fn create_session(&self, session: Session) -> Result<()>;
    async fn session(&self, id: &str) -> Result<Option<Session>>;
    /// Returns a page of sessions, newest first by `updated_at`, and the number of all.
    async fn sessions(&self, scope: Scope, page: Page) -> Result<(Vec<Session>, u64)>;
    /// Gives an ownerless session to a user, and returns the session after that.
    async fn assign_session(&self, id: &str, user: &str) -> Result<Option<Session>>;
    /// Refuses a message that has not come, or names the task that answers it, in one step.
    async fn refuse_message(&self, session: &str, message: &str) -> Result<Arrival>;
    /// Removes a session with its messages and the logs of its tasks, unless one of them runs, in one step. The records
    /// of its tasks are kept as those of any ended task, so that a late completion finds that its task has ended.
    async fn remove_session(&self, session: &Session) -> Result<Removal>;
    /// Returns the messages of a session, in order.
    async fn messages(&self, session: &str) -> Result<Vec<Message>>;
    async fn message(&self, session: &str, id: &str) -> Result<Option<Message>>;
    /// Returns the task that answers the message or the send of this id, if the session has one.
    async fn known(&self, session: &str, id: &str) -> Result<Option<Known>>;
    /// Returns the session's running task. It costs one key, and the task's own record decides whether it runs.
    async fn active(&self, session: &str) -> Result<Option<Task>>;
}

/// Tasks, their logs, and the claims to write them. Every step may be repeated, and has its effect once.
#[async_trait]
pub trait Tasks {
    /// Removes and stores messages, stores the record and appends the first chunks, in one step.
    async fn begin(&self, begin: &Begin) -> Result<Begun>;
    /// Settles a beginning whose answer was lost: the task has begun, or it never will.
    async fn withdraw(&self, begin: &Begin) -> Result<Begun>;
    async fn task(&self, id: &str) -> Result<Lookup<Task>>;
    /// Returns the ids of the new entries. Renews the lease.
    async fn append(&self, claim: &Claim, chunks: &[Arc<str>]) -> Result<Vec<EventId>>;
    /// Appends again, under their ids, entries that a failover lost. The claim's position is where they begin.
    async fn restore(&self, claim: &Claim, entries: &[Entry]) -> Result<()> {
        // A store that loses nothing reports no gap, so this is never asked of it.
        let _ = (claim, entries);
        Err(StoreError::Fenced)
    }
    /// Appends the last chunks, sets the status and stores the messages, in one step.
    async fn finish(&self, claim: &Claim, end: &End) -> Result<Vec<EventId>>;
    /// Fails a task whose log can no longer be written or read. Nothing is appended to it.
    async fn condemn(&self, id: &str) -> Result<()>;
    /// Appends, and lets the task wait for an operation, in one step.
    async fn suspend(&self, claim: &Claim, operation: &Operation, chunks: &[Arc<str>]) -> Result<Vec<EventId>>;
    async fn renew(&self, claim: &Claim) -> Result<()>;
    /// Takes a running task from its writer. `None`: the task has ended, or is gone.
    async fn seize(&self, id: &str) -> Result<Option<Claim>>;
    /// Claims a task that waits for this operation. `holder` names the attempt, and its repeats get the same claim.
    async fn resume(&self, id: &str, operation: &str, holder: &str) -> Result<Resume>;
    /// Lets a task wait again that was resumed and has written nothing since. Returns false where it has.
    async fn wait_again(&self, claim: &Claim) -> Result<bool>;
    /// Returns the tasks whose lease may have run out.
    async fn lapsed(&self) -> Result<Vec<String>>;
    /// Returns whether the lease of a task has run out.
    async fn lease(&self, id: &str) -> Result<Lease>;
    /// Takes a task if its lease has run out. A task that was resumed after its operation and has written nothing since
    /// waits again instead.
    async fn reap(&self, id: &str) -> Result<Option<Claim>>;
    /// Replaces everything up to and including `through` by a snapshot.
    async fn trim(&self, claim: &Claim, through: EventId, snapshot: &[Entry]) -> Result<()>;
    /// Returns the entries after a cursor.
    async fn read(&self, id: &str, after: EventId, portion: Portion) -> Result<Lookup<Slice>>;
    /// Subscribes to the changes of a task's log that come after this call has returned.
    async fn watch(&self, id: &str) -> Result<Subscription>;
    /// Removes expired tasks and sessions, where the store does not do so by itself.
    async fn sweep(&self) -> Result<()>;
}

/// The completions of long-running operations on their way to their tasks.
#[async_trait]
pub trait Completions {
    /// Returns the task of an operation.
    async fn operation(&self, id: &str) -> Result<Option<String>>;
    /// Adds to the completion log.
    async fn push_completion(&self, data: &str) -> Result<()>;
    /// Waits a while for completions that are new, or that nobody settled within one lease. Each of them counts as
    /// delivered.
    async fn completions(&self) -> Result<Vec<Delivery>>;
    /// Keeps a delivery from being made again for another lease.
    async fn hold(&self, delivery: &Delivery) -> Result<()>;
    /// Takes back a delivery that failed through no fault of its own. It comes again, and this time does not count.
    async fn release(&self, delivery: &Delivery) -> Result<()>;
    /// Removes a completion that was handled.
    async fn settle(&self, delivery: &Delivery) -> Result<()>;
    /// Moves a completion to the dead-letter log.
    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<()>;
}

/// See the module.
#[async_trait]
pub trait Store: Sessions + Tasks + Completions + Send + Sync + 'static {
    /// The name of the kind of store in `/health`.
    fn kind(&self) -> &'static str;
    /// Fails where the store does not accept writes.
    async fn ping(&self) -> Result<()>;
    /// Fails where the store does not accept writes, or their publications do not reach this process.
    async fn ready(&self) -> Result<()> {
        self.ping().await
    }
    /// Whether other processes may use the same store, so that readers can rejoin there.
    fn is_shared(&self) -> bool;
}
