//! The state of one task's stream, and what to do with the bytes that arrive: framing, deduplication, rows for delivery.
//!
//! A reader belongs to one task and lives over any number of responses. Each response begins with [`Reader::open`]. It keeps
//! three positions. *Received* is the last event that was read. *Delivered* is the last one that listeners have got. The *mark*
//! is how far an earlier page had delivered, or this page before a reset. Only the delivered position is saved.

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

/// An event, or several merged ones, as tabs pass them on: the text of its [`Span`], and its data.
pub type Frame = (Option<String>, String);

/// The size of waiting rows, in bytes, above which they are delivered without waiting for a frame.
const FULL: usize = 1024 * 1024;
/// The range to which an announced heartbeat is clamped, in milliseconds.
const HEARTBEATS: std::ops::RangeInclusive<Millis> = 10..=300_000;

/// A position in a task's log: `unnumbered` events without an id behind the event `last`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The last event that has an id.
    pub last: EventId,
    /// The number of events without an id since `last`.
    pub unnumbered: u64,
}

/// How a task ended, as its stream says (PROTOCOL §2).
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// `finish` or `stream_end`.
    Finish {
        /// `finishReason`.
        reason: Option<String>,
    },
    /// `abort`.
    Abort,
    /// `error`.
    Error(StreamError),
}

/// The result of one read, besides the rows.
#[derive(Debug, Default)]
pub struct Findings {
    /// The number of events that were not received before.
    pub new_events: u32,
    /// The task that a `start` named.
    pub task: Option<String>,
    /// The heartbeat interval that the server announced, in milliseconds.
    pub heartbeat: Option<Millis>,
    /// The delay before a reconnection that the server asked for, in milliseconds.
    pub retry: Option<Millis>,
    /// Whether an event had an id.
    pub ids: IdsSeen,
    /// What the session has to do now.
    pub verdict: Verdict,
    /// The new events, if the reader records them for other tabs.
    pub frames: Vec<(Span, String)>,
    /// The pattern that read the last frame. More deltas of this pattern can be merged into it.
    run: Option<PatternName>,
}

/// Whether a reader records new events for other tabs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// It records nothing, at no cost.
    #[default]
    Off,
    /// It merges adjacent deltas of a block into one frame with the last id. This costs little more than their text.
    Runs,
    /// It records each event as it came.
    Events,
}

/// Whether a backend gives its events ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdsSeen {
    /// No event has had one so far.
    #[default]
    No,
    /// At least one event had one.
    Yes,
}

/// What the bytes of a read mean for the session.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Verdict {
    /// The stream goes on.
    #[default]
    Continue,
    /// `[DONE]`: this response is over, but the task may go on.
    ResponseDone,
    /// The task has ended.
    TaskEnded(End),
    /// Events are missing, or differ from those received before: the session has to start over.
    Broken,
    /// An event exceeds the size limit.
    TooLarge,
}

/// Which part of the task's log the current response covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coverage {
    /// The response covers the whole log.
    Whole,
    /// The response covers the events after a cursor, and none of them has arrived yet.
    TailUnseen,
    /// The response covers the events after a cursor.
    Tail,
}

/// Where an event without an id lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Behind the cursor.
    AtCursor,
    /// Behind an event that was received before the cursor.
    Behind,
}

/// The state of one task's stream.
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
    /// The number of rows that were made since the stream began or started over.
    rows: u64,
    /// Whether listeners got any of those rows.
    has_given: bool,
    /// Whether the stream started over and listeners have not received the reset yet.
    owes_reset: bool,
    /// The task whose `stream_start` is put before the first row if the stream has none.
    opening: Option<String>,
    /// Whether a `stream_start` is among the rows.
    has_start: bool,
    /// Whether the log was read from its beginning but begins in the middle of a part.
    is_truncated: bool,
    /// Whether a `start` came, so that what follows it is complete.
    begins_whole: bool,
    /// The last operation that was started and has no result yet.
    operation: Option<Operation>,
    /// Whether the end of the task was read.
    has_ended: bool,
    recording: Recording,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new(EventId::ZERO, Position::default())
    }
}

