//! What the tabs of one browser tell each other: who streams a session, what it has given, what comes (API.md,
//! guarantee 5).
//!
//! The owner of a session holds its lock and its connection. Followers are given the raw frames of the stream, in
//! numbered messages, and read them as they would read a response. So a chunk is recognised by its event id in every
//! tab, and a follower that takes over asks the server for what comes after its own cursor.
//!
//! Messages are untrusted input: other versions, other code of the same origin. What does not parse is ignored.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::chunk::{self, Chunk};
use crate::cursor::EventId;
use crate::io::{Millis, Status};
use crate::reader::Position;

/// The version of the messages. Tabs of other versions live beside this one, each with streams of its own.
const VERSION: u32 = 1;
/// A history is compacted when this much came since the last time, in bytes, or as much as it holds.
const COMPACT_EVERY: usize = 256 * 1024;
/// A history beyond this is not kept: late followers connect themselves.
const MOST_HISTORY: usize = 64 * 1024 * 1024;

/// One event of a stream: the text of its id, or nothing, and its data.
pub type Frame = (Option<String>, String);

/// A message from one tab to the others.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Message {
    #[serde(rename = "v")]
    version: u32,
    /// The tab that says so.
    pub from: String,
    /// The session that it is about.
    pub session: String,
    /// What it says.
    pub news: News,
}

/// What a message says. `stream` names one owner's telling of one task; numbers of messages count within it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum News {
    /// Who streams this session? The asker has this much of this stream.
    Ask {
        /// The stream it follows, if it does.
        #[serde(default)]
        stream: Option<String>,
        /// The message it waits for.
        #[serde(default)]
        next: u64,
    },
    /// This tab streams the session from now on, and stands here.
    Owner {
        /// Its stream.
        stream: String,
        /// The task, once known.
        #[serde(default)]
        task: Option<String>,
        /// Where it stands.
        #[serde(default)]
        place: Place,
    },
    /// All that a late follower needs.
    State {
        /// For whom.
        to: String,
        /// The stream.
        stream: String,
        /// The number of the next message.
        next: u64,
        /// The task, once known.
        #[serde(default)]
        task: Option<String>,
        /// What the stream gave so far, adjacent deltas merged.
        frames: Vec<Frame>,
        /// Where it stands.
        place: Place,
        /// What the owner shows.
        shown: Shown,
    },
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
    /// A task was stopped.
    Stop {
        /// The task, where it is known.
        #[serde(default)]
        task: Option<String>,
    },
}

/// A place in a log, as text that every JavaScript keeps exactly.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
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
        Self { last: position.last.to_string(), unnumbered: position.unnumbered, hash: hash.to_string() }
    }

    /// The position and the hash; `None` when it is no place.
    #[must_use]
    pub fn read(&self) -> Option<(Position, u64)> {
        let position = Position { last: self.last.parse().ok()?, unnumbered: self.unnumbered };
        Some((position, self.hash.parse().ok()?))
    }
}

/// What the owner shows, for its followers to show too.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
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
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShownStatus {
    /// [`Status::Connecting`].
    #[default]
    Connecting,
    /// [`Status::Streaming`].
    Streaming,
    /// [`Status::Stalled`].
    Stalled,
    /// [`Status::Reconnecting`].
    Reconnecting,
}

impl From<Status> for ShownStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Streaming => Self::Streaming,
            Status::Stalled => Self::Stalled,
            Status::Reconnecting => Self::Reconnecting,
            _ => Self::Connecting,
        }
    }
}

impl From<ShownStatus> for Status {
    fn from(status: ShownStatus) -> Self {
        match status {
            ShownStatus::Connecting => Self::Connecting,
            ShownStatus::Streaming => Self::Streaming,
            ShownStatus::Stalled => Self::Stalled,
            ShownStatus::Reconnecting => Self::Reconnecting,
        }
    }
}

/// An outcome on its way to another tab.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
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
    pub fn new(from: &str, session: &str, news: News) -> Self {
        Self { version: VERSION, from: from.to_owned(), session: session.to_owned(), news }
    }

    /// The text that is posted.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what another tab posted; `None` for anything else.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text).ok().filter(|message| message.version == VERSION)
    }
}

/// What a stream has given so far, for followers that come late. Memory goes by what is kept, not by what passed:
/// adjacent deltas of a block become one now and then.
#[derive(Debug, Default)]
pub struct History {
    frames: Vec<Frame>,
    size: usize,
    /// Frames that are merged already, and their size.
    merged: usize,
    merged_size: usize,
    overflown: bool,
}

impl History {
    /// A frame was received.
    pub fn push(&mut self, id: Option<EventId>, data: &str) {
        if self.overflown {
            return;
        }
        self.size += data.len();
        self.frames.push((id.map(|id| id.to_string()), data.to_owned()));
        let fresh = self.size - self.merged_size;
        if fresh > COMPACT_EVERY && fresh > self.merged_size {
            self.compact();
        }
        if self.size > MOST_HISTORY {
            *self = Self { overflown: true, ..Self::default() };
        }
    }

    /// The frames that tell the whole stream; `None` when they became too many.
    pub fn frames(&mut self) -> Option<&[Frame]> {
        if self.overflown {
            return None;
        }
        self.compact();
        Some(&self.frames)
    }

    /// Takes over what another tab kept.
    pub fn adopt(&mut self, frames: Vec<Frame>) {
        let size = frames.iter().map(|(_, data)| data.len()).sum();
        *self = Self { merged: frames.len(), merged_size: size, size, frames, overflown: false };
    }

