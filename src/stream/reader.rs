//! What a stream has given so far, and what to make of the bytes that come: framing, deduplication, rows for delivery.
//!
//! A reader belongs to one task. It lives over any number of responses; each response begins with [`Reader::open`].
//! Three positions matter: *received* (what is in the rows or beyond), *delivered* (what listeners have got), and the
//! *mark*, up to which a page before this one, or this one before a reset, had delivered. Only what was delivered is saved.

mod align;
mod opening;
mod operation;

pub use operation::Operation;

use crate::stream::Millis;
use crate::stream::batch::Urgency;
use crate::stream::batch::{Age, Batch};
use crate::stream::bytes::decimal;
use crate::stream::bytes::short::{Mark, Start};
use crate::stream::chunk::{self, Chunk, ChunkWriter, PatternName, Patterns, Repeat, Signal};
use crate::stream::cursor::{Arrival, EventId};
use crate::stream::error::{Recovery, StreamError};
use crate::stream::metrics::Metrics;
use crate::stream::reader::align::{Replay, Step, Trail};
use crate::stream::reader::opening::Openings;
use crate::stream::sse::parser::{DEFAULT_LIMIT, Event, Parser, Sink, Taken, text};

/// One event as it came: its id as text, and its data.
pub type Frame = (Option<String>, String);

/// Rows beyond this are delivered without waiting for a frame.
const FULL: usize = 1024 * 1024;
/// Ids of blocks that are remembered to notice a hole; a task with more of them is not watched for holes.
const MOST_BLOCKS: usize = 1_024;
/// The heartbeats that a server may announce, in milliseconds.
const HEARTBEATS: std::ops::RangeInclusive<Millis> = 10..=300_000;

/// A place in a task's log: after the event `last`, and after that many events without an id that follow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The last event with an id.
    pub last: EventId,
    /// Events without an id since then.
    pub unnumbered: u64,
}

/// How a task's stream said that the task ended (PROTOCOL §2).
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// `finish`, `stream_end`.
    Finish {
        /// `finishReason`.
        reason: Option<String>,
    },
    /// `abort`.
    Abort,
    /// `error`.
    Error(StreamError),
}

/// What one read gave, beside rows.
#[derive(Debug, Default)]
pub struct Heard {
    /// Events that were not known before.
    pub news: u32,
    /// The task that `start` named.
    pub task: Option<String>,
    /// The cadence that the server announced, in milliseconds.
    pub heartbeat: Option<Millis>,
    /// The pause before a reconnection that the server asked for, in milliseconds.
    pub retry: Option<Millis>,
    /// Whether an event carried an id.
    pub ids: IdsSeen,
    /// What to do now.
    pub verdict: Verdict,
    /// The news as it came, where the reader records.
    pub frames: Vec<(Option<EventId>, String)>,
    /// By what the last of them was read, which takes in the deltas that are read by the same.
    run: Option<PatternName>,
}

/// Whether a reader hands out the frames that it admits, for other tabs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// It does not, and they cost nothing.
    #[default]
    Off,
    /// Adjacent deltas of a block as one under the last id, which costs little more than their text.
    Runs,
    /// Each as it came.
    Events,
}

/// Whether a backend numbers its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdsSeen {
    /// Not so far.
    #[default]
    No,
    /// It does.
    Yes,
}

/// What the bytes mean for the stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Verdict {
    /// Read on.
    #[default]
    Continue,
    /// `[DONE]`: this response is over, the task may not be.
    ResponseDone,
    /// The task ended.
    TaskEnded(End),
    /// Entries are missing or differ from those received: start over.
    Broken,
    /// An event exceeds the limit.
    TooLarge,
}

/// From where the present response tells the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// From the beginning.
    Whole,
    /// From a cursor on, and no event has come yet.
    TailUnseen,
    /// From a cursor on.
    Tail,
}

/// Where an event without an id belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// After the cursor.
    AtCursor,
    /// After an event that was seen before the cursor.
    Behind,
}

