//! The one thread that writes: group commit.

use std::sync::Arc;

use redb::{Database, WriteTransaction};
use tokio::sync::{mpsc, oneshot};

use crate::store::{Result, StoreError};

/// How many writes may share a commit: bounds how long the first of them waits.
const GROUP: usize = 1024;

/// The work of a write in the transaction. It returns the work to do after the commit, whether that succeeded or not.
type Job = Box<dyn FnOnce(&WriteTransaction) -> Result<Done> + Send>;
type Done = Box<dyn FnOnce(Result<()>) + Send>;

/// Hands writes to the thread, which ends with the last of these.
#[derive(Clone)]
pub struct Writer(mpsc::UnboundedSender<(Job, Done)>);

impl Writer {
    /// Starts the thread.
    pub fn start(database: Arc<Database>) -> Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&database, receiver))
            .map_err(|error| StoreError::Transient(format!("cannot start a thread: {error}")))?;
        Ok(Self(sender))
    }

    /// Runs `job`, and after the commit the work that it returned. Both happen even if nobody waits for the answer any
    /// more.
    pub async fn write_then<T: Send + 'static, F: FnOnce() + Send + 'static>(
        &self,
        job: impl FnOnce(&WriteTransaction) -> Result<(T, F)> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel::<Result<T>>();
        let answer = Arc::new(parking_lot::Mutex::new(Some(answer)));
        let refuse = answer.clone();
        let job: Job = Box::new(move |txn| {
            let (outcome, committed) = job(txn)?;
            Ok(Box::new(move |durable: Result<()>| {
                if durable.is_ok() {
                    committed();
                }
                reply(&answer, durable.map(|()| outcome));
            }))
        });
        let failed: Done = Box::new(move |why| {
            if let Err(error) = why {
                reply(&refuse, Err(error));
            }
        });
        self.0.send((job, failed)).map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Runs a write that nobody waits for.
    pub fn send(&self, job: impl FnOnce(&WriteTransaction) -> Result<()> + Send + 'static) {
        let job: Job = Box::new(move |txn| job(txn).map(|()| Box::new(|_| ()) as Done));
        // Those who wait have reported a thread that has stopped.
        let _ = self.0.send((job, Box::new(|_| ())));
    }
}

type Answer<T> = Arc<parking_lot::Mutex<Option<oneshot::Sender<Result<T>>>>>;

fn reply<T>(answer: &Answer<T>, outcome: Result<T>) {
    if let Some(sender) = answer.lock().take() {
        // Nobody waits any more where the caller was cancelled.
        let _ = sender.send(outcome);
    }
}

fn stopped() -> StoreError {
    StoreError::Transient("the store's writer has stopped".into())
}

fn run(database: &Database, mut jobs: mpsc::UnboundedReceiver<(Job, Done)>) {
    let mut group = Vec::new();
    while jobs.blocking_recv_many(&mut group, GROUP) > 0 {
        let mut done = Vec::with_capacity(group.len());
        let outcome = commit(database, group.drain(..), &mut done);
        if let Err(error) = &outcome {
            tracing::error!(?error, "a commit failed");
        }
        for finish in done {
            finish(outcome.clone());
        }
    }
}

/// A job refuses before it has written anything, so that a refusal does not affect the other jobs of its transaction.
fn commit(database: &Database, group: impl Iterator<Item = (Job, Done)>, done: &mut Vec<Done>) -> Result<()> {
    let begun = database.begin_write().map_err(StoreError::from);
    let mut broken = begun.as_ref().err().cloned();
    for (job, failed) in group {
        match (&begun, &broken) {
            (Ok(txn), None) => match job(txn) {
                Ok(finish) => done.push(finish),
                Err(error @ (StoreError::Fenced | StoreError::Gap { .. })) => failed(Err(error)),
                Err(error) => {
                    broken = Some(StoreError::Transient(format!("another write of the same commit failed: {error}")));
                    failed(Err(error));
                }
            },
            _ => done.push(failed),
        }
    }
    match (begun, broken) {
        (Ok(txn), None) => Ok(txn.commit()?),
        (_, Some(error)) => Err(error),
        (Err(error), None) => Err(error),
    }
}
