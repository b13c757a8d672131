//! Reads an event stream from bytes as they arrive (WHATWG HTML, "Interpreting an event stream"; PROTOCOL §4).
//!
//! # How to change this safely
//! - The events depend on the bytes alone, never on how they are split into reads. Every case in the tests runs whole, byte by
//!   byte and at every split. The fuzz target compares the parser with a reference that follows the standard, one code point at a
//!   time.
//! - A line that lies in one read is never copied. Neither is the data of an event whose only data line lies in the same read as
//!   its blank line. A line over several reads is collected in `line`. Only the *first* line of a read can continue a collected
//!   one, so the data that is held by reference (`held`) never meets a collected line.
//! - Each byte is searched for a line end once and copied at most twice, so a long line in tiny reads costs O(n).
//! - Everything is counted before it is stored: `count` and `room` come before every `extend_from_slice`.
//! - Text is passed on as bytes. All delimiters are ASCII, and no UTF-8 sequence, valid or broken, continues over an ASCII byte.
//!   So decoding each field with U+FFFD gives what a decoder over the whole stream gives.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

/// The default limit of an event's size, in bytes of its lines.
pub const DEFAULT_LIMIT: usize = 16 * 1024 * 1024;

/// The bytes of a comment or an unknown field that are kept. They do not count towards the limit of an event, so they need one of
/// their own.
const IGNORABLE_LIMIT: usize = 64 * 1024;

/// The longest reconnection time that is reported, in milliseconds: a browser's timer fires at once for anything above.
const RETRY_LIMIT: u64 = 0x7fff_ffff;

/// Buffers with more capacity than this, in bytes, are freed after the event that needed them.
const KEPT_CAPACITY: usize = 64 * 1024;

/// The length of `event:` and `retry:`. After as many bytes of a line it is known whether the line counts.
const LONGEST_NAME: usize = 6;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// An event exceeded the limit. The parser takes nothing more until [`Parser::reset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// One event, borrowed from the read it arrived in or from the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The last `event` field of the block. Empty means `message`.
    pub kind: &'a [u8],
    /// The `data` lines, joined by LF. They may be any bytes; see [`text`].
    pub data: &'a [u8],
    /// The last event id: from this block or an earlier one. Empty if there is none.
    pub id: &'a [u8],
    /// The id that this block itself contains.
    pub own_id: Option<&'a [u8]>,
}

/// Decodes a field. Bytes that are not UTF-8 become U+FFFD, as a streaming decoder over the whole stream gives it.
#[must_use]
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    // Nearly all text is valid, and this check is several times faster than the lossy conversion.
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Receives what the parser finds, in the order of the stream.
pub trait Sink {
    /// Called at the blank line that ends a block with data.
    fn event(&mut self, event: Event<'_>);
    /// Called at the blank line that ends a block with an id, before its event if it has data. An empty id resets the last one.
    fn id(&mut self, _id: &[u8]) {}
    /// Called for a reconnection time that the server asks for, in milliseconds, at most 2³¹ − 1.
    fn retry(&mut self, _ms: u64) {}
    /// Called for a comment. Passes at most 64 KiB, without the colon and one leading space.
    fn comment(&mut self, _text: &[u8]) {}
    /// Called for a field that the standard does not define, with its whole line. Passes at most 64 KiB.
    fn unknown_field(&mut self, _name: &[u8], _value: &[u8], _line: &[u8]) {}
    /// Called for a `retry` field that is not digits only.
    fn invalid_retry(&mut self, _value: &[u8], _line: &[u8]) {}
    /// Called where a block begins. `bytes` extend to the end of the read, or to the size limit of an event. A sink may consume
    /// whole events from their beginning where it has a faster way, and must treat them as [`Sink::event`] would. The parser
    /// reads the rest.
    fn take_whole<'a>(&mut self, _bytes: &'a [u8]) -> Taken<'a> {
        Taken::default()
    }
}

/// The bytes that a sink consumed by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken<'a> {
    /// The number of consumed bytes, which end with a blank line.
    pub length: usize,
    /// The last event id in these bytes.
    pub id: Option<&'a [u8]>,
}

