//! Tasks. Each function is one step of a transaction. A function that refuses does so before it writes.

use std::sync::Arc;

use redb::{ReadTransaction, ReadableTable, WriteTransaction};
use rejoin::stream::cursor::EventId;
use serde::{Deserialize, Serialize};

use super::tables::{ACTIVE, EXPIRY, LOG, OPERATIONS, RUNNING, TAILS, TASKS, TRIMS, decode, encode, load};
use super::{log, sends, sessions};
use crate::clock;
use crate::store::notifications::Publication;
use crate::store::{
    Begin, Begun, Claim, End, Entry, Expected, Known, Lease, Operation, Result, Resume, Session, Stage, Status,
    StoreError, Task,
};

/// A task's record with the fields that only the store needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    pub task: Task,
    pub epoch: u64,
    /// The time at which it is removed; `None` while it runs.
    pub expires_at: Option<u64>,
    /// The holder that resumed it after its operation.
    #[serde(default)]
    pub holder: Option<String>,
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

/// Whether a claim still holds.
pub fn check(view: &ReadTransaction, claim: &Claim) -> Result<()> {
    let kept: Option<Kept> = load(&view.open_table(TASKS)?, &claim.task)?;
    holds(kept, claim).map(|_| ())
}

fn holds(kept: Option<Kept>, claim: &Claim) -> Result<Kept> {
    kept.filter(|kept| kept.runs() && kept.epoch == claim.epoch).ok_or(StoreError::Fenced)
}

/// Begins a task with its first entries and its changes of the messages, unless the session knows the send already, is
/// busy, or has changed.
pub fn begin(txn: &WriteTransaction, begin: &Begin) -> Result<Begun> {
    let (id, session) = (begin.task.id.as_str(), begin.task.session_id.as_str());
    if let Some(repeated) = begun(txn, id, begin.chunks.len())? {
        return Ok(repeated);
    }
    let Some(found) = sessions::stored(txn, session)? else { return Ok(Begun::NoSession) };
    match sends::first_known(txn, session, &begin.names)? {
        Some(Known::Answered(task)) => return Ok(Begun::Repeated(task)),
        Some(Known::Replaced) => return Ok(Begun::Replaced),
        None => (),
    }
    for name in &begin.names {
        if sessions::is_refused(txn, session, name, clock::now())? {
            return Ok(Begun::Cancelled);
        }
    }
    if let Some(running) = running_of(txn, session)? {
        return Ok(Begun::Busy(running));
    }
    if !is_as_expected(&found, &begin.expected) {
        return Ok(Begun::Changed);
    }
    let kept = Kept { task: begin.task.clone(), epoch: 1, expires_at: None, holder: None };
    save(txn, &kept)?;
    txn.open_table(RUNNING)?.insert(id, ())?;
    txn.open_table(ACTIVE)?.insert(session, id)?;
    sessions::note_task(txn, found, id, &begin.title)?;
    sends::remove(txn, session, &begin.replaced)?;
    sessions::put_messages(txn, session, &begin.messages, clock::now())?;
    sends::note(txn, session, &begin.names, id)?;
    let claim = Claim { task: id.into(), epoch: 1, position: 0 };
    let ids = log::push(txn, &claim, &begin.chunks)?.ids;
    Ok(Begun::Claimed(Claim { position: log::count(&begin.chunks), ..claim }, ids))
}

fn is_as_expected(session: &Session, expected: &Expected) -> bool {
    match expected {
        Expected::Anything => true,
        Expected::LastTask(task) => session.last_task == *task,
    }
}

/// The answer to a beginning that has happened already.
pub fn begun(txn: &WriteTransaction, id: &str, chunks: usize) -> Result<Option<Begun>> {
    let Some(kept) = stored(txn, id)? else { return Ok(None) };
    if !kept.runs() || kept.epoch != 1 || kept.task.stage != Stage::Working {
        return Ok(Some(Begun::Repeated(id.into())));
    }
    let claim = Claim { task: id.into(), epoch: 1, position: log::position(txn, id)? };
    Ok(Some(Begun::Claimed(claim, log::newest(txn, id, chunks)?)))
}

/// The running task of a session, seen from within a write.
pub fn running_of(txn: &WriteTransaction, session: &str) -> Result<Option<String>> {
    let active = txn.open_table(ACTIVE)?;
    let Some(id) = active.get(session)?.map(|id| id.value().to_owned()) else { return Ok(None) };
    Ok(stored(txn, &id)?.filter(Kept::runs).map(|_| id))
}

