//! How streams end, as outcomes.

use crate::client::io::{Origin, Outcome, OutcomeKind, Recovery};
use crate::protocol::answer::TaskStatus;
use crate::stream::error::local_error;

/// The outcome that a status of `GET /tasks/{id}` or a look at the session gives.
#[must_use]
pub fn bare_outcome(kind: OutcomeKind, task: Option<String>) -> Outcome {
    let error = match kind {
        OutcomeKind::Failed => Some(local_error("TASK_FAILED", "The task failed.", Recovery::Permanent)),
        OutcomeKind::Expired => {
            Some(local_error("TASK_EXPIRED", "The answer is no longer kept by the server.", Recovery::Permanent))
        }
        _ => None,
    };
    Outcome { kind, task, finish_reason: None, origin: Origin::Own, error }
}

/// The outcome of a task with this status; `None` while it runs.
#[must_use]
pub fn outcome_of(status: TaskStatus) -> Option<OutcomeKind> {
    match status {
        TaskStatus::Running => None,
        TaskStatus::Completed => Some(OutcomeKind::Finished),
        TaskStatus::Failed => Some(OutcomeKind::Failed),
        TaskStatus::Cancelled => Some(OutcomeKind::Stopped),
    }
}
