//! What the tabs of one browser tell each other: who streams a session, what it has given, what comes (API.md,
//! guarantee 5).
//!
//! The owner of a session holds its lock and its connection. Followers are given the raw frames of the stream, in
//! numbered messages, and read them as they would read a response. So a chunk is recognised by its event id in every
//! tab, and a follower that takes over asks the server for what comes after its own cursor.
//!
//! Messages are untrusted input: other versions, other code of the same origin. What does not parse is ignored.

use std::borrow::Cow;

use crate::client::io::{Millis, Status};
use crate::stream::bytes::decimal;
use crate::stream::bytes::json::{Json, ObjectWriter, quote};
use crate::stream::chunk::{self, Chunk};
use crate::stream::reader::{Frame, Position};

/// The version of the messages. Tabs of other versions live beside this one, each with streams of its own.
const VERSION: u64 = 1;
/// A history is compacted when this much came since the last time, in bytes, or as much as it holds.
const COMPACT_EVERY: usize = 256 * 1024;
/// A history beyond this is not kept: late followers connect themselves.
const MOST_HISTORY: usize = 64 * 1024 * 1024;

/// A message from one tab to the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The tab that says so.
    pub from: String,
    /// The session that it is about.
    pub session: String,
    /// What it says.
    pub news: News,
}

/// What a message says. `stream` names one owner's telling of one task; numbers of messages count within it.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// Who streams this session? The asker has this much of this stream.
    Ask {
        /// The stream it follows, if it does.
        stream: Option<String>,
        /// The message it waits for.
        next: u64,
    },
    /// What did this telling give? Also answered when it is over: a short one may be before anyone has asked.
    Recall {
        /// The stream.
        stream: String,
    },
    /// This tab streams the session from now on, and stands here.
    Owner {
        /// Its stream.
        stream: String,
        /// The task, once known.
        task: Option<String>,
        /// Where it stands.
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
        task: Option<String>,
    },
}

/// A place in a log, as text that every JavaScript keeps exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default, PartialEq)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default, PartialEq)]
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
        Self { from: from.to_owned(), session: session.to_owned(), news }
    }

    /// The text that is posted.
    #[must_use]
    pub fn encode(&self) -> String {
        ObjectWriter::default()
            .integer("v", VERSION)
            .text("from", &self.from)
            .text("session", &self.session)
            .raw("news", &self.news.encode())
            .end()
    }

    /// Reads what another tab posted; `None` for anything else.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let [version, from, session, news] = Json::parse(text)?.get(["v", "from", "session", "news"]);
        version.and_then(Json::integer).filter(|version| *version == VERSION)?;
        Some(Self { from: from?.string()?, session: session?.string()?, news: News::decode(news?)? })
    }
}

impl News {
    fn encode(&self) -> String {
        let head = |kind| ObjectWriter::default().text("kind", kind);
        match self {
            Self::Ask { stream, next } => {
                head("ask").maybe_text("stream", stream.as_deref()).integer("next", *next).end()
            }
            Self::Recall { stream } => head("recall").text("stream", stream).end(),
            Self::Owner { stream, task, place } => head("owner")
                .text("stream", stream)
                .maybe_text("task", task.as_deref())
                .raw("place", &place.encode())
                .end(),
            Self::State { to, stream, next, task, frames, place, shown } => head("state")
                .text("to", to)
                .text("stream", stream)
                .integer("next", *next)
                .maybe_text("task", task.as_deref())
                .raw("frames", &encode_frames(frames))
                .raw("place", &place.encode())
                .raw("shown", &shown.encode())
                .end(),
            Self::Frames { stream, number, frames } => head("frames")
                .text("stream", stream)
                .integer("number", *number)
                .raw("frames", &encode_frames(frames))
                .end(),
            Self::Shown { stream, shown } => head("shown").text("stream", stream).raw("shown", &shown.encode()).end(),
            Self::Alive { stream } => head("alive").text("stream", stream).end(),
            Self::End { stream, end } => head("end").text("stream", stream).raw("end", &end.encode()).end(),
            Self::Stop { task } => head("stop").maybe_text("task", task.as_deref()).end(),
        }
    }

