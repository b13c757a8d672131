//! The durable default: one file, no service to run (redb). One process owns the file.
//!
//! All writes go through one thread, which puts the waiting ones into one transaction and answers only after the
//! commit. A commit costs a sync of the disk, and so all tasks that write at that moment share the price. Leases are in
//! memory: only the process that held them could renew them, so after a restart all have run out.

mod completions;
#[cfg(test)]
mod crash;
mod log;
mod removal;
mod sends;
mod sessions;
mod tables;
mod tasks;
mod writer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use parking_lot::Mutex;
use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};
use rejoin::stream::cursor::EventId;

use super::notifications::{Notification, Notifications, Publication, Subscription};
use super::{
    Arrival, Begin, Begun, Claim, Completions, Delivery, End, Entry, Known, Lease, Lookup, Message, Operation, Page,
    Portion, Removal, Result, Resume, Scope, Session, Sessions, SharedStore, Slice, Store, StoreError, Task, Tasks,
    Terms,
};
use crate::clock;
use writer::Writer;

/// Opens or creates the file, and the folder that it lies in.
pub fn open(path: &Path, terms: Terms) -> Result<SharedStore> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| StoreError::Transient(error.to_string()))?;
    }
    Embedded::start(Database::create(path)?, "embedded", terms)
}

/// See the module.
pub struct Embedded {
    kind: &'static str,
    database: Arc<Database>,
    writer: Writer,
    notifications: Notifications,
    leases: Leases,
    deliveries: completions::Deliveries,
    terms: Terms,
}

/// The time at which the lease of each running task ends.
type Leases = Arc<Mutex<HashMap<String, Instant>>>;

impl Embedded {
    /// Starts the writing thread over a database.
    pub fn start(database: Database, kind: &'static str, terms: Terms) -> Result<SharedStore> {
        let database = Arc::new(database);
        let store = Self {
            kind,
            writer: Writer::start(database.clone())?,
            notifications: Notifications::default(),
            leases: Leases::default(),
            deliveries: completions::Deliveries::default(),
            terms,
            database,
        };
        store.database.begin_write().map_err(StoreError::from).and_then(|txn| {
            tables::create(&txn)?;
            Ok(txn.commit()?)
        })?;
        store.forget_leases()?;
        Ok(Arc::new(store))
    }

    /// After a restart, every running task that should have a writer has lost it.
    fn forget_leases(&self) -> Result<()> {
        let lost = tasks::leased(&self.view()?)?;
        let now = Instant::now();
        self.leases.lock().extend(lost.into_iter().map(|task| (task, now)));
        Ok(())
    }

    fn view(&self) -> Result<ReadTransaction> {
        Ok(self.database.begin_read()?)
    }

    /// Runs a write and waits until it is durable.
    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&WriteTransaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.write_then(move |txn: &WriteTransaction| Ok((job(txn)?, || ()))).await
    }

    /// The same for a write that changes a log, which its followers are notified of.
    async fn write_and_publish<T: Send + 'static>(
        &self,
        task: &str,
        job: impl FnOnce(&WriteTransaction) -> Result<(T, Option<Publication>)> + Send + 'static,
    ) -> Result<T> {
        let (notifications, task) = (self.notifications.clone(), task.to_owned());
        let job = move |txn: &WriteTransaction| {
            let (outcome, publication) = job(txn)?;
            let announce = move || {
                if let Some(publication) = publication {
                    notifications.notify(&task, &Notification::Changed(publication));
                }
            };
            Ok((outcome, announce))
        };
        self.writer.write_then(job).await
    }

    fn hold(&self, task: &str) {
        self.leases.lock().insert(task.to_owned(), Instant::now() + self.terms.lease);
    }

    fn release_lease(&self, task: &str) {
        self.leases.lock().remove(task);
    }

    fn has_lapsed(&self, task: &str) -> bool {
        self.leases.lock().get(task).is_some_and(|until| *until <= Instant::now())
    }

    fn expiry(&self) -> u64 {
        clock::now() + millis(self.terms.ttl)
    }

    /// Renews the life of an ended task after a read, once a tenth of it has passed. Nobody waits for that.
    fn renew_life(&self, task: &str, expires_at: u64) {
        let until = self.expiry();
        if expires_at.saturating_add(millis(self.terms.ttl) / 10) < until {
            let task = task.to_owned();
            self.writer.send(move |txn| tasks::keep_until(txn, &task, until));
        }
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2)
}

#[async_trait]
impl Store for Embedded {
    fn kind(&self) -> &'static str {
        self.kind
    }

    async fn ping(&self) -> Result<()> {
        self.write(|_| Ok(())).await
    }

    fn is_shared(&self) -> bool {
        false
    }
}

