//! Tasks: each step is one script on the keys of the task and its session. What lies in other slots is written before the
//! step and is a hint: the task's own record is believed.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use redis::{ScriptInvocation, Value, cmd, from_redis_value};
use rejoin::stream::cursor::EventId;

use super::error::strange;
use super::keys::{LEASE_LISTS, session_of};
use super::reply::Reply;
use super::{Redis, log, sessions};
use crate::store::notifications::Subscription;
use crate::store::{
    Begin, Begun, Claim, End, Entry, Expected, Lease, Lookup, Operation, Portion, Result, Resume, Sessions, Slice,
    Stage, Status, Task, Tasks,
};

/// How many lapsed leases of each list are looked at in one round.
const LAPSED_AT_ONCE: usize = 100;
/// How long a beginning that was withdrawn is refused. No command is under way for longer.
const REFUSE_MS: u64 = 600_000;

impl Redis {
    async fn step(&self, script: &ScriptInvocation<'_>) -> Result<Reply> {
        Reply::of(self.writes.run(script).await?)
    }

    /// Lists the task with the time at which any process may check that it still has a writer.
    async fn list_lease(&self, id: &str) -> Result<()> {
        let list = self.keys.leases_of(id);
        self.leases.run(self.scripts.list_lease.key(list).arg(id).arg(self.lease_ms())).await
    }

    async fn unlist(&self, id: &str, look_again: u64) -> Result<()> {
        let list = self.keys.leases_of(id);
        self.leases.run(self.scripts.unlist.key(list).arg(id).arg(look_again)).await
    }

    /// Runs `lua/resume.lua`. `None`: a look found that the task may be taken.
    async fn try_to_resume(&self, id: &str, operation: &str, holder: &str, mode: &str) -> Result<Option<Resume>> {
        let mut script = self.scripts.resume.prepare_invoke();
        script.key(self.keys.task(id).meta).arg(self.lease_ms()).arg(operation).arg(holder).arg(mode);
        let mut reply = self.step(&script).await?;
        Ok(Some(match reply.word.as_str() {
            "free" => return Ok(None),
            "claimed" => {
                let claim = Claim { task: id.into(), epoch: reply.take()?, position: reply.take()? };
                Resume::Claimed(claim, Box::new(task_of(id, &reply.record()?)?))
            }
            "settled" => Resume::Settled,
            "busy" => Resume::Busy,
            "early" => Resume::Early,
            "gone" => Resume::Unknown,
            _ => return Err(strange("an answer")),
        }))
    }

    /// Reads the reply of `lua/begin.lua` and `lua/withdraw.lua`.
    fn begun(begin: &Begin, mut reply: Reply) -> Result<Begun> {
        let id = begin.task.id.as_str();
        Ok(match reply.word.as_str() {
            "claimed" => {
                let ids = reply.ids()?;
                Begun::Claimed(Claim { task: id.into(), epoch: 1, position: ids.len() as u64 }, ids)
            }
            "known" => Begun::Repeated(reply.take()?),
            "replaced" => Begun::Replaced,
            "over" => Begun::Repeated(id.into()),
            "busy" => Begun::Busy(reply.take()?),
            "changed" => Begun::Changed,
            "missing" => Begun::NoSession,
            "cancelled" => Begun::Cancelled,
            "withdrawn" => Begun::Withdrawn,
            _ => return Err(strange("an answer")),
        })
    }
}

#[async_trait]
impl Tasks for Redis {
    async fn begin(&self, begin: &Begin) -> Result<Begun> {
        let task = &begin.task;
        self.enlist(&task.session_id, begin.owner.as_deref(), task.created_at).await?;
        self.list_lease(&task.id).await?;
        let keys = self.keys.task(&task.id);
        let mut script = self.scripts.begin.prepare_invoke();
        script.key(keys.session).key(keys.messages).key(keys.sends).key(keys.active);
        script.key(keys.meta).key(keys.log).key(keys.snapshot).key(keys.refused).key(keys.known_tasks);
        script.arg(&task.id).arg(self.keys.tasks(session_of(&task.id))).arg(self.lease_ms());
        script.arg(&task.answers).arg(&task.writes).arg(task.created_at).arg(&begin.title).arg(body_text(task)?);
        script.arg(expected_text(&begin.expected)).arg(list_text(&begin.names)?);
        script.arg(list_text(&begin.replaced.messages)?).arg(list_text(&begin.replaced.tasks)?);
        script.arg(begin.messages.len());
        for message in &begin.messages {
            script.arg(&message.id).arg(sessions::encode(message)?);
        }
        for chunk in &begin.chunks {
            script.arg(&**chunk);
        }
        Self::begun(begin, self.step(&script).await?)
    }

