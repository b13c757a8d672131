//! Handles the messages of other tabs about a session: questions, broadcasts and stops.

use super::Session;
use super::state::{Ask, Evidence, Exposure, Fate, Purpose, Record, State};
use crate::client::context::Context;
use crate::client::io::{Millis, OutcomeKind, Recovery};
use crate::client::outcome::{bare_outcome, outcome_with};
use crate::client::turn::{Start, Turn};
use crate::stream::error::local_error;
use crate::stream::reader::{Findings, Frame, Verdict};
use crate::tabs::{Arrived, Content, Election, EndRecord, Follower, Message, Place, Rivalry, State as TabState};

impl Session {
    /// Takes a message of another tab about this session.
    pub fn handle_tab(&mut self, message: &mut Message, cx: &mut Context) {
        let Message { from, epoch, content, .. } = message;
        let epoch = *epoch;
        match content {
            Content::Ask { stream, next, asked, turn } => {
                self.answer_ask(from, (epoch, *asked), (stream.as_deref(), *next), &Turn::named_by(turn), cx);
            }
            Content::Recall { stream, asked } => self.answer_recall(from, (epoch, *asked), stream, cx),
            Content::Stop { task } => self.handle_stop_elsewhere(task.as_deref(), cx),
            owned => self.handle_owned(from, epoch, owned, cx),
        }
        self.show(cx);
    }

    /// Takes a message that only an owner sends. If this tab owns the session as well, the epochs decide which of the two goes
    /// on. A message with an outdated epoch is dropped.
    fn handle_owned(&mut self, from: &str, epoch: u64, content: &mut Content, cx: &mut Context) {
        if self.election.is_owner() && self.is_live() {
            return self.handle_rival(epoch, cx);
        }
        if self.election.is_over(epoch) {
            return;
        }
        self.election.note_epoch(epoch);
        match content {
            Content::Owner { stream, turn, place } => self.handle_owner(from, stream, &Turn::named_by(turn), place, cx),
            Content::State(broadcast) if cx.config.tab.as_deref() == Some(broadcast.to.as_str()) => {
                self.handle_state(from, broadcast, cx);
            }
            Content::Frames { stream, number, frames } => self.handle_frames(from, stream, *number, frames, cx),
            Content::Shown { stream, shown } => {
                if let Some(follower) = self.followed(stream) {
                    follower.show(shown.clone(), cx.now);
                }
            }
            Content::Alive { stream } => {
                if let Some(follower) = self.followed(stream) {
                    follower.note_life(cx.now);
                }
            }
            Content::End { stream, end } => self.handle_end(stream, end, cx),
            _ => {}
        }
    }

    fn handle_rival(&mut self, epoch: u64, cx: &mut Context) {
        match self.election.rival(epoch, cx.now) {
            Rivalry::Yield => self.yield_to_newer(cx),
            Rivalry::Insist => {
                self.owner.announce_again();
                if self.goal.exposure == Exposure::Shared && self.has_something_to_give() {
                    self.announce_broadcast(cx);
                }
            }
            Rivalry::Ignore => {}
        }
    }

    /// Returns the follower of this broadcast, if this tab follows it.
    fn followed(&mut self, stream: &str) -> Option<&mut Follower> {
        match &mut self.state {
            State::Following(follower) => Some(follower).filter(|follower| follower.follows(stream)),
            _ => None,
        }
    }

    fn has_something_to_give(&self) -> bool {
        self.task().is_some() || self.goal.sending.is_some()
    }

    /// Returns whether this tab has to answer a question. A question with a newer epoch shows that this tab's ownership is over.
    fn may_answer(&mut self, epoch: u64, cx: &mut Context) -> bool {
        if !self.is_owner() || !self.is_live() || self.goal.exposure == Exposure::Private {
            return false;
        }
        let is_over = epoch > self.election.epoch();
        if is_over {
            self.election.note_epoch(epoch);
            self.yield_to_newer(cx);
        }
        !is_over && self.has_something_to_give()
    }

    fn answer_ask(
        &mut self,
        to: &str,
        (epoch, asked): (u64, Millis),
        (stream, next): (Option<&str>, u64),
        turn: &Turn,
        cx: &mut Context,
    ) {
        if turn.message().is_some() {
            self.handed_over = Some(turn.clone());
        }
        if !self.may_answer(epoch, cx) {
            return;
        }
        if self.is_present(turn) {
            self.learn(turn, cx);
        }
        if stream == Some(self.owner.stream()) && next == self.owner.next() {
            self.gain_followers(cx);
            return self.post(Content::Alive { stream: self.owner.stream().to_owned() }, cx);
        }
        self.post_state(to, asked, cx);
    }