    fn compact(&mut self) {
        let fresh = self.frames.split_off(self.merged.saturating_sub(1).min(self.frames.len()));
        let mut open = Merge::default();
        for frame in fresh {
            open.take(frame, &mut self.frames);
        }
        open.finish(&mut self.frames);
        self.merged = self.frames.len();
        self.size = self.frames.iter().map(|(_, data)| data.len()).sum();
        self.merged_size = self.size;
    }
}

/// A run of deltas of one block that is being merged.
#[derive(Default)]
struct Merge {
    /// The last frame of the run as it was: a run of one stays untouched.
    last: Option<Frame>,
    run: u32,
    kind: Kind,
    block: String,
    text: String,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Kind {
    #[default]
    None,
    Legacy,
    Text,
    Reasoning,
    ToolInput,
}

impl Merge {
    fn take(&mut self, frame: Frame, out: &mut Vec<Frame>) {
        let Some((kind, block, text)) = delta(&frame.1) else {
            self.finish(out);
            return out.push(frame);
        };
        if kind != self.kind || block != self.block {
            self.finish(out);
            self.kind = kind;
            self.block = block.into_owned();
        }
        self.text.push_str(&text);
        self.run += 1;
        self.last = Some(frame);
    }

    fn finish(&mut self, out: &mut Vec<Frame>) {
        let Some((id, data)) = self.last.take() else { return };
        let data = if self.run > 1 { self.written() } else { data };
        out.push((id, data));
        *self = Self::default();
    }

    fn written(&self) -> String {
        let (block, text) = (quoted(&self.block), quoted(&self.text));
        match self.kind {
            Kind::Text => format!(r#"{{"type":"text-delta","id":{block},"delta":{text}}}"#),
            Kind::Reasoning => format!(r#"{{"type":"reasoning-delta","id":{block},"delta":{text}}}"#),
            Kind::ToolInput => format!(r#"{{"type":"tool-input-delta","toolCallId":{block},"inputTextDelta":{text}}}"#),
            Kind::Legacy | Kind::None => format!(r#"{{"type":"text_chunk","content":{text}}}"#),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// The parts of a simple delta.
fn delta(data: &str) -> Option<(Kind, Cow<'_, str>, Cow<'_, str>)> {
    let Chunk::Delta(delta) = chunk::decode(data).ok()? else { return None };
    let block = delta.stream.block().map_or(Cow::Borrowed(""), chunk::JsonString::text);
    let kind = match &delta.stream {
        chunk::Stream::Legacy => Kind::Legacy,
        chunk::Stream::Text(_) => Kind::Text,
        chunk::Stream::Reasoning(_) => Kind::Reasoning,
        chunk::Stream::ToolInput(_) => Kind::ToolInput,
    };
    Some((kind, block, delta.text.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64) -> Option<EventId> {
        Some(EventId { ms, seq: 0 })
    }

    fn text_delta(text: &str) -> String {
        format!(r#"{{"type":"text-delta","id":"b","delta":{}}}"#, quoted(text))
    }

    #[test]
    fn a_message_is_read_back() {
        let news = News::Frames { stream: "a-1".into(), number: 3, frames: vec![(Some("1-0".into()), "{}".into())] };
        let message = Message::new("a", "s", news);
        assert_eq!(Message::decode(&message.encode()), Some(message));
    }

    #[test]
    fn what_is_no_message_of_this_version_is_ignored() {
        let text = Message::new("a", "s", News::Stop { task: None }).encode();
        assert_eq!(Message::decode(&text.replace("\"v\":1", "\"v\":2")), None);
        for text in ["", "null", "{}", "[]", "{\"v\":1}", r#"{"v":1,"from":"a","session":"s","news":{"kind":"new"}}"#] {
            assert_eq!(Message::decode(text), None, "{text}");
        }
    }

    #[test]
    fn a_place_survives_the_way_through_javascript_numbers() {
        let position = Position { last: EventId { ms: u64::MAX, seq: 1 }, unnumbered: 7 };
        assert_eq!(Place::new(position, u64::MAX).read(), Some((position, u64::MAX)));
        assert_eq!(Place::default().read(), None);
    }

    #[test]
    fn a_history_merges_adjacent_deltas_under_the_last_id() {
        let mut history = History::default();
        history.push(id(1), r#"{"type":"start"}"#);
        history.push(id(2), &text_delta("é\""));
        history.push(id(3), &text_delta("b"));
        history.push(id(4), r#"{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"{"}"#);
        history.push(id(5), r#"{"type":"finish"}"#);
        let frames: Vec<_> = history.frames().unwrap().to_vec();
        let data: Vec<_> = frames.iter().map(|(_, data)| data.as_str()).collect();
        assert_eq!(
            data,
            [
                r#"{"type":"start"}"#,
                r#"{"type":"text-delta","id":"b","delta":"é\"b"}"#,
                r#"{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"{"}"#,
                r#"{"type":"finish"}"#
            ]
        );
        assert_eq!(frames[1].0.as_deref(), Some("3-0"));
    }

    #[test]
    fn a_history_goes_on_merging_where_it_stopped() {
        let mut history = History::default();
        let mut whole = String::new();
        for count in 1..=30 {
            history.push(id(count), &text_delta(&format!("{count} ")));
            whole.push_str(&format!("{count} "));
            assert_eq!(history.frames().unwrap(), [(Some(format!("{count}-0")), text_delta(&whole))]);
        }
    }

    #[test]
    fn a_long_history_costs_what_it_keeps() {
        let mut history = History::default();
        for count in 0..100_000 {
            history.push(id(count + 1), &text_delta("x"));
        }
        assert!(history.frames.len() < 20_000 && history.size < 2 * COMPACT_EVERY + 200_000, "{}", history.size);
        assert_eq!(history.frames().unwrap()[0].1.len(), text_delta("").len() + 100_000);
    }
}
