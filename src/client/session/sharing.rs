//! A session's stream among the tabs of a browser: who owns it, who follows, who takes over (API.md, guarantee 5).
//!
//! Before a stream's first request the session's lock is wanted and the other tabs are asked. Who gets the lock owns
//! the stream; who is answered follows it; who hears nothing for [`ELECTION`] goes alone and takes the lock away. A
//! follower waits for the lock all the time: when the owner goes, it takes over from its own cursor.

use super::{Ask, Exposure, Look, Purpose, Record, STALL, Session, State};
use crate::client::context::Context;
use crate::client::io::{Effect, LockMode, Millis, Outcome, OutcomeKind, Recovery, Status, StreamError};
use crate::client::outcome::bare_outcome;
use crate::stream::cursor::EventId;
use crate::stream::error::local_error;
use crate::stream::reader::{Frame, Heard, Recording, Verdict};
use crate::tabs::{Content, EndRecord, History, Message, Place, Shown, ShownStatus};

/// How long an owner may take to answer, in ms. Its followers give it up one after the other, within as long again.
const ELECTION: Millis = 1_000;
/// An owner without frames shows at most this often that it lives, in ms.
const ALIVE_EVERY: Millis = 1_000;

/// A question to the other tabs is put again after this long, in ms. A tab that wakes up finds all at once what was said
/// meanwhile, and each answer is all that the stream gave.
const ASK_AGAIN: Millis = 250;
/// How long a telling that is over is kept for who has heard of its beginning only, in ms.
const RECALL: Millis = 2_000;

/// The session's lock, seen from here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Lock {
    /// Not wanted.
    #[default]
    None,
    /// Asked for.
    Wanted,
    /// This tab owns the session.
    Held,
    /// The owner did not answer: this tab goes on without, and takes the lock away.
    Waived,
}

/// Whether anyone may be listening to this tab's telling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Followers {
    #[default]
    None,
    Some,
}

/// This tab's part in sharing the session's streams.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    pub(super) lock: Lock,
    /// Names this tab's present telling.
    stream: String,
    /// The number of its next message.
    next: u64,
    followers: Followers,
    /// The other tabs know of this telling.
    is_announced: bool,
    history: History,
    shown: Shown,
    alive_at: Millis,
    /// Until when the history of a telling that is over is kept.
    pub(super) recall_until: Option<Millis>,
    /// The question to another tab that waits for its answer.
    asked: Option<Asked>,
}

impl Sharing {
    /// Followers hear each event; a history holds what they say.
    pub(super) fn recording(&self) -> Recording {
        match self.followers {
            Followers::None => Recording::Runs,
            Followers::Some => Recording::Events,
        }
    }

    pub(super) fn footprint(&self) -> usize {
        self.stream.capacity() + self.history.footprint()
    }
}

/// A tab that was asked for what it tells.
#[derive(Debug)]
struct Asked {
    teller: String,
    /// From when on the question is put again.
    again_at: Millis,
}

/// The stream of another tab, followed.
#[derive(Debug)]
pub(super) struct Following {
    /// The tab that tells it.
    teller: String,
    stream: String,
    next: u64,
    pub(super) shown: Shown,
    silent_at: Millis,
    doubtful_until: Option<Millis>,
}

impl Following {
    pub(super) fn deadline(&self) -> Millis {
        self.doubtful_until.unwrap_or(self.silent_at)
    }

    /// Whether the state of another stream is waited for. A tab that slept answers what was asked long ago.
    fn expects(&self, teller: &str, asked: Option<&Asked>) -> bool {
        let is_asked = asked.is_some_and(|asked| asked.teller == teller);
        self.teller == teller || is_asked || self.stream.is_empty() || self.doubtful_until.is_some()
    }

    fn begun(mut self, now: Millis) -> Self {
        self.heard(now);
        self
    }

    fn heard(&mut self, now: Millis) {
        self.doubtful_until = None;
        self.silent_at = now.saturating_add(self.shown.patience.clamp(ELECTION, 10 * STALL));
    }
}