    /// Sends a stream that has ended to a tab that has only seen its announcement, and an announced one to a tab that was away.
    /// A session that is only read is not announced, so that draws no idle tab along.
    fn answer_recall(&mut self, to: &str, (epoch, asked): (u64, Millis), stream: &str, cx: &mut Context) {
        match &self.state {
            State::Over(outcome) if self.owner.recalls(stream) && self.goal.exposure == Exposure::Shared => {
                let outcome = outcome.clone();
                self.post_state(to, asked, cx);
                self.post_end(&outcome, cx);
            }
            _ => {
                if self.may_answer(epoch, cx) && self.owner.gives(stream) {
                    self.post_state(to, asked, cx);
                }
            }
        }
    }

    fn post_state(&mut self, to: &str, asked: Millis, cx: &mut Context) {
        let Some(frames) = self.owner.frames() else { return };
        self.gain_followers(cx);
        let broadcast = TabState {
            to: to.to_owned(),
            asked,
            stream: self.owner.stream().to_owned(),
            next: self.owner.next(),
            turn: self.ledger.turn().aliases(),
            frames,
            place: self.place(),
            shown: self.shown_to_tabs(cx.now),
        };
        self.post(Content::State(Box::new(broadcast)), cx);
    }

    /// Takes the announcement of a broadcast: a new stream, one that this tab has followed before, or the takeover of one.
    fn handle_owner(&mut self, owner: &str, stream: &str, turn: &Turn, place: &Place, cx: &mut Context) {
        self.ledger.roll().forget();
        self.ledger.note_announced(turn);
        if self.goal.sending.as_ref().is_some_and(|sending| sending.turn.is_different(turn)) {
            self.goal.other = Some(turn.clone());
        }
        let continues = self.ledger.continues(turn, place.read());
        let is_present = self.is_present(turn);
        match &mut self.state {
            State::Following(follower) if continues && follower.follows(stream) => self.learn(turn, cx),
            State::Following(follower) if continues => {
                follower.go_over(owner.to_owned(), stream.to_owned(), cx.now);
                self.learn(turn, cx);
                self.post_ask(Some(stream.to_owned()), 0, cx);
            }
            State::Following(_) | State::Electing { .. } | State::Waiting { .. } => {
                // An owner that does not know its task yet cannot answer a question about it, so this tab asks for the broadcast.
                self.post_recall(stream.to_owned(), cx);
            }
            State::Over(_) if is_present => {}
            State::Idle | State::Over(_) if self.listens => self.post_recall(stream.to_owned(), cx),
            _ => {}
        }
    }

    /// Takes the whole broadcast so far, and follows it from there.
    fn handle_state(&mut self, owner: &str, broadcast: &mut TabState, cx: &mut Context) {
        let turn = Turn::named_by(&broadcast.turn);
        let (true, Some(place)) = (Election::is_timely(broadcast.asked, cx.now), broadcast.place.read()) else {
            return;
        };
        let was_over = !self.is_live();
        match &self.state {
            State::Electing { ask: Ask::Send, .. } if self.fate() == Fate::Unsent => self.refuse_send(&turn, cx),
            State::Following(follower) if follower.has(&broadcast.stream, broadcast.next) => return,
            // This tab has followed that stream to its end already.
            State::Electing { .. } if self.goal.followed.is_some() && self.is_present(&turn) => return,
            // The sender was suspended while the current turn replaced that one.
            _ if !was_over && self.ledger.has_replaced(&turn) => return,
            State::Electing { .. } | State::Following(_) | State::Waiting { .. } => {}
            State::Over(_) if self.is_present(&turn) => return,
            State::Idle | State::Over(_) if self.listens && !self.ledger.is_past(&turn) => self.begin_stream(cx),
            _ => return,
        }
        let goes_on = self.ledger.continues(&turn, Some(place)) && !was_over;
        self.ledger.roll().forget();
        self.want_lock(cx);
        let (owner, stream) = (owner.to_owned(), broadcast.stream.clone());
        self.state = State::Following(Follower::new(owner, stream, broadcast.next, broadcast.shown.clone(), cx.now));
        self.election.settle();
        self.owner.end();
        if goes_on {
            return self.learn(&turn, cx);
        }
        self.begin_followed(turn, std::mem::take(&mut broadcast.frames), cx);
        let (position, hash) = place;
        self.ledger.move_to(position, hash);
        self.announce(cx);
    }

