//! Sessions, their lists, and their messages.

use std::collections::HashMap;

use futures_util::future::try_join_all;
use redis::cmd;

use super::{Redis, keys, strange};
use crate::clock::{self, Millis};
use crate::store::{Message, Page, Result, Scope, Session, StoreError};

impl Redis {
    /// Stores a session and puts it to the front of its lists.
    pub(super) async fn write_session(&self, session: &Session) -> Result<()> {
        let mut write = cmd("HSET");
        write.arg(keys::session(&session.id)).arg(&[("created_at", session.created_at)]);
        write.arg(&[("updated_at", session.updated_at)]);
        if let Some(user) = &session.user_id {
            write.arg(&[("user_id", user)]);
        }
        self.ask::<()>(&write).await?;
        self.enlist(&session.id, session.user_id.as_deref(), session.updated_at).await
    }

    async fn enlist(&self, id: &str, user: Option<&str>, at: Millis) -> Result<()> {
        self.ask::<()>(cmd("ZADD").arg(keys::SESSIONS).arg("GT").arg(at).arg(id)).await?;
        if let Some(user) = user {
            self.ask::<()>(cmd("ZADD").arg(keys::sessions_of(user)).arg("GT").arg(at).arg(id)).await?;
        }
        Ok(())
    }

    /// Something was said in a session.
    async fn move_to_front(&self, id: &str) -> Result<()> {
        let now = clock::now();
        let key = keys::session(id);
        self.ask::<()>(cmd("HSET").arg(&key).arg("updated_at").arg(now)).await?;
        let user: Option<String> = self.ask(cmd("HGET").arg(&key).arg("user_id")).await?;
        self.enlist(id, user.as_deref(), now).await
    }

    /// The record of a session.
    pub(super) async fn read_session(&self, id: &str) -> Result<Option<Session>> {
        let fields: HashMap<String, String> = self.ask(cmd("HGETALL").arg(keys::session(id))).await?;
        if fields.is_empty() { Ok(None) } else { session_of(id, &fields).map(Some) }
    }

    /// A page of a list, newest first, and the length of the list.
    pub(super) async fn list_sessions(&self, scope: &Scope, page: Page) -> Result<(Vec<Session>, u64)> {
        let list = match scope {
            Scope::All => keys::SESSIONS.to_owned(),
            Scope::User(user) => keys::sessions_of(user),
        };
        let total = self.ask(cmd("ZCARD").arg(&list)).await?;
        let (first, last) = (page.offset, page.offset.saturating_add(page.limit - 1));
        if first > isize::MAX.unsigned_abs() {
            return Ok((Vec::new(), total));
        }
        let last = last.min(isize::MAX.unsigned_abs());
        let ids: Vec<String> = self.ask(cmd("ZREVRANGE").arg(&list).arg(first).arg(last)).await?;
        let found = try_join_all(ids.iter().map(|id| self.read_session(id))).await?;
        Ok((found.into_iter().flatten().collect(), total))
    }

    /// Gives an ownerless session to a user.
    pub(super) async fn claim_session(&self, id: &str, user: &str) -> Result<Option<Session>> {
        self.run::<()>(self.scripts.claim_session.key(keys::session(id)).arg(user)).await?;
        let session = self.read_session(id).await?;
        if let Some(session) = session.as_ref().filter(|session| session.user_id.as_deref() == Some(user)) {
            self.enlist(id, Some(user), session.updated_at).await?;
        }
        Ok(session)
    }

    /// Gives a session its title, unless it has one.
    pub(super) async fn entitle(&self, id: &str, title: &str) -> Result<()> {
        self.ask(cmd("HSETNX").arg(keys::session(id)).arg("title").arg(title)).await
    }

    /// All messages of a session, in order.
    pub(super) async fn all_messages(&self, session: &str) -> Result<Vec<Message>> {
        let values: Vec<String> = self.ask(cmd("HVALS").arg(keys::messages(session))).await?;
        let mut messages = values.iter().map(|value| message_of(value)).collect::<Result<Vec<_>>>()?;
        messages.sort_by_key(|message| message.sequence);
        Ok(messages)
    }

    /// One message.
    pub(super) async fn one_message(&self, session: &str, id: &str) -> Result<Option<Message>> {
        let value: Option<String> = self.ask(cmd("HGET").arg(keys::messages(session)).arg(id)).await?;
        value.map(|value| message_of(&value)).transpose()
    }

    /// Inserts or replaces by id.
    pub(super) async fn write_messages(&self, session: &str, messages: &[Message]) -> Result<()> {
        let mut put = self.scripts.put.prepare_invoke();
        put.key(keys::messages(session));
        for message in messages {
            put.arg(&message.id).arg(encode(message)?);
        }
        self.run::<()>(&put).await?;
        self.move_to_front(session).await
    }

    /// Inserts a message, or returns the one that has its id already.
    pub(super) async fn insert_message(&self, session: &str, message: &Message) -> Result<Option<Message>> {
        let mut insert = self.scripts.insert.prepare_invoke();
        insert.key(keys::messages(session)).arg(&message.id).arg(encode(message)?);
        let before: Option<String> = self.run(&insert).await?;
        if before.is_none() {
            self.move_to_front(session).await?;
        }
        before.map(|value| message_of(&value)).transpose()
    }
}

fn encode(message: &Message) -> Result<String> {
    serde_json::to_string(message).map_err(|error| StoreError::Transient(error.to_string()))
}

/// A message lies as its sequence, a space, and JSON.
fn message_of(value: &str) -> Result<Message> {
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
    })
}
