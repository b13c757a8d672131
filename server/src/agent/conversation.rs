//! The conversation as an agent gets it: messages whose content is a list of parts, as the AI SDK's `UIMessage` has them.
//! Results of tools are stored as messages of their own, and are in the parts of the call here.

use serde::Serialize;
use serde_json::{Value, json};

use super::Turn;
use crate::store::{Message, Role, ToolCall};

/// One message of the conversation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UiMessage {
    pub id: String,
    pub role: &'static str,
    pub parts: Vec<Value>,
}

/// All that was said when a turn begins, oldest first. Ends with the message to answer or, where the agent goes on with
/// an answer, with what it has said of that.
pub fn of(turn: &Turn) -> Vec<UiMessage> {
    let mut messages = folded(&turn.history);
    messages.extend(folded(std::slice::from_ref(&turn.asked)));
    let mut answered = folded(&turn.answered);
    if let (Some(completed), Some(answer)) = (turn.completed(), answered.last_mut()) {
        settle(&mut answer.parts, &completed.operation.tool_call_id, &completed.result);
    }
    messages.extend(answered);
    messages
}

/// The parts of the answer so far, from the earlier turns of the task.
pub fn answered(turn: &Turn) -> Vec<Value> {
    folded(&turn.answered).into_iter().flat_map(|message| message.parts).collect()
}

/// The text of a message's parts.
pub fn text(message: &UiMessage) -> String {
    message.parts.iter().filter(|part| part["type"] == "text").filter_map(|part| part["text"].as_str()).collect()
}

fn folded(messages: &[Message]) -> Vec<UiMessage> {
    let spoken = messages.iter().filter(|message| message.role != Role::Tool);
    spoken
        .map(|message| UiMessage { id: message.id.clone(), role: role(message.role), parts: parts(message, messages) })
        .collect()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant | Role::Tool => "assistant",
    }
}

/// Calls come before the text, in a step of their own where they have results: what is stored does not say what came
/// first, and a text after the results is what agents mostly write.
fn parts(message: &Message, all: &[Message]) -> Vec<Value> {
    let mut parts: Vec<Value> = message.tool_calls.iter().map(|call| tool_part(call, all)).collect();
    if !parts.is_empty() {
        parts.insert(0, json!({ "type": "step-start" }));
    }
    if !message.content.is_empty() {
        if !parts.is_empty() {
            parts.push(json!({ "type": "step-start" }));
        }
        parts.push(text_part(message));
    }
    parts
}

fn text_part(message: &Message) -> Value {
    match message.role {
        Role::User => json!({ "type": "text", "text": message.content }),
        Role::Assistant | Role::Tool => json!({ "type": "text", "text": message.content, "state": "done" }),
    }
}

fn tool_part(call: &ToolCall, all: &[Message]) -> Value {
    let result = all.iter().find(|message| message.tool_call_id.as_deref() == Some(call.id.as_str()));
    let mut part = json!({
        "type": format!("tool-{}", call.name),
        "toolCallId": call.id,
        "state": "input-available",
        "input": serde_json::from_str::<Value>(&call.arguments).unwrap_or(Value::Null),
    });
    if let Some(result) = result {
        let output = serde_json::from_str(&result.content).unwrap_or_else(|_| result.content.as_str().into());
        settle(std::slice::from_mut(&mut part), &call.id, &output);
    }
    part
}

/// Gives a call its output.
fn settle(parts: &mut [Value], call: &str, output: &Value) {
    for part in parts.iter_mut().filter(|part| part["toolCallId"] == call) {
        part["state"] = "output-available".into();
        part["output"] = output.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, role: Role, content: &str) -> Message {
        Message {
            id: id.into(),
            sequence: 0,
            role,
            content: content.into(),
            tool_calls: Vec::new(),
            tool_call_id: None,
            name: None,
            created_at: 0,
            task_id: "t".into(),
        }
    }

    #[test]
    fn a_result_stands_in_the_parts_of_its_call() {
        let call = ToolCall { id: "c".into(), name: "find".into(), arguments: r#"{"q":1}"#.into() };
        let messages = [
            message("u", Role::User, "hello"),
            Message { tool_calls: vec![call], ..message("a", Role::Assistant, "found") },
            Message { tool_call_id: Some("c".into()), ..message("r", Role::Tool, r#"{"hits":2}"#) },
        ];
        let folded = folded(&messages);
        assert_eq!(
            folded.iter().map(|message| (&*message.id, message.role)).collect::<Vec<_>>(),
            [("u", "user"), ("a", "assistant")]
        );
        assert_eq!(folded[0].parts, [json!({"type": "text", "text": "hello"})]);
        let tool = json!({"type": "tool-find", "toolCallId": "c", "state": "output-available", "input": {"q": 1}, "output": {"hits": 2}});
        let step = json!({"type": "step-start"});
        let text = json!({"type": "text", "text": "found", "state": "done"});
        assert_eq!(folded[1].parts, [step.clone(), tool, step, text]);
    }

    #[test]
    fn a_call_without_a_result_waits_for_it_and_input_that_is_no_json_is_null() {
        let call = ToolCall { id: "c".into(), name: "find".into(), arguments: r#"{"q"#.into() };
        let folded = folded(&[Message { tool_calls: vec![call], ..message("a", Role::Assistant, "") }]);
        assert_eq!(folded[0].parts[1]["state"], "input-available");
        assert_eq!(folded[0].parts[1]["input"], Value::Null);
    }
}
