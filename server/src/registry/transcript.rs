//! What a task's log says as messages. History is made from the log and from nothing else, so that what was streamed is
//! what is stored, whoever ends the task (PROTOCOL §6, history).

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::store::{Message, Role, Task, ToolCall};

/// A log, folded.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    text: String,
    calls: Vec<Call>,
}

#[derive(Clone, Debug)]
struct Call {
    id: String,
    name: String,
    /// JSON text; a beginning of it while the input streams.
    arguments: String,
    result: Output,
}

/// What a tool has given.
#[derive(Clone, Debug)]
enum Output {
    None,
    /// An operation that runs: not the last word.
    Started(String),
    Final(String),
}

/// The fields of both dialects that make messages.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(rename = "type")]
    kind: String,
    delta: Option<String>,
    content: Option<String>,
    #[serde(alias = "tool_id")]
    tool_call_id: Option<String>,
    #[serde(alias = "tool_name")]
    tool_name: Option<String>,
    input_text_delta: Option<String>,
    #[serde(borrow, alias = "arguments")]
    input: Option<&'a RawValue>,
    #[serde(borrow, alias = "result")]
    output: Option<&'a RawValue>,
    #[serde(alias = "message")]
    error_text: Option<String>,
}

impl Transcript {
    /// Takes the next chunk. One that is no message's matter changes nothing.
    pub fn push(&mut self, chunk: &str) {
        let Ok(wire) = serde_json::from_str::<Wire<'_>>(chunk) else { return };
        match wire.kind.as_str() {
            "text-delta" => self.text.push_str(wire.delta.as_deref().unwrap_or_default()),
            "text_chunk" => self.text.push_str(wire.content.as_deref().unwrap_or_default()),
            "error" => self.fail(wire.error_text.or(wire.content).as_deref().unwrap_or_default()),
            _ => self.push_call(wire),
        }
    }

    fn push_call(&mut self, wire: Wire<'_>) {
        let Some(id) = wire.tool_call_id else { return };
        let call = self.call(id, wire.tool_name);
        match wire.kind.as_str() {
            "tool-input-delta" => call.arguments.push_str(wire.input_text_delta.as_deref().unwrap_or_default()),
            "tool-input-available" | "tool_call_start" => {
                call.arguments = wire.input.map_or_else(|| "{}".into(), |input| input.get().into());
            }
            "tool-output-available" | "tool_response" => call.result = output(wire.output),
            "tool-output-error" => call.result = Output::Final(failure(&wire.error_text.unwrap_or_default())),
            _ => (),
        }
    }

    fn call(&mut self, id: String, name: Option<String>) -> &mut Call {
        let at = self.calls.iter().position(|call| call.id == id).unwrap_or(self.calls.len());
        if at == self.calls.len() {
            let name = name.clone().unwrap_or_default();
            self.calls.push(Call { id, name, arguments: String::new(), result: Output::None });
        }
        &mut self.calls[at]
    }

    /// The error of a task is the result of the operation that it waited for.
    fn fail(&mut self, message: &str) {
        for call in &mut self.calls {
            if matches!(call.result, Output::Started(_)) {
                call.result = Output::Final(failure(message));
            }
        }
    }

    /// The assistant message, always, then one message for each result of a tool. The same log gives the same ids.
    pub fn messages(&self, task: &Task) -> Vec<Message> {
        let assistant = Message {
            content: self.text.clone(),
            tool_calls: self.calls.iter().map(Call::as_stored).collect(),
            ..blank(task, task.writes.clone(), Role::Assistant)
        };
        let results = self.calls.iter().enumerate().filter_map(|(number, call)| call.result_message(task, number));
        std::iter::once(assistant).chain(results).collect()
    }
}

impl Call {
    fn as_stored(&self) -> ToolCall {
        ToolCall { id: self.id.clone(), name: self.name.clone(), arguments: self.arguments.clone() }
    }

