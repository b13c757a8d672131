//! A session's stream among the tabs of a browser: carries out what election, owner and follower decide (API.md,
//! guarantee 5).
//!
//! A tab that lost its epoch may finish its POST, but gives its listeners nothing: it hands over what it learned of the
//! turn to the owner, and follows.

use super::Session;
use super::reading::STALL;
use super::state::{Ask, Exposure, Fate, Look, Purpose, Record, State};
use crate::client::context::Context;
use crate::client::io::{Effect, Millis, Outcome, OutcomeKind, Recovery, Status, StreamError};
use crate::client::outcome::bare_outcome;
use crate::client::turn::{Start, Turn};
use crate::stream::cursor::EventId;
use crate::stream::error::local_error;
use crate::stream::reader::{Frame, Heard, Recording, Verdict};
use crate::tabs::{
    Arrived, Content, ELECTION, Election, EndRecord, Follower, Message, Place, Rivalry, Shown, ShownStatus, Silence,
    State as Told,
};

impl Session {
    // ---- election ----

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

    fn want_lock(&mut self, cx: &mut Context) {
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
        self.hear_record(cx);
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

    fn hear_record(&mut self, cx: &Context) {
        let epoch = cx.records.get(&self.id).map_or(0, |saved| saved.epoch);
        self.election.hear(epoch);
    }

    /// Another tab took the lock away: it could not reach this one.
    pub fn handle_lock_lost(&mut self, cx: &mut Context) {
        self.election.lose();
        self.step_back(cx);
    }

    /// This tab heard that its epoch is over before the browser told it.
    fn yield_to_newer(&mut self, cx: &mut Context) {
        self.unlock(cx);
        self.step_back(cx);
    }

    /// The epoch is over. A message on its way is not given up for that; everything else is asked again when the
    /// election says so.
    fn step_back(&mut self, cx: &mut Context) {
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
    fn go_alone(&mut self, ask: Ask, cx: &mut Context) {
        self.steal(cx);
        self.owner.begin(cx.new_stream());
        self.ask(ask, cx);
    }

    fn steal(&mut self, cx: &mut Context) {
        self.hear_record(cx);
        let mode = self.election.steal(cx.now);
        cx.push(Effect::Lock { session: self.id.clone(), mode });
    }

    /// The owner is gone: this tab goes on from where it stands.
    fn take_over(&mut self, cx: &mut Context) {
        self.gain_followers(cx);
        self.owner.begin(cx.new_stream());
        self.announce_broadcast(cx);
        let ask = self.ask_alone();
        self.ask(ask, cx);
    }

    /// What is asked of the server for a stream that another tab no longer gives.
    fn ask_alone(&mut self) -> Ask {
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

    fn is_owner(&self) -> bool {
        self.election.is_owner() && self.owner.is_on()
    }

    /// Whether this is surely the turn whose answer is given here.
    fn is_present(&self, turn: &Turn) -> bool {
        self.ledger.turn().is_same(turn)
    }

    fn place(&self) -> Place {
        let reader = self.ledger.reader();
        Place::new(reader.received(), reader.trail_hash())
    }

    // ---- what the owner posts ----

    fn post(&self, content: Content, cx: &mut Context) {
        cx.post(&self.id, self.election.epoch(), content);
    }

    /// Asks for a stream. A message that arrived goes along by its names: the owner may give its answer without them.
    fn post_ask(&self, stream: Option<String>, next: u64, cx: &mut Context) {
        let has_arrived = self.goal.sending.as_ref().is_some_and(|sending| sending.fate == Fate::Accepted);
        let turn = if has_arrived { self.ledger.turn().aliases() } else { Default::default() };
        self.post(Content::Ask { stream, next, asked: cx.now, turn }, cx);
    }

    fn post_recall(&self, stream: String, cx: &mut Context) {
        self.post(Content::Recall { stream, asked: cx.now }, cx);
    }

    /// A broadcast is announced when there is something to tell: a mere look at the session draws nobody along.
    pub(super) fn announce_broadcast(&mut self, cx: &mut Context) {
        if self.election.is_owner() && self.owner.announces() {
            let (stream, turn) = (self.owner.stream().to_owned(), self.ledger.turn().aliases());
            self.post(Content::Owner { stream, turn, place: self.place() }, cx);
        }
    }

    fn gain_followers(&mut self, cx: &Context) {
        self.owner.gain_followers();
        self.record_for_tabs(cx);
    }

    pub(super) fn record_for_tabs(&mut self, cx: &Context) {
        let recording = if self.is_shared(cx) { self.owner.recording() } else { Recording::Off };
        self.ledger.set_recording(recording);
    }

    /// Keeps what came for followers that come late, and posts it to those that are there.
    pub(super) fn share(&mut self, heard: &mut Heard, cx: &mut Context) {
        let frames = heard.frames.drain(..).map(|(id, data)| (id.map(EventId::text), data)).collect();
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

    /// What was told is void: followers ask anew.
    pub(super) fn tell_anew(&mut self, cx: &mut Context) {
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

    fn shown_to_tabs(&self, now: Millis) -> Shown {
        let snapshot = self.snapshot();
        let patience = match &self.state {
            State::Reading { body, .. } => body.patience + ELECTION,
            State::Waiting { until, .. } => until.unwrap_or(now).saturating_sub(now) + STALL,
            _ => STALL + ELECTION,
        };
        Shown { status: snapshot.status.into(), attempt: snapshot.attempt, retry_at: snapshot.retry_at, patience }
    }

    /// An end that is not among the frames is told; one that is, followers find themselves.
    pub(super) fn share_end(&mut self, outcome: &Outcome, cx: &mut Context) {
        if self.is_owner() {
            self.post_end(outcome, cx);
        }
    }

    fn post_end(&mut self, outcome: &Outcome, cx: &mut Context) {
        let kind = match outcome.kind {
            OutcomeKind::Finished | OutcomeKind::Superseded => return,
            OutcomeKind::Stopped => "stopped",
            OutcomeKind::Failed => "failed",
            OutcomeKind::Expired => "expired",
        };
        let end = EndRecord::new(kind, outcome.error.as_ref());
        self.post(Content::End { stream: self.owner.stream().to_owned(), end }, cx);
    }

    // ---- what other tabs post ----

    /// A message from another tab about this session.
    pub fn handle_tab(&mut self, message: Message, cx: &mut Context) {
        let Message { from, epoch, content, .. } = message;
        match content {
            Content::Ask { stream, next, asked, turn } => {
                self.answer_ask(&from, (epoch, asked), (stream.as_deref(), next), Turn::told(turn), cx);
            }
            Content::Recall { stream, asked } => self.answer_recall(&from, (epoch, asked), &stream, cx),
            Content::Stop { task } => self.handle_stop_elsewhere(task.as_deref(), cx),
            owned => self.handle_owned(from, epoch, owned, cx),
        }
        self.show(cx);
    }

    /// What only an owner says. One whose epoch is over is not listened to; it hears who owns the session now.
    fn handle_owned(&mut self, from: String, epoch: u64, content: Content, cx: &mut Context) {
        if self.election.is_owner() && self.is_live() {
            return self.handle_rival(epoch, cx);
        }
        if self.election.is_over(epoch) {
            return;
        }
        self.election.hear(epoch);
        match content {
            Content::Owner { stream, turn, place } => self.handle_owner(from, stream, &Turn::told(turn), &place, cx),
            Content::State(told) if cx.config.tab.as_deref() == Some(told.to.as_str()) => {
                self.handle_state(from, *told, cx);
            }
            Content::Frames { stream, number, frames } => self.handle_frames(from, &stream, number, frames, cx),
            Content::Shown { stream, shown } => self.with_followed(&stream, |follower| follower.show(shown, cx.now)),
            Content::Alive { stream } => self.with_followed(&stream, |follower| follower.hear(cx.now)),
            Content::End { stream, end } => self.handle_end(&stream, end, cx),
            _ => {}
        }
    }

    fn handle_rival(&mut self, epoch: u64, cx: &mut Context) {
        match self.election.rival(epoch, cx.now) {
            Rivalry::Yield => self.yield_to_newer(cx),
            Rivalry::Insist => {
                self.owner.announce_again();
                if self.goal.exposure == Exposure::Shared && self.has_something_to_tell() {
                    self.announce_broadcast(cx);
                }
            }
            Rivalry::Ignore => {}
        }
    }

    fn with_followed(&mut self, stream: &str, act: impl FnOnce(&mut Follower)) {
        if let State::Following(follower) = &mut self.state
            && follower.follows(stream)
        {
            act(follower);
        }
    }

    fn has_something_to_tell(&self) -> bool {
        self.task().is_some() || self.goal.sending.is_some()
    }

    /// Whether a question is this tab's to answer. Who knows of a newer epoch shows that this one's is over.
    fn may_answer(&mut self, epoch: u64, cx: &mut Context) -> bool {
        if !self.is_owner() || !self.is_live() || self.goal.exposure == Exposure::Private {
            return false;
        }
        let is_over = epoch > self.election.epoch();
        if is_over {
            self.election.hear(epoch);
            self.yield_to_newer(cx);
        }
        !is_over && self.has_something_to_tell()
    }

    fn answer_ask(
        &mut self,
        to: &str,
        (epoch, asked): (u64, Millis),
        (stream, next): (Option<&str>, u64),
        turn: Turn,
        cx: &mut Context,
    ) {
        if !self.may_answer(epoch, cx) {
            return;
        }
        if self.is_present(&turn) {
            self.learn(&turn, cx);
        }
        if stream == Some(self.owner.stream()) && next == self.owner.next() {
            self.gain_followers(cx);
            return self.post(Content::Alive { stream: self.owner.stream().to_owned() }, cx);
        }
        self.post_state(to, asked, cx);
    }

    /// A stream that is over is told to who heard of its beginning only.
    fn answer_recall(&mut self, to: &str, (epoch, asked): (u64, Millis), stream: &str, cx: &mut Context) {
        match &self.state {
            State::Over(outcome) if self.owner.recalls(stream) && self.goal.exposure == Exposure::Shared => {
                let outcome = outcome.clone();
                self.post_state(to, asked, cx);
                self.post_end(&outcome, cx);
            }
            _ => {
                if self.may_answer(epoch, cx) {
                    self.post_state(to, asked, cx);
                }
            }
        }
    }

    fn post_state(&mut self, to: &str, asked: Millis, cx: &mut Context) {
        let Some(frames) = self.owner.frames() else { return };
        self.gain_followers(cx);
        let told = Told {
            to: to.to_owned(),
            asked,
            stream: self.owner.stream().to_owned(),
            next: self.owner.next(),
            turn: self.ledger.turn().aliases(),
            frames,
            place: self.place(),
            shown: self.shown_to_tabs(cx.now),
        };
        self.post(Content::State(Box::new(told)), cx);
    }

    /// Someone begins to tell: a new stream, the one that is followed again, or a takeover of it.
    fn handle_owner(&mut self, owner: String, stream: String, turn: &Turn, place: &Place, cx: &mut Context) {
        self.ledger.roll().forget();
        let continues = self.ledger.continues(turn, place.read());
        let is_present = self.is_present(turn);
        match &mut self.state {
            State::Following(follower) if continues => {
                follower.go_over(owner, stream.clone(), cx.now);
                self.learn(turn, cx);
                self.post_ask(Some(stream), 0, cx);
            }
            State::Following(_) | State::Electing { .. } | State::Waiting { .. } => {
                // Who takes over before it knows the task does not answer this; its first frames are asked about.
                self.post_recall(stream, cx);
            }
            State::Over(_) if is_present => {}
            State::Idle | State::Over(_) if self.listens => self.post_recall(stream, cx),
            _ => {}
        }
    }

    /// The owner has told all that it has: this tab follows from here on.
    fn handle_state(&mut self, owner: String, told: Told, cx: &mut Context) {
        let turn = Turn::told(told.turn.clone());
        let (true, Some(place)) = (Election::is_timely(told.asked, cx.now), told.place.read()) else { return };
        match &self.state {
            State::Electing { ask: Ask::Send, .. } if self.fate() == Fate::Unsent => self.refuse_send(&turn, cx),
            State::Following(follower) if follower.has(&told.stream, told.next) => return,
            // It was followed to its end already.
            State::Electing { .. } if self.goal.followed.is_some() && self.is_present(&turn) => return,
            State::Electing { .. } | State::Following(_) | State::Waiting { .. } => {}
            State::Over(_) if self.is_present(&turn) => return,
            State::Idle | State::Over(_) if self.listens => self.begin_stream(cx),
            _ => return,
        }
        self.ledger.roll().forget();
        self.want_lock(cx);
        self.state = State::Following(Follower::new(owner, told.stream, told.next, told.shown, cx.now));
        self.election.settle();
        self.owner.end();
        if self.ledger.continues(&turn, Some(place)) {
            return self.learn(&turn, cx);
        }
        self.begin_followed(turn, told.frames, cx);
        let (position, hash) = place;
        self.ledger.stand_at(position, hash);
        self.announce(cx);
    }

    /// A message cannot be sent while another tab's stream of the session runs; that stream is followed.
    fn refuse_send(&mut self, turn: &Turn, cx: &mut Context) {
        self.goal.sending = None;
        let error = local_error("TASK_RUNNING", "The session's stream runs in another tab.", Recovery::Permanent);
        let task = turn.task().map(str::to_owned);
        let outcome = Outcome { error: Some(error), ..bare_outcome(OutcomeKind::Failed, task) };
        cx.resolve(&mut self.calls, Some(outcome));
    }

    /// Reads a stream from its beginning, as its owner tells it.
    fn begin_followed(&mut self, mut turn: Turn, frames: Vec<Frame>, cx: &mut Context) {
        if self.is_present(&turn) {
            turn.learn(self.ledger.turn());
        } else if self.task().is_some() && self.goal.purpose == Purpose::Outcome {
            let outcome = bare_outcome(OutcomeKind::Superseded, self.task_name());
            cx.resolve(&mut self.calls, Some(outcome));
            // Its answer was given as far as it will be: nothing of it is looked for when this stream's owner goes.
            self.goal.sending = None;
        }
        let start = if turn.task().is_some() { Start::Joined } else { Start::Unsettled };
        self.ledger.begin(turn, start, cx.records.get(&self.id));
        let heard = self.ledger.give_broadcast(&frames, cx.records.get(&self.id));
        self.owner.adopt(frames);
        self.follow_frames(heard, cx);
    }

    fn handle_frames(&mut self, owner: String, stream: &str, number: u64, frames: Vec<Frame>, cx: &mut Context) {
        match &mut self.state {
            State::Following(follower) => match follower.take(stream, number, cx.now) {
                Arrived::Next => self.take_frames(&frames, cx),
                Arrived::Known => {}
                Arrived::Gap => {
                    let (stream, next) = follower.position();
                    self.ask_owner(&owner, stream, next, cx);
                }
                Arrived::Foreign => self.ask_owner(&owner, None, 0, cx),
            },
            State::Idle if !self.listens => {}
            State::Electing { .. } | State::Waiting { .. } | State::Idle => self.ask_owner(&owner, None, 0, cx),
            _ => {}
        }
    }

    /// Asks the tab whose frames say nothing without what came before them.
    fn ask_owner(&mut self, owner: &str, stream: Option<String>, next: u64, cx: &mut Context) {
        if self.election.may_ask(owner, cx.now) {
            self.post_ask(stream, next, cx);
        }
    }

    fn take_frames(&mut self, frames: &[Frame], cx: &mut Context) {
        let mut heard = self.ledger.give_broadcast(frames, cx.records.get(&self.id));
        self.share(&mut heard, cx);
        self.follow_frames(heard, cx);
    }

    fn follow_frames(&mut self, heard: Heard, cx: &mut Context) {
        if let Some(task) = &heard.task {
            self.ledger.name_task(task);
        }
        match heard.verdict {
            Verdict::TaskEnded(end) => self.end_followed(self.outcome_of(end), cx),
            Verdict::Broken => {
                if let State::Following(follower) = &mut self.state {
                    follower.forget();
                }
                self.post_ask(None, 0, cx);
            }
            _ => self.announce(cx),
        }
    }

    fn handle_end(&mut self, stream: &str, end: EndRecord, cx: &mut Context) {
        if !matches!(&self.state, State::Following(follower) if follower.follows(stream)) {
            return;
        }
        let (kind, error) = end.read();
        let outcome = Outcome { error, ..bare_outcome(kind, self.task_name()) };
        self.end_followed(outcome, cx);
    }

    /// The stream of another tab is over. It is the end of a message of this page only where it answers that message.
    fn end_followed(&mut self, outcome: Outcome, cx: &mut Context) {
        let sending = self.goal.sending.as_ref();
        if sending.is_some_and(|sending| !sending.turn.is_same(self.ledger.turn())) {
            self.goal.followed = Some(outcome);
            self.announce(cx);
            return self.ask(Ask::Look(Look::Sent), cx);
        }
        self.conclude(outcome, Record::Keep, cx);
    }

    fn handle_stop_elsewhere(&mut self, task: Option<&str>, cx: &mut Context) {
        let is_this = task.is_none_or(|task| self.task().is_none() || self.is_of(task));
        if is_this && self.is_live() && !self.is_draining() {
            self.stopped_elsewhere(cx);
        }
    }

    // ---- time and page ----

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
    fn ask_instead(&mut self) -> Option<Ask> {
        match &self.state {
            State::Electing { ask, .. } => Some(*ask),
            State::Following(_) => Some(self.ask_alone()),
            _ => None,
        }
    }
}

impl EndRecord {
    fn new(kind: &str, error: Option<&StreamError>) -> Self {
        let error = error.cloned();
        Self {
            kind: kind.to_owned(),
            code: error.as_ref().map(|error| error.code.clone()).unwrap_or_default(),
            status: error.as_ref().and_then(|error| error.status),
            retryable: error.as_ref().is_some_and(|error| error.recovery == Recovery::Retryable),
            message: error.map(|error| error.message).unwrap_or_default(),
        }
    }

    fn read(self) -> (OutcomeKind, Option<StreamError>) {
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
