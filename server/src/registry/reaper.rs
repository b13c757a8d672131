//! Ends tasks whose lease has run out.
//!
//! A process believes that a lease has run out only if it has been in contact with the store, without a gap, for the
//! length of a lease. So after an outage, or a sleep of this machine, the writers get that time to renew. One node of a
//! cluster may have been away unseen, so a lapsed lease is looked at twice, with time in between for its writer to come
//! back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::Registry;
use super::store_contact::StoreContact;
use super::turn::Orders;
use crate::chunk;
use crate::store::{Lease, Lookup, Result, Status, StoreError};

/// The longest time from the first look at a lapsed lease to the second. Writers try again sooner.
const SUSPICION: Duration = Duration::from_secs(1);
/// How many tasks are looked at at the same time.
const AT_ONCE: usize = 16;

/// See the module.
pub struct Reaper {
    registry: Arc<Registry>,
    lease: Duration,
    /// Tasks whose lease was seen to have run out, and when each may be taken.
    suspects: Mutex<HashMap<String, Instant>>,
}

impl Reaper {
    pub fn new(registry: Arc<Registry>, lease: Duration) -> Self {
        Self { registry, lease, suspects: Mutex::default() }
    }

    /// Looks for lapsed leases until the process ends.
    pub async fn run(self) {
        let every = (self.lease / 4).clamp(Duration::from_millis(20), Duration::from_millis(500));
        let mut contact = StoreContact::begun(self.lease, every, Instant::now());
        loop {
            let asked = Instant::now();
            match self.registry.store().lapsed().await {
                Ok(lapsed) if contact.is_steady(asked, Instant::now()) => self.look_at(lapsed).await,
                Ok(_) => (),
                Err(error) => {
                    contact.lost(Instant::now());
                    self.registry.store_failed();
                    tracing::warn!(%error, "cannot look for tasks without a writer");
                }
            }
            tokio::time::sleep(every).await;
        }
    }

    async fn look_at(&self, lapsed: Vec<String>) {
        self.suspects.lock().retain(|id, _| lapsed.contains(id));
        futures_util::stream::iter(lapsed).for_each_concurrent(AT_ONCE, |id| self.look_at_one(id)).await;
    }

    async fn look_at_one(&self, id: String) {
        match self.registry.store().lease(&id).await {
            Ok(Lease::Fine) => {
                self.suspects.lock().remove(&id);
            }
            Ok(Lease::Lapsed) if self.may_be_taken(&id) => self.take(id).await,
            Ok(Lease::Lapsed) => (),
            Err(StoreError::Corrupt(why)) => self.registry.condemn(&id, &why).await,
            // Its node is away, so its writer cannot renew either. It gets one more lease of time.
            Err(_) => {
                self.suspects.lock().insert(id, Instant::now() + self.lease);
            }
        }
    }

    fn may_be_taken(&self, id: &str) -> bool {
        let now = Instant::now();
        let mut suspects = self.suspects.lock();
        now >= *suspects.entry(id.to_owned()).or_insert(now + self.lease.min(SUSPICION))
    }

    async fn take(&self, id: String) {
        self.suspects.lock().remove(&id);
        match self.end(&id).await {
            Ok(()) => (),
            Err(StoreError::Corrupt(why)) => self.registry.condemn(&id, &why).await,
            Err(error) => tracing::warn!(%error, "cannot end a task without a writer"),
        }
    }

    async fn end(&self, id: &str) -> Result<()> {
        let Some(claim) = self.registry.store().reap(id).await? else { return Ok(()) };
        let Lookup::Found(task) = self.registry.store().task(id).await? else { return Ok(()) };
        tracing::warn!(task = task.log_id(), "a task has lost its writer");
        self.registry.order(id, Orders::Drop);
        let registry = self.registry.clone();
        // Reading its log may take long, and other tasks should not wait for that. It does no harm if someone else has
        // ended the task meanwhile.
        tokio::spawn(async move { registry.end(task, claim, Status::Failed, chunk::interrupted()).await });
        Ok(())
    }
}
