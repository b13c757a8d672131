//! The columns in which chunks cross to JavaScript: `u32` descriptors and two texts (ARCHITECTURE, "The hot path").
//!
//! JavaScript decodes the two texts once: one holds the contents of chunks, the other the names (ids of blocks, calls and
//! events). It cuts both into slices. A descriptor gives the length of each slice in UTF-16 code units. Slices lie in the order
//! of their rows, so no offsets are stored. The texts of a block's deltas are adjacent, so a run of deltas is one slice.
//! `js/chunks/batch.ts` reads this format:
//!
//! | first word | words that follow | text |
//! |---|---|---|
//! | `DELTA` + stream + flags + units of the id << 16, 0 for none | units of the block where `NEW_BLOCK`, of the text | the text; names: the block, the id |
//! | `JSON` | number of chunks, units | a JSON array of them: adjacent ones are parsed at once |
//! | `MALFORMED` + reason | units | the data of the frame |
//! | `RESET` | | |
//! | `TOOL` + step + flags + units of the id << 16, 0 for none | units of the call's id, of the tool's name where `NAMED`, of the payload | the payload: JSON; names: the call's id, the tool's name, the id |

use crate::stream::bytes::short::{Column, Start};
use crate::stream::chunk::{
    Chunk, Delta, JsonString, Malformed, Object, PatternName, Repeat, Stream, Text, Tool, ToolStep,
};
use crate::stream::cursor::EventId;

/// When the shell has to deliver the rows that wait.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// At the next frame, timer or read, as the app's delivery option says.
    Frame,
    /// In the next task: a replay has ended, and no further row could be shown with these.
    Soon,
    /// As soon as this call has returned: the buffer is full, or the rows are the whole answer.
    Now,
}

/// The kind of a row: the lowest bits of its first word.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// One piece of text, reasoning or tool input.
    Delta = 0,
    /// A JSON array of chunks.
    Json = 1,
    /// A frame that is no chunk, reported through `onMalformed`.
    Malformed = 2,
    /// A reset: listeners drop everything that they received before it.
    Reset = 3,
    /// The whole input or the whole output of a tool call.
    Tool = 4,
}

/// What a delta belongs to: bits of the first word of its row.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaSort {
    /// Text without a block, as the legacy dialect sends it.
    Legacy = 0x00,
    /// Text of a block.
    Text = 0x10,
    /// Reasoning of a block.
    Reasoning = 0x20,
    /// The input of a tool call.
    ToolInput = 0x30,
}

/// Why a frame is no chunk: bits of the first word of its row.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The data is not JSON.
    NotJson = 0x00,
    /// The data has no `type` that is a string.
    NoType = 0x10,
}

/// The bit fields of a row's first word.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowBits {
    /// The shift of the event id's length in code units. An id has at most 41.
    IdShift = 16,
    /// Mask of the [`RowKind`].
    Kind = 0x00f,
    /// Mask of the [`DeltaSort`] or the [`Defect`].
    Sort = 0x0f0,
    /// Set where the chunk lies at or before the saved cursor.
    Replayed = 0x200,
}

/// Flags in the first word of a delta's row.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaFlag {
    /// The block differs from that of the delta before, so its name follows.
    NewBlock = 0x400,
}

/// Flags in the first word of a tool's row.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolFlag {
    /// The row is the output of the call, not its input.
    Output = 0x010,
    /// The tool's name follows.
    Named = 0x400,
}

const DELTA: u32 = RowKind::Delta as u32;
const JSON: u32 = RowKind::Json as u32;
const MALFORMED: u32 = RowKind::Malformed as u32;
const RESET: u32 = RowKind::Reset as u32;
const TOOL: u32 = RowKind::Tool as u32;

const LEGACY: u32 = DeltaSort::Legacy as u32;
const TEXT: u32 = DeltaSort::Text as u32;
const REASONING: u32 = DeltaSort::Reasoning as u32;
const TOOL_INPUT: u32 = DeltaSort::ToolInput as u32;