impl Session {
    // ---- election ----

    /// Whether the other tabs come first.
    pub(super) fn must_elect(&self, cx: &Context) -> bool {
        cx.config.tab.is_some() && self.goal.exposure == Exposure::Shared && self.sharing.lock == Lock::None
    }

    pub(super) fn elect(&mut self, ask: Ask, cx: &mut Context) {
        self.state = State::Electing { ask, until: cx.now.saturating_add(ELECTION) };
        self.want_lock(cx);
        self.post(Content::Ask { stream: None, next: 0 }, cx);
    }

    fn want_lock(&mut self, cx: &mut Context) {
        if self.sharing.lock == Lock::None {
            self.sharing.lock = Lock::Wanted;
            cx.push(Effect::Lock { session: self.id.clone(), mode: LockMode::Wait });
        }
    }

    /// Gives the lock back, or no longer waits for it.
    pub(super) fn unlock(&mut self, cx: &mut Context) {
        if std::mem::take(&mut self.sharing.lock) != Lock::None {
            cx.push(Effect::Unlock { session: self.id.clone() });
        }
    }

    /// This tab has the lock. One that was given back meanwhile is not had.
    pub fn handle_locked(&mut self, cx: &mut Context) {
        if self.sharing.lock == Lock::None {
            return;
        }
        self.sharing.lock = Lock::Held;
        match &self.state {
            State::Electing { ask, .. } => {
                let ask = *ask;
                self.own(cx);
                self.ask(ask, cx);
            }
            State::Following(_) => self.take_over(cx),
            _ if !self.is_live() => self.unlock(cx),
            _ => {}
        }
        self.show(cx);
    }

    /// Another tab took the lock away: it could not reach this one.
    pub fn handle_lock_lost(&mut self, cx: &mut Context) {
        self.sharing.lock = Lock::None;
        let is_idle_wait = matches!(self.state, State::Reading { .. } | State::Waiting { .. });
        if self.goal.task.is_some() && is_idle_wait && self.must_elect(cx) {
            self.abort(cx);
            self.elect(Ask::Join, cx);
        } else if self.is_live() {
            // A message on its way is not given up for a lock; it is had again when the other tab lets it go.
            self.want_lock(cx);
            self.sharing.lock = Lock::Waived;
        }
        self.show(cx);
    }

    /// Nobody answered in time.
    fn go_alone(&mut self, ask: Ask, cx: &mut Context) {
        self.sharing.lock = Lock::Waived;
        cx.push(Effect::Lock { session: self.id.clone(), mode: LockMode::Steal });
        self.own(cx);
        self.ask(ask, cx);
    }

    /// Begins a telling of its own.
    fn own(&mut self, cx: &mut Context) {
        self.sharing.stream = cx.new_stream();
        self.sharing.next = 0;
        self.sharing.is_announced = false;
    }

    /// A telling is announced when there is something to tell: a mere look at the session draws nobody along.
    pub(super) fn announce_telling(&mut self, cx: &mut Context) {
        if !self.is_owner() || std::mem::replace(&mut self.sharing.is_announced, true) {
            return;
        }
        let (stream, task, place) = (self.sharing.stream.clone(), self.goal.task.clone(), self.place());
        self.post(Content::Owner { stream, task, place }, cx);
    }

    /// The owner is gone: this tab goes on from where it stands.
    fn take_over(&mut self, cx: &mut Context) {
        self.gain_followers(cx);
        self.own(cx);
        self.announce_telling(cx);
        let ask = self.ask_alone();
        self.ask(ask, cx);
    }

    /// What is asked of the server for a stream that another tab no longer tells.
    fn ask_alone(&mut self) -> Ask {
        if self.goal.task.is_some() {
            return Ask::Join;
        }
        // A message whose fate is unknown, while another tab's stream was followed, is not forgotten over that.
        if self.goal.sending.is_some() {
            return Ask::Look(Look::Sent);
        }
        self.goal.purpose = Purpose::Resume;
        Ask::Look(Look::Resume)
    }

