//! The registry of tasks: begins them, lets them be read, cancels them, and ends those whose writers are gone.
//! A task runs here, in the registry, and never in the request that began it: it outlives its reader.

mod compact;
pub mod completions;
mod feed;
mod reader;
mod store_contact;
mod transcript;
mod turn;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rejoin::stream::cursor::EventId;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::agent::{Agent, Completed, Turn};
use crate::chunk;
use crate::clock;
use crate::error::ApiError;
use crate::store::{
    Begin, Claim, Lookup, Message, NewTask, Role, Session, SharedStore, Slice, Stage, Status, StoreError, Task,
};
use feed::Feeds;
pub use reader::{Batch, Reader, Replay};
use store_contact::StoreContact;
use turn::Orders;
pub use writer::WriterTerms;
use writer::{Fenced, Writer};

/// Entries read when a stream is opened.
const OPENING: usize = 512;
/// How long a title gets.
const TITLE: usize = 80;

/// A message as it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub message: String,
    pub role: Role,
    pub context: Option<Value>,
    pub message_id: Option<String>,
}

/// What a registry needs.
pub struct Terms {
    pub agent: Arc<dyn Agent>,
    pub writer: WriterTerms,
    pub lease: Duration,
    pub max_tasks: usize,
}

/// See the module.
pub struct Registry {
    terms: Terms,
    feeds: Feeds,
    /// Tasks that this process writes, and how to stop each.
    running: Mutex<HashMap<String, watch::Sender<Orders>>>,
    /// Changes when one of them ends.
    ended: watch::Sender<()>,
}

/// What opening a stream found.
pub enum Opened {
    Stream(Box<Reader>),
    /// The task has ended and nothing comes after the cursor.
    Nothing,
}

impl Registry {
    /// Runs nothing yet.
    pub fn new(terms: Terms) -> Arc<Self> {
        let feeds = Feeds::new(terms.writer.store.clone());
        Arc::new(Self { terms, feeds, running: Mutex::default(), ended: watch::channel(()).0 })
    }

    /// The store.
    pub fn store(&self) -> &SharedStore {
        &self.terms.writer.store
    }

    /// Begins the task that answers a message, and returns its id. A repeat returns the id of the task that answers the
    /// message already.
    pub async fn send(self: &Arc<Self>, session: &Session, sent: Sent) -> Result<String, ApiError> {
        if let Some(task) = self.repeated(&session.id, sent.message_id.as_deref()).await? {
            return Ok(task);
        }
        if let Some(running) = self.store().active(&session.id).await? {
            return answered_by(running, sent.message_id.as_deref());
        }
        if self.running.lock().len() >= self.terms.max_tasks {
            return Err(ApiError::RateLimited("This server runs as many tasks as it may."));
        }
        let history = self.store().messages(&session.id).await?;
        let new = new_task(session, &sent);
        match self.store().begin(new.clone()).await? {
            Begin::Begun(claim) => Ok(self.start(new.task, claim, sent, history)),
            Begin::Repeated(task) => self.repeat(task).await,
            Begin::Busy(running) => self.join_or_refuse(&running, sent.message_id.as_deref()).await,
            Begin::NoSession => Err(ApiError::SessionNotFound),
        }
    }

    async fn repeated(&self, session: &str, message_id: Option<&str>) -> Result<Option<String>, ApiError> {
        let Some(id) = message_id else { return Ok(None) };
        match self.store().message(session, id).await? {
            Some(message) => self.repeat(message.task_id).await.map(Some),
            None => Ok(None),
        }
    }

    async fn repeat(&self, task: String) -> Result<String, ApiError> {
        match self.store().task(&task).await? {
            Lookup::Found(_) => Ok(task),
            Lookup::Expired | Lookup::Missing => Err(ApiError::TaskExpired),
        }
    }

    async fn join_or_refuse(&self, running: &str, message_id: Option<&str>) -> Result<String, ApiError> {
        match self.store().task(running).await? {
            Lookup::Found(task) => answered_by(task, message_id),
            Lookup::Expired | Lookup::Missing => Err(ApiError::TaskRunning(running.into())),
        }
    }

    fn start(self: &Arc<Self>, task: Task, claim: Claim, sent: Sent, history: Vec<Message>) -> String {
        let id = task.id.clone();
        tracing::info!(task = id, session = task.session_id, "a task begins");
        let turn = Turn { task: task.clone(), message: sent.message, context: sent.context, history, completed: None };
        self.run(Writer::fresh(self.terms.writer.clone(), task, claim), turn);
        id
    }

