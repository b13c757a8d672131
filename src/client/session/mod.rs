//! The machine of one session's stream: from a call of the app to the one outcome that it ends with.
//!
//! # Contract
//! - Every input of the network names its attempt. [`Session::is_current`] tells whether it still counts; the client asks
//!   it in one place and drops what is old.
//! - At most one request is out at any time: `State::Asking` or `State::Reading`.
//! - The stream's end is an outcome. It is announced only after the last row was delivered: `State::Draining` waits.
//! - Listeners get rows from the [`Ledger`] only, and the ledger alone says which turn's rows they are.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | the calls of the app, and what it may see |
//! | `state.rs` | the data: where a stream stands, what it is for |
//! | `asking.rs` | which request goes out, and when it is tried again |
//! | `reading.rs` | a response that is read |
//! | `answers.rs` | what a plain answer means: the status table of API.md |
//! | `looks.rs` | what a look at the session shows |
//! | `ending.rs` | deliveries, saves, outcomes |
//! | `waking.rs` | time, network, page |
//! | `sharing.rs` | other tabs: election, and what the owner posts |
//! | `following.rs` | other tabs: what they post |

mod answers;
mod asking;
mod ending;
mod following;
mod looks;
mod reading;
mod sharing;
mod state;
mod waking;

use self::state::{Ask, Exposure, Fate, Goal, Look, Purpose, Record, Sending, State};
pub use self::state::{Leftover, Role, Snapshot};
use crate::client::context::Context;
use crate::client::io::{Attempt, Call, Effect, Metrics, Millis, Outcome, OutcomeKind, SendRequest, Status, Urgency};
use crate::client::outcome::bare_outcome;
use crate::client::retry::Backoff;
use crate::client::turn::{Ledger, Start, Turn};
use crate::stream::batch::Batch;
use crate::stream::cursor::EventId;
use crate::tabs::{Election, Owner};

/// The machine of one session.
#[derive(Debug)]
pub struct Session {
    id: String,
    /// Larger than that of any session that was used before it.
    pub last_use: u64,
    state: State,
    goal: Goal,
    ledger: Ledger,
    election: Election,
    owner: Owner,
    /// The turn that a tab handed over which may not give its answer.
    handed_over: Option<Turn>,
    /// The turn that was stopped last, where its task was not known then.
    stopped: Option<Turn>,
    backoff: Backoff,
    calls: Vec<Call>,
    /// Headers were asked for again after a 401 that nothing good followed.
    unauthorized: bool,
    /// Responses that were opened for the present stream.
    openings: u32,
    /// When the saved cursor is to follow the delivered one.
    save_at: Option<Millis>,
    last_save: Option<Millis>,
    announced: Option<Urgency>,
    /// When the first rows were taken that are not confirmed yet.
    taken_at: Option<Millis>,
    shown: Snapshot,
    /// The app forgot the saved task: the present stream is not saved any more.
    is_forgotten: bool,
    /// The app shows the session: it hears of streams that other tabs begin.
    listens: bool,
}

impl Session {
    /// A session without a stream.
    #[must_use]
    pub fn new(id: &str, cx: &mut Context) -> Self {
        Self {
            id: id.to_owned(),
            last_use: 0,
            state: State::Idle,
            goal: Goal::default(),
            ledger: if cx.has_forgotten { Ledger::of_forgotten() } else { Ledger::default() },
            election: Election::default(),
            owner: Owner::default(),
            handed_over: None,
            stopped: None,
            backoff: cx.backoff(),
            calls: Vec::new(),
            unauthorized: false,
            openings: 0,
            save_at: None,
            last_save: None,
            announced: None,
            taken_at: None,
            shown: Snapshot::default(),
            is_forgotten: false,
            listens: true,
        }
    }