    fn decode(json: Json<'_>) -> Option<Self> {
        let [kind, stream, next, number, task, to] = json.get(["kind", "stream", "next", "number", "task", "to"]);
        let [frames, place, shown, end] = json.get(["frames", "place", "shown", "end"]);
        let maybe = |member: Option<Json<'_>>| member.and_then(Json::string);
        // Texts are read where they are used, so that none has to be let go where another one is missing.
        Some(match kind?.string()?.as_str() {
            "ask" => Self::Ask { stream: maybe(stream), next: next.and_then(Json::integer).unwrap_or_default() },
            "recall" => Self::Recall { stream: maybe(stream)? },
            "owner" => Self::Owner {
                stream: maybe(stream)?,
                task: maybe(task),
                place: place.and_then(Place::decode).unwrap_or_default(),
            },
            "state" => {
                let (next, frames) = (next?.integer()?, frames?);
                Self::State {
                    to: maybe(to)?,
                    stream: maybe(stream)?,
                    next,
                    task: maybe(task),
                    frames: decode_frames(frames)?,
                    place: Place::decode(place?)?,
                    shown: Shown::decode(shown?)?,
                }
            }
            "frames" => {
                let (number, frames) = (number?.integer()?, decode_frames(frames?)?);
                Self::Frames { stream: maybe(stream)?, number, frames }
            }
            "shown" => {
                let shown = Shown::decode(shown?)?;
                Self::Shown { stream: maybe(stream)?, shown }
            }
            "alive" => Self::Alive { stream: maybe(stream)? },
            "end" => Self::End { stream: maybe(stream)?, end: EndRecord::decode(end?)? },
            "stop" => Self::Stop { task: maybe(task) },
            _ => return None,
        })
    }
}

fn encode_frames(frames: &[Frame]) -> String {
    let mut out = String::from("[");
    for (id, data) in frames {
        out.push_str(if out.len() > 1 { ",[" } else { "[" });
        match id {
            Some(id) => quote(&mut out, id),
            None => out.push_str("null"),
        }
        out.push(',');
        quote(&mut out, data);
        out.push(']');
    }
    out.push(']');
    out
}

fn decode_frames(json: Json<'_>) -> Option<Vec<Frame>> {
    let frame = |pair: Json<'_>| {
        let mut items = pair.items();
        let (id, data) = (items.next()?, items.next()?);
        let id = if id.is_null() { None } else { Some(id.string()?) };
        Some((id, data.string()?))
    };
    json.items().map(frame).collect()
}

impl Place {
    fn encode(&self) -> String {
        let place = ObjectWriter::default().text("last", &self.last).integer("unnumbered", self.unnumbered);
        place.text("hash", &self.hash).end()
    }

    fn decode(json: Json<'_>) -> Option<Self> {
        let [last, unnumbered, hash] = json.get(["last", "unnumbered", "hash"]);
        let unnumbered = unnumbered.and_then(Json::integer).unwrap_or_default();
        json.is_object().then(|| Self { last: Json::text_of(last), unnumbered, hash: Json::text_of(hash) })
    }
}

impl Shown {
    fn encode(&self) -> String {
        ObjectWriter::default()
            .text("status", self.status.name())
            .integer("attempt", self.attempt.into())
            .maybe_integer("retry_at", self.retry_at)
            .integer("patience", self.patience)
            .end()
    }