/// What a stream has given so far.
#[derive(Debug)]
pub struct Reader {
    parser: Parser,
    cursor: EventId,
    trail: Trail,
    replay: Replay,
    told: Told,
    place: Place,
    blocks: Blocks,
    openings: Openings,
    patterns: Patterns,
    mark: Position,
    delivered: Position,
    in_flight: Option<Position>,
    batch: Batch,
    /// Rows made since the task's stream began or started over.
    rows: u64,
    /// Rows were taken since then: listeners hold them.
    has_given: bool,
    /// The stream started over and listeners have not heard of it.
    owes_reset: bool,
    /// The task whose `stream_start` goes before the first row, where the stream does not begin with one.
    opening: Option<String>,
    /// The answer was read from its beginning and goes on with a part whose beginning is missing.
    is_truncated: bool,
    /// The operation that was started last and has not given its result.
    operation: Option<Operation>,
    /// The task's end was read.
    has_ended: bool,
    recording: Recording,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            parser: Parser::new(DEFAULT_LIMIT),
            cursor: EventId::ZERO,
            trail: Trail::default(),
            replay: Replay::default(),
            told: Told::Whole,
            place: Place::AtCursor,
            blocks: Blocks::default(),
            openings: Openings::default(),
            patterns: Patterns::default(),
            mark: Position::default(),
            delivered: Position::default(),
            in_flight: None,
            batch: Batch::default(),
            rows: 0,
            has_given: false,
            owes_reset: false,
            opening: None,
            is_truncated: false,
            operation: None,
            has_ended: false,
            recording: Recording::Off,
        }
    }
}

impl Reader {
    /// A reader of a task that stands after `after`; events up to `mark` are flagged as replayed.
    #[must_use]
    pub fn new(after: EventId, mark: Position) -> Self {
        let delivered = Position { last: after, unnumbered: 0 };
        let blocks = Blocks { overflown: after != EventId::ZERO, ..Blocks::default() };
        Self { cursor: after, mark, delivered, blocks, ..Self::default() }
    }

    /// A reader of a session whose listeners may hold something that nobody remembers.
    #[must_use]
    pub fn owing_reset() -> Self {
        Self { owes_reset: true, ..Self::default() }
    }

    /// Whether frames are handed out from now on.
    pub fn set_recording(&mut self, recording: Recording) {
        self.recording = recording;
    }

    /// The running hash of the events without ids since the cursor.
    #[must_use]
    pub fn trail_hash(&self) -> u64 {
        self.trail.hash()
    }

    /// Takes frames that another tab received. They go on exactly where this reader stands.
    pub fn feed_frames(&mut self, frames: &[Frame], metrics: &mut Metrics) -> Heard {
        let mut heard = Heard::default();
        self.place = Place::AtCursor;
        self.told = Told::Whole;
        self.replay.follow(&self.trail);
        let mut ear = Ear { reader: self, metrics, heard: &mut heard };
        for (id, data) in frames {
            let own_id = id.as_deref().map(str::as_bytes);
            ear.event(Event { kind: b"", data: data.as_bytes(), id: own_id.unwrap_or_default(), own_id });
        }
        heard
    }

    /// Frames that were merged stand for more events than there were frames.
    pub fn stand_at(&mut self, position: Position, hash: u64) {
        self.cursor = position.last;
        self.trail = Trail::resume(position.unnumbered, hash);
        self.replay.follow(&self.trail);
    }

    /// Ask for what comes after this.
    #[must_use]
    pub fn cursor(&self) -> EventId {
        self.cursor
    }

    /// Whether nothing was received yet, so that the whole task is asked for.
    #[must_use]
    pub fn is_cold(&self) -> bool {
        self.cursor == EventId::ZERO && self.trail.count() == 0
    }

    /// Whether the beginning of the answer is missing from the log that was read.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// Whether the task's end was read.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The operation that was started last and has not given its result.
    #[must_use]
    pub fn operation(&self) -> Option<&Operation> {
        self.operation.as_ref()
    }

    /// What is read from its beginning is the answer of this task: listeners hear so, also where the stream does not.
    pub fn expect(&mut self, task: Option<&str>) {
        self.opening = task.filter(|_| self.is_cold() && self.rows == 0).map(str::to_owned);
    }