    fn gain_followers(&mut self, cx: &Context) {
        self.sharing.followers = Followers::Some;
        self.record_for_tabs(cx);
    }

    fn is_owner(&self) -> bool {
        let is_allowed = matches!(self.sharing.lock, Lock::Held | Lock::Waived);
        is_allowed && !self.sharing.stream.is_empty()
    }

    fn place(&self) -> Place {
        Place::new(self.reader.received(), self.reader.trail_hash())
    }

    fn post(&self, content: Content, cx: &mut Context) {
        cx.post(&self.id, content);
    }

    // ---- what the owner tells ----

    /// Keeps what came for followers that come late, and tells those that are there.
    pub(super) fn share(&mut self, heard: &mut Heard, cx: &mut Context) {
        let frames: Vec<Frame> = heard.frames.drain(..).map(|(id, data)| (id.map(EventId::text), data)).collect();
        let number = self.sharing.next;
        self.sharing.next += u64::from(self.is_owner() && !frames.is_empty());
        if !self.is_owner() || self.sharing.followers == Followers::None {
            return frames.into_iter().for_each(|frame| self.sharing.history.push(frame));
        }
        if frames.is_empty() {
            return self.show_life(cx);
        }
        frames.iter().for_each(|frame| self.sharing.history.push(frame.clone()));
        let stream = self.sharing.stream.clone();
        self.post(Content::Frames { stream, number, frames }, cx);
    }

    fn show_life(&mut self, cx: &mut Context) {
        if cx.now >= self.sharing.alive_at {
            self.sharing.alive_at = cx.now.saturating_add(ALIVE_EVERY);
            self.post(Content::Alive { stream: self.sharing.stream.clone() }, cx);
        }
    }

    /// Frames that came from the session's history.
    pub(super) fn share_stored(&mut self, frames: &[String]) {
        frames.iter().for_each(|data| self.sharing.history.push((None, data.clone())));
    }

    /// The stream is over; nobody follows it any more.
    pub(super) fn end_telling(&mut self, cx: &Context) {
        if self.is_owner() && cx.config.tab.is_some() {
            self.sharing.recall_until = Some(cx.now.saturating_add(RECALL));
        } else {
            self.forget_history();
        }
    }

    pub(super) fn forget_history(&mut self) {
        self.sharing.history = History::default();
        self.sharing.recall_until = None;
    }

    /// A stream begins, with nothing told yet.
    pub(super) fn reset_sharing(&mut self) {
        self.forget_history();
        self.sharing.followers = Followers::None;
        self.sharing.shown = Shown::default();
        self.sharing.stream.clear();
    }

    /// What was told is void: followers ask anew.
    pub(super) fn retell(&mut self, cx: &mut Context) {
        self.sharing.history = History::default();
        if self.is_owner() && self.is_live() {
            self.own(cx);
        }
    }

