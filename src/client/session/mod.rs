//! The machine of one session's stream: from a call of the app to the outcome that ends it.
//!
//! # Contract
//! - Every input of the network contains its attempt number. The client drops inputs for which [`Session::is_current`] is
//!   false, in one place.
//! - At most one request is open at any time, in `State::Asking` or `State::Reading`.
//! - A stream ends with an outcome, which is announced after the last row was delivered. `State::Draining` waits for that.
//! - Listeners get rows from the [`Ledger`] only, which also decides which turn the rows belong to.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | handles the calls of the app, and shows it the state |
//! | `state.rs` | contains the data: the state of a stream, and its goal |
//! | `asking.rs` | decides which request is sent, and when a failed one is tried again |
//! | `reading.rs` | handles a response that is a stream |
//! | `answers.rs` | handles the other responses: the status table of API.md |
//! | `looks.rs` | handles the content of a session that was read |
//! | `ending.rs` | handles deliveries, saves and outcomes |
//! | `waking.rs` | handles time, the network and the page |
//! | `sharing.rs` | handles the election and the broadcast of the owner |
//! | `following.rs` | handles the messages of other tabs |

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
    /// The client's count of uses when this session was used last.
    pub last_use: u64,
    state: State,
    goal: Goal,
    ledger: Ledger,
    election: Election,
    owner: Owner,
    /// The turn that another tab has handed over because it may not deliver the answer.
    handed_over: Option<Turn>,
    /// The turn that was stopped last, if its task was not known then.
    stopped: Option<Turn>,
    /// The last task whose stream was given to its end.
    ended: Option<String>,
    backoff: Backoff,
    calls: Vec<Call>,
    /// Whether headers were requested again after a 401, with no successful response since.
    unauthorized: bool,
    /// The number of responses that were opened for the current stream.
    openings: u32,
    /// When the delivered cursor has to be saved.
    save_at: Option<Millis>,
    last_save: Option<Millis>,
    announced: Option<Urgency>,
    /// When the first rows were taken that are not confirmed yet.
    taken_at: Option<Millis>,
    shown: Snapshot,
    /// Whether the app removed the saved task, so that the current stream is not saved any more.
    is_forgotten: bool,
    /// Whether the app shows the session, so that it gets the streams that other tabs begin.
    listens: bool,
}

impl Session {
    /// Makes a session without a stream.
    #[must_use]
    pub fn new(id: &str, cx: &mut Context) -> Self {
        let mut ledger = Ledger::default();
        if cx.has_forgotten {
            ledger.note_forgotten();
        }
        Self {
            id: id.to_owned(),
            last_use: 0,
            state: State::Idle,
            goal: Goal::default(),
            ledger,
            election: Election::default(),
            owner: Owner::default(),
            handed_over: None,
            stopped: None,
            ended: None,
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

    /// Returns whether a stream has not ended or not delivered its last row.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !matches!(self.state, State::Idle | State::Over(_))
    }

    /// Returns whether the stream has ended but not delivered its last row.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        matches!(self.state, State::Draining { .. })
    }

    /// Returns whether the stream is only a search for something to resume, without a result yet.
    #[must_use]
    pub fn is_looking(&self) -> bool {
        let is_asking = matches!(self.state, State::Electing { .. } | State::Asking { .. });
        let is_first_try = self.openings == 0 && self.backoff.retries() == 0;
        is_asking && is_first_try && self.goal.purpose == Purpose::Resume
    }

