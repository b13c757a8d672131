//! The whole input or output of a tool call in its usual form. After deltas these are the most frequent chunks, so they are split
//! into parts instead of being rewritten as JSON. JavaScript then parses only the payload.

use super::object::Member;
use crate::stream::bytes::json::{JsonString, Lexer};
use ToolStep::{Input, Output};

/// A tool's input or output that has exactly these members, in this order, with no escapes in the first two.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool<'a> {
    /// Whether this is the input or the output.
    pub step: ToolStep,
    /// `toolCallId`.
    pub call: &'a str,
    /// `toolName`, which an output may leave out.
    pub name: Option<&'a str>,
    /// `input` or `output`, as JSON text.
    pub payload: &'a str,
}

/// The step of a tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolStep {
    /// `tool-input-available{toolCallId, toolName, input}`.
    Input,
    /// `tool-output-available{toolCallId, toolName?, output}`.
    Output,
}

/// Splits a chunk whose members are in the usual order, with no white space before the payload. This needs no list of its members.
/// Returns `None` for a chunk of any other form.
pub(super) fn scan(data: &str) -> Option<Tool<'_>> {
    let mut lexer = Lexer::new(data);
    lexer.takes(br#"{"type":"tool-"#).then_some(())?;
    let step = if lexer.takes(b"in") { Input } else { Output };
    if step == Output {
        lexer.literal(b"out")?;
    }
    lexer.literal(br#"put-available","toolCallId":""#)?;
    let call = lexer.text()?.plain()?;
    let name = if lexer.takes(br#","toolName":""#) { Some(lexer.text()?.plain()?) } else { None };
    match step {
        Input => lexer.literal(br#","input":"#).and(name).map(drop)?,
        Output => lexer.literal(br#","output":"#)?,
    }
    let payload = lexer.value()?;
    lexer.expect(b'}')?;
    lexer.end()?;
    Some(Tool { step, call, name, payload })
}

/// Splits a chunk whose members were found already. Returns `None` if it is no tool chunk, or if it has other members.
pub(super) fn of<'a>(kind: &str, members: &[Member<'a>]) -> Option<Tool<'a>> {
    let (step, payload) = match kind {
        "tool-input-available" => (Input, "input"),
        "tool-output-available" => (Output, "output"),
        _ => return None,
    };
    let (name, members) = match members {
        [kind, call, name, payload] => (Some(text_of(name, "toolName")?), [kind, call, payload]),
        [kind, call, payload] if step == Output => (None, [kind, call, payload]),
        _ => return None,
    };
    let [kind, call, last] = members;
    text_of(kind, "type")?;
    let call = text_of(call, "toolCallId")?;
    (last.name == JsonString::Plain(payload)).then_some(Tool { step, call, name, payload: last.value })
}

/// Returns the text of the member if it has this name and neither has escapes.
fn text_of<'a>(member: &Member<'a>, name: &str) -> Option<&'a str> {
    if member.name == JsonString::Plain(name) { JsonString::of_value(member.value)?.plain() } else { None }
}
