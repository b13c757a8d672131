//! `createParser`: bytes in; out comes what was found, as rows of numbers and one text that JavaScript cuts by lengths.
//!
//! | first word | words that follow | text |
//! |---|---|---|
//! | `EVENT` | units of event, data | these |
//! | `ID` | units | the id |
//! | `RETRY` | ms | |
//! | `COMMENT` | units | the comment |
//! | `UNKNOWN_FIELD` | units of name, value, line | these |
//! | `INVALID_RETRY` | units of value, line | these |
//! | `TOO_LARGE` | | |

use wasm_bindgen::prelude::*;

use crate::stream::batch::utf16_len;
use crate::stream::sse::parser::{DEFAULT_LIMIT, Event, Parser, Sink};

const EVENT: u32 = 0;
const ID: u32 = 1;
const RETRY: u32 = 2;
const COMMENT: u32 = 3;
const UNKNOWN_FIELD: u32 = 4;
const INVALID_RETRY: u32 = 5;
const TOO_LARGE: u32 = 6;

/// An event stream parser, and what it found since it was last asked.
#[wasm_bindgen]
pub struct EventStream {
    parser: Parser,
    found: Found,
}

#[derive(Default)]
struct Found {
    rows: Vec<u32>,
    text: String,
}

#[wasm_bindgen]
impl EventStream {
    /// Accepts events of up to `limit` bytes; 16 MiB where not given.
    #[wasm_bindgen(constructor)]
    pub fn new(limit: Option<u32>) -> Self {
        let limit = limit.map_or(DEFAULT_LIMIT, |limit| limit as usize);
        Self { parser: Parser::new(limit), found: Found::default() }
    }

    /// Takes bytes, gives rows; the text of them is to be fetched next.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u32> {
        if self.parser.feed(bytes, &mut self.found).is_err() {
            self.found.rows.push(TOO_LARGE);
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
    fn push(&mut self, row: u32, texts: &[&[u8]]) {
        self.rows.push(row);
        for text in texts {
            let text = String::from_utf8_lossy(text);
            self.rows.push(utf16_len(&text));
            self.text.push_str(&text);
        }
    }
}

impl Sink for Found {
    fn event(&mut self, event: Event<'_>) {
        self.push(EVENT, &[event.kind, event.data]);
    }

    fn id(&mut self, id: &[u8]) {
        self.push(ID, &[id]);
    }

    fn retry(&mut self, ms: u64) {
        self.rows.extend([RETRY, u32::try_from(ms).unwrap_or(u32::MAX)]);
    }

    fn comment(&mut self, text: &[u8]) {
        self.push(COMMENT, &[text]);
    }

    fn unknown_field(&mut self, name: &[u8], value: &[u8], line: &[u8]) {
        self.push(UNKNOWN_FIELD, &[name, value, line]);
    }

    fn invalid_retry(&mut self, value: &[u8], line: &[u8]) {
        self.push(INVALID_RETRY, &[value, line]);
    }
}
