//! The messages between the tabs of one browser: which tab streams a session, what the stream contained so far, and what arrives
//! (API.md, guarantee 5).
//!
//! The owner of a session holds its lock and its connection. Followers get the raw frames of the stream in numbered messages, and
//! read them like a response. So every tab recognises a chunk by its event id, and a follower that takes over requests what
//! follows its own cursor.
//!
//! Messages are untrusted input: they may come from other versions or from other code of the same origin. An invalid message is
//! ignored.

use serde::Deserialize;

use crate::stream::Millis;
use crate::stream::bytes::decimal;
use crate::stream::reader::{Frame, Position};
use crate::value::Value;

/// A message from one tab to the others.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Message {
    /// The name of the tab that sent it.
    pub from: String,
    /// The session of the message.
    pub session: String,
    /// The newest epoch that the sender knows of. In messages of an owner, the epoch of its ownership.
    pub epoch: u64,
    /// The content.
    pub content: Content,
}

/// The identifiers of a turn that are known (ARCHITECTURE, "One identity per turn").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    /// The id of its user message.
    pub message: Option<String>,
    /// The id of its task.
    pub task: Option<String>,
    /// The ordinal of its user message in the session, counted from 0.
    pub ordinal: Option<u64>,
    /// The text of its user message.
    pub text: Option<String>,
}

/// The content of a message. `stream` names the broadcast of one owner, and messages are numbered within it.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Asks who streams the session, and states how much of a broadcast the sender has.
    Ask {
        /// The broadcast that the sender follows, if it follows one.
        stream: Option<String>,
        /// The number of the message that the sender waits for.
        next: u64,
        /// When the question was sent, by the sender's clock. The answer repeats it.
        asked: Millis,
        /// The turn of a message that the sender posted and may not deliver the answer of. Otherwise empty.
        turn: Aliases,
    },
    /// Asks for the content of a broadcast. It is answered after the end of the broadcast, too, because a short one may end
    /// before anyone has asked.
    Recall {
        /// The name of the broadcast, or empty for any broadcast that was announced while the sender was away.
        stream: String,
        /// When the question was sent, by the sender's clock. The answer repeats it.
        asked: Millis,
    },
    /// Announces that the sender streams the session from now on.
    Owner {
        /// The name of its broadcast.
        stream: String,
        /// The turn of the broadcast.
        turn: Aliases,
        /// The position of the sender.
        place: Place,
    },
    /// Answers a tab that follows late, with the whole broadcast so far.
    State(Box<State>),
    /// More frames of the broadcast.
    Frames {
        /// The name of the broadcast.
        stream: String,
        /// The number of this message.
        number: u64,
        /// The frames.
        frames: Vec<Frame>,
    },
    /// The status that the owner shows has changed.
    Shown {
        /// The name of the broadcast.
        stream: String,
        /// The status and its details.
        shown: Shown,
    },
    /// A sign of life of an owner that has nothing else to send.
    Alive {
        /// The name of the broadcast.
        stream: String,
    },
    /// Ends a broadcast whose frames do not contain an end.
    End {
        /// The name of the broadcast.
        stream: String,
        /// How the broadcast ended.
        end: EndRecord,
    },
    /// The backend accepted a message of the sender.
    Turn {
        /// The app's description of the message, as JSON text.
        turn: String,
    },
    /// The app stopped a task.
    Stop {
        /// The task, if its id is known.
        task: Option<String>,
    },
}

/// The broadcast so far, for a tab that asked for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The name of the tab that asked.
    pub to: String,
    /// When it asked, by its own clock.
    pub asked: Millis,
    /// The name of the broadcast.
    pub stream: String,
    /// The number of the broadcast's next message.
    pub next: u64,
    /// The turn of the broadcast.
    pub turn: Aliases,
    /// The frames so far, with adjacent deltas merged.
    pub frames: Vec<Frame>,
    /// The position of the owner.
    pub place: Place,
    /// The status that the owner shows.
    pub shown: Shown,
}

/// A position in a log, as texts that JavaScript keeps exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub(super) last: String,
    pub(super) unnumbered: u64,
    pub(super) hash: String,
}

impl Place {
    /// Converts a position, together with the running hash of the events without ids.
    #[must_use]
    pub fn new(position: Position, hash: u64) -> Self {
        Self { last: position.last.text(), unnumbered: position.unnumbered, hash: decimal::text(hash) }
    }

    /// Returns the position and the hash, or `None` if the texts are invalid.
    #[must_use]
    pub fn read(&self) -> Option<(Position, u64)> {
        let position = Position { last: self.last.parse().ok()?, unnumbered: self.unnumbered };
        Some((position, decimal::read(self.hash.as_bytes())?))
    }
}

/// The part of an owner's snapshot that its followers show as well.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// The status of the stream.
    pub status: ShownStatus,
    /// The number of tries since the last progress.
    pub attempt: u32,
    /// When the next request will be sent.
    pub retry_at: Option<Millis>,
    /// The silence of the owner after which its followers doubt it, in milliseconds.
    pub patience: Millis,
}

/// The statuses of a stream that has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShownStatus {
    /// A request waits for its response.
    #[default]
    Connecting,
    /// Bytes arrive.
    Streaming,
    /// The stream has been silent for too long.
    Stalled,
    /// The connection was lost, and the stream will be joined again.
    Reconnecting,
}

/// An outcome, in the form that other tabs get.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndRecord {
    /// `finished`, `stopped`, `failed` or `expired`. Any other value counts as a failure.
    pub kind: String,
    /// The code of the error, or empty.
    pub code: String,
    /// The message of the error, or empty.
    pub message: String,
    /// The HTTP status of the error.
    pub status: Option<u16>,
    /// Whether a later try may succeed.
    pub retryable: bool,
}

impl Message {
    /// Makes a message.
    #[must_use]
    pub fn new(from: &str, session: &str, epoch: u64, content: Content) -> Self {
        Self { from: from.to_owned(), session: session.to_owned(), epoch, content }
    }
}

impl ShownStatus {
    const ALL: [Self; 4] = [Self::Connecting, Self::Streaming, Self::Stalled, Self::Reconnecting];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Streaming => "streaming",
            Self::Stalled => "stalled",
            Self::Reconnecting => "reconnecting",
        }
    }

    pub(super) fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|status| status.name() == name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::cursor::EventId;

    #[test]
    fn a_place_survives_the_way_through_javascript_numbers() {
        let position = Position { last: EventId { ms: u64::MAX, seq: 1 }, unnumbered: 7 };
        assert_eq!(Place::new(position, u64::MAX).read(), Some((position, u64::MAX)));
        assert_eq!(Place::default().read(), None);
    }
}
