//! Deliveries, saves, and the outcome of a stream.

use super::Session;
use super::state::{Ask, Look, Record, State};
use crate::client::context::Context;
use crate::client::io::{Effect, Millis, Operation, Outcome, OutcomeKind, Recovery, StreamError, Urgency};
use crate::client::outcome::{outcome_with, refused_outcome};
use crate::client::turn::Turn;
use crate::persist::{ActiveTask, SavedTask};
use crate::stream::error::local_error;
use crate::stream::reader::Moved;

/// The shortest time between two saves of a moving cursor, in milliseconds.
const SAVE_EVERY: Millis = 250;
/// The size of waiting rows, in bytes, up to which a replay waits for one common frame. Beyond it the rows are delivered by the
/// app's delivery rule.
const REPLAY: usize = 16 * 1024;
/// The time after which rows that were taken count as lost if they are not confirmed, in milliseconds. Passing them to listeners
/// takes no turn of the event loop, so the shell must have failed.
const CONFIRM: Millis = 10_000;

impl Session {
    /// Announces that rows wait, once, and again when they become more urgent.
    pub(super) fn announce(&mut self, cx: &mut Context) {
        let Some(pending) = self.ledger.reader().pending() else { return };
        let urgency = if self.is_draining() { pending.max(self.urgency_of_end()) } else { pending };
        if self.announced < Some(urgency) {
            self.announced = Some(urgency);
            cx.push(Effect::Deliver { session: self.id.clone(), urgency });
        }
    }

    /// Returns how urgent the last rows are. No row follows them, so waiting for a frame gains nothing if they are the whole
    /// answer, or a replay that was to be shown together with later rows.
    fn urgency_of_end(&self) -> Urgency {
        let reader = self.ledger.reader();
        match reader.waiting() {
            REPLAY.. => Urgency::Soon,
            _ if !reader.has_given() => Urgency::Now,
            _ => Urgency::Frame,
        }
    }

    /// Handles the confirmation that the rows taken last have reached every listener.
    pub fn handle_delivered(&mut self, cx: &mut Context) {
        self.taken_at = None;
        if self.ledger.confirm() == Moved::Yes && self.is_live() {
            self.save_soon(cx);
        }
        self.settle(cx);
        self.handle_save_due(cx);
        self.show(cx);
    }

    /// Returns until when the rows that were taken have to be confirmed.
    pub(super) fn confirm_until(&self) -> Option<Millis> {
        self.taken_at.filter(|_| self.is_live()).map(|taken| taken.saturating_add(CONFIRM))
    }

    /// Ends the stream with an error, because the shell took rows and did not confirm them. No row may follow others that are
    /// possibly missing. The task stays saved up to the last confirmed rows.
    pub(super) fn give_up_delivery(&mut self, cx: &mut Context) {
        self.abort(cx);
        self.ledger.discard();
        self.taken_at = None;
        let message = "Chunks were handed to the page and their delivery was never confirmed.";
        self.fail(local_error("DELIVERY_FAILED", message, Recovery::Retryable), cx);
    }

    pub(super) fn remember(&mut self, cx: &mut Context) {
        self.save_at = Some(cx.now);
        self.save(cx);
    }

    /// Saves the delivered position if there is a task to save.
    pub(super) fn save(&mut self, cx: &mut Context) {
        self.save_at = None;
        let Some(task) = self.task_name().filter(|_| self.is_saved(cx)) else { return };
        let position = self.ledger.reader().saved_position();
        let active = ActiveTask {
            task,
            session: self.id.clone(),
            operation: self.goal.operation.clone(),
            tool: self.goal.tool.clone(),
            last: position.last,
            started: self.goal.started,
        };
        self.last_save = Some(cx.now);
        self.save_task(active, position.unnumbered, cx);
    }

    /// Saves a task of the current turn. `unnumbered` events without an id were delivered after its last one.
    fn save_task(&self, active: ActiveTask, unnumbered: u64, cx: &mut Context) {
        let turn = self.ledger.turn();
        let mut record = SavedTask::of(active, cx.now);
        record.message = turn.message().map(str::to_owned);
        record.ordinal = turn.ordinal();
        record.epoch = self.election.epoch();
        record.unnumbered = unnumbered;
        cx.save(record);
    }

    /// Returns whether this tab writes the record. A follower leaves that to the owner, and so does an owner whose epoch is over.
    fn is_saved(&self, cx: &Context) -> bool {
        let is_guest = matches!(self.state, State::Following(_) | State::Electing { .. });
        let newest = cx.record(&self.id).map_or(0, |saved| saved.epoch);
        let is_over = self.is_shared(cx) && self.election.epoch() < newest;
        let is_sure = self.goal.guess.is_none();
        let has_ended = self.goal.followed.is_some();
        self.is_live() && is_sure && !has_ended && !self.is_forgotten && !is_guest && !is_over
    }

    fn save_soon(&mut self, cx: &Context) {
        let soonest = self.last_save.map_or(cx.now, |last| last.saturating_add(SAVE_EVERY));
        self.save_at.get_or_insert(soonest.max(cx.now));
    }

