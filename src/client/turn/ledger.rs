//! What the listeners of a session hold, and the only way to give them rows.
//!
//! A ledger has one present turn and the reader of its answer. Rows come from the network, from another tab or from the
//! session's history; each of them goes through [`Ledger`], which knows what listeners were given before.
//!
//! When a stream begins, its turn is compared with the turn whose rows the listeners hold:
//! - `Same`: they are reset, and what was delivered before is flagged as replayed;
//! - `Different`: the rows follow those of the turn before, unless nothing parts them;
//! - `Unknown`: they are reset, and nothing is flagged. A missing or a doubled text is worse than a reset.

use std::collections::VecDeque;

use crate::client::turn::identity::{Identity, Turn};
use crate::client::turn::location::{Arrival, Location, Roll};
use crate::persist::SavedTask;
use crate::protocol::answer::SessionView;
use crate::stream::batch::{Age, Batch};
use crate::stream::cursor::EventId;
use crate::stream::metrics::Metrics;
use crate::stream::reader::{Findings, Frame, Moved, Position, Reader, Recording};

/// Turns of which the ledger remembers up to where they were delivered.
const MOST_DELIVERED: usize = 16;

/// How a stream begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With a message of this page, which nobody can have been given an answer of.
    Sent,
    /// With a turn that exists already.
    #[default]
    Joined,
    /// With a turn that is not known well enough yet; it will be when its first rows come.
    Unsettled,
}

/// What the listeners of a session hold.
#[derive(Debug, Default)]
pub struct Ledger {
    turn: Turn,
    start: Start,
    reader: Reader,
    recording: Recording,
    /// Whether listeners were given rows of the present turn.
    gave: Gave,
    /// The same, also where they are void by now.
    ever_gave: Gave,
    /// The turn before the present one whose rows listeners hold.
    held: Option<Turn>,
    /// Whether a `stream_start` was among them, and their end.
    held_extent: Extent,
    /// A reset of what is held was counted and not delivered.
    owes: bool,
    /// Up to where turns before the present one were delivered, oldest first.
    delivered: VecDeque<(Turn, Position)>,
    /// The turn whose stream another tab began last.
    announced: Option<Turn>,
    roll: Roll,
    metrics: Metrics,
}

/// Which ends of a turn's answer listeners were given.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    has_start: bool,
    has_end: bool,
}

/// Whether listeners were given something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gave {
    #[default]
    Nothing,
    Rows,
}

impl Ledger {
    /// The ledger of a session that was let go: its listeners may hold something that nobody remembers.
    #[must_use]
    pub fn of_forgotten() -> Self {
        Self { held: Some(Turn::default()), ..Self::default() }
    }

    /// Whether listeners may hold something.
    #[must_use]
    pub fn has_given(&self) -> bool {
        self.gave == Gave::Rows || self.held.is_some() || !self.delivered.is_empty()
    }

    /// The present turn.
    #[must_use]
    pub fn turn(&self) -> &Turn {
        &self.turn
    }

    /// The reader of the present turn's answer, to be asked only.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// How many user messages the session is known to have, to be asked only.
    #[must_use]
    pub fn known_roll(&self) -> Roll {
        self.roll
    }

    /// How many user messages the session is known to have.
    pub fn roll(&mut self) -> &mut Roll {
        &mut self.roll
    }

    /// The counters of all turns.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The counters, to count what is no event.
    pub fn metrics_mut(&mut self) -> &mut Metrics {
        &mut self.metrics
    }

    /// A stream of this turn begins. `record` is what is saved of the session.
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

    /// A stream of this turn begins behind an event that the app has.
    pub fn begin_after(&mut self, turn: Turn, after: EventId, record: Option<&SavedTask>) {
        self.begin(turn, Start::Sent, record);
        let mark = self.delivered_before(record);
        self.renew(Reader::new(after, mark));
    }

    /// More is known of the present turn. Where nothing was read of it yet, it is compared again.
    pub fn learn(&mut self, turn: &Turn, record: Option<&SavedTask>) {
        let before = self.turn.clone();
        self.turn.learn(turn);
        if self.start == Start::Unsettled {
            return self.settle_named(record);
        }
        if self.turn != before && self.gave == Gave::Nothing && self.reader.is_untouched() {
            self.settle(record);
        }
    }

    /// Another tab began a stream of this turn.
    pub fn note_announced(&mut self, turn: &Turn) {
        self.announced = Some(turn.clone());
    }

    /// A turn with all the names that are known of it here.
    #[must_use]
    pub fn recall(&self, mut turn: Turn) -> Turn {
        for known in self.others() {
            if turn.is_same(known) {
                turn.learn(known);
            }
        }
        turn
    }

    /// Whether another turn took the place of this one, of which rows were given before.
    #[must_use]
    pub fn is_past(&self, turn: &Turn) -> bool {
        !self.turn.is_same(turn) && self.delivered.iter().any(|(before, _)| before.is_same(turn))
    }