#[async_trait]
impl Sessions for Embedded {
    async fn create_session(&self, session: Session) -> Result<()> {
        self.write(move |txn| sessions::create(txn, &session)).await
    }

    async fn session(&self, id: &str) -> Result<Option<Session>> {
        sessions::get(&self.view()?, id)
    }

    async fn sessions(&self, scope: Scope, page: Page) -> Result<(Vec<Session>, u64)> {
        sessions::list(&self.view()?, &scope, page)
    }

    async fn assign_session(&self, id: &str, user: &str) -> Result<Option<Session>> {
        let (id, user) = (id.to_owned(), user.to_owned());
        self.write(move |txn| sessions::assign(txn, &id, &user)).await
    }

    async fn refuse_message(&self, session: &str, message: &str) -> Result<Arrival> {
        let (session, message) = (session.to_owned(), message.to_owned());
        self.write(move |txn| sessions::refuse(txn, &session, &message, clock::now())).await
    }

    async fn remove_session(&self, session: &Session) -> Result<Removal> {
        let id = session.id.clone();
        self.write(move |txn| removal::remove(txn, &id)).await
    }

    async fn messages(&self, session: &str) -> Result<Vec<Message>> {
        sessions::messages(&self.view()?, session)
    }

    async fn message(&self, session: &str, id: &str) -> Result<Option<Message>> {
        sessions::message(&self.view()?, session, id)
    }

    async fn known(&self, session: &str, id: &str) -> Result<Option<Known>> {
        sends::known(&self.view()?, session, id)
    }

    async fn active(&self, session: &str) -> Result<Option<Task>> {
        tasks::active(&self.view()?, session)
    }
}

#[async_trait]
impl Tasks for Embedded {
    async fn begin(&self, begin: &Begin) -> Result<Begun> {
        let (id, begin) = (begin.task.id.clone(), begin.clone());
        let begun = self.write(move |txn| tasks::begin(txn, &begin)).await?;
        if matches!(begun, Begun::Claimed(..)) {
            self.hold(&id);
        }
        Ok(begun)
    }

    async fn withdraw(&self, begin: &Begin) -> Result<Begun> {
        // One thread writes in order: a beginning that was sent has happened by now, or never will.
        let (id, number) = (begin.task.id.clone(), begin.chunks.len());
        let begun = self.write(move |txn| tasks::begun(txn, &id, number)).await?;
        if matches!(begun, Some(Begun::Claimed(..))) {
            self.hold(&begin.task.id);
        }
        Ok(begun.unwrap_or(Begun::Withdrawn))
    }

    async fn task(&self, id: &str) -> Result<Lookup<Task>> {
        let Some(kept) = tasks::kept(&self.view()?, id)? else { return Ok(Lookup::Missing) };
        if let Some(expires_at) = kept.expires_at {
            self.renew_life(id, expires_at);
        }
        Ok(Lookup::Found(kept.task))
    }

    async fn append(&self, claim: &Claim, chunks: &[Arc<str>]) -> Result<Vec<EventId>> {
        let (held, chunks) = (claim.clone(), chunks.to_vec());
        let ids = self.write_and_publish(&claim.task, move |txn| tasks::append(txn, &held, &chunks)).await?;
        self.hold(&claim.task);
        Ok(ids)
    }

    async fn finish(&self, claim: &Claim, end: &End) -> Result<Vec<EventId>> {
        let (held, end, until) = (claim.clone(), end.clone(), self.expiry());
        let ids = self.write_and_publish(&claim.task, move |txn| tasks::finish(txn, &held, &end, until)).await?;
        self.release_lease(&claim.task);
        Ok(ids)
    }

    async fn condemn(&self, id: &str) -> Result<()> {
        let (task, until) = (id.to_owned(), self.expiry());
        self.write_and_publish(id, move |txn| Ok(((), tasks::condemn(txn, &task, until)?))).await?;
        self.release_lease(id);
        Ok(())
    }

    async fn suspend(&self, claim: &Claim, operation: &Operation, chunks: &[Arc<str>]) -> Result<Vec<EventId>> {
        let (held, operation, chunks) = (claim.clone(), operation.clone(), chunks.to_vec());
        let ids =
            self.write_and_publish(&claim.task, move |txn| tasks::suspend(txn, &held, operation, &chunks)).await?;
        self.release_lease(&claim.task);
        Ok(ids)
    }

    async fn renew(&self, claim: &Claim) -> Result<()> {
        tasks::check(&self.view()?, claim)?;
        self.hold(&claim.task);
        Ok(())
    }

