//! The log of a task: appending to it and reading from it.

use std::sync::Arc;

use redb::{ReadTransaction, ReadableTable, WriteTransaction};
use rejoin::stream::cursor::EventId;

use super::tables::{LOG, TAILS, TRIMS};
use crate::clock;
use crate::store::notifications::Publication;
use crate::store::{Claim, Entry, Portion, Result, Slice, Status, StoreError, Task};

/// The result of an append.
pub struct Pushed {
    pub ids: Vec<EventId>,
    /// The newest id before it; `None` for a repeat, which appended nothing.
    previous: Option<EventId>,
}

impl Pushed {
    /// The publication for its followers.
    pub fn publication(&self, status: Status, chunks: &[Arc<str>]) -> Option<Publication> {
        let previous = self.previous?;
        let entries: Vec<Entry> =
            self.ids.iter().zip(chunks).map(|(id, data)| Entry { id: *id, data: data.clone() }).collect();
        let last = self.ids.last().copied().unwrap_or(previous);
        Some(Publication { previous, last, status, entries: entries.into() })
    }
}

/// Appends under a claim whose task was checked; a repeat of the newest append only returns its ids again.
pub fn push(txn: &WriteTransaction, claim: &Claim, chunks: &[Arc<str>]) -> Result<Pushed> {
    let id = claim.task.as_str();
    let mut tails = txn.open_table(TAILS)?;
    let (position, ms, seq) = tails.get(id)?.map_or((0, 0, 0), |tail| tail.value());
    if position == claim.position + count(chunks) && !chunks.is_empty() {
        return Ok(Pushed { ids: newest(txn, id, chunks.len())?, previous: None });
    }
    if position != claim.position {
        return Err(StoreError::Fenced);
    }
    let previous = EventId { ms, seq };
    let mut log = txn.open_table(LOG)?;
    let mut last = previous;
    let mut ids = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        last = next_id(last);
        log.insert((id, last.ms, last.seq), &**chunk)?;
        ids.push(last);
    }
    tails.insert(id, (position + count(chunks), last.ms, last.seq))?;
    Ok(Pushed { ids, previous: Some(previous) })
}

/// The ids of the newest entries, oldest first.
pub fn newest(txn: &WriteTransaction, id: &str, number: usize) -> Result<Vec<EventId>> {
    let log = txn.open_table(LOG)?;
    let mut ids = Vec::with_capacity(number);
    for row in log.range(beyond(id, EventId::ZERO))?.rev().take(number) {
        let (_, ms, seq) = row?.0.value();
        ids.push(EventId { ms, seq });
    }
    ids.reverse();
    Ok(ids)
}

/// How many entries were ever appended.
pub fn position(txn: &WriteTransaction, id: &str) -> Result<u64> {
    Ok(txn.open_table(TAILS)?.get(id)?.map_or(0, |tail| tail.value().0))
}

/// The newest id.
pub fn last(txn: &WriteTransaction, id: &str) -> Result<EventId> {
    Ok(txn.open_table(TAILS)?.get(id)?.map_or(EventId::ZERO, |tail| tail_id(tail.value())))
}

/// The next id, which is always greater than the last, also where the clock stops or runs back.
fn next_id(last: EventId) -> EventId {
    let now = clock::now();
    if now > last.ms { EventId { ms: now, seq: 0 } } else { EventId { ms: last.ms, seq: last.seq + 1 } }
}

/// The number of chunks, as positions count them.
pub fn count(chunks: &[Arc<str>]) -> u64 {
    chunks.len() as u64
}

/// The entries after a cursor.
pub fn read(view: &ReadTransaction, task: &Task, after: EventId, portion: Portion) -> Result<Slice> {
    let id = task.id.as_str();
    let log = view.open_table(LOG)?;
    let trimmed = view.open_table(TRIMS)?.get(id)?.map_or(EventId::ZERO, |at| event_id(at.value()));
    let last = view.open_table(TAILS)?.get(id)?.map_or(EventId::ZERO, |tail| tail_id(tail.value()));
    let entries = entries(&log, id, after, portion)?;
    let first = first_after(&log, id, trimmed)?;
    // Nothing that was appended is ever lost here, so only a cursor ahead of the log is a gap.
    let gap = after > last;
    Ok(Slice { entries, status: task.status, last, trimmed, first, gap })
}

type Log = redb::ReadOnlyTable<(&'static str, u64, u64), &'static str>;

fn entries(log: &Log, id: &str, after: EventId, portion: Portion) -> Result<Vec<Entry>> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    for row in log.range(beyond(id, after))?.take(portion.entries) {
        let (key, data) = row?;
        let (_, ms, seq) = key.value();
        let entry = Entry { id: EventId { ms, seq }, data: data.value().into() };
        bytes += entry.data.len();
        found.push(entry);
        if bytes >= portion.bytes {
            break;
        }
    }
    Ok(found)
}

fn first_after(log: &Log, id: &str, after: EventId) -> Result<EventId> {
    let one = Portion { entries: 1, bytes: 1 };
    Ok(entries(log, id, after, one)?.first().map_or(after, |entry| entry.id))
}

type Bounds<'a> = (std::ops::Bound<(&'a str, u64, u64)>, std::ops::Bound<(&'a str, u64, u64)>);

fn beyond(id: &str, after: EventId) -> Bounds<'_> {
    use std::ops::Bound::{Excluded, Included};
    (Excluded((id, after.ms, after.seq)), Included((id, u64::MAX, u64::MAX)))
}

fn event_id((ms, seq): (u64, u64)) -> EventId {
    EventId { ms, seq }
}

fn tail_id((_, ms, seq): (u64, u64, u64)) -> EventId {
    EventId { ms, seq }
}