/// What a step on a log returns: the ids of the new entries, and the publication for its followers.
type Appended = (Vec<EventId>, Option<Publication>);

/// Appends chunks under a claim; a repeat of the last append only returns its ids again.
pub fn append(txn: &WriteTransaction, claim: &Claim, chunks: &[Arc<str>]) -> Result<Appended> {
    holds(stored(txn, &claim.task)?, claim)?;
    let pushed = log::push(txn, claim, chunks)?;
    let publication = pushed.publication(Status::Running, chunks);
    Ok((pushed.ids, publication))
}

/// Appends the last chunks, stores the messages, and ends the task. A repeat by the one who ended it succeeds again.
pub fn finish(txn: &WriteTransaction, claim: &Claim, end: &End, until: u64) -> Result<Appended> {
    let found = stored(txn, &claim.task)?;
    if found.as_ref().is_some_and(|kept| kept.task.status == end.status && kept.epoch == claim.epoch) {
        return Ok((log::newest(txn, &claim.task, end.chunks.len())?, None));
    }
    let kept = holds(found, claim)?;
    let pushed = log::push(txn, claim, &end.chunks)?;
    let session = kept.task.session_id.clone();
    if sessions::exists(txn, &session)? {
        sessions::put_messages(txn, &session, &end.messages, clock::now())?;
    }
    close(txn, kept, end.status, until)?;
    let publication = pushed.publication(end.status, &end.chunks);
    Ok((pushed.ids, publication))
}

fn close(txn: &WriteTransaction, mut kept: Kept, status: Status, until: u64) -> Result<()> {
    kept.task.status = status;
    kept.task.body.clear();
    kept.expires_at = Some(until);
    save(txn, &kept)?;
    txn.open_table(EXPIRY)?.insert((until, kept.task.id.as_str()), ())?;
    retire(txn, &kept.task)
}

