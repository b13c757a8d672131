//! The number of events that a frame covers. Tabs send it to each other: adjacent deltas are merged into one frame, and where
//! events have no ids only their number gives the position of a frame.

use crate::stream::bytes::decimal;
use crate::stream::cursor::EventId;

/// The events that a frame covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// All events up to the one with this id.
    Numbered(EventId),
    /// This number of events without ids.
    Unnumbered(u64),
}

impl Span {
    /// Returns the span of one event.
    #[must_use]
    pub fn of(id: Option<EventId>) -> Self {
        id.map_or(Self::Unnumbered(1), Self::Numbered)
    }

    /// Returns the span of two merged frames, or `None` if they cannot be merged.
    #[must_use]
    pub fn join(self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Numbered(_), Self::Numbered(_)) => Some(next),
            (Self::Unnumbered(before), Self::Unnumbered(more)) => Some(Self::Unnumbered(before.saturating_add(more))),
            _ => None,
        }
    }

    /// Returns the text in a frame: an event id, `+` and a number of events, or nothing for one event without an id.
    #[must_use]
    pub fn text(self) -> Option<String> {
        match self {
            Self::Numbered(id) => Some(id.text()),
            Self::Unnumbered(..=1) => None,
            Self::Unnumbered(events) => Some(["+", &decimal::text(events)].concat()),
        }
    }

    /// Reads what [`text`](Self::text) wrote. Any other text counts as one event without an id.
    #[must_use]
    pub fn read(text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::Unnumbered(1) };
        let events = text.strip_prefix("+").and_then(|digits| decimal::read(digits.as_bytes()));
        match events {
            Some(events) => Self::Unnumbered(events.max(1)),
            None => Self::of(text.parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_back() {
        let id = EventId { ms: 17, seq: 3 };
        for span in [Span::Numbered(id), Span::Unnumbered(1), Span::Unnumbered(u64::MAX)] {
            assert_eq!(Span::read(span.text().as_deref()), span);
        }
        for odd in ["", "+", "+x", "x", "+0"] {
            assert_eq!(Span::read(Some(odd)), Span::Unnumbered(1), "{odd}");
        }
    }

    #[test]
    fn frames_with_and_without_ids_stay_apart() {
        let (id, later) = (EventId { ms: 1, seq: 0 }, EventId { ms: 2, seq: 0 });
        assert_eq!(Span::Numbered(id).join(Span::Numbered(later)), Some(Span::Numbered(later)));
        assert_eq!(Span::Unnumbered(2).join(Span::Unnumbered(3)), Some(Span::Unnumbered(5)));
        assert_eq!(Span::Numbered(id).join(Span::Unnumbered(1)), None);
    }
}