    /// Returns whether a stream prevents the session from sending a message.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.is_live() && !self.is_draining() && !self.is_looking()
    }

    /// Returns the task, if its id is known.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        self.ledger.turn().task()
    }

    /// Returns whether the session's stream contains the answer of this task.
    #[must_use]
    pub fn is_of(&self, task: &str) -> bool {
        self.ledger.turn().is_of(task)
    }

    fn task_name(&self) -> Option<String> {
        self.task().map(str::to_owned)
    }

    /// Returns the outcome of the last stream.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            State::Over(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Returns the counters of all streams of the session.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        self.ledger.metrics()
    }

    /// Returns the memory that streams use for rows, histories and records, in bytes. For tests and diagnosis.
    #[must_use]
    pub fn footprint(&self) -> usize {
        self.ledger.footprint() + self.calls.capacity() * size_of::<Call>() + self.owner.footprint()
    }

    /// Returns the snapshot of the session.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            status: self.status(),
            task: self.task_name(),
            attempt: self.backoff.retries(),
            ..Snapshot::default()
        };
        match &self.state {
            State::Over(outcome) => snapshot.error.clone_from(&outcome.error),
            State::Waiting { until, .. } => snapshot.retry_at = *until,
            State::Following(follower) => {
                let shown = follower.shown();
                snapshot.attempt = shown.attempt;
                snapshot.retry_at = shown.retry_at;
                snapshot.role = Role::Follower;
            }
            _ => {}
        }
        snapshot
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

    /// Returns the size of the waiting rows in bytes.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.ledger.reader().waiting()
    }

    /// Returns whether rows wait that were not taken yet.
    #[must_use]
    pub fn has_untaken_rows(&self) -> bool {
        self.ledger.reader().pending().is_some()
    }

    /// Returns whether the session can be dropped: it has no stream, and no call or row waits.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        let is_delivered = self.ledger.reader().is_settled() && self.calls.is_empty();
        !self.is_live() && is_delivered && self.owner.deadline().is_none()
    }

    /// Returns whether listeners may hold rows of the session.
    #[must_use]
    pub fn has_given(&self) -> bool {
        self.ledger.has_given()
    }

    /// Notifies the shell and the followers if the snapshot has changed.
    fn show(&mut self, cx: &mut Context) {
        let now = self.snapshot();
        if now != self.shown {
            self.shown = now;
            cx.note_change(&self.id);
            self.share_shown(cx);
        }
    }

    /// Adds a call that the outcome of the current stream resolves.
    pub fn attach(&mut self, call: Call) {
        self.calls.push(call);
    }

    /// Sends a message. The session must have no stream.
    pub fn start(&mut self, call: Call, request: SendRequest, cx: &mut Context) {
        let turn = Turn::sent(&request, self.ledger.roll().floor());
        if let Some(saved) = cx.record(&self.id).map(Turn::recorded).filter(|saved| saved.task().is_some()) {
            self.ledger.note_known(saved);
        }
        self.begin(call, turn.clone(), Start::Sent, cx);
        self.goal.sending = Some(Sending { request, call, fate: Fate::Unsent, turn });
        self.ask(Ask::Send, cx);
    }

    /// Joins a task, after a cursor or from its beginning. The session must have no stream.
    pub fn rejoin(&mut self, call: Call, task: &str, after: Option<EventId>, cx: &mut Context) {
        match after.filter(|after| *after != EventId::ZERO) {
            Some(after) => self.begin_after(call, task, after, cx),
            None => self.begin_join(call, task, cx),
        }
        self.ask(Ask::Join, cx);
        self.remember(cx);
    }

    /// Joins the saved task, or the task that the session names as running. The session must have no stream. The TypeScript layer
    /// kept the record of a task that had ended if its page was closed too early, so for its records the session is read first.
    pub fn resume(&mut self, call: Call, cx: &mut Context) {
        let saved = cx.resumable(&self.id).filter(|saved| !saved.is_imported);
        match saved.and_then(|saved| saved.active.clone()) {
            Some(active) => {
                self.begin_join(call, &active.task, cx);
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

    /// Stops the stream at once: no further row is delivered. Returns what has to be cancelled.
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

    /// Detaches the stream: the task goes on and stays saved. The request of a message is not aborted. Its attempt number is
    /// returned, so that its task can still be saved.
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

    /// Ends the stream, because another tab has stopped its task. That tab cancels the task.
    pub fn stopped_elsewhere(&mut self, cx: &mut Context) {
        self.abort(cx);
        self.ledger.discard();
        self.conclude(bare_outcome(OutcomeKind::Stopped, self.task_name()), Record::Leave, cx);
    }

    /// Records that the app shows this session.
    pub fn listen(&mut self) {
        self.listens = true;
    }

    /// Records that the app has removed the saved task, here or in another tab. The stream goes on without a record.
    pub fn forget(&mut self) {
        if !matches!(self.state, State::Following(_)) {
            self.is_forgotten = self.is_live();
        }
    }

    fn begin(&mut self, call: Call, turn: Turn, start: Start, cx: &mut Context) {
        self.calls.push(call);
        self.begin_stream(cx);
        self.ledger.begin(turn, start, cx.record(&self.id));
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
        self.ledger.begin_after(turn, after, cx.record(&self.id));
        self.take_over_record(task, cx);
        self.goal.exposure = Exposure::Private;
        self.record_for_tabs(cx);
    }

    /// Begins a stream, by a call of this page or because another tab streams.
    fn begin_stream(&mut self, cx: &mut Context) {
        self.backoff = cx.backoff();
        self.goal = Goal::default();
        self.goal.started = cx.now;
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

    /// Returns the turn of a task, with the aliases in the saved record.
    fn known_turn(&self, task: &str, cx: &Context) -> Turn {
        let saved = cx.record(&self.id).map(Turn::recorded).filter(|saved| saved.is_of(task));
        saved.unwrap_or_else(|| Turn::of_task(task))
    }

    fn take_over_record(&mut self, task: &str, cx: &Context) {
        let saved = cx.record(&self.id).filter(|saved| saved.is_of(task));
        if let Some(active) = saved.and_then(|saved| saved.active.as_ref()) {
            self.goal.started = active.started;
            self.goal.operation.clone_from(&active.operation);
            self.goal.tool.clone_from(&active.tool);
        }
    }

    /// Returns whether a message of this page waits while the answer to another message is delivered.
    fn gives_another(&self) -> bool {
        self.goal.sending.as_ref().is_some_and(|sending| !sending.turn.is_same(self.ledger.turn()))
    }

    fn fate(&self) -> Fate {
        self.goal.sending.as_ref().map_or(Fate::Accepted, |sending| sending.fate)
    }

    /// Takes the waiting rows.
    pub fn take_batch(&mut self, cx: &Context) -> Option<Batch> {
        self.announced = None;
        let batch = self.ledger.take()?;
        self.taken_at.get_or_insert(cx.now);
        Some(batch)
    }

    /// Takes the buffers of a batch back for reuse.
    pub fn recycle(&mut self, batch: Batch) {
        self.ledger.recycle(batch);
    }
}
