//! Live delivery. Each task that has readers in this process has one pump, which takes each publication once and
//! encodes it for all of them. A reader that is further behind reads the log at its own pace, so it neither slows the
//! writer nor loses anything. Publications may be lost: where one does not follow the last, or none has come for some
//! seconds, the pump reads the log.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use rejoin::stream::cursor::EventId;
use rejoin::stream::sse::encoder;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::writer::jitter;
use crate::store::notifications::{Notification, Publication, Subscription};
use crate::store::{Entry, Lookup, Portion, Result, SharedStore, Slice, Status, StoreError};

/// How much is kept for the readers of one task. A reader that is further behind reads the log.
const MOST_FRAMES: usize = 512;
const MOST_BYTES: usize = 256 * 1024;
/// How many bytes all feeds of this process keep together.
const MOST_BYTES_OF_ALL: usize = 128 * 1024 * 1024;
/// How much of a log is read at once.
const PORTION: Portion = Portion { entries: 256, bytes: MOST_BYTES };
/// The pause between two tries while the store is away.
const RETRY: Duration = Duration::from_millis(200);
/// How long a task may be missing before its readers are cut. Where a failover lost it, its writer brings it back.
const ABSENCE: Duration = Duration::from_millis(1500);
/// The longest delay that a lost publication causes.
const LONGEST_SILENCE: Duration = Duration::from_millis(4500);

/// The feeds of this process.
#[derive(Clone)]
pub struct Feeds {
    store: SharedStore,
    open: Arc<Mutex<HashMap<String, Weak<Feed>>>>,
    /// How many bytes all of them keep.
    shared: Arc<AtomicUsize>,
}

/// One encoded event.
#[derive(Clone, Debug)]
pub struct Frame {
    pub id: EventId,
    pub bytes: Bytes,
}

/// One task's live end, shared by its readers here. Its pump stops when the last of them goes.
pub struct Feed {
    tail: Arc<Mutex<Tail>>,
    changes: watch::Receiver<()>,
    pump: AbortHandle,
}

struct Tail {
    /// The id before the first of `frames`.
    base: EventId,
    frames: VecDeque<Frame>,
    bytes: usize,
    last: EventId,
    state: State,
    /// How many bytes all feeds keep.
    shared: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Live,
    Ended,
    /// The task, or a part of its log, is gone from the store.
    Gone,
}

/// The answer of a feed to a reader.
#[derive(Debug)]
pub enum Live {
    /// The next events, in order; never empty.
    Frames(Vec<Frame>),
    /// The reader has everything so far.
    Nothing,
    /// The reader is too far behind and has to read the log.
    Behind,
    /// The reader has everything, and the task has ended.
    End,
    /// The rest of the log is gone.
    Gone,
}

/// Encodes an entry as it goes to every reader.
fn frame(entry: &Entry) -> Frame {
    let mut bytes = Vec::with_capacity(entry.data.len() + 48);
    encoder::event(&mut bytes, Some(entry.id), &entry.data);
    Frame { id: entry.id, bytes: bytes.into() }
}

impl Feeds {
    /// Makes the feeds of a process, of which there are none yet.
    pub fn new(store: SharedStore) -> Self {
        Self { store, open: Arc::default(), shared: Arc::default() }
    }

    /// The feed of a running task, for a reader that has everything up to a cursor. The feed has everything after that.
    pub async fn join(&self, task: &str, cursor: EventId) -> Result<Arc<Feed>> {
        if let Some(feed) = self.open.lock().get(task).and_then(Weak::upgrade) {
            return Ok(feed);
        }
        let subscription = self.store.watch(task).await?;
        let mut open = self.open.lock();
        if let Some(feed) = open.get(task).and_then(Weak::upgrade) {
            return Ok(feed);
        }
        let tail = Tail::at(cursor, self.shared.clone());
        let feed = Arc::new(Feed::start(self.store.clone(), task.to_owned(), tail, subscription));
        open.insert(task.to_owned(), Arc::downgrade(&feed));
        if open.len() > 64 && open.len().is_power_of_two() {
            open.retain(|_, feed| feed.strong_count() > 0);
        }
        Ok(feed)
    }
}

impl Feed {
    fn start(store: SharedStore, task: String, tail: Tail, subscription: Subscription) -> Self {
        let tail = Arc::new(Mutex::new(tail));
        let (announce, changes) = watch::channel(());
        let pump = Pump { store, task, tail: tail.clone(), announce, absent_since: None };
        Self { tail, changes, pump: tokio::spawn(pump.run(subscription)).abort_handle() }
    }

