//! The columns in which chunks cross to JavaScript: `u32` descriptors and one text (ARCHITECTURE, "The hot path").
//!
//! The text is decoded once over there and cut into slices, whose lengths are counted here in UTF-16 code units. Rows
//! and slices stand in the same order, so no offset is written, only lengths. `js/batch.ts` reads what this writes:
//!
//! | first word | words that follow | text |
//! |---|---|---|
//! | `DELTA` + stream + flags | units of the text, of the block where `NEW_BLOCK`, of the id where `HAS_ID` | these |
//! | `JSON` | number of chunks, units | a JSON array of them: adjacent ones are parsed at once |
//! | `MALFORMED` + reason | units | the data of the frame |
//! | `RESET` | | |

use crate::chunk::{Chunk, Delta, JsonString, Malformed, Object, Stream};
use crate::cursor::EventId;
use alloc::string::String;
use alloc::vec::Vec;

const DELTA: u32 = 0;
const JSON: u32 = 1;
const MALFORMED: u32 = 2;
const RESET: u32 = 3;

const LEGACY: u32 = 0;
const TEXT: u32 = 1 << 4;
const REASONING: u32 = 2 << 4;
const TOOL_INPUT: u32 = 3 << 4;

const HAS_ID: u32 = 1 << 8;
const REPLAYED: u32 = 1 << 9;
/// The block is another than that of the delta before.
const NEW_BLOCK: u32 = 1 << 10;

const NOT_JSON: u32 = 0;
const NO_TYPE: u32 = 1 << 4;

/// A text buffer above this is given back, in bytes.
const KEPT_CAPACITY: usize = 1024 * 1024;

/// Rows on their way to JavaScript, in the order in which they are delivered.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    descriptors: Vec<u32>,
    text: String,
    last: Last,
    /// The block of the last delta.
    block: String,
    /// What is added to a chunk; kept for its buffer.
    surplus: String,
}

/// What the last row is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Last {
    #[default]
    Other,
    /// A JSON array, which takes one more chunk.
    Array,
}

/// Whether a chunk lies at or before the cursor that was saved before a reload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Age {
    /// It does not.
    #[default]
    Fresh,
    /// It does: `replayed: true`.
    Replayed,
}

impl Batch {
    /// Adds a chunk, with the id of its event. Gives whether it made a row: a chunk that says nothing by itself
    /// (`text-start`) is not delivered.
    pub fn push(&mut self, chunk: &Chunk<'_>, id: Option<EventId>, age: Age) -> bool {
        match chunk {
            Chunk::Delta(delta) => {
                self.push_delta(delta, id, age);
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
        let start = self.text.len();
        self.text.push_str(data);
        self.slice_from(start);
    }

    /// Adds the mark that everything before is void.
    pub fn push_reset(&mut self) {
        self.row(RESET);
    }

    /// What it holds, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len() + size_of_val(self.descriptors.as_slice())
    }

    /// Bytes that it holds on to, buffers that are kept included.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let text = self.text.capacity() + self.block.capacity() + self.surplus.capacity();
        text + self.descriptors.capacity() * size_of::<u32>()
    }

    /// Whether it holds no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.descriptors.is_empty()
    }

    /// Ready for other rows; keeps its buffers.
    pub fn clear(&mut self) {
        self.descriptors.clear();
        self.text.clear();
        self.text.shrink_to(KEPT_CAPACITY);
        self.block.clear();
        self.last = Last::Other;
    }

    /// The rows.
    #[must_use]
    pub fn descriptors(&self) -> &[u32] {
        &self.descriptors
    }

    /// The text that they cut.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn push_delta(&mut self, delta: &Delta<'_>, id: Option<EventId>, age: Age) {
        let block = delta.stream.block();
        let renewed = block.is_some_and(|block| !block.is(&self.block));
        self.row(head(&delta.stream, id, age) | if renewed { NEW_BLOCK } else { 0 });
        self.push_slice(&delta.text);
        if let Some(block) = block.filter(|_| renewed) {
            self.push_slice(block);
            self.block.clear();
            block.push_to(&mut self.block);
        }
        if let Some(id) = id {
            let start = self.text.len();
            id.write(&mut self.text);
            self.descriptors.push((self.text.len() - start) as u32);
        }
    }

    fn push_object(&mut self, object: &Object<'_>, id: Option<EventId>, age: Age) -> bool {
        if !object.is_delivered() {
            return false;
        }
        self.open_array();
        let start = self.text.len();
        self.surplus.clear();
        write_surplus(&mut self.surplus, object, id, age);
        object.write(&mut self.text, &self.surplus);
        self.text.push(']');
        let units = utf16_len(self.text.get(start..).unwrap_or_default());
        if let Some([_, chunks, total]) = self.descriptors.last_chunk_mut() {
            *chunks += 1;
            *total += units;
        }
        true
    }

    /// Begins a JSON array, or takes the end off the one that the last row is.
    fn open_array(&mut self) {
        if self.last == Last::Array {
            self.text.pop();
            self.text.push(',');
            return;
        }
        self.descriptors.extend([JSON, 0, 1]);
        self.text.push('[');
        self.last = Last::Array;
    }

    fn row(&mut self, head: u32) {
        self.last = Last::Other;
        self.descriptors.push(head);
    }

    fn push_slice(&mut self, string: &JsonString<'_>) {
        let start = self.text.len();
        string.push_to(&mut self.text);
        self.slice_from(start);
    }

    fn slice_from(&mut self, start: usize) {
        let units = utf16_len(self.text.get(start..).unwrap_or_default());
        self.descriptors.push(units);
    }
}