    /// What is shown goes to the followers, with how long they bear silence.
    pub(super) fn share_shown(&mut self, cx: &mut Context) {
        if !self.is_owner() || self.sharing.followers == Followers::None || !self.is_live() {
            return;
        }
        let shown = self.shown_to_tabs(cx.now);
        if shown != self.sharing.shown {
            self.sharing.shown = shown.clone();
            self.post(Content::Shown { stream: self.sharing.stream.clone(), shown }, cx);
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
        self.post(Content::End { stream: self.sharing.stream.clone(), end }, cx);
    }

    // ---- what other tabs say ----

    /// A message from another tab about this session.
    pub fn handle_tab(&mut self, message: Message, cx: &mut Context) {
        match message.content {
            Content::Ask { stream, next } => self.answer_tab(&message.from, stream.as_deref(), next, cx),
            Content::Recall { stream } => self.recall(&message.from, &stream, cx),
            Content::Owner { stream, task, place } => {
                self.handle_owner(message.from, stream, task.as_deref(), &place, cx);
            }
            Content::State { to, stream, next, task, frames, place, shown } => {
                if cx.config.tab.as_deref() == Some(to.as_str()) {
                    let following =
                        Following { teller: message.from, stream, next, shown, silent_at: 0, doubtful_until: None };
                    self.handle_state(following, task, frames, &place, cx);
                }
            }
            Content::Frames { stream, number, frames } => self.handle_frames(message.from, &stream, number, frames, cx),
            Content::Shown { stream, shown } => {
                self.with_followed(&stream, cx.now, |following| following.shown = shown)
            }
            Content::Alive { stream } => self.with_followed(&stream, cx.now, |_| {}),
            Content::End { stream, end } => self.handle_end(&stream, end, cx),
            Content::Stop { task } => self.handle_stop_elsewhere(task.as_deref(), cx),
        }
        self.show(cx);
    }

    fn with_followed(&mut self, stream: &str, now: Millis, act: impl FnOnce(&mut Following)) {
        if let State::Following(following) = &mut self.state
            && following.stream == stream
        {
            act(following);
            following.heard(now);
        }
    }

    fn answer_tab(&mut self, to: &str, stream: Option<&str>, next: u64, cx: &mut Context) {
        let has_telling = self.goal.task.is_some() || self.goal.sending.is_some();
        if !self.is_owner() || !self.is_live() || !has_telling || self.goal.exposure == Exposure::Private {
            return;
        }
        let own = self.sharing.stream.clone();
        if stream == Some(own.as_str()) && next == self.sharing.next {
            self.gain_followers(cx);
            return self.post(Content::Alive { stream: own }, cx);
        }
        self.tell_state(to, cx);
    }

    /// A telling that is over is told to who heard of its beginning only.
    fn recall(&mut self, to: &str, stream: &str, cx: &mut Context) {
        let is_own = !stream.is_empty() && self.sharing.stream == stream;
        match &self.state {
            State::Over(outcome)
                if is_own && self.sharing.recall_until.is_some() && self.goal.exposure == Exposure::Shared =>
            {
                let outcome = outcome.clone();
                self.tell_state(to, cx);
                self.post_end(&outcome, cx);
            }
            _ => self.answer_tab(to, None, 0, cx),
        }
    }

    fn tell_state(&mut self, to: &str, cx: &mut Context) {
        let Some(frames) = self.sharing.history.frames().map(<[Frame]>::to_vec) else { return };
        self.gain_followers(cx);
        let state = Content::State {
            to: to.to_owned(),
            stream: self.sharing.stream.clone(),
            next: self.sharing.next,
            task: self.goal.task.clone(),
            frames,
            place: self.place(),
            shown: self.shown_to_tabs(cx.now),
        };
        self.post(state, cx);
    }

    /// Someone begins to tell: a new stream, the one that is followed again, or a takeover of it.
    fn handle_owner(&mut self, teller: String, stream: String, task: Option<&str>, place: &Place, cx: &mut Context) {
        let stands_here = self.stands_at(place);
        match &mut self.state {
            State::Following(following) if self.goal.task.as_deref() == task && stands_here => {
                following.teller = teller;
                following.stream.clone_from(&stream);
                following.next = 0;
                following.heard(cx.now);
                self.post(Content::Ask { stream: Some(stream), next: 0 }, cx);
            }
            State::Following(_) | State::Electing { .. } => {
                // Who takes over before it knows the task does not answer this; its first frames are asked about.
                self.sharing.asked = Some(Asked { teller, again_at: cx.now });
                self.post(Content::Recall { stream }, cx);
            }
            State::Reading { .. } | State::Waiting { .. } | State::Asking { ask: Ask::Join, .. } => {
                self.settle_ownership(task, cx);
            }
            State::Over(_) if task.is_some() && self.goal.task.as_deref() == task => {}
            State::Idle | State::Over(_) if self.listens => self.post(Content::Recall { stream }, cx),
            _ => {}
        }
    }

    /// Two tabs tell the same task: the one that holds the lock says so again, the other one follows it.
    fn settle_ownership(&mut self, task: Option<&str>, cx: &mut Context) {
        if task.is_none() || self.goal.task.as_deref() != task || self.goal.exposure == Exposure::Private {
            return;
        }
        match self.sharing.lock {
            Lock::Held if cx.now < self.sharing.alive_at => {}
            Lock::Held => {
                self.sharing.alive_at = cx.now.saturating_add(ALIVE_EVERY);
                self.sharing.is_announced = false;
                self.announce_telling(cx);
            }
            Lock::Waived => {
                self.abort(cx);
                self.sharing.lock = Lock::None;
                self.elect(Ask::Join, cx);
            }
            Lock::None | Lock::Wanted => {}
        }
    }

    /// The owner has told all that it has: this tab follows from here on.
    fn handle_state(
        &mut self,
        following: Following,
        task: Option<String>,
        frames: Vec<Frame>,
        place: &Place,
        cx: &mut Context,
    ) {
        let Some((position, hash)) = place.read() else { return };
        match &self.state {
            State::Electing { ask: Ask::Send, .. } => self.refuse_send(task.clone(), cx),
            State::Following(old) if old.stream == following.stream && old.next >= following.next => return,
            State::Following(old) if !old.expects(&following.teller, self.sharing.asked.as_ref()) => return,
            State::Electing { .. } | State::Following(_) => {}
            State::Over(_) if task.is_some() && self.goal.task == task => return,
            State::Idle | State::Over(_) if self.listens => self.begin_quietly(cx),
            _ => return,
        }
        self.want_lock(cx);
        self.state = State::Following(following.begun(cx.now));
        self.sharing.asked = None;
        self.sharing.stream.clear();
        if self.goal.task == task && self.stands_at(place) {
            return;
        }
        self.retell_frames(task, frames, cx);
        self.reader.stand_at(position, hash);
        self.announce(cx);
    }

    /// Reads a stream from its beginning, as its owner tells it.
    fn retell_frames(&mut self, task: Option<String>, frames: Vec<Frame>, cx: &mut Context) {
        if self.goal.task.is_some() && self.goal.task != task && self.goal.purpose == Purpose::Outcome {
            let outcome = bare_outcome(OutcomeKind::Superseded, self.goal.task.clone());
            cx.resolve(&mut self.calls, Some(outcome));
            // Its answer was told as far as it will be: nothing of it is looked for when this stream's owner goes.
            self.goal.sending = None;
        }
        let is_unnamed = self.goal.task.is_none() && !self.reader.is_cold();
        if self.goal.task == task || is_unnamed {
            self.reader.start_over(&mut self.metrics);
        } else {
            self.set_aside();
            task.as_deref().into_iter().for_each(|task| self.adopt(task, cx));
        }
        self.goal.task = task;
        let heard = self.reader.feed_frames(&frames, &mut self.metrics);
        self.sharing.history.adopt(frames);
        self.follow_frames(heard.verdict, cx);
    }

    fn stands_at(&self, place: &Place) -> bool {
        place.read() == Some((self.reader.received(), self.reader.trail_hash()))
    }

    /// A message cannot be sent while another tab's stream of the session runs; that stream is followed.
    fn refuse_send(&mut self, task: Option<String>, cx: &mut Context) {
        self.goal.sending = None;
        let error = local_error("TASK_RUNNING", "The session's stream runs in another tab.", Recovery::Permanent);
        let outcome = Outcome { error: Some(error), ..bare_outcome(OutcomeKind::Failed, task) };
        cx.resolve(&mut self.calls, Some(outcome));
    }

    fn handle_frames(&mut self, teller: String, stream: &str, number: u64, frames: Vec<Frame>, cx: &mut Context) {
        match &mut self.state {
            State::Following(following) if following.stream == stream => match number.cmp(&following.next) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Greater => {
                    let (stream, next) = (Some(following.stream.clone()), following.next);
                    self.ask_teller(teller, Content::Ask { stream, next }, cx);
                }
                std::cmp::Ordering::Equal => {
                    following.next += 1;
                    following.heard(cx.now);
                    self.take_frames(&frames, cx);
                }
            },
            State::Idle if !self.listens => {}
            State::Following(_) | State::Electing { .. } | State::Idle => {
                self.ask_teller(teller, Content::Ask { stream: None, next: 0 }, cx);
            }
            _ => {}
        }
    }

