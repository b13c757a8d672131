//! The exact decoder: accepts what `JSON.parse` accepts and nothing else. It checks values and does not build them.

use super::object::{Member, Object};
use super::{Chunk, Delta, Malformed, Stream};
use super::{tool, vocabulary};
use crate::stream::bytes::json::{Json, JsonString};

pub(super) fn decode(data: &str) -> Result<Chunk<'_>, Malformed> {
    let json = Json::parse(data).ok_or(Malformed::NotJson)?;
    let members: Vec<_> = json.members().map(|(name, value)| Member { name, value: value.text() }).collect();
    let kind = find(&members, "type").and_then(JsonString::of_value).ok_or(Malformed::NoType)?;
    if let Some(delta) = delta(kind, &members) {
        return Ok(Chunk::Delta(delta));
    }
    if let Some(tool) = kind.plain().and_then(|kind| tool::of(kind, &members)) {
        return Ok(Chunk::Tool(tool));
    }
    let word = vocabulary::word(&kind.text());
    Ok(Chunk::Object(Object::new(data, members, word)))
}

/// Returns the delta if the chunk has no member beside its text.
fn delta<'a>(kind: JsonString<'a>, members: &[Member<'a>]) -> Option<Delta<'a>> {
    let text = |name| find(members, name).and_then(JsonString::of_value).filter(JsonString::is_well_formed);
    match (kind.plain()?, members.len()) {
        ("text_chunk", 2) => Some(Delta { stream: Stream::Legacy, text: text("content")? }),
        ("text-delta", 3) => Some(Delta { stream: Stream::Text(text("id")?), text: text("delta")? }),
        ("reasoning-delta", 3) => Some(Delta { stream: Stream::Reasoning(text("id")?), text: text("delta")? }),
        ("tool-input-delta", 3) => {
            Some(Delta { stream: Stream::ToolInput(text("toolCallId")?), text: text("inputTextDelta")? })
        }
        _ => None,
    }
}

/// Returns the value of the last member with this name. "In the case where there are duplicate name Strings within an object,
/// lexically preceding values for the same key shall be overwritten" (ECMA-262, JSON.parse).
pub(super) fn find<'a>(members: &[Member<'a>], name: &str) -> Option<&'a str> {
    members.iter().rfind(|member| member.name.is(name)).map(|member| member.value)
}
