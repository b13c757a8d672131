//! A session's stream among the tabs of a browser: carries out what election, owner and follower decide (API.md,
//! guarantee 5).
//!
//! A tab that lost its epoch may finish its POST, but gives its listeners nothing: it hands over what it learned of the
//! turn to the owner, and follows.

use super::Session;
use super::reading::STALL;
use super::state::{Ask, Exposure, Fate, Look, Purpose, State};
use crate::client::context::Context;
use crate::client::io::{Effect, Millis, Outcome, OutcomeKind, Recovery, Sender, Status, StreamError};
use crate::client::turn::Turn;
use crate::stream::error::local_error;
use crate::stream::reader::{Findings, Recording};
use crate::tabs::{Content, ELECTION, EndRecord, Place, Shown, ShownStatus, Silence};

impl Session {
    /// Whether other tabs take part in this stream.
    pub(super) fn is_shared(&self, cx: &Context) -> bool {
        cx.config.tab.is_some() && self.goal.exposure == Exposure::Shared
    }

    /// Whether the other tabs come first.
    pub(super) fn must_elect(&self, cx: &Context) -> bool {
        self.is_shared(cx) && !self.election.is_owner()
    }

    pub(super) fn elect(&mut self, ask: Ask, cx: &mut Context) {
        self.state = State::Electing { ask, until: cx.now.saturating_add(ELECTION) };
        self.want_lock(cx);
        self.post_ask(None, 0, cx);
    }

    pub(super) fn want_lock(&mut self, cx: &mut Context) {
        if let Some(mode) = self.election.want() {
            cx.push(Effect::Lock { session: self.id.clone(), mode });
        }
    }

    /// Gives the lock back, or no longer waits for it.
    pub(super) fn unlock(&mut self, cx: &mut Context) {
        if self.election.release() {
            cx.push(Effect::Unlock { session: self.id.clone() });
        }
    }

    /// This tab has the lock.
    pub fn handle_locked(&mut self, cx: &mut Context) {
        self.note_record(cx);
        if !self.election.grant(cx.now) {
            return;
        }
        match &self.state {
            State::Electing { ask, .. } => {
                let ask = *ask;
                self.owner.begin(cx.new_stream());
                self.ask(ask, cx);
            }
            State::Following(_) => self.take_over(cx),
            _ if !self.is_live() => self.unlock(cx),
            _ => {}
        }
        self.show(cx);
    }

    pub(super) fn note_record(&mut self, cx: &Context) {
        let epoch = cx.records.get(&self.id).map_or(0, |saved| saved.epoch);
        self.election.note_epoch(epoch);
    }

    /// Another tab took the lock away: it could not reach this one.
    pub fn handle_lock_lost(&mut self, cx: &mut Context) {
        self.election.lose();
        self.step_back(cx);
    }

    /// This tab learns that its epoch is over before the browser says so.
    pub(super) fn yield_to_newer(&mut self, cx: &mut Context) {
        self.unlock(cx);
        self.step_back(cx);
    }

    /// The epoch is over. A message on its way is not given up for that; everything else is asked again when the
    /// election says so.
    pub(super) fn step_back(&mut self, cx: &mut Context) {
        self.owner.end();
        match &self.state {
            State::Reading { .. } if self.is_shared(cx) => {
                self.abort(cx);
                self.elect(self.ask_to_go_on(), cx);
            }
            State::Asking { ask, .. } if *ask != Ask::Send && self.is_shared(cx) => {
                let ask = *ask;
                self.abort(cx);
                self.elect(ask, cx);
            }
            _ => {}
        }
        self.show(cx);
    }

    /// A POST was answered by a stream after its tab lost its epoch. The message arrived; its answer is another tab's to
    /// give.
    pub(super) fn hand_over(&mut self, cx: &mut Context) {
        self.accept();
        self.abort(cx);
        self.elect(self.ask_to_go_on(), cx);
        self.show(cx);
    }

    /// Nobody answered in time.
    pub(super) fn go_alone(&mut self, ask: Ask, cx: &mut Context) {
        self.steal(cx);
        self.owner.begin(cx.new_stream());
        self.ask(ask, cx);
    }

    pub(super) fn steal(&mut self, cx: &mut Context) {
        self.note_record(cx);
        let mode = self.election.steal(cx.now);
        cx.push(Effect::Lock { session: self.id.clone(), mode });
    }

