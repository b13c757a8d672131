//! The registry of tasks: begins them, lets them be read, cancels them, and ends those whose writers are gone.
//! A task runs here, in the registry, and never in the request that began it: it outlives its reader.

mod cancel;
mod compact;
pub mod completions;
mod feed;
mod joint;
mod reader;
mod reaper;
mod send;
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
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::agent::{Agent, Completed, Trigger, Turn};
use crate::chunk;
use crate::error::ApiError;
use crate::store::{self, Claim, Lookup, Portion, SharedStore, Slice, Status, StoreError, Task};
pub use cancel::Cancelled;
use cancel::Cancels;
use feed::Feeds;
pub use reader::{Batch, Reader, Replay};
pub use reaper::Reaper;
pub use send::Sent;
use turn::Orders;
pub use turn::plan::{Action, Said};
pub use turn::settling::Settlement;
pub use writer::{Confirmations, WriterTerms};
use writer::{Stopped, Writer};

/// How much of a log is read when a stream is opened.
const OPENING: Portion = Portion { entries: 512, bytes: 256 * 1024 };
/// How long a request may take that needs several steps: then it is refused (PROTOCOL §1, `STORE_UNAVAILABLE`: within 2
/// s), and the work that it began goes on.
const PATIENCE: Duration = Duration::from_millis(1800);
/// The pause between two tries to learn from the store what has become of a task.
const RETRY: Duration = Duration::from_millis(200);

/// What a registry is made with.
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
    cancels: Cancels,
    /// Changes when one of them ends.
    ended: watch::Sender<()>,
    draining: watch::Sender<bool>,
}

/// The writers of this process, and the senders that stop them. A task may have a new writer while the old one is still
/// ending.
#[derive(Default)]
struct Running {
    writers: HashMap<String, (u64, watch::Sender<Orders>)>,
    /// The number of the writer that was added last.
    newest: u64,
}

impl Running {
    fn add(&mut self, task: &str) -> (u64, watch::Receiver<Orders>) {
        let (sender, orders) = watch::channel(Orders::Write);
        self.newest += 1;
        self.writers.insert(task.into(), (self.newest, sender));
        (self.newest, orders)
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
        Arc::new(Self { terms, feeds, running: Mutex::default(), cancels: Cancels::default(), ended, draining })
    }

    /// The store.
    pub fn store(&self) -> &SharedStore {
        &self.terms.writer.store
    }

    /// Whether this process is shutting down and takes on no more work.
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    fn store_failed(&self) {
        self.terms.writer.metrics.store_error();
    }

    /// Continues a task after its operation, and returns when that turn is over.
    pub async fn go_on(self: &Arc<Self>, task: Task, claim: Claim, result: Value) -> store::Result<()> {
        let (id, registry) = (task.id.clone(), self.clone());
        let running = self.run(id.clone(), async move |orders| {
            let mut writer = Writer::recover(registry.terms.writer.clone(), task.clone(), claim).await?;
            let turn = turn_after(&mut writer, task, result).await?;
            registry.write(writer, turn, orders).await
        });
        match running.await {
            Ok(Err(Stopped::Corrupt)) => Err(StoreError::Corrupt(format!("the task of {id}"))),
            // A writer that stopped has lost the task, and its new writer ends it.
            _ => Ok(()),
        }
    }

    async fn write(&self, writer: Writer, turn: Turn, orders: watch::Receiver<Orders>) -> Result<(), Stopped> {
        turn::write(writer, turn, self.terms.agent.clone(), self.terms.lease / 3, orders).await
    }

    /// Runs a writer in a task of the runtime, and cleans up when it stops.
    fn run<F>(
        self: &Arc<Self>,
        id: String,
        work: impl FnOnce(watch::Receiver<Orders>) -> F,
    ) -> JoinHandle<Result<(), Stopped>>
    where
        F: Future<Output = Result<(), Stopped>> + Send + 'static,
    {
        let (number, orders) = self.running.lock().add(&id);
        let (registry, work) = (self.clone(), work(orders));
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

    /// Gives an end to a task whose writer had to stop.
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

    /// Fails a task whose log can no longer be written or read.
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
            // A log that cannot be read counts as expired.
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

    /// Takes a task from its writer. The store may have done so although its answer got lost, so this tries until it
    /// has an answer.
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

    /// Takes on no more work and waits, for `patience`, until the running tasks are written to their end. Tasks that
    /// still run then fail. A task that continued after its operation and has written nothing since waits again.
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

    /// Removes expired tasks and sessions from the store, again and again.
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
    let (history, asked) = send::split(writer.history().await?, &task.answers);
    let asked = asked.ok_or(Stopped::Corrupt)?;
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

/// A new random id.
pub fn fresh_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