    async fn withdraw(&self, begin: &Begin) -> Result<Begun> {
        self.list_lease(&begin.task.id).await?;
        let keys = self.keys.task(&begin.task.id);
        let mut script = self.scripts.withdraw.prepare_invoke();
        script.key(keys.meta).key(keys.log).arg(self.lease_ms()).arg(begin.chunks.len()).arg(REFUSE_MS);
        Self::begun(begin, self.step(&script).await?)
    }

    async fn task(&self, id: &str) -> Result<Lookup<Task>> {
        let keys = self.keys.task(id);
        let mut script = self.scripts.task.prepare_invoke();
        script.key(keys.meta).key(keys.log).key(keys.snapshot).arg(self.ttl());
        let (record, has_log): (Value, i64) = self.reads.run(&script).await?;
        let fields: HashMap<String, String> = from_redis_value(record).map_err(|_| strange("a task"))?;
        if fields.is_empty() { Ok(log::gone(has_log)) } else { task_of(id, &fields).map(Lookup::Found) }
    }

    async fn append(&self, claim: &Claim, chunks: &[Arc<str>]) -> Result<Vec<EventId>> {
        let keys = self.keys.task(&claim.task);
        let mut script = self.scripts.append.prepare_invoke();
        script.key(keys.meta).key(keys.log).arg(claim.epoch).arg(claim.position).arg(self.lease_ms());
        script.arg(self.publish).arg(keys.channel);
        for chunk in chunks {
            script.arg(&**chunk);
        }
        self.step(&script).await?.granted()?.ids()
    }

    async fn restore(&self, claim: &Claim, entries: &[Entry]) -> Result<()> {
        let keys = self.keys.task(&claim.task);
        let mut script = self.scripts.restore.prepare_invoke();
        script.key(keys.meta).key(keys.log).arg(claim.epoch).arg(claim.position).arg(self.lease_ms());
        script.arg(self.publish).arg(keys.channel);
        for entry in entries {
            script.arg(entry.id.to_string()).arg(&*entry.data);
        }
        self.step(&script).await?.granted().map(|_| ())
    }

    async fn finish(&self, claim: &Claim, end: &End) -> Result<Vec<EventId>> {
        let keys = self.keys.task(&claim.task);
        let mut script = self.scripts.finish.prepare_invoke();
        script.key(keys.meta).key(keys.log).key(keys.snapshot).key(keys.session).key(keys.messages).key(keys.active);
        script.arg(claim.epoch).arg(claim.position).arg(self.ttl()).arg(self.publish).arg(keys.channel);
        script.arg(end.status.as_str()).arg(&claim.task).arg(crate::clock::now()).arg(end.messages.len());
        for message in &end.messages {
            script.arg(&message.id).arg(sessions::encode(message)?);
        }
        for chunk in &end.chunks {
            script.arg(&**chunk);
        }
        let ids = self.step(&script).await?.granted()?.ids()?;
        self.tidy_up(&claim.task).await;
        Ok(ids)
    }

    async fn condemn(&self, id: &str) -> Result<()> {
        let keys = self.keys.task(id);
        let mut script = self.scripts.condemn.prepare_invoke();
        script.key(keys.meta).key(keys.active).arg(id).arg(self.ttl()).arg(self.publish).arg(keys.channel);
        self.writes.run::<()>(&script).await?;
        self.unlist(id, 0).await
    }

