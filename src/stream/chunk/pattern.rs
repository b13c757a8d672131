//! Patterns of deltas: the data of a block's deltas differs only in its text.
//!
//! A [`Pattern`] is learned from a decoded delta. Data that begins with the same bytes, goes on with the inside of a JSON string
//! and ends directly behind that string has the same members, so only its text has to be read. If no pattern matches, the caller
//! decodes the data.

use super::{Delta, Stream};
use crate::stream::bytes::json::{JsonString, specials};
use crate::stream::bytes::short::{Prefix, Start, word};

/// Longer patterns, in bytes, are not learned.
const LONGEST: usize = 512;
/// The number of patterns that are kept: several blocks and tool calls may alternate.
const MOST: usize = 4;
/// The end of a delta's data.
const END: &[u8] = b"\"}";

/// The data of a delta before its text, and its decoded meaning.
#[derive(Clone, Debug)]
struct Pattern {
    before: Prefix,
    sort: Sort,
    /// The name of the block as it appears between quotes.
    block: String,
    name: PatternName,
}

/// The number of a pattern. Deltas that the same pattern has read belong to the same block.
pub type PatternName = u32;

#[derive(Clone, Copy, Debug)]
enum Sort {
    Legacy,
    Text,
    Reasoning,
    ToolInput,
}

/// A delta that was read by a pattern.
#[derive(Debug)]
pub struct Repeat<'a> {
    /// What the text belongs to.
    pub stream: Stream<'a>,
    /// The text to append.
    pub text: Text<'a>,
    /// The length of the data in bytes.
    pub length: usize,
    /// The pattern that read the delta.
    pub pattern: PatternName,
}

impl Repeat<'_> {
    /// Appends the text of this delta to the data of an earlier delta of the same pattern, so that the two become one.
    pub fn lengthen(&self, data: &mut String) {
        data.truncate(data.len().saturating_sub(END.len()));
        data.push_str(match self.text {
            Text::Ascii(text) => str::from_utf8(text.slice()).unwrap_or_default(),
            Text::Json(JsonString::Plain(inner) | JsonString::Escaped(inner)) => inner,
        });
        data.push_str("\"}");
    }
}

/// The text of a delta.
#[derive(Clone, Copy, Debug)]
pub enum Text<'a> {
    /// ASCII without escapes, which nearly all deltas are: it needs no second check.
    Ascii(Start<'a>),
    /// Any other text.
    Json(JsonString<'a>),
}

/// The patterns of one stream.
#[derive(Debug, Default)]
pub struct Patterns {
    known: Vec<Pattern>,
    /// Index of the pattern that matched last.
    latest: usize,
    /// Index of the pattern that the next one replaces.
    oldest: usize,
    /// The number of patterns that were learned so far.
    learned: PatternName,
}

impl Patterns {
    /// Learns the pattern of a delta that was decoded from `data`.
    pub fn learn(&mut self, delta: &Delta<'_>, data: &str) {
        let Some(before) = before(delta, data) else { return };
        // The pattern is known, but this delta was too near the end of the read for it. That happens to nearly every delta that
        // arrives alone.
        if let Some(known) = self.known.iter().position(|pattern| pattern.before.is(before)) {
            self.latest = known;
            return;
        }
        let Some(pattern) = Pattern::of(delta, before, self.learned + 1) else { return };
        self.learned += 1;
        self.latest = self.known.len().min(self.oldest);
        match self.known.get_mut(self.oldest) {
            Some(place) => *place = pattern,
            None => self.known.push(pattern),
        }
        self.oldest = (self.oldest + 1) % MOST;
    }

    /// Returns whether no pattern was learned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Reads the delta at the beginning of `bytes`. Returns `None` if no pattern matches, which does not mean that the data is no
    /// delta.
    #[inline(always)]
    pub fn read<'a>(&'a mut self, bytes: &'a [u8]) -> Option<Repeat<'a>> {
        if self.known.get(self.latest)?.before.strip(bytes).is_none() {
            self.turn(bytes)?;
        }
        let pattern = self.known.get(self.latest)?;
        let before = pattern.before.length();
        let (text, length) = text(bytes.get(before..)?)?;
        let length = before + length + END.len();
        Some(Repeat { stream: pattern.stream(), text, length, pattern: pattern.name })
    }

    #[inline(never)]
    fn turn(&mut self, bytes: &[u8]) -> Option<()> {
        self.latest = self.known.iter().position(|pattern| pattern.before.strip(bytes).is_some())?;
        Some(())
    }

    /// Returns the allocated memory in bytes.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let held = self.known.iter().map(|pattern| pattern.before.footprint() + pattern.block.capacity());
        self.known.capacity() * size_of::<Pattern>() + held.sum::<usize>()
    }
}

