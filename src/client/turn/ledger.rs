//! The ledger of a session: what its listeners hold, and the only way to deliver rows to them.
//!
//! A ledger has one current turn and the reader of its answer. Rows come from the network, from another tab or from the session's
//! history. All of them pass through [`Ledger`], which knows what listeners have got before.
//!
//! When a stream begins, its turn is compared with the turns whose rows the listeners hold. The newest of them decides:
//! - `Same`: listeners get a reset, and rows that were delivered before are flagged as replayed.
//! - `Different`: the rows follow those of the earlier turn, unless nothing would separate the two.
//! - `Unknown`: listeners get a reset, and nothing is flagged. A missing or repeated text is worse than a reset.
//!
//! Listeners hold older turns too, and a reset drops everything that they hold. They get one if the turn may be an older one
//! (`Unknown`). They also get one if it is an older one (`Same`) and its rows cannot be recognised: either no `stream_start`
//! names its task, or its events have no ids and the log may have been cut.

use crate::client::turn::identity::{Identity, Turn};
use crate::client::turn::location::{Arrival, Location, Roll};
use crate::persist::SavedTask;
use crate::protocol::answer::SessionView;
use crate::stream::batch::{Age, Batch};
use crate::stream::cursor::EventId;
use crate::stream::metrics::Metrics;
use crate::stream::reader::{Findings, Frame, Moved, Position, Reader, Recording};

/// The number of earlier turns that are remembered, with or without a delivered position, and of those that listeners hold.
const MOST_DELIVERED: usize = 16;

/// How a stream begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With a message of this page, whose answer no listener can hold yet.
    Sent,
    /// With a turn that exists already.
    #[default]
    Joined,
    /// With a turn of which too little is known. It is compared when its first rows arrive.
    Unsettled,
}

/// The rows that the listeners of a session hold, and the reader of the current turn.
#[derive(Debug, Default)]
pub struct Ledger {
    turn: Turn,
    start: Start,
    reader: Reader,
    recording: Recording,
    /// Whether listeners have got rows of the current turn.
    gave: Gave,
    /// The same, including rows that were reset since.
    ever_gave: Gave,
    /// The earlier turns whose rows listeners still hold, the oldest first.
    held: Vec<Turn>,
    /// Whether the rows of the newest of them include a `stream_start` and an end.
    held_extent: Extent,
    /// Whether a reset was counted but not delivered.
    owes: bool,
    /// The delivered positions of earlier turns, the oldest first.
    delivered: Vec<(Turn, Position)>,
    /// Turns whose tasks are known here although listeners may have got no rows of them, the oldest first: operations that
    /// answers started, and the tasks that were saved when messages were sent.
    known: Vec<Turn>,
    /// The turn of the stream that another tab announced last.
    announced: Option<Turn>,
    roll: Roll,
    metrics: Metrics,
}

/// Whether listeners have got the beginning and the end of an answer.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    has_start: bool,
    has_end: bool,
}

/// Whether listeners have got rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gave {
    #[default]
    Nothing,
    Rows,
}

impl Ledger {
    /// Records that the session's state was dropped: it is unknown what its listeners hold.
    pub fn note_forgotten(&mut self) {
        self.held.push(Turn::default());
    }

    /// Returns whether listeners may hold rows.
    #[must_use]
    pub fn has_given(&self) -> bool {
        let has_position = self.reader.saved_position() > Position::default();
        self.gave == Gave::Rows || has_position || !self.held.is_empty() || !self.delivered.is_empty()
    }

    /// Returns the current turn.
    #[must_use]
    pub fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Returns the reader of the current turn's answer.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Returns the number of user messages that the session is known to have.
    #[must_use]
    pub fn known_roll(&self) -> Roll {
        self.roll
    }

    /// Returns the number of user messages for changes.
    pub fn roll(&mut self) -> &mut Roll {
        &mut self.roll
    }

    /// Returns the counters of all turns.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Returns the counters for changes.
    pub fn metrics_mut(&mut self) -> &mut Metrics {
        &mut self.metrics
    }

    /// Begins a stream of a turn. `record` is the saved record of the session.
    pub fn begin(&mut self, turn: Turn, start: Start, record: Option<&SavedTask>) {
        self.set_aside();
        self.turn = self.recall(turn);
        self.start = start;
        self.gave = Gave::Nothing;
        self.ever_gave = Gave::Nothing;
        self.renew(Reader::default());
        if start == Start::Joined {
            self.settle(record);
        }
    }

