//! The completion log of one process. Deliveries are remembered in memory, and their number in the file.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use redb::{ReadTransaction, ReadableTable, WriteTransaction};
use tokio::sync::Notify;

use super::tables::{COMPLETIONS, DEAD};
use crate::store::{Delivery, Result, StoreError};

/// How long a wait for completions takes at most: those that were not settled are looked at again then.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The completions that are not settled yet, with the time of their delivery.
#[derive(Clone, Default)]
pub struct Deliveries {
    at: Arc<Mutex<HashMap<u64, Instant>>>,
    arrived: Arc<Notify>,
}

impl Deliveries {
    /// A completion was added.
    pub fn announce(&self) {
        self.arrived.notify_one();
    }

    /// A completion is being handled.
    pub fn hold(&self, id: u64) {
        self.at.lock().insert(id, Instant::now());
    }

    /// A completion is gone.
    pub fn forget(&self, id: u64) {
        self.at.lock().remove(&id);
    }

    /// Waits a while for completions that are new, or were delivered longer ago than `patience`.
    pub async fn due(&self, all: impl Fn() -> Result<Vec<u64>>, patience: Duration) -> Result<Vec<u64>> {
        let due = self.take(all()?, patience);
        if !due.is_empty() {
            return Ok(due);
        }
        // The end of the time is no error here.
        let _ = tokio::time::timeout(LOOK_AGAIN, self.arrived.notified()).await;
        Ok(self.take(all()?, patience))
    }

    fn take(&self, all: Vec<u64>, patience: Duration) -> Vec<u64> {
        let (now, mut at) = (Instant::now(), self.at.lock());
        let is_due = |id: &u64| at.get(id).is_none_or(|delivered| now.duration_since(*delivered) >= patience);
        let due: Vec<u64> = all.into_iter().filter(is_due).collect();
        at.extend(due.iter().map(|id| (*id, now)));
        due
    }
}

/// The number behind a delivery's id.
pub fn number(delivery: &Delivery) -> Result<u64> {
    delivery.id.parse().map_err(|_| StoreError::Transient(format!("no completion `{}`", delivery.id)))
}

/// Adds a completion.
pub fn push(txn: &WriteTransaction, data: &str) -> Result<()> {
    let mut log = txn.open_table(COMPLETIONS)?;
    let last = log.last()?.map_or(0, |(id, _)| id.value());
    log.insert(last + 1, (0, data))?;
    Ok(())
}

/// The numbers of all that are not settled.
pub fn all(view: &ReadTransaction) -> Result<Vec<u64>> {
    let log = view.open_table(COMPLETIONS)?;
    log.iter()?.map(|row| Ok(row?.0.value())).collect()
}

/// Counts one more delivery of each.
pub fn deliver(txn: &WriteTransaction, due: &[u64]) -> Result<Vec<Delivery>> {
    let mut log = txn.open_table(COMPLETIONS)?;
    let mut deliveries = Vec::with_capacity(due.len());
    for id in due {
        let found = log.get(id)?.map(|row| (row.value().0 + 1, row.value().1.to_owned()));
        if let Some((attempt, data)) = found {
            log.insert(id, (attempt, data.as_str()))?;
            deliveries.push(Delivery { id: id.to_string(), data, attempt });
        }
    }
    Ok(deliveries)
}

/// Counts one delivery less: it failed through no fault of its own.
pub fn release(txn: &WriteTransaction, id: u64) -> Result<()> {
    let mut log = txn.open_table(COMPLETIONS)?;
    let found = log.get(id)?.map(|row| (row.value().0.saturating_sub(1), row.value().1.to_owned()));
    if let Some((attempt, data)) = found {
        log.insert(id, (attempt, data.as_str()))?;
    }
    Ok(())
}

/// A completion was dealt with.
pub fn remove(txn: &WriteTransaction, id: u64) -> Result<()> {
    txn.open_table(COMPLETIONS)?.remove(id)?;
    Ok(())
}

/// Moves a completion to the dead-letter log.
pub fn bury(txn: &WriteTransaction, delivery: &Delivery, reason: &str) -> Result<()> {
    let id = number(delivery)?;
    txn.open_table(COMPLETIONS)?.remove(id)?;
    txn.open_table(DEAD)?.insert(id, (reason, delivery.data.as_str()))?;
    Ok(())
}