    async fn seize(&self, id: &str) -> Result<Option<Claim>> {
        let task = id.to_owned();
        let claim = self.write(move |txn| tasks::seize(txn, &task)).await?;
        if claim.is_some() {
            self.hold(id);
        }
        Ok(claim)
    }

    async fn resume(&self, id: &str, operation: &str, holder: &str) -> Result<Resume> {
        let (task, operation, holder) = (id.to_owned(), operation.to_owned(), holder.to_owned());
        let lease = self.lease(id).await?;
        let resumed = self.write(move |txn| tasks::resume(txn, &task, &operation, &holder, lease)).await?;
        if matches!(resumed, Resume::Claimed(..)) {
            self.hold(id);
        }
        Ok(resumed)
    }

    async fn wait_again(&self, claim: &Claim) -> Result<bool> {
        let held = claim.clone();
        let waits = self.write(move |txn| tasks::wait_again(txn, &held)).await?;
        if waits {
            self.release_lease(&claim.task);
        }
        Ok(waits)
    }

    async fn lapsed(&self) -> Result<Vec<String>> {
        let now = Instant::now();
        Ok(self.leases.lock().iter().filter(|(_, until)| **until <= now).map(|(task, _)| task.clone()).collect())
    }

    async fn lease(&self, id: &str) -> Result<Lease> {
        Ok(if self.has_lapsed(id) { Lease::Lapsed } else { Lease::Fine })
    }

    async fn reap(&self, id: &str) -> Result<Option<Claim>> {
        if !self.has_lapsed(id) {
            return Ok(None);
        }
        let task = id.to_owned();
        let claim = self.write(move |txn| tasks::reap(txn, &task)).await?;
        match claim {
            Some(_) => self.hold(id),
            None => self.release_lease(id),
        }
        Ok(claim)
    }

    async fn trim(&self, claim: &Claim, through: EventId, snapshot: &[Entry]) -> Result<()> {
        let (held, snapshot) = (claim.clone(), snapshot.to_vec());
        self.write(move |txn| tasks::trim(txn, &held, through, &snapshot)).await
    }

    async fn read(&self, id: &str, after: EventId, portion: Portion) -> Result<Lookup<Slice>> {
        let view = self.view()?;
        let Some(kept) = tasks::kept(&view, id)? else { return Ok(Lookup::Missing) };
        if let Some(expires_at) = kept.expires_at {
            self.renew_life(id, expires_at);
        }
        Ok(Lookup::Found(log::read(&view, &kept.task, after, portion)?))
    }

    async fn watch(&self, id: &str) -> Result<Subscription> {
        Ok(self.notifications.watch(id))
    }

    async fn sweep(&self) -> Result<()> {
        self.notifications.prune();
        let now = clock::now();
        let silent_since = self.terms.session_ttl.map(|ttl| now.saturating_sub(millis(ttl)));
        self.write(move |txn| {
            sessions::forget_refused(txn, now)?;
            silent_since.map_or(Ok(()), |since| removal::remove_silent(txn, since))?;
            tasks::sweep(txn, now)
        })
        .await
    }
}

#[async_trait]
impl Completions for Embedded {
    async fn operation(&self, id: &str) -> Result<Option<String>> {
        tasks::of_operation(&self.view()?, id)
    }

    async fn push_completion(&self, data: &str) -> Result<()> {
        let (data, deliveries) = (data.to_owned(), self.deliveries.clone());
        let push = move |txn: &WriteTransaction| {
            completions::push(txn, &data)?;
            Ok(((), move || deliveries.announce()))
        };
        self.writer.write_then(push).await
    }

    async fn completions(&self) -> Result<Vec<Delivery>> {
        let due = self.deliveries.due(|| completions::all(&self.view()?), self.terms.lease).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        self.write(move |txn| completions::deliver(txn, &due)).await
    }

    async fn hold(&self, delivery: &Delivery) -> Result<()> {
        self.deliveries.hold(completions::number(delivery)?);
        Ok(())
    }

    async fn release(&self, delivery: &Delivery) -> Result<()> {
        let id = completions::number(delivery)?;
        self.write(move |txn| completions::release(txn, id)).await
    }

    async fn settle(&self, delivery: &Delivery) -> Result<()> {
        let id = completions::number(delivery)?;
        self.write(move |txn| completions::remove(txn, id)).await?;
        self.deliveries.forget(id);
        Ok(())
    }

    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<()> {
        let (id, delivery, reason) = (completions::number(delivery)?, delivery.clone(), reason.to_owned());
        self.write(move |txn| completions::bury(txn, &delivery, &reason)).await?;
        self.deliveries.forget(id);
        Ok(())
    }
}