impl Reader {
    /// Returns a reader that continues a task after `after`. Events up to `mark` are flagged as replayed.
    #[must_use]
    pub fn new(after: EventId, mark: Position) -> Self {
        Self {
            parser: Parser::new(DEFAULT_LIMIT),
            cursor: after,
            trail: Trail::default(),
            replay: Replay::default(),
            coverage: Coverage::Whole,
            place: Place::AtCursor,
            blocks: Blocks { overflown: after != EventId::ZERO, ..Blocks::default() },
            openings: Openings::default(),
            patterns: Patterns::default(),
            mark,
            delivered: Position { last: after, unnumbered: 0 },
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

    /// Starts again within the open response, as if nothing of the stream had arrived. Events up to `mark` are flagged as replayed.
    /// The bytes of an unfinished event stay, and so does whether new events are recorded.
    pub fn restart(&mut self, mark: Position) {
        let mut fresh = Self::new(EventId::ZERO, mark);
        std::mem::swap(&mut fresh.parser, &mut self.parser);
        std::mem::swap(&mut fresh.opening, &mut self.opening);
        std::mem::swap(&mut fresh.batch, &mut self.batch);
        fresh.batch.clear();
        fresh.recording = self.recording;
        *self = fresh;
    }

    /// Flags events up to `mark` as replayed, if that is more than was known.
    pub fn raise_mark(&mut self, mark: Position) {
        self.mark = self.mark.max(mark);
    }

    /// Sets whether new events are recorded from now on.
    pub fn set_recording(&mut self, recording: Recording) {
        self.recording = recording;
    }

    /// Returns the running hash of the events without ids since the cursor.
    #[must_use]
    pub fn trail_hash(&self) -> u64 {
        self.trail.hash()
    }

    /// Takes frames that another tab received. They must follow directly what this reader has received.
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

    /// Moves to a position that another tab reported, because merged frames contain more events than there were frames.
    pub fn move_to(&mut self, position: Position, hash: u64) {
        self.cursor = position.last;
        self.trail = Trail::resume(position.unnumbered, hash);
        self.replay.follow(&self.trail);
    }

    /// Returns the cursor from which the rest of the stream has to be requested.
    #[must_use]
    pub fn cursor(&self) -> EventId {
        self.cursor
    }

    /// Returns whether nothing was received yet, so that the whole task has to be requested.
    #[must_use]
    pub fn is_cold(&self) -> bool {
        self.cursor == EventId::ZERO && self.trail.count() == 0
    }

    /// Returns whether the log lacks the beginning of the answer.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// Returns whether the end of the task was read.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Returns whether a `stream_start` is among the rows.
    #[must_use]
    pub fn has_start(&self) -> bool {
        self.has_start
    }

    /// Returns the last operation that was started and has no result yet.
    #[must_use]
    pub fn operation(&self) -> Option<&Operation> {
        self.operation.as_ref()
    }

    /// Sets the task whose answer is read from its beginning. Listeners get its `stream_start` even if the stream has none, or
    /// was cut after events that make no row.
    pub fn expect(&mut self, task: Option<&str>) {
        let is_from_beginning = self.cursor == EventId::ZERO || self.opening.is_some();
        self.opening = task.filter(|_| is_from_beginning && self.rows == 0).map(str::to_owned);
    }

    /// Returns whether nothing was ever received, neither by this page nor, as far as is known, by an earlier one.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.is_cold() && self.saved_position() == Position::default()
    }

    /// Returns the position to save: what this page, or an earlier one, has delivered.
    #[must_use]
    pub fn saved_position(&self) -> Position {
        self.delivered.max(self.mark)
    }

    /// Returns whether listeners have got rows or are about to.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        self.rows > 0
    }

    /// Returns whether listeners have got rows since the answer began or started over.
    #[must_use]
    pub fn has_given(&self) -> bool {
        self.has_given
    }

    /// Returns whether listeners still have to get a reset.
    #[must_use]
    pub fn owes_reset(&self) -> bool {
        self.owes_reset
    }

    /// Requests a reset before the next row, because the answer that listeners hold is no longer valid.
    pub fn owe_reset(&mut self) {
        self.owes_reset = true;
        self.batch.push_reset();
    }

    /// Returns the task that a `start` among the frames names.
    #[must_use]
    pub fn named_task(frames: &[Frame]) -> Option<String> {
        let chunks = frames.iter().filter_map(|(_, data)| chunk::decode(data).ok());
        chunks.map(|chunk| chunk.signal()).find_map(|signal| match signal {
            Signal::Start { task: Some(task), .. } if !task.is_empty() => Some(task.into_owned()),
            _ => None,
        })
    }

