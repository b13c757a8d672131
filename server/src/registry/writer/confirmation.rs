//! Confirms ends. A failover may lose an end right after the store acknowledged it: the new master has the task as running,
//! and without a writer it would end `INTERRUPTED`, although the whole answer was given. So a writer that has ended its
//! task looks at it once more, and ends it again where the store has lost that.
//!
//! Where the store goes away meanwhile, the look waits until it is back. It comes before anyone takes the task for one whose
//! writer is gone, since that is believed only a lease after an outage.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Writer, jitter};
use crate::store::{End, Lookup, Message, Result, Status, StoreError};

/// From the end to the look at most. A replica lags behind by much less: an end that its master still has then is safe.
const LATEST: Duration = Duration::from_secs(3);
/// Between tries while the store is away.
const RETRY: Duration = Duration::from_millis(200);
/// KiB that ends which wait for their look may hold in this process; beyond, ends are not looked at again.
const MOST_KIB: usize = 128 * 1024;

/// Room for ends that wait to be confirmed.
#[derive(Clone, Debug)]
pub struct Confirmations {
    room: Arc<Semaphore>,
    after: Duration,
}

impl Confirmations {
    /// For tasks with this lease: it holds for that long after the end, so that nobody takes the task before the look.
    pub fn new(lease: Duration) -> Self {
        Self { room: Arc::new(Semaphore::new(MOST_KIB)), after: lease.min(LATEST) }
    }

    fn room_for(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes / 1024 + 1).ok()?;
        self.room.clone().try_acquire_many_owned(kib).ok()
    }
}

/// Looks again at a task that has just been ended, in the background. A store of one process loses no end.
pub fn begin(writer: Writer, end: End) {
    if !writer.terms().store.is_shared() {
        return;
    }
    let stored: usize = end.messages.iter().map(size).sum();
    let Some(room) = writer.terms().confirmations.room_for(writer.remembered_bytes() + stored) else { return };
    let after = writer.terms().confirmations.after.mul_f64(jitter());
    tokio::spawn(async move {
        tokio::time::sleep(after).await;
        confirm(writer, end).await;
        drop(room);
    });
}

fn size(message: &Message) -> usize {
    message.content.len() + message.tool_calls.iter().map(|call| call.arguments.len()).sum::<usize>()
}

async fn confirm(mut writer: Writer, end: End) {
    loop {
        match is_lost(&writer).await {
            Ok(false) | Err(StoreError::Corrupt(_) | StoreError::Fenced | StoreError::Gap { .. }) => return,
            Ok(true) => break,
            Err(StoreError::Transient(_)) => tokio::time::sleep(RETRY.mul_f64(jitter())).await,
        }
    }
    tracing::warn!(task = writer.task().log_id(), "the store has lost the end of a task, which is ended again");
    if let Err(stopped) = writer.end_again(end).await {
        tracing::warn!(?stopped, "the task could not be ended again");
    }
}

/// Whether the store has the task as running, or not at all although it cannot have expired.
async fn is_lost(writer: &Writer) -> Result<bool> {
    let found = writer.terms().store.task(&writer.task().id).await?;
    Ok(match found {
        Lookup::Found(task) => task.status == Status::Running,
        Lookup::Expired | Lookup::Missing => writer.written().elapsed() < writer.terms().ttl,
    })
}