    /// The owner is gone: this tab goes on from where it stands.
    pub(super) fn take_over(&mut self, cx: &mut Context) {
        self.gain_followers(cx);
        self.owner.begin(cx.new_stream());
        self.announce_broadcast(cx);
        let ask = self.ask_alone();
        self.ask(ask, cx);
    }

    /// What is asked of the server for a stream that another tab no longer gives.
    pub(super) fn ask_alone(&mut self) -> Ask {
        if self.task().is_some() {
            return Ask::Join;
        }
        // A message whose fate is unknown, while another tab's stream was followed, is not forgotten over that.
        if self.goal.sending.is_some() {
            return Ask::Look(Look::Sent);
        }
        self.goal.purpose = Purpose::Resume;
        Ask::Look(Look::Resume)
    }

    pub(super) fn is_owner(&self) -> bool {
        self.election.is_owner() && self.owner.is_on()
    }

    /// Whether this is surely the turn whose answer is given here.
    pub(super) fn is_present(&self, turn: &Turn) -> bool {
        self.ledger.turn().is_same(turn)
    }

    pub(super) fn place(&self) -> Place {
        let reader = self.ledger.reader();
        Place::new(reader.received(), reader.trail_hash())
    }

    pub(super) fn post(&self, content: Content, cx: &mut Context) {
        cx.post(&self.id, self.election.epoch(), content);
    }

    /// Asks for a stream. A message that arrived goes along by its names: the owner may give its answer without them.
    pub(super) fn post_ask(&self, stream: Option<String>, next: u64, cx: &mut Context) {
        let has_arrived = self.goal.sending.as_ref().is_some_and(|sending| sending.fate == Fate::Accepted);
        let turn = if has_arrived { self.ledger.turn().aliases() } else { Default::default() };
        self.post(Content::Ask { stream, next, asked: cx.now, turn }, cx);
    }

    pub(super) fn post_recall(&self, stream: String, cx: &mut Context) {
        self.post(Content::Recall { stream, asked: cx.now }, cx);
    }

    /// A broadcast is announced when there is something to tell: a mere look at the session draws nobody along.
    pub(super) fn announce_broadcast(&mut self, cx: &mut Context) {
        if self.election.is_owner() && self.owner.announces() {
            let (stream, turn) = (self.owner.stream().to_owned(), self.ledger.turn().aliases());
            self.post(Content::Owner { stream, turn, place: self.place() }, cx);
        }
    }

    /// The backend has taken the message of this page: the app learns of it, here and in the other tabs.
    pub(super) fn tell_turn(&mut self, cx: &mut Context) {
        let sending = self.goal.sending.as_mut();
        let Some(turn) = sending.and_then(|sending| sending.request.turn.take()) else { return };
        self.post(Content::Turn { turn: turn.clone() }, cx);
        cx.push(Effect::Turn { session: self.id.clone(), turn, from: Sender::Here });
    }

    pub(super) fn gain_followers(&mut self, cx: &Context) {
        self.owner.gain_followers();
        self.record_for_tabs(cx);
    }

    pub(super) fn record_for_tabs(&mut self, cx: &Context) {
        let recording = if self.is_shared(cx) { self.owner.recording() } else { Recording::Off };
        self.ledger.set_recording(recording);
    }

    /// Keeps what came for followers that come late, and posts it to those that are there.
    pub(super) fn share(&mut self, found: &mut Findings, cx: &mut Context) {
        let frames = found.frames.drain(..).map(|(span, data)| (span.text(), data)).collect();
        if let Some(content) = self.owner.publish(frames, cx.now) {
            self.post(content, cx);
        }
    }

    /// Frames that came from the session's history.
    pub(super) fn share_history(&mut self, frames: &[String]) {
        self.owner.keep(frames);
    }

    /// The stream is over; nobody follows it any more.
    pub(super) fn end_broadcast(&mut self, cx: &Context) {
        if self.is_owner() && cx.config.tab.is_some() {
            self.owner.keep_for_recall(cx.now);
        } else {
            self.owner.forget_history();
        }
    }

    /// What followers were given is void: they ask anew.
    pub(super) fn broadcast_anew(&mut self, cx: &mut Context) {
        self.owner.forget_history();
        if self.is_owner() && self.is_live() {
            self.owner.begin(cx.new_stream());
        }
    }