    /// Begins a stream of a turn after an event that the app has already.
    pub fn begin_after(&mut self, turn: Turn, after: EventId, record: Option<&SavedTask>) {
        self.begin(turn, Start::Sent, record);
        let mark = self.delivered_before(record);
        self.renew(Reader::new(after, mark));
    }

    /// Adds aliases to the current turn. If nothing of it was read yet, it is compared again. If what was read made no row, the
    /// position up to which it was delivered before is looked up again.
    pub fn learn(&mut self, turn: &Turn, record: Option<&SavedTask>) {
        let has_learned = self.turn.learn(turn);
        if self.start == Start::Unsettled {
            return self.settle_named(record);
        }
        if !has_learned {
            return;
        }
        if self.gave == Gave::Nothing && self.reader.is_untouched() {
            self.settle(record);
        } else if !self.reader.has_rows() {
            self.reader.raise_mark(self.delivered_before(record));
        }
    }

    /// Records that another tab announced a stream of this turn.
    pub fn note_announced(&mut self, turn: &Turn) {
        self.announced = Some(turn.clone());
    }

    /// Remembers a turn of the session and its task.
    pub fn note_known(&mut self, turn: Turn) {
        keep(&mut self.known, turn);
    }

    /// Returns the turn with all aliases that are known here.
    #[must_use]
    pub fn recall(&self, mut turn: Turn) -> Turn {
        for known in self.others() {
            if turn.is_same(known) {
                turn.learn(known);
            }
        }
        turn
    }

    /// Returns whether another turn has replaced this one after rows of it were delivered.
    #[must_use]
    pub fn is_past(&self, turn: &Turn) -> bool {
        !self.turn.is_same(turn) && self.delivered.iter().any(|(before, _)| before.is_same(turn))
    }

    /// Returns whether the current turn certainly came after this one and has begun.
    #[must_use]
    pub fn has_replaced(&self, turn: &Turn) -> bool {
        let has_begun = self.gave == Gave::Rows || self.turn.task().is_some();
        has_begun && self.turn.is_different(turn) && self.is_past(turn)
    }

    /// Returns whether listeners hold a part of an answer that may belong to this turn or to another.
    #[must_use]
    pub fn may_hold(&self, turn: &Turn) -> bool {
        let turn = self.recall(turn.clone());
        let is_open = !self.held_extent.has_end;
        self.held.last().is_some_and(|held| is_open && turn.compare(held) == Identity::Unknown)
    }

    /// Returns whether the user message of this ordinal certainly belongs to another turn than the current one.
    #[must_use]
    pub fn has_another_at(&self, ordinal: u64) -> bool {
        self.others().any(|other| other.ordinal() == Some(ordinal) && other.has_another_question(&self.turn))
    }

    /// Returns whether the current turn continues an earlier task whose rows listeners hold, as an operation does.
    #[must_use]
    pub fn is_later_part(&self) -> bool {
        let is_part = |turn: &Turn| turn.shares_question(&self.turn) && turn.is_different(&self.turn);
        self.delivered.iter().any(|(turn, _)| is_part(turn))
    }

    /// Returns the known turns except the current one.
    fn others(&self) -> impl Iterator<Item = &Turn> {
        self.delivered.iter().map(|(turn, _)| turn).chain(&self.held).chain(&self.known).chain(&self.announced)
    }

    /// Sets the task that the stream names.
    pub fn name_task(&mut self, task: &str) {
        self.turn.name_task(task);
    }

    /// Removes the task of the current turn, because it belongs to another turn.
    pub fn unname_task(&mut self) {
        self.turn.unname_task();
    }

    /// Sets the ordinal of the current turn, which the session shows.
    pub fn name_ordinal(&mut self, ordinal: u64) {
        self.turn.name_ordinal(ordinal);
    }

    /// Removes the ordinals of earlier turns, because user messages are removed.
    pub fn forget_places(&mut self) {
        let delivered = self.delivered.iter_mut().map(|(turn, _)| turn);
        delivered.chain(&mut self.held).chain(&mut self.known).for_each(Turn::forget_ordinal);
        self.roll.forget_places();
    }

    /// Learns the ordinals of turns from the session.
    pub fn look(&mut self, view: &SessionView) {
        let has_arrived = self.gave == Gave::Rows || self.turn.task().is_some();
        let present = Some(&mut self.turn).filter(|_| has_arrived);
        let delivered = self.delivered.iter_mut().map(|(turn, _)| turn);
        let running = view.active.as_ref().map(|active| self.roll.running(active, view));
        let others = delivered.chain(&mut self.held).chain(&mut self.known).chain(&mut self.announced);
        for turn in present.into_iter().chain(others) {
            find(turn, view);
            if let Some(running) = running.as_ref().filter(|running| turn.is_same(running)) {
                turn.learn(running);
            }
        }
    }

