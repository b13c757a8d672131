//! Writes one task's log: holds the claim, remembers what the log says, and outlasts a store that is away.
//!
//! Time in which the store does not answer is not the writer's fault (PROTOCOL §6, writer): a write is tried until it
//! has happened once, or until the claim is lost. Where a failover has lost entries, they are appended again under their
//! ids, so that readers have seen nothing that is not stored.

mod confirmation;
mod recent;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rejoin::stream::cursor::EventId;
use tokio::time::Instant;

use super::compact;
use super::transcript::Transcript;
use crate::metrics::Metrics;
use crate::store::{
    Begin, Begun, Claim, End, Entry, Lookup, Message, Operation, Portion, Result, SharedStore, Slice, Status,
    StoreError, Task,
};

pub use confirmation::Confirmations;
use confirmation::LastStep;
use recent::Recent;

/// How much is read at once when a whole log is read.
const PORTION: Portion = Portion { entries: 1000, bytes: 1024 * 1024 };
/// The shortest and the longest pause between two tries to write. The longest is short enough to keep a lease right
/// after an outage.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_millis(400);

/// What all writers share.
#[derive(Clone)]
pub struct WriterTerms {
    pub store: SharedStore,
    pub metrics: Arc<Metrics>,
    /// How many entries a log may have before its older ones become a snapshot.
    pub max_log_chunks: u64,
    /// Room for last steps that are still to be confirmed.
    pub confirmations: Confirmations,
    /// How long an ended task is kept. A record that is gone sooner was lost, and is begun again.
    pub ttl: Duration,
}

/// See the module.
pub struct Writer {
    terms: WriterTerms,
    task: Task,
    claim: Claim,
    transcript: Transcript,
    /// Entries in the log after its snapshot.
    loose: u64,
    bytes: u64,
    recent: Recent,
    /// How the task began. It is known while this writer is the only one that the task has had.
    begin: Option<Begin>,
    /// When the store last accepted a write.
    written: Instant,
}

/// Why a writer cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The task belongs to someone else now, or has ended.
    Fenced,
    /// The task's record or log cannot be written or read.
    Corrupt,
    /// The log lacks more than this writer can append again. The number is how many entries it has.
    Gap(u64),
}

impl Writer {
    /// Makes the writer of a task that has just begun. `ids` are those of its first entries.
    pub fn fresh(terms: WriterTerms, begin: Begin, claim: Claim, ids: Vec<EventId>) -> Self {
        let (task, chunks) = (begin.task.clone(), begin.chunks.clone());
        let mut writer = Self::new(terms, task, Claim { position: 0, ..claim });
        writer.transcript = transcript_of(&writer.task, &begin.messages);
        writer.begin = Some(begin);
        writer.wrote(ids, &chunks);
        writer
    }

    fn new(terms: WriterTerms, task: Task, claim: Claim) -> Self {
        let recent = Recent::at(claim.position);
        let (transcript, written) = (Transcript::default(), Instant::now());
        Self { terms, task, claim, transcript, loose: 0, bytes: 0, recent, begin: None, written }
    }

    /// Makes the writer of a task that others have written so far, which reads the whole log.
    pub async fn recover(terms: WriterTerms, task: Task, claim: Claim) -> std::result::Result<Self, Stopped> {
        let mut writer = Self::new(terms, task, claim);
        let (mut transcript, mut loose, mut bytes) = (writer.continued().await?, Vec::new(), 0);
        writer
            .each_page(EventId::ZERO, |slice| {
                slice.entries.iter().for_each(|entry| transcript.push(&entry.data));
                bytes += slice.entries.iter().map(|entry| entry.data.len() as u64).sum::<u64>();
                loose.extend(slice.entries.iter().filter(|entry| entry.id > slice.trimmed).cloned());
            })
            .await?;
        (writer.transcript, writer.bytes) = (transcript, bytes);
        writer.loose = loose.len() as u64;
        writer.recent = Recent::at(writer.claim.position.saturating_sub(writer.loose));
        loose.into_iter().for_each(|entry| writer.recent.push(entry));
        Ok(writer)
    }

    /// What all writers share.
    pub fn terms(&self) -> &WriterTerms {
        &self.terms
    }

    /// The task that it writes.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// How many bytes of the newest entries it keeps in memory.
    pub fn remembered_bytes(&self) -> usize {
        self.recent.bytes()
    }

    /// The message that the task continues, if the session has it. A message that the task began itself is stored when
    /// the task ends.
    async fn continued(&mut self) -> std::result::Result<Transcript, Stopped> {
        let (session, writes) = (&self.task.session_id.clone(), &self.task.writes.clone());
        let known = self.persist(|store, _| async move { store.message(session, writes).await }).await?;
        let messages = if known.is_some() { self.history().await? } else { Vec::new() };
        Ok(transcript_of(&self.task, &messages))
    }

