//! Event ids: their grammar, their order, and whether a reader at a cursor has an event already (PROTOCOL §1, §2).

use std::fmt;
use std::str::FromStr;

use crate::stream::bytes::decimal;
use crate::stream::bytes::short::word;

/// The length of an id of thirteen digits, a dash and a digit.
const USUAL: usize = 15;

/// The id of an entry in a task's log, `<ms>-<seq>`, compared as two unsigned 64-bit integers and never as text.
///
/// A cursor is the id of the last entry that a reader has. [`EventId::ZERO`] precedes every entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// Milliseconds since the Unix epoch, by the clock of the store.
    pub ms: u64,
    /// Position among the entries of one millisecond.
    pub seq: u64,
}

/// The text is not `ms-seq`, `ms` or `0` in unsigned 64-bit integers (`INVALID_CURSOR` in the protocol).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCursor;

/// Whether a reader has an incoming event already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The event lies beyond the cursor: the reader delivers it and moves on.
    New,
    /// The event lies at or before the cursor: the reader has it.
    Seen,
}

impl EventId {
    /// Precedes every entry of every log: a replay from here is whole.
    pub const ZERO: Self = Self { ms: 0, seq: 0 };
    /// Follows every entry of every log.
    pub const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };

    /// Compares the id of an event with this cursor, to find out whether the reader has the event already.
    #[must_use]
    #[inline(always)]
    pub fn classify(self, incoming: Self) -> Arrival {
        let is_later = incoming.ms > self.ms || (incoming.ms == self.ms && incoming.seq > self.seq);
        if is_later { Arrival::New } else { Arrival::Seen }
    }
}

impl EventId {
    /// Reads an id as it appears in a stream.
    ///
    /// # Errors
    /// Returns [`InvalidCursor`] if the text is no id.
    pub fn read(text: &[u8]) -> Result<Self, InvalidCursor> {
        let dash = text.iter().position(|byte| *byte == b'-');
        let (ms, seq) = match dash.and_then(|dash| text.split_at_checked(dash)) {
            Some((ms, rest)) => (ms, rest.get(1..).unwrap_or_default()),
            None => (text, b"0".as_slice()),
        };
        let integer = |digits| decimal::read(digits).ok_or(InvalidCursor);
        Ok(Self { ms: integer(ms)?, seq: integer(seq)? })
    }

    /// Reads an id at the beginning of `text` in exactly the form that [`EventId::write`] writes. Returns the id and its length
    /// in bytes. After `None` the caller has to try [`EventId::read`], which accepts every form.
    #[must_use]
    #[inline(always)]
    pub fn scan(text: &[u8]) -> Option<(Self, usize)> {
        if let Some(id) = Self::scan_usual(text) {
            return Some((id, USUAL));
        }
        let (ms, dash) = decimal::scan(text)?;
        let [b'-', rest @ ..] = text.get(dash..)? else { return None };
        let (seq, end) = decimal::scan(rest)?;
        Some((Self { ms, seq }, dash + 1 + end))
    }

    /// Reads an id with the shape of nearly all ids from 2001 to 2286: thirteen digits, a dash, one digit and the end of the
    /// line.
    #[inline(always)]
    fn scan_usual(text: &[u8]) -> Option<Self> {
        let (first, last) = (word(text, 0)?, word(text, 8)?);
        let [.., dash, seq, end] = last.to_le_bytes();
        if dash != b'-' || end != b'\n' || !seq.is_ascii_digit() || first as u8 == b'0' {
            return None;
        }
        let ms = decimal::eight(first)? * 100_000 + decimal::eight(last << 24 | decimal::ZEROS >> 40)?;
        Some(Self { ms, seq: u64::from(seq - b'0') })
    }

    /// Appends the id as it appears in a stream.
    pub fn write(self, out: &mut String) {
        decimal::write(out, self.ms);
        out.push('-');
        decimal::write(out, self.seq);
    }

    /// Returns the id as it appears in a stream.
    #[must_use]
    pub fn text(self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }
}

impl FromStr for EventId {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        Self::read(text.as_bytes())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> EventId {
        text.parse().unwrap()
    }

    #[test]
    fn ids_are_ordered_as_numbers_and_not_as_text() {
        assert!(id("5-9") < id("5-10"));
        assert!(id("9-0") < id("10-0"));
        assert!(id("0") < id("0-1"));
    }

    #[test]
    fn short_forms_mean_sequence_zero() {
        assert_eq!(id("0"), EventId::ZERO);
        assert_eq!(id("17"), EventId { ms: 17, seq: 0 });
    }

    #[test]
    fn the_largest_id_is_accepted_and_one_more_is_not() {
        assert_eq!(id("18446744073709551615-18446744073709551615").seq, u64::MAX);
        assert_eq!("18446744073709551616-0".parse::<EventId>(), Err(InvalidCursor));
    }

    #[test]
    fn anything_else_is_no_cursor() {
        for text in ["", "-", "1-", "-1", "+1", "1-+2", " 1", "1-2-3", "0x1", "$", "a-b", "1.5"] {
            assert_eq!(text.parse::<EventId>(), Err(InvalidCursor), "{text:?}");
        }
    }

    #[test]
    fn a_printed_id_parses_to_the_same_id() {
        let original = EventId { ms: 1_700_000_000_000, seq: 42 };
        assert_eq!(original.to_string(), "1700000000000-42");
        assert_eq!(id(&original.to_string()), original);
    }

    #[test]
    fn an_id_is_scanned_in_the_form_that_is_written() {
        for text in [
            "0-0",
            "1700000000000-42",
            "999999999999999-1",
            "12345678-87654321",
            "7-123456789",
            "1763840000007-0",
            "9999999999999-9",
            "999999999999-9",
        ] {
            let scanned = EventId::scan([text, "\ndata: {}"].concat().as_bytes());
            assert_eq!(scanned, Some((id(text), text.len())), "{text}");
        }
    }

    #[test]
    fn an_id_in_another_form_is_not_scanned() {
        for text in [
            "",
            "1",
            "1-",
            "-1",
            "01-1",
            "1-01",
            "a-1",
            "1 -1",
            "1000000000000000-1",
            "1-/",
            "1-:",
            "0763840000007-0",
            "17638400:0007-0",
            "1763840000/07-0",
            "1763840000007-:",
            "1763840000007--",
        ] {
            assert_eq!(EventId::scan([text, "\ndata: {}"].concat().as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn an_id_at_the_cursor_was_seen() {
        assert_eq!(id("3-1").classify(id("3-1")), Arrival::Seen);
        assert_eq!(id("3-1").classify(id("3-2")), Arrival::New);
        assert_eq!(id("3-10").classify(id("3-9")), Arrival::Seen);
    }
}
