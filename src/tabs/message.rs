//! What the tabs of one browser tell each other: who streams a session, what it has given, what comes (API.md,
//! guarantee 5).
//!
//! The owner of a session holds its lock and its connection. Followers are given the raw frames of the stream, in
//! numbered messages, and read them as they would read a response. So a chunk is recognised by its event id in every
//! tab, and a follower that takes over asks the server for what comes after its own cursor.
//!
//! Messages are untrusted input: other versions, other code of the same origin. What does not parse is ignored.

use serde::{Deserialize, Serialize};

use crate::stream::Millis;
use crate::stream::bytes::decimal;
use crate::stream::reader::{Frame, Position};

/// A message from one tab to the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The tab that says so.
    pub from: String,
    /// The session that it is about.
    pub session: String,
    /// The newest epoch that the tab knows of; in what only an owner says, that of its ownership.
    pub epoch: u64,
    /// What it says.
    pub content: Content,
}

/// The names by which a turn is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    /// The id of its user message.
    pub message: Option<String>,
    /// Its task.
    pub task: Option<String>,
    /// The place of its user message among those of the session, from 0.
    pub ordinal: Option<u64>,
    /// The text of its user message.
    pub text: Option<String>,
}

/// What a message says. `stream` names the broadcast of one owner; the numbers of messages count within it.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Who streams this session? The asker has this much of this stream.
    Ask {
        /// The stream it follows, if it does.
        stream: Option<String>,
        /// The message it waits for.
        next: u64,
        /// When it asks, by its own clock. The answer repeats it.
        asked: Millis,
        /// The turn of a message that the asker sent and whose answer it may not give; else nothing.
        turn: Aliases,
    },
    /// What did this broadcast give? It is answered after its end too: a short one may be over before anyone has asked.
    Recall {
        /// The stream.
        stream: String,
        /// When it asks, by its own clock. The answer repeats it.
        asked: Millis,
    },
    /// This tab streams the session from now on, and stands here.
    Owner {
        /// Its stream.
        stream: String,
        /// The turn that it gives.
        turn: Aliases,
        /// Where it stands.
        place: Place,
    },
    /// All that a late follower needs.
    State(Box<State>),
    /// More frames.
    Frames {
        /// The stream.
        stream: String,
        /// The number of this message.
        number: u64,
        /// What came.
        frames: Vec<Frame>,
    },
    /// What the owner shows has changed.
    Shown {
        /// The stream.
        stream: String,
        /// What it shows.
        shown: Shown,
    },
    /// The owner lives and has nothing to say.
    Alive {
        /// The stream.
        stream: String,
    },
    /// The owner's stream is over without an end among its frames.
    End {
        /// The stream.
        stream: String,
        /// How it ended.
        end: EndRecord,
    },
    /// The backend took a message of this tab.
    Turn {
        /// What the app said of it, as JSON text.
        turn: String,
    },
    /// A task was stopped.
    Stop {
        /// The task, where it is known.
        task: Option<String>,
    },
}

/// What a broadcast gave so far, for a tab that asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// For whom.
    pub to: String,
    /// When it was asked for, by the clock of the tab that asked.
    pub asked: Millis,
    /// The stream.
    pub stream: String,
    /// The number of the next message.
    pub next: u64,
    /// The turn that it gives.
    pub turn: Aliases,
    /// What the stream gave so far, adjacent deltas merged.
    pub frames: Vec<Frame>,
    /// Where it stands.
    pub place: Place,
    /// What the owner shows.
    pub shown: Shown,
}

/// A place in a log, as text that every JavaScript keeps exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    last: String,
    unnumbered: u64,
    hash: String,
}

impl Place {
    /// A position, with the running hash of its events without ids.
    #[must_use]
    pub fn new(position: Position, hash: u64) -> Self {
        Self { last: position.last.text(), unnumbered: position.unnumbered, hash: decimal::text(hash) }
    }

    /// The position and the hash; `None` when it is no place.
    #[must_use]
    pub fn read(&self) -> Option<(Position, u64)> {
        let position = Position { last: self.last.parse().ok()?, unnumbered: self.unnumbered };
        Some((position, decimal::read(self.hash.as_bytes())?))
    }
}

/// What the owner shows, for its followers to show too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shown {
    /// What the stream is doing.
    pub status: ShownStatus,
    /// Tries in a row without progress.
    pub attempt: u32,
    /// When the next request goes out.
    pub retry_at: Option<Millis>,
    /// Silence of the owner that is too long, in ms.
    pub patience: Millis,
}

/// The statuses of a stream that lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "&'static str")]
pub enum ShownStatus {
    /// A request waits for its answer.
    #[default]
    Connecting,
    /// Bytes arrive.
    Streaming,
    /// The stream is silent for too long.
    Stalled,
    /// The stream was cut and will be joined again.
    Reconnecting,
}

/// An outcome on its way to another tab.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndRecord {
    /// `finished`, `stopped`, `failed`, `expired`; anything else is a failure.
    pub kind: String,
    /// The error's code, or empty.
    pub code: String,
    /// The error's sentence, or empty.
    pub message: String,
    /// The error's HTTP status.
    pub status: Option<u16>,
    /// Whether trying again may help.
    pub retryable: bool,
}

impl Message {
    /// A message of this version.
    #[must_use]
    pub fn new(from: &str, session: &str, epoch: u64, content: Content) -> Self {
        Self { from: from.to_owned(), session: session.to_owned(), epoch, content }
    }
}

impl ShownStatus {
    const ALL: [Self; 4] = [Self::Connecting, Self::Streaming, Self::Stalled, Self::Reconnecting];

    fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Streaming => "streaming",
            Self::Stalled => "stalled",
            Self::Reconnecting => "reconnecting",
        }
    }

    fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|status| status.name() == name).unwrap_or_default()
    }
}

impl From<String> for ShownStatus {
    fn from(name: String) -> Self {
        Self::named(&name)
    }
}

impl From<ShownStatus> for &'static str {
    fn from(status: ShownStatus) -> Self {
        status.name()
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
