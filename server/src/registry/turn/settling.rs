//! Settles the calls of an answer that wait for the page: outputs of the page's tools, and the user's approvals
//! (PROTOCOL §1, `continue`).

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::ApiError;

/// The page's settlement of one call.
#[derive(Clone, Debug, PartialEq)]
pub enum Settlement {
    /// The tool ran.
    Output { call: String, output: Value },
    /// The tool failed, with the reason in words.
    Failure { call: String, error_text: String },
    /// The user was asked whether it may run.
    Approval { id: String, approved: bool, reason: Option<String> },
}

/// The effect of settling an answer's calls.
#[derive(Debug, Default)]
pub struct Settled {
    /// The settlements that are new, as chunks.
    pub chunks: Vec<Arc<str>>,
    /// The names under which their repeats are known.
    pub names: Vec<String>,
    /// The names of settlements that were made before.
    pub repeated: Vec<String>,
}

/// Settles calls of an answer with these parts.
///
/// # Errors
/// A call does not exist, was settled in another way, or other calls still wait.
pub fn settle(parts: &[Value], settlements: &[Settlement]) -> Result<Settled, ApiError> {
    let mut settled = Settled::default();
    let mut waiting: Vec<&Value> = parts.iter().filter(|part| waits(part)).collect();
    for settlement in settlements {
        let part = parts.iter().rfind(|part| settlement.is_of(part)).ok_or(ApiError::ToolCallNotFound)?;
        if settlement.can_settle(part) {
            waiting.retain(|other| other["toolCallId"] != part["toolCallId"]);
            settled.chunks.push(settlement.chunk(part));
            settled.names.push(settlement.name());
        } else if settlement.has_settled(part) {
            settled.repeated.push(settlement.name());
        } else if part["state"] == "input-streaming" {
            return Err(ApiError::ToolCallNotFound);
        } else {
            return Err(ApiError::ToolCallSettled);
        }
    }
    let is_half = !settled.chunks.is_empty() && !waiting.is_empty();
    if is_half { Err(ApiError::ToolCallsPending) } else { Ok(settled) }
}

/// Checks that calls of an answer with these parts have been settled so.
///
/// # Errors
/// A call does not exist, was settled in another way, or still waits.
pub fn check_settled(parts: &[Value], settlements: &[Settlement]) -> Result<(), ApiError> {
    if settle(parts, settlements)?.chunks.is_empty() { Ok(()) } else { Err(ApiError::of_another_message()) }
}

/// Whether a part is a call that waits for the page. A tool that the model's provider runs does not.
fn waits(part: &Value) -> bool {
    match part["state"].as_str() {
        Some("approval-requested") => true,
        Some("input-available") => part["providerExecuted"] != true,
        _ => false,
    }
}

impl Settlement {
    /// Whether both settle the same call in the same way of settling.
    pub fn settles_with(&self, other: &Self) -> bool {
        self.name() == other.name()
    }

    /// The name of the settlement. It contains a brace, which no message id does.
    fn name(&self) -> String {
        match self {
            Self::Output { call, .. } | Self::Failure { call, .. } => format!("{{call}}{call}"),
            Self::Approval { id, .. } => format!("{{approval}}{id}"),
        }
    }

    fn is_of(&self, part: &Value) -> bool {
        match self {
            Self::Output { call, .. } | Self::Failure { call, .. } => part["toolCallId"] == **call,
            Self::Approval { id, .. } => part["approval"]["id"] == **id,
        }
    }

    /// A tool of the page may have needed the user's approval before it gives its output.
    fn can_settle(&self, part: &Value) -> bool {
        let state = part["state"].as_str().unwrap_or_default();
        match self {
            Self::Output { .. } | Self::Failure { .. } => {
                matches!(state, "input-available" | "approval-requested")
                    || (state == "approval-responded" && part["approval"]["approved"] == true)
            }
            Self::Approval { .. } => state == "approval-requested",
        }
    }

    /// Whether the call was settled in this way.
    fn has_settled(&self, part: &Value) -> bool {
        match self {
            Self::Output { output, .. } => part["state"] == "output-available" && is_same(&part["output"], output),
            Self::Failure { error_text, .. } => part["state"] == "output-error" && part["errorText"] == **error_text,
            Self::Approval { approved, reason, .. } => {
                let approval = &part["approval"];
                approval["approved"] == *approved && approval["reason"].as_str() == reason.as_deref()
            }
        }
    }