    /// Whether nothing was ever received, here or by a page before this one as far as is known.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.is_cold() && self.saved_position() == Position::default()
    }

    /// What is safe to save: delivered by this page, or by one before it.
    #[must_use]
    pub fn saved_position(&self) -> Position {
        self.delivered.max(self.mark)
    }

    /// Whether listeners have got anything, or are about to.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        self.rows > 0
    }

    /// Whether rows of the present telling were taken.
    #[must_use]
    pub fn has_given(&self) -> bool {
        self.has_given
    }

    /// Whether a reset waits that listeners were not given yet.
    #[must_use]
    pub fn owes_reset(&self) -> bool {
        self.owes_reset
    }

    /// What listeners hold is void; they hear of it before the first row.
    pub fn owe_reset(&mut self) {
        self.owes_reset = true;
        self.batch.push_reset();
    }

    /// The task that the `start` among these frames names.
    #[must_use]
    pub fn named_task(frames: &[Frame]) -> Option<String> {
        let chunks = frames.iter().filter_map(|(_, data)| chunk::decode(data).ok());
        chunks.map(|chunk| chunk.signal()).find_map(|signal| match signal {
            Signal::Start { task: Some(task), .. } if !task.is_empty() => Some(task.into_owned()),
            _ => None,
        })
    }

    /// Whether everything received has been delivered.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.batch.is_empty() && self.in_flight.is_none()
    }

    /// How many bytes of rows wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.batch.bytes()
    }

    /// Whether rows wait, and how urgently.
    #[must_use]
    pub fn pending(&self) -> Option<Urgency> {
        match self.batch.bytes() {
            _ if self.batch.is_empty() => None,
            FULL.. => Some(Urgency::Now),
            _ => Some(Urgency::Frame),
        }
    }

    /// A response begins. It tells the task after the present cursor.
    pub fn open(&mut self) {
        self.parser.reset();
        self.replay = Replay::default();
        self.place = Place::AtCursor;
        self.told = if self.cursor == EventId::ZERO { Told::Whole } else { Told::TailUnseen };
    }

    /// Takes bytes of the present response.
    pub fn feed(&mut self, bytes: &[u8], metrics: &mut Metrics) -> Heard {
        let mut heard = Heard::default();
        metrics.bytes += bytes.len() as u64;
        let mut parser = std::mem::take(&mut self.parser);
        let fed = parser.feed(bytes, &mut Ear { reader: self, metrics, heard: &mut heard });
        self.parser = parser;
        if fed.is_err() && heard.verdict == Verdict::Continue {
            heard.verdict = Verdict::TooLarge;
        }
        heard
    }

    /// Puts frames in as if they had been received, all of this age but the end, which is fresh. For an answer that only
    /// the session's history still has.
    pub fn feed_stored(&mut self, frames: &[String], age: Age, metrics: &mut Metrics) {
        self.start_over(metrics);
        for chunk in frames.iter().filter_map(|frame| chunk::decode(frame).ok()) {
            let is_end = matches!(chunk.signal(), Signal::Finish { .. });
            self.has_ended |= is_end;
            let age = if is_end { Age::Fresh } else { age };
            let made = self.batch.push(&chunk, None, age);
            self.count_row(made, metrics);
        }
    }

    /// Forgets what was received: the task is told again from its beginning, and listeners hear of it.
    pub fn start_over(&mut self, metrics: &mut Metrics) {
        self.mark = self.mark.max(self.delivered);
        self.delivered = Position::default();
        self.in_flight = None;
        self.cursor = EventId::ZERO;
        self.trail = Trail::default();
        self.blocks = Blocks::default();
        self.openings = Openings::default();
        self.patterns = Patterns::default();
        self.is_truncated = false;
        self.operation = None;
        self.has_ended = false;
        self.batch.clear();
        if std::mem::take(&mut self.rows) > 0 {
            metrics.resets += 1;
        }
        self.owes_reset |= std::mem::take(&mut self.has_given);
        if self.owes_reset {
            self.batch.push_reset();
        }
        self.open();
    }

    /// Gives the rows that wait; they count as delivered when [`Reader::confirm`] says so.
    pub fn take(&mut self) -> Option<Batch> {
        if self.batch.is_empty() {
            return None;
        }
        self.in_flight = Some(self.received());
        self.owes_reset = false;
        self.has_given |= self.rows > 0;
        Some(std::mem::take(&mut self.batch))
    }

    /// What was taken last has reached every listener. Gives whether the saved position moved.
    pub fn confirm(&mut self) -> Moved {
        let Some(position) = self.in_flight.take() else { return Moved::No };
        let before = self.saved_position();
        self.delivered = position;
        if self.saved_position() > before { Moved::Yes } else { Moved::No }
    }

    /// Drops what was not delivered.
    pub fn discard(&mut self) {
        self.batch.clear();
        self.in_flight = None;
    }

    /// Takes back the buffers of a batch.
    pub fn recycle(&mut self, mut batch: Batch) {
        if self.batch.is_empty() {
            batch.clear();
            self.batch = batch;
        }
    }

    /// What is in the rows or beyond.
    #[must_use]
    pub fn received(&self) -> Position {
        Position { last: self.cursor, unnumbered: self.trail.count() }
    }

    /// Bytes that it holds on to.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let blocks = self.blocks.footprint() + self.openings.footprint() + self.patterns.footprint();
        self.parser.footprint() + self.trail.footprint() + blocks + self.batch.footprint()
    }

    /// Of what was received last.
    #[inline(always)]
    fn age(&self) -> Age {
        let Position { last, unnumbered } = self.mark;
        match last.classify(self.cursor) {
            Arrival::New => Age::Fresh,
            Arrival::Seen if last != self.cursor || self.trail.count() <= unnumbered => Age::Replayed,
            Arrival::Seen => Age::Fresh,
        }
    }

    fn count_row(&mut self, made: bool, metrics: &mut Metrics) {
        if made {
            self.rows += 1;
            metrics.chunks += 1;
        }
    }

    /// Whether an event is news, and if so moves the received position behind it.
    fn admit(&mut self, id: Option<EventId>, data: &[u8]) -> Step {
        match id {
            Some(id) => self.admit_numbered(id),
            None if self.place == Place::Behind => Step::Known,
            None => self.admit_unnumbered(data),
        }
    }

    #[inline(always)]
    fn admit_numbered(&mut self, id: EventId) -> Step {
        if let Arrival::Seen = self.cursor.classify(id) {
            self.place = if id < self.cursor { Place::Behind } else { Place::AtCursor };
            return Step::Known;
        }
        self.cursor = id;
        if self.trail.count() > 0 {
            self.trail = Trail::default();
        }
        self.replay = Replay::default();
        self.place = Place::AtCursor;
        Step::News
    }

    fn admit_unnumbered(&mut self, data: &[u8]) -> Step {
        let step = self.replay.step(&self.trail, data);
        if step == Step::News {
            self.trail.push(data);
            self.replay.follow(&self.trail);
        }
        step
    }

    /// A tail that begins with `start`, or goes on with a block that nobody began, is not the tail of what we have.
    fn is_hole(&mut self, signal: &Signal<'_>) -> bool {
        let told = self.told;
        if told == Told::TailUnseen {
            self.told = Told::Tail;
        }
        match signal {
            Signal::BlockStart { block } => {
                self.blocks.begin(block);
                false
            }
            Signal::Start { .. } => told == Told::TailUnseen && self.rows > 0,
            Signal::Delta { block } if self.blocks.is_orphan(block) => {
                if told == Told::Whole {
                    // There is no more of it than this: it has begun here.
                    self.is_truncated = true;
                    self.blocks.begin(block);
                }
                told != Told::Whole
            }
            _ => false,
        }
    }

    /// Gives the `stream_start` that the stream itself does not begin with.
    fn push_opening(&mut self, signal: Option<&Signal<'_>>, metrics: &mut Metrics) {
        if matches!(signal, Some(Signal::BlockStart { .. })) {
            return;
        }
        let Some(task) = self.opening.take() else { return };
        if matches!(signal, Some(Signal::Start { task: Some(_), .. })) {
            return;
        }
        let start = ChunkWriter::new("start").text("taskId", &task).end();
        if let Ok(chunk) = chunk::decode(&start) {
            let made = self.batch.push(&chunk, None, self.age());
            self.count_row(made, metrics);
        }
    }
}

