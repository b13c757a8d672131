//! Cancels tasks: by their own ids, by the messages that they answer, and with the sessions that they are part of.
//!
//! A caller who waits too long gets an error, and the work goes on. A repeat joins that work: were it to begin again, it
//! would take the task from the work before it, which could then not end the task either.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::joint::Joint;
use super::turn::Orders;
use super::{PATIENCE, RETRY, Registry, writer};
use crate::chunk;
use crate::error::ApiError;
use crate::store::{Arrival, Lookup, Removal, Session, Status, Task};

/// A task that was cancelled, or had ended before.
#[derive(Clone, Debug)]
pub struct Cancelled {
    pub task: String,
    pub status: Status,
}

/// The cancels and removals that are under way in this process.
#[derive(Default)]
pub struct Cancels {
    /// By the task's id.
    tasks: Joint<String, Result<Status, ApiError>>,
    /// By the session's id and the message's.
    messages: Joint<(String, String), Result<Option<Cancelled>, ApiError>>,
    /// By the session's id.
    removals: Joint<String, Result<(), ApiError>>,
}

impl Registry {
    /// Cancels a task, whoever writes it. One that has ended stays as it is.
    pub async fn cancel(self: &Arc<Self>, id: &str) -> Result<Status, ApiError> {
        in_time(self.cancel_once(id)).await
    }

    /// Cancels the task that answers a message. `None`: the message has not come, and is refused when it does.
    pub async fn cancel_message(self: &Arc<Self>, session: &str, message: &str) -> Result<Option<Cancelled>, ApiError> {
        let key = (session.to_owned(), message.to_owned());
        let work = || {
            let (registry, (session, message)) = (self.clone(), key.clone());
            async move { registry.cancel_answer(&session, &message).await }
        };
        in_time(joined(self.cancels.messages.join(key.clone(), work))).await
    }

    /// Removes a session with all that was said in it. The task that runs in it is cancelled first, so that its readers
    /// come to an end.
    pub async fn delete(self: &Arc<Self>, session: Session) -> Result<(), ApiError> {
        let (registry, id) = (self.clone(), session.id.clone());
        let work = || async move { registry.remove(&session).await };
        in_time(joined(self.cancels.removals.join(id, work))).await
    }

    async fn cancel_once(self: &Arc<Self>, id: &str) -> Result<Status, ApiError> {
        let work = || {
            let (registry, id) = (self.clone(), id.to_owned());
            async move { registry.take_and_end(&id).await }
        };
        joined(self.cancels.tasks.join(id.to_owned(), work)).await
    }

    /// Takes a task from its writer and ends it, until it has ended, whoever brought that about.
    async fn take_and_end(&self, id: &str) -> Result<Status, ApiError> {
        let mut rivals = Rivals::default();
        loop {
            let task = self.existing(id).await?;
            if task.status != Status::Running {
                return Ok(task.status);
            }
            if rivals.may_be_at_it() {
                tokio::time::sleep(RETRY.mul_f64(writer::jitter())).await;
                continue;
            }
            let begun = Instant::now();
            let Some(claim) = self.seize(id).await? else { continue };
            self.order(id, Orders::Drop);
            self.end(task, claim, Status::Cancelled, chunk::aborted()).await;
            rivals.give_way(begun.elapsed());
        }
    }

    async fn existing(&self, id: &str) -> Result<Task, ApiError> {
        match self.store().task(id).await? {
            Lookup::Found(task) => Ok(task),
            Lookup::Expired => Err(ApiError::TaskExpired),
            Lookup::Missing => Err(ApiError::TaskNotFound),
        }
    }

    async fn cancel_answer(self: &Arc<Self>, session: &str, message: &str) -> Result<Option<Cancelled>, ApiError> {
        match self.store().refuse_message(session, message).await? {
            Arrival::Refused => Ok(None),
            Arrival::Replaced => Err(ApiError::MessageReplaced),
            Arrival::NoSession => Err(ApiError::SessionNotFound),
            Arrival::Answered(task) => match self.cancel_once(&task).await {
                Ok(status) => Ok(Some(Cancelled { task, status })),
                Err(ApiError::TaskNotFound) => Err(ApiError::TaskExpired),
                Err(error) => Err(error),
            },
        }
    }

    /// A message may begin another task between the cancel and the removal: then that one is cancelled too.
    async fn remove(self: &Arc<Self>, session: &Session) -> Result<(), ApiError> {
        while let Removal::Busy(task) = self.store().remove_session(session).await? {
            self.cancel_once(&task).await?;
        }
        tracing::info!("a session was deleted");
        Ok(())
    }
}

/// Other processes that cancel the same task. Each takes it from the one before, and the last to take it ends it, unless
/// one that lost it takes it again too soon.
#[derive(Default)]
struct Rivals {
    times_lost: u32,
    until: Option<Instant>,
}

impl Rivals {
    /// Leaves a rival twice the time that this process had the task for, and longer each time.
    fn give_way(&mut self, had_it_for: Duration) {
        self.times_lost += 1;
        let time = had_it_for * 2_u32.pow(self.times_lost.min(6));
        self.until = Some(Instant::now() + time.mul_f64(writer::jitter()));
    }

    fn may_be_at_it(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }
}

async fn joined<T>(work: impl Future<Output = Option<Result<T, ApiError>>>) -> Result<T, ApiError> {
    work.await.unwrap_or(Err(ApiError::StoreUnavailable))
}

async fn in_time<T>(work: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err(ApiError::StoreUnavailable))
}