    pub(super) fn handle_save_due(&mut self, cx: &mut Context) {
        if self.save_at.is_some_and(|at| at <= cx.now) {
            self.save(cx);
        }
    }

    pub(super) fn save_if_moved(&mut self, cx: &mut Context) {
        if self.save_at.is_some() {
            self.save(cx);
        }
    }

    pub(super) fn fail(&mut self, error: StreamError, cx: &mut Context) {
        let outcome = outcome_with(OutcomeKind::Failed, self.awaited_task(), Some(error));
        self.conclude(outcome, Record::Keep, cx);
    }

    /// Returns the task whose outcome the calls wait for. It is not that of another tab's stream that was followed meanwhile.
    fn awaited_task(&self) -> Option<String> {
        self.task_name().filter(|_| !self.gives_another())
    }

    /// Ends the current stream. If it was not the answer to the message of this page, the search for that answer begins.
    pub(super) fn end_stream(&mut self, outcome: Outcome, record: Record, cx: &mut Context) {
        if !self.gives_another() {
            return self.conclude(outcome, record, cx);
        }
        self.share_end(&outcome, cx);
        if record == Record::Drop && !self.is_overtaken(cx) {
            self.leave_record(&outcome, cx);
        }
        self.save_at = None;
        self.goal.followed = Some(outcome);
        self.announce(cx);
        self.ask(Ask::Look(Look::Sent), cx);
    }

    /// Ends the requests of the stream. The outcome is announced when the last row is delivered.
    pub(super) fn conclude(&mut self, outcome: Outcome, record: Record, cx: &mut Context) {
        if record == Record::Keep {
            self.save(cx);
        }
        if self.fate().is_open() || self.asked() == Some(Ask::Send) {
            self.ledger.roll().forget();
        }
        self.save_at = None;
        self.share_end(&outcome, cx);
        self.state = State::Draining { outcome, record };
        self.announce(cx);
        self.settle(cx);
        self.show(cx);
    }

    fn settle(&mut self, cx: &mut Context) {
        if self.ledger.reader().is_settled() {
            self.settle_now(cx);
        }
    }

    /// Announces the outcome of a stream whose last rows are delivered.
    pub fn settle_now(&mut self, cx: &mut Context) {
        let State::Draining { outcome, record } = &self.state else { return };
        let (outcome, record) = (outcome.clone(), *record);
        if record == Record::Drop {
            if outcome.kind != OutcomeKind::Expired {
                self.ended = self.task_name();
            }
            if !self.is_overtaken(cx) {
                self.leave_record(&outcome, cx);
            }
        }
        self.end_broadcast(cx);
        self.state = State::Over(outcome.clone());
        self.unlock(cx);
        self.show(cx);
        self.resolve_refused(&outcome, cx);
        cx.resolve(&mut self.calls, Some(outcome.clone()));
        cx.push(Effect::Ended { session: self.id.clone(), outcome });
    }

    /// Updates the record at the end of a task. An operation that goes on in a task of its own is saved in its place.
    fn leave_record(&self, outcome: &Outcome, cx: &mut Context) {
        let Some(Operation { operation, task, tool, .. }) = outcome.operation.clone() else {
            if !self.leaves_stop_of_another(cx) {
                cx.remove(&self.id);
            }
            return;
        };
        let active =
            ActiveTask { task, session: self.id.clone(), operation, tool, started: cx.now, ..ActiveTask::default() };
        self.save_task(active, 0, cx);
    }

    /// Returns whether the record is the stop of a task that may be another one than the task that has ended. Such a stop
    /// stays in the record.
    fn leaves_stop_of_another(&self, cx: &Context) -> bool {
        let stop = cx.record(&self.id).filter(|saved| saved.stopped.is_some());
        stop.is_some_and(|stop| !self.is_present(&Turn::recorded(stop)))
    }

    /// Resolves the call of a message that was refused. Its outcome is never a success, however the stream that was joined
    /// instead has ended.
    fn resolve_refused(&mut self, outcome: &Outcome, cx: &mut Context) {
        let Some(refused) = self.goal.refused.take() else { return };
        if let Some(at) = self.calls.iter().position(|call| *call == refused) {
            self.calls.remove(at);
            cx.resolve_one(refused, Some(refused_outcome(outcome)));
        }
    }

    /// Returns whether the record belongs to a later task, which another tab began while this one was suspended.
    fn is_overtaken(&self, cx: &Context) -> bool {
        let Some(saved) = cx.record(&self.id) else { return false };
        let is_ours = self.task().is_some_and(|task| saved.is_of(task));
        !is_ours && saved.active.as_ref().is_some_and(|active| active.started > self.goal.started)
    }

    /// Ends a search that found nothing to resume.
    pub(super) fn nothing_to_resume(&mut self, cx: &mut Context) {
        self.ledger.discard();
        cx.resolve(&mut self.calls, None);
        self.state = State::Idle;
        self.unlock(cx);
        self.show(cx);
    }
}