/// Fails a task whose log cannot be read. One whose record cannot be read leaves the index of running tasks.
pub fn condemn(txn: &WriteTransaction, id: &str, until: u64) -> Result<Option<Publication>> {
    match stored(txn, id) {
        Ok(Some(mut kept)) if kept.runs() => {
            kept.epoch += 1;
            close(txn, kept, Status::Failed, until)?;
            let last = log::last(txn, id)?;
            Ok(Some(Publication { previous: last, last, status: Status::Failed, entries: Vec::new().into() }))
        }
        Ok(_) => Ok(None),
        Err(StoreError::Corrupt(_)) => {
            txn.open_table(RUNNING)?.remove(id)?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Removes a task from the indexes of running tasks.
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
pub fn suspend(txn: &WriteTransaction, claim: &Claim, operation: Operation, chunks: &[Arc<str>]) -> Result<Appended> {
    let mut kept = holds(stored(txn, &claim.task)?, claim)?;
    let pushed = log::push(txn, claim, chunks)?;
    txn.open_table(OPERATIONS)?.insert(operation.id.as_str(), claim.task.as_str())?;
    kept.task.stage = Stage::Waiting;
    if kept.task.operation().is_none_or(|waited| waited.id != operation.id) {
        kept.task.operations.push(Operation { position: claim.position + log::count(chunks), ..operation });
    }
    save(txn, &kept)?;
    let publication = pushed.publication(Status::Running, chunks);
    Ok((pushed.ids, publication))
}

/// Takes a running task from whoever writes it.
pub fn seize(txn: &WriteTransaction, id: &str) -> Result<Option<Claim>> {
    let Some(kept) = stored(txn, id)?.filter(Kept::runs) else { return Ok(None) };
    let stage = kept.task.stage;
    claim(txn, kept, stage).map(Some)
}

/// Takes up a task that waits for this operation, or whose resumption lapsed before it wrote anything.
pub fn resume(txn: &WriteTransaction, id: &str, operation: &str, holder: &str, lease: Lease) -> Result<Resume> {
    let Some(mut kept) = stored(txn, id)? else { return Ok(Resume::Unknown) };
    if !kept.runs() {
        return Ok(Resume::Settled);
    }
    if kept.task.operation().is_none_or(|waited| waited.id != operation) {
        let was_one = kept.task.operations.iter().any(|known| known.id == operation);
        return Ok(if was_one { Resume::Settled } else { Resume::Early });
    }
    let is_repeat = kept.task.stage == Stage::Resuming && kept.holder.as_deref() == Some(holder);
    let is_free = kept.task.stage == Stage::Waiting || (lease == Lease::Lapsed && has_written_nothing(txn, &kept)?);
    if !is_repeat && !is_free {
        return Ok(Resume::Busy);
    }
    kept.holder = Some(holder.into());
    let task = Task { stage: Stage::Resuming, ..kept.task.clone() };
    Ok(Resume::Claimed(claim(txn, kept, Stage::Resuming)?, Box::new(task)))
}

/// Whether a task that was taken up after its operation has written nothing since.
fn has_written_nothing(txn: &WriteTransaction, kept: &Kept) -> Result<bool> {
    let waited_at = kept.task.operation().map(|operation| operation.position);
    Ok(waited_at == Some(log::position(txn, &kept.task.id)?))
}

/// Lets a task that was taken up, and has written nothing since, wait again.
pub fn wait_again(txn: &WriteTransaction, held: &Claim) -> Result<bool> {
    let kept = holds(stored(txn, &held.task)?, held)?;
    if kept.task.stage != Stage::Resuming || !has_written_nothing(txn, &kept)? {
        return Ok(false);
    }
    claim(txn, kept, Stage::Waiting).map(|_| true)
}

/// Seizes a task whose lease ran out; one that was taken up after its operation and has written nothing waits again.
pub fn reap(txn: &WriteTransaction, id: &str) -> Result<Option<Claim>> {
    let Some(kept) = stored(txn, id)?.filter(Kept::runs) else { return Ok(None) };
    match kept.task.stage {
        Stage::Waiting => Ok(None),
        Stage::Resuming if has_written_nothing(txn, &kept)? => claim(txn, kept, Stage::Waiting).map(|_| None),
        Stage::Working | Stage::Resuming => claim(txn, kept, Stage::Working).map(Some),
    }
}

/// A new claim, which ends the one before.
fn claim(txn: &WriteTransaction, mut kept: Kept, stage: Stage) -> Result<Claim> {
    kept.epoch += 1;
    kept.task.stage = stage;
    save(txn, &kept)?;
    let position = log::position(txn, &kept.task.id)?;
    Ok(Claim { task: kept.task.id, epoch: kept.epoch, position })
}

/// Replaces everything up to `through` by a snapshot.
pub fn trim(txn: &WriteTransaction, claim: &Claim, through: EventId, snapshot: &[Entry]) -> Result<()> {
    holds(stored(txn, &claim.task)?, claim)?;
    let id = claim.task.as_str();
    let mut entries = txn.open_table(LOG)?;
    entries.retain_in((id, 0, 0)..=(id, through.ms, through.seq), |_, _| false)?;
    for Entry { id: at, data } in snapshot {
        entries.insert((id, at.ms, at.seq), &**data)?;
    }
    txn.open_table(TRIMS)?.insert(id, (through.ms, through.seq))?;
    Ok(())
}

/// Renews the life of an ended task.
pub fn keep_until(txn: &WriteTransaction, id: &str, until: u64) -> Result<()> {
    let Some(mut kept) = stored(txn, id)? else { return Ok(()) };
    let Some(before) = kept.expires_at.replace(until) else { return Ok(()) };
    let mut expiry = txn.open_table(EXPIRY)?;
    expiry.remove((before, id))?;
    expiry.insert((until, id), ())?;
    save(txn, &kept)
}

/// Removes expired tasks.
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
    remove_log(txn, id)
}

fn remove_log(txn: &WriteTransaction, id: &str) -> Result<()> {
    txn.open_table(LOG)?.retain_in((id, 0, 0)..=(id, u64::MAX, u64::MAX), |_, _| false)?;
    Ok(())
}

/// Removes the logs of all tasks of a session, and keeps their records.
pub fn remove_logs(txn: &WriteTransaction, session: &str) -> Result<()> {
    // A task's id begins with its session's and a dot.
    let (first, after_last) = (format!("{session}."), format!("{session}/"));
    let mut ids = Vec::new();
    for row in txn.open_table(TASKS)?.range(first.as_str()..after_last.as_str())? {
        let id = row?.0.value().to_owned();
        if id.rsplit_once('.').is_some_and(|(of, _)| of == session) {
            ids.push(id);
        }
    }
    ids.iter().try_for_each(|id| remove_log(txn, id))
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
