//! `createParser`: bytes in; out comes what was found, as rows of numbers and one text that JavaScript cuts by lengths.
//!
//! [`ParserRow`] says which words and texts a row has.

use wasm_bindgen::prelude::*;

use crate::stream::batch::utf16_len;
use crate::stream::sse::parser::{DEFAULT_LIMIT, Event, Parser, Sink};

/// What a row is: its first word.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParserRow {
    /// Units of event and data follow; the text is these.
    Event = 0,
    /// Units of the id follow; the text is the id.
    Id = 1,
    /// Milliseconds follow.
    Retry = 2,
    /// Units of the comment follow; the text is the comment.
    Comment = 3,
    /// Units of name, value and line follow; the text is these.
    UnknownField = 4,
    /// Units of value and line follow; the text is these.
    InvalidRetry = 5,
    /// An event is larger than the limit.
    TooLarge = 6,
}

/// An event stream parser, and what it found since it was last asked.
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
    /// Accepts events of up to `limit` bytes, or up to [`DEFAULT_LIMIT`].
    #[wasm_bindgen(constructor)]
    pub fn new(limit: Option<u32>) -> Self {
        let limit = limit.map_or(DEFAULT_LIMIT, |limit| limit as usize);
        Self { parser: Parser::new(limit), found: Found::default(), limit }
    }

    /// The most bytes of an event that it accepts.
    #[wasm_bindgen(getter)]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Takes bytes, gives rows; the text of them is to be fetched next.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u32> {
        if self.parser.feed(bytes, &mut self.found).is_err() {
            self.found.rows.push(ParserRow::TooLarge as u32);
        }
        std::mem::take(&mut self.found.rows)
    }

    /// As `feed`, for text.
    #[wasm_bindgen(js_name = feedText)]
    pub fn feed_text(&mut self, text: &str) -> Vec<u32> {
        self.feed(text.as_bytes())
    }

    /// The text of the rows that were given last.
    pub fn text(&mut self) -> String {
        std::mem::take(&mut self.found.text)
    }

    /// Ready for another stream.
    pub fn reset(&mut self) {
        self.parser.reset();
    }

    /// As `reset`, but an unfinished line counts as ended first. Gives rows.
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
