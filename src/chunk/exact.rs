//! Decodes what `JSON.parse` would accept and nothing else, by serde_json, which checks values without building them.

use super::object::{Member, Object};
use super::string::JsonString;
use super::vocabulary;
use super::{Chunk, Delta, Malformed, Stream};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

pub(super) fn decode(data: &str) -> Result<Chunk<'_>, Malformed> {
    if !data.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{') {
        return Err(other_value(data));
    }
    let Members(members) = serde_json::from_str(data).map_err(|_| Malformed::NotJson)?;
    let kind = find(&members, "type").and_then(JsonString::of_value).ok_or(Malformed::NoType)?;
    if let Some(delta) = delta(kind, &members) {
        return Ok(Chunk::Delta(delta));
    }
    let word = vocabulary::word(&kind.text());
    Ok(Chunk::Object(Object::new(data, members, word)))
}

fn other_value(data: &str) -> Malformed {
    match serde_json::from_str::<&RawValue>(data) {
        Ok(_) => Malformed::NoType,
        Err(_) => Malformed::NotJson,
    }
}

/// A piece of text with nothing beside it.
fn delta<'a>(kind: JsonString<'a>, members: &[Member<'a>]) -> Option<Delta<'a>> {
    let text = |name| find(members, name).and_then(JsonString::of_value).filter(JsonString::is_well_formed);
    let JsonString::Plain(kind) = kind else { return None };
    match (kind, members.len()) {
        ("text_chunk", 2) => Some(Delta { stream: Stream::Legacy, text: text("content")? }),
        ("text-delta", 3) => Some(Delta { stream: Stream::Text(text("id")?), text: text("delta")? }),
        ("reasoning-delta", 3) => Some(Delta { stream: Stream::Reasoning(text("id")?), text: text("delta")? }),
        ("tool-input-delta", 3) => {
            Some(Delta { stream: Stream::ToolInput(text("toolCallId")?), text: text("inputTextDelta")? })
        }
        _ => None,
    }
}

/// "In the case where there are duplicate name Strings within an object, lexically preceding values for the same key
/// shall be overwritten" (ECMA-262, JSON.parse).
pub(super) fn find<'a>(members: &[Member<'a>], name: &str) -> Option<&'a str> {
    members.iter().rfind(|member| member.name.is(name)).map(|member| member.value)
}

struct Members<'a>(Vec<Member<'a>>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members: Vec<Member<'de>> = Vec::new();
        while let Some((name, value)) = map.next_entry::<&'de RawValue, &'de RawValue>()? {
            let Some(name) = JsonString::of_value(name.get()) else { continue };
            members.push(Member { name, value: value.get() });
        }
        Ok(Members(members))
    }
}