const INPUT: u32 = 0;
const OUTPUT: u32 = ToolFlag::Output as u32;

const ID: u32 = RowBits::IdShift as u32;
const REPLAYED: u32 = RowBits::Replayed as u32;
const NEW_BLOCK: u32 = DeltaFlag::NewBlock as u32;
const NAMED: u32 = ToolFlag::Named as u32;

const NOT_JSON: u32 = Defect::NotJson as u32;
const NO_TYPE: u32 = Defect::NoType as u32;

/// The name of no pattern: patterns are counted from 1.
const NO_PATTERN: PatternName = 0;

/// The smallest number of stream bytes that can add one descriptor word.
const SHORTEST: usize = 16;

/// A text buffer with more capacity than this, in bytes, is freed when the batch is cleared.
const KEPT_CAPACITY: usize = 1024 * 1024;

/// The rows that wait for delivery to JavaScript, in order.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    descriptors: Column<u32>,
    /// The contents of the rows, in UTF-8.
    text: Column<u8>,
    /// The ids of blocks, calls and events, in UTF-8.
    names: Column<u8>,
    last: Last,
    /// Length of all rows but deltas, in UTF-16 code units.
    others: u32,
    /// The block of the last delta.
    block: String,
    /// The pattern that read the last delta, or [`NO_PATTERN`].
    pattern: PatternName,
    /// Scratch space for a chunk that is rewritten; kept to reuse its buffer.
    written: String,
    /// Scratch space for the members that are added to a chunk; kept to reuse its buffer.
    surplus: String,
}

/// The kind of the last row, which decides whether the next chunk can join it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Last {
    #[default]
    Other,
    /// A JSON array that can take one more chunk.
    Array,
}

/// Whether a chunk lies at or before the cursor that an earlier page saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Age {
    /// The chunk lies after the cursor.
    #[default]
    Fresh,
    /// The chunk lies at or before the cursor: it is delivered with `replayed: true`.
    Replayed,
}

impl Batch {
    /// Adds a chunk and the id of its event. Returns whether this added a row: a `text-start`, for example, is not delivered by
    /// itself.
    pub fn push(&mut self, chunk: &Chunk<'_>, id: Option<EventId>, age: Age) -> bool {
        match chunk {
            Chunk::Delta(delta) => {
                self.push_delta(delta, id.map(EventId::text).unwrap_or_default().as_bytes(), age);
                true
            }
            Chunk::Tool(tool) => {
                self.push_tool(tool, id, age);
                true
            }
            Chunk::Object(object) => self.push_object(object, id, age),
        }
    }

    /// Adds a frame that is no chunk.
    pub fn push_malformed(&mut self, data: &str, reason: Malformed) {
        let reason = match reason {
            Malformed::NotJson => NOT_JSON,
            Malformed::NoType => NO_TYPE,
        };
        self.row(MALFORMED | reason);
        self.others += self.push_str(data);
    }

    /// Adds a reset.
    pub fn push_reset(&mut self) {
        self.row(RESET);
    }

