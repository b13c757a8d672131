//! The fast path of the parser: reads an event in the form of nearly all events at once.
//!
//! That form is `id: <ms>-<seq>`, `data: <one line>` and a blank line, with LF as line end. The id may be missing. The parser
//! reads events in every other form.

use crate::stream::bytes::short::{Mark, Start};
use crate::stream::cursor::EventId;

/// An event that lies in one read.
pub(crate) struct WholeEvent<'a, T> {
    /// The event's id, as a number and as text.
    pub id: Option<(EventId, Start<'a>)>,
    /// The result of reading its data.
    pub content: T,
    /// The length of the whole event in bytes, with the blank line.
    pub length: usize,
    data: &'a [u8],
}

impl<'a, T> WholeEvent<'a, T> {
    /// Reads the event at the beginning of `bytes`. The function `read` gets what follows `data: `, and returns the length of the
    /// data in bytes and its content. Returns `None` if the bytes are in another form, or no complete event.
    #[inline(always)]
    pub fn read(bytes: &'a [u8], read: impl FnOnce(&'a [u8]) -> Option<(usize, T)>) -> Option<Self> {
        const ID: Mark = Mark::of(b"id: ");
        const DATA: Mark = Mark::of(b"data: ");
        const DATA_LINE: Mark = Mark::of(b"\ndata: ");
        let (id, rest) = match ID.strip(bytes) {
            Some(line) => {
                let (id, length) = EventId::scan(line)?;
                (Some((id, Start { bytes: line, length })), DATA_LINE.strip(line.get(length..)?)?)
            }
            None => (None, DATA.strip(bytes)?),
        };
        let (length, content) = read(rest)?;
        let (data, end) = rest.split_at_checked(length)?;
        let [b'\n', b'\n', after @ ..] = end else { return None };
        Some(Self { id, content, length: bytes.len() - after.len(), data })
    }

    /// Returns the event's data.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the id, the data and the length of the event at the beginning of a text.
    fn read(text: &str) -> Option<(Option<EventId>, &[u8], usize)> {
        let line = |data: &[u8]| Some((data.iter().position(|byte| *byte == b'\n')?, ()));
        let event = WholeEvent::read(text.as_bytes(), line)?;
        Some((event.id.map(|(id, _)| id), event.data(), event.length))
    }

    #[test]
    fn an_event_in_the_usual_form_is_framed() {
        let id = EventId { ms: 1_700_000_000_000, seq: 4 };
        assert_eq!(read("id: 1700000000000-4\ndata: {}\n\nmore"), Some((Some(id), b"{}".as_slice(), 30)));
        assert_eq!(read("data: {}\n\n"), Some((None, b"{}".as_slice(), 10)));
    }

    #[test]
    fn other_forms_are_left_to_the_parser() {
        for text in
            ["data:{}\n\n", "data: {}\r\n\r\n", "data: {}\n", "data: a\ndata: b\n\n", "id: x\ndata: {}\n\n", ": c\n\n"]
        {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
