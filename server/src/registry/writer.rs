//! The hand that writes one task: it holds the claim, remembers what the log says, and outlasts a store that is away.
//!
//! Time in which the store does not answer is not the writer's fault (PROTOCOL §6, writer): a write is tried until it
//! has happened once, or until the claim is lost.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rejoin::stream::cursor::EventId;

use super::compact;
use super::transcript::Transcript;
use crate::chunk;
use crate::metrics::Metrics;
use crate::store::{Claim, Lookup, Operation, Result, SharedStore, Slice, Status, StoreError, Task};

/// Entries read at once when a log is read whole.
const PAGE: usize = 1000;
/// Waits between tries to write.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// What a writer writes with.
#[derive(Clone)]
pub struct WriterTerms {
    pub store: SharedStore,
    pub metrics: Arc<Metrics>,
    /// Entries of a log beyond which older ones become a snapshot.
    pub max_log_chunks: u64,
}

/// See the module.
pub struct Writer {
    terms: WriterTerms,
    task: Task,
    claim: Claim,
    transcript: Transcript,
    /// Entries in the log after its snapshot.
    loose: u64,
}

/// The task belongs to someone else now, or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fenced;

impl Writer {
    /// For a task that has just begun.
    pub fn fresh(terms: WriterTerms, task: Task, claim: Claim) -> Self {
        Self { terms, task, claim, transcript: Transcript::default(), loose: 0 }
    }

    /// For a task that others wrote so far.
    pub async fn recover(terms: WriterTerms, task: Task, claim: Claim) -> std::result::Result<Self, Fenced> {
        let mut writer = Self::fresh(terms, task, claim);
        let (mut transcript, mut loose) = (Transcript::default(), 0);
        writer
            .each_page(EventId::ZERO, |slice| {
                for entry in &slice.entries {
                    transcript.push(&entry.data);
                    loose += u64::from(entry.id > slice.trimmed);
                }
            })
            .await?;
        (writer.transcript, writer.loose) = (transcript, loose);
        Ok(writer)
    }

    /// The task it writes.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Entries of the log so far.
    pub fn position(&self) -> u64 {
        self.claim.position
    }

    /// Writes chunks down. They are durable, and readers see them, when this returns.
    pub async fn append(&mut self, chunks: &[Arc<str>]) -> std::result::Result<(), Fenced> {
        self.persist(|writer| async move { writer.terms.store.append(&writer.claim, chunks).await }).await?;
        self.wrote(chunks);
        if self.loose > self.terms.max_log_chunks { self.trim().await } else { Ok(()) }
    }

    /// Turns all but the newer half of what a log may hold into a snapshot. Half, so that the log is read through once
    /// in so many chunks and not for each.
    async fn trim(&mut self) -> std::result::Result<(), Fenced> {
        let keep = usize::try_from(self.terms.max_log_chunks / 2).unwrap_or(usize::MAX);
        let mut older = Vec::new();
        self.each_page(EventId::ZERO, |slice| older.extend(slice.entries.iter().cloned())).await?;
        older.truncate(older.len().saturating_sub(keep));
        let Some(through) = older.last().map(|entry| entry.id) else { return Ok(()) };
        let snapshot = &compact::all(older);
        self.persist(|writer| async move { writer.terms.store.trim(&writer.claim, through, snapshot.clone()).await })
            .await?;
        self.loose = keep as u64;
        Ok(())
    }

    /// Reads the log to its end.
    async fn each_page(&self, from: EventId, mut take: impl FnMut(&Slice)) -> std::result::Result<(), Fenced> {
        let mut cursor = from;
        loop {
            let read = self
                .persist(|writer| async move { writer.terms.store.read(&writer.claim.task, cursor, PAGE).await })
                .await?;
            let Lookup::Found(slice) = read else { return Err(Fenced) };
            take(&slice);
            let Some(last) = slice.entries.last() else { return Ok(()) };
            cursor = last.id;
        }
    }

    fn wrote(&mut self, chunks: &[Arc<str>]) {
        chunks.iter().for_each(|chunk| self.transcript.push(chunk));
        self.claim.position += chunks.len() as u64;
        self.loose += chunks.len() as u64;
        self.terms.metrics.chunks_in(chunks.len());
    }

    /// Keeps the lease.
    pub async fn renew(&mut self) -> std::result::Result<(), Fenced> {
        self.persist(|writer| async move { writer.terms.store.renew(&writer.claim).await }).await
    }

    /// Lets the task wait for an operation, whose start is the last chunk.
    pub async fn suspend(mut self, operation: Operation, started: Arc<str>) -> std::result::Result<(), Fenced> {
        let chunks = [started];
        let (operation, chunks) = (&operation, &chunks);
        let suspend = |writer: &Self| {
            let (store, claim) = (writer.terms.store.clone(), writer.claim.clone());
            async move { store.suspend(&claim, operation.clone(), chunks).await }
        };
        self.persist(suspend).await?;
        self.wrote(chunks);
        Ok(())
    }

    /// Ends the task: first the messages, then, in one step, the last chunks and the status. Readers of the session
    /// believe the status, so they see the answer in the stream until then and in the messages from then on.
    pub async fn finish(mut self, status: Status, last: Option<Arc<str>>) -> std::result::Result<(), Fenced> {
        let chunks: Vec<Arc<str>> = last.into_iter().chain([chunk::finish()]).collect();
        chunks.iter().for_each(|chunk| self.transcript.push(chunk));
        let (messages, chunks) = (&self.transcript.messages(&self.task), &chunks);
        self.persist(|writer| async move {
            writer.terms.store.put_messages(&writer.task.session_id, messages.clone()).await
        })
        .await?;
        self.persist(|writer| async move { writer.terms.store.finish(&writer.claim, status, chunks).await }).await?;
        self.terms.metrics.chunks_in(chunks.len());
        self.terms.metrics.task_ended(status);
        tracing::info!(task = self.task.id, status = status.as_str(), chunks = self.claim.position, "a task ended");
        Ok(())
    }

    /// Does a step until the store has answered.
    async fn persist<'a, T, F>(&'a self, step: impl Fn(&'a Self) -> F) -> std::result::Result<T, Fenced>
    where
        F: Future<Output = Result<T>> + 'a,
    {
        let mut wait = FIRST_WAIT;
        loop {
            match step(self).await {
                Ok(done) => return Ok(done),
                Err(StoreError::Fenced | StoreError::Corrupt(_) | StoreError::Gap { .. }) => return Err(Fenced),
                Err(StoreError::Transient(why)) => {
                    self.terms.metrics.store_error();
                    if wait == FIRST_WAIT {
                        tracing::warn!(task = self.claim.task, why, "the store does not answer, trying again");
                    }
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }
}
