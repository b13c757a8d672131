//! Removes sessions: when they are deleted, and when nothing was said in them for as long as the operator keeps them.

use std::time::Duration;

use redis::cmd;

use super::error::strange;
use super::reply::Reply;
use super::{Redis, millis};
use crate::clock::{self, Millis};
use crate::store::Result;

/// Sessions that are looked at in one round.
const AT_ONCE: usize = 100;

/// The outcome of `lua/remove_session.lua`.
pub enum Removed {
    /// The session was removed. The value is its owner.
    Done(Option<String>),
    /// This task of the session runs or waits.
    Busy(String),
    /// The session has changed meanwhile.
    Changed { updated_at: Millis, owner: Option<String> },
    /// There is no such session.
    Missing,
}

impl Redis {
    /// Removes a session that has not changed since a time, or whenever it has, unless a task of it runs or waits.
    pub(super) async fn try_to_remove(&self, id: &str, unchanged_since: Option<Millis>) -> Result<Removed> {
        let keys = &self.keys;
        let mut script = self.scripts.remove_session.prepare_invoke();
        script.key(keys.session(id)).key(keys.messages(id)).key(keys.sends(id)).key(keys.active(id));
        script.key(keys.refused(id)).key(keys.known_tasks(id)).arg(keys.tasks(id));
        script.arg(unchanged_since.map(|time| time.to_string()).unwrap_or_default());
        let mut reply = Reply::of(self.writes.run(&script).await?)?;
        Ok(match reply.word.as_str() {
            "removed" => Removed::Done(owner(&mut reply)?),
            "busy" => Removed::Busy(reply.take()?),
            "changed" => Removed::Changed { updated_at: reply.take()?, owner: owner(&mut reply)? },
            "missing" => Removed::Missing,
            _ => return Err(strange("an answer")),
        })
    }

    /// Takes a session off its lists.
    pub(super) async fn delist(&self, id: &str, owner: Option<&str>) -> Result<()> {
        let lists = std::iter::once(self.keys.sessions()).chain(owner.map(|owner| self.keys.sessions_of(owner)));
        for list in lists {
            self.writes.ask::<()>(cmd("ZREM").arg(list).arg(id)).await?;
        }
        Ok(())
    }

    /// Removes sessions whose last message is older than `ttl`. Those whose task runs or waits stay, and are passed by.
    pub(super) async fn remove_silent_sessions(&self, ttl: Duration) -> Result<()> {
        let since = clock::now().saturating_sub(millis(ttl));
        let mut passed = 0;
        loop {
            let mut oldest = cmd("ZRANGEBYSCORE");
            oldest.arg(self.keys.sessions()).arg("-inf").arg(since).arg("LIMIT").arg(passed).arg(AT_ONCE);
            let ids: Vec<String> = self.reads.ask(&oldest).await?;
            for id in &ids {
                passed += self.remove_if_silent(id, since).await?;
            }
            if ids.len() < AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Removes a session that has not changed since a time. Returns 1 where it stays for its task, and 0 otherwise.
    async fn remove_if_silent(&self, id: &str, since: Millis) -> Result<usize> {
        match self.try_to_remove(id, Some(since)).await? {
            Removed::Done(owner) => self.delist(id, owner.as_deref()).await.map(|()| 0),
            Removed::Missing => self.delist(id, None).await.map(|()| 0),
            // The list is a hint, and it was out of date.
            Removed::Changed { updated_at, owner } => self.enlist(id, owner.as_deref(), updated_at).await.map(|()| 0),
            Removed::Busy(_) => Ok(1),
        }
    }
}

fn owner(reply: &mut Reply) -> Result<Option<String>> {
    Ok(Some(reply.take::<String>()?).filter(|owner| !owner.is_empty()))
}
