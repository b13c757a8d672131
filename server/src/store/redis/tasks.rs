//! Tasks and their logs.

use std::collections::HashMap;
use std::sync::Arc;

use redis::{Value, cmd, from_redis_value};
use rejoin::stream::cursor::EventId;

use super::{Redis, keys, strange};
use crate::clock;
use crate::store::{
    Begin, Claim, Entry, Lookup, NewTask, Operation, Result, Resume, Slice, Stage, Status, StoreError, Task,
};

/// Lapsed leases looked at in one round.
const LAPSED_AT_ONCE: usize = 500;
/// No entry can come after this, and Redis refuses to look.
const LAST: EventId = EventId { ms: u64::MAX, seq: u64::MAX };

impl Redis {
    /// Over several slots: the task's record first, which nobody knows of yet; then the session is taken; then the
    /// message is stored. Who loses on the way takes its record back.
    pub(super) async fn begin_task(&self, new: &NewTask) -> Result<Begin> {
        let (id, session) = (new.task.id.as_str(), new.task.session_id.as_str());
        if self.read_session(session).await?.is_none() {
            return Ok(Begin::NoSession);
        }
        let before: Option<String> = self.ask(cmd("GET").arg(keys::active(session))).await?;
        if let Some(running) = self.running(before.as_deref()).await? {
            return Ok(Begin::Busy(running.id));
        }
        self.list_lease(id).await?;
        self.write_task(&new.task).await?;
        let holder = self.swap_active(session, before.as_deref().unwrap_or_default(), id).await?;
        if holder != id {
            self.discard(id).await?;
            return Ok(Begin::Busy(holder));
        }
        if let Some(message) = self.insert_message(session, &new.message).await? {
            self.swap_active(session, id, "").await?;
            self.discard(id).await?;
            return Ok(Begin::Repeated(message.task_id));
        }
        self.entitle(session, &new.title).await?;
        Ok(Begin::Begun(Claim { task: id.into(), epoch: 1, position: 0 }))
    }

    async fn write_task(&self, task: &Task) -> Result<()> {
        let mut begin = self.scripts.begin.prepare_invoke();
        begin.key(keys::meta(&task.id)).arg(self.lease());
        begin.arg("session_id").arg(&task.session_id).arg("status").arg(task.status.as_str());
        begin.arg("stage").arg("working").arg("answers").arg(&task.answers).arg("writes").arg(&task.writes);
        begin.arg("created_at").arg(task.created_at);
        self.run(&begin).await
    }

    /// Takes back a task that never came to be.
    async fn discard(&self, id: &str) -> Result<()> {
        self.ask::<()>(cmd("DEL").arg(keys::meta(id))).await?;
        self.ask(cmd("ZREM").arg(keys::LEASES).arg(id)).await
    }

    async fn swap_active(&self, session: &str, expected: &str, new: &str) -> Result<String> {
        let mut swap = self.scripts.swap.prepare_invoke();
        self.run(swap.key(keys::active(session)).arg(expected).arg(new)).await
    }

    /// The task, if it runs.
    async fn running(&self, id: Option<&str>) -> Result<Option<Task>> {
        let Some(id) = id else { return Ok(None) };
        let fields: HashMap<String, String> = self.ask(cmd("HGETALL").arg(keys::meta(id))).await?;
        if fields.is_empty() {
            return Ok(None);
        }
        Ok(Some(task_of(id, &fields)?).filter(|task| task.status == Status::Running))
    }

    /// The session's running task.
    pub(super) async fn running_task(&self, session: &str) -> Result<Option<Task>> {
        let id: Option<String> = self.ask(cmd("GET").arg(keys::active(session))).await?;
        self.running(id.as_deref()).await
    }

    /// The record of a task.
    pub(super) async fn look(&self, id: &str) -> Result<Lookup<Task>> {
        let mut look = self.scripts.look.prepare_invoke();
        look.key(keys::meta(id)).key(keys::log(id)).key(keys::snapshot(id)).arg(self.ttl());
        match self.run::<Value>(&look).await? {
            Value::Int(has_log) => Ok(gone(has_log)),
            fields => {
                let fields: HashMap<String, String> = from_redis_value(fields).map_err(|_| strange("a task"))?;
                task_of(id, &fields).map(Lookup::Found)
            }
        }
    }

    pub(super) async fn append_chunks(&self, claim: &Claim, chunks: &[Arc<str>]) -> Result<Vec<EventId>> {
        let mut append = self.scripts.append.prepare_invoke();
        append.key(keys::meta(&claim.task)).key(keys::log(&claim.task));
        append.arg(claim.epoch).arg(claim.position).arg(self.lease()).arg(keys::channel(&claim.task));
        for chunk in chunks {
            append.arg(&**chunk);
        }
        ids_of(self.run(&append).await?)
    }

