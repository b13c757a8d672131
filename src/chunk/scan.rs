//! The shallow scanner of the hot path: an object of few known members, each once, each a string.
//!
//! It answers only where it is sure. `None` says nothing about the text: the exact way decides. Whatever it takes must
//! decode to the same chunk there; a differential fuzz target and the tests of this module hold the two together.

use super::string::JsonString;
use super::{Delta, Stream};

pub(super) fn scan(data: &str) -> Option<Delta<'_>> {
    let mut scanner = Scanner { data, at: 0 };
    let members = scanner.object()?;
    scanner.end()?;
    members.delta()
}

#[derive(Default)]
struct Members<'a> {
    kind: Option<JsonString<'a>>,
    id: Option<JsonString<'a>>,
    delta: Option<JsonString<'a>>,
    call: Option<JsonString<'a>>,
    input: Option<JsonString<'a>>,
    content: Option<JsonString<'a>>,
}

impl<'a> Members<'a> {
    fn slot(&mut self, name: &str) -> Option<&mut Option<JsonString<'a>>> {
        match name {
            "type" => Some(&mut self.kind),
            "id" => Some(&mut self.id),
            "delta" => Some(&mut self.delta),
            "toolCallId" => Some(&mut self.call),
            "inputTextDelta" => Some(&mut self.input),
            "content" => Some(&mut self.content),
            _ => None,
        }
    }

    /// "None" everywhere else: a member of another type is an extra one, which the exact way keeps.
    fn delta(self) -> Option<Delta<'a>> {
        let JsonString::Plain(kind) = self.kind? else { return None };
        let (stream, text) = match (kind, self.id, self.delta, self.call, self.input, self.content) {
            ("text-delta", Some(id), Some(text), None, None, None) => (Stream::Text(id), text),
            ("reasoning-delta", Some(id), Some(text), None, None, None) => (Stream::Reasoning(id), text),
            ("tool-input-delta", None, None, Some(call), Some(text), None) => (Stream::ToolInput(call), text),
            ("text_chunk", None, None, None, None, Some(text)) => (Stream::Legacy, text),
            _ => return None,
        };
        Some(Delta { stream, text })
    }
}

struct Scanner<'a> {
    data: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn object(&mut self) -> Option<Members<'a>> {
        let mut members = Members::default();
        self.expect(b'{')?;
        loop {
            let JsonString::Plain(name) = self.string()? else { return None };
            self.expect(b':')?;
            let value = self.string()?;
            if members.slot(name)?.replace(value).is_some() {
                return None;
            }
            match self.token()? {
                b',' => {}
                b'}' => return Some(members),
                _ => return None,
            }
        }
    }

    fn string(&mut self) -> Option<JsonString<'a>> {
        self.expect(b'"')?;
        let start = self.at;
        let mut escapes = false;
        loop {
            let rest = self.data.as_bytes().get(self.at..)?;
            let plain = plain_len(rest);
            self.at += plain + 1;
            match rest.get(plain)? {
                b'"' => break,
                b'\\' => self.escape(rest.get(plain + 1..)?)?,
                _ => return None,
            }
            escapes = true;
        }
        let inner = self.data.get(start..self.at - 1)?;
        let string = if escapes { JsonString::Escaped(inner) } else { JsonString::Plain(inner) };
        string.is_well_formed().then_some(string)
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

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// How many bytes of a string come before its end, an escape, or what must not stand in a string.
///
/// Blocks of 16 without an early exit within become vector instructions, also in WebAssembly.
fn plain_len(bytes: &[u8]) -> usize {
    let blocks =
        bytes.chunks_exact(16).take_while(|block| !block.iter().fold(false, |any, byte| any | is_special(*byte)));
    let plain = blocks.count() * 16;
    let rest = bytes.get(plain..).unwrap_or_default();
    plain + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}
