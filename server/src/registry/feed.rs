//! Live delivery: per task that has readers here, one pump reads each new entry once from the store, and all readers
//! share it, already encoded. A reader that falls behind what is shared reads from the log at its own pace, so it
//! neither slows the writer nor loses anything.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use rejoin::stream::cursor::EventId;
use rejoin::stream::sse::encoder;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::store::{Entry, Lookup, Result, SharedStore, Slice, Status, Subscription};

/// What is shared at most, per task; readers further behind read from the store.
const MOST_FRAMES: usize = 512;
const MOST_BYTES: usize = 256 * 1024;
/// Entries per read of the store.
const PAGE: usize = 256;
/// Between tries while the store is away.
const RETRY: Duration = Duration::from_millis(200);

/// The feeds of this process.
#[derive(Clone)]
pub struct Feeds {
    store: SharedStore,
    open: Arc<Mutex<HashMap<String, Weak<Feed>>>>,
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
    news: watch::Receiver<()>,
    pump: AbortHandle,
}

struct Tail {
    /// Everything after this is in `frames`.
    base: EventId,
    frames: VecDeque<Frame>,
    bytes: usize,
    last: EventId,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Live,
    Ended,
    /// The task is gone from the store.
    Gone,
}

/// What a feed has for a reader.
#[derive(Debug)]
pub enum Live {
    /// In order, never empty.
    Frames(Vec<Frame>),
    /// The reader has all there is for now.
    Nothing,
    /// The reader is behind what is shared.
    Behind,
    /// The reader has all there will ever be.
    End,
    /// The rest is gone.
    Gone,
}

/// Encodes an entry as it goes to every reader.
pub fn frame(entry: &Entry) -> Frame {
    let mut bytes = Vec::with_capacity(entry.data.len() + 48);
    encoder::event(&mut bytes, Some(entry.id), &entry.data);
    Frame { id: entry.id, bytes: bytes.into() }
}

impl Feeds {
    /// None yet.
    pub fn new(store: SharedStore) -> Self {
        Self { store, open: Arc::default() }
    }

    /// The feed of a running task. What is appended after this has returned comes through it.
    pub async fn join(&self, task: &str) -> Result<Arc<Feed>> {
        if let Some(feed) = self.open.lock().get(task).and_then(Weak::upgrade) {
            return Ok(feed);
        }
        let subscription = self.store.watch(task).await?;
        let newest = EventId { ms: u64::MAX, seq: u64::MAX };
        let tail = Tail::at(self.store.read(task, newest, 1).await?);
        let mut open = self.open.lock();
        if let Some(feed) = open.get(task).and_then(Weak::upgrade) {
            return Ok(feed);
        }
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
        let (announce, news) = watch::channel(());
        let pump = tokio::spawn(pump(store, task, tail.clone(), subscription, announce)).abort_handle();
        Self { tail, news, pump }
    }

    /// Hears of everything that comes after this call.
    pub fn news(&self) -> watch::Receiver<()> {
        self.news.clone()
    }

    /// What comes after a cursor.
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
    fn at(found: Lookup<Slice>) -> Self {
        let (last, state) = match found {
            Lookup::Found(slice) => (slice.last, state_of(slice.status)),
            Lookup::Expired | Lookup::Missing => (EventId::ZERO, State::Gone),
        };
        // The end may stand behind entries that are not shared: the pump finds it when it has read them.
        let state = if state == State::Ended { State::Live } else { state };
        Self { base: last, frames: VecDeque::new(), bytes: 0, last, state }
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

    fn push(&mut self, frame: Frame) {
        self.last = frame.id;
        self.bytes += frame.bytes.len();
        self.frames.push_back(frame);
        while self.frames.len() > MOST_FRAMES || self.bytes > MOST_BYTES {
            let Some(oldest) = self.frames.pop_front() else { return };
            self.base = oldest.id;
            self.bytes -= oldest.bytes.len();
        }
    }

    /// The log was cut above what was read: what lies below is for the readers to fetch.
    fn skip_to(&mut self, id: EventId) {
        self.frames.clear();
        self.bytes = 0;
        self.base = id;
        self.last = id;
    }

    fn take(&mut self, slice: &Slice) {
        if self.last < slice.trimmed {
            self.skip_to(slice.trimmed);
        }
        for entry in slice.entries.iter().filter(|entry| entry.id > slice.trimmed) {
            self.push(frame(entry));
        }
        if self.last == slice.last {
            self.state = state_of(slice.status);
        }
    }
}

fn state_of(status: Status) -> State {
    if status == Status::Running { State::Live } else { State::Ended }
}

/// Reads what is new after each notify, until the task ends.
async fn pump(
    store: SharedStore,
    task: String,
    tail: Arc<Mutex<Tail>>,
    mut subscription: Subscription,
    announce: watch::Sender<()>,
) {
    loop {
        let cursor = tail.lock().last;
        let (state, caught_up) = match store.read(&task, cursor, PAGE).await {
            Ok(Lookup::Found(slice)) => {
                let mut tail = tail.lock();
                tail.take(&slice);
                (tail.state, tail.last == slice.last)
            }
            Ok(Lookup::Expired | Lookup::Missing) => {
                tail.lock().state = State::Gone;
                (State::Gone, true)
            }
            Err(_) => {
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        // Nobody listening means that nobody needs to hear it.
        let _ = announce.send(());
        if state != State::Live {
            return;
        }
        if caught_up {
            subscription.notified().await;
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
        Slice { entries: ids.map(entry).collect(), status, last, trimmed: EventId::ZERO, first: EventId::ZERO }
    }

    fn ids(live: Live) -> Vec<u64> {
        match live {
            Live::Frames(frames) => frames.iter().map(|frame| frame.id.ms).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn tail() -> Tail {
        Tail::at(Lookup::Found(slice(1..11, Status::Running)))
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
}