    pub(super) async fn finish_task(&self, claim: &Claim, status: Status, chunks: &[Arc<str>]) -> Result<Vec<EventId>> {
        let id = claim.task.as_str();
        let mut finish = self.scripts.finish.prepare_invoke();
        finish.key(keys::meta(id)).key(keys::log(id)).key(keys::snapshot(id));
        finish.arg(claim.epoch).arg(claim.position).arg(self.ttl()).arg(keys::channel(id)).arg(status.as_str());
        for chunk in chunks {
            finish.arg(&**chunk);
        }
        let ids = ids_of(self.run(&finish).await?)?;
        if let Err(error) = self.retire(id).await {
            // Readers believe the task's record: what is left behind is only untidy.
            tracing::debug!(?error, task = id, "cannot tidy up after a task");
        }
        Ok(ids)
    }

    /// It runs no more: out of the session's index, and its operations live as long as it does.
    async fn retire(&self, id: &str) -> Result<()> {
        let Lookup::Found(task) = self.look(id).await? else { return Ok(()) };
        self.swap_active(&task.session_id, id, "").await?;
        for operation in &task.operations {
            self.ask::<()>(cmd("PEXPIRE").arg(keys::operation(&operation.id)).arg(self.ttl())).await?;
        }
        Ok(())
    }

    pub(super) async fn suspend_task(
        &self,
        claim: &Claim,
        operation: Operation,
        chunks: &[Arc<str>],
    ) -> Result<Vec<EventId>> {
        let id = claim.task.as_str();
        let Lookup::Found(mut task) = self.look(id).await? else { return Err(StoreError::Fenced) };
        let name = operation.id.clone();
        if task.operation().is_none_or(|last| last.id != name) {
            let position = claim.position + chunks.len() as u64;
            task.operations.push(Operation { position, ..operation });
        }
        self.ask::<()>(cmd("SET").arg(keys::operation(&name)).arg(id)).await?;
        let operations = serde_json::to_string(&task.operations).map_err(|_| strange("an operation"))?;
        let mut suspend = self.scripts.suspend.prepare_invoke();
        suspend.key(keys::meta(id)).key(keys::log(id));
        suspend.arg(claim.epoch).arg(claim.position).arg(keys::channel(id)).arg(operations).arg(name);
        for chunk in chunks {
            suspend.arg(&**chunk);
        }
        ids_of(self.run(&suspend).await?)
    }

    pub(super) async fn renew_lease(&self, claim: &Claim) -> Result<()> {
        let mut renew = self.scripts.renew.prepare_invoke();
        renew.key(keys::meta(&claim.task)).arg(claim.epoch).arg(self.lease());
        if self.run::<u8>(&renew).await? == 0 {
            return Err(StoreError::Fenced);
        }
        self.list_lease(&claim.task).await
    }

    /// Lets every process know when to look whether the task still has a writer.
    async fn list_lease(&self, id: &str) -> Result<()> {
        let until = clock::now() + self.lease();
        self.ask(cmd("ZADD").arg(keys::LEASES).arg(until).arg(id)).await
    }

    pub(super) async fn seize_task(&self, id: &str) -> Result<Option<Claim>> {
        self.list_lease(id).await?;
        let mut seize = self.scripts.seize.prepare_invoke();
        let claimed: Option<(u64, u64)> = self.run(seize.key(keys::meta(id)).arg(self.lease())).await?;
        Ok(claimed.map(|(epoch, position)| Claim { task: id.into(), epoch, position }))
    }

    pub(super) async fn resume_task(&self, id: &str, operation: &str) -> Result<Resume> {
        self.list_lease(id).await?;
        let mut resume = self.scripts.resume.prepare_invoke();
        let resumed: Vec<u64> = self.run(resume.key(keys::meta(id)).arg(self.lease()).arg(operation)).await?;
        match resumed[..] {
            [epoch, position] => match self.look(id).await? {
                Lookup::Found(task) => Ok(Resume::Claimed(Claim { task: id.into(), epoch, position }, task)),
                Lookup::Expired | Lookup::Missing => Ok(Resume::Settled),
            },
            [_] => Ok(Resume::Busy),
            _ => Ok(Resume::Settled),
        }
    }

    pub(super) async fn lapsed_tasks(&self) -> Result<Vec<String>> {
        self.run(self.scripts.lapsed.key(keys::LEASES).arg(LAPSED_AT_ONCE)).await
    }

    pub(super) async fn reap_task(&self, id: &str) -> Result<Option<Claim>> {
        let mut reap = self.scripts.reap.prepare_invoke();
        let outcome: Vec<u64> = self.run(reap.key(keys::meta(id)).arg(self.lease())).await?;
        match outcome[..] {
            [epoch, position] => {
                self.list_lease(id).await?;
                Ok(Some(Claim { task: id.into(), epoch, position }))
            }
            _ => {
                let again = outcome.first().copied().unwrap_or_default();
                self.run::<()>(self.scripts.unlist.key(keys::LEASES).arg(id).arg(again)).await?;
                Ok(None)
            }
        }
    }

