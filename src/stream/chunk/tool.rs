//! A tool's whole input or output in its usual form. Agents say nothing more often, deltas aside, so it is cut into what
//! JavaScript needs, instead of written again as JSON: there only the payload is parsed.

use super::object::Member;
use crate::stream::bytes::json::{JsonString, Lexer};
use ToolStep::{Input, Output};

/// A tool's input or output with no member beside these, in this order, and no escapes in the first two.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool<'a> {
    /// Which of both.
    pub step: ToolStep,
    /// `toolCallId`.
    pub call: &'a str,
    /// `toolName`; an output may come without.
    pub name: Option<&'a str>,
    /// `input` or `output`: JSON text.
    pub payload: &'a str,
}

/// How far a tool's call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolStep {
    /// `tool-input-available{toolCallId, toolName, input}`.
    Input,
    /// `tool-output-available{toolCallId, toolName?, output}`.
    Output,
}

/// What the scanner is sure of: no white space before the payload.
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

/// The same of an object that was cut already.
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

/// What a member of this name says, both without escapes.
fn text_of<'a>(member: &Member<'a>, name: &str) -> Option<&'a str> {
    if member.name == JsonString::Plain(name) { JsonString::of_value(member.value)?.plain() } else { None }
}