/// A parser of one event stream. Pass reads to `feed`, call `end` at the end of the stream and `reset` before the next one.
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    stage: Stage,
    /// The beginning of the current line, if it came with earlier reads.
    line: Vec<u8>,
    block: Block,
    /// The standard's last event ID buffer, which outlives blocks.
    id: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// At the start of the stream: this many bytes of a byte order mark were read.
    Opening(usize),
    Open,
    /// The last read ended with a CR, which has ended its line. An LF that comes next belongs to it.
    AfterReturn,
    Overflown,
}

/// The block that is being read.
#[derive(Debug, Default)]
struct Block {
    /// The bytes of its lines so far that count towards the limit.
    size: usize,
    kind: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    has_id: bool,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new(DEFAULT_LIMIT)
    }
}

impl Parser {
    /// Returns a parser that accepts events of up to `limit` bytes of lines, with field names and without line ends.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, stage: Stage::Opening(0), line: Vec::new(), block: Block::default(), id: Vec::new() }
    }

    /// Parses the next bytes of the stream, which may be split anywhere.
    ///
    /// # Errors
    /// Returns [`TooLarge`] as soon as an event exceeds the limit, and for every later call until [`Parser::reset`].
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> Result<(), TooLarge> {
        if self.is_overflown() {
            return Err(TooLarge);
        }
        let fed = self.opened(bytes).and_then(|bytes| self.read(bytes, sink));
        if fed.is_err() {
            self.reset();
            self.stage = Stage::Overflown;
        }
        fed
    }

    /// Returns whether an event was too large, so that the parser takes nothing more.
    #[must_use]
    pub fn is_overflown(&self) -> bool {
        self.stage == Stage::Overflown
    }

    /// Returns the allocated memory in bytes.
    #[must_use]
    pub fn footprint(&self) -> usize {
        self.line.capacity() + self.block.data.capacity() + self.block.kind.capacity() + self.id.capacity()
    }

    /// Ends the stream: "once the end of the file is reached, any pending data must be discarded".
    pub fn end(&mut self) {
        self.line.clear();
        self.block.clear();
    }

    /// Prepares the parser for another stream, and forgets the last event id.
    pub fn reset(&mut self) {
        *self = Self::new(self.limit);
    }

    /// Resets like [`Parser::reset`], but first parses an unfinished line as if it had ended. The sink gets a comment, a `retry`
    /// or an unknown field this way. An unfinished block is still no event.
    pub fn reset_consuming(&mut self, sink: &mut dyn Sink) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            let _ = self.take_line(&line, &mut None, sink);
        }
        self.reset();
    }

    /// Skips the first bytes of a read that belong to the previous one.
    fn opened<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], TooLarge> {
        match self.stage {
            _ if bytes.is_empty() => Ok(bytes),
            Stage::Opening(seen) => self.skip_bom(seen, bytes),
            Stage::AfterReturn => {
                self.stage = Stage::Open;
                Ok(bytes.strip_prefix(b"\n").unwrap_or(bytes))
            }
            Stage::Open | Stage::Overflown => Ok(bytes),
        }
    }

    /// Skips a byte order mark at the beginning of the stream, also if it is split over reads. "One leading U+FEFF BYTE ORDER MARK
    /// character must be ignored if any are present."
    fn skip_bom<'a>(&mut self, seen: usize, bytes: &'a [u8]) -> Result<&'a [u8], TooLarge> {
        let (begun, missing) = BOM.split_at_checked(seen).unwrap_or((BOM, &[]));
        let matching = missing.iter().zip(bytes).take_while(|(expected, byte)| expected == byte).count();
        let rest = bytes.get(matching..).unwrap_or_default();
        if matching == missing.len() {
            self.stage = Stage::Open;
            return Ok(rest);
        }
        if rest.is_empty() {
            self.stage = Stage::Opening(seen + matching);
            return Ok(rest);
        }
        self.stage = Stage::Open;
        self.extend_line(begun)?;
        Ok(bytes)
    }

    fn read(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> Result<(), TooLarge> {
        let mut rest = self.finish_line(bytes, sink)?;
        let mut held = None;
        loop {
            if held.is_none() && self.block.is_new() {
                rest = self.offer(rest, sink);
            }
            let Some((line, tail)) = self.split_line(rest) else { break };
            self.take_line(line, &mut held, sink)?;
            rest = tail;
        }
        if let Some(data) = held {
            self.block.push_data(data);
        }
        self.extend_line(rest)
    }

    /// Lets the sink consume whole events. Returns the bytes that are left.
    #[inline(always)]
    fn offer<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn Sink) -> &'a [u8] {
        let Taken { length, id } = sink.take_whole(beginning(bytes, self.limit));
        if let Some(id) = id {
            replace(&mut self.id, id);
        }
        bytes.get(length..).unwrap_or_default()
    }

    /// Ends the line that earlier reads began. Returns the bytes that follow it.
    fn finish_line<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn Sink) -> Result<&'a [u8], TooLarge> {
        if self.line.is_empty() {
            return Ok(bytes);
        }
        let Some((end, tail)) = self.split_line(bytes) else {
            self.extend_line(bytes)?;
            return Ok(&[]);
        };
        self.extend_line(end)?;
        let mut line = std::mem::take(&mut self.line);
        let mut held = None;
        let taken = self.take_line(&line, &mut held, sink);
        if let Some(data) = held {
            self.block.push_data(data);
        }
        empty(&mut line);
        self.line = line;
        taken.map(|()| tail)
    }

    /// Splits off the next line. A CR at the end of the read ends its line at once, so that an event does not wait for more
    /// bytes.
    fn split_line<'a>(&mut self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        // A blank line usually follows a line of data directly, where the search would cost more than this check.
        if let Some((b'\n', tail)) = bytes.split_first() {
            return Some((&[], tail));
        }
        let end = memchr::memchr2(b'\n', b'\r', bytes)?;
        let (line, rest) = bytes.split_at_checked(end)?;
        let (terminator, tail) = rest.split_first()?;
        if *terminator == b'\n' {
            return Some((line, tail));
        }
        if tail.is_empty() {
            self.stage = Stage::AfterReturn;
        }
        Some((line, tail.strip_prefix(b"\n").unwrap_or(tail)))
    }

    /// Collects a part of a line that has not ended yet.
    fn extend_line(&mut self, part: &[u8]) -> Result<(), TooLarge> {
        let (name, rest) = part.split_at(part.len().min(LONGEST_NAME.saturating_sub(self.line.len())));
        self.line.extend_from_slice(name);
        let counts = Line::counts(&self.line);
        let room = if counts { rest.len() } else { IGNORABLE_LIMIT.saturating_sub(self.line.len()) };
        if counts && self.block.size.saturating_add(self.line.len()).saturating_add(rest.len()) > self.limit {
            return Err(TooLarge);
        }
        self.line.extend_from_slice(rest.get(..room).unwrap_or(rest));
        Ok(())
    }

    fn take_line<'a>(
        &mut self,
        line: &'a [u8],
        held: &mut Option<&'a [u8]>,
        sink: &mut dyn Sink,
    ) -> Result<(), TooLarge> {
        match Line::of(line) {
            Line::Blank => self.dispatch(held.take(), sink),
            Line::Comment(text) => sink.comment(text),
            Line::Unknown { name, value, line } => sink.unknown_field(name, value, line),
            Line::Field { name, value } => {
                self.count(line)?;
                self.take_field(name, value, line, held, sink);
            }
        }
        Ok(())
    }

    fn count(&mut self, line: &[u8]) -> Result<(), TooLarge> {
        self.block.size = self.block.size.saturating_add(line.len());
        if self.block.size > self.limit { Err(TooLarge) } else { Ok(()) }
    }

    fn take_field<'a>(
        &mut self,
        name: Name,
        value: &'a [u8],
        line: &[u8],
        held: &mut Option<&'a [u8]>,
        sink: &mut dyn Sink,
    ) {
        match name {
            Name::Data => self.take_data(value, held),
            Name::Event => replace(&mut self.block.kind, value),
            // "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value."
            Name::Id if memchr::memchr(0, value).is_none() => {
                replace(&mut self.id, value);
                self.block.has_id = true;
            }
            Name::Id => {}
            Name::Retry => match milliseconds(value) {
                Some(ms) => sink.retry(ms),
                None => sink.invalid_retry(value, line),
            },
        }
    }

    /// Holds the first data line of a block by reference, because the blank line usually follows in the same read.
    fn take_data<'a>(&mut self, value: &'a [u8], held: &mut Option<&'a [u8]>) {
        if held.is_none() && !self.block.has_data {
            *held = Some(value);
            return;
        }
        if let Some(first) = held.take() {
            self.block.push_data(first);
        }
        self.block.push_data(value);
    }

    fn dispatch(&mut self, held: Option<&[u8]>, sink: &mut dyn Sink) {
        let own_id = self.block.has_id.then_some(self.id.as_slice());
        if let Some(id) = own_id {
            sink.id(id);
        }
        let joined = self.block.has_data.then_some(self.block.data.as_slice());
        if let Some(data) = held.or(joined) {
            sink.event(Event { kind: &self.block.kind, data, id: &self.id, own_id });
        }
        self.block.clear();
    }
}