    pub(super) async fn trim_log(&self, claim: &Claim, through: EventId, snapshot: &[Entry]) -> Result<()> {
        let id = claim.task.as_str();
        let merged: Vec<(String, &str)> = snapshot.iter().map(|entry| (entry.id.to_string(), &*entry.data)).collect();
        let merged = serde_json::to_string(&merged).map_err(|_| strange("a snapshot"))?;
        let next = EventId { seq: through.seq + 1, ..through };
        let mut trim = self.scripts.trim.prepare_invoke();
        trim.key(keys::meta(id)).key(keys::log(id)).key(keys::snapshot(id));
        trim.arg(claim.epoch).arg(through.to_string()).arg(next.to_string()).arg(merged);
        if self.run::<u8>(&trim).await? == 0 { Err(StoreError::Fenced) } else { Ok(()) }
    }

    pub(super) async fn read_log(&self, id: &str, after: EventId, limit: usize) -> Result<Lookup<Slice>> {
        let number = if after == LAST { 0 } else { limit };
        let mut read = self.scripts.read.prepare_invoke();
        read.key(keys::meta(id)).key(keys::log(id)).key(keys::snapshot(id));
        read.arg(self.ttl()).arg(after.to_string()).arg(number);
        let parts: Vec<Value> = self.run(&read).await?;
        match <[Value; 6]>::try_from(parts) {
            Ok(parts) => slice_of(parts, after, limit).ok_or_else(|| strange("a log")).map(Lookup::Found),
            Err(parts) => match parts[..] {
                [Value::Int(has_log)] => Ok(gone(has_log)),
                _ => Err(strange("a log")),
            },
        }
    }
}

fn gone<T>(has_log: i64) -> Lookup<T> {
    if has_log == 1 { Lookup::Expired } else { Lookup::Missing }
}

fn ids_of(ids: Option<Vec<String>>) -> Result<Vec<EventId>> {
    let ids = ids.ok_or(StoreError::Fenced)?;
    ids.iter().map(|id| id.parse().map_err(|_| strange("an id"))).collect()
}

fn task_of(id: &str, fields: &HashMap<String, String>) -> Result<Task> {
    let field = |name: &str| fields.get(name).cloned().ok_or_else(|| strange("a task"));
    let operations = fields.get("operations").map_or("[]", String::as_str);
    Ok(Task {
        id: id.into(),
        session_id: field("session_id")?,
        status: status_of(&field("status")?)?,
        stage: stage_of(&field("stage")?)?,
        answers: field("answers")?,
        writes: field("writes")?,
        created_at: field("created_at")?.parse().map_err(|_| strange("a task"))?,
        operations: serde_json::from_str(operations).map_err(|_| strange("a task"))?,
    })
}

fn status_of(text: &str) -> Result<Status> {
    let all = [Status::Running, Status::Completed, Status::Failed, Status::Cancelled];
    all.into_iter().find(|status| status.as_str() == text).ok_or_else(|| strange("a status"))
}

fn stage_of(text: &str) -> Result<Stage> {
    match text {
        "working" => Ok(Stage::Working),
        "waiting" => Ok(Stage::Waiting),
        "resuming" => Ok(Stage::Resuming),
        _ => Err(strange("a stage")),
    }
}

/// What the script gave: status, trimmed, newest id, first id, entries, snapshot.
fn slice_of(parts: [Value; 6], after: EventId, limit: usize) -> Option<Slice> {
    let [status, trimmed, last, first, entries, snapshot] = parts;
    let trimmed = id_or(trimmed, EventId::ZERO)?;
    let mut found = merged(&text(snapshot)?, after)?;
    found.extend(logged(entries)?);
    found.truncate(limit);
    Some(Slice {
        entries: found,
        status: status_of(&text(status)?).ok()?,
        last: id_or(last, trimmed)?,
        trimmed,
        first: id_or(first, trimmed)?,
    })
}

fn text(value: Value) -> Option<String> {
    from_redis_value(value).ok()
}

fn id_or(value: Value, default: EventId) -> Option<EventId> {
    let text = text(value)?;
    if text.is_empty() { Some(default) } else { text.parse().ok() }
}

fn merged(snapshot: &str, after: EventId) -> Option<Vec<Entry>> {
    if snapshot.is_empty() {
        return Some(Vec::new());
    }
    let pairs: Vec<(String, String)> = serde_json::from_str(snapshot).ok()?;
    let entries = pairs.into_iter().map(|(id, data)| Some(Entry { id: id.parse().ok()?, data: data.into() }));
    let entries: Vec<Entry> = entries.collect::<Option<_>>()?;
    Some(entries.into_iter().filter(|entry| entry.id > after).collect())
}

/// Rows of a stream: id, then fields and values.
fn logged(rows: Value) -> Option<Vec<Entry>> {
    let Value::Array(rows) = rows else { return None };
    rows.into_iter().map(entry_of).collect()
}

fn entry_of(row: Value) -> Option<Entry> {
    let Value::Array(row) = row else { return None };
    let [id, Value::Array(fields)] = <[Value; 2]>::try_from(row).ok()? else { return None };
    let data = fields.into_iter().nth(1)?;
    Some(Entry { id: text(id)?.parse().ok()?, data: text(data)?.into() })
}
