//! The store for several processes: Redis or Valkey, 6.2 or newer, alone or as a cluster (SERVER.md, "Redis").
//!
//! Every step on a task is one script on the keys of that task. Steps that span slots of a cluster are ordered so that
//! a process that dies in between leaves nothing that readers could believe: the task's own record decides.

mod completions;
mod connection;
mod keys;
mod listener;
mod scripts;
mod sessions;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, FromRedisValue, RedisError, ScriptInvocation};
use async_trait::async_trait;
use rejoin::stream::cursor::EventId;

use super::notifications::Subscription;
use super::{
    Begin, Claim, Completions, Delivery, Entry, Lookup, Message, NewTask, Operation, Page, Result, Resume, Scope,
    Session, Sessions, SharedStore, Slice, Status, Store, StoreError, Task, Tasks, Terms,
};
use completions::Consumer;
use connection::Connection;
use listener::Listener;
use scripts::Scripts;

/// Connects.
pub async fn open(url: &str, terms: Terms) -> Result<SharedStore> {
    let connection = Connection::open(url, Duration::ZERO).await?;
    let store = Redis {
        consumer: Consumer::open(url).await?,
        listener: Listener::start(::redis::Client::open(url)?),
        connection,
        scripts: Scripts::new(),
        terms,
    };
    store.make_group().await?;
    store.forget_consumers().await?;
    Ok(Arc::new(store))
}

/// See the module.
pub struct Redis {
    connection: Connection,
    consumer: Consumer,
    listener: Listener,
    scripts: Scripts,
    terms: Terms,
}

impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> Self {
        Self::Transient(error.to_string())
    }
}

impl Redis {
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T> {
        Ok(command.query_async(&mut self.connection.clone()).await?)
    }

    async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T> {
        Ok(script.invoke_async(&mut self.connection.clone()).await?)
    }

    fn lease(&self) -> u64 {
        millis(self.terms.lease)
    }

    fn ttl(&self) -> u64 {
        millis(self.terms.ttl)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 4)
}

/// A value in Redis that this version does not understand.
fn strange(what: &str) -> StoreError {
    StoreError::Transient(format!("cannot read {what}"))
}

#[async_trait]
impl Store for Redis {
    fn kind(&self) -> &'static str {
        "redis"
    }

    async fn ping(&self) -> Result<()> {
        self.ask(&::redis::cmd("PING")).await
    }
}

#[async_trait]
impl Sessions for Redis {
    async fn create_session(&self, session: Session) -> Result<()> {
        self.write_session(&session).await
    }

    async fn session(&self, id: &str) -> Result<Option<Session>> {
        self.read_session(id).await
    }

    async fn sessions(&self, scope: Scope, page: Page) -> Result<(Vec<Session>, u64)> {
        self.list_sessions(&scope, page).await
    }

    async fn assign_session(&self, id: &str, user: &str) -> Result<Option<Session>> {
        self.claim_session(id, user).await
    }

    async fn messages(&self, session: &str) -> Result<Vec<Message>> {
        self.all_messages(session).await
    }

    async fn message(&self, session: &str, id: &str) -> Result<Option<Message>> {
        self.one_message(session, id).await
    }

    async fn put_messages(&self, session: &str, messages: Vec<Message>) -> Result<()> {
        self.write_messages(session, &messages).await
    }

    async fn active(&self, session: &str) -> Result<Option<Task>> {
        self.running_task(session).await
    }
}

#[async_trait]
impl Tasks for Redis {
    async fn begin(&self, new: NewTask) -> Result<Begin> {
        self.begin_task(&new).await
    }

    async fn task(&self, id: &str) -> Result<Lookup<Task>> {
        self.look(id).await
    }

    async fn append(&self, claim: &Claim, chunks: &[Arc<str>]) -> Result<Vec<EventId>> {
        self.append_chunks(claim, chunks).await
    }

    async fn finish(&self, claim: &Claim, status: Status, chunks: &[Arc<str>]) -> Result<Vec<EventId>> {
        self.finish_task(claim, status, chunks).await
    }

    async fn suspend(&self, claim: &Claim, operation: Operation, chunks: &[Arc<str>]) -> Result<Vec<EventId>> {
        self.suspend_task(claim, operation, chunks).await
    }

    async fn renew(&self, claim: &Claim) -> Result<()> {
        self.renew_lease(claim).await
    }

    async fn seize(&self, id: &str) -> Result<Option<Claim>> {
        self.seize_task(id).await
    }

    async fn resume(&self, id: &str, operation: &str) -> Result<Resume> {
        self.resume_task(id, operation).await
    }

    async fn lapsed(&self) -> Result<Vec<String>> {
        self.lapsed_tasks().await
    }

    async fn reap(&self, id: &str) -> Result<Option<Claim>> {
        self.reap_task(id).await
    }

    async fn trim(&self, claim: &Claim, through: EventId, snapshot: Vec<Entry>) -> Result<()> {
        self.trim_log(claim, through, &snapshot).await
    }

    async fn read(&self, id: &str, after: EventId, limit: usize) -> Result<Lookup<Slice>> {
        self.read_log(id, after, limit).await
    }

    async fn watch(&self, id: &str) -> Result<Subscription> {
        self.listener.watch(id).await
    }

    async fn sweep(&self) -> Result<()> {
        // Redis removes what has expired by itself.
        Ok(())
    }
}

#[async_trait]
impl Completions for Redis {
    async fn operation(&self, id: &str) -> Result<Option<String>> {
        self.ask(::redis::cmd("GET").arg(keys::operation(id))).await
    }

    async fn push_completion(&self, data: &str) -> Result<()> {
        self.add_completion(data).await
    }

    async fn completions(&self) -> Result<Vec<Delivery>> {
        self.take_completions().await
    }

    async fn hold(&self, delivery: &Delivery) -> Result<()> {
        self.hold_completion(delivery).await
    }

    async fn settle(&self, delivery: &Delivery) -> Result<()> {
        self.settle_completion(delivery).await
    }

    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<()> {
        self.bury_completion(delivery, reason).await
    }
}
