//! What was said so far, in the words of the endpoint.

use serde_json::{Value, json};

use crate::agent::Turn;
use crate::store::{Message, Role};

/// The messages of a request: where the user is, what was said before, and what is asked.
pub fn messages(turn: &Turn) -> Vec<Value> {
    let context = turn.context.iter().map(
        |context| json!({ "role": "system", "content": format!("Where the user is, and what they see: {context}") }),
    );
    let history = turn.history.iter().filter_map(|message| spoken(message, &turn.history));
    let asked = json!({ "role": "user", "content": turn.asked.content });
    context.chain(history).chain([asked]).collect()
}

/// Endpoints refuse a call without its result, and a result without its call.
fn spoken(message: &Message, history: &[Message]) -> Option<Value> {
    let is_answered = |id: &str| history.iter().any(|other| other.tool_call_id.as_deref() == Some(id));
    match message.role {
        Role::User => Some(json!({ "role": "user", "content": message.content })),
        Role::Tool => Some(json!({ "role": "tool", "tool_call_id": message.tool_call_id, "content": message.content })),
        Role::Assistant => {
            let calls: Vec<Value> = message.tool_calls.iter().filter(|call| is_answered(&call.id)).map(|call| {
                json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": call.arguments } })
            }).collect();
            let mut said = json!({ "role": "assistant", "content": message.content });
            if !calls.is_empty() {
                said["tool_calls"] = calls.into();
            }
            Some(said)
        }
    }
}
