//! The request to an agent: the body in either form, and the headers.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::signature::Secret;
use crate::agent::conversation::{self, UiMessage};
use crate::agent::{Trigger, Turn};
use crate::config::AgentBody;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TASK: HeaderName = HeaderName::from_static("rejoin-task");
const SESSION: HeaderName = HeaderName::from_static("rejoin-session");
const USER: HeaderName = HeaderName::from_static("rejoin-user");
const ATTEMPT: HeaderName = HeaderName::from_static("rejoin-attempt");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The name of a turn. A repeat of its request has the same name.
pub fn idempotency_key(turn: &Turn) -> String {
    format!("{}.{}", turn.task.id, turn.number())
}

/// The body, as JSON text.
pub fn body(form: AgentBody, turn: &Turn) -> Vec<u8> {
    let messages = conversation::of(turn);
    let body = match form {
        AgentBody::Rejoin => rejoin(turn, &messages),
        AgentBody::AiSdk => ai_sdk(turn, &messages),
    };
    body.to_string().into_bytes()
}

fn rejoin(turn: &Turn, messages: &[UiMessage]) -> Value {
    let mut body = about(turn);
    body.insert("session_id".into(), turn.task.session_id.as_str().into());
    body.insert("message".into(), turn.asked.content.as_str().into());
    body.insert("parts".into(), turn.asked.parts.clone().into());
    body.insert("body".into(), turn.task.body.clone().into());
    body.insert("messages".into(), messages.iter().map(with_content).collect());
    body.into()
}

/// The fields that both forms have beside the conversation.
fn about(turn: &Turn) -> Map<String, Value> {
    let mut about = Map::new();
    about.insert("task_id".into(), turn.task.id.as_str().into());
    about.insert("user_id".into(), turn.user_id.as_deref().into());
    about.insert("message_id".into(), turn.asked.id.as_str().into());
    about.insert("trigger".into(), trigger(turn).into());
    about.insert("metadata".into(), turn.asked.metadata.clone().unwrap_or_default());
    about.insert("context".into(), turn.context.clone().unwrap_or_default());
    if let Some(completed) = turn.completed() {
        let operation = &completed.operation;
        let operation = json!({
            "operation_id": operation.id,
            "tool_call_id": operation.tool_call_id,
            "tool_name": operation.tool_name,
            "result": completed.result,
        });
        about.insert("operation".into(), operation);
    }
    about
}

fn trigger(turn: &Turn) -> &'static str {
    match turn.trigger {
        Trigger::Submit => "submit",
        Trigger::Regenerate { .. } => "regenerate",
        Trigger::Edit => "edit",
        Trigger::Continue => "continue",
        Trigger::Operation(_) => "operation",
    }
}

/// A message with its text beside the parts, for agents that hand it to a model as it is.
fn with_content(message: &UiMessage) -> Value {
    let mut whole = json!(message);
    whole["content"] = conversation::text(&message.parts).into();
    whole
}

/// The body that `useChat` sends. Its own fields win over those of the app's body, as they do there.
fn ai_sdk(turn: &Turn, messages: &[UiMessage]) -> Value {
    let mut body = turn.task.body.clone();
    body.insert("id".into(), turn.task.session_id.as_str().into());
    body.insert("messages".into(), json!(messages));
    let is_anew = matches!(turn.trigger, Trigger::Regenerate { .. });
    body.insert("trigger".into(), if is_anew { "regenerate-message" } else { "submit-message" }.into());
    match &turn.trigger {
        // `useChat` names no message where a new one is sent.
        Trigger::Submit => drop(body.shift_remove("messageId")),
        Trigger::Regenerate { replaces } => drop(body.insert("messageId".into(), replaces.as_str().into())),
        Trigger::Edit => drop(body.insert("messageId".into(), turn.asked.id.as_str().into())),
        Trigger::Continue | Trigger::Operation(_) => {
            body.insert("messageId".into(), turn.task.writes.as_str().into());
        }
    }
    body.insert("rejoin".into(), about(turn).into());
    body.into()
}

/// All headers of an attempt. The server's own replace those of the user's request, so that a user cannot forge them.
///
/// # Errors
/// An id that a header cannot carry.
pub fn headers(
    turn: &Turn,
    trace: &HeaderValue,
    attempt: u32,
    signing: Option<(&Secret, &[u8])>,
) -> Result<HeaderMap, InvalidHeaderValue> {
    let mut headers = turn.headers.clone();
    let key = idempotency_key(turn);
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_str(&key)?);
    headers.insert(TASK, HeaderValue::from_str(&turn.task.id)?);
    headers.insert(SESSION, HeaderValue::from_str(&turn.task.session_id)?);
    headers.insert(ATTEMPT, attempt.into());
    headers.insert(TRACEPARENT, trace.clone());
    headers.remove(USER);
    if let Some(user) = &turn.user_id {
        headers.insert(USER, HeaderValue::from_str(&percent_encoded(user))?);
    }
    if let Some((secret, body)) = signing {
        secret.sign(&mut headers, &key, seconds(), body)?;
    }
    Ok(headers)
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A user id as a header can carry it: whatever is not a visible ASCII character, and `%`, becomes `%XX`.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The trace that the user's request belongs to, or a new one, with this turn as its newest span (W3C Trace Context).
pub fn traceparent(turn: &Turn) -> HeaderValue {
    let span = &Uuid::new_v4().simple().to_string()[..16];
    let given = turn.headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(trace_of);
    let text = match given {
        Some((trace, flags)) => format!("00-{trace}-{span}-{flags}"),
        None => format!("00-{}-{span}-01", Uuid::new_v4().simple()),
    };
    // Hexadecimal digits and dashes are always valid in a header.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Trace and flags of `00-TRACE-SPAN-FLAGS`.
fn trace_of(header: &str) -> Option<(&str, &str)> {
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    match header.split('-').collect::<Vec<_>>()[..] {
        ["00", trace, span, flags] if is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2) => {
            trace.bytes().any(|byte| byte != b'0').then_some((trace, flags))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_gone_on_with_only_where_it_is_one() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(trace_of(&format!("00-{trace}-b7ad6b7169203331-00")), Some((trace, "00")));
        for wrong in [
            "",
            "00",
            "01-a-b-c",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        ] {
            assert_eq!(trace_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_user_id_of_any_characters_is_a_header() {
        assert_eq!(percent_encoded("auth0|user@example.org"), "auth0|user@example.org");
        assert_eq!(percent_encoded("Zoë 100%\r\n"), "Zo%C3%AB%20100%25%0D%0A");
    }
}