    /// Whether the task continues a message that other tasks began.
    pub fn goes_on(&self) -> bool {
        self.transcript.goes_on()
    }

    /// How many entries the log has.
    pub fn position(&self) -> u64 {
        self.claim.position
    }

    /// How many bytes of chunks the log has.
    pub fn logged_bytes(&self) -> u64 {
        self.bytes
    }

    /// The messages that the log makes so far.
    pub fn messages(&self) -> Vec<Message> {
        self.transcript.messages(&self.task)
    }

    /// The owner of the task's session.
    pub async fn owner(&mut self) -> std::result::Result<Option<String>, Stopped> {
        let session = &self.task.session_id.clone();
        let session = self.persist(|store, _| async move { store.session(session).await }).await?;
        Ok(session.and_then(|session| session.user_id))
    }

    /// The messages of the session.
    pub async fn history(&mut self) -> std::result::Result<Vec<Message>, Stopped> {
        let session = &self.task.session_id.clone();
        self.persist(|store, _| async move { store.messages(session).await }).await
    }

    /// Appends chunks. They are durable when this returns.
    pub async fn append(&mut self, chunks: &[Arc<str>]) -> std::result::Result<(), Stopped> {
        let ids = self.persist(|store, claim| async move { store.append(&claim, chunks).await }).await?;
        self.wrote(ids, chunks);
        if self.loose > self.terms.max_log_chunks { self.trim().await } else { Ok(()) }
    }

    /// Turns the older entries into a snapshot and keeps half of what a log may hold. So the log is read through once
    /// per so many chunks, and not for each chunk.
    async fn trim(&mut self) -> std::result::Result<(), Stopped> {
        let keep = usize::try_from(self.terms.max_log_chunks / 2).unwrap_or(usize::MAX);
        let mut older = Vec::new();
        self.each_page(EventId::ZERO, |slice| older.extend(slice.entries.iter().cloned())).await?;
        older.truncate(older.len().saturating_sub(keep));
        let Some(through) = older.last().map(|entry| entry.id) else { return Ok(()) };
        let snapshot = &compact::all(older);
        self.persist(|store, claim| async move { store.trim(&claim, through, snapshot).await }).await?;
        self.loose = keep as u64;
        Ok(())
    }

    /// Reads the log to its end.
    async fn each_page(&mut self, from: EventId, mut take: impl FnMut(&Slice)) -> std::result::Result<(), Stopped> {
        let mut cursor = from;
        loop {
            let read =
                self.persist(|store, claim| async move { store.read(&claim.task, cursor, PORTION).await }).await?;
            let Lookup::Found(slice) = read else { return Err(Stopped::Fenced) };
            take(&slice);
            let Some(last) = slice.entries.last() else { return Ok(()) };
            cursor = last.id;
        }
    }

    fn wrote(&mut self, ids: Vec<EventId>, chunks: &[Arc<str>]) {
        chunks.iter().for_each(|chunk| self.transcript.push(chunk));
        self.remember(ids, chunks);
        self.loose += chunks.len() as u64;
        self.bytes += chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        self.terms.metrics.chunks_in(chunks.len());
    }

    /// Keeps entries of the log in memory, so that they can be appended again.
    fn remember(&mut self, ids: Vec<EventId>, chunks: &[Arc<str>]) {
        for (id, data) in ids.into_iter().zip(chunks) {
            self.recent.push(Entry { id, data: data.clone() });
        }
        self.claim.position += chunks.len() as u64;
    }

    /// When the store last accepted a write, which also renewed the lease.
    pub fn written(&self) -> Instant {
        self.written
    }

    /// Renews the lease.
    pub async fn renew(&mut self) -> std::result::Result<(), Stopped> {
        self.persist(|store, claim| async move { store.renew(&claim).await }).await
    }

    /// Appends the last chunks of a turn and lets the task wait for an operation, in one step.
    pub async fn suspend(mut self, operation: Operation, chunks: Vec<Arc<str>>) -> std::result::Result<(), Stopped> {
        let ids = self.wait_for(&operation, &chunks).await?;
        self.wrote(ids, &chunks);
        confirmation::begin(self, LastStep::Suspension(operation));
        Ok(())
    }

    async fn wait_for(
        &mut self,
        operation: &Operation,
        chunks: &[Arc<str>],
    ) -> std::result::Result<Vec<EventId>, Stopped> {
        self.persist(|store, claim| async move { store.suspend(&claim, operation, chunks).await }).await
    }

    /// Repeats [`Writer::suspend`] after a failover that lost it. The last entries come back under their ids.
    pub async fn suspend_again(&mut self, operation: &Operation) -> std::result::Result<(), Stopped> {
        self.wait_for(operation, &[]).await.map(|_| ())
    }