    /// Whether a stream runs, its last delivery included.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !matches!(self.state, State::Idle | State::Over(_))
    }

    /// Whether the end was seen and only its delivery is missing.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        matches!(self.state, State::Draining { .. })
    }

    /// Whether it only looks for something to resume: no answer has come yet that would tell.
    #[must_use]
    pub fn is_looking(&self) -> bool {
        let is_asking = matches!(self.state, State::Electing { .. } | State::Asking { .. });
        let is_first_try = self.openings == 0 && self.backoff.retries() == 0;
        is_asking && is_first_try && self.goal.purpose == Purpose::Resume
    }

    /// Whether a stream keeps the session from taking a message.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.is_live() && !self.is_draining() && !self.is_looking()
    }

    /// The task, once known.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        self.ledger.turn().task()
    }

    /// Whether the session's stream gives the answer of this task.
    #[must_use]
    pub fn is_of(&self, task: &str) -> bool {
        self.ledger.turn().is_of(task)
    }

    fn task_name(&self) -> Option<String> {
        self.task().map(str::to_owned)
    }

    /// How the last stream ended.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            State::Over(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// The session's counters, over all its streams.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        self.ledger.metrics()
    }

    /// Bytes that its streams hold on to: rows, histories, records of what was delivered. For tests and diagnosis.
    #[must_use]
    pub fn footprint(&self) -> usize {
        self.ledger.footprint() + self.calls.capacity() * size_of::<Call>() + self.owner.footprint()
    }

    /// What the session shows now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let own = Snapshot {
            status: self.status(),
            task: self.task_name(),
            attempt: self.backoff.retries(),
            ..Snapshot::default()
        };
        match &self.state {
            State::Over(outcome) => Snapshot { error: outcome.error.clone(), ..own },
            State::Waiting { until, .. } => Snapshot { retry_at: *until, ..own },
            State::Following(follower) => {
                let shown = follower.shown();
                Snapshot { attempt: shown.attempt, retry_at: shown.retry_at, role: Role::Follower, ..own }
            }
            _ => own,
        }
    }

    fn status(&self) -> Status {
        let untried = self.openings == 0 && self.backoff.retries() == 0;
        match &self.state {
            State::Idle => Status::Idle,
            State::Following(follower) => follower.shown().status.into(),
            State::Electing { .. } | State::Asking { .. } | State::Waiting { .. } if untried => Status::Connecting,
            State::Electing { .. } | State::Asking { .. } | State::Waiting { .. } => Status::Reconnecting,
            State::Reading { body, .. } if body.doubtful_until.is_some() => Status::Stalled,
            State::Reading { .. } | State::Draining { .. } => Status::Streaming,
            State::Over(outcome) => match outcome.kind {
                OutcomeKind::Finished => Status::Completed,
                OutcomeKind::Stopped => Status::Stopped,
                OutcomeKind::Failed | OutcomeKind::Expired => Status::Error,
                OutcomeKind::Superseded => Status::Idle,
            },
        }
    }

    /// How many bytes of rows wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.ledger.reader().waiting()
    }

    /// Whether rows wait that were not even taken.
    #[must_use]
    pub fn has_untaken_rows(&self) -> bool {
        self.ledger.reader().pending().is_some()
    }

    /// Whether it can be let go without anything missing it: no stream runs, no call or row waits.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        let is_delivered = self.ledger.reader().is_settled() && self.calls.is_empty();
        !self.is_live() && is_delivered && self.owner.deadline().is_none()
    }

    /// Whether listeners may hold something of its streams.
    #[must_use]
    pub fn has_given(&self) -> bool {
        self.ledger.has_given()
    }

    /// Tells the shell when what the app sees has changed.
    fn show(&mut self, cx: &mut Context) {
        let now = self.snapshot();
        if now != self.shown {
            self.shown = now;
            cx.push(Effect::Changed { session: self.id.clone() });
            self.share_shown(cx);
        }
    }

    /// Another call waits for this stream's outcome.
    pub fn attach(&mut self, call: Call) {
        self.calls.push(call);
    }

    /// Sends a message. No stream is live.
    pub fn start(&mut self, call: Call, request: SendRequest, cx: &mut Context) {
        let turn = Turn::sent(&request, self.ledger.roll().floor());
        self.begin(call, turn.clone(), Start::Sent, cx);
        self.goal.sending = Some(Sending { request, call, fate: Fate::Unsent, turn });
        self.ask(Ask::Send, cx);
    }

    /// Joins a task, after an event or from its beginning. No stream is live.
    pub fn rejoin(&mut self, call: Call, task: &str, after: Option<EventId>, cx: &mut Context) {
        match after.filter(|after| *after != EventId::ZERO) {
            Some(after) => self.begin_after(call, task, after, cx),
            None => self.begin_join(call, task, cx),
        }
        self.ask(Ask::Join, cx);
        self.remember(cx);
    }

    /// Joins the saved task, or what the session says is running. No stream is live. A record of the TypeScript layer
    /// outlived its task where a page was closed too early; the session says whether it still runs.
    pub fn resume(&mut self, call: Call, cx: &mut Context) {
        match cx.resumable(&self.id).filter(|saved| !saved.is_imported).cloned() {
            Some(saved) => {
                self.begin_join(call, &saved.active.task, cx);
                self.goal.purpose = Purpose::Resume;
                self.ask(Ask::Join, cx);
            }
            None => {
                self.begin(call, Turn::default(), Start::Unsettled, cx);
                self.goal.purpose = Purpose::Resume;
                self.ask(Ask::Look(Look::Resume), cx);
            }
        }
    }

    /// Ends the stream as stopped; nothing of it is delivered any more. Says what is left to cancel.
    pub fn stop(&mut self, cx: &mut Context) -> Leftover {
        let leftover = self.leftover();
        if !matches!(leftover, Leftover::InFlight { .. }) {
            self.abort(cx);
        }
        self.ledger.discard();
        self.stopped = Some(self.turn_sent()).filter(|turn| turn.task().is_none());
        let record = match self.state {
            State::Draining { record, .. } => record,
            _ => Record::Keep,
        };
        self.conclude(bare_outcome(OutcomeKind::Stopped, self.task_name()), record, cx);
        leftover
    }

    fn leftover(&self) -> Leftover {
        let message = self.goal.sending.as_ref().map(|sending| sending.request.message_id.clone());
        match (&self.state, self.task(), message) {
            (State::Draining { .. } | State::Idle | State::Over(_), ..) => Leftover::Nothing,
            (_, Some(task), _) => Leftover::Task(task.to_owned()),
            (State::Asking { attempt, ask: Ask::Send, .. }, _, Some(message)) => {
                Leftover::InFlight { attempt: *attempt, message }
            }
            (State::Reading { .. }, None, message) => Leftover::Unknown { message },
            (_, None, Some(_)) if self.fate() == Fate::Unsent => Leftover::Nothing,
            (.., message) => Leftover::Unknown { message },
        }
    }

    /// Lets the stream go: the task goes on and stays saved. A message on its way is not called back; its attempt is
    /// given, so that its task can still be saved.
    pub fn detach(&mut self, cx: &mut Context) -> Option<Attempt> {
        let in_flight = match &self.state {
            State::Asking { attempt, ask: Ask::Send, .. } => Some(*attempt),
            _ => None,
        };
        if in_flight.is_none() {
            self.abort(cx);
        }
        if self.fate() != Fate::Accepted {
            self.ledger.roll().forget();
        }
        self.save(cx);
        self.ledger.discard();
        let outcome = bare_outcome(OutcomeKind::Superseded, self.task_name());
        cx.resolve(&mut self.calls, Some(outcome));
        self.state = State::Idle;
        self.listens = false;
        self.owner.forget_history();
        self.unlock(cx);
        self.show(cx);
        in_flight
    }

    /// The stream's task was stopped elsewhere in this browser: the stream ends, and cancelling is the other's work.
    pub fn stopped_elsewhere(&mut self, cx: &mut Context) {
        self.abort(cx);
        self.ledger.discard();
        self.conclude(bare_outcome(OutcomeKind::Stopped, self.task_name()), Record::Leave, cx);
    }

    /// The app shows this session.
    pub fn listen(&mut self) {
        self.listens = true;
    }

    /// The app, here or in another tab, forgot the saved task: the stream goes on without.
    pub fn forget(&mut self) {
        if !matches!(self.state, State::Following(_)) {
            self.is_forgotten = self.is_live();
        }
    }

    fn begin(&mut self, call: Call, turn: Turn, start: Start, cx: &mut Context) {
        self.calls.push(call);
        self.begin_stream(cx);
        self.ledger.begin(turn, start, cx.records.get(&self.id));
    }

    fn begin_join(&mut self, call: Call, task: &str, cx: &mut Context) {
        let turn = self.known_turn(task, cx);
        self.begin(call, turn, Start::Joined, cx);
        self.take_over_record(task, cx);
    }

    fn begin_after(&mut self, call: Call, task: &str, after: EventId, cx: &mut Context) {
        let turn = self.known_turn(task, cx);
        self.calls.push(call);
        self.begin_stream(cx);
        self.ledger.begin_after(turn, after, cx.records.get(&self.id));
        self.take_over_record(task, cx);
        self.goal.exposure = Exposure::Private;
        self.record_for_tabs(cx);
    }

    /// A stream begins, by a call of this page or because another tab gives one.
    fn begin_stream(&mut self, cx: &mut Context) {
        self.backoff = cx.backoff();
        self.goal = Goal { started: cx.now, ..Goal::default() };
        self.owner.reset();
        self.record_for_tabs(cx);
        self.listens = true;
        self.is_forgotten = false;
        self.unauthorized = false;
        self.openings = 0;
        self.announced = None;
        self.taken_at = None;
        self.save_at = None;
        cx.push(Effect::Began { session: self.id.clone() });
    }

    /// The turn of a task, with what the saved record knows of it.
    fn known_turn(&self, task: &str, cx: &Context) -> Turn {
        let saved = cx.records.get(&self.id).map(Turn::recorded).filter(|saved| saved.is_of(task));
        saved.unwrap_or_else(|| Turn::of_task(task))
    }

    fn take_over_record(&mut self, task: &str, cx: &Context) {
        if let Some(saved) = cx.records.get(&self.id).filter(|saved| Turn::recorded(saved).is_of(task)) {
            self.goal.started = saved.active.started;
            self.goal.operation.clone_from(&saved.active.operation);
            self.goal.tool.clone_from(&saved.active.tool);
        }
    }

    /// Whether a message of this page waits while the answer to another one is given.
    fn gives_another(&self) -> bool {
        self.goal.sending.as_ref().is_some_and(|sending| !sending.turn.is_same(self.ledger.turn()))
    }

    fn fate(&self) -> Fate {
        self.goal.sending.as_ref().map_or(Fate::Accepted, |sending| sending.fate)
    }

    /// Gives the rows that wait.
    pub fn take_batch(&mut self, cx: &Context) -> Option<Batch> {
        self.announced = None;
        let batch = self.ledger.take()?;
        self.taken_at.get_or_insert(cx.now);
        Some(batch)
    }

    /// Takes back the buffers of a batch.
    pub fn recycle(&mut self, batch: Batch) {
        self.ledger.recycle(batch);
    }
}
