//! Where tasks, their logs, sessions and messages live. One trait, so that memory, the embedded database and Redis
//! are one to everything above.
//!
//! The rules that every store keeps (PROTOCOL §6), and that the suite of tests holds it to:
//! * an entry is readable only after it is durable, in the store's sense of the word;
//! * who appends holds a [`Claim`]; taking a task over makes a new one and ends the old one;
//! * a status leaves `running` once; the final chunks and the messages are stored in that same step;
//! * every step may be repeated and has its effect once;
//! * entries that are gone are a gap, which is reported and never led over.

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

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How long an ended task is kept after its last use.
    pub ttl: Duration,
    /// How long a session is kept after its last message; `None`: for ever.
    pub session_ttl: Option<Duration>,
    /// How long a claim holds without renewal.
    pub lease: Duration,
    /// What the keys begin with, where the store is shared with others.
    pub prefix: String,
}

/// Opens the store that `--store` names.
pub async fn open(spec: &str, terms: Terms) -> Result<SharedStore> {
    match spec.split_once(':') {
        None if spec == "memory" => memory::open(terms),
        Some(("embedded", path)) if !path.is_empty() => embedded::open(path.as_ref(), terms),
        Some(("redis" | "rediss", _)) => redis::open(spec, terms).await,
        // Not what was given: a mistyped address may hold a password.
        _ => Err(StoreError::Corrupt("the store is none of memory, embedded:PATH, redis://… and rediss://…".into())),
    }
}

/// Why a store did not do what it was asked. Only [`StoreError::Transient`] is worth another try.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It did not answer, or not in time. Whether a write took place is unknown; every write may be repeated.
    #[error("the store does not answer: {0}")]
    Transient(String),
    /// What is stored cannot be read: another version wrote it, or a key holds something of another type.
    #[error("what is stored cannot be read: {0}")]
    Corrupt(String),
    /// The task has ended, or someone else has taken it over: this claim writes nothing any more.
    #[error("the claim on the task is over")]
    Fenced,
    /// The log holds fewer entries than the store acknowledged: a failover lost the newest.
    #[error("the log holds {position} entries and lacks what came after them")]
    Gap {
        /// How many entries were ever appended, as the log remembers.
        position: u64,
    },
}

/// The result of everything that a store does.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Conversations and what was said in them.
#[async_trait]
pub trait Sessions {
    async fn create_session(&self, session: Session) -> Result<()>;
    async fn session(&self, id: &str) -> Result<Option<Session>>;
    /// Newest first by `updated_at`, with the number of all.
    async fn sessions(&self, scope: Scope, page: Page) -> Result<(Vec<Session>, u64)>;
    /// Gives an ownerless session to a user, and returns the session as it then is.
    async fn assign_session(&self, id: &str, user: &str) -> Result<Option<Session>>;
    /// Refuses a message that has not come, or names the task that answers it, in one step.
    async fn refuse_message(&self, session: &str, message: &str) -> Result<Arrival>;
    /// Removes a session with its messages and the logs of its tasks, unless one of them runs, in one step. The records
    /// of its tasks are kept as those of any ended task, so that a late completion finds that its task has ended.
    async fn remove_session(&self, session: &Session) -> Result<Removal>;
    /// In order.
    async fn messages(&self, session: &str) -> Result<Vec<Message>>;
    async fn message(&self, session: &str, id: &str) -> Result<Option<Message>>;
    /// What the session knows of the id of a message or of a send.
    async fn known(&self, session: &str, id: &str) -> Result<Option<Known>>;
    /// The session's running task: one key read, and the task's own record is believed.
    async fn active(&self, session: &str) -> Result<Option<Task>>;
}

/// Tasks, their logs, and who may write them. Every step may be repeated, and has its effect once.
#[async_trait]
pub trait Tasks {
    /// Removes and stores messages, stores the record and appends the first chunks, in one step.
    async fn begin(&self, begin: &Begin) -> Result<Begun>;
    /// Settles a beginning whose answer never came: either it has happened, or it never will.
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
    /// Fails a task whose log cannot be written or read any more, without a word in it.
    async fn condemn(&self, id: &str) -> Result<()>;
    /// Appends, and lets the task wait for an operation, in one step.
    async fn suspend(&self, claim: &Claim, operation: &Operation, chunks: &[Arc<str>]) -> Result<Vec<EventId>>;
    async fn renew(&self, claim: &Claim) -> Result<()>;
    /// Takes a running task from whoever writes it. `None`: it has ended, or is gone.
    async fn seize(&self, id: &str) -> Result<Option<Claim>>;
    /// Takes up a task that waits for this operation. The holder names the attempt: its repeats get the same claim.
    async fn resume(&self, id: &str, operation: &str, holder: &str) -> Result<Resume>;
    /// Lets a task that was taken up, and has written nothing since, wait again. False where it has written something.
    async fn wait_again(&self, claim: &Claim) -> Result<bool>;
    /// Tasks whose lease may have run out.
    async fn lapsed(&self) -> Result<Vec<String>>;
    /// Whether the lease of a task has run out.
    async fn lease(&self, id: &str) -> Result<Lease>;
    /// Takes a task if its lease has run out. One that was taken up after its operation and has written nothing since
    /// waits again instead.
    async fn reap(&self, id: &str) -> Result<Option<Claim>>;
    /// Replaces everything up to and including `through` by a snapshot.
    async fn trim(&self, claim: &Claim, through: EventId, snapshot: &[Entry]) -> Result<()>;
    /// What comes after a cursor.
    async fn read(&self, id: &str, after: EventId, portion: Portion) -> Result<Lookup<Slice>>;
    /// Tells of every change of the task's log that comes after this call has returned.
    async fn watch(&self, id: &str) -> Result<Subscription>;
    /// Removes what has expired, where the store does not do so by itself.
    async fn sweep(&self) -> Result<()>;
}

/// Results of long-running operations on their way to their tasks.
#[async_trait]
pub trait Completions {
    /// The task of an operation.
    async fn operation(&self, id: &str) -> Result<Option<String>>;
    /// Adds to the completion log.
    async fn push_completion(&self, data: &str) -> Result<()>;
    /// Waits a while for completions that are new, or that nobody settled within one lease. Each counts as begun.
    async fn completions(&self) -> Result<Vec<Delivery>>;
    /// Keeps a delivery from being made again for another lease.
    async fn hold(&self, delivery: &Delivery) -> Result<()>;
    /// Takes a delivery back that failed through no fault of its own: it comes again and does not count.
    async fn release(&self, delivery: &Delivery) -> Result<()>;
    /// A completion was dealt with.
    async fn settle(&self, delivery: &Delivery) -> Result<()>;
    /// Moves a completion to the dead-letter log.
    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<()>;
}

/// See the module.
#[async_trait]
pub trait Store: Sessions + Tasks + Completions + Send + Sync + 'static {
    /// What `/health` calls it.
    fn kind(&self) -> &'static str;
    /// Whether it takes writes.
    async fn ping(&self) -> Result<()>;
    /// Whether it takes writes, and followers learn of them.
    async fn ready(&self) -> Result<()> {
        self.ping().await
    }
    /// Whether readers find another process at this store when this one ends.
    fn is_shared(&self) -> bool;
}