/// Whether something moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It did.
    Yes,
    /// It did not.
    No,
}

/// Ids of the blocks that began, and whether they are all known.
#[derive(Debug, Default)]
struct Blocks {
    known: Vec<String>,
    /// Too many to remember.
    overflown: bool,
}

impl Blocks {
    fn begin(&mut self, block: &str) {
        if self.known.iter().rev().any(|known| known == block) {
            return;
        }
        if self.known.len() >= MOST_BLOCKS {
            self.overflown = true;
            return;
        }
        self.known.push(block.to_owned());
    }

    fn footprint(&self) -> usize {
        self.known.capacity() * size_of::<String>() + self.known.iter().map(String::capacity).sum::<usize>()
    }

    fn is_orphan(&self, block: &str) -> bool {
        !self.overflown && !self.known.iter().rev().any(|known| known == block)
    }
}

/// Hears one read for a reader.
struct Ear<'a> {
    reader: &'a mut Reader,
    metrics: &'a mut Metrics,
    heard: &'a mut Heard,
}

impl Sink for Ear<'_> {
    fn event(&mut self, event: Event<'_>) {
        if self.heard.verdict != Verdict::Continue {
            return;
        }
        self.metrics.events += 1;
        if event.data.trim_ascii() == b"[DONE]" {
            self.heard.verdict = Verdict::ResponseDone;
            return;
        }
        let id = event.own_id.and_then(|id| EventId::read(id).ok());
        if id.is_some() {
            self.heard.ids = IdsSeen::Yes;
        }
        match self.reader.admit(id, event.data) {
            Step::News => self.take_news(id, &text(event.data)),
            Step::Known => self.metrics.duplicates += 1,
            Step::Differs => self.heard.verdict = Verdict::Broken,
        }
    }

    fn comment(&mut self, text: &[u8]) {
        let announced = text.trim_ascii().strip_prefix(b"heartbeat ");
        let ms = announced.and_then(|digits| decimal::read(digits.trim_ascii()));
        if let Some(ms) = ms {
            self.heard.heartbeat = Some(ms.clamp(*HEARTBEATS.start(), *HEARTBEATS.end()));
        }
    }

    fn retry(&mut self, ms: u64) {
        self.heard.retry = Some(ms);
    }

    // By itself: engines compile a loop badly that lies in the middle of a large function.
    #[inline(never)]
    fn take_whole<'a>(&mut self, bytes: &'a [u8]) -> Taken<'a> {
        let mut taken = Taken::default();
        let mut last = Start::NONE;
        if self.reader.patterns.is_empty() {
            return taken;
        }
        self.reader.batch.reserve(bytes.len());
        let mut patterns = std::mem::take(&mut self.reader.patterns);
        while self.takes_whole() {
            let rest = bytes.get(taken.length..).unwrap_or_default();
            let Some(event) = Repeated::read(rest, &mut patterns) else { break };
            taken.length += event.length;
            if let Some((_, id)) = &event.id {
                last = *id;
            }
            self.take_repeated(&event);
        }
        self.reader.patterns = patterns;
        taken.id = Some(last.slice()).filter(|id| !id.is_empty());
        taken
    }
}