    fn result_message(&self, task: &Task, number: usize) -> Option<Message> {
        let (Output::Started(content) | Output::Final(content)) = &self.result else { return None };
        Some(Message {
            content: content.clone(),
            tool_call_id: Some(self.id.clone()),
            name: Some(self.name.clone()),
            ..blank(task, format!("{}-tool-{number}", task.writes), Role::Tool)
        })
    }
}

fn blank(task: &Task, id: String, role: Role) -> Message {
    Message {
        id,
        sequence: 0,
        role,
        content: String::new(),
        tool_calls: Vec::new(),
        tool_call_id: None,
        name: None,
        created_at: task.created_at,
        task_id: task.id.clone(),
    }
}

fn output(raw: Option<&RawValue>) -> Output {
    #[derive(Deserialize)]
    struct Kind {
        r#type: String,
    }
    let text = raw.map_or("null", RawValue::get);
    let started = serde_json::from_str::<Kind>(text).is_ok_and(|kind| kind.r#type == "operation_started");
    if started { Output::Started(text.into()) } else { Output::Final(text.into()) }
}

fn failure(message: &str) -> String {
    serde_json::json!({ "error": message }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Stage, Status};

    fn messages(chunks: &[&str]) -> Vec<Message> {
        let mut transcript = Transcript::default();
        chunks.iter().for_each(|chunk| transcript.push(chunk));
        transcript.messages(&Task {
            id: "t".into(),
            session_id: "s".into(),
            status: Status::Running,
            stage: Stage::Working,
            answers: "u".into(),
            writes: "m".into(),
            created_at: 7,
            operations: Vec::new(),
            body: serde_json::Map::new(),
        })
    }

    #[test]
    fn the_text_of_all_blocks_and_dialects_is_one_content() {
        let said = messages(&[
            r#"{"type":"start","messageId":"m","taskId":"t"}"#,
            r#"{"type":"text-delta","id":"a","delta":"one "}"#,
            r#"{"type":"reasoning-delta","id":"r","delta":"hidden"}"#,
            r#"{"type":"text_chunk","content":"two"}"#,
        ]);
        assert_eq!(said.len(), 1);
        assert_eq!((said[0].id.as_str(), said[0].content.as_str()), ("m", "one two"));
    }

    #[test]
    fn a_tool_call_is_part_of_the_assistant_message_and_its_result_a_message_of_its_own() {
        let said = messages(&[
            r#"{"type":"tool-input-start","toolCallId":"c","toolName":"find"}"#,
            r#"{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"{\"q\""}"#,
            r#"{"type":"tool-input-available","toolCallId":"c","toolName":"find","input":{"q":1}}"#,
            r#"{"type":"tool-output-available","toolCallId":"c","output":{"hits":2}}"#,
        ]);
        assert_eq!(said[0].tool_calls[0].arguments, r#"{"q":1}"#);
        assert_eq!((said[1].role, said[1].content.as_str()), (Role::Tool, r#"{"hits":2}"#));
        assert_eq!((said[1].tool_call_id.as_deref(), said[1].name.as_deref()), (Some("c"), Some("find")));
    }

    #[test]
    fn the_real_result_of_an_operation_replaces_its_start() {
        let started = r#"{"type":"tool-output-available","toolCallId":"c","toolName":"deploy","output":{"type":"operation_started","operation_id":"o"}}"#;
        let done = r#"{"type":"tool-output-available","toolCallId":"c","toolName":"deploy","output":"ok"}"#;
        assert_eq!(messages(&[started, done])[1].content, "\"ok\"");
        let error = r#"{"type":"error","errorText":"no quota","code":"X"}"#;
        assert_eq!(messages(&[started, error])[1].content, r#"{"error":"no quota"}"#);
    }

    #[test]
    fn an_answer_without_a_word_is_an_empty_message() {
        assert_eq!(messages(&[])[0].content, "");
    }
}