    /// Lets a task wait again that continued after its operation and has written nothing since. Returns false where it
    /// has.
    pub async fn wait_again(&mut self) -> std::result::Result<bool, Stopped> {
        self.persist(|store, claim| async move { store.wait_again(&claim).await }).await
    }

    /// Ends the task: the last chunks, the status and the messages are one step, so that readers of the session find the
    /// answer in the stream until then and in the messages from then on.
    pub async fn finish(mut self, status: Status, chunks: Vec<Arc<str>>) -> std::result::Result<(), Stopped> {
        chunks.iter().for_each(|chunk| self.transcript.push(chunk));
        let messages = self.transcript.messages(&self.task);
        let end = End { status, chunks, messages };
        let ids = self.end(&end).await?;
        self.terms.metrics.chunks_in(end.chunks.len());
        self.terms.metrics.task_ended(status);
        tracing::info!(
            task = self.task.log_id(),
            status = status.as_str(),
            chunks = self.claim.position,
            "a task ended"
        );
        self.remember(ids, &end.chunks);
        confirmation::begin(self, LastStep::End(end));
        Ok(())
    }

    async fn end(&mut self, end: &End) -> std::result::Result<Vec<EventId>, Stopped> {
        self.persist(|store, claim| async move { store.finish(&claim, end).await }).await
    }

    /// Repeats [`Writer::finish`] after a failover that lost it. The last entries come back under their ids.
    pub async fn end_again(&mut self, end: End) -> std::result::Result<(), Stopped> {
        self.end(&End { chunks: Vec::new(), ..end }).await.map(|_| ())
    }

    /// Tries a step until the store has answered.
    async fn persist<T, F>(&mut self, step: impl Fn(SharedStore, Claim) -> F) -> std::result::Result<T, Stopped>
    where
        F: Future<Output = Result<T>>,
    {
        let mut waits = Waits::default();
        loop {
            let outcome = match step(self.terms.store.clone(), self.claim.clone()).await {
                Err(StoreError::Gap { position }) => self.restore(position).await.map(|()| None),
                outcome => outcome.map(Some),
            };
            match outcome {
                Ok(Some(done)) => {
                    self.written = Instant::now();
                    return Ok(done);
                }
                Ok(None) => tracing::warn!(task = self.task.log_id(), "the store had lost entries, which are back"),
                Err(StoreError::Fenced) => return Err(Stopped::Fenced),
                Err(StoreError::Gap { position }) => return Err(Stopped::Gap(position)),
                Err(error @ StoreError::Corrupt(_)) => {
                    tracing::error!(task = self.task.log_id(), %error, "a task is given up");
                    return Err(Stopped::Corrupt);
                }
                Err(error @ StoreError::Transient(_)) => {
                    self.terms.metrics.store_error();
                    waits.next(&self.task, &error).await;
                }
            }
        }
    }

    /// Appends the entries that the log has lost after a position, and begins the task again where the store has lost
    /// all of it.
    async fn restore(&mut self, position: u64) -> Result<()> {
        let lost = self.recent.after(position).ok_or(StoreError::Gap { position })?;
        if position == 0 {
            self.begin_again().await?;
        }
        let claim = Claim { position, ..self.claim.clone() };
        self.terms.store.restore(&claim, &lost).await
    }

    /// Begins the task again. A record that is gone before it can have expired was lost.
    async fn begin_again(&self) -> Result<()> {
        let begin =
            self.begin.as_ref().filter(|_| self.written.elapsed() < self.terms.ttl).ok_or(StoreError::Fenced)?;
        let begin = Begin { chunks: Vec::new(), ..begin.clone() };
        match self.terms.store.begin(&begin).await? {
            Begun::Claimed(claim, _) if claim.epoch == self.claim.epoch => Ok(()),
            _ => Err(StoreError::Fenced),
        }
    }
}

/// The transcript that a task begins with: that of the message which it continues, or an empty one.
fn transcript_of(task: &Task, messages: &[Message]) -> Transcript {
    let message = messages.iter().find(|message| message.id == task.writes);
    message.map_or_else(Transcript::default, |message| Transcript::stored(message, messages))
}

/// Pauses between tries, longer each time.
#[derive(Default)]
struct Waits(Option<Duration>);

impl Waits {
    async fn next(&mut self, task: &Task, error: &StoreError) {
        if self.0.is_none() {
            tracing::warn!(task = task.log_id(), %error, "trying again");
        }
        let wait = self.0.map_or(FIRST_WAIT, |wait| (wait * 2).min(LONGEST_WAIT));
        self.0 = Some(wait);
        // Writers that met the same outage do not come back at the same moment.
        tokio::time::sleep(wait.mul_f64(jitter())).await;
    }
}

/// A random factor between a half and one, which spreads those that try again.
pub fn jitter() -> f64 {
    let random = uuid::Uuid::new_v4().as_u128() as u16;
    0.5 + f64::from(random) / f64::from(u16::MAX) / 2.0
}
