//! Makes messages of a task's log. The history comes from the log and from nothing else, so the stored messages are
//! what was streamed, whoever ends the task (PROTOCOL §6, history). A task that continues a message begins with its
//! stored content.

mod json;
mod metadata;
mod partial;
mod parts;
mod tool;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::clock::Millis;
use crate::store::{Message, Role, Task, ToolCall};
use json::Text;
use parts::{Block, Parts};

/// The messages of a log, while it is read.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    text: Text,
    calls: Vec<Call>,
    parts: Parts,
    metadata: Option<Value>,
    /// The time at which the continued message began.
    begun_at: Option<Millis>,
}

#[derive(Clone, Debug)]
struct Call {
    id: String,
    name: String,
    arguments: Arguments,
    result: Output,
    /// The time at which the result was stored, in a message that is continued.
    answered_at: Option<Millis>,
}

/// JSON text.
#[derive(Clone, Debug)]
enum Arguments {
    /// The beginning of the input, while it streams.
    Streaming(Text),
    Whole(String),
}

/// The output of a tool.
#[derive(Clone, Debug)]
enum Output {
    None,
    /// The output names a running operation, whose result will replace it.
    Started(String),
    Final(String),
}

/// The fields of both dialects that make messages.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    provider_metadata: Option<&'a RawValue>,
    #[serde(alias = "tool_id")]
    tool_call_id: Option<String>,
    #[serde(alias = "tool_name")]
    tool_name: Option<String>,
    #[serde(borrow)]
    input_text_delta: Option<&'a RawValue>,
    #[serde(borrow, alias = "arguments")]
    input: Option<&'a RawValue>,
    #[serde(borrow, alias = "result")]
    output: Option<&'a RawValue>,
    #[serde(borrow, alias = "message")]
    error_text: Option<&'a RawValue>,
}

impl Wire<'_> {
    fn metadata(&self) -> Option<Value> {
        self.provider_metadata.and_then(|metadata| json::value(metadata.get()))
    }

    fn error(&self) -> String {
        self.error_text.or(self.content).and_then(|text| json::decode(text.get())).unwrap_or_default()
    }
}

impl Transcript {
    /// Begins with a stored message and the results of its calls.
    pub fn stored(message: &Message, session: &[Message]) -> Self {
        let call = |call: &ToolCall| {
            let result = session.iter().rfind(|other| other.tool_call_id.as_deref() == Some(&call.id));
            Call {
                id: call.id.clone(),
                name: call.name.clone(),
                arguments: Arguments::Whole(call.arguments.clone()),
                result: result.map_or(Output::None, |result| output_of(result.content.clone())),
                answered_at: result.map(|result| result.created_at),
            }
        };
        Self {
            text: Text::of(&message.content),
            calls: message.tool_calls.iter().map(call).collect(),
            parts: Parts::stored(&message.parts),
            metadata: message.metadata.clone(),
            begun_at: Some(message.created_at),
        }
    }

    /// Whether the message was begun by another task.
    pub fn goes_on(&self) -> bool {
        self.begun_at.is_some()
    }

    /// Takes the next chunk. A chunk that is not part of a message changes nothing.
    pub fn push(&mut self, chunk: &str) {
        let Ok(wire) = serde_json::from_str::<Wire<'_>>(chunk) else { return };
        match wire.kind.as_str() {
            "text-delta" => {
                self.text.push_field(wire.delta);
                self.push_delta(Block::Text(wire.id.clone().unwrap_or_default()), wire.delta, wire.metadata());
            }
            "reasoning-delta" => {
                self.push_delta(Block::Reasoning(wire.id.clone().unwrap_or_default()), wire.delta, wire.metadata());
            }
            "text_chunk" => {
                self.text.push_field(wire.content);
                self.push_delta(Block::Legacy, wire.content, None);
            }
            _ => self.push_other(wire, chunk),
        }
    }

    fn push_delta(&mut self, block: Block, piece: Option<&RawValue>, metadata: Option<Value>) {
        self.parts.delta(block, piece.map_or("", RawValue::get), metadata);
    }

