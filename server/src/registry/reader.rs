//! One reader of one task. It reads the log page by page, and then takes new entries from the feed.

use std::sync::Arc;
use std::time::Duration;

use rejoin::stream::cursor::EventId;
use rejoin::stream::sse::encoder;
use tokio::sync::watch;

use super::compact::Compactor;
use super::feed::{Feed, Feeds, Frame, Live};
use crate::store::{Entry, Lookup, Portion, SharedStore, Slice, Status, StoreError};

/// How much of a log is read at once.
const PORTION: Portion = Portion { entries: 512, bytes: 256 * 1024 };
/// The pause between two tries while the store is away.
const RETRY: Duration = Duration::from_millis(200);
/// How many bytes are sent at once, so that one reader does not take much memory.
const MOST_AT_ONCE: usize = 64 * 1024;

/// How entries are sent that were in the log before the reader came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    Exact,
    Compact,
}

/// The next thing to send to a client.
#[derive(Debug)]
pub enum Batch {
    /// Encoded events.
    Events { bytes: Vec<u8>, count: usize, live: Option<EventId> },
    /// The task has ended, and the client has all of it.
    End,
    /// The connection is cut, because the log was trimmed under a slow reader, or is gone. The client rejoins.
    Cut,
}

/// See the module.
pub struct Reader {
    store: SharedStore,
    feeds: Feeds,
    task: String,
    cursor: EventId,
    /// The end of the snapshot that the log had when the first page was read.
    trimmed: EventId,
    compactor: Option<Compactor>,
    /// The page that was read when the stream was opened.
    opening: Option<Slice>,
    /// The status that the task had when the log was read to its end.
    has_all: Option<Status>,
    live: Option<(Arc<Feed>, watch::Receiver<()>)>,
}

impl Reader {
    /// Makes a reader after `cursor`. `opening` is the first page, which was read already.
    pub fn new(
        store: SharedStore,
        feeds: Feeds,
        task: String,
        cursor: EventId,
        opening: Slice,
        replay: Replay,
    ) -> Self {
        let compactor = (replay == Replay::Compact).then(Compactor::default);
        let trimmed = opening.trimmed;
        Self { store, feeds, task, cursor, trimmed, compactor, opening: Some(opening), has_all: None, live: None }
    }

    /// Waits for the next thing to send.
    pub async fn next(&mut self) -> Batch {
        loop {
            if let Some(batch) = self.poll_live() {
                return batch;
            }
            match &mut self.live {
                Some((feed, changes)) if !matches!(feed.after(self.cursor), Live::Behind) => {
                    if changes.changed().await.is_err() && matches!(feed.after(self.cursor), Live::Nothing) {
                        return Batch::Cut;
                    }
                }
                _ => {
                    if let Some(batch) = self.read_page().await {
                        return batch;
                    }
                }
            }
        }
    }

    /// The next entries of the feed, if the reader has caught up with it.
    fn poll_live(&mut self) -> Option<Batch> {
        let (feed, changes) = self.live.as_mut()?;
        changes.mark_unchanged();
        match feed.after(self.cursor) {
            Live::Frames(frames) => Some(self.deliver(&frames)),
            Live::Nothing | Live::Behind => None,
            Live::End => Some(Batch::End),
            Live::Gone => Some(Batch::Cut),
        }
    }

    fn deliver(&mut self, frames: &[Frame]) -> Batch {
        let mut bytes = Vec::new();
        let mut count = 0;
        for frame in frames {
            bytes.extend_from_slice(&frame.bytes);
            self.cursor = frame.id;
            count += 1;
            if bytes.len() >= MOST_AT_ONCE {
                break;
            }
        }
        Batch::Events { bytes, count, live: Some(self.cursor) }
    }

    /// Reads one page of the log. `None`: there is nothing to send in it.
    async fn read_page(&mut self) -> Option<Batch> {
        if let Some(status) = self.has_all.take() {
            return self.caught_up(status).await;
        }
        let slice = match self.opening.take() {
            Some(slice) => slice,
            None => match self.store.read(&self.task, self.cursor, PORTION).await {
                Ok(Lookup::Found(slice)) => slice,
                Err(StoreError::Transient(_)) => {
                    tokio::time::sleep(RETRY).await;
                    return None;
                }
                Ok(Lookup::Expired | Lookup::Missing) | Err(_) => return Some(Batch::Cut),
            },
        };
        if self.is_cut_by(&slice) {
            return Some(Batch::Cut);
        }
        self.trimmed = slice.trimmed;
        let newest = slice.entries.last().map_or(self.cursor, |entry| entry.id);
        self.has_all = (newest >= slice.last).then_some(slice.status);
        self.replay(slice.entries)
    }

    /// Whether entries after the cursor are gone. That is also so where a snapshot was made since the last page,
    /// because the merged chunks in it may contain text that was sent already.
    fn is_cut_by(&self, slice: &Slice) -> bool {
        let was_merged = slice.trimmed != self.trimmed && self.cursor < slice.trimmed;
        self.cursor > EventId::ZERO && (slice.gap || was_merged)
    }

    fn replay(&mut self, entries: Vec<Entry>) -> Option<Batch> {
        let mut out = Out::default();
        for entry in entries {
            self.cursor = entry.id;
            match &mut self.compactor {
                Some(compactor) => compactor.push(entry, &mut |entry| out.push(&entry)),
                None => out.push(&entry),
            }
        }
        out.batch()
    }

    /// Sends the chunk that was held back for merging. The log has no more entries, so the feed comes next.
    async fn caught_up(&mut self, status: Status) -> Option<Batch> {
        if let Some(mut compactor) = self.compactor.take() {
            let mut out = Out::default();
            compactor.flush(&mut |entry| out.push(&entry));
            if let Some(batch) = out.batch() {
                self.has_all = Some(status);
                return Some(batch);
            }
        }
        if status != Status::Running {
            return Some(Batch::End);
        }
        match self.feeds.join(&self.task, self.cursor).await {
            Ok(feed) => {
                let changes = feed.changes();
                self.live = Some((feed, changes));
            }
            Err(_) => tokio::time::sleep(RETRY).await,
        }
        None
    }
}

/// Encoded events that wait to be sent.
#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    count: usize,
}

impl Out {
    fn push(&mut self, entry: &Entry) {
        encoder::event(&mut self.bytes, Some(entry.id), &entry.data);
        self.count += 1;
    }

    fn batch(self) -> Option<Batch> {
        (self.count > 0).then_some(Batch::Events { bytes: self.bytes, count: self.count, live: None })
    }
}
