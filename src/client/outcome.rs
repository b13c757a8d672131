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
    Outcome { kind, task, finish_reason: None, truncated: false, operation: None, origin: Origin::Own, error }
}

/// Makes the outcome of a message that was refused because the task of another message was running. The client joined that task
/// instead, and `joined` is its outcome.
#[must_use]
pub fn refused_outcome(joined: &Outcome) -> Outcome {
    let message = "The session's stream was running; the message was not sent.";
    let error = local_error("TASK_RUNNING", message, Recovery::Permanent);
    let details = ["{\"outcome\":", &outcome_as_json(joined), "}"].concat();
    let error = StreamError { status: Some(409), details: Some(details), ..error };
    let failed = bare_outcome(OutcomeKind::Failed, joined.task.clone());
    Outcome { origin: Origin::Joined, error: Some(error), ..failed }
}

/// Writes an outcome as JSON in the form of API.md, `StreamOutcome`.
fn outcome_as_json(outcome: &Outcome) -> String {
    let mut json = ["{\"kind\":", &quoted(outcome.kind.name())].concat();
    let texts = [("taskId", &outcome.task), ("finishReason", &outcome.finish_reason)];
    for (name, text) in texts.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))) {
        json.extend([",", &quoted(name), ":", &quoted(text)]);
    }
    if outcome.truncated {
        json.push_str(",\"truncated\":true");
    }
    if let Some(error) = &outcome.error {
        let (code, message) = (quoted(&error.code), quoted(&error.message));
        json.extend([",\"error\":{\"code\":", &code, ",\"message\":", &message, "}"]);
    }
    json.push('}');
    json
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