    fn decode(json: Json<'_>) -> Option<Self> {
        let [status, attempt, retry_at, patience] = json.get(["status", "attempt", "retry_at", "patience"]);
        let integer = |member: Option<Json<'_>>| member.and_then(Json::integer);
        json.is_object().then(|| Self {
            status: status.and_then(Json::string).map(|name| ShownStatus::named(&name)).unwrap_or_default(),
            attempt: integer(attempt).and_then(|attempt| u32::try_from(attempt).ok()).unwrap_or_default(),
            retry_at: integer(retry_at),
            patience: integer(patience).unwrap_or_default(),
        })
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

impl EndRecord {
    fn encode(&self) -> String {
        ObjectWriter::default()
            .text("kind", &self.kind)
            .text("code", &self.code)
            .text("message", &self.message)
            .maybe_integer("status", self.status.map(u64::from))
            .flag("retryable", self.retryable)
            .end()
    }

    fn decode(json: Json<'_>) -> Option<Self> {
        let [kind, code, message, status, retryable] = json.get(["kind", "code", "message", "status", "retryable"]);
        json.is_object().then(|| Self {
            kind: Json::text_of(kind),
            code: Json::text_of(code),
            message: Json::text_of(message),
            status: status.and_then(Json::integer).and_then(|status| u16::try_from(status).ok()),
            retryable: retryable.and_then(Json::flag).unwrap_or_default(),
        })
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
    pub fn push(&mut self, frame: Frame) {
        if self.overflown {
            return;
        }
        self.size += frame.1.len();
        self.frames.push(frame);
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

    /// Bytes that it holds on to.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let texts = self.frames.iter().map(|(id, data)| data.capacity() + id.as_ref().map_or(0, String::capacity));
        self.frames.capacity() * size_of::<Frame>() + texts.sum::<usize>()
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
        let head = |kind| ObjectWriter::default().text("type", kind);
        let delta = match self.kind {
            Kind::Text => head("text-delta").text("id", &self.block).text("delta", &self.text),
            Kind::Reasoning => head("reasoning-delta").text("id", &self.block).text("delta", &self.text),
            Kind::ToolInput => {
                head("tool-input-delta").text("toolCallId", &self.block).text("inputTextDelta", &self.text)
            }
            Kind::Legacy | Kind::None => head("text_chunk").text("content", &self.text),
        };
        delta.end()
    }
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
    use crate::stream::bytes::json::quoted;
    use crate::stream::cursor::EventId;

    fn id(ms: u64) -> Option<String> {
        Some(format!("{ms}-0"))
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
        history.push((id(1), r#"{"type":"start"}"#.into()));
        history.push((id(2), text_delta("é\"")));
        history.push((id(3), text_delta("b")));
        history.push((id(4), r#"{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"{"}"#.into()));
        history.push((id(5), r#"{"type":"finish"}"#.into()));
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
    fn only_deltas_of_one_kind_and_block_are_merged_and_one_alone_stays_as_it_came() {
        let mut history = History::default();
        let frames = [
            r#"{"type":"text_chunk","content":"a"}"#,
            r#"{"type":"text-delta","id":"","delta":"b"}"#,
            r#"{"type":"text-delta","id":"x","delta":"c"}"#,
            r#"{"type":"reasoning-delta","id":"x","delta":"d"}"#,
            r#"{"type":"tool-input-delta","toolCallId":"x","inputTextDelta":"e"}"#,
            r#"{ "type" : "text-delta", "delta" : "\u0066", "id" : "x" }"#,
        ];
        frames.iter().for_each(|frame| history.push((None, (*frame).into())));
        let kept: Vec<_> = history.frames().unwrap().iter().map(|(_, data)| data.as_str()).collect();
        assert_eq!(kept, frames);
        for frame in [frames[0], r#"{"type":"reasoning-delta","id":"r","delta":"d"}"#] {
            let mut history = History::default();
            (0..3).for_each(|_| history.push((None, (*frame).into())));
            let merged = history.frames().unwrap()[0].1.clone();
            assert_eq!(
                (merged.matches("aaa").count() + merged.matches("ddd").count(), merged.len()),
                (1, frame.len() + 2)
            );
        }
    }

    #[test]
    fn a_history_beyond_its_bound_is_none_at_all_and_holds_nothing() {
        let mut history = History::default();
        history.push((None, "x".repeat(MOST_HISTORY + 1)));
        history.push((None, "{}".into()));
        assert_eq!(history.frames(), None);
        assert_eq!(history.footprint(), 0);
    }

    #[test]
    fn a_history_goes_on_merging_where_it_stopped() {
        let mut history = History::default();
        let mut whole = String::new();
        for count in 1..=30 {
            history.push((id(count), text_delta(&format!("{count} "))));
            whole.push_str(&format!("{count} "));
            assert_eq!(history.frames().unwrap(), [(Some(format!("{count}-0")), text_delta(&whole))]);
        }
    }

    #[test]
    fn a_long_history_costs_what_it_keeps() {
        let mut history = History::default();
        for count in 0..100_000 {
            history.push((id(count + 1), text_delta("x")));
        }
        assert!(history.frames.len() < 20_000 && history.size < 2 * COMPACT_EVERY + 200_000, "{}", history.size);
        assert_eq!(history.frames().unwrap()[0].1.len(), text_delta("").len() + 100_000);
    }
}
