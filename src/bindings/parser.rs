//! `createParser`: takes bytes and returns what they contain, as rows of numbers and one text that JavaScript cuts by lengths.
//!
//! [`ParserRow`] lists the numbers and texts of each row.

use wasm_bindgen::prelude::*;

use crate::stream::batch::utf16_len;
use crate::stream::sse::parser::{DEFAULT_LIMIT, Event, Parser, Sink};

/// The kind of a row: its first word.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParserRow {
    /// An event. Two words follow: the lengths of its type and its data, which are its texts. All lengths are in UTF-16 code
    /// units.
    Event = 0,
    /// An event id. The length of the id follows, which is its text.
    Id = 1,
    /// A reconnection time. The milliseconds follow.
    Retry = 2,
    /// A comment. The length of the comment follows, which is its text.
    Comment = 3,
    /// An unknown field. Three words follow: the lengths of its name, its value and its line, which are its texts.
    UnknownField = 4,
    /// An invalid `retry` field. Two words follow: the lengths of its value and its line, which are its texts.
    InvalidRetry = 5,
    /// An event that exceeds the size limit.
    TooLarge = 6,
}

/// An event stream parser, and what it has found since the last call.
#[wasm_bindgen]
pub struct EventStream {
    parser: Parser,
    found: Found,
    limit: usize,
}

#[derive(Default)]
struct Found {
    rows: Vec<u32>,
    text: String,
}

#[wasm_bindgen]
impl EventStream {
    /// Returns a parser of events of up to `limit` bytes, or [`DEFAULT_LIMIT`].
    #[wasm_bindgen(constructor)]
    pub fn new(limit: Option<u32>) -> Self {
        let limit = limit.map_or(DEFAULT_LIMIT, |limit| limit as usize);
        Self { parser: Parser::new(limit), found: Found::default(), limit }
    }

    /// Returns the size limit of an event in bytes.
    #[wasm_bindgen(getter)]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Parses bytes. Returns rows, whose text the caller has to fetch next.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u32> {
        if self.parser.feed(bytes, &mut self.found).is_err() {
            self.found.rows.push(ParserRow::TooLarge as u32);
        }
        std::mem::take(&mut self.found.rows)
    }

    /// Parses text like `feed`.
    #[wasm_bindgen(js_name = feedText)]
    pub fn feed_text(&mut self, text: &str) -> Vec<u32> {
        self.feed(text.as_bytes())
    }

    /// Returns the text of the last rows.
    pub fn text(&mut self) -> String {
        std::mem::take(&mut self.found.text)
    }

    /// Prepares the parser for another stream.
    pub fn reset(&mut self) {
        self.parser.reset();
    }

    /// Resets like `reset`, but first ends an unfinished line. Returns rows.
    #[wasm_bindgen(js_name = resetConsuming)]
    pub fn reset_consuming(&mut self) -> Vec<u32> {
        self.parser.reset_consuming(&mut self.found);
        std::mem::take(&mut self.found.rows)
    }
}

impl Found {
    fn push(&mut self, row: ParserRow, texts: &[&[u8]]) {
        self.rows.push(row as u32);
        for text in texts {
            let text = String::from_utf8_lossy(text);
            self.rows.push(utf16_len(&text));
            self.text.push_str(&text);
        }
    }
}

impl Sink for Found {
    fn event(&mut self, event: Event<'_>) {
        self.push(ParserRow::Event, &[event.kind, event.data]);
    }

    fn id(&mut self, id: &[u8]) {
        self.push(ParserRow::Id, &[id]);
    }

    fn retry(&mut self, ms: u64) {
        self.rows.extend([ParserRow::Retry as u32, u32::try_from(ms).unwrap_or(u32::MAX)]);
    }

    fn comment(&mut self, text: &[u8]) {
        self.push(ParserRow::Comment, &[text]);
    }

    fn unknown_field(&mut self, name: &[u8], value: &[u8], line: &[u8]) {
        self.push(ParserRow::UnknownField, &[name, value, line]);
    }

    fn invalid_retry(&mut self, value: &[u8], line: &[u8]) {
        self.push(ParserRow::InvalidRetry, &[value, line]);
    }
}