    /// Asks the tab whose frames say nothing without what came before them.
    fn ask_teller(&mut self, teller: String, ask: Content, cx: &mut Context) {
        let waits = |asked: &Asked| asked.teller == teller && cx.now < asked.again_at;
        if self.sharing.asked.as_ref().is_some_and(waits) {
            return;
        }
        self.sharing.asked = Some(Asked { teller, again_at: cx.now.saturating_add(ASK_AGAIN) });
        self.post(ask, cx);
    }

    fn take_frames(&mut self, frames: &[Frame], cx: &mut Context) {
        let mut heard = self.reader.feed_frames(frames, &mut self.metrics);
        self.share(&mut heard, cx);
        if let Some(task) = heard.task.take() {
            if self.goal.task.is_none() && self.was_told(&task) {
                return self.ask_anew(task, cx);
            }
            self.goal.task = Some(task);
        }
        self.follow_frames(heard.verdict, cx);
    }

    /// The stream turns out to be one that this page was told before: it is told anew, and the former is void.
    fn ask_anew(&mut self, task: String, cx: &mut Context) {
        self.adopt(&task, cx);
        self.goal.task = Some(task);
        if let State::Following(following) = &mut self.state {
            following.stream.clear();
        }
        self.post(Content::Ask { stream: None, next: 0 }, cx);
    }