    /// Returns the size of the waiting contents, names and descriptors in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.slice().len() + self.names.slice().len() + size_of_val(self.descriptors.slice())
    }

    /// Returns the allocated memory in bytes, unused capacity included.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let columns = self.text.footprint() + self.names.footprint() + self.descriptors.footprint();
        columns + self.written.capacity() + self.block.capacity() + self.surplus.capacity()
    }

    /// Returns whether no row waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.descriptors.slice().is_empty()
    }

    /// Removes all rows and keeps the buffers, except large ones.
    pub fn clear(&mut self) {
        self.others = 0;
        self.descriptors.clear(KEPT_CAPACITY / size_of::<u32>());
        self.text.clear(KEPT_CAPACITY);
        self.names.clear(KEPT_CAPACITY);
        self.block.clear();
        self.pattern = NO_PATTERN;
        self.last = Last::Other;
    }

    /// Returns the total length of the rows that are not deltas, in UTF-16 code units.
    #[must_use]
    pub fn others(&self) -> u32 {
        self.others
    }

    /// Returns the descriptors of the rows.
    #[must_use]
    pub fn descriptors(&self) -> &[u32] {
        self.descriptors.slice()
    }

    /// Returns the text that holds the contents of the rows.
    #[must_use]
    pub fn text(&self) -> &str {
        str::from_utf8(self.text.slice()).unwrap_or_default()
    }

    /// Returns the bytes of [`Batch::text`], without a check that they are UTF-8.
    #[must_use]
    pub fn bytes_of_text(&self) -> &[u8] {
        self.text.slice()
    }

    /// Returns the ids of blocks, calls and events in UTF-8.
    #[must_use]
    pub fn names(&self) -> &[u8] {
        self.names.slice()
    }

    /// Reserves what `bytes` of a stream can add at most, so that adding a row does not have to check.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        // The reserve covers copies of sixteen bytes at once.
        self.descriptors.reserve(bytes / SHORTEST);
        self.text.reserve(bytes + 16);
        self.names.reserve(bytes / 3 + 16);
    }

    /// Adds a delta that a pattern has read, with the text of its event id (empty for none). This is the hot path.
    #[inline(always)]
    pub(crate) fn push_repeat(&mut self, delta: &Repeat<'_>, id: Start<'_>, age: Age) {
        match delta.text {
            Text::Ascii(text) if delta.pattern == self.pattern => {
                self.last = Last::Other;
                self.names.put_start(id);
                self.text.put_start(text);
                self.descriptors.put(head(&delta.stream, id.length, age));
                self.descriptors.put(text.length as u32);
            }
            _ => self.push_first(delta, id, age),
        }
    }

    #[inline(never)]
    fn push_first(&mut self, delta: &Repeat<'_>, id: Start<'_>, age: Age) {
        self.push_named(&delta.stream, id.slice(), age);
        match &delta.text {
            Text::Ascii(text) => {
                self.descriptors.push(text.length as u32);
                self.text.put_start(*text);
            }
            Text::Json(text) => self.push_string(text),
        }
        self.pattern = delta.pattern;
    }

    fn push_delta(&mut self, delta: &Delta<'_>, id: &[u8], age: Age) {
        self.push_named(&delta.stream, id, age);
        self.push_string(&delta.text);
    }

    /// Writes the first word of a delta's row, and the block if it has changed.
    fn push_named(&mut self, stream: &Stream<'_>, id: &[u8], age: Age) {
        let block = stream.block().filter(|block| !block.is(&self.block));
        self.pattern = NO_PATTERN;
        self.row(head(stream, id.len(), age) | if block.is_some() { NEW_BLOCK } else { 0 });
        if let Some(block) = block {
            self.block.clear();
            block.push_to(&mut self.block);
            self.names.extend(self.block.as_bytes());
            self.descriptors.push(utf16_len(&self.block));
        }
        self.names.extend(id);
    }

    fn push_tool(&mut self, tool: &Tool<'_>, id: Option<EventId>, age: Age) {
        self.written.clear();
        if let Some(id) = id {
            id.write(&mut self.written);
        }
        let step = match tool.step {
            ToolStep::Input => INPUT,
            ToolStep::Output => OUTPUT,
        };
        let named = if tool.name.is_some() { NAMED } else { 0 };
        self.row(TOOL | step | named | flags(self.written.len(), age));
        for name in [tool.call].into_iter().chain(tool.name) {
            self.names.extend(name.as_bytes());
            self.descriptors.put(utf16_len(name));
        }
        self.names.extend(self.written.as_bytes());
        self.others += self.push_str(tool.payload);
    }

    fn push_object(&mut self, object: &Object<'_>, id: Option<EventId>, age: Age) -> bool {
        if !object.is_delivered() {
            return false;
        }
        self.open_array();
        self.surplus.clear();
        write_surplus(&mut self.surplus, object, id, age);
        self.written.clear();
        object.write(&mut self.written, &self.surplus);
        self.written.push(']');
        let units = utf16_len(&self.written);
        self.text.extend(self.written.as_bytes());
        self.others += units;
        if let Some([_, chunks, total]) = self.descriptors.slice_mut().last_chunk_mut() {
            *chunks += 1;
            *total += units;
        }
        true
    }

    /// Begins a JSON array, or reopens the array of the last row.
    fn open_array(&mut self) {
        if self.last == Last::Array {
            self.text.pop();
            self.text.push(b',');
            return;
        }
        self.descriptors.extend(&[JSON, 0, 1]);
        self.text.push(b'[');
        self.last = Last::Array;
    }

    fn row(&mut self, head: u32) {
        self.last = Last::Other;
        self.descriptors.push(head);
    }

    fn push_string(&mut self, string: &JsonString<'_>) {
        match string {
            JsonString::Plain(text) => {
                self.push_str(text);
            }
            JsonString::Escaped(_) => {
                self.written.clear();
                string.push_to(&mut self.written);
                self.descriptors.push(utf16_len(&self.written));
                self.text.extend(self.written.as_bytes());
            }
        }
    }

    /// Appends text and returns its length in UTF-16 code units.
    fn push_str(&mut self, text: &str) -> u32 {
        let units = utf16_len(text);
        self.text.extend(text.as_bytes());
        self.descriptors.put(units);
        units
    }
}

