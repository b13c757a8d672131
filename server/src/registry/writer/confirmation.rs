//! Confirms a writer's last step, which ended the task or let it wait for its operation. A failover may lose that step
//! right after the store acknowledged it: for the new master the task still runs, and without a writer it would end
//! with `INTERRUPTED`, although readers have the whole answer, or the operation's completion is on its way. So a writer
//! looks at its task once more after the last step, and takes the step again where the store has lost it.
//!
//! Where the store is away, the look waits until it is back. The look comes before anyone ends the task for want of a
//! writer, because after an outage every writer has a whole lease to come back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Writer, jitter};
use crate::store::{End, Lookup, Message, Operation, Result, Status, StoreError, Task};

/// The longest time from the step to the look. A replica lags behind by much less, so a step that the master still has
/// then is safe.
const LATEST: Duration = Duration::from_secs(3);
/// The pause between two tries while the store is away.
const RETRY: Duration = Duration::from_millis(200);
/// How many KiB the unconfirmed steps of this process may hold together. A step beyond that is not confirmed.
const MOST_KIB: usize = 128 * 1024;

/// The last step of a writer.
#[derive(Debug)]
pub enum LastStep {
    /// It ended the task.
    End(End),
    /// It let the task wait for this operation.
    Suspension(Operation),
}

impl LastStep {
    /// How many bytes the step holds beside those that the writer keeps.
    fn bytes(&self) -> usize {
        match self {
            Self::End(end) => end.messages.iter().map(size).sum(),
            Self::Suspension(_) => 0,
        }
    }

    /// Whether the store shows the task as it was before this step.
    fn is_missing_in(&self, task: &Task) -> bool {
        let is_running = task.status == Status::Running;
        match self {
            Self::End(_) => is_running,
            Self::Suspension(operation) => is_running && task.operations.iter().all(|known| known.id != operation.id),
        }
    }
}

/// Room for steps that wait to be confirmed.
#[derive(Clone, Debug)]
pub struct Confirmations {
    room: Arc<Semaphore>,
    after: Duration,
}

impl Confirmations {
    /// Makes room for tasks with this lease. Nobody takes a task within one lease of its last step, so the look comes
    /// first.
    pub fn new(lease: Duration) -> Self {
        Self { room: Arc::new(Semaphore::new(MOST_KIB)), after: lease.min(LATEST) }
    }

    fn room_for(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes / 1024 + 1).ok()?;
        self.room.clone().try_acquire_many_owned(kib).ok()
    }
}

/// Confirms the step in the background. The store of one process loses no step, so there is nothing to confirm.
pub fn begin(writer: Writer, step: LastStep) {
    if !writer.terms().store.is_shared() {
        return;
    }
    let bytes = writer.remembered_bytes() + step.bytes();
    let Some(room) = writer.terms().confirmations.room_for(bytes) else { return };
    let after = writer.terms().confirmations.after.mul_f64(jitter());
    tokio::spawn(async move {
        tokio::time::sleep(after).await;
        confirm(writer, step).await;
        drop(room);
    });
}

fn size(message: &Message) -> usize {
    message.content.len() + message.tool_calls.iter().map(|call| call.arguments.len()).sum::<usize>()
}

async fn confirm(mut writer: Writer, step: LastStep) {
    loop {
        match is_lost(&writer, &step).await {
            Ok(false) | Err(StoreError::Corrupt(_) | StoreError::Fenced | StoreError::Gap { .. }) => return,
            Ok(true) => break,
            Err(StoreError::Transient(_)) => tokio::time::sleep(RETRY.mul_f64(jitter())).await,
        }
    }
    tracing::warn!(task = writer.task().log_id(), "the store has lost the last step of a task, which is taken again");
    let taken = match step {
        LastStep::End(end) => writer.end_again(end).await,
        LastStep::Suspension(operation) => writer.suspend_again(&operation).await,
    };
    if let Err(stopped) = taken {
        tracing::warn!(?stopped, "the step could not be taken again");
    }
}

/// Whether the store has lost the step, or the whole task although it cannot have expired.
async fn is_lost(writer: &Writer, step: &LastStep) -> Result<bool> {
    let found = writer.terms().store.task(&writer.task().id).await?;
    Ok(match found {
        Lookup::Found(task) => step.is_missing_in(&task),
        Lookup::Expired | Lookup::Missing => writer.written().elapsed() < writer.terms().ttl,
    })
}