    fn follow_frames(&mut self, verdict: Verdict, cx: &mut Context) {
        match verdict {
            Verdict::TaskEnded(end) => self.conclude(self.outcome_of(end), Record::Keep, cx),
            Verdict::Broken => {
                if let State::Following(following) = &mut self.state {
                    following.stream.clear();
                }
                self.post(Content::Ask { stream: None, next: 0 }, cx);
            }
            _ => self.announce(cx),
        }
    }

    fn handle_end(&mut self, stream: &str, end: EndRecord, cx: &mut Context) {
        if !matches!(&self.state, State::Following(following) if following.stream == stream) {
            return;
        }
        let (kind, error) = end.read();
        let outcome = Outcome { error, ..bare_outcome(kind, self.goal.task.clone()) };
        self.conclude(outcome, Record::Keep, cx);
    }

    fn handle_stop_elsewhere(&mut self, task: Option<&str>, cx: &mut Context) {
        let is_meant = task.is_none() || self.goal.task.is_none() || self.goal.task.as_deref() == task;
        if is_meant && self.is_live() && !self.is_draining() {
            self.stopped_elsewhere(cx);
        }
    }

    // ---- time and page ----

    pub(super) fn handle_sharing_timeout(&mut self, cx: &mut Context) {
        match &mut self.state {
            State::Electing { ask, until } if *until <= cx.now => {
                let ask = *ask;
                self.go_alone(ask, cx);
            }
            State::Following(following) if following.deadline() <= cx.now => match following.doubtful_until {
                None => {
                    following.doubtful_until =
                        Some(cx.now.saturating_add(ELECTION).saturating_add(cx.spread(ELECTION)));
                    let ask = Content::Ask { stream: Some(following.stream.clone()), next: following.next };
                    self.post(ask, cx);
                }
                Some(_) => {
                    self.sharing.lock = Lock::Waived;
                    cx.push(Effect::Lock { session: self.id.clone(), mode: LockMode::Steal });
                    self.take_over(cx);
                }
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
            self.post(Content::Ask { stream: None, next: 0 }, cx);
        }
    }

    /// There are no other tabs any more, as far as this one can tell.
    pub fn stop_sharing(&mut self, cx: &mut Context) {
        self.sharing.lock = Lock::None;
        self.sharing.stream.clear();
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
