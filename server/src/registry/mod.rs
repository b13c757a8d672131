//! The registry of tasks: begins them, lets them be read, cancels them, and ends those whose writers are gone.
//! A task runs here, in the registry, and never in the request that began it: it outlives its reader.

mod cancel;
mod compact;
pub mod completions;
mod feed;
mod reader;
mod reaper;
mod store_contact;
mod transcript;
mod turn;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use parking_lot::Mutex;
use rejoin::stream::cursor::EventId;
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::agent::{Agent, Completed, Trigger, Turn};
use crate::chunk::{self, Chunk};
use crate::clock;
use crate::error::ApiError;
use crate::limits::Slot;
use crate::store::{
    self, Begin, Begun, Claim, Lookup, Message, Portion, Role, Session, SharedStore, Slice, Stage, Status, StoreError,
    Task,
};
pub use cancel::Cancelled;
use feed::Feeds;
pub use reader::{Batch, Reader, Replay};
pub use reaper::Reaper;
use turn::Orders;
pub use writer::{Confirmations, WriterTerms};
use writer::{Stopped, Writer};

/// What is read when a stream is opened.
const OPENING: Portion = Portion { entries: 512, bytes: 256 * 1024 };
/// How long a title gets.
const TITLE: usize = 80;
/// A request that needs several steps is refused when they take longer (PROTOCOL §1, `STORE_UNAVAILABLE`: within 2 s).
/// What it began goes on.
const PATIENCE: Duration = Duration::from_millis(1800);
/// Between tries to learn whether a task has begun.
const RETRY: Duration = Duration::from_millis(200);

/// A message as it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub message: String,
    pub role: Role,
    pub context: Option<Value>,
    pub message_id: Option<String>,
    /// What the app sent for the agent.
    pub body: Map<String, Value>,
    /// Headers of the request that the agent may see.
    pub headers: HeaderMap,
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
    /// Tasks that this process writes.
    running: Mutex<Running>,
    /// Changes when one of them ends.
    ended: watch::Sender<()>,
    draining: watch::Sender<bool>,
}

/// Writers of this process, and how to stop each. A task may have a new writer while the old one still ends.
#[derive(Default)]
struct Running {
    writers: HashMap<String, (u64, watch::Sender<Orders>)>,
    /// The number of the newest.
    newest: u64,
}

impl Running {
    fn add(&mut self, task: &str) -> (u64, watch::Receiver<Orders>) {
        let (orders, obey) = watch::channel(Orders::Write);
        self.newest += 1;
        self.writers.insert(task.into(), (self.newest, orders));
        (self.newest, obey)
    }

