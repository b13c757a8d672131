//! The shallow scanner decodes an object of few members whose names have no escapes. It cuts in one pass, where the exact decoder
//! checks first and cuts then.
//!
//! It answers only where it is sure. `None` means that the exact decoder has to decide. What it accepts must decode to the same
//! chunk there. A differential fuzz target and the tests of this module check that.

use super::object::{Member, Object};
use super::{Chunk, Delta, Stream, tool, vocabulary};
use crate::stream::bytes::json::{Escapes, JsonString, Lexer};

/// A chunk with more members is left to the exact decoder.
const MOST: usize = 8;

pub(super) fn scan(data: &str) -> Option<Chunk<'_>> {
    if let Some(tool) = tool::scan(data) {
        return Some(Chunk::Tool(tool));
    }
    let mut scanner = Scanner { lexer: Lexer::new(data) };
    // Filled in place: it is too large to be moved in the hot path.
    let mut members = Members::none();
    scanner.object(&mut members)?;
    scanner.lexer.end()?;
    members.chunk(data)
}

struct Members<'a> {
    all: [Member<'a>; MOST],
    count: usize,
    /// One bit for each role that was found.
    met: u8,
    /// The last value of each role.
    kind: Value<'a>,
    block: Value<'a>,
    text: Value<'a>,
}

/// A value as JSON text, and whether it has escapes.
#[derive(Clone, Copy)]
struct Value<'a> {
    json: &'a str,
    escapes: Escapes,
}

impl<'a> Value<'a> {
    const NONE: Self = Self { json: "", escapes: Escapes::None };

    /// Returns the string, if the value is one. Its escapes are known already, so it is not searched again.
    #[inline(always)]
    fn string(self) -> Option<JsonString<'a>> {
        let inner = self.json.strip_prefix("\"")?.strip_suffix("\"")?;
        Some(match self.escapes {
            Escapes::None => JsonString::Plain(inner),
            Escapes::Some => JsonString::Escaped(inner),
        })
    }

    #[inline(always)]
    fn well_formed(self) -> Option<JsonString<'a>> {
        self.string().filter(JsonString::is_well_formed)
    }
}

const OTHER: u8 = 0;
const TYPE: u8 = 1;
const ID: u8 = 1 << 1;
const DELTA: u8 = 1 << 2;
const CALL: u8 = 1 << 3;
const INPUT: u8 = 1 << 4;
const CONTENT: u8 = 1 << 5;

/// Returns the role of the name at the beginning of `bytes`, and the length of the name up to its closing quote. The comparisons
/// are written out, because six calls would cost more than all other work on a name.
fn role(bytes: &[u8]) -> Option<(u8, usize)> {
    match bytes {
        [b't', b'y', b'p', b'e', b'"', ..] => Some((TYPE, 5)),
        [b'i', b'd', b'"', ..] => Some((ID, 3)),
        [b'd', b'e', b'l', b't', b'a', b'"', ..] => Some((DELTA, 6)),
        [b'c', b'o', rest @ ..] if rest.starts_with(b"ntent\"") => Some((CONTENT, 8)),
        [b't', b'o', rest @ ..] if rest.starts_with(b"olCallId\"") => Some((CALL, 11)),
        [b'i', b'n', rest @ ..] if rest.starts_with(b"putTextDelta\"") => Some((INPUT, 15)),
        _ => None,
    }
}

impl<'a> Members<'a> {
    const fn none() -> Self {
        let none = Member { name: JsonString::Plain(""), value: "" };
        Self { all: [none; MOST], count: 0, met: 0, kind: Value::NONE, block: Value::NONE, text: Value::NONE }
    }

    fn add(&mut self, bit: u8, name: JsonString<'a>, value: Value<'a>) -> Option<()> {
        let member = Member { name, value: value.json };
        *self.all.get_mut(self.count)? = member;
        self.count += 1;
        self.met |= bit;
        match bit {
            OTHER => {}
            TYPE => self.kind = value,
            ID | CALL => self.block = value,
            _ => self.text = value,
        }
        Some(())
    }

    fn chunk(&self, data: &'a str) -> Option<Chunk<'a>> {
        let kind = self.kind.string()?.plain()?;
        if let Some(delta) = self.delta(kind) {
            return Some(Chunk::Delta(delta));
        }
        let members = self.all.get(..self.count)?;
        if let Some(tool) = tool::of(kind, members) {
            return Some(Chunk::Tool(tool));
        }
        Some(Chunk::Object(Object::new(data, members.to_vec(), vocabulary::word(kind))))
    }

    /// Returns the delta if the chunk has exactly the members of one. `met` has a bit for each known name, and the comparison with
    /// the number of members excludes duplicates and members with other names.
    fn delta(&self, kind: &str) -> Option<Delta<'a>> {
        const BLOCK: u8 = TYPE | ID | DELTA;
        const TOOL: u8 = TYPE | CALL | INPUT;
        const LEGACY: u8 = TYPE | CONTENT;
        let block = || self.block.well_formed();
        let stream = match (self.met, self.count, kind) {
            (BLOCK, 3, "text-delta") => Stream::Text(block()?),
            (BLOCK, 3, "reasoning-delta") => Stream::Reasoning(block()?),
            (TOOL, 3, "tool-input-delta") => Stream::ToolInput(block()?),
            (LEGACY, 2, "text_chunk") => Stream::Legacy,
            _ => return None,
        };
        Some(Delta { stream, text: self.text.well_formed()? })
    }
}

struct Scanner<'a> {
    lexer: Lexer<'a>,
}

impl<'a> Scanner<'a> {
    fn object(&mut self, members: &mut Members<'a>) -> Option<()> {
        self.lexer.expect(b'{')?;
        loop {
            let (name, bit) = self.name()?;
            self.lexer.expect(b':')?;
            let value = self.value()?;
            members.add(bit, name, value)?;
            match self.lexer.token()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn name(&mut self) -> Option<(JsonString<'a>, u8)> {
        self.lexer.expect(b'"')?;
        let start = self.lexer.at();
        let role = role(self.lexer.rest());
        match role {
            Some((_, length)) => self.lexer.skip(length),
            None if self.lexer.string()? == Escapes::Some => return None,
            None => {}
        }
        let name = self.lexer.since(start)?.strip_suffix("\"")?;
        Some((JsonString::Plain(name), role.map_or(OTHER, |(bit, _)| bit)))
    }

    fn value(&mut self) -> Option<Value<'a>> {
        let first = self.lexer.token()?;
        if first != b'"' {
            return Some(Value { json: self.lexer.value_after(first)?, escapes: Escapes::None });
        }
        let start = self.lexer.at() - 1;
        let escapes = self.lexer.string()?;
        Some(Value { json: self.lexer.since(start)?, escapes })
    }
}
