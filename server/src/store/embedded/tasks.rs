//! Tasks and their logs. Each function is one step of a transaction; all that refuse do so before they write.

use std::sync::Arc;

use redb::{ReadTransaction, ReadableTable, WriteTransaction};
use rejoin::stream::cursor::EventId;
use serde::{Deserialize, Serialize};

use super::sessions;
use super::tables::{ACTIVE, EXPIRY, LOG, OPERATIONS, RUNNING, TAILS, TASKS, TRIMS, decode, encode, load};
use crate::clock;
use crate::store::{
    Begin, Claim, Entry, Message, NewTask, Operation, Result, Resume, Slice, Stage, Status, StoreError, Task,
};

/// A task's record with what only the store needs of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    pub task: Task,
    pub epoch: u64,
    /// When it is to be removed; `None` while it runs.
    pub expires_at: Option<u64>,
}

impl Kept {
    fn is_alive(&self) -> bool {
        self.expires_at.is_none_or(|at| at > clock::now())
    }

    fn runs(&self) -> bool {
        self.task.status == Status::Running
    }
}

/// A task that has not expired.
pub fn kept(view: &ReadTransaction, id: &str) -> Result<Option<Kept>> {
    Ok(load(&view.open_table(TASKS)?, id)?.filter(Kept::is_alive))
}

/// The session's running task.
pub fn active(view: &ReadTransaction, session: &str) -> Result<Option<Task>> {
    let Some(id) = view.open_table(ACTIVE)?.get(session)?.map(|id| id.value().to_owned()) else { return Ok(None) };
    Ok(kept(view, &id)?.filter(Kept::runs).map(|kept| kept.task))
}

/// Running tasks that a process wrote.
pub fn leased(view: &ReadTransaction) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for row in view.open_table(RUNNING)?.iter()? {
        let id = row?.0.value().to_owned();
        if kept(view, &id)?.is_some_and(|kept| kept.task.stage != Stage::Waiting) {
            found.push(id);
        }
    }
    Ok(found)
}

/// The task of an operation.
pub fn of_operation(view: &ReadTransaction, id: &str) -> Result<Option<String>> {
    Ok(view.open_table(OPERATIONS)?.get(id)?.map(|task| task.value().to_owned()))
}

/// At most `limit` entries after a cursor.
pub fn read(view: &ReadTransaction, task: &Task, after: EventId, limit: usize) -> Result<Slice> {
    let id = task.id.as_str();
    let log = view.open_table(LOG)?;
    let trimmed = view.open_table(TRIMS)?.get(id)?.map_or(EventId::ZERO, |at| event_id(at.value()));
    let last = view.open_table(TAILS)?.get(id)?.map_or(EventId::ZERO, |tail| tail_id(tail.value()));
    let entries = entries(&log, id, after, limit)?;
    let first = match entries.first() {
        Some(entry) if after >= trimmed => entry.id,
        _ => first_after(&log, id, trimmed)?,
    };
    Ok(Slice { entries, status: task.status, last, trimmed, first })
}

type Log<'t> = redb::ReadOnlyTable<(&'static str, u64, u64), &'static str>;

fn entries(log: &Log<'_>, id: &str, after: EventId, limit: usize) -> Result<Vec<Entry>> {
    let mut found = Vec::new();
    for row in log.range(beyond(id, after))?.take(limit) {
        let (key, data) = row?;
        let (_, ms, seq) = key.value();
        found.push(Entry { id: EventId { ms, seq }, data: data.value().into() });
    }
    Ok(found)
}