/// An event like one before it but for its id and the text of its delta: the hot path.
struct Repeated<'a, 'p> {
    /// The id, and how it stands there.
    id: Option<(EventId, Start<'a>)>,
    /// From its data on.
    data: &'a [u8],
    delta: Repeat<'p>,
    /// Of all of it.
    length: usize,
}

impl<'a: 'p, 'p> Repeated<'a, 'p> {
    fn data(&self) -> &'a [u8] {
        self.data.get(..self.delta.length).unwrap_or_default()
    }

    /// Reads `id: <ms>-<seq>`, `data: <delta>` and a blank line, with LF for line ends; the id may be missing. `None`
    /// says nothing about the bytes.
    #[inline(always)]
    fn read(bytes: &'a [u8], patterns: &'p mut Patterns) -> Option<Self> {
        const ID: Mark = Mark::of(b"id: ");
        const DATA: Mark = Mark::of(b"data: ");
        const DATA_LINE: Mark = Mark::of(b"\ndata: ");
        let (id, data) = match ID.strip(bytes) {
            Some(line) => {
                let (id, length) = EventId::scan(line)?;
                (Some((id, Start { bytes: line, length })), DATA_LINE.strip(line.get(length..)?)?)
            }
            None => (None, DATA.strip(bytes)?),
        };
        let delta = patterns.read(data)?;
        let [b'\n', b'\n', rest @ ..] = data.get(delta.length..)? else { return None };
        Some(Self { id, data, delta, length: bytes.len() - rest.len() })
    }
}

