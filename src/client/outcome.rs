//! Conversions to the outcomes of streams.

use crate::client::io::{Origin, Outcome, OutcomeKind, Recovery, StreamError};
use crate::protocol::answer::TaskStatus;
use crate::stream::chunk::quoted;
use crate::stream::error::local_error;

/// Makes an outcome without details, from the status of a task or the content of a session.
#[must_use]
pub fn bare_outcome(kind: OutcomeKind, task: Option<String>) -> Outcome {
    let error = match kind {
        OutcomeKind::Failed => Some(local_error("TASK_FAILED", "The task failed.", Recovery::Permanent)),
        OutcomeKind::Expired => {
            Some(local_error("TASK_EXPIRED", "The answer is no longer kept by the server.", Recovery::Permanent))
        }
        _ => None,
    };
    outcome_with(kind, task, error)
}

/// Makes an outcome with this error.
#[must_use]
pub fn outcome_with(kind: OutcomeKind, task: Option<String>, error: Option<StreamError>) -> Outcome {
    Outcome { kind, task, finish_reason: None, truncated: false, operation: None, origin: Origin::Own, error }
}

/// Makes the outcome of a message that was refused because the task of another message was running. The client joined that task
/// instead, and `joined` is its outcome.
#[must_use]
pub fn refused_outcome(joined: &Outcome) -> Outcome {
    let message = "The session's stream was running; the message was not sent.";
    let mut error = local_error("TASK_RUNNING", message, Recovery::Permanent);
    error.status = Some(409);
    error.details = Some(as_details(joined));
    let mut outcome = outcome_with(OutcomeKind::Failed, joined.task.clone(), Some(error));
    outcome.origin = Origin::Joined;
    outcome
}

/// Writes an outcome as the details of an error, in the JSON form of API.md, `StreamOutcome`.
fn as_details(outcome: &Outcome) -> String {
    let mut json = String::new();
    add_text(&mut json, "{\"outcome\":{\"kind\":", outcome.kind.name());
    if let Some(task) = &outcome.task {
        add_text(&mut json, ",\"taskId\":", task);
    }
    if let Some(reason) = &outcome.finish_reason {
        add_text(&mut json, ",\"finishReason\":", reason);
    }
    if outcome.truncated {
        json.push_str(",\"truncated\":true");
    }
    if let Some(error) = &outcome.error {
        add_text(&mut json, ",\"error\":{\"code\":", &error.code);
        add_text(&mut json, ",\"message\":", &error.message);
        json.push('}');
    }
    json.push_str("}}");
    json
}

fn add_text(json: &mut String, start: &str, text: &str) {
    json.push_str(start);
    json.push_str(&quoted(text));
}

/// Returns the outcome of a task with this status, or `None` while it runs.
#[must_use]
pub fn outcome_of(status: TaskStatus) -> Option<OutcomeKind> {
    match status {
        TaskStatus::Running => None,
        TaskStatus::Completed => Some(OutcomeKind::Finished),
        TaskStatus::Failed => Some(OutcomeKind::Failed),
        TaskStatus::Cancelled => Some(OutcomeKind::Stopped),
    }
}