    fn push_other(&mut self, wire: Wire<'_>, chunk: &str) {
        if wire.kind == "tool-input-delta" {
            let piece = wire.input_text_delta.map_or("", RawValue::get);
            self.parts.input_delta(wire.tool_call_id.as_deref().unwrap_or_default(), piece);
        } else if let Some(fields) = json::object(chunk) {
            self.parts.take(&wire.kind, &fields);
            if matches!(&*wire.kind, "start" | "finish" | "message-metadata") {
                metadata::merge(&mut self.metadata, fields.get("messageMetadata").cloned());
            }
        }
        if wire.kind == "error" { self.fail(&wire.error()) } else { self.push_call(wire) }
    }

    fn push_call(&mut self, wire: Wire<'_>) {
        let error = wire.error();
        let Some(id) = wire.tool_call_id else { return };
        let call = self.call(id, wire.tool_name);
        match wire.kind.as_str() {
            "tool-input-delta" => call.append(wire.input_text_delta),
            "tool-input-available" | "tool_call_start" => {
                call.arguments = Arguments::Whole(wire.input.map_or("{}", RawValue::get).into());
            }
            "tool-output-available" | "tool_response" => {
                call.result = output_of(wire.output.map_or("null", RawValue::get).into());
            }
            "tool-output-error" => call.result = Output::Final(failure(&error)),
            _ => (),
        }
    }

    fn call(&mut self, id: String, name: Option<String>) -> &mut Call {
        let at = self.calls.iter().position(|call| call.id == id).unwrap_or(self.calls.len());
        if at == self.calls.len() {
            let arguments = Arguments::Streaming(Text::default());
            let (name, result) = (name.unwrap_or_default(), Output::None);
            self.calls.push(Call { id, name, arguments, result, answered_at: None });
        }
        &mut self.calls[at]
    }

    /// Makes the error of a task the result of the operation that it waited for.
    fn fail(&mut self, message: &str) {
        for call in &mut self.calls {
            if matches!(call.result, Output::Started(_)) {
                call.result = Output::Final(failure(message));
            }
        }
    }

    /// The assistant message, and after it one message for each result of a tool. The same log gives the same ids.
    pub fn messages(&self, task: &Task) -> Vec<Message> {
        let created_at = self.begun_at.unwrap_or(task.created_at);
        let assistant = Message {
            content: self.text.decode(),
            tool_calls: self.calls.iter().map(Call::as_stored).collect(),
            parts: self.parts.values(),
            metadata: self.metadata.clone(),
            created_at,
            ..blank(task, task.writes.clone(), Role::Assistant)
        };
        let results = self.calls.iter().enumerate().filter_map(|(number, call)| call.result_message(task, number));
        std::iter::once(assistant).chain(results).collect()
    }
}

impl Call {
    fn append(&mut self, piece: Option<&RawValue>) {
        if let Arguments::Streaming(text) = &mut self.arguments {
            text.push_field(piece);
        }
    }

    fn as_stored(&self) -> ToolCall {
        let arguments = match &self.arguments {
            Arguments::Streaming(text) => text.decode(),
            Arguments::Whole(text) => text.clone(),
        };
        ToolCall { id: self.id.clone(), name: self.name.clone(), arguments }
    }

