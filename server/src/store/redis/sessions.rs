//! Sessions, their lists, and their messages.

use std::collections::HashMap;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use redis::{Value, cmd, from_redis_value};

use super::error::strange;
use super::removal::Removed;
use super::reply::Reply;
use super::tasks::task_of;
use super::{Redis, millis};
use crate::clock::Millis;
use crate::store::{
    Arrival, Known, MOST_REFUSED, Message, Page, REFUSED_FOR, Removal, Result, Scope, Session, Sessions, Task,
};

impl Redis {
    /// Puts a session to the front of its lists. The lists are an index, and the session's own record decides.
    pub(super) async fn enlist(&self, id: &str, user: Option<&str>, at: Millis) -> Result<()> {
        let lists = std::iter::once(self.keys.sessions()).chain(user.map(|user| self.keys.sessions_of(user)));
        for list in lists {
            self.writes.ask::<()>(cmd("ZADD").arg(list).arg("GT").arg(at).arg(id)).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Sessions for Redis {
    async fn create_session(&self, session: Session) -> Result<()> {
        let mut write = cmd("HSET");
        write.arg(self.keys.session(&session.id)).arg(&[("created_at", session.created_at)]);
        write.arg(&[("updated_at", session.updated_at)]);
        if let Some(user) = &session.user_id {
            write.arg(&[("user_id", user)]);
        }
        self.writes.ask::<()>(&write).await?;
        self.enlist(&session.id, session.user_id.as_deref(), session.updated_at).await
    }

    async fn session(&self, id: &str) -> Result<Option<Session>> {
        let fields: HashMap<String, String> = self.reads.ask(cmd("HGETALL").arg(self.keys.session(id))).await?;
        if fields.is_empty() { Ok(None) } else { session_of(id, &fields).map(Some) }
    }

    async fn sessions(&self, scope: Scope, page: Page) -> Result<(Vec<Session>, u64)> {
        let list = match &scope {
            Scope::All => self.keys.sessions(),
            Scope::User(user) => self.keys.sessions_of(user),
        };
        let total: u64 = self.reads.ask(cmd("ZCARD").arg(&list)).await?;
        let (first, last) = (page.offset, page.offset.saturating_add(page.limit - 1));
        if first > isize::MAX.unsigned_abs() {
            return Ok((Vec::new(), total));
        }
        let last = last.min(isize::MAX.unsigned_abs());
        let ids: Vec<String> = self.reads.ask(cmd("ZREVRANGE").arg(&list).arg(first).arg(last)).await?;
        let found = try_join_all(ids.iter().map(|id| self.session(id))).await?;
        let gone: Vec<&String> =
            ids.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(id, _)| id).collect();
        if !gone.is_empty() {
            self.writes.ask::<()>(cmd("ZREM").arg(&list).arg(&gone)).await?;
        }
        Ok((found.into_iter().flatten().collect(), total.saturating_sub(gone.len() as u64)))
    }

    async fn assign_session(&self, id: &str, user: &str) -> Result<Option<Session>> {
        self.writes.run::<()>(self.scripts.claim_session.key(self.keys.session(id)).arg(user)).await?;
        let session = self.session(id).await?;
        if let Some(session) = session.as_ref().filter(|session| session.user_id.as_deref() == Some(user)) {
            self.enlist(id, Some(user), session.updated_at).await?;
        }
        Ok(session)
    }

    async fn refuse_message(&self, session: &str, message: &str) -> Result<Arrival> {
        let mut script = self.scripts.refuse_message.prepare_invoke();
        script.key(self.keys.session(session)).key(self.keys.messages(session)).key(self.keys.sends(session));
        script.key(self.keys.refused(session));
        script.arg(message).arg(millis(REFUSED_FOR)).arg(MOST_REFUSED);
        let mut reply = Reply::of(self.writes.run(&script).await?)?;
        match reply.word.as_str() {
            "refused" => Ok(Arrival::Refused),
            "known" => Ok(Arrival::Answered(reply.take()?)),
            "replaced" => Ok(Arrival::Replaced),
            "missing" => Ok(Arrival::NoSession),
            _ => Err(strange("an answer")),
        }
    }

    async fn remove_session(&self, session: &Session) -> Result<Removal> {
        if let Removed::Busy(task) = self.try_to_remove(&session.id, None).await? {
            return Ok(Removal::Busy(task));
        }
        // The lists are cleaned also where the session is gone, because a removal whose answer was lost is repeated.
        self.delist(&session.id, session.user_id.as_deref()).await?;
        Ok(Removal::Done)
    }

    async fn messages(&self, session: &str) -> Result<Vec<Message>> {
        let values: Vec<String> = self.reads.ask(cmd("HVALS").arg(self.keys.messages(session))).await?;
        let mut messages = values.iter().map(|value| message_of(value)).collect::<Result<Vec<_>>>()?;
        messages.sort_by_key(|message| message.sequence);
        Ok(messages)
    }

    async fn message(&self, session: &str, id: &str) -> Result<Option<Message>> {
        let value: Option<String> = self.reads.ask(cmd("HGET").arg(self.keys.messages(session)).arg(id)).await?;
        value.map(|value| message_of(&value)).transpose()
    }

    async fn known(&self, session: &str, id: &str) -> Result<Option<Known>> {
        let mut script = self.scripts.known.prepare_invoke();
        script.key(self.keys.messages(session)).key(self.keys.sends(session)).arg(id);
        let task: Option<String> = self.reads.run(&script).await?;
        Ok(task.map(|task| if task.is_empty() { Known::Replaced } else { Known::Answered(task) }))
    }

    async fn active(&self, session: &str) -> Result<Option<Task>> {
        let mut active = self.scripts.active.prepare_invoke();
        active.key(self.keys.active(session)).arg(self.keys.tasks(session));
        let found: Vec<Value> = self.reads.run(&active).await?;
        let Ok([id, record]) = <[Value; 2]>::try_from(found) else { return Ok(None) };
        let id: String = from_redis_value(id).map_err(|_| strange("a session's task"))?;
        let fields = from_redis_value(record).map_err(|_| strange("a task"))?;
        task_of(&id, &fields).map(Some)
    }
}

/// A message as JSON, as scripts take it.
pub fn encode(message: &Message) -> Result<String> {
    serde_json::to_string(message).map_err(|_| strange("a message"))
}

/// A message is stored as its sequence, a space, and JSON.
pub fn message_of(value: &str) -> Result<Message> {
    let (sequence, json) = value.split_once(' ').ok_or_else(|| strange("a message"))?;
    let message: Message = serde_json::from_str(json).map_err(|_| strange("a message"))?;
    Ok(Message { sequence: sequence.parse().map_err(|_| strange("a message"))?, ..message })
}

fn session_of(id: &str, fields: &HashMap<String, String>) -> Result<Session> {
    let time = |name: &str| fields.get(name).and_then(|text| text.parse().ok()).ok_or_else(|| strange("a session"));
    Ok(Session {
        id: id.into(),
        created_at: time("created_at")?,
        updated_at: time("updated_at")?,
        title: fields.get("title").cloned(),
        user_id: fields.get("user_id").cloned(),
        last_task: fields.get("last_task").cloned(),
    })
}