    /// What is shown goes to the followers, with how long they bear silence.
    pub(super) fn share_shown(&mut self, cx: &mut Context) {
        if !self.is_owner() || !self.is_live() {
            return;
        }
        let shown = self.shown_to_tabs(cx.now);
        if let Some(content) = self.owner.show(shown) {
            self.post(content, cx);
        }
    }

    pub(super) fn shown_to_tabs(&self, now: Millis) -> Shown {
        let snapshot = self.snapshot();
        let patience = match &self.state {
            State::Reading { body, .. } => body.patience + ELECTION,
            State::Waiting { until, .. } => until.unwrap_or(now).saturating_sub(now) + STALL,
            _ => STALL + ELECTION,
        };
        Shown { status: snapshot.status.into(), attempt: snapshot.attempt, retry_at: snapshot.retry_at, patience }
    }

    /// An end that is not among the frames is posted; one that is, followers read themselves.
    pub(super) fn share_end(&mut self, outcome: &Outcome, cx: &mut Context) {
        if self.is_owner() {
            self.post_end(outcome, cx);
        }
    }

    pub(super) fn post_end(&mut self, outcome: &Outcome, cx: &mut Context) {
        let kind = match outcome.kind {
            OutcomeKind::Finished | OutcomeKind::Superseded => return,
            OutcomeKind::Stopped => "stopped",
            OutcomeKind::Failed => "failed",
            OutcomeKind::Expired => "expired",
        };
        let end = EndRecord::new(kind, outcome.error.as_ref());
        self.post(Content::End { stream: self.owner.stream().to_owned(), end }, cx);
    }

    pub(super) fn handle_sharing_timeout(&mut self, cx: &mut Context) {
        let patience = ELECTION.saturating_add(cx.spread(ELECTION));
        match &mut self.state {
            State::Electing { ask, until } if *until <= cx.now => {
                let ask = *ask;
                self.go_alone(ask, cx);
            }
            State::Following(follower) => match follower.watch(cx.now, patience) {
                Some(Silence::Doubt) => {
                    let (stream, next) = follower.position();
                    self.post_ask(stream, next, cx);
                }
                Some(Silence::GiveUp) => {
                    self.steal(cx);
                    self.take_over(cx);
                }
                None => {}
            },
            _ => {}
        }
        self.show(cx);
    }

    /// The page goes away: others may take over.
    pub(super) fn leave_tabs(&mut self, cx: &mut Context) {
        if let Some(ask) = self.ask_instead() {
            self.state = State::Waiting { ask, until: None };
        }
        self.unlock(cx);
    }

    /// The page is back: other tabs may have begun to tell meanwhile.
    pub(super) fn catch_up(&mut self, cx: &mut Context) {
        if self.listens {
            self.post_ask(None, 0, cx);
        }
    }

    /// There are no other tabs any more, as far as this one can tell.
    pub fn stop_sharing(&mut self, cx: &mut Context) {
        self.election.lose();
        self.owner.end();
        if let Some(ask) = self.ask_instead() {
            self.ask(ask, cx);
        }
    }

    /// What is asked of the server where the other tabs are no longer waited for.
    pub(super) fn ask_instead(&mut self) -> Option<Ask> {
        match &self.state {
            State::Electing { ask, .. } => Some(*ask),
            State::Following(_) => Some(self.ask_alone()),
            _ => None,
        }
    }
}

impl EndRecord {
    pub(super) fn new(kind: &str, error: Option<&StreamError>) -> Self {
        let error = error.cloned();
        Self {
            kind: kind.to_owned(),
            code: error.as_ref().map(|error| error.code.clone()).unwrap_or_default(),
            status: error.as_ref().and_then(|error| error.status),
            retryable: error.as_ref().is_some_and(|error| error.recovery == Recovery::Retryable),
            message: error.map(|error| error.message).unwrap_or_default(),
        }
    }

    pub(super) fn read(self) -> (OutcomeKind, Option<StreamError>) {
        let kind = match self.kind.as_str() {
            "stopped" => OutcomeKind::Stopped,
            "expired" => OutcomeKind::Expired,
            _ => OutcomeKind::Failed,
        };
        if kind == OutcomeKind::Stopped {
            return (kind, None);
        }
        let recovery = if self.retryable { Recovery::Retryable } else { Recovery::Permanent };
        (kind, Some(StreamError { status: self.status, ..local_error(&self.code, &self.message, recovery) }))
    }
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