    /// Returns whether a stream continues the current turn exactly after what this ledger has received.
    #[must_use]
    pub fn continues(&self, turn: &Turn, place: Option<(Position, u64)>) -> bool {
        let is_adjacent = place == Some((self.reader.received(), self.reader.trail_hash()));
        is_adjacent && self.turn.is_same(turn)
    }

    /// Returns whether nothing separates the rows of the current turn from those that listeners hold: neither the end of the
    /// earlier turn nor a second `stream_start`.
    fn lacks_parting(&self) -> bool {
        let Extent { has_start, has_end } = self.held_extent;
        !has_end && (self.turn.task().is_none() || !has_start)
    }

    fn void_held(&mut self) {
        if !self.reader.owes_reset() {
            self.reader.owe_reset();
            self.metrics.resets += u64::from(!std::mem::replace(&mut self.owes, true));
        }
    }

    fn set_aside(&mut self) {
        self.note_operation();
        if self.gave == Gave::Rows {
            keep(&mut self.held, self.turn.clone());
            self.held_extent = Extent { has_start: self.reader.has_start(), has_end: self.reader.has_ended() };
        }
        self.owes = self.reader.owes_reset();
        let position = self.reader.saved_position();
        if self.gave == Gave::Nothing && position == Position::default() {
            return;
        }
        let turn = std::mem::take(&mut self.turn);
        self.delivered.retain(|(before, _)| !before.is_same(&turn));
        push_bounded(&mut self.delivered, (turn, position));
    }

    /// Remembers that the operation which the current answer started belongs to the current turn.
    fn note_operation(&mut self) {
        let operation = self.reader.operation().filter(|operation| !self.turn.is_of(&operation.task));
        if let Some(turn) = operation.map(|operation| self.turn.in_task(&operation.task)) {
            self.note_known(turn);
        }
    }

    /// Compares the current turn with what listeners hold, and prepares its reader for it. A response may be open, and a part of its
    /// first event may have arrived.
    fn settle(&mut self, record: Option<&SavedTask>) {
        let mark = self.delivered_before(record);
        let is_void = self.is_void(mark);
        self.reader.restart(mark);
        if is_void {
            self.void_held();
        }
    }

    /// Returns whether listeners need a reset before the rows of the current turn, which were delivered up to `mark`.
    fn is_void(&self, mark: Position) -> bool {
        let mut held = self.held.iter().rev();
        held.next().is_some_and(|newest| self.voids_newest(newest)) || held.any(|held| self.doubles(held, mark))
    }

    /// Returns whether the rows of the current turn cannot follow those of the turn that listeners got last.
    fn voids_newest(&self, newest: &Turn) -> bool {
        match self.turn.compare(newest) {
            Identity::Different => self.start != Start::Sent && self.lacks_parting(),
            Identity::Same => true,
            Identity::Unknown => self.start != Start::Sent,
        }
    }

    /// Returns whether listeners may hold rows of the current turn and could not recognise them. The rows were delivered up to
    /// `mark`.
    fn doubles(&self, held: &Turn, mark: Position) -> bool {
        match self.turn.compare(held) {
            Identity::Different => false,
            Identity::Same => self.turn.task().is_none() || mark.last == EventId::ZERO,
            Identity::Unknown => self.start != Start::Sent,
        }
    }

    /// Compares the current turn again if its task has become known.
    fn settle_named(&mut self, record: Option<&SavedTask>) {
        if self.turn.task().is_some() {
            self.settle_now(record);
        }
    }

    /// Compares the current turn, because its first rows arrive.
    fn settle_now(&mut self, record: Option<&SavedTask>) {
        if self.start == Start::Unsettled {
            self.start = Start::Joined;
            self.renew(Reader::default());
            self.settle(record);
        }
    }

    /// Returns the position up to which this turn was delivered by an earlier stream of this page or by an earlier page.
    fn delivered_before(&self, record: Option<&SavedTask>) -> Position {
        let here = self.delivered.iter().find(|(turn, _)| turn.is_same(&self.turn));
        let here = here.map(|(_, position)| *position).unwrap_or_default();
        let saved = record.filter(|record| Turn::recorded(record).is_same(&self.turn));
        let Some(record) = saved else { return here };
        let last = record.active.as_ref().map_or(EventId::ZERO, |active| active.last);
        here.max(Position { last, unnumbered: record.unnumbered })
    }