/// What the client adds to a chunk, as JSON members.
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

fn head(stream: &Stream<'_>, id: Option<EventId>, age: Age) -> u32 {
    let stream = match stream {
        Stream::Legacy => LEGACY,
        Stream::Text(_) => TEXT,
        Stream::Reasoning(_) => REASONING,
        Stream::ToolInput(_) => TOOL_INPUT,
    };
    let id = if id.is_some() { HAS_ID } else { 0 };
    let age = if age == Age::Replayed { REPLAYED } else { 0 };
    DELTA | stream | id | age
}

/// A character is one code unit for its first byte, and one more where it takes four bytes.
pub(crate) fn utf16_len(text: &str) -> u32 {
    if text.is_ascii() {
        return text.len() as u32;
    }
    text.as_bytes().iter().map(|byte| u32::from((byte & 0xC0) != 0x80) + u32::from(*byte >= 0xF0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::decode;

    const ID: Option<EventId> = Some(EventId { ms: u64::MAX, seq: 7 });

    fn batch(frames: &[(&str, Option<EventId>)]) -> Batch {
        let mut batch = Batch::default();
        for (data, id) in frames {
            batch.push(&decode(data).unwrap(), *id, Age::Fresh);
        }
        batch
    }

    #[test]
    fn a_delta_is_lengths_and_slices() {
        let batch = batch(&[(r#"{"type":"text-delta","id":"b","delta":"é🎉\n"}"#, ID)]);
        assert_eq!(batch.descriptors(), [DELTA | TEXT | HAS_ID | NEW_BLOCK, 4, 1, 22]);
        assert_eq!(batch.text(), "é🎉\nb18446744073709551615-7");
    }

    #[test]
    fn a_block_is_written_when_it_changes() {
        let delta = r#"{"type":"text-delta","id":"b","delta":"x"}"#;
        let other = r#"{"type":"reasoning-delta","id":"\u0062","delta":"y"}"#;
        let batch = batch(&[(delta, None), (delta, None), (other, None)]);
        assert_eq!(batch.descriptors(), [DELTA | TEXT | NEW_BLOCK, 1, 1, DELTA | TEXT, 1, DELTA | REASONING, 1]);
        assert_eq!(batch.text(), "xbxy");
    }

    #[test]
    fn adjacent_objects_are_one_json_array() {
        let batch = batch(&[
            (r#"{"type":"finish"}"#, ID),
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
        assert!(!batch.push(&start, ID, Age::Fresh));
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
    fn a_cleared_batch_starts_anew() {
        let delta = r#"{"type":"text-delta","id":"b","delta":"x"}"#;
        let finish = r#"{"type":"finish"}"#;
        let mut used = batch(&[(delta, None), (finish, None)]);
        used.clear();
        for data in [finish, delta] {
            used.push(&decode(data).unwrap(), None, Age::Replayed);
        }
        assert_eq!(used.text(), r#"[{"type":"stream_end","replayed":true}]xb"#);
        assert_eq!(used.descriptors(), [JSON, 1, 39, DELTA | TEXT | REPLAYED | NEW_BLOCK, 1, 1]);
    }

    #[test]
    fn lengths_are_counted_in_utf16_code_units() {
        for text in ["", "a", "é", "漢", "🎉", "👩‍👩‍👧 and 20 more bytes \u{fffd}"] {
            assert_eq!(utf16_len(text) as usize, text.encode_utf16().count());
        }
    }
}
