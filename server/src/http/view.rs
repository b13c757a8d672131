//! How records look on the wire (PROTOCOL §1).

use serde_json::{Map, Value, json};

use crate::clock::iso8601;
use crate::store::{Message, Role, Session, Task};

/// A session with its messages and its running task, if any.
pub fn session(session: &Session, messages: &[Message], active: Option<&Task>) -> Value {
    json!({
        "id": session.id,
        "created_at": iso8601(session.created_at),
        "updated_at": iso8601(session.updated_at),
        "title": session.title,
        "user_id": session.user_id,
        "messages": visible(messages, active).map(message).collect::<Vec<_>>(),
        "active_stream": active.map(active_stream),
    })
}

/// Leaves out the messages of the running task, which are in its stream and nowhere else.
fn visible<'a>(messages: &'a [Message], active: Option<&'a Task>) -> impl Iterator<Item = &'a Message> {
    messages
        .iter()
        .filter(move |message| active.is_none_or(|task| message.task_id != task.id || message.id == task.answers))
}

fn active_stream(task: &Task) -> Value {
    json!({
        "task_id": task.id,
        "message_id": task.writes,
        "last_message_id": "0-0",
        "operation_id": task.operation().map(|operation| &operation.id),
        "tool_name": task.operation().map(|operation| &operation.tool_name),
        "started_at": iso8601(task.created_at),
    })
}

/// A row of the list of sessions.
pub fn listed(session: &Session, active: Option<&Task>) -> Value {
    json!({
        "id": session.id,
        "created_at": iso8601(session.created_at),
        "updated_at": iso8601(session.updated_at),
        "title": session.title,
        "is_processing": active.is_some(),
    })
}

/// A task.
pub fn task(task: &Task) -> Value {
    json!({
        "task_id": task.id,
        "session_id": task.session_id,
        "status": task.status.as_str(),
        "tool_name": task.operation().map(|operation| &operation.tool_name),
        "operation_id": task.operation().map(|operation| &operation.id),
        "created_at": iso8601(task.created_at),
    })
}

fn message(message: &Message) -> Value {
    let mut fields = Map::new();
    fields.insert("id".into(), message.id.as_str().into());
    fields.insert("sequence".into(), message.sequence.into());
    fields.insert("role".into(), role(message.role).into());
    fields.insert("content".into(), message.content.as_str().into());
    if !message.tool_calls.is_empty() {
        fields.insert("tool_calls".into(), tool_calls(message));
    }
    if let Some(id) = &message.tool_call_id {
        fields.insert("tool_call_id".into(), id.as_str().into());
    }
    if let Some(name) = &message.name {
        fields.insert("name".into(), name.as_str().into());
    }
    if message.role != Role::Tool {
        fields.insert("parts".into(), message.parts.clone().into());
    }
    if let Some(metadata) = &message.metadata {
        fields.insert("metadata".into(), metadata.clone());
    }
    fields.insert("created_at".into(), iso8601(message.created_at).into());
    fields.insert("task_id".into(), message.task_id.as_str().into());
    fields.into()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

fn tool_calls(message: &Message) -> Value {
    let calls = message.tool_calls.iter().map(|call| {
        json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": call.arguments } })
    });
    calls.collect()
}
