//! The conversation as an agent gets it: messages with parts, as the AI SDK's `UIMessage` has them. The store also
//! keeps results of tools as messages of their own, for other clients; here they are in the parts of their calls.

use serde::Serialize;
use serde_json::{Value, json};

use super::Turn;
use crate::store::{Message, Role};

/// One message of the conversation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UiMessage {
    pub id: String,
    pub role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    pub parts: Vec<Value>,
}

/// The conversation when a turn begins, oldest first. It ends with the message to answer or, where the agent continues
/// an answer, with that answer so far.
pub fn of(turn: &Turn) -> Vec<UiMessage> {
    let mut messages = spoken(&turn.history);
    messages.extend(spoken(std::slice::from_ref(&turn.asked)));
    let mut answered = spoken(&turn.answered);
    if let (Some(completed), Some(answer)) = (turn.completed(), answered.last_mut()) {
        settle(&mut answer.parts, &completed.operation.tool_call_id, &completed.result);
    }
    messages.extend(answered);
    messages
}

/// The parts of the answer so far, from earlier turns.
pub fn answered(turn: &Turn) -> Vec<Value> {
    spoken(&turn.answered).into_iter().flat_map(|message| message.parts).collect()
}

/// The text of a message's parts.
pub fn text(parts: &[Value]) -> String {
    parts.iter().filter(|part| part["type"] == "text").filter_map(|part| part["text"].as_str()).collect()
}

fn spoken(messages: &[Message]) -> Vec<UiMessage> {
    let spoken = messages.iter().filter(|message| message.role != Role::Tool);
    spoken
        .map(|message| UiMessage {
            id: message.id.clone(),
            role: role(message.role),
            metadata: message.metadata.clone(),
            parts: parts(message),
        })
        .collect()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant | Role::Tool => "assistant",
    }
}

/// The parts of a message. One that was stored without parts has its text.
fn parts(message: &Message) -> Vec<Value> {
    if message.parts.is_empty() && !message.content.is_empty() {
        return vec![json!({ "type": "text", "text": message.content })];
    }
    message.parts.clone()
}

/// Puts an output into the part of its call.
fn settle(parts: &mut [Value], call: &str, output: &Value) {
    for part in parts.iter_mut().filter(|part| part["toolCallId"] == call) {
        part["state"] = "output-available".into();
        part["output"] = output.clone();
    }
}