    fn result_message(&self, task: &Task, number: usize) -> Option<Message> {
        let (Output::Started(content) | Output::Final(content)) = &self.result else { return None };
        Some(Message {
            content: content.clone(),
            tool_call_id: Some(self.id.clone()),
            name: Some(self.name.clone()),
            created_at: self.answered_at.unwrap_or(task.created_at),
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
        parts: Vec::new(),
        metadata: None,
        created_at: task.created_at,
        task_id: task.id.clone(),
    }
}

/// An output as JSON text.
fn output_of(text: String) -> Output {
    #[derive(Deserialize)]
    struct Kind {
        r#type: String,
    }
    let started = serde_json::from_str::<Kind>(&text).is_ok_and(|kind| kind.r#type == "operation_started");
    if started { Output::Started(text) } else { Output::Final(text) }
}

fn failure(message: &str) -> String {
    serde_json::json!({ "error": message }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Stage, Status};

    fn messages(chunks: &[&str]) -> Vec<Message> {
        folded(Transcript::default(), chunks)
    }

    fn folded(mut transcript: Transcript, chunks: &[&str]) -> Vec<Message> {
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

    #[test]
    fn a_message_goes_on_with_its_parts_its_calls_and_their_results() {
        let mut before = messages(&[
            r#"{"type":"text-delta","id":"1","delta":"Where? "}"#,
            r#"{"type":"tool-input-available","toolCallId":"c","toolName":"map","input":{}}"#,
            r#"{"type":"message-metadata","messageMetadata":{"n":1}}"#,
        ]);
        before[0].created_at = 3;
        let output = r#"{"type":"tool-output-available","toolCallId":"c","output":"here"}"#;
        let settled = folded(Transcript::stored(&before[0], &before), &[output]);
        // What the task that goes on has in its log is said once more.
        let after = folded(
            Transcript::stored(&settled[0], &settled),
            &[output, r#"{"type":"text-delta","id":"1","delta":"Here."}"#],
        );
        assert_eq!((after[0].content.as_str(), after[0].created_at), ("Where? Here.", 3));
        assert_eq!((after[0].tool_calls.len(), after[1].content.as_str()), (1, "\"here\""));
        assert_eq!(after[0].metadata, Some(serde_json::json!({"n": 1})));
        let kinds: Vec<&str> = after[0].parts.iter().map(|part| part["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["text", "tool-map", "text"]);
        assert_eq!(after[0].parts[1]["output"], "here");
    }

    #[test]
    fn the_legacy_dialect_makes_text_and_dynamic_tools_in_the_order_of_the_stream() {
        let said = messages(&[
            r#"{"type":"text_chunk","content":"Let me "}"#,
            r#"{"type":"text_chunk","content":"look."}"#,
            r#"{"type":"tool_call_start","tool_id":"c","tool_name":"find","arguments":{"q":1}}"#,
            r#"{"type":"tool_response","tool_id":"c","result":{"error":"gone"},"success":false}"#,
            r#"{"type":"text_chunk","content":"Nothing."}"#,
            r#"{"type":"text_ended"}"#,
            r#"{"type":"text_chunk","content":"Sorry."}"#,
        ]);
        assert_eq!(
            serde_json::json!(said[0].parts),
            serde_json::json!([
                {"type": "text", "text": "Let me look.", "state": "done"},
                {"type": "dynamic-tool", "toolName": "find", "toolCallId": "c", "state": "output-error",
                    "input": {"q": 1}, "errorText": "gone"},
                {"type": "text", "text": "Nothing.", "state": "done"},
                {"type": "text", "text": "Sorry.", "state": "done"},
            ])
        );
    }

    #[test]
    fn a_cut_answer_has_its_text_done_and_its_tools_as_they_were() {
        let said = messages(&[
            r#"{"type":"reasoning-start","id":"r"}"#,
            r#"{"type":"reasoning-delta","id":"r","delta":"Hm"}"#,
            r#"{"type":"tool-input-start","toolCallId":"c","toolName":"find"}"#,
            r#"{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"{\"q\":\"a"}"#,
            r#"{"type":"text-delta","id":"t","delta":"\ud83d"}"#,
            r#"{"type":"text-delta","id":"t","delta":"\ude00"}"#,
            r#"{"type":"abort"}"#,
        ]);
        assert_eq!(
            serde_json::json!(said[0].parts),
            serde_json::json!([
                {"type": "reasoning", "id": "r", "text": "Hm", "state": "done"},
                {"type": "tool-find", "toolCallId": "c", "state": "input-streaming", "input": {"q": "a"},
                    "rawInput": "{\"q\":\"a"},
                {"type": "text", "text": "😀", "state": "done"},
            ])
        );
        assert_eq!(said[0].content, "😀");
    }
}
