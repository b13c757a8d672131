//! Cancels tasks: by their own ids, by the messages that they answer, and with the sessions that they are part of.
//!
//! Where the store takes too long, the caller gets an error, and what was begun goes on all the same.

use std::sync::Arc;

use super::turn::Orders;
use super::{PATIENCE, Registry};
use crate::chunk;
use crate::error::ApiError;
use crate::store::{Arrival, Lookup, Removal, Session, Status};

/// A task that was cancelled, or had ended before.
pub struct Cancelled {
    pub task: String,
    pub status: Status,
}

impl Registry {
    /// Cancels a task, whoever writes it. One that has ended stays as it is.
    pub async fn cancel(self: &Arc<Self>, id: &str) -> Result<Status, ApiError> {
        let (registry, id) = (self.clone(), id.to_owned());
        in_time(async move { registry.cancel_now(&id).await }).await
    }

    /// Cancels the task that answers a message. `None`: the message has not come, and is refused when it does.
    pub async fn cancel_message(self: &Arc<Self>, session: &str, message: &str) -> Result<Option<Cancelled>, ApiError> {
        let (registry, session, message) = (self.clone(), session.to_owned(), message.to_owned());
        in_time(async move { registry.cancel_message_now(&session, &message).await }).await
    }

    /// Removes a session with all that was said in it. The task that runs in it is cancelled first, so that its readers
    /// come to an end.
    pub async fn delete(self: &Arc<Self>, session: Session) -> Result<(), ApiError> {
        let registry = self.clone();
        in_time(async move { registry.delete_now(&session).await }).await
    }

    async fn cancel_now(&self, id: &str) -> Result<Status, ApiError> {
        loop {
            let task = match self.store().task(id).await? {
                Lookup::Found(task) => task,
                Lookup::Expired => return Err(ApiError::TaskExpired),
                Lookup::Missing => return Err(ApiError::TaskNotFound),
            };
            if task.status != Status::Running {
                return Ok(task.status);
            }
            if let Some(claim) = self.seize(id).await? {
                self.order(id, Orders::Drop);
                self.end(task, claim, Status::Cancelled, chunk::aborted()).await;
            }
        }
    }

    async fn cancel_message_now(&self, session: &str, message: &str) -> Result<Option<Cancelled>, ApiError> {
        match self.store().refuse_message(session, message).await? {
            Arrival::Refused => Ok(None),
            Arrival::Replaced => Err(ApiError::MessageReplaced),
            Arrival::NoSession => Err(ApiError::SessionNotFound),
            Arrival::Answered(task) => match self.cancel_now(&task).await {
                Ok(status) => Ok(Some(Cancelled { task, status })),
                Err(ApiError::TaskNotFound) => Err(ApiError::TaskExpired),
                Err(error) => Err(error),
            },
        }
    }

    /// A message may begin another task between the cancel and the removal: then that one is cancelled too.
    async fn delete_now(&self, session: &Session) -> Result<(), ApiError> {
        while let Removal::Busy(task) = self.store().remove_session(session).await? {
            self.cancel_now(&task).await?;
        }
        tracing::info!("a session was deleted");
        Ok(())
    }
}

async fn in_time<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::time::timeout(PATIENCE, tokio::spawn(work)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) | Err(_) => Err(ApiError::StoreUnavailable),
    }
}