    /// The chunk that readers get for it.
    fn chunk(&self, part: &Value) -> Arc<str> {
        let mut chunk = Map::new();
        let mut add = |name: &str, value: Value| drop(chunk.insert(name.into(), value));
        match self {
            Self::Output { call, output } => {
                add("type", "tool-output-available".into());
                add("toolCallId", call.as_str().into());
                add("output", output.clone());
            }
            Self::Failure { call, error_text } => {
                add("type", "tool-output-error".into());
                add("toolCallId", call.as_str().into());
                add("errorText", error_text.as_str().into());
            }
            Self::Approval { id, approved, reason } => {
                add("type", "tool-approval-response".into());
                add("approvalId", id.as_str().into());
                add("approved", (*approved).into());
                if let Some(reason) = reason {
                    add("reason", reason.as_str().into());
                }
            }
        }
        if part["type"] == "dynamic-tool" && !matches!(self, Self::Approval { .. }) {
            add("dynamic", true.into());
        }
        Value::from(chunk).to_string().into()
    }
}

/// Whether two values are equal for a page. JavaScript has one kind of number, so `1.0` comes back as `1`.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has_same = |(name, value)| other.get(name).is_some_and(|other| is_same(value, other));
            one.len() == other.len() && one.iter().all(has_same)
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn output(call: &str, output: Value) -> Settlement {
        Settlement::Output { call: call.into(), output }
    }

    fn approval(id: &str, approved: bool) -> Settlement {
        Settlement::Approval { id: id.into(), approved, reason: None }
    }

    fn parts() -> Vec<Value> {
        vec![
            json!({"type": "text", "text": "", "state": "done"}),
            json!({"type": "tool-map", "toolCallId": "a", "state": "input-available", "input": {}}),
            json!({"type": "tool-pay", "toolCallId": "b", "state": "approval-requested", "approval": {"id": "ask"}}),
            json!({"type": "tool-web", "toolCallId": "c", "state": "input-available", "providerExecuted": true}),
            json!({"type": "tool-old", "toolCallId": "d", "state": "output-available", "output": [1, {"a": 2}]}),
            json!({"type": "tool-cut", "toolCallId": "e", "state": "input-streaming"}),
        ]
    }

    #[test]
    fn all_calls_that_wait_are_settled_together_and_become_chunks() {
        let settled = settle(&parts(), &[output("a", Value::Null), approval("ask", true)]).unwrap();
        let chunks: Vec<&str> = settled.chunks.iter().map(|chunk| &**chunk).collect();
        assert_eq!(
            chunks,
            [
                r#"{"type":"tool-output-available","toolCallId":"a","output":null}"#,
                r#"{"type":"tool-approval-response","approvalId":"ask","approved":true}"#,
            ]
        );
        assert_eq!(settled.names, ["{call}a", "{approval}ask"]);
    }

    #[test]
    fn a_call_that_is_left_waiting_keeps_the_others_from_being_settled() {
        assert_eq!(settle(&parts(), &[output("a", json!(1))]).unwrap_err(), ApiError::ToolCallsPending);
        assert_eq!(settle(&parts(), &[approval("ask", false)]).unwrap_err(), ApiError::ToolCallsPending);
    }

    #[test]
    fn what_was_settled_so_before_is_a_repeat_and_otherwise_it_is_refused() {
        for same in [json!([1, {"a": 2.0}]), json!([1.0, {"a": 2}])] {
            assert_eq!(settle(&parts(), &[output("d", same)]).unwrap().repeated, ["{call}d"]);
        }
        assert_eq!(settle(&parts(), &[output("d", json!([2]))]).unwrap_err(), ApiError::ToolCallSettled);
        let failure = Settlement::Failure { call: "d".into(), error_text: "no".into() };
        assert_eq!(settle(&parts(), &[failure]).unwrap_err(), ApiError::ToolCallSettled);
    }

    #[test]
    fn a_call_that_is_not_there_or_never_came_whole_is_not_found() {
        for unknown in [output("x", Value::Null), output("e", Value::Null), approval("x", true)] {
            assert_eq!(settle(&parts(), &[unknown]).unwrap_err(), ApiError::ToolCallNotFound);
        }
    }
}
