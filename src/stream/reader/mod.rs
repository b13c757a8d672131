//! What a stream has given so far, and what to make of the bytes that come: framing, deduplication, rows for delivery.
//!
//! A reader belongs to one task. It lives over any number of responses; each response begins with [`Reader::open`].
//! Three positions matter: *received* (what is in the rows or beyond), *delivered* (what listeners have got), and the
//! *mark*, up to which a page before this one, or this one before a reset, had delivered. Only what was delivered is saved.

mod align;
mod blocks;
mod intake;
mod opening;
mod operation;
mod span;

pub use operation::Operation;
pub use span::Span;

use crate::stream::Millis;
use crate::stream::batch::Urgency;
use crate::stream::batch::{Age, Batch};
use crate::stream::chunk::{self, ChunkWriter, PatternName, Patterns, Signal};
use crate::stream::cursor::{Arrival, EventId};
use crate::stream::error::StreamError;
use crate::stream::metrics::Metrics;
use crate::stream::reader::align::{Replay, Step, Trail};
use crate::stream::reader::blocks::Blocks;
use crate::stream::reader::intake::Intake;
use crate::stream::reader::opening::Openings;
use crate::stream::sse::parser::{DEFAULT_LIMIT, Event, Parser, Sink};

/// An event as it came, or several that were merged: the text of its [`Span`], and its data.
pub type Frame = (Option<String>, String);

/// Rows beyond this are delivered without waiting for a frame.
const FULL: usize = 1024 * 1024;
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
pub struct Findings {
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
    pub frames: Vec<(Span, String)>,
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

/// From where on the present response gives the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coverage {
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
    coverage: Coverage,
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
    /// The stream started over and listeners do not know it yet.
    owes_reset: bool,
    /// The task whose `stream_start` goes before the first row, where the stream does not begin with one.
    opening: Option<String>,
    /// A `stream_start` was made of it.
    has_start: bool,
    /// The answer was read from its beginning and goes on with a part whose beginning is missing.
    is_truncated: bool,
    /// A `start` came, so that what follows it is there from its beginning.
    begins_whole: bool,
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
            coverage: Coverage::Whole,
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
            has_start: false,
            is_truncated: false,
            begins_whole: false,
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
    pub fn feed_frames(&mut self, frames: &[Frame], metrics: &mut Metrics) -> Findings {
        let mut found = Findings::default();
        self.place = Place::AtCursor;
        self.coverage = Coverage::Whole;
        self.replay.follow(&self.trail);
        for (span, data) in frames {
            let own_id = span.as_deref().map(str::as_bytes);
            if let Span::Unnumbered(events @ 2..) = Span::read(span.as_deref()) {
                self.trail.skip(events - 1);
                self.replay.follow(&self.trail);
            }
            let mut intake = Intake { reader: self, metrics, found: &mut found };
            intake.event(Event { kind: b"", data: data.as_bytes(), id: own_id.unwrap_or_default(), own_id });
        }
        found
    }

    /// Frames that were merged stand for more events than there were frames.
    pub fn move_to(&mut self, position: Position, hash: u64) {
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

    /// Whether a `stream_start` is among the rows that were made.
    #[must_use]
    pub fn has_start(&self) -> bool {
        self.has_start
    }

    /// The operation that was started last and has not given its result.
    #[must_use]
    pub fn operation(&self) -> Option<&Operation> {
        self.operation.as_ref()
    }

    /// What is read from its beginning is the answer of this task: listeners get its `stream_start`, also where the stream has none.
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

    /// Whether rows were taken since the answer began or started over.
    #[must_use]
    pub fn has_given(&self) -> bool {
        self.has_given
    }

    /// Whether a reset waits that listeners were not given yet.
    #[must_use]
    pub fn owes_reset(&self) -> bool {
        self.owes_reset
    }

    /// What listeners hold is void; a reset goes before the first row.
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

    /// A response begins. It gives the task after the present cursor.
    pub fn open(&mut self) {
        self.parser.reset();
        self.replay = Replay::default();
        self.place = Place::AtCursor;
        self.coverage = if self.cursor == EventId::ZERO { Coverage::Whole } else { Coverage::TailUnseen };
    }

    /// Takes bytes of the present response.
    pub fn feed(&mut self, bytes: &[u8], metrics: &mut Metrics) -> Findings {
        let mut found = Findings::default();
        metrics.bytes += bytes.len() as u64;
        let mut parser = std::mem::take(&mut self.parser);
        let fed = parser.feed(bytes, &mut Intake { reader: self, metrics, found: &mut found });
        self.parser = parser;
        if fed.is_err() && found.verdict == Verdict::Continue {
            found.verdict = Verdict::TooLarge;
        }
        found
    }

    /// Puts frames in as if they had been received, all of this age but the end, which is fresh. For an answer that only
    /// the session's history still has. That is all of it: what any log gives of it afterwards was delivered before.
    pub fn feed_stored(&mut self, frames: &[String], age: Age, metrics: &mut Metrics) {
        self.start_over(metrics);
        self.cursor = EventId::MAX;
        for chunk in frames.iter().filter_map(|frame| chunk::decode(frame).ok()) {
            let is_end = chunk.signal().is_end();
            self.has_start |= matches!(chunk.signal(), Signal::Start { task: Some(task), .. } if !task.is_empty());
            self.has_ended |= is_end;
            let age = if is_end { Age::Fresh } else { age };
            let made = self.batch.push(&chunk, None, age);
            self.count_row(made, metrics);
        }
    }

    /// Forgets what was received: the task is read again from its beginning, and listeners are reset. A log that is not the
    /// one that was read has its events without ids elsewhere: none of them is known by its number.
    pub fn start_over(&mut self, metrics: &mut Metrics) {
        self.mark = Position { unnumbered: 0, ..self.mark.max(self.delivered) };
        self.delivered = Position::default();
        self.in_flight = None;
        self.cursor = EventId::ZERO;
        self.trail = Trail::default();
        self.blocks = Blocks::default();
        self.openings = Openings::default();
        self.patterns = Patterns::default();
        self.has_start = false;
        self.is_truncated = false;
        self.begins_whole = false;
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
        let coverage = self.coverage;
        if coverage == Coverage::TailUnseen {
            self.coverage = Coverage::Tail;
        }
        match signal {
            Signal::BlockStart { block } => {
                self.blocks.begin(block);
                false
            }
            Signal::Start { .. } => {
                self.begins_whole = true;
                coverage == Coverage::TailUnseen && self.rows > 0
            }
            Signal::Delta { block } if self.blocks.is_orphan(block) => {
                if coverage == Coverage::Whole {
                    // There is no more of it than this: it has begun here. Behind a `start` its backend names no beginnings.
                    if !self.begins_whole {
                        self.is_truncated = true;
                        // Nobody knows how many events are gone, and so which of these were delivered before.
                        self.mark.unnumbered = 0;
                    }
                    self.blocks.begin(block);
                }
                coverage != Coverage::Whole
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
        self.has_start = true;
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