    async fn suspend(&self, claim: &Claim, operation: &Operation, chunks: &[Arc<str>]) -> Result<Vec<EventId>> {
        // The operation is written first, so that no completion finds a task that waits for an unknown operation. A
        // completion that comes before the task waits is kept until it does.
        self.writes.ask::<()>(cmd("SET").arg(self.keys.operation(&operation.id)).arg(&claim.task)).await?;
        let keys = self.keys.task(&claim.task);
        let mut script = self.scripts.suspend.prepare_invoke();
        script.key(keys.meta).key(keys.log).arg(claim.epoch).arg(claim.position);
        script.arg(self.publish).arg(keys.channel);
        script.arg(&operation.id).arg(&operation.tool_name).arg(&operation.tool_call_id);
        for chunk in chunks {
            script.arg(&**chunk);
        }
        self.step(&script).await?.granted()?.ids()
    }

    async fn renew(&self, claim: &Claim) -> Result<()> {
        let keys = self.keys.task(&claim.task);
        let mut script = self.scripts.renew.prepare_invoke();
        script.key(keys.meta).arg(claim.epoch).arg(self.lease_ms()).arg(claim.position);
        Reply::of(self.leases.run(&script).await?)?.granted().map(|_| ())
    }

    async fn seize(&self, id: &str) -> Result<Option<Claim>> {
        self.list_lease(id).await?;
        let mut script = self.scripts.seize.prepare_invoke();
        script.key(self.keys.task(id).meta).arg(self.lease_ms());
        let claimed: Option<(u64, u64)> = self.writes.run(&script).await?;
        Ok(claimed.map(|(epoch, position)| Claim { task: id.into(), epoch, position }))
    }

    async fn resume(&self, id: &str, operation: &str, holder: &str) -> Result<Resume> {
        // The look comes first. To list the lease of a task that another process has would keep the reaper away from
        // it.
        match self.try_to_resume(id, operation, holder, "look").await? {
            Some(outcome) => Ok(outcome),
            None => {
                self.list_lease(id).await?;
                let outcome = self.try_to_resume(id, operation, holder, "take").await?;
                outcome.ok_or_else(|| strange("an answer"))
            }
        }
    }

    async fn wait_again(&self, claim: &Claim) -> Result<bool> {
        let mut script = self.scripts.wait_again.prepare_invoke();
        script.key(self.keys.task(&claim.task).meta).arg(claim.epoch);
        Ok(self.writes.run::<Value>(&script).await? == Value::Int(1))
    }

    async fn lapsed(&self) -> Result<Vec<String>> {
        let lists = (0..LEASE_LISTS).map(|list| async move {
            let mut script = self.scripts.lapsed.prepare_invoke();
            script.key(self.keys.leases(list)).arg(LAPSED_AT_ONCE);
            self.leases.run::<Vec<String>>(&script).await
        });
        let mut found = futures_util::future::join_all(lists).await;
        // The node of one list may be away while others are there.
        if found.iter().any(Result::is_ok) {
            found.retain(Result::is_ok);
        }
        Ok(found.into_iter().collect::<Result<Vec<_>>>()?.concat())
    }

    async fn lease(&self, id: &str) -> Result<Lease> {
        let script = self.scripts.lease_end.key(self.keys.task(id).meta);
        let mut reply = Reply::of(self.leases.run(&script).await?)?;
        let look_again = match reply.word.as_str() {
            "lapsed" => return Ok(Lease::Lapsed),
            "later" => reply.take()?,
            _ => 0,
        };
        self.unlist(id, look_again).await?;
        Ok(Lease::Fine)
    }

    async fn reap(&self, id: &str) -> Result<Option<Claim>> {
        let mut script = self.scripts.reap.prepare_invoke();
        script.key(self.keys.task(id).meta).arg(self.lease_ms());
        let mut reply = Reply::of(self.leases.run(&script).await?)?;
        match reply.word.as_str() {
            "claimed" => {
                let claim = Claim { task: id.into(), epoch: reply.take()?, position: reply.take()? };
                self.list_lease(id).await?;
                Ok(Some(claim))
            }
            "later" => {
                let look_again = reply.take()?;
                self.unlist(id, look_again).await.map(|()| None)
            }
            _ => self.unlist(id, 0).await.map(|()| None),
        }
    }