    fn remove(&mut self, task: &str, number: u64) {
        if self.writers.get(task).is_some_and(|(newest, _)| *newest == number) {
            self.writers.remove(task);
        }
    }
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
        let (ended, draining) = (watch::channel(()).0, watch::channel(false).0);
        Arc::new(Self { terms, feeds, running: Mutex::default(), ended, draining })
    }

    /// The store.
    pub fn store(&self) -> &SharedStore {
        &self.terms.writer.store
    }

    /// Whether this process ends: it takes up nothing any more.
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    fn store_failed(&self) {
        self.terms.writer.metrics.store_error();
    }

    /// Begins the task that answers a message, and returns its id. A repeat returns the id of the task that answers the
    /// message already. `admit` is asked for a slot, which is held while the task is written, when one is to begin.
    pub async fn send(
        self: &Arc<Self>,
        session: &Session,
        sent: Sent,
        admit: impl FnOnce() -> Result<Slot, ApiError>,
    ) -> Result<String, ApiError> {
        if self.is_draining() {
            return Err(ApiError::Draining);
        }
        if let Some(task) = self.repeated(&session.id, sent.message_id.as_deref()).await? {
            return Ok(task);
        }
        if self.running.lock().writers.len() >= self.terms.max_tasks {
            return Err(ApiError::RateLimited("This server runs as many tasks as it may."));
        }
        let slot = admit()?;
        let begin = begin_of(session, &sent);
        match self.store().begin(&begin).await {
            Ok(Begun::Claimed(claim, ids)) => Ok(self.start(begin, claim, ids, sent, slot)),
            Ok(Begun::Repeated(task)) => self.repeat(task).await,
            Ok(Begun::Busy(running)) => self.join_or_refuse(&running, sent.message_id.as_deref()).await,
            Ok(Begun::NoSession) => Err(ApiError::SessionNotFound),
            Ok(Begun::Cancelled) => Err(ApiError::MessageCancelled),
            Ok(Begun::Withdrawn) => Err(ApiError::StoreUnavailable),
            Err(error) => {
                if matches!(error, StoreError::Transient(_)) {
                    self.settle(begin, sent, slot);
                }
                Err(error.into())
            }
        }
    }

    /// Whether a task began is unknown where the store did not answer. It is settled before long: either the task gets
    /// its writer, or it never begins, and a repeat of the message begins another.
    fn settle(self: &Arc<Self>, begin: Begin, sent: Sent, slot: Slot) {
        let registry = self.clone();
        tokio::spawn(async move {
            loop {
                match registry.store().withdraw(&begin).await {
                    Ok(Begun::Claimed(claim, ids)) => {
                        registry.start(begin, claim, ids, sent, slot);
                        return;
                    }
                    Err(StoreError::Transient(_)) => tokio::time::sleep(RETRY.mul_f64(writer::jitter())).await,
                    Ok(_) | Err(_) => return,
                }
            }
        });
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

    fn start(self: &Arc<Self>, begin: Begin, claim: Claim, ids: Vec<EventId>, sent: Sent, slot: Slot) -> String {
        let (task, user_id, asked) = (begin.task.clone(), begin.owner.clone(), begin.message.clone());
        tracing::info!(task = task.log_id(), "a task begins");
        let mut writer = Writer::fresh(self.terms.writer.clone(), begin, claim, ids);
        let (id, registry) = (task.id.clone(), self.clone());
        self.run(id.clone(), async move |obey| {
            let _slot = slot;
            let mut history = writer.history().await?;
            history.truncate(history.iter().position(|message| message.id == task.answers).unwrap_or(history.len()));
            let turn = Turn {
                task,
                user_id,
                trigger: Trigger::Submit,
                asked,
                context: sent.context,
                headers: sent.headers,
                history,
                answered: Vec::new(),
                logged_bytes: 0,
            };
            registry.write(writer, turn, obey).await
        });
        id
    }

    /// Goes on with a task after its operation, and returns when that turn is over.
    pub async fn go_on(self: &Arc<Self>, task: Task, claim: Claim, result: Value) -> store::Result<()> {
        let (id, registry) = (task.id.clone(), self.clone());
        let running = self.run(id.clone(), async move |obey| {
            let mut writer = Writer::recover(registry.terms.writer.clone(), task.clone(), claim).await?;
            let turn = turn_after(&mut writer, task, result).await?;
            registry.write(writer, turn, obey).await
        });
        match running.await {
            Ok(Err(Stopped::Corrupt)) => Err(StoreError::Corrupt(format!("the task of {id}"))),
            // A writer that stopped has lost the task; who has it now answers for it.
            _ => Ok(()),
        }
    }

    async fn write(&self, writer: Writer, turn: Turn, obey: watch::Receiver<Orders>) -> Result<(), Stopped> {
        turn::write(writer, turn, self.terms.agent.clone(), self.terms.lease / 3, obey).await
    }

    /// Does a writer's work in a task of the runtime of its own, and sees to what it leaves when it stops.
    fn run<F>(
        self: &Arc<Self>,
        id: String,
        work: impl FnOnce(watch::Receiver<Orders>) -> F,
    ) -> JoinHandle<Result<(), Stopped>>
    where
        F: Future<Output = Result<(), Stopped>> + Send + 'static,
    {
        let (number, obey) = self.running.lock().add(&id);
        let (registry, work) = (self.clone(), work(obey));
        tokio::spawn(async move {
            let gauge = registry.terms.writer.metrics.task_begun();
            let outcome = work.await;
            registry.clear_up(&id, outcome).await;
            registry.running.lock().remove(&id, number);
            drop(gauge);
            registry.ended.send_replace(());
            outcome
        })
    }

    /// A task whose writer had to stop is not left without an end.
    async fn clear_up(&self, id: &str, outcome: Result<(), Stopped>) {
        match outcome {
            Ok(()) => (),
            Err(Stopped::Fenced) => tracing::info!(task = store::log_id(id), "the task was taken over"),
            Err(Stopped::Corrupt) => self.condemn(id, "its log cannot be written or read").await,
            Err(Stopped::Gap(_)) => {
                tracing::error!(task = store::log_id(id), "the store has lost more of a task than can be restored");
                if let (Ok(Some(claim)), Ok(Lookup::Found(task))) = (self.seize(id).await, self.store().task(id).await)
                {
                    self.end(task, claim, Status::Failed, chunk::interrupted()).await;
                }
            }
        }
    }

    /// Fails a task of which nothing can be written or read any more.
    pub async fn condemn(&self, id: &str, why: &str) {
        tracing::error!(task = store::log_id(id), why, "a task is failed without a word in its log");
        if let Err(error) = self.store().condemn(id).await {
            tracing::error!(task = store::log_id(id), %error, "the task cannot be failed");
        }
    }

    /// Opens a task's stream after a cursor.
    pub async fn open(&self, task: &str, cursor: EventId, replay: Replay) -> Result<Opened, ApiError> {
        let slice = match self.store().read(task, cursor, OPENING).await {
            Ok(Lookup::Found(slice)) => slice,
            Ok(Lookup::Missing) => return Err(ApiError::TaskNotFound),
            // What cannot be read is as good as gone.
            Ok(Lookup::Expired) | Err(StoreError::Corrupt(_)) => return Err(ApiError::TaskExpired),
            Err(error) => return Err(error.into()),
        };
        if cursor > EventId::ZERO && (slice.gap || cursor < slice.trimmed) {
            return Err(ApiError::CursorTrimmed { task: task.into(), first: slice.first });
        }
        if has_nothing(&slice) {
            return Ok(Opened::Nothing);
        }
        let reader = Reader::new(self.store().clone(), self.feeds.clone(), task.into(), cursor, slice, replay);
        Ok(Opened::Stream(Box::new(reader)))
    }

    /// Takes a task from its writer, which may have lost it also where the answer stays out: so this is not given up.
    async fn seize(&self, id: &str) -> store::Result<Option<Claim>> {
        loop {
            match self.store().seize(id).await {
                Err(StoreError::Transient(_)) => tokio::time::sleep(RETRY.mul_f64(writer::jitter())).await,
                outcome => return outcome,
            }
        }
    }

    /// Ends a task that was taken from its writer, unless someone else does so meanwhile.
    async fn end(&self, task: Task, claim: Claim, status: Status, last: Arc<str>) {
        let id = task.id.clone();
        let ended = async {
            let terms = self.terms.writer.clone();
            Writer::recover(terms, task, claim).await?.finish(status, vec![last, chunk::finish()]).await
        };
        match ended.await {
            Err(Stopped::Corrupt) => self.condemn(&id, "its log cannot be written or read").await,
            Err(Stopped::Fenced | Stopped::Gap(_)) | Ok(()) => (),
        }
    }

    /// Fails a task for good, whoever writes it.
    pub async fn fail(&self, task: Task, claim: Claim, error: Arc<str>) {
        self.end(task, claim, Status::Failed, error).await;
    }

    fn order(&self, id: &str, orders: Orders) {
        if let Some((_, sender)) = self.running.lock().writers.get(id) {
            sender.send_replace(orders);
        }
    }

    /// Takes up nothing any more and waits, for `patience`, until what runs here has been written to its end. What then
    /// still runs fails; a task that was taken up after its operation and has written nothing since waits again.
    pub async fn drain(&self, patience: Duration) {
        self.draining.send_replace(true);
        let mut ended = self.ended.subscribe();
        let none_left = async {
            while !self.running.lock().writers.is_empty() {
                if ended.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::pin!(none_left);
        if tokio::time::timeout(patience, &mut none_left).await.is_err() {
            for (_, orders) in self.running.lock().writers.values() {
                orders.send_replace(Orders::Interrupt);
            }
            none_left.await;
        }
    }

    /// Removes what has expired, for ever.
    pub async fn sweep_for_ever(self: Arc<Self>, ttl: Duration) {
        let every = (ttl / 10).clamp(Duration::from_millis(100), Duration::from_secs(60));
        loop {
            tokio::time::sleep(every).await;
            if let Err(error) = self.store().sweep().await {
                tracing::warn!(%error, "cannot remove what has expired");
            }
        }
    }
}

async fn turn_after(writer: &mut Writer, task: Task, result: Value) -> Result<Turn, Stopped> {
    let operation = task.operation().cloned().ok_or(Stopped::Corrupt)?;
    let mut history = writer.history().await?;
    let asked = history.iter().position(|message| message.id == task.answers).ok_or(Stopped::Corrupt)?;
    history.truncate(asked + 1);
    let asked = history.pop().ok_or(Stopped::Corrupt)?;
    let completed = Completed { number: task.operations.len() - 1, operation, result };
    Ok(Turn {
        task,
        user_id: writer.owner().await?,
        trigger: Trigger::Operation(completed),
        asked,
        context: None,
        headers: HeaderMap::new(),
        history,
        answered: writer.messages(),
        logged_bytes: writer.logged_bytes(),
    })
}

fn has_nothing(slice: &Slice) -> bool {
    slice.status != Status::Running && slice.entries.is_empty()
}

/// The running task of a session: either this message started it, or it is in the way.
fn answered_by(running: Task, message_id: Option<&str>) -> Result<String, ApiError> {
    if message_id == Some(running.answers.as_str()) { Ok(running.id) } else { Err(ApiError::TaskRunning(running.id)) }
}

fn begin_of(session: &Session, sent: &Sent) -> Begin {
    let now = clock::now();
    let (id, answers) = (fresh_task_id(&session.id), sent.message_id.clone().unwrap_or_else(fresh_id));
    let task = Task {
        id: id.clone(),
        session_id: session.id.clone(),
        status: Status::Running,
        stage: Stage::Working,
        answers: answers.clone(),
        writes: fresh_id(),
        created_at: now,
        operations: Vec::new(),
        body: sent.body.clone(),
    };
    let start = chunk::json(&Chunk::Start { message_id: &task.writes, task_id: &task.id });
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
    let (title, owner) = (title_of(&sent.message), session.user_id.clone());
    Begin { task, message, title, owner, chunks: vec![start] }
}

/// A task's id carries its session's, so that a store finds all keys of both from either.
fn fresh_task_id(session: &str) -> String {
    format!("{session}.{}", uuid::Uuid::new_v4().simple())
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