    fn renew(&mut self, reader: Reader) {
        self.reader = reader;
        self.reader.set_recording(self.recording);
    }

    /// Prepares for a new response to the current turn.
    pub fn open(&mut self, record: Option<&SavedTask>) {
        self.settle_now(record);
        self.reader.open();
        self.reader.expect(self.turn.task());
    }

    /// Takes bytes from the network.
    pub fn give_bytes(&mut self, bytes: &[u8]) -> Findings {
        self.reader.feed(bytes, &mut self.metrics)
    }

    /// Takes frames from another tab.
    pub fn give_broadcast(&mut self, frames: &[Frame], record: Option<&SavedTask>) -> Findings {
        if self.start == Start::Unsettled && !frames.is_empty() {
            if let Some(task) = Reader::named_task(frames) {
                self.turn.name_task(&task);
            }
            self.settle_now(record);
        }
        self.reader.expect(self.turn.task());
        self.reader.feed_frames(frames, &mut self.metrics)
    }

    /// Moves to the position that another tab reported for merged frames.
    pub fn move_to(&mut self, position: Position, hash: u64) {
        self.reader.move_to(position, hash);
    }

    /// Takes an answer that only the session's history still has. It is unknown which part of it was delivered before. If any
    /// was, all of it but the end is flagged as replayed.
    pub fn give_history(&mut self, frames: &[String]) {
        let has_part = |turn: &Turn| turn.shares_question(&self.turn);
        let is_in_parts = self.delivered.iter().any(|(turn, _)| has_part(turn));
        let holds_part = self.gave == Gave::Nothing && self.held.last().is_some_and(has_part);
        let is_known =
            self.ever_gave == Gave::Rows || self.reader.saved_position() > Position::default() || is_in_parts;
        if holds_part {
            self.void_held();
        }
        let age = if is_known { Age::Replayed } else { Age::Fresh };
        self.reader.feed_stored(frames, age, &mut self.metrics);
    }

    /// Starts the answer over with a reset, because what was received is not part of it.
    pub fn start_over(&mut self) {
        self.reader.start_over(&mut self.metrics);
    }

    /// Sets whether the reader records frames for other tabs.
    pub fn set_recording(&mut self, recording: Recording) {
        self.recording = recording;
        self.reader.set_recording(recording);
    }

    /// Takes the waiting rows.
    pub fn take(&mut self) -> Option<Batch> {
        let is_reset = self.reader.owes_reset();
        let batch = self.reader.take()?;
        if is_reset {
            self.held.clear();
            self.owes = false;
            self.gave = Gave::Nothing;
        }
        if self.reader.has_given() {
            self.gave = Gave::Rows;
            self.ever_gave = Gave::Rows;
        }
        Some(batch)
    }

    /// Confirms that the rows taken last have reached every listener.
    pub fn confirm(&mut self) -> Moved {
        self.reader.confirm()
    }

    /// Drops the waiting rows.
    pub fn discard(&mut self) {
        self.reader.discard();
    }

    /// Takes the buffers of a batch back for reuse.
    pub fn recycle(&mut self, batch: Batch) {
        self.reader.recycle(batch);
    }

    /// Returns the allocated memory in bytes.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let delivered = self.delivered.iter().map(|(turn, _)| turn.footprint() + size_of::<(Turn, Position)>());
        let turns = self.known.iter().chain(&self.held).chain([&self.turn]).chain(&self.announced);
        let turns: usize = turns.map(|turn| turn.footprint() + size_of::<Turn>()).sum();
        self.reader.footprint() + turns + delivered.sum::<usize>()
    }
}

/// Makes a turn the newest of a list of earlier turns.
fn keep(kept: &mut Vec<Turn>, newest: Turn) {
    kept.retain(|turn| !turn.is_same(&newest));
    push_bounded(kept, newest);
}

/// Appends to a list of earlier turns, and removes its oldest entry if it has too many.
fn push_bounded<T>(kept: &mut Vec<T>, newest: T) {
    if kept.len() == MOST_DELIVERED {
        kept.remove(0);
    }
    kept.push(newest);
}

/// Sets the ordinal of a turn whose message has certainly arrived, because its task runs or listeners hold rows of it.
fn find(turn: &mut Turn, view: &SessionView) {
    if turn.ordinal().is_none()
        && let Location::At(ordinal) = turn.locate(view, Arrival::Earlier)
    {
        turn.name_ordinal(ordinal);
    }
}

#[cfg(test)]
mod tests;