    /// Whether the present turn surely came after this one, and has begun.
    #[must_use]
    pub fn has_replaced(&self, turn: &Turn) -> bool {
        let has_begun = self.gave == Gave::Rows || self.turn.task().is_some();
        has_begun && self.turn.is_different(turn) && self.is_past(turn)
    }

    /// Whether listeners hold a part of an answer that may be this turn's or another's.
    #[must_use]
    pub fn may_hold(&self, turn: &Turn) -> bool {
        let turn = self.recall(turn.clone());
        let is_open = !self.held_extent.has_end;
        self.held.as_ref().is_some_and(|held| is_open && turn.compare(held) == Identity::Unknown)
    }

    /// Whether the user message of this ordinal is surely another turn's than the present one's.
    #[must_use]
    pub fn has_another_at(&self, ordinal: u64) -> bool {
        self.others().any(|other| other.ordinal() == Some(ordinal) && other.has_another_question(&self.turn))
    }

    /// Whether the present turn goes on with what an earlier task began, as an operation does, and listeners hold that.
    #[must_use]
    pub fn is_later_part(&self) -> bool {
        let is_part = |turn: &Turn| turn.shares_question(&self.turn) && turn.is_different(&self.turn);
        self.delivered.iter().any(|(turn, _)| is_part(turn))
    }

    /// Turns that are known beside the present one.
    fn others(&self) -> impl Iterator<Item = &Turn> {
        self.delivered.iter().map(|(turn, _)| turn).chain(&self.held).chain(&self.announced)
    }

    /// The stream itself names its task.
    pub fn name_task(&mut self, task: &str) {
        self.turn.name_task(task);
    }

    /// What was taken for the present turn's task is another turn's.
    pub fn unname_task(&mut self) {
        self.turn.unname_task();
    }

    /// The present turn is found in the session.
    pub fn name_ordinal(&mut self, ordinal: u64) {
        self.turn.name_ordinal(ordinal);
    }

    /// User messages are removed: no turn before the present one can be told by its place any more.
    pub fn forget_places(&mut self) {
        let delivered = self.delivered.iter_mut().map(|(turn, _)| turn);
        delivered.chain(&mut self.held).for_each(Turn::forget_ordinal);
        self.roll.forget_places();
    }

    /// The session was looked at: turns whose place was not known learn it.
    pub fn look(&mut self, view: &SessionView) {
        let has_arrived = self.gave == Gave::Rows || self.turn.task().is_some();
        let present = Some(&mut self.turn).filter(|_| has_arrived);
        let delivered = self.delivered.iter_mut().map(|(turn, _)| turn);
        let running = view.active.as_ref().map(|active| self.roll.running(&active.task_id, view));
        for turn in present.into_iter().chain(&mut self.held).chain(&mut self.announced).chain(delivered) {
            find(turn, view);
            if let Some(running) = running.as_ref().filter(|running| turn.is_same(running)) {
                turn.learn(running);
            }
        }
    }

    /// Whether a stream goes on with the present turn's answer exactly where this ledger has it.
    #[must_use]
    pub fn continues(&self, turn: &Turn, place: Option<(Position, u64)>) -> bool {
        let stands_here = place == Some((self.reader.received(), self.reader.trail_hash()));
        stands_here && self.turn.is_same(turn)
    }