impl Ear<'_> {
    /// Whether whole events may be taken; where facts wait for the first delta of a block, they go by the other way.
    fn takes_whole(&self) -> bool {
        matches!(self.heard.verdict, Verdict::Continue) && self.reader.openings.is_empty()
    }

    /// As [`Sink::event`] for what is known to be a delta.
    #[inline(always)]
    fn take_repeated(&mut self, event: &Repeated<'_, '_>) {
        self.metrics.events += 1;
        let step = match &event.id {
            Some((id, _)) => {
                self.heard.ids = IdsSeen::Yes;
                self.reader.admit_numbered(*id)
            }
            None => self.reader.admit(None, event.data()),
        };
        match step {
            Step::News => self.take_delta(event),
            Step::Known => self.metrics.duplicates += 1,
            Step::Differs => self.heard.verdict = Verdict::Broken,
        }
    }

    #[inline(always)]
    fn take_delta(&mut self, event: &Repeated<'_, '_>) {
        self.heard.news += 1;
        if !matches!(self.reader.recording, Recording::Off) {
            self.record(event);
        }
        if !matches!(self.reader.told, Told::Whole) && self.reader.is_hole(&event.delta.stream.signal()) {
            self.heard.verdict = Verdict::Broken;
            return;
        }
        if self.reader.opening.is_some() {
            self.reader.push_opening(None, self.metrics);
        }
        let age = self.reader.age();
        let id = match &event.id {
            Some((_, id)) => *id,
            None => Start::NONE,
        };
        self.reader.batch.push_repeat(&event.delta, id, age);
        self.reader.rows += 1;
        self.metrics.chunks += 1;
    }

    #[inline(never)]
    fn record(&mut self, event: &Repeated<'_, '_>) {
        let id = event.id.as_ref().map(|(id, _)| *id);
        let pattern = Some(event.delta.pattern);
        let goes_on = self.reader.recording == Recording::Runs && self.heard.run == pattern;
        match self.heard.frames.last_mut() {
            Some((last, data)) if goes_on && last.is_some() == id.is_some() => {
                *last = id;
                event.delta.lengthen(data);
            }
            _ => self.heard.frames.push((id, text(event.data()).into_owned())),
        }
        self.heard.run = pattern;
    }

    fn take_news(&mut self, id: Option<EventId>, data: &str) {
        self.heard.news += 1;
        if self.reader.recording != Recording::Off {
            self.heard.frames.push((id, data.to_owned()));
            self.heard.run = None;
        }
        let chunk = match chunk::decode(data) {
            Ok(chunk) => chunk,
            Err(malformed) => {
                self.metrics.malformed += 1;
                return self.reader.batch.push_malformed(data, malformed);
            }
        };
        let signal = chunk.signal();
        if self.reader.is_hole(&signal) {
            self.heard.verdict = Verdict::Broken;
            return;
        }
        self.reader.push_opening(Some(&signal), self.metrics);
        self.note(signal);
        if let Some((call, output)) = operation::output(&chunk) {
            operation::take(&mut self.reader.operation, &call, output);
        }
        if let Chunk::Delta(delta) = &chunk {
            self.reader.patterns.learn(delta, data);
        }
        let age = self.reader.age();
        let carried = self.reader.openings.carry(&chunk, data);
        let chunk = carried.as_deref().and_then(|data| chunk::decode(data).ok()).unwrap_or(chunk);
        let made = self.reader.batch.push(&chunk, id, age);
        self.reader.count_row(made, self.metrics);
    }

    fn note(&mut self, signal: Signal<'_>) {
        match signal {
            Signal::Start { task: Some(task), .. } if !task.is_empty() => self.heard.task = Some(task.into_owned()),
            Signal::Finish { reason } => self.end(End::Finish { reason: reason.map(Into::into) }),
            Signal::Abort { .. } => self.end(End::Abort),
            Signal::Error { code, message, details } => self.end(End::Error(StreamError {
                code: code.map_or_else(|| "TASK_FAILED".to_owned(), Into::into),
                message: message.map_or_else(|| "The task failed.".to_owned(), Into::into),
                status: None,
                recovery: Recovery::Permanent,
                details: details.map(str::to_owned),
            })),
            Signal::Unknown => self.metrics.unknown += 1,
            _ => {}
        }
    }

    fn end(&mut self, end: End) {
        self.reader.has_ended = true;
        self.heard.verdict = Verdict::TaskEnded(end);
    }
}