/// Writes the members that the client adds to a chunk, as JSON.
fn write_surplus(out: &mut String, object: &Object<'_>, id: Option<EventId>, age: Age) {
    if let Some(id) = id {
        out.push_str(",\"eventId\":\"");
        id.write(out);
        out.push('"');
    }
    if age == Age::Replayed {
        out.push_str(",\"replayed\":true");
    }
    if object.is_unknown() {
        out.push_str(",\"unknown\":true");
    }
}

#[inline(always)]
fn head(stream: &Stream<'_>, id: usize, age: Age) -> u32 {
    let sort = match stream {
        Stream::Legacy => LEGACY,
        Stream::Text(_) => TEXT,
        Stream::Reasoning(_) => REASONING,
        Stream::ToolInput(_) => TOOL_INPUT,
    };
    DELTA | sort | flags(id, age)
}

#[inline(always)]
fn flags(id: usize, age: Age) -> u32 {
    let age = if age == Age::Replayed { REPLAYED } else { 0 };
    age | (id as u32) << ID
}

/// Returns the length of a text in UTF-16 code units: one for each character, and one more for a character of four bytes.
pub(crate) fn utf16_len(text: &str) -> u32 {
    if text.is_ascii() {
        return text.len() as u32;
    }
    text.as_bytes().iter().map(|byte| u32::from((byte & 0xC0) != 0x80) + u32::from(*byte >= 0xF0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::chunk::decode;

    const LARGE: Option<EventId> = Some(EventId { ms: u64::MAX, seq: 7 });

    fn batch(frames: &[(&str, Option<EventId>)]) -> Batch {
        let mut batch = Batch::default();
        for (data, id) in frames {
            batch.push(&decode(data).unwrap(), *id, Age::Fresh);
        }
        batch
    }

    #[test]
    fn a_delta_is_lengths_and_slices() {
        let batch = batch(&[(r#"{"type":"text-delta","id":"b","delta":"é🎉\n"}"#, LARGE)]);
        assert_eq!(batch.descriptors(), [DELTA | TEXT | NEW_BLOCK | 22 << 16, 1, 4]);
        assert_eq!(batch.text(), "é🎉\n");
        assert_eq!(batch.names(), b"b18446744073709551615-7");
    }

    #[test]
    fn a_block_is_written_when_it_changes() {
        let delta = r#"{"type":"text-delta","id":"b","delta":"x"}"#;
        let other = r#"{"type":"reasoning-delta","id":"\u0062","delta":"y"}"#;
        let batch = batch(&[(delta, None), (delta, None), (other, None)]);
        assert_eq!(batch.descriptors(), [DELTA | TEXT | NEW_BLOCK, 1, 1, DELTA | TEXT, 1, DELTA | REASONING, 1]);
        assert_eq!((batch.text(), batch.names()), ("xxy", b"b".as_slice()));
    }

    #[test]
    fn adjacent_objects_are_one_json_array() {
        let batch = batch(&[
            (r#"{"type":"finish"}"#, LARGE),
            (r#"{"type":"new","a":"🎉"}"#, None),
            (r#"{"type":"text_chunk","content":"x"}"#, None),
            (r#"{"type":"abort"}"#, None),
        ]);
        let first =
            r#"[{"type":"stream_end","eventId":"18446744073709551615-7"},{"type":"new","a":"🎉","unknown":true}]"#;
        let last = r#"[{"type":"abort"}]"#;
        let units = |text: &str| text.encode_utf16().count() as u32;
        assert_eq!(batch.descriptors(), [JSON, 2, units(first), DELTA | LEGACY, 1, JSON, 1, units(last)]);
        assert_eq!(batch.text(), [first, "x", last].concat());
    }

    #[test]
    fn a_chunk_that_says_nothing_by_itself_makes_no_row() {
        let mut batch = Batch::default();
        let start = decode(r#"{"type":"text-start","id":"b"}"#).unwrap();
        assert!(!batch.push(&start, LARGE, Age::Fresh));
        assert!(batch.is_empty());
        assert_eq!(batch.bytes(), 0);
    }

    #[test]
    fn bad_frames_and_resets_are_rows_of_their_own() {
        let mut batch = Batch::default();
        batch.push_malformed("<é>", Malformed::NotJson);
        batch.push_malformed("{}", Malformed::NoType);
        batch.push_reset();
        assert_eq!(batch.descriptors(), [MALFORMED | NOT_JSON, 3, MALFORMED | NO_TYPE, 2, RESET]);
        assert_eq!(batch.text(), "<é>{}");
    }

    #[test]
    fn the_text_of_rows_that_are_not_deltas_is_counted() {
        let mut used = batch(&[(r#"{"type":"text_chunk","content":"xyz"}"#, LARGE)]);
        assert_eq!(used.others(), 0);
        used.push(&decode(r#"{"type":"abort","a":"🎉"}"#).unwrap(), None, Age::Fresh);
        used.push_malformed("<é>", Malformed::NotJson);
        assert_eq!(used.others() as usize, r#"{"type":"abort","a":"🎉"}]<é>"#.encode_utf16().count());
        used.clear();
        assert_eq!(used.others(), 0);
    }

    #[test]
    fn a_cleared_batch_is_like_a_new_one() {
        let delta = r#"{"type":"text-delta","id":"b","delta":"x"}"#;
        let finish = r#"{"type":"finish"}"#;
        let mut used = batch(&[(delta, None), (finish, None)]);
        used.clear();
        for data in [finish, delta] {
            used.push(&decode(data).unwrap(), None, Age::Replayed);
        }
        assert_eq!(used.text(), r#"[{"type":"stream_end","replayed":true}]x"#);
        assert_eq!(used.descriptors(), [JSON, 1, 39, DELTA | TEXT | REPLAYED | NEW_BLOCK, 1, 1]);
    }

    #[test]
    fn lengths_are_counted_in_utf16_code_units() {
        for text in ["", "a", "é", "漢", "🎉", "👩‍👩‍👧 and 20 more bytes \u{fffd}"] {
            assert_eq!(utf16_len(text) as usize, text.encode_utf16().count());
        }
    }
}
