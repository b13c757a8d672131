//! The chunks that this server writes, in both dialects (PROTOCOL §3). `type` always comes first on the wire.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The AI SDK UI message stream dialect.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Chunk<'a> {
    Start { message_id: &'a str, task_id: &'a str },
    TextStart { id: &'a str },
    TextDelta { id: &'a str, delta: &'a str },
    TextEnd { id: &'a str },
    ReasoningStart { id: &'a str },
    ReasoningDelta { id: &'a str, delta: &'a str },
    ReasoningEnd { id: &'a str },
    ToolInputStart { tool_call_id: &'a str, tool_name: &'a str },
    ToolInputDelta { tool_call_id: &'a str, input_text_delta: &'a str },
    ToolInputAvailable { tool_call_id: &'a str, tool_name: &'a str, input: &'a RawValue },
    ToolInputError { tool_call_id: &'a str, tool_name: &'a str, input: &'a str, error_text: &'a str },
    ToolOutputAvailable { tool_call_id: &'a str, tool_name: &'a str, output: &'a Value },
    ToolOutputDenied { tool_call_id: &'a str },
    ToolApprovalRequest { approval_id: &'a str, tool_call_id: &'a str },
    SourceUrl { source_id: &'a str, url: &'a str, title: &'a str },
    File { url: &'a str, media_type: &'a str },
    MessageMetadata { message_metadata: &'a RawValue },
    Usage { prompt_tokens: u64, completion_tokens: u64, total_tokens: u64 },
    Error { error_text: &'a str, code: &'a str },
    Abort { reason: &'a str },
    Finish,
}

/// The legacy dialect.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Legacy<'a> {
    TextChunk { content: &'a str },
    TextEnded,
    ToolCallStart { tool_id: &'a str, tool_name: &'a str, arguments: &'a RawValue },
    ToolResponse { tool_id: &'a str, tool_name: &'a str, result: &'a Value, success: bool },
    Error { message: &'a str, code: &'a str },
}

/// A chunk as it goes into the log.
pub fn json(chunk: &impl Serialize) -> Arc<str> {
    // Strings and JSON values always serialise; an empty object would be skipped by every reader.
    serde_json::to_string(chunk).unwrap_or_else(|_| "{}".into()).into()
}

/// The last chunk of every task.
pub fn finish() -> Arc<str> {
    json(&Chunk::Finish)
}

/// The end of a task whose writer is gone (PROTOCOL §6).
pub fn interrupted() -> Arc<str> {
    let error_text = "The server that wrote this answer stopped before it was complete.";
    json(&Chunk::Error { error_text, code: "INTERRUPTED" })
}

/// The end of a task that a user stopped.
pub fn aborted() -> Arc<str> {
    json(&Chunk::Abort { reason: "cancelled" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_have_the_names_of_the_protocol() {
        let start = Chunk::Start { message_id: "m", task_id: "t" };
        assert_eq!(&*json(&start), r#"{"type":"start","messageId":"m","taskId":"t"}"#);
        let delta = Chunk::ToolInputDelta { tool_call_id: "c", input_text_delta: "{" };
        assert_eq!(&*json(&delta), r#"{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"{"}"#);
        assert_eq!(&*json(&Legacy::TextChunk { content: "x" }), r#"{"type":"text_chunk","content":"x"}"#);
        assert_eq!(&*finish(), r#"{"type":"finish"}"#);
    }
}