impl Block {
    /// Returns whether the block has no line yet that counts.
    fn is_new(&self) -> bool {
        self.size == 0
    }

    fn push_data(&mut self, value: &[u8]) {
        if self.has_data {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        self.has_data = true;
    }

    fn clear(&mut self) {
        self.size = 0;
        self.has_data = false;
        self.has_id = false;
        empty(&mut self.data);
        empty(&mut self.kind);
    }
}

/// A line without its line end.
enum Line<'a> {
    Blank,
    Comment(&'a [u8]),
    Field { name: Name, value: &'a [u8] },
    Unknown { name: &'a [u8], value: &'a [u8], line: &'a [u8] },
}

#[derive(Clone, Copy)]
enum Name {
    Data,
    Event,
    Id,
    Retry,
}

impl<'a> Line<'a> {
    fn of(line: &'a [u8]) -> Self {
        if let Some(value) = line.strip_prefix(b"data:") {
            return Self::Field { name: Name::Data, value: without_space(value) };
        }
        if let Some(value) = line.strip_prefix(b"id:") {
            return Self::Field { name: Name::Id, value: without_space(value) };
        }
        if line.is_empty() {
            return Self::Blank;
        }
        if let Some(text) = line.strip_prefix(b":") {
            return Self::Comment(without_space(beginning(text, IGNORABLE_LIMIT - 1)));
        }
        let (name, value) = split_field(line);
        match Name::of(name) {
            Some(name) => Self::Field { name, value },
            None => Self::unknown(beginning(line, IGNORABLE_LIMIT)),
        }
    }

    fn unknown(line: &'a [u8]) -> Self {
        let (name, value) = split_field(line);
        Self::Unknown { name, value, line }
    }

    /// Returns whether an incomplete line counts towards the limit of the event's size: whether it begins with the name of a known
    /// field and a colon.
    fn counts(begun: &[u8]) -> bool {
        let mut parts = beginning(begun, LONGEST_NAME).split(|byte| *byte == b':');
        let name = parts.next().unwrap_or_default();
        parts.next().is_some() && Name::of(name).is_some()
    }
}

impl Name {
    /// Finds the field with this name, or `None` if the standard has no such field. It says: "Field names must be compared
    /// literally, with no case folding performed."
    fn of(name: &[u8]) -> Option<Self> {
        match name {
            b"data" => Some(Self::Data),
            b"event" => Some(Self::Event),
            b"id" => Some(Self::Id),
            b"retry" => Some(Self::Retry),
            _ => None,
        }
    }
}

fn split_field(line: &[u8]) -> (&[u8], &[u8]) {
    let colon = memchr::memchr(b':', line).unwrap_or(line.len());
    let (name, rest) = line.split_at(colon);
    (name, without_space(rest.strip_prefix(b":").unwrap_or(rest)))
}

fn without_space(value: &[u8]) -> &[u8] {
    value.strip_prefix(b" ").unwrap_or(value)
}

fn beginning(bytes: &[u8], most: usize) -> &[u8] {
    bytes.get(..most).unwrap_or(bytes)
}

/// Reads the value of a `retry` field. "If the field value consists of only ASCII digits, then interpret the field value as an
/// integer in base ten." Returns `None` for any other value, and at most `RETRY_LIMIT`.
fn milliseconds(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let ms = value.iter().fold(0_u64, |ms, digit| ms.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(ms.min(RETRY_LIMIT))
}

fn replace(buffer: &mut Vec<u8>, value: &[u8]) {
    buffer.clear();
    buffer.extend_from_slice(value);
}

#[inline(always)]
fn empty(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > KEPT_CAPACITY {
        buffer.shrink_to(KEPT_CAPACITY);
    }
}