    /// Returns whether listeners have got everything that was received.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.batch.is_empty() && self.in_flight.is_none()
    }

    /// Returns the size of the waiting rows in bytes.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.batch.bytes()
    }

    /// Returns how urgent the delivery of the waiting rows is, or `None` if no row waits.
    #[must_use]
    pub fn pending(&self) -> Option<Urgency> {
        match self.batch.bytes() {
            _ if self.batch.is_empty() => None,
            FULL.. => Some(Urgency::Now),
            _ => Some(Urgency::Frame),
        }
    }

    /// Begins a response that continues the task after the current cursor.
    pub fn open(&mut self) {
        self.parser.reset();
        self.replay = Replay::default();
        self.place = Place::AtCursor;
        self.coverage = if self.cursor == EventId::ZERO { Coverage::Whole } else { Coverage::TailUnseen };
    }

    /// Takes bytes of the current response.
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

    /// Takes the frames of an answer that only the session's history still has, all with this age except the end, which is
    /// fresh. They are the whole answer, so events that a log repeats later count as delivered.
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

    /// Drops what was received: the task is read again from its beginning, and listeners get a reset. Events without ids are not
    /// recognised by their number afterwards, because another log has them elsewhere.
    pub fn start_over(&mut self, metrics: &mut Metrics) {
        if self.rows > 0 {
            metrics.resets += 1;
        }
        let owes_reset = self.owes_reset || self.has_given;
        self.restart(Position { unnumbered: 0, ..self.saved_position() });
        self.open();
        if owes_reset {
            self.owe_reset();
        }
    }

    /// Takes the waiting rows. They count as delivered after [`Reader::confirm`].
    pub fn take(&mut self) -> Option<Batch> {
        if self.batch.is_empty() {
            return None;
        }
        self.in_flight = Some(self.received());
        self.owes_reset = false;
        self.has_given |= self.rows > 0;
        Some(std::mem::take(&mut self.batch))
    }

    /// Confirms that the rows taken last have reached every listener. Returns whether the saved position moved.
    pub fn confirm(&mut self) -> Moved {
        let Some(position) = self.in_flight.take() else { return Moved::No };
        let before = self.saved_position();
        self.delivered = position;
        if self.saved_position() > before { Moved::Yes } else { Moved::No }
    }

    /// Drops the rows that were not delivered.
    pub fn discard(&mut self) {
        self.batch.clear();
        self.in_flight = None;
    }

    /// Takes the buffers of a batch back for reuse.
    pub fn recycle(&mut self, mut batch: Batch) {
        if self.batch.is_empty() {
            batch.clear();
            self.batch = batch;
        }
    }

    /// Returns the position of the last event that was received.
    #[must_use]
    pub fn received(&self) -> Position {
        Position { last: self.cursor, unnumbered: self.trail.count() }
    }

    /// Returns the allocated memory in bytes.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let blocks = self.blocks.footprint() + self.openings.footprint() + self.patterns.footprint();
        self.parser.footprint() + self.trail.footprint() + blocks + self.batch.footprint()
    }

    /// Returns the age of the event that was received last.
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

    /// Decides whether an event is new, and moves the received position behind it if so.
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
        Step::New
    }

    fn admit_unnumbered(&mut self, data: &[u8]) -> Step {
        let step = self.replay.step(&self.trail, data);
        if step == Step::New {
            self.trail.push(data);
            self.replay.follow(&self.trail);
        }
        step
    }

    /// Returns whether events are missing before this one: a response to a cursor begins with `start`, or goes on with a block
    /// that never began.
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
                    // The log has no more than this, so the block counts as begun here. After a `start`, its backend sends no
                    // beginnings of blocks.
                    if !self.begins_whole {
                        self.is_truncated = true;
                        // It is unknown how many events are missing, so it is also unknown which of these were delivered before.
                        self.mark.unnumbered = 0;
                    }
                    self.blocks.begin(block);
                }
                coverage != Coverage::Whole
            }
            _ => false,
        }
    }

    /// Adds a `stream_start` if the stream does not begin with one.
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

/// Whether the saved position moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It moved.
    Yes,
    /// It did not move.
    No,
}