    /// Goes on with a task after its operation, and returns when that turn is over.
    pub async fn go_on(self: &Arc<Self>, task: Task, claim: Claim, result: Value) -> Result<(), ApiError> {
        let turn = self.turn_after(&task, result).await?;
        let writer =
            Writer::recover(self.terms.writer.clone(), task, claim).await.map_err(|Fenced| ApiError::TaskNotFound)?;
        // A writer that fails has lost the task; who has it now answers for it.
        let _ = self.run(writer, turn).await;
        Ok(())
    }

    async fn turn_after(&self, task: &Task, result: Value) -> Result<Turn, ApiError> {
        let operation = task.operation().cloned().ok_or(ApiError::OperationNotFound)?;
        let mut history = self.store().messages(&task.session_id).await?;
        let asked = history.iter().position(|message| message.id == task.answers).ok_or(ApiError::SessionNotFound)?;
        let message = history[asked].content.clone();
        history.truncate(asked);
        let completed = Completed { number: task.operations.len() - 1, operation, result };
        Ok(Turn { task: task.clone(), message, context: None, history, completed: Some(completed) })
    }

    /// Writes a task until its turn is over, in a task of the runtime of its own.
    fn run(self: &Arc<Self>, writer: Writer, turn: Turn) -> tokio::task::JoinHandle<()> {
        let id = writer.task().id.clone();
        let (orders, obey) = watch::channel(Orders::Write);
        self.running.lock().insert(id.clone(), orders);
        let registry = self.clone();
        tokio::spawn(async move {
            let gauge = registry.terms.writer.metrics.task_begun();
            turn::write(writer, turn, registry.terms.agent.clone(), registry.terms.lease / 3, obey).await;
            registry.running.lock().remove(&id);
            drop(gauge);
            registry.ended.send_replace(());
        })
    }

    /// Opens a task's stream after a cursor.
    pub async fn open(&self, task: &str, cursor: EventId, replay: Replay) -> Result<Opened, ApiError> {
        let slice = match self.store().read(task, cursor, OPENING).await? {
            Lookup::Found(slice) => slice,
            Lookup::Expired => return Err(ApiError::TaskExpired),
            Lookup::Missing => return Err(ApiError::TaskNotFound),
        };
        if cursor > EventId::ZERO && cursor < slice.trimmed {
            return Err(ApiError::CursorTrimmed { task: task.into(), first: slice.first });
        }
        if has_nothing(&slice) {
            return Ok(Opened::Nothing);
        }
        let reader = Reader::new(self.store().clone(), self.feeds.clone(), task.into(), cursor, slice, replay);
        Ok(Opened::Stream(Box::new(reader)))
    }

    /// Cancels a task, whoever writes it. One that has ended stays as it is.
    pub async fn cancel(&self, id: &str) -> Result<Status, ApiError> {
        loop {
            let task = match self.store().task(id).await? {
                Lookup::Found(task) => task,
                Lookup::Expired => return Err(ApiError::TaskExpired),
                Lookup::Missing => return Err(ApiError::TaskNotFound),
            };
            if task.status != Status::Running {
                return Ok(task.status);
            }
            let Some(claim) = self.store().seize(id).await? else { continue };
            self.order(id, Orders::Drop);
            if self.end(task, claim, Status::Cancelled, chunk::aborted()).await.is_ok() {
                return Ok(Status::Cancelled);
            }
        }
    }

    /// Ends a task that was taken from its writer.
    async fn end(&self, task: Task, claim: Claim, status: Status, last: Arc<str>) -> Result<(), Fenced> {
        Writer::recover(self.terms.writer.clone(), task, claim).await?.finish(status, Some(last)).await
    }

    /// Fails a task for good, whoever writes it.
    pub async fn fail(&self, task: Task, claim: Claim, error: Arc<str>) -> Result<(), Fenced> {
        self.end(task, claim, Status::Failed, error).await
    }

    fn order(&self, id: &str, orders: Orders) {
        if let Some(sender) = self.running.lock().get(id) {
            sender.send_replace(orders);
        }
    }