    async fn trim(&self, claim: &Claim, through: EventId, snapshot: &[Entry]) -> Result<()> {
        let keys = self.keys.task(&claim.task);
        let merged: Vec<(String, &str)> = snapshot.iter().map(|entry| (entry.id.to_string(), &*entry.data)).collect();
        let merged = serde_json::to_string(&merged).map_err(|_| strange("a snapshot"))?;
        let next = EventId { seq: through.seq + 1, ..through };
        let mut script = self.scripts.trim.prepare_invoke();
        script.key(keys.meta).key(keys.log).key(keys.snapshot);
        script.arg(claim.epoch).arg(through.to_string()).arg(next.to_string()).arg(merged);
        self.step(&script).await?.granted().map(|_| ())
    }

    async fn read(&self, id: &str, after: EventId, portion: Portion) -> Result<Lookup<Slice>> {
        self.read_log(id, after, portion).await
    }

    async fn watch(&self, id: &str) -> Result<Subscription> {
        self.listener.watch(id).await
    }

    async fn sweep(&self) -> Result<()> {
        // Redis removes tasks that have expired by itself.
        match self.terms.session_ttl {
            Some(ttl) => self.remove_silent_sessions(ttl).await,
            None => Ok(()),
        }
    }
}

impl Redis {
    /// Tidies up after the end of a task: takes it off the list of leases, puts its session to the front of its lists,
    /// and lets its operations expire with it. Where this fails, the reaper finds the lease, and the rest is harmless.
    async fn tidy_up(&self, id: &str) {
        let tidied = async {
            self.unlist_for_good(id).await?;
            if let Some(session) = self.session(session_of(id)).await? {
                self.enlist(&session.id, session.user_id.as_deref(), session.updated_at).await?;
            }
            let Lookup::Found(task) = self.task(id).await? else { return Ok(()) };
            for operation in &task.operations {
                let key = self.keys.operation(&operation.id);
                self.writes.ask::<()>(cmd("PEXPIRE").arg(key).arg(self.ttl())).await?;
            }
            Result::Ok(())
        };
        if let Err(error) = tidied.await {
            tracing::debug!(%error, "cannot tidy up after a task");
        }
    }

    async fn unlist_for_good(&self, id: &str) -> Result<()> {
        self.leases.ask(cmd("ZREM").arg(self.keys.leases_of(id)).arg(id)).await
    }
}

/// Reads a task's record.
pub fn task_of(id: &str, fields: &HashMap<String, String>) -> Result<Task> {
    let field = |name: &str| fields.get(name).cloned().ok_or_else(|| strange("a task"));
    let json = |name: &str, missing: &'static str| fields.get(name).map_or(missing, String::as_str);
    Ok(Task {
        id: id.into(),
        session_id: session_of(id).into(),
        status: status_of(&field("status")?)?,
        stage: stage_of(&field("stage")?)?,
        answers: field("answers")?,
        writes: field("writes")?,
        created_at: field("created_at")?.parse().map_err(|_| strange("a task"))?,
        operations: serde_json::from_str(json("operations", "[]")).map_err(|_| strange("a task"))?,
        body: serde_json::from_str(json("body", "{}")).map_err(|_| strange("a task"))?,
    })
}

/// The body as JSON. Most tasks have none, which takes no room.
fn body_text(task: &Task) -> Result<String> {
    if task.body.is_empty() {
        return Ok(String::new());
    }
    serde_json::to_string(&task.body).map_err(|_| strange("the body of a task"))
}

fn expected_text(expected: &Expected) -> String {
    match expected {
        Expected::Anything => String::new(),
        Expected::LastTask(task) => format!("={}", task.as_deref().unwrap_or_default()),
    }
}

fn list_text(list: &[String]) -> Result<String> {
    serde_json::to_string(list).map_err(|_| strange("a list"))
}

/// A status by its name.
pub fn status_of(text: &str) -> Result<Status> {
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
