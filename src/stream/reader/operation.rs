//! An operation that a tool started and that outlives the turn (PROTOCOL §5, §7). The tool's output names it, and it is pending
//! until the call's real output arrives.

use std::borrow::Cow;

use crate::stream::bytes::json::{Json, JsonString};
use crate::stream::bytes::short::contains;
use crate::stream::chunk::{Chunk, Tool, ToolStep};

/// An output of this length or more, in bytes, is not searched for an operation.
const LONGEST: usize = 4_096;

/// An operation that has no result yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    /// The tool call that started it.
    pub call: String,
    /// The operation's id.
    pub operation: String,
    /// The task that runs it.
    pub task: String,
    /// The tool's name.
    pub tool: String,
}

/// Returns the call and the output of a chunk, as JSON text, if the chunk is an output.
pub(super) fn output<'a>(chunk: &Chunk<'a>) -> Option<(Cow<'a, str>, &'a str)> {
    match chunk {
        Chunk::Tool(Tool { step: ToolStep::Output, call, payload, .. }) => Some((Cow::Borrowed(call), payload)),
        Chunk::Object(object) => match object.text("type")?.as_ref() {
            "tool-output-available" => Some((object.text("toolCallId")?, object.value("output")?)),
            "tool_response" => Some((object.text("tool_id")?, object.value("result")?)),
            _ => None,
        },
        _ => None,
    }
}

/// Records the operation that an output starts, or clears the pending one if this is the output of its call.
pub(super) fn take(pending: &mut Option<Operation>, call: &str, output: &str) {
    match started(call, output) {
        Some(operation) => *pending = Some(operation),
        None => drop(pending.take_if(|pending| pending.call == call)),
    }
}

/// Reads an output of type `operation_started`. Base backends send it as JSON text in a string.
fn started(call: &str, output: &str) -> Option<Operation> {
    if output.len() > LONGEST || !contains(output, "operation_started") {
        return None;
    }
    let inner = JsonString::of_value(output).map(|text| text.text());
    let members = Json::parse(inner.as_deref().unwrap_or(output))?.members();
    let mut operation = Operation { call: call.to_owned(), ..Operation::default() };
    let mut is_start = false;
    for (name, value) in members {
        let Some(text) = JsonString::of_value(value.text()).map(|text| text.text()) else { continue };
        match name.text().as_ref() {
            "type" => is_start = text == "operation_started",
            "operation_id" => operation.operation = text.into_owned(),
            "task_id" => operation.task = text.into_owned(),
            "tool_name" => operation.tool = text.into_owned(),
            _ => {}
        }
    }
    (is_start && !operation.task.is_empty()).then_some(operation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::chunk::{decode, quoted};

    const STARTED: &str =
        r#"{"type":"operation_started","operation_id":"o1","task_id":"t2","tool_name":"build","message":"..."}"#;

    fn after(frames: &[String]) -> Option<Operation> {
        let mut pending = None;
        for frame in frames {
            let chunk = decode(frame).unwrap();
            if let Some((call, output)) = output(&chunk) {
                take(&mut pending, &call, output);
            }
        }
        pending
    }

    fn frame(call: &str, output: &str) -> String {
        format!(r#"{{"type":"tool-output-available","toolCallId":"{call}","output":{output}}}"#)
    }

    #[test]
    fn an_operation_is_read_from_an_object_and_from_json_text() {
        let expected = Operation { call: "c".into(), operation: "o1".into(), task: "t2".into(), tool: "build".into() };
        assert_eq!(after(&[frame("c", STARTED)]), Some(expected.clone()));
        assert_eq!(after(&[frame("c", &quoted(STARTED))]), Some(expected.clone()));
        let legacy = format!(r#"{{"type":"tool_response","tool_id":"c","result":{STARTED},"success":true}}"#);
        assert_eq!(after(&[legacy]), Some(expected));
    }

    #[test]
    fn only_the_real_output_of_its_own_call_ends_it() {
        let (start, other, real) = (frame("c", STARTED), frame("d", "{}"), frame("c", r#"{"done":true}"#));
        assert!(after(&[start.clone(), other]).is_some());
        assert_eq!(after(&[start, real]), None);
    }

    #[test]
    fn an_output_that_only_mentions_the_word_starts_nothing() {
        for output in
            [r#""operation_started""#, r#"{"type":"x","text":"operation_started"}"#, "[\"operation_started\"]"]
        {
            assert_eq!(after(&[frame("c", output)]), None, "{output}");
        }
    }
}
