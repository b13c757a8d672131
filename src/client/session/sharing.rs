//! Shares a session's stream with other tabs: carries out the decisions of election, owner and follower (API.md, guarantee 5).
//!
//! A tab that lost its epoch may finish its `POST`, but it delivers nothing to its listeners. It hands the aliases of the turn
//! over to the owner and follows.

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
    /// Returns whether other tabs take part in this stream.
    pub(super) fn is_shared(&self, cx: &Context) -> bool {
        cx.config.tab.is_some() && self.goal.exposure == Exposure::Shared
    }

    /// Returns whether the other tabs have to be asked before a request.
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

    /// Releases the lock, or withdraws the request for it.
    pub(super) fn unlock(&mut self, cx: &mut Context) {
        if self.election.release() {
            cx.push(Effect::Unlock { session: self.id.clone() });
        }
    }

    /// Handles the grant of the lock to this tab.
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
        let epoch = cx.record(&self.id).map_or(0, |saved| saved.epoch);
        self.election.note_epoch(epoch);
    }

    /// Handles the loss of the lock: another tab took it, because this tab did not answer.
    pub fn handle_lock_lost(&mut self, cx: &mut Context) {
        self.election.lose();
        self.step_back(cx);
    }

    /// Gives the lock up, because a message has shown that this tab's epoch is over before the browser reported the loss.
    pub(super) fn yield_to_newer(&mut self, cx: &mut Context) {
        self.unlock(cx);
        self.step_back(cx);
    }

    /// Stops being the owner. The request of a message goes on. Everything else is requested again when the election has decided.
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

    /// Hands a turn over: its `POST` was answered after this tab had lost its epoch. The message arrived, and another tab has to
    /// deliver the answer.
    pub(super) fn hand_over(&mut self, cx: &mut Context) {
        self.accept();
        self.abort(cx);
        self.elect(self.ask_to_go_on(), cx);
        self.show(cx);
    }

    /// Takes the session for this tab, because no other tab has answered in time.
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

    /// Continues the stream from this tab's own position, because the owner has disappeared.
    pub(super) fn take_over(&mut self, cx: &mut Context) {
        self.gain_followers(cx);
        self.owner.begin(cx.new_stream());
        self.announce_broadcast(cx);
        let ask = self.ask_alone();
        self.ask(ask, cx);
    }

    /// Returns the request that continues a stream which another tab no longer broadcasts.
    pub(super) fn ask_alone(&mut self) -> Ask {
        if self.task().is_some() {
            return Ask::Join;
        }
        // The message of this page may have arrived while another tab's stream was followed, so it is looked up.
        if self.goal.sending.is_some() {
            return Ask::Look(Look::Sent);
        }
        self.goal.purpose = Purpose::Resume;
        Ask::Look(Look::Resume)
    }

    pub(super) fn is_owner(&self) -> bool {
        self.election.is_owner() && self.owner.is_on()
    }

    /// Returns whether this is certainly the turn that this session delivers.
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

    /// Asks for a broadcast. The question contains the turn of a message that has arrived, because the owner may deliver its
    /// answer without knowing it.
    pub(super) fn post_ask(&self, stream: Option<String>, next: u64, cx: &mut Context) {
        let has_arrived = self.goal.sending.as_ref().is_some_and(|sending| sending.fate == Fate::Accepted);
        let turn = if has_arrived { self.ledger.turn().aliases() } else { Default::default() };
        self.post(Content::Ask { stream, next, asked: cx.now, turn }, cx);
    }

    pub(super) fn post_recall(&self, stream: String, cx: &mut Context) {
        self.post(Content::Recall { stream, asked: cx.now }, cx);
    }

    /// Announces the broadcast, unless that was done. It is called when a response opens and at a takeover: reading the session
    /// alone attracts no followers.
    pub(super) fn announce_broadcast(&mut self, cx: &mut Context) {
        if self.election.is_owner() && self.owner.announces() {
            let (stream, turn) = (self.owner.stream().to_owned(), self.ledger.turn().aliases());
            self.post(Content::Owner { stream, turn, place: self.place() }, cx);
        }
    }

    /// Reports the message of this page, which the backend has accepted, to the app in this and the other tabs.
    pub(super) fn report_turn(&mut self, cx: &mut Context) {
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

    /// Keeps new frames for tabs that follow later, and posts them to those that follow already.
    pub(super) fn share(&mut self, found: &mut Findings, cx: &mut Context) {
        let frames = found.frames.drain(..).map(|(span, data)| (span.text(), data)).collect();
        if let Some(content) = self.owner.publish(frames, cx.now) {
            self.post(content, cx);
        }
    }

    /// Keeps frames that came from the session's history.
    pub(super) fn share_history(&mut self, frames: &[String]) {
        self.owner.keep(frames);
    }

    /// Ends the broadcast of a stream that has ended.
    pub(super) fn end_broadcast(&mut self, cx: &Context) {
        if self.is_owner() && cx.config.tab.is_some() {
            self.owner.keep_for_recall(cx.now);
        } else {
            self.owner.forget_history();
        }
    }

    /// Begins a new broadcast, because what followers have received is no longer valid. They ask for it again.
    pub(super) fn broadcast_anew(&mut self, cx: &mut Context) {
        self.owner.forget_history();
        if self.is_owner() && self.is_live() {
            self.owner.begin(cx.new_stream());
        }
    }

    /// Posts what this tab shows to the followers, with the silence that they have to tolerate.
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

    /// Posts the end of the stream if the frames contain none. Otherwise the followers find it in the frames.
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

    /// Releases the session before the page goes away, so that another tab can take over.
    pub(super) fn leave_tabs(&mut self, cx: &mut Context) {
        if let Some(ask) = self.ask_instead() {
            self.state = State::Waiting { ask, until: None };
        }
        self.unlock(cx);
    }

    /// Asks for the broadcast that another tab announced while the page was away.
    pub(super) fn catch_up(&mut self, cx: &mut Context) {
        if self.listens {
            self.post_recall(String::new(), cx);
        }
    }

    /// Stops sharing, because this tab has no locks or channels.
    pub fn stop_sharing(&mut self, cx: &mut Context) {
        self.election.lose();
        self.owner.end();
        if let Some(ask) = self.ask_instead() {
            self.ask(ask, cx);
        }
    }

    /// Returns the request to send instead of waiting for the other tabs.
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
        let mut end = Self { kind: kind.to_owned(), ..Self::default() };
        if let Some(error) = error {
            end.code.clone_from(&error.code);
            end.message.clone_from(&error.message);
            end.status = error.status;
            end.retryable = error.recovery == Recovery::Retryable;
        }
        end
    }

    pub(super) fn read(&self) -> (OutcomeKind, Option<StreamError>) {
        let kind = match self.kind.as_str() {
            "stopped" => OutcomeKind::Stopped,
            "expired" => OutcomeKind::Expired,
            _ => OutcomeKind::Failed,
        };
        if kind == OutcomeKind::Stopped {
            return (kind, None);
        }
        let recovery = if self.retryable { Recovery::Retryable } else { Recovery::Permanent };
        let mut error = local_error(&self.code, &self.message, recovery);
        error.status = self.status;
        (kind, Some(error))
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