fn first_after(log: &Log<'_>, id: &str, after: EventId) -> Result<EventId> {
    Ok(entries(log, id, after, 1)?.first().map_or(after, |entry| entry.id))
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

/// Whether a claim still holds.
pub fn check(view: &ReadTransaction, claim: &Claim) -> Result<()> {
    let kept: Option<Kept> = load(&view.open_table(TASKS)?, &claim.task)?;
    holds(kept, claim).map(|_| ())
}

fn holds(kept: Option<Kept>, claim: &Claim) -> Result<Kept> {
    kept.filter(|kept| kept.runs() && kept.epoch == claim.epoch).ok_or(StoreError::Fenced)
}

/// Stores the message and the task, unless the session has the message already or is busy.
pub fn begin(txn: &WriteTransaction, new: &NewTask) -> Result<Begin> {
    if !sessions::exists(txn, &new.task.session_id)? {
        return Ok(Begin::NoSession);
    }
    if let Some(Message { task_id, .. }) = sessions::written(txn, &new.task.session_id, &new.message.id)? {
        return Ok(Begin::Repeated(task_id));
    }
    if let Some(running) = running_of(txn, &new.task.session_id)? {
        return Ok(Begin::Busy(running));
    }
    let kept = Kept { task: new.task.clone(), epoch: 1, expires_at: None };
    save(txn, &kept)?;
    txn.open_table(RUNNING)?.insert(new.task.id.as_str(), ())?;
    txn.open_table(ACTIVE)?.insert(new.task.session_id.as_str(), new.task.id.as_str())?;
    sessions::entitle(txn, &new.task.session_id, &new.title)?;
    sessions::put_messages(txn, &new.task.session_id, std::slice::from_ref(&new.message), clock::now())?;
    Ok(Begin::Begun(Claim { task: new.task.id.clone(), epoch: 1, position: 0 }))
}

fn running_of(txn: &WriteTransaction, session: &str) -> Result<Option<String>> {
    let active = txn.open_table(ACTIVE)?;
    let Some(id) = active.get(session)?.map(|id| id.value().to_owned()) else { return Ok(None) };
    Ok(stored(txn, &id)?.filter(Kept::runs).map(|_| id))
}

/// Appends chunks under a claim; a repeat of the last append only tells its ids again.
pub fn append(txn: &WriteTransaction, claim: &Claim, chunks: &[Arc<str>]) -> Result<Vec<EventId>> {
    holds(stored(txn, &claim.task)?, claim)?;
    push(txn, claim, chunks)
}

/// Appends the last chunks and ends the task.
pub fn finish(
    txn: &WriteTransaction,
    claim: &Claim,
    status: Status,
    chunks: &[Arc<str>],
    until: u64,
) -> Result<Vec<EventId>> {
    let mut kept = holds(stored(txn, &claim.task)?, claim)?;
    let ids = push(txn, claim, chunks)?;
    kept.task.status = status;
    kept.expires_at = Some(until);
    save(txn, &kept)?;
    txn.open_table(EXPIRY)?.insert((until, claim.task.as_str()), ())?;
    retire(txn, &kept.task)?;
    Ok(ids)
}

/// It runs no more: out of the indexes of running tasks.
fn retire(txn: &WriteTransaction, task: &Task) -> Result<()> {
    txn.open_table(RUNNING)?.remove(task.id.as_str())?;
    let mut active = txn.open_table(ACTIVE)?;
    let is_ours = active.get(task.session_id.as_str())?.is_some_and(|id| id.value() == task.id);
    if is_ours {
        active.remove(task.session_id.as_str())?;
    }
    Ok(())
}

/// Appends, and lets the task wait for an operation.
pub fn suspend(
    txn: &WriteTransaction,
    claim: &Claim,
    operation: Operation,
    chunks: &[Arc<str>],
) -> Result<Vec<EventId>> {
    let mut kept = holds(stored(txn, &claim.task)?, claim)?;
    let ids = push(txn, claim, chunks)?;
    txn.open_table(OPERATIONS)?.insert(operation.id.as_str(), claim.task.as_str())?;
    kept.task.stage = Stage::Waiting;
    kept.task.operations.push(Operation { position: claim.position + count(chunks), ..operation });
    save(txn, &kept)?;
    Ok(ids)
}

/// Takes a running task from whoever writes it.
pub fn seize(txn: &WriteTransaction, id: &str) -> Result<Option<Claim>> {
    let Some(kept) = stored(txn, id)?.filter(Kept::runs) else { return Ok(None) };
    let stage = kept.task.stage;
    claim(txn, kept, stage).map(Some)
}

/// Takes up a task that waits for this operation, or whose resumption lapsed.
pub fn resume(txn: &WriteTransaction, id: &str, operation: &str, lapsed: bool) -> Result<Resume> {
    let Some(kept) = stored(txn, id)?.filter(Kept::runs) else { return Ok(Resume::Settled) };
    if kept.task.operation().is_none_or(|waited| waited.id != operation) {
        return Ok(Resume::Settled);
    }
    if kept.task.stage != Stage::Waiting && !lapsed {
        return Ok(Resume::Busy);
    }
    let task = Task { stage: Stage::Resuming, ..kept.task.clone() };
    Ok(Resume::Claimed(claim(txn, kept, Stage::Resuming)?, task))
}

/// Seizes a task whose lease ran out; one that was resuming waits again.
pub fn reap(txn: &WriteTransaction, id: &str) -> Result<Option<Claim>> {
    let Some(kept) = stored(txn, id)?.filter(Kept::runs) else { return Ok(None) };
    match kept.task.stage {
        Stage::Working => claim(txn, kept, Stage::Working).map(Some),
        Stage::Waiting => Ok(None),
        Stage::Resuming => claim(txn, kept, Stage::Waiting).map(|_| None),
    }
}

/// A new claim, which ends the one before.
fn claim(txn: &WriteTransaction, mut kept: Kept, stage: Stage) -> Result<Claim> {
    kept.epoch += 1;
    kept.task.stage = stage;
    save(txn, &kept)?;
    let position = txn.open_table(TAILS)?.get(kept.task.id.as_str())?.map_or(0, |tail| tail.value().0);
    Ok(Claim { task: kept.task.id, epoch: kept.epoch, position })
}

/// Replaces everything up to `through` by a snapshot.
pub fn trim(txn: &WriteTransaction, claim: &Claim, through: EventId, snapshot: &[Entry]) -> Result<()> {
    holds(stored(txn, &claim.task)?, claim)?;
    let id = claim.task.as_str();
    let mut log = txn.open_table(LOG)?;
    log.retain_in((id, 0, 0)..=(id, through.ms, through.seq), |_, _| false)?;
    for Entry { id: at, data } in snapshot {
        log.insert((id, at.ms, at.seq), &**data)?;
    }
    txn.open_table(TRIMS)?.insert(id, (through.ms, through.seq))?;
    Ok(())
}

fn push(txn: &WriteTransaction, claim: &Claim, chunks: &[Arc<str>]) -> Result<Vec<EventId>> {
    let id = claim.task.as_str();
    let mut tails = txn.open_table(TAILS)?;
    let (position, ms, seq) = tails.get(id)?.map_or((0, 0, 0), |tail| tail.value());
    if position == claim.position + count(chunks) && !chunks.is_empty() {
        return newest(txn, id, chunks.len());
    }
    if position != claim.position {
        return Err(StoreError::Fenced);
    }
    let mut log = txn.open_table(LOG)?;
    let mut last = EventId { ms, seq };
    let mut ids = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        last = next_id(last);
        log.insert((id, last.ms, last.seq), &**chunk)?;
        ids.push(last);
    }
    tails.insert(id, (position + count(chunks), last.ms, last.seq))?;
    Ok(ids)
}