    /// Waits until no task runs here, for `patience`; then fails those that still do.
    pub async fn drain(&self, patience: Duration) {
        let mut ended = self.ended.subscribe();
        let none_left = async {
            while !self.running.lock().is_empty() {
                if ended.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::pin!(none_left);
        if tokio::time::timeout(patience, &mut none_left).await.is_err() {
            for orders in self.running.lock().values() {
                orders.send_replace(Orders::Interrupt);
            }
            none_left.await;
        }
    }

    /// Ends tasks whose lease ran out, for ever.
    ///
    /// A lease is believed to have run out only by one who has been in contact with the store, without a gap, for as long
    /// as a lease: after an outage, or a sleep of this machine, the writers get that time to renew.
    pub async fn reap_for_ever(self: Arc<Self>) {
        let every = (self.terms.lease / 4).clamp(Duration::from_millis(20), Duration::from_millis(500));
        let mut contact = StoreContact::begun(self.terms.lease, every, Instant::now());
        loop {
            let asked = Instant::now();
            match self.store().lapsed().await {
                Ok(lapsed) if contact.is_steady(asked, Instant::now()) => self.reap(lapsed).await,
                Ok(_) => (),
                Err(error) => {
                    contact.lost(Instant::now());
                    self.terms.writer.metrics.store_error();
                    tracing::warn!(?error, "cannot look for tasks without a writer");
                }
            }
            tokio::time::sleep(every).await;
        }
    }

    async fn reap(&self, lapsed: Vec<String>) {
        for id in lapsed {
            if let Err(error) = self.reap_one(&id).await {
                tracing::warn!(task = id, ?error, "cannot end a task without a writer");
            }
        }
    }

    async fn reap_one(&self, id: &str) -> Result<(), StoreError> {
        let Some(claim) = self.store().reap(id).await? else { return Ok(()) };
        let Lookup::Found(task) = self.store().task(id).await? else { return Ok(()) };
        tracing::warn!(task = id, "a task has lost its writer");
        self.order(id, Orders::Drop);
        if self.store().message(&task.session_id, &task.answers).await?.is_none() {
            return self.bury(&claim).await;
        }
        // Someone else may have ended it meanwhile.
        let _ = self.end(task, claim, Status::Failed, chunk::interrupted()).await;
        Ok(())
    }

    /// Ends a task whose process died before it had stored the message: nobody was told of it, and it leaves no trace
    /// in the session.
    async fn bury(&self, claim: &Claim) -> Result<(), StoreError> {
        self.store().finish(claim, Status::Failed, &[chunk::interrupted(), chunk::finish()]).await.map(|_| ())
    }

    /// Removes what has expired, for ever.
    pub async fn sweep_for_ever(self: Arc<Self>, ttl: Duration) {
        let every = (ttl / 10).clamp(Duration::from_millis(100), Duration::from_secs(60));
        loop {
            tokio::time::sleep(every).await;
            if let Err(error) = self.store().sweep().await {
                tracing::warn!(?error, "cannot remove what has expired");
            }
        }
    }
}

fn has_nothing(slice: &Slice) -> bool {
    slice.status != Status::Running && slice.entries.is_empty()
}

/// The running task of a session: either this message started it, or it is in the way.
fn answered_by(running: Task, message_id: Option<&str>) -> Result<String, ApiError> {
    if message_id == Some(running.answers.as_str()) { Ok(running.id) } else { Err(ApiError::TaskRunning(running.id)) }
}

fn new_task(session: &Session, sent: &Sent) -> NewTask {
    let now = clock::now();
    let (id, answers) = (fresh_id(), sent.message_id.clone().unwrap_or_else(fresh_id));
    let task = Task {
        id: id.clone(),
        session_id: session.id.clone(),
        status: Status::Running,
        stage: Stage::Working,
        answers: answers.clone(),
        writes: fresh_id(),
        created_at: now,
        operations: Vec::new(),
    };
    let message = Message {
        id: answers,
        sequence: 0,
        role: sent.role,
        content: sent.message.clone(),
        tool_calls: Vec::new(),
        tool_call_id: None,
        name: None,
        created_at: now,
        task_id: id,
    };
    NewTask { task, message, title: title_of(&sent.message) }
}

/// A new random id.
pub fn fresh_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The message on one line, cut where it is long.
fn title_of(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= TITLE {
        return line;
    }
    let cut: String = line.chars().take(TITLE - 1).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_message_on_one_line() {
        assert_eq!(title_of("  Hello\n world "), "Hello world");
        let long = title_of(&"word ".repeat(50));
        assert!(long.chars().count() <= TITLE && long.ends_with('…'));
    }
}