    /// Whether nothing parts the rows of the present turn from those that listeners hold: neither the end of that turn
    /// nor a second `stream_start`.
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
        if self.gave == Gave::Rows {
            self.held = Some(self.turn.clone());
            self.held_extent = Extent { has_start: self.reader.has_start(), has_end: self.reader.has_ended() };
        }
        self.owes = self.reader.owes_reset();
        let position = self.reader.saved_position();
        if self.gave == Gave::Nothing && position == Position::default() {
            return;
        }
        let turn = std::mem::take(&mut self.turn);
        self.delivered.retain(|(before, _)| !before.is_same(&turn));
        self.delivered.push_back((turn, position));
        if self.delivered.len() > MOST_DELIVERED {
            self.delivered.pop_front();
        }
    }

    /// Compares the present turn with what listeners hold, and makes its reader ready.
    fn settle(&mut self, record: Option<&SavedTask>) {
        let identity = self.held.as_ref().map(|held| self.turn.compare(held));
        let is_void = match identity {
            None => false,
            Some(Identity::Different) => self.start != Start::Sent && self.lacks_parting(),
            Some(Identity::Same) => true,
            Some(Identity::Unknown) => self.start != Start::Sent,
        };
        let mark = self.delivered_before(record);
        self.renew(Reader::new(EventId::ZERO, mark));
        if is_void {
            self.void_held();
        }
    }

    /// A turn that was not known well enough is, as soon as its task is.
    fn settle_named(&mut self, record: Option<&SavedTask>) {
        if self.turn.task().is_some() {
            self.settle_now(record);
        }
    }

    /// A turn that was not known well enough gives its first rows.
    fn settle_now(&mut self, record: Option<&SavedTask>) {
        if self.start == Start::Unsettled {
            self.start = Start::Joined;
            self.settle(record);
        }
    }

    /// Up to where this turn was delivered, by an earlier stream of this page or by a page before it.
    fn delivered_before(&self, record: Option<&SavedTask>) -> Position {
        let here = self.delivered.iter().find(|(turn, _)| turn.is_same(&self.turn));
        let saved = record.filter(|record| Turn::recorded(record).is_same(&self.turn));
        let saved = saved.map(|record| Position { last: record.active.last, unnumbered: record.unnumbered });
        here.map(|(_, position)| *position).max(saved).unwrap_or_default()
    }

    fn renew(&mut self, reader: Reader) {
        self.reader = reader;
        self.reader.set_recording(self.recording);
    }

    /// A response begins.
    pub fn open(&mut self, record: Option<&SavedTask>) {
        self.settle_now(record);
        self.reader.open();
        self.reader.expect(self.turn.task());
    }

    /// Bytes from the network.
    pub fn give_bytes(&mut self, bytes: &[u8]) -> Findings {
        self.reader.feed(bytes, &mut self.metrics)
    }

    /// Frames from another tab.
    pub fn give_broadcast(&mut self, frames: &[Frame], record: Option<&SavedTask>) -> Findings {
        if self.start == Start::Unsettled && !frames.is_empty() {
            if let Some(task) = Reader::named_task(frames) {
                self.turn.name_task(&task);
            }
            self.settle_now(record);
        }
        if self.reader.is_cold() {
            self.reader.expect(self.turn.task());
        }
        self.reader.feed_frames(frames, &mut self.metrics)
    }

    /// Frames of another tab were merged: they stand for all events up to this position.
    pub fn move_to(&mut self, position: Position, hash: u64) {
        self.reader.move_to(position, hash);
    }

    /// An answer that only the session's history still has. It cannot be told which part of it was given before: where
    /// any was, all of it but the end is replayed.
    pub fn give_history(&mut self, frames: &[String]) {
        let has_part = |turn: &Turn| turn.shares_question(&self.turn);
        let is_in_parts = self.delivered.iter().any(|(turn, _)| has_part(turn));
        let holds_part = self.gave == Gave::Nothing && self.held.as_ref().is_some_and(has_part);
        let is_known =
            self.ever_gave == Gave::Rows || self.reader.saved_position() > Position::default() || is_in_parts;
        if holds_part {
            self.void_held();
        }
        let age = if is_known { Age::Replayed } else { Age::Fresh };
        self.reader.feed_stored(frames, age, &mut self.metrics);
    }

    /// What was received is not the answer: it starts over, and listeners are reset.
    pub fn start_over(&mut self) {
        self.reader.start_over(&mut self.metrics);
    }

    /// Whether frames are handed out for other tabs.
    pub fn set_recording(&mut self, recording: Recording) {
        self.recording = recording;
        self.reader.set_recording(recording);
    }

    /// Gives the rows that wait.
    pub fn take(&mut self) -> Option<Batch> {
        let is_reset = self.reader.owes_reset();
        let batch = self.reader.take()?;
        if is_reset {
            self.held = None;
            self.owes = false;
            self.gave = Gave::Nothing;
        }
        if self.reader.has_given() {
            self.gave = Gave::Rows;
            self.ever_gave = Gave::Rows;
        }
        Some(batch)
    }

    /// The rows taken last have reached every listener.
    pub fn confirm(&mut self) -> Moved {
        self.reader.confirm()
    }

    /// Rows that wait are not delivered any more.
    pub fn discard(&mut self) {
        self.reader.discard();
    }

    /// Takes back the buffers of a batch.
    pub fn recycle(&mut self, batch: Batch) {
        self.reader.recycle(batch);
    }

    /// Bytes that it holds on to.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let delivered = self.delivered.iter().map(|(turn, _)| turn.footprint() + size_of::<(Turn, Position)>());
        let single = [Some(&self.turn), self.held.as_ref(), self.announced.as_ref()];
        let turns: usize = single.into_iter().flatten().map(Turn::footprint).sum();
        self.reader.footprint() + turns + delivered.sum::<usize>()
    }
}

/// The message of this turn arrived: its answer runs, or listeners hold rows of it.
fn find(turn: &mut Turn, view: &SessionView) {
    if turn.ordinal().is_none()
        && let Location::At(ordinal) = turn.locate(view, Arrival::Earlier)
    {
        turn.name_ordinal(ordinal);
    }
}

#[cfg(test)]
mod tests;