impl Pattern {
    fn of(delta: &Delta<'_>, before: &[u8], name: PatternName) -> Option<Self> {
        let (sort, block) = match &delta.stream {
            Stream::Legacy => (Sort::Legacy, ""),
            Stream::Text(block) => (Sort::Text, plain(block)?),
            Stream::Reasoning(block) => (Sort::Reasoning, plain(block)?),
            Stream::ToolInput(block) => (Sort::ToolInput, plain(block)?),
        };
        Some(Self { before: Prefix::of(before), sort, block: block.to_owned(), name })
    }

    #[inline(always)]
    fn stream(&self) -> Stream<'_> {
        let block = JsonString::Plain(&self.block);
        match self.sort {
            Sort::Legacy => Stream::Legacy,
            Sort::Text => Stream::Text(block),
            Sort::Reasoning => Stream::Reasoning(block),
            Sort::ToolInput => Stream::ToolInput(block),
        }
    }
}

/// Returns the data before the text, if the text is the last member and the pattern is short enough.
fn before<'a>(delta: &Delta<'_>, data: &'a str) -> Option<&'a [u8]> {
    let (JsonString::Plain(text) | JsonString::Escaped(text)) = delta.text;
    // Compares addresses, because another member may have the same text.
    let is_last = data.as_bytes().as_ptr_range().end.addr() == text.as_bytes().as_ptr_range().end.addr() + END.len();
    let before = data.as_bytes().strip_suffix(END)?.strip_suffix(text.as_bytes())?;
    (is_last && before.len() <= LONGEST).then_some(before)
}

fn plain<'a>(string: &JsonString<'a>) -> Option<&'a str> {
    match *string {
        JsonString::Plain(text) => Some(text),
        JsonString::Escaped(_) => None,
    }
}

/// Reads the rest of a JSON string that ends the data. Returns it and its length in bytes.
#[inline(always)]
fn text(bytes: &[u8]) -> Option<(Text<'_>, usize)> {
    let Run { length, is_ascii } = run(bytes)?;
    match bytes.get(length..)? {
        [b'"', b'}', ..] if is_ascii => Some((Text::Ascii(Start { bytes, length }), length)),
        _ => any_text(bytes),
    }
}

#[inline(never)]
fn any_text(bytes: &[u8]) -> Option<(Text<'_>, usize)> {
    let mut at = 0;
    loop {
        at += run(bytes.get(at..)?)?.length;
        match bytes.get(at)? {
            b'"' => break,
            b'\\' => at += escape(bytes.get(at..)?)?,
            _ => return None,
        }
    }
    let (inner, rest) = bytes.split_at_checked(at)?;
    let inner = str::from_utf8(inner).ok().filter(|_| rest.starts_with(END))?;
    Some((Text::Json(JsonString::of(inner)), at))
}

/// Returns the length of an escape of two characters. `\u` escapes are left to the exact decoder.
fn escape(bytes: &[u8]) -> Option<usize> {
    matches!(bytes.get(1)?, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't').then_some(2)
}

/// A run of plain text up to a quote, a backslash or a control character.
#[derive(Debug, PartialEq)]
struct Run {
    length: usize,
    is_ascii: bool,
}

/// Finds the end of a run, eight bytes at a time. Returns `None` if fewer than eight are left, which is so only near the end of a
/// read.
#[inline(always)]
fn run(bytes: &[u8]) -> Option<Run> {
    let mut length = 0;
    let mut high = 0;
    while let Some(word) = word(bytes, length) {
        let ends = specials(word);
        if ends != 0 {
            let plain = ends.trailing_zeros() & !7;
            high |= word & !(u64::MAX << plain);
            return Some(Run { length: length + plain as usize / 8, is_ascii: high & HIGH == 0 });
        }
        high |= word;
        length += 8;
    }
    None
}