fn newest(txn: &WriteTransaction, id: &str, number: usize) -> Result<Vec<EventId>> {
    let log = txn.open_table(LOG)?;
    let mut ids = Vec::with_capacity(number);
    for row in log.range(beyond(id, EventId::ZERO))?.rev().take(number) {
        let (_, ms, seq) = row?.0.value();
        ids.push(EventId { ms, seq });
    }
    ids.reverse();
    Ok(ids)
}

/// The clock may stand still or run back; ids may not.
fn next_id(last: EventId) -> EventId {
    let now = clock::now();
    if now > last.ms { EventId { ms: now, seq: 0 } } else { EventId { ms: last.ms, seq: last.seq + 1 } }
}

fn count(chunks: &[Arc<str>]) -> u64 {
    chunks.len() as u64
}

/// Puts the end of an ended task's life off.
pub fn keep_until(txn: &WriteTransaction, id: &str, until: u64) -> Result<()> {
    let Some(mut kept) = stored(txn, id)? else { return Ok(()) };
    let Some(before) = kept.expires_at.replace(until) else { return Ok(()) };
    let mut expiry = txn.open_table(EXPIRY)?;
    expiry.remove((before, id))?;
    expiry.insert((until, id), ())?;
    save(txn, &kept)
}

/// Removes what has expired.
pub fn sweep(txn: &WriteTransaction, now: u64) -> Result<()> {
    let mut due = Vec::new();
    for row in txn.open_table(EXPIRY)?.range(..(now, ""))? {
        let key = row?.0;
        let (at, id) = key.value();
        due.push((at, id.to_owned()));
    }
    for (at, id) in due {
        txn.open_table(EXPIRY)?.remove((at, id.as_str()))?;
        remove(txn, &id)?;
    }
    Ok(())
}

fn remove(txn: &WriteTransaction, id: &str) -> Result<()> {
    let Some(kept) = stored(txn, id)? else { return Ok(()) };
    let mut operations = txn.open_table(OPERATIONS)?;
    for operation in &kept.task.operations {
        operations.remove(operation.id.as_str())?;
    }
    txn.open_table(TASKS)?.remove(id)?;
    txn.open_table(TAILS)?.remove(id)?;
    txn.open_table(TRIMS)?.remove(id)?;
    txn.open_table(LOG)?.retain_in((id, 0, 0)..=(id, u64::MAX, u64::MAX), |_, _| false)?;
    Ok(())
}

fn stored(txn: &WriteTransaction, id: &str) -> Result<Option<Kept>> {
    let tasks = txn.open_table(TASKS)?;
    let found = tasks.get(id)?;
    found.map(|text| decode(text.value())).transpose()
}

fn save(txn: &WriteTransaction, kept: &Kept) -> Result<()> {
    txn.open_table(TASKS)?.insert(kept.task.id.as_str(), encode(kept)?.as_str())?;
    Ok(())
}