    /// A receiver that changes with each event after this call.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.clone()
    }

    /// The events after a cursor.
    pub fn after(&self, cursor: EventId) -> Live {
        self.tail.lock().after(cursor)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl Tail {
    fn at(cursor: EventId, shared: Arc<AtomicUsize>) -> Self {
        Self { base: cursor, frames: VecDeque::new(), bytes: 0, last: cursor, state: State::Live, shared }
    }

    fn after(&self, cursor: EventId) -> Live {
        if cursor < self.base {
            return Live::Behind;
        }
        if cursor < self.last {
            let from = self.frames.partition_point(|frame| frame.id <= cursor);
            return Live::Frames(self.frames.range(from..).cloned().collect());
        }
        match self.state {
            State::Live => Live::Nothing,
            State::Ended => Live::End,
            State::Gone => Live::Gone,
        }
    }

    fn push(&mut self, entry: &Entry) {
        let frame = frame(entry);
        self.last = frame.id;
        self.bytes += frame.bytes.len();
        self.shared.fetch_add(frame.bytes.len(), Relaxed);
        self.frames.push_back(frame);
        while self.is_too_large() {
            let Some(oldest) = self.frames.pop_front() else { return };
            self.base = oldest.id;
            self.forget(oldest.bytes.len());
        }
    }

    fn is_too_large(&self) -> bool {
        let is_crowded = self.shared.load(Relaxed) > MOST_BYTES_OF_ALL && self.frames.len() > 1;
        self.frames.len() > MOST_FRAMES || self.bytes > MOST_BYTES || is_crowded
    }

    fn forget(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.shared.fetch_sub(bytes, Relaxed);
    }

    /// Starts anew at a position of the log, and leaves what lies before it for the readers to fetch.
    fn skip_to(&mut self, id: EventId) {
        self.frames.clear();
        self.forget(self.bytes);
        self.base = id;
        self.last = id;
    }

    /// Takes a page of the log. Returns whether it was the last.
    fn take(&mut self, slice: &Slice) -> bool {
        if slice.gap {
            self.state = State::Gone;
            return true;
        }
        if self.last < slice.trimmed {
            self.skip_to(slice.trimmed);
        }
        self.push_new(&slice.entries);
        let has_all = self.last >= slice.last;
        if has_all {
            self.state = state_of(slice.status);
        }
        has_all
    }

    /// Takes a publication. Returns false where entries between the last and this one are missing.
    fn follow(&mut self, publication: &Publication) -> bool {
        if publication.last < self.last {
            // It was on its way while the log was read, which had it already.
            return true;
        }
        let is_known = publication.last == self.last;
        let follows =
            publication.previous == self.last || publication.entries.iter().any(|entry| entry.id == self.last);
        let is_whole = publication.entries.last().is_some_and(|entry| entry.id == publication.last);
        if !(is_known || follows && is_whole) {
            return false;
        }
        self.push_new(&publication.entries);
        self.state = state_of(publication.status);
        true
    }

    fn push_new(&mut self, entries: &[Entry]) {
        for entry in entries {
            if entry.id > self.last {
                self.push(entry);
            }
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.shared.fetch_sub(self.bytes, Relaxed);
    }
}

fn state_of(status: Status) -> State {
    if status == Status::Running { State::Live } else { State::Ended }
}

/// Brings new entries to a tail, until the task ends.
struct Pump {
    store: SharedStore,
    task: String,
    tail: Arc<Mutex<Tail>>,
    announce: watch::Sender<()>,
    /// When the task was first found missing.
    absent_since: Option<Instant>,
}

impl Pump {
    async fn run(mut self, mut subscription: Subscription) {
        let mut is_current = false;
        loop {
            is_current = if is_current { self.listen(&mut subscription).await } else { self.look().await };
            // Nobody has to be notified where nobody reads.
            let _ = self.announce.send(());
            if self.tail.lock().state != State::Live {
                return;
            }
        }
    }

    /// Takes the next publication. Returns false where the log has to be read.
    async fn listen(&self, subscription: &mut Subscription) -> bool {
        match tokio::time::timeout(LONGEST_SILENCE.mul_f64(jitter()), subscription.next()).await {
            Ok(Notification::Changed(publication)) => self.tail.lock().follow(&publication),
            Ok(Notification::Unknown) | Err(_) => false,
        }
    }

    /// Takes a page of the log. Returns false where there is more.
    async fn look(&mut self) -> bool {
        let cursor = self.tail.lock().last;
        match self.store.read(&self.task, cursor, PORTION).await {
            Ok(Lookup::Found(slice)) => {
                self.absent_since = None;
                self.tail.lock().take(&slice)
            }
            Err(StoreError::Transient(_)) => {
                tokio::time::sleep(RETRY).await;
                false
            }
            Ok(Lookup::Missing) if self.absent_since.get_or_insert_with(Instant::now).elapsed() < ABSENCE => {
                tokio::time::sleep(RETRY).await;
                false
            }
            Ok(Lookup::Expired | Lookup::Missing) | Err(_) => {
                self.tail.lock().state = State::Gone;
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(ms: u64) -> Entry {
        Entry { id: EventId { ms, seq: 0 }, data: "{}".into() }
    }

    fn slice(ids: std::ops::Range<u64>, status: Status) -> Slice {
        let last = EventId { ms: ids.end - 1, seq: 0 };
        let (trimmed, first) = (EventId::ZERO, EventId::ZERO);
        Slice { entries: ids.map(entry).collect(), status, last, trimmed, first, gap: false }
    }

    fn ids(live: Live) -> Vec<u64> {
        match live {
            Live::Frames(frames) => frames.iter().map(|frame| frame.id.ms).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn tail() -> Tail {
        Tail::at(at(10), Arc::default())
    }

    fn at(ms: u64) -> EventId {
        EventId { ms, seq: 0 }
    }

    #[test]
    fn a_reader_gets_what_lies_after_its_cursor() {
        let mut tail = tail();
        tail.take(&slice(11..14, Status::Running));
        assert_eq!(ids(tail.after(at(11))), [12, 13]);
        assert!(matches!(tail.after(at(13)), Live::Nothing));
    }

    #[test]
    fn a_reader_from_before_the_feed_reads_the_store() {
        assert!(matches!(tail().after(at(9)), Live::Behind));
    }

    #[test]
    fn a_reader_that_is_too_slow_reads_the_store() {
        let mut tail = tail();
        tail.take(&slice(11..12 + MOST_FRAMES as u64, Status::Running));
        assert!(matches!(tail.after(at(10)), Live::Behind));
        assert_eq!(ids(tail.after(at(11))).len(), MOST_FRAMES);
    }

    #[test]
    fn the_end_comes_after_the_last_entry() {
        let mut tail = tail();
        tail.take(&slice(11..13, Status::Completed));
        assert_eq!(ids(tail.after(at(11))), [12]);
        assert!(matches!(tail.after(at(12)), Live::End));
    }

    fn publication(previous: u64, ids: std::ops::Range<u64>, status: Status) -> Publication {
        let last = at(ids.end - 1);
        Publication { previous: at(previous), last, status, entries: ids.map(entry).collect() }
    }

    #[test]
    fn a_publication_that_follows_needs_no_look_at_the_log() {
        let mut tail = tail();
        assert!(tail.follow(&publication(10, 11..13, Status::Running)));
        assert!(tail.follow(&publication(10, 11..13, Status::Running)), "a repeat brings nothing");
        assert!(tail.follow(&publication(12, 13..14, Status::Completed)));
        assert_eq!(ids(tail.after(at(10))), [11, 12, 13]);
        assert!(matches!(tail.after(at(13)), Live::End));
    }

    #[test]
    fn a_publication_that_does_not_follow_or_carries_nothing_sends_to_the_log() {
        let mut tail = tail();
        assert!(!tail.follow(&publication(11, 12..13, Status::Running)));
        let empty = Publication { entries: [].into(), ..publication(10, 11..12, Status::Running) };
        assert!(!tail.follow(&empty));
        assert!(matches!(tail.after(at(10)), Live::Nothing));
    }

    #[test]
    fn a_gap_ends_the_feed() {
        let mut tail = tail();
        tail.take(&Slice { gap: true, ..slice(14..15, Status::Running) });
        assert!(matches!(tail.after(at(10)), Live::Gone));
    }

    #[test]
    fn what_a_tail_held_is_given_back_when_it_goes() {
        let shared = Arc::<AtomicUsize>::default();
        let mut tail = Tail::at(at(10), shared.clone());
        tail.take(&slice(11..14, Status::Running));
        assert!(shared.load(Relaxed) > 0);
        drop(tail);
        assert_eq!(shared.load(Relaxed), 0);
    }
}