/// The high bit of each byte.
const HIGH: u64 = (u64::MAX / 0xFF) << 7;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::chunk::{Chunk, decode, decode_exact};

    fn learned(data: &str) -> Patterns {
        let mut patterns = Patterns::default();
        if let Ok(Chunk::Delta(delta)) = decode(data) {
            patterns.learn(&delta, data);
        }
        patterns
    }

    /// Checks that the pattern's reading of the data equals that of the exact decoder.
    fn check(patterns: &mut Patterns, data: &str) -> bool {
        let bytes = [data, "\n\nid: 1-0\n"].concat();
        let Some(Repeat { stream, text, length, .. }) = patterns.read(bytes.as_bytes()) else { return false };
        assert_eq!(length, data.len());
        let text = match text {
            Text::Ascii(text) => JsonString::Plain(str::from_utf8(text.slice()).unwrap()),
            Text::Json(text) => text,
        };
        assert_eq!(decode_exact(data), Ok(Chunk::Delta(Delta { stream, text })), "{data}");
        true
    }

    const FIRST: &str = r#"{"type":"text-delta","id":"b\u00e9","delta":"first"}"#;

    #[test]
    fn a_delta_of_the_same_block_is_read_by_its_text_alone() {
        let mut patterns = learned(r#"{"type":"text-delta","id":"b","delta":"first"}"#);
        for text in
            ["", "a", "seven 7", "eight 88", "more than sixteen bytes", "é漢🎉", r"\n\t\\\/", r#"\""#, r#"a\"b\n"#]
        {
            assert!(
                check(&mut patterns, &[r#"{"type":"text-delta","id":"b","delta":""#, text, "\"}"].concat()),
                "{text}"
            );
        }
    }

    #[test]
    fn both_dialects_and_every_sort_of_delta_are_learned() {
        for (first, next) in [
            (r#"{"type":"text_chunk","content":"a"}"#, r#"{"type":"text_chunk","content":"b c"}"#),
            (
                r#"{"type": "reasoning-delta", "id": "r", "delta": ""}"#,
                r#"{"type": "reasoning-delta", "id": "r", "delta": "x"}"#,
            ),
            (
                r#"{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"{"}"#,
                r#"{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"\"a\":1"}"#,
            ),
            (r#"{"delta":"b","type":"text-delta","id":"b"}"#, ""),
        ] {
            let is_learned = !next.is_empty();
            let mut patterns = learned(first);
            assert_eq!(check(&mut patterns, first), is_learned, "{first}");
            assert_eq!(check(&mut patterns, next), is_learned, "{next}");
        }
    }

    #[test]
    fn the_text_is_found_by_its_position_and_not_by_its_value() {
        let mut patterns = learned(r#"{"type":"text-delta","delta":"x","id":"x"}"#);
        assert!(patterns.is_empty());
        assert!(!check(&mut patterns, r#"{"type":"text-delta","delta":"x","id":"y"}"#));
        assert!(learned(FIRST).is_empty(), "a block with escapes");
    }

    #[test]
    fn anything_else_is_left_to_the_exact_way() {
        let mut patterns = learned(r#"{"type":"text-delta","id":"b","delta":"first"}"#);
        for data in [
            r#"{"type":"text-delta","id":"c","delta":"x"}"#,
            r#"{"type":"text-delta","id":"b","delta":"x","more":1}"#,
            r#"{"type":"text-delta","id":"b","delta":"x" }"#,
            r#"{"type":"text-delta","id":"b","delta":"\u0041"}"#,
            r#"{"type":"text-delta","id":"b","delta":"\x"}"#,
            "{\"type\":\"text-delta\",\"id\":\"b\",\"delta\":\"a\u{1}b\"}",
            r#"{"type":"text-delta","id":"b","delta":1}"#,
            r#"{"type":"finish"}"#,
        ] {
            assert!(!check(&mut patterns, data), "{data}");
        }
        let before = r#"{"type":"text-delta","id":"b","delta":""#.as_bytes();
        for text in
            [&b"\xff\"}\n\nid: 1"[..], b"cut off", b"\xe2\x82\"}\n\nid: 1", b"quote\"", b"backslash at the end\\"]
        {
            assert!(patterns.read(&[before, text].concat()).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_known_pattern_is_not_learned_again() {
        let data = r#"{"type":"text-delta","id":"b","delta":"first"}"#;
        let mut patterns = learned(data);
        let Ok(Chunk::Delta(delta)) = decode(data) else { unreachable!() };
        (0..9).for_each(|_| patterns.learn(&delta, data));
        assert_eq!((patterns.known.len(), patterns.learned), (1, 1));
        assert!(check(&mut patterns, data));
    }

    #[test]
    fn a_few_blocks_may_take_turns() {
        let data = |block: usize| format!(r#"{{"type":"text-delta","id":"block {block}","delta":"x"}}"#);
        let mut patterns = Patterns::default();
        for block in 0..9 {
            let data = data(block);
            let Ok(Chunk::Delta(delta)) = decode(&data) else { unreachable!() };
            patterns.learn(&delta, &data);
        }
        for block in [8, 5, 6, 8, 7] {
            assert!(check(&mut patterns, &data(block)), "{block}");
        }
        assert!(!check(&mut patterns, &data(4)));
    }

    #[test]
    fn every_byte_is_compared_at_every_position() {
        for byte in 0..=u8::MAX {
            let ends_run = byte < 0x20 || byte == b'"' || byte == b'\\';
            for place in 0..16 {
                let mut bytes = [b'a'; 24];
                bytes[place] = byte;
                bytes[16] = b'"';
                bytes[17] = 0xFF;
                let length = if ends_run { place } else { 16 };
                let is_ascii = ends_run || byte.is_ascii();
                assert_eq!(run(&bytes), Some(Run { length, is_ascii }), "{byte} at {place}");
            }
        }
        assert_eq!(run(b"sixteen bytes 16"), None);
    }
}