    /// Refuses the message of this page, because another tab streams the session. That stream is followed instead.
    fn refuse_send(&mut self, turn: &Turn, cx: &mut Context) {
        self.goal.sending = None;
        let error = local_error("TASK_RUNNING", "The session's stream runs in another tab.", Recovery::Permanent);
        let task = turn.task().map(str::to_owned);
        cx.resolve(&mut self.calls, Some(outcome_with(OutcomeKind::Failed, task, Some(error))));
    }

    /// Follows a stream from its beginning.
    fn begin_followed(&mut self, mut turn: Turn, frames: Vec<Frame>, cx: &mut Context) {
        if self.is_present(&turn) {
            turn.learn(self.ledger.turn());
        } else if self.task().is_some() && !self.gives_another() && self.goal.purpose == Purpose::Outcome {
            let outcome = bare_outcome(OutcomeKind::Superseded, self.task_name());
            cx.resolve(&mut self.calls, Some(outcome));
            // No more of that answer will arrive, so it is not searched for when the owner of this stream disappears.
            self.goal.sending = None;
        }
        self.goal.followed = None;
        self.goal.evidence = Evidence::None;
        let start = if turn.task().is_some() { Start::Joined } else { Start::Unsettled };
        self.ledger.begin(turn, start, cx.record(&self.id));
        let found = self.ledger.give_broadcast(&frames, cx.record(&self.id));
        self.owner.adopt(frames);
        self.follow_frames(found, cx);
    }

    fn handle_frames(&mut self, owner: &str, stream: &str, number: u64, frames: &[Frame], cx: &mut Context) {
        match &mut self.state {
            State::Following(follower) => match follower.take(stream, number, cx.now) {
                Arrived::Next => self.take_frames(frames, cx),
                Arrived::Known => {}
                Arrived::Gap => {
                    let (stream, next) = follower.position();
                    self.ask_owner(owner, stream, next, cx);
                }
                Arrived::Foreign => self.ask_owner(owner, None, 0, cx),
            },
            State::Idle if !self.listens => {}
            State::Electing { .. } | State::Waiting { .. } | State::Idle => self.ask_owner(owner, None, 0, cx),
            _ => {}
        }
    }

    /// Asks an owner for the frames before those that it has sent.
    fn ask_owner(&mut self, owner: &str, stream: Option<String>, next: u64, cx: &mut Context) {
        if self.election.may_ask(owner, cx.now) {
            self.post_ask(stream, next, cx);
        }
    }

    fn take_frames(&mut self, frames: &[Frame], cx: &mut Context) {
        let mut found = self.ledger.give_broadcast(frames, cx.record(&self.id));
        self.share(&mut found, cx);
        self.follow_frames(found, cx);
    }

    fn follow_frames(&mut self, found: Findings, cx: &mut Context) {
        if let Some(task) = &found.task {
            self.ledger.name_task(task);
        }
        match found.verdict {
            Verdict::TaskEnded(end) => self.end_stream(self.outcome_of(end), Record::Keep, cx),
            Verdict::Broken => {
                if let State::Following(follower) = &mut self.state {
                    follower.forget();
                }
                self.post_ask(None, 0, cx);
            }
            _ => self.announce(cx),
        }
    }

    fn handle_end(&mut self, stream: &str, end: &EndRecord, cx: &mut Context) {
        if self.followed(stream).is_none() {
            return;
        }
        let (kind, error) = end.read();
        let outcome = outcome_with(kind, self.task_name(), error);
        self.end_stream(outcome, Record::Keep, cx);
    }

    /// Records that the session has other messages than this page knows.
    pub fn note_turn_elsewhere(&mut self) {
        self.ledger.roll().forget();
    }

    fn handle_stop_elsewhere(&mut self, task: Option<&str>, cx: &mut Context) {
        let is_this = task.is_none_or(|task| self.task().is_none() || self.is_of(task));
        if is_this && self.is_live() && !self.is_draining() {
            self.stopped_elsewhere(cx);
        }
    }
}
