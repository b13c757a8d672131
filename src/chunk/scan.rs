//! The shallow scanner of the hot path: an object of few members, each a string, an integer or a literal.
//!
//! It answers only where it is sure. `None` says nothing about the text: the exact way decides. Whatever it takes must
//! decode to the same chunk there; a differential fuzz target and the tests of this module hold the two together.

use super::object::{Member, Object};
use super::string::JsonString;
use super::{Chunk, Delta, Stream, vocabulary};

/// Most members of a chunk that is taken.
const MOST: usize = 8;

pub(super) fn scan(data: &str) -> Option<Chunk<'_>> {
    let mut scanner = Scanner { data, at: 0 };
    // Filled in place: it is too large to be handed about in the hot path.
    let mut members = Members::none();
    scanner.object(&mut members)?;
    scanner.end()?;
    members.chunk(data)
}

struct Members<'a> {
    all: [Member<'a>; MOST],
    count: usize,
    /// One bit for each name of [`NAMES`] that was met.
    met: u8,
    /// The last value of each role of [`NAMES`].
    kind: &'a str,
    block: &'a str,
    text: &'a str,
}

const OTHER: u8 = 0;
const TYPE: u8 = 1;
const ID: u8 = 1 << 1;
const DELTA: u8 = 1 << 2;
const CALL: u8 = 1 << 3;
const INPUT: u8 = 1 << 4;
const CONTENT: u8 = 1 << 5;

const NAMES: [(&[u8], u8); 6] = [
    (b"type\"", TYPE),
    (b"id\"", ID),
    (b"delta\"", DELTA),
    (b"content\"", CONTENT),
    (b"toolCallId\"", CALL),
    (b"inputTextDelta\"", INPUT),
];

impl<'a> Members<'a> {
    const fn none() -> Self {
        let none = Member { name: JsonString::Plain(""), value: "" };
        Self { all: [none; MOST], count: 0, met: 0, kind: "", block: "", text: "" }
    }

    fn add(&mut self, bit: u8, member: Member<'a>) -> Option<()> {
        *self.all.get_mut(self.count)? = member;
        self.count += 1;
        self.met |= bit;
        match bit {
            OTHER => {}
            TYPE => self.kind = member.value,
            ID | CALL => self.block = member.value,
            _ => self.text = member.value,
        }
        Some(())
    }

    fn chunk(&self, data: &'a str) -> Option<Chunk<'a>> {
        let JsonString::Plain(kind) = JsonString::of_value(self.kind)? else { return None };
        if let Some(delta) = self.delta(kind) {
            return Some(Chunk::Delta(delta));
        }
        let members = self.all.get(..self.count)?.to_vec();
        Some(Chunk::Object(Object::new(data, members, vocabulary::word(kind))))
    }

    /// The count excludes duplicates and members of other names.
    fn delta(&self, kind: &str) -> Option<Delta<'a>> {
        const BLOCK: u8 = TYPE | ID | DELTA;
        const TOOL: u8 = TYPE | CALL | INPUT;
        const LEGACY: u8 = TYPE | CONTENT;
        let block = || well_formed(self.block);
        let stream = match (self.met, self.count, kind) {
            (BLOCK, 3, "text-delta") => Stream::Text(block()?),
            (BLOCK, 3, "reasoning-delta") => Stream::Reasoning(block()?),
            (TOOL, 3, "tool-input-delta") => Stream::ToolInput(block()?),
            (LEGACY, 2, "text_chunk") => Stream::Legacy,
            _ => return None,
        };
        Some(Delta { stream, text: well_formed(self.text)? })
    }
}

fn well_formed(value: &str) -> Option<JsonString<'_>> {
    JsonString::of_value(value).filter(JsonString::is_well_formed)
}

struct Scanner<'a> {
    data: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn object(&mut self, members: &mut Members<'a>) -> Option<()> {
        self.expect(b'{')?;
        loop {
            let (name, bit) = self.name()?;
            self.expect(b':')?;
            let value = self.value()?;
            members.add(bit, Member { name, value })?;
            match self.token()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn name(&mut self) -> Option<(JsonString<'a>, u8)> {
        self.expect(b'"')?;
        let start = self.at;
        let rest = self.data.as_bytes().get(start..)?;
        let known = NAMES.iter().find(|(name, _)| rest.starts_with(name));
        match known {
            Some((name, _)) => self.at += name.len(),
            None if self.string()? == Escapes::Some => return None,
            None => {}
        }
        let name = self.data.get(start..self.at - 1)?;
        Some((JsonString::Plain(name), known.map_or(OTHER, |(_, bit)| *bit)))
    }

    fn value(&mut self) -> Option<&'a str> {
        let first = self.token()?;
        let start = self.at - 1;
        match first {
            b'"' => drop(self.string()?),
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            b't' => self.literal(b"rue")?,
            b'f' => self.literal(b"alse")?,
            b'n' => self.literal(b"ull")?,
            _ => return None,
        }
        self.data.get(start..self.at)
    }

    /// After its opening quote.
    fn string(&mut self) -> Option<Escapes> {
        let mut escapes = Escapes::None;
        loop {
            let rest = self.data.as_bytes().get(self.at..)?;
            let plain = plain_len(rest);
            self.at += plain + 1;
            match rest.get(plain)? {
                b'"' => return Some(escapes),
                b'\\' => self.escape(rest.get(plain + 1..)?)?,
                _ => return None,
            }
            escapes = Escapes::Some;
        }
    }

    fn escape(&mut self, rest: &[u8]) -> Option<()> {
        let (letter, rest) = rest.split_first()?;
        self.at += 1;
        match letter {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                self.at += 4;
                rest.get(..4)?.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    /// What follows them is a token, or the exact way's: a fraction, an exponent.
    fn digits(&mut self) {
        let rest = self.data.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    }

    fn literal(&mut self, letters: &[u8]) -> Option<()> {
        let found = self.data.as_bytes().get(self.at..)?.starts_with(letters);
        self.at += letters.len();
        found.then_some(())
    }

    fn expect(&mut self, token: u8) -> Option<()> {
        (self.token()? == token).then_some(())
    }

    /// The next byte that is no white space.
    fn token(&mut self) -> Option<u8> {
        loop {
            let byte = *self.data.as_bytes().get(self.at)?;
            self.at += 1;
            if !is_space(byte) {
                return Some(byte);
            }
        }
    }

    fn end(&mut self) -> Option<()> {
        self.token().is_none().then_some(())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Escapes {
    None,
    Some,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// How many bytes of a string come before its end, an escape, or what must not stand in a string.
fn plain_len(bytes: &[u8]) -> usize {
    let mut plain = 0;
    let mut rest = bytes;
    while let Some((word, tail)) = rest.split_first_chunk() {
        let special = specials(u64::from_le_bytes(*word));
        if special != 0 {
            return plain + special.trailing_zeros() as usize / 8;
        }
        plain += word.len();
        rest = tail;
    }
    plain + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

/// Eight bytes at once: the lowest bit that is set is the top bit of the first special byte. A borrow makes bits above
/// it unreliable, never those below.
fn specials(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xFF;
    const TOPS: u64 = ONES << 7;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & TOPS
}
