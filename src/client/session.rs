//! The machine of one session's stream: from a call of the app to the one outcome that it ends with.
//!
//! # Contract
//! - Every input of the network names its attempt. [`Session::is_current`] tells whether it still counts; the client asks
//!   it in one place and drops what is old.
//! - At most one request is out at any time: `State::Asking` or `State::Reading`.
//! - The stream's end is an outcome. It is announced only after the last row was delivered: `State::Draining` waits.
//! - What may change when: `reader` by bytes and deliveries, `goal` when a task becomes known, `state` everywhere else.
//!
//! The rows of API.md's status table stand in `answers.rs`, one function for each kind of request.

mod answers;
mod sharing;

use std::collections::VecDeque;

use self::sharing::{Following, Sharing};
use crate::client::context::{Context, Departure};
use crate::client::io::{
    Attempt, Call, Effect, Failure, Head, Metrics, Millis, Network, Origin, Outcome, OutcomeKind, Page, Recovery,
    Replay, Request, SendRequest, Status, StreamError, Urgency, Why,
};
use crate::client::outcome::bare_outcome;
use crate::client::retry::{Backoff, Budget, Next};
use crate::persist::{ActiveTask, SavedTask};
use crate::stream::batch::Batch;
use crate::stream::cursor::EventId;
use crate::stream::error::local_error;
use crate::stream::reader::{End, Heard, IdsSeen, Moved, Position, Reader, Recording, Verdict};

/// Silence that is taken for a dead connection where no heartbeat was announced and no option given, in ms.
const STALL: Millis = 45_000;
/// A stall is declared only this long after its time, so that bytes which wait behind a throttled timer are seen first.
const GRACE: Millis = 250;
/// Least time between two saves of a moving cursor, in ms.
const SAVE_EVERY: Millis = 250;
/// So many bytes of rows wait for one frame where a stream is replayed, and not where it is written while it is read.
const REPLAY: usize = 16 * 1024;
/// How long rows that were taken may remain unconfirmed, in ms. Handing them out takes no turn of the event loop, so that
/// beyond this the shell has failed at it.
const CONFIRM: Millis = 10_000;
/// Stands for the task of a stream that was let go before its task was known: what is found running is taken for it.
const UNNAMED: &str = "";
/// Tasks that a page remembers to have been told.
const MOST_PAST: usize = 16;

/// What is asked of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// Post the message.
    Send,
    /// The task's stream after the cursor.
    Join,
    /// The session, to learn something.
    Look(Look),
    /// The task's status: its stream says that there is nothing more.
    Verify,
}

/// What a look at the session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Is a task running that could be resumed?
    Resume,
    /// What became of a message whose answer was lost?
    Sent,
    /// What became of a task whose record is gone?
    Lost,
    /// Which task keeps the session busy?
    Busy,
}

/// Where a stream stands.
#[derive(Debug)]
enum State {
    /// There is none.
    Idle,
    /// A request is out and unanswered.
    Asking { attempt: Attempt, ask: Ask, since: Millis },
    /// A response is being read.
    Reading { attempt: Attempt, body: Body },
    /// The lock is wanted and the other tabs are asked before the first request.
    Electing { ask: Ask, until: Millis },
    /// Another tab has the connection.
    Following(Following),
    /// The next request waits: until a time, or for the network or the page (`None`).
    Waiting { ask: Ask, until: Option<Millis> },
    /// The end was seen; its last rows are not delivered yet.
    Draining { outcome: Outcome, record: Record },
    /// It is over.
    Over(Outcome),
}

/// A response that is being read.
#[derive(Debug)]
struct Body {
    opened: Millis,
    /// Silence that is too long.
    patience: Millis,
    /// The server's cadence, where it announced one.
    heartbeat: Option<Millis>,
    /// When the present silence will have been too long.
    silent_at: Millis,
    /// Set when the silence was too long: rejoined then, unless a byte comes first.
    doubtful_until: Option<Millis>,
    bytes: BodyBytes,
}

/// Whether a response's body has given anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyBytes {
    None,
    Some,
}

/// What to do with the saved task at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Record {
    /// It may be resumed later.
    Keep,
    /// There is nothing left to resume.
    Drop,
    /// It is another tab's.
    Leave,
}

/// What the stream is for.
#[derive(Debug, Default)]
struct Goal {
    /// The message that started it, in this page.
    sending: Option<Sending>,
    /// The task, once known.
    task: Option<String>,
    origin: Origin,
    purpose: Purpose,
    exposure: Exposure,
    started: Millis,
    operation: String,
    tool: String,
}

/// Which answer the app waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Purpose {
    /// An outcome.
    #[default]
    Outcome,
    /// An outcome, or none if there is nothing to resume.
    Resume,
}

/// Whether other tabs take part in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Exposure {
    /// They do.
    #[default]
    Shared,
    /// It begins at a cursor that only this page's app knows.
    Private,
}

/// A message on its way.
#[derive(Debug)]
struct Sending {
    request: SendRequest,
    since: Millis,
    fate: Fate,
}

/// What is known of a message's arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Not sent, or surely refused.
    Unsent,
    /// The answer was lost: it may have arrived.
    Unknown,
    /// A byte of a 200 answer came: it is never sent again.
    Accepted,
}

/// What a stop leaves for the canceller to do.
#[derive(Debug)]
pub enum Leftover {
    /// Nothing: no task can be running.
    Nothing,
    /// Cancel this task.
    Task(String),
    /// The message is on its way; its answer tells the task.
    InFlight(Attempt),
    /// A message may have arrived and started a task: look at the session.
    Unknown,
    /// No stream is here: look whether the session runs one all the same.
    Elsewhere,
}

/// What a session shows (API.md, `StreamSnapshot`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// What the stream is doing.
    pub status: Status,
    /// The task, once known.
    pub task: Option<String>,
    /// Tries in a row without progress.
    pub attempt: u32,
    /// When the next request goes out, while it waits for a time.
    pub retry_at: Option<Millis>,
    /// Why it failed.
    pub error: Option<StreamError>,
    /// Whose connection it is.
    pub role: Role,
}

/// Whose connection feeds a session's stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// This tab's.
    #[default]
    Owner,
    /// Another tab's.
    Follower,
}

/// The machine of one session.
#[derive(Debug)]
pub struct Session {
    id: String,
    /// Larger than that of any session that was used before it.
    pub last_use: u64,
    state: State,
    goal: Goal,
    reader: Reader,
    /// The task that a stream before this one told, and what it gave.
    before: Option<(String, Reader)>,
    /// Tasks that this page was told, and up to where: told again, they are replayed.
    past: VecDeque<(String, Position)>,
    backoff: Backoff,
    calls: Vec<Call>,
    /// Headers were asked for again after a 401 that nothing good followed.
    unauthorized: bool,
    /// Responses that were opened for the present stream.
    openings: u32,
    metrics: Metrics,
    /// When the saved cursor is to follow the delivered one.
    save_at: Option<Millis>,
    last_save: Option<Millis>,
    announced: Option<Urgency>,
    /// When the first rows were taken that are not confirmed yet.
    taken_at: Option<Millis>,
    shown: Snapshot,
    sharing: Sharing,
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
            reader: if cx.has_forgotten { Reader::owing_reset() } else { Reader::default() },
            before: None,
            past: VecDeque::new(),
            backoff: cx.backoff(),
            calls: Vec::new(),
            unauthorized: false,
            openings: 0,
            metrics: Metrics::default(),
            save_at: None,
            last_save: None,
            announced: None,
            taken_at: None,
            shown: Snapshot::default(),
            sharing: Sharing::default(),
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
        self.goal.task.as_deref()
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
        &self.metrics
    }

    /// Bytes that its streams hold on to: rows, histories, records of what was told. For tests and diagnosis.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let before = self.before.as_ref().map_or(0, |(task, reader)| task.capacity() + reader.footprint());
        let past = self.past.iter().map(|(task, _)| task.capacity() + size_of::<(String, Position)>()).sum::<usize>();
        self.reader.footprint() + before + past + self.calls.capacity() * size_of::<Call>() + self.sharing.footprint()
    }

    /// What the session shows now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let own = Snapshot {
            status: self.status(),
            task: self.goal.task.clone(),
            attempt: self.backoff.retries(),
            ..Snapshot::default()
        };
        match &self.state {
            State::Over(outcome) => Snapshot { error: outcome.error.clone(), ..own },
            State::Waiting { until, .. } => Snapshot { retry_at: *until, ..own },
            State::Following(Following { shown, .. }) => {
                Snapshot { attempt: shown.attempt, retry_at: shown.retry_at, role: Role::Follower, ..own }
            }
            _ => own,
        }
    }

    fn status(&self) -> Status {
        let untried = self.openings == 0 && self.backoff.retries() == 0;
        match &self.state {
            State::Idle => Status::Idle,
            State::Following(following) => following.shown.status.into(),
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

    // ---- calls of the app ----

    /// Another call waits for this stream's outcome.
    pub fn attach(&mut self, call: Call) {
        self.calls.push(call);
    }

    /// Sends a message. No stream is live.
    pub fn start(&mut self, call: Call, request: SendRequest, cx: &mut Context) {
        self.begin(call, cx);
        self.goal.sending = Some(Sending { request, since: cx.now, fate: Fate::Unsent });
        self.ask(Ask::Send, cx);
    }

    /// Joins a task, after an event or from its beginning. No stream is live.
    pub fn rejoin(&mut self, call: Call, task: &str, after: Option<EventId>, cx: &mut Context) {
        self.begin_join(call, task, after, cx);
        if after.is_some() {
            self.goal.exposure = Exposure::Private;
        }
        self.ask(Ask::Join, cx);
        self.remember(cx);
    }

    /// Joins the saved task, or what the session says is running. No stream is live.
    pub fn resume(&mut self, call: Call, cx: &mut Context) {
        match cx.resumable(&self.id).cloned() {
            Some(saved) => {
                self.begin_join(call, &saved.active.task, None, cx);
                self.goal.purpose = Purpose::Resume;
                self.ask(Ask::Join, cx);
            }
            None => {
                self.begin(call, cx);
                self.goal.purpose = Purpose::Resume;
                self.ask(Ask::Look(Look::Resume), cx);
            }
        }
    }

    /// Ends the stream as stopped; nothing of it is delivered any more. Says what is left to cancel.
    pub fn stop(&mut self, cx: &mut Context) -> Leftover {
        let leftover = self.leftover();
        if !matches!(leftover, Leftover::InFlight(_)) {
            self.abort(cx);
        }
        self.reader.discard();
        let record = match self.state {
            State::Draining { record, .. } => record,
            _ => Record::Keep,
        };
        self.conclude(bare_outcome(OutcomeKind::Stopped, self.goal.task.clone()), record, cx);
        leftover
    }

    fn leftover(&self) -> Leftover {
        match (&self.state, &self.goal.task, &self.goal.sending) {
            (State::Draining { .. } | State::Idle | State::Over(_), ..) => Leftover::Nothing,
            (_, Some(task), _) => Leftover::Task(task.clone()),
            (State::Asking { attempt, ask: Ask::Send, .. }, ..) => Leftover::InFlight(*attempt),
            (State::Reading { .. }, None, _) => Leftover::Unknown,
            (_, None, Some(Sending { fate: Fate::Unsent, .. })) => Leftover::Nothing,
            _ => Leftover::Unknown,
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
        self.save(cx);
        self.reader.discard();
        cx.resolve(&mut self.calls, Some(bare_outcome(OutcomeKind::Superseded, self.goal.task.clone())));
        self.state = State::Idle;
        self.listens = false;
        self.forget_history();
        self.unlock(cx);
        self.show(cx);
        in_flight
    }

    /// The stream's task was stopped elsewhere in this browser: the stream ends, and cancelling is the other's work.
    pub fn stopped_elsewhere(&mut self, cx: &mut Context) {
        self.abort(cx);
        self.reader.discard();
        self.conclude(bare_outcome(OutcomeKind::Stopped, self.goal.task.clone()), Record::Leave, cx);
    }

    /// The app shows this session.
    pub fn listen(&mut self) {
        self.listens = true;
    }

    fn begin(&mut self, call: Call, cx: &mut Context) {
        self.calls.push(call);
        self.begin_quietly(cx);
    }

    /// A stream begins that no call of this page asked for.
    fn begin_quietly(&mut self, cx: &mut Context) {
        self.set_aside();
        self.backoff = cx.backoff();
        self.goal = Goal { started: cx.now, ..Goal::default() };
        self.reset_sharing();
        self.listens = true;
        self.is_forgotten = false;
        self.unauthorized = false;
        self.openings = 0;
        self.announced = None;
        self.taken_at = None;
        self.save_at = None;
        self.record_for_tabs(cx);
        cx.push(Effect::Began { session: self.id.clone() });
    }

    fn begin_join(&mut self, call: Call, task: &str, after: Option<EventId>, cx: &mut Context) {
        self.begin(call, cx);
        match after {
            Some(after) => self.reader = Reader::new(after, self.known_position(task, cx)),
            None => self.adopt(task, cx),
        }
        if let Some(saved) = cx.records.get(&self.id).filter(|saved| saved.active.task == task) {
            self.goal.started = saved.active.started;
            self.goal.operation.clone_from(&saved.active.operation);
            self.goal.tool.clone_from(&saved.active.tool);
        }
        self.goal.task = Some(task.to_owned());
    }

    /// Remembers what listeners hold of the present task, before another one is told.
    fn set_aside(&mut self) {
        let reader = std::mem::take(&mut self.reader);
        let task = self.goal.task.take();
        if !reader.has_told() {
            return;
        }
        self.before.take_if(|(told, _)| told == UNNAMED);
        if let Some(task) = task {
            self.past.retain(|(told, _)| *told != task);
            self.past.push_back((task.clone(), reader.saved_position()));
            if self.past.len() > MOST_PAST {
                self.past.pop_front();
            }
            self.before = Some((task, reader));
        } else if !self.has_ended() {
            self.before = Some((UNNAMED.to_owned(), reader));
        }
    }

    /// Whether the end of the last stream's task was seen.
    fn has_ended(&self) -> bool {
        matches!(self.state, State::Over(Outcome { kind: OutcomeKind::Finished, .. }))
    }

    /// Whether listeners hold something of a task that an earlier stream told.
    fn was_told(&self, task: &str) -> bool {
        self.before.as_ref().is_some_and(|(told, _)| told == task)
    }

    /// Up to where a page before this one, or an earlier stream of this one, had delivered a task.
    fn known_position(&self, task: &str, cx: &Context) -> Position {
        let past = self.past.iter().find(|(told, _)| told == task).map(|(_, position)| *position);
        cx.saved_position(&self.id, task).max(past.unwrap_or_default())
    }

    /// The stream turns out to tell this task from its beginning. What was given of it before, by the stream before
    /// this one or by a page before this one, is known as replayed; the former is void for the listeners.
    fn adopt(&mut self, task: &str, cx: &Context) {
        match self.before.take_if(|(told, _)| told == task || told == UNNAMED) {
            Some((_, reader)) => {
                self.reader = reader;
                self.reader.start_over(&mut self.metrics);
            }
            None => self.reader = Reader::new(EventId::ZERO, self.known_position(task, cx)),
        }
        self.record_for_tabs(cx);
    }

    fn record_for_tabs(&mut self, cx: &Context) {
        let is_shared = cx.config.tab.is_some() && self.goal.exposure == Exposure::Shared;
        self.reader.set_recording(if is_shared { self.sharing.recording() } else { Recording::Off });
    }

    // ---- requests ----

    /// Asks as soon as it may.
    fn ask(&mut self, ask: Ask, cx: &mut Context) {
        if self.must_elect(cx) {
            self.elect(ask, cx);
            return self.show(cx);
        }
        match cx.departure(&self.backoff) {
            Departure::Now => self.open(ask, cx),
            Departure::Later(until) => self.state = State::Waiting { ask, until },
        }
        self.show(cx);
    }

    fn open(&mut self, ask: Ask, cx: &mut Context) {
        let Some(request) = self.request(ask) else {
            return self.fail(local_error("TASK_NOT_FOUND", "No task is known.", Recovery::Retryable), cx);
        };
        let why = match ask {
            _ if self.unauthorized => Why::Unauthorized,
            Ask::Send => Why::Send,
            _ => Why::Resume,
        };
        self.backoff.requested(cx.now);
        let attempt = cx.open(&self.id, request, why);
        self.state = State::Asking { attempt, ask, since: cx.now };
    }

    fn request(&self, ask: Ask) -> Option<Request> {
        let session = self.id.clone();
        let task = self.goal.task.clone();
        Some(match ask {
            Ask::Send => Request::Send { session, request: self.goal.sending.as_ref()?.request.clone() },
            Ask::Look(_) => Request::Session { session },
            Ask::Verify => Request::Task { task: task? },
            Ask::Join => {
                let replay = if self.reader.is_cold() { Replay::Compact } else { Replay::Exact };
                Request::Join { task: task?, after: self.reader.cursor(), replay }
            }
        })
    }

    fn abort(&mut self, cx: &mut Context) {
        if let State::Asking { attempt, .. } | State::Reading { attempt, .. } = self.state {
            cx.abort(attempt);
        }
    }

    /// Whether an input of this attempt still counts.
    #[must_use]
    pub fn is_current(&self, answered: Attempt) -> bool {
        matches!(self.state, State::Asking { attempt, .. } | State::Reading { attempt, .. } if attempt == answered)
    }

    // ---- a stream that is read ----

    /// The streaming request is answered by an event stream.
    pub fn handle_opened(&mut self, head: &Head<'_>, cx: &mut Context) {
        let State::Asking { attempt, ask, .. } = self.state else { return };
        if ask == Ask::Send {
            cx.settle_unknown_stop(&self.id);
        }
        self.unauthorized = false;
        if self.openings > 0 {
            self.metrics.reconnects += 1;
        }
        self.openings += 1;
        self.state = State::Reading { attempt, body: Body::new(cx.now, cx.config.stall_timeout.unwrap_or(STALL)) };
        if let Some(task) = head.task.filter(|task| !task.is_empty()) {
            self.meet(task, cx);
        }
        self.reader.open();
        self.announce_telling(cx);
        self.announce(cx);
        self.show(cx);
    }

    /// Bytes of the stream.
    pub fn handle_bytes(&mut self, bytes: &[u8], cx: &mut Context) {
        let State::Reading { body, .. } = &mut self.state else { return };
        body.heard_bytes(cx.now);
        if body.is_healthy(cx.now) {
            self.backoff.progressed();
        }
        if let Some(sending) = &mut self.goal.sending {
            sending.fate = Fate::Accepted;
        }
        let mut heard = self.reader.feed(bytes, &mut self.metrics);
        self.take_notes(&heard, cx);
        self.share(&mut heard, cx);
        self.follow(heard.verdict, cx);
        self.announce(cx);
        self.show(cx);
    }

    fn take_notes(&mut self, heard: &Heard, cx: &mut Context) {
        if heard.ids == IdsSeen::Yes {
            cx.backend_ids = IdsSeen::Yes;
        }
        if heard.news > 0 {
            self.backoff.progressed();
        }
        if let Some(ms) = heard.retry {
            self.backoff.set_stream_floor(ms);
        }
        if let (State::Reading { body, .. }, Some(heartbeat)) = (&mut self.state, heard.heartbeat) {
            body.heard_heartbeat(heartbeat, cx.config.stall_timeout, cx.now);
            self.share_shown(cx);
        }
        if let Some(task) = &heard.task {
            self.learn_task(task, cx);
        }
    }

    fn follow(&mut self, verdict: Verdict, cx: &mut Context) {
        match verdict {
            Verdict::Continue => {}
            Verdict::ResponseDone => {
                self.abort(cx);
                self.cut(local_error("STREAM_CUT", "The response ended before the task.", Recovery::Retryable), cx);
            }
            Verdict::TaskEnded(end) => {
                self.abort(cx);
                self.conclude(self.outcome_of(end), Record::Drop, cx);
            }
            Verdict::Broken => {
                self.abort(cx);
                self.start_over(cx);
                self.cut(
                    local_error("STREAM_BROKEN", "The server lost a part of the answer.", Recovery::Retryable),
                    cx,
                );
            }
            Verdict::TooLarge => {
                self.abort(cx);
                let message = "An event of the stream is larger than the limit.";
                self.fail(local_error("EVENT_TOO_LARGE", message, Recovery::Permanent), cx);
            }
        }
    }

    fn outcome_of(&self, end: End) -> Outcome {
        let (kind, finish_reason, error) = match end {
            End::Finish { reason } => (OutcomeKind::Finished, reason, None),
            End::Abort => (OutcomeKind::Stopped, None, None),
            End::Error(error) => (OutcomeKind::Failed, None, Some(error)),
        };
        Outcome { kind, task: self.goal.task.clone(), finish_reason, origin: self.goal.origin, error }
    }

    /// The stream reached its end of file.
    pub fn handle_ended(&mut self, cx: &mut Context) {
        self.cut(local_error("STREAM_CUT", "The connection ended before the task.", Recovery::Retryable), cx);
        self.show(cx);
    }

    /// A request ended without an answer, or the stream broke.
    pub fn handle_failed(&mut self, failure: Failure, cx: &mut Context) {
        let (error, ask) = (failure.into_error(), self.asked());
        match ask {
            None => self.cut(error, cx),
            Some(_) if error.recovery == Recovery::Permanent => self.fail(error, cx),
            Some(Ask::Send) if error.code == "HEADERS_FAILED" => self.fail(error, cx),
            Some(Ask::Send) => self.unanswered(error, 0, cx),
            Some(ask) => self.try_again(ask, error, 0, cx),
        }
        self.show(cx);
    }

    fn asked(&self) -> Option<Ask> {
        match self.state {
            State::Asking { ask, .. } => Some(ask),
            _ => None,
        }
    }

    /// A response is over and the task is not.
    fn cut(&mut self, cause: StreamError, cx: &mut Context) {
        let gave = match &self.state {
            State::Reading { body, .. } => body.bytes,
            _ => BodyBytes::Some,
        };
        if self.goal.task.is_some() {
            self.try_again(Ask::Join, cause, 0, cx);
        } else if gave == BodyBytes::None {
            self.unanswered(cause, 0, cx);
        } else {
            self.try_again(Ask::Look(Look::Sent), cause, 0, cx);
        }
    }

    /// A message has no answer. Where the backend tells repeats it is repeated; elsewhere the session is looked at first.
    fn unanswered(&mut self, cause: StreamError, floor: Millis, cx: &mut Context) {
        let refused = cause.status == Some(429);
        if let Some(sending) = self.goal.sending.as_mut().filter(|sending| !refused && sending.fate == Fate::Unsent) {
            sending.fate = Fate::Unknown;
            cx.settle_unknown_stop(&self.id);
        }
        let surely_repeatable = refused && self.fate() == Fate::Unsent;
        let ask = if surely_repeatable || self.may_repeat_blindly(cx) { Ask::Send } else { Ask::Look(Look::Sent) };
        self.try_again(ask, cause, floor, cx);
    }

    fn may_repeat_blindly(&self, cx: &Context) -> bool {
        cx.backend_ids == IdsSeen::Yes && cx.may_repost() && self.fate() != Fate::Accepted
    }

    fn fate(&self) -> Fate {
        self.goal.sending.as_ref().map_or(Fate::Accepted, |sending| sending.fate)
    }

    fn try_again(&mut self, ask: Ask, cause: StreamError, floor: Millis, cx: &mut Context) {
        let budget = if self.goal.task.is_some() { Budget::Task } else { Budget::Send };
        match self.backoff.failed(cx.now, floor, budget) {
            Next::Exhausted => self.fail(StreamError { recovery: Recovery::Retryable, ..cause }, cx),
            Next::At(at) => self.state = State::Waiting { ask, until: cx.planned(at) },
        }
    }

    fn start_over(&mut self, cx: &mut Context) {
        self.reader.start_over(&mut self.metrics);
        self.retell(cx);
    }

    // ---- the task and its record ----

    /// The task is known. What was read of it before that stays: its replay is aligned with it.
    fn meet(&mut self, task: &str, cx: &mut Context) {
        if self.goal.task.is_none() && self.reader.is_cold() {
            self.adopt(task, cx);
        }
        self.learn_task(task, cx);
    }

    fn learn_task(&mut self, task: &str, cx: &mut Context) {
        if self.goal.task.as_deref() == Some(task) {
            return;
        }
        self.goal.task = Some(task.to_owned());
        self.remember(cx);
    }

    fn remember(&mut self, cx: &mut Context) {
        self.save_at = Some(cx.now);
        self.save(cx);
    }

    /// Saves the delivered position, if there is a task to save.
    fn save(&mut self, cx: &mut Context) {
        self.save_at = None;
        let Some(task) = self.goal.task.clone().filter(|_| self.is_saved()) else { return };
        let position = self.reader.saved_position();
        let active = ActiveTask {
            task,
            session: self.id.clone(),
            operation: self.goal.operation.clone(),
            tool: self.goal.tool.clone(),
            last: position.last,
            started: self.goal.started,
        };
        self.last_save = Some(cx.now);
        let unnumbered = position.unnumbered;
        cx.save(SavedTask { active, unnumbered, saved: cx.now, ..SavedTask::default() });
    }

    /// A follower leaves the record to the owner.
    fn is_saved(&self) -> bool {
        self.is_live() && !self.is_forgotten && !matches!(self.state, State::Following(_) | State::Electing { .. })
    }

    /// The app, here or in another tab, forgot the saved task: the stream goes on without.
    pub fn forget(&mut self) {
        if !matches!(self.state, State::Following(_)) {
            self.is_forgotten = self.is_live();
        }
    }

    fn save_soon(&mut self, cx: &Context) {
        let soonest = self.last_save.map_or(cx.now, |last| last.saturating_add(SAVE_EVERY));
        self.save_at.get_or_insert(soonest.max(cx.now));
    }

    // ---- delivery ----

    /// Says once that rows wait; again when they should wait no longer.
    fn announce(&mut self, cx: &mut Context) {
        let Some(pending) = self.reader.pending() else { return };
        let urgency = if self.is_draining() { pending.max(self.urgency_of_end()) } else { pending };
        if self.announced < Some(urgency) {
            self.announced = Some(urgency);
            cx.push(Effect::Deliver { session: self.id.clone(), urgency });
        }
    }

    /// Nothing follows: no frame is gained by waiting for one where nothing of the answer came before, or where it is a replay
    /// that was to be shown with what comes next.
    fn urgency_of_end(&self) -> Urgency {
        match self.reader.waiting() {
            REPLAY.. => Urgency::Soon,
            _ if !self.reader.has_given() => Urgency::Now,
            _ => Urgency::Frame,
        }
    }

    /// How many bytes of rows wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.reader.waiting()
    }

    /// Gives the rows that wait.
    pub fn take_batch(&mut self, cx: &Context) -> Option<Batch> {
        self.announced = None;
        let batch = self.reader.take()?;
        self.taken_at.get_or_insert(cx.now);
        Some(batch)
    }

    /// Takes back the buffers of a batch.
    pub fn recycle(&mut self, batch: Batch) {
        self.reader.recycle(batch);
    }

    /// The rows taken last have reached every listener.
    pub fn handle_delivered(&mut self, cx: &mut Context) {
        self.taken_at = None;
        if self.reader.confirm() == Moved::Yes && self.is_live() {
            self.save_soon(cx);
        }
        self.settle(cx);
        self.handle_save_due(cx);
        self.show(cx);
    }

    // ---- the end ----

    fn fail(&mut self, error: StreamError, cx: &mut Context) {
        let outcome = Outcome { error: Some(error), ..bare_outcome(OutcomeKind::Failed, self.goal.task.clone()) };
        self.conclude(Outcome { origin: self.goal.origin, ..outcome }, Record::Keep, cx);
    }

    /// Nothing is asked any more; the outcome is announced when the last row was delivered.
    fn conclude(&mut self, outcome: Outcome, record: Record, cx: &mut Context) {
        if record == Record::Keep {
            self.save(cx);
        }
        self.save_at = None;
        self.share_end(&outcome, cx);
        self.state = State::Draining { outcome, record };
        self.announce(cx);
        self.settle(cx);
        self.show(cx);
    }

    fn settle(&mut self, cx: &mut Context) {
        if !self.reader.is_settled() {
            return;
        }
        self.settle_now(cx);
    }

    /// Announces the outcome of a stream that is draining.
    pub fn settle_now(&mut self, cx: &mut Context) {
        let State::Draining { outcome, record } = &self.state else { return };
        let (outcome, record) = (outcome.clone(), *record);
        if record == Record::Drop && !self.is_overtaken(cx) {
            cx.remove(&self.id);
        }
        self.end_telling(cx);
        self.state = State::Over(outcome.clone());
        self.unlock(cx);
        self.show(cx);
        cx.resolve(&mut self.calls, Some(outcome.clone()));
        cx.push(Effect::Ended { session: self.id.clone(), outcome });
    }

    /// Whether the record is that of a later task, which another tab began while this one slept.
    fn is_overtaken(&self, cx: &Context) -> bool {
        let saved = cx.records.get(&self.id).map(|saved| &saved.active);
        saved.is_some_and(|saved| Some(&saved.task) != self.goal.task.as_ref() && saved.started > self.goal.started)
    }

    /// Whether it can be let go without anything missing it: no stream runs, no call or row waits.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        let is_heard_out = self.reader.is_settled() && self.calls.is_empty() && self.sharing.recall_until.is_none();
        !self.is_live() && is_heard_out
    }

    /// Whether listeners may hold something of its streams.
    #[must_use]
    pub fn has_told(&self) -> bool {
        self.reader.has_told() || self.before.is_some() || !self.past.is_empty()
    }

    /// Whether rows wait that were not even taken.
    #[must_use]
    pub fn has_untaken_rows(&self) -> bool {
        self.reader.pending().is_some()
    }

    /// There was nothing to resume.
    fn nothing_to_resume(&mut self, cx: &mut Context) {
        self.reader.discard();
        cx.resolve(&mut self.calls, None);
        self.state = State::Idle;
        self.unlock(cx);
        self.show(cx);
    }

    // ---- time, network, page ----

    /// When this session wants to be woken.
    #[must_use]
    pub fn deadline(&self, cx: &Context) -> Option<Millis> {
        let next = match &self.state {
            State::Waiting { until, .. } => *until,
            State::Asking { since, .. } => Some(since.saturating_add(cx.answer_patience(STALL))),
            State::Reading { body, .. } => Some(body.deadline()),
            State::Electing { until, .. } => Some(*until),
            State::Following(following) => Some(following.deadline()),
            _ => None,
        };
        [next, self.save_at, self.sharing.recall_until, self.confirm_until()].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, cx: &mut Context) {
        self.handle_save_due(cx);
        if self.confirm_until().is_some_and(|until| until <= cx.now) {
            return self.give_up_delivery(cx);
        }
        if self.sharing.recall_until.is_some_and(|until| until <= cx.now) {
            self.forget_history();
        }
        match &self.state {
            State::Waiting { ask, until: Some(until) } if *until <= cx.now => self.ask(*ask, cx),
            State::Asking { since, .. } if since.saturating_add(cx.answer_patience(STALL)) <= cx.now => {
                self.abort(cx);
                self.handle_failed(Failure::Network("The server did not answer in time.".into()), cx);
            }
            State::Reading { .. } => self.watch(cx),
            State::Electing { .. } | State::Following(_) => self.handle_sharing_timeout(cx),
            _ => {}
        }
    }

    fn confirm_until(&self) -> Option<Millis> {
        self.taken_at.filter(|_| self.is_live()).map(|taken| taken.saturating_add(CONFIRM))
    }

    /// Rows were taken and the shell never said that listeners have them. Nothing may follow what is perhaps missing: the
    /// stream fails, and its task stays saved up to the last rows that were confirmed.
    fn give_up_delivery(&mut self, cx: &mut Context) {
        self.abort(cx);
        self.reader.discard();
        self.taken_at = None;
        let message = "Chunks were handed to the page and their delivery was never confirmed.";
        self.fail(local_error("DELIVERY_FAILED", message, Recovery::Retryable), cx);
    }

    fn handle_save_due(&mut self, cx: &mut Context) {
        if self.save_at.is_some_and(|at| at <= cx.now) {
            self.save(cx);
        }
    }

    /// Two steps: first the silence is doubted, then, when the grace gave no byte either, the stream is rejoined.
    fn watch(&mut self, cx: &mut Context) {
        let State::Reading { body, .. } = &mut self.state else { return };
        match body.doubtful_until {
            Some(until) if until <= cx.now => self.rejoin_now(cx),
            None if body.is_silent(cx.now) => {
                body.doubtful_until = Some(cx.now.saturating_add(GRACE.min(body.patience)));
                self.show(cx);
            }
            _ => {}
        }
    }

    /// The connection is taken for dead.
    fn rejoin_now(&mut self, cx: &mut Context) {
        self.abort(cx);
        self.cut(local_error("STREAM_STALLED", "The connection went silent.", Recovery::Retryable), cx);
        self.hurry(cx);
        self.show(cx);
    }

    /// Goes on at once where only our own patience, not the server's wish, makes it wait.
    fn hurry(&mut self, cx: &mut Context) {
        if let State::Waiting { ask, until } = self.state
            && until.is_none_or(|_| !self.backoff.is_held_by_server(cx.now))
        {
            self.ask(ask, cx);
        }
    }

    /// The network came or went.
    pub fn handle_network(&mut self, network: Network, cx: &mut Context) {
        match (network, &mut self.state) {
            (Network::Offline, State::Waiting { until, .. }) => *until = None,
            (Network::Online, State::Waiting { .. }) => {
                self.backoff.excuse(cx.now);
                self.hurry(cx);
            }
            (Network::Online, State::Reading { body, .. }) => body.expect_soon(cx.now),
            _ => {}
        }
        self.show(cx);
    }

    /// The page's life changed.
    pub fn handle_page(&mut self, page: Page, cx: &mut Context) {
        match (page, &mut self.state) {
            (Page::Hidden, _) => self.save_if_moved(cx),
            (Page::Left, State::Reading { .. } | State::Asking { ask: Ask::Join | Ask::Look(_) | Ask::Verify, .. }) => {
                self.save_if_moved(cx);
                self.suspend(cx);
            }
            (Page::Left, _) => {
                self.save_if_moved(cx);
                self.leave_tabs(cx);
            }
            (Page::Shown | Page::Returned, State::Reading { body, .. }) if body.is_silent(cx.now) => {
                self.rejoin_now(cx);
            }
            (Page::Shown | Page::Returned, State::Waiting { .. }) if cx.network == Network::Online => {
                if page == Page::Returned {
                    self.backoff.excuse(cx.now);
                }
                self.hurry(cx);
            }
            (Page::Returned, State::Idle | State::Over(_)) => self.catch_up(cx),
            _ => {}
        }
        self.show(cx);
    }

    fn save_if_moved(&mut self, cx: &mut Context) {
        if self.save_at.is_some() {
            self.save(cx);
        }
    }

    /// Lets the request go while the page is away; it is asked again when the page returns.
    fn suspend(&mut self, cx: &mut Context) {
        let ask = self.asked().unwrap_or(if self.goal.task.is_some() { Ask::Join } else { Ask::Look(Look::Sent) });
        self.abort(cx);
        self.state = State::Waiting { ask, until: None };
        self.unlock(cx);
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
}

impl Body {
    fn new(now: Millis, patience: Millis) -> Self {
        let silent_at = now.saturating_add(patience);
        Self { opened: now, patience, heartbeat: None, silent_at, doubtful_until: None, bytes: BodyBytes::None }
    }

    fn heard_bytes(&mut self, now: Millis) {
        self.silent_at = now.saturating_add(self.patience);
        self.doubtful_until = None;
        self.bytes = BodyBytes::Some;
    }

    /// The server announced how often it shows that it lives; `patience` is what the app asked for, if it did.
    fn heard_heartbeat(&mut self, heartbeat: Millis, patience: Option<Millis>, now: Millis) {
        self.heartbeat = Some(heartbeat);
        self.patience = patience.unwrap_or(heartbeat * 3);
        self.silent_at = now.saturating_add(self.patience);
    }

    fn is_silent(&self, now: Millis) -> bool {
        now >= self.silent_at
    }

    /// Whether it has lived for longer than a dead one is waited for: then its end is a new misfortune.
    fn is_healthy(&self, now: Millis) -> bool {
        now.saturating_sub(self.opened) > self.patience
    }

    fn deadline(&self) -> Millis {
        self.doubtful_until.unwrap_or(self.silent_at)
    }

    /// The network was away: a stream that lives shows it within one announced heartbeat.
    fn expect_soon(&mut self, now: Millis) {
        if let Some(heartbeat) = self.heartbeat {
            self.silent_at = self.silent_at.min(now.saturating_add(heartbeat));
        }
    }
}

impl Failure {
    fn into_error(self) -> StreamError {
        match self {
            Self::Network(message) => local_error("NETWORK_ERROR", &message, Recovery::Retryable),
            Self::Headers(message) => local_error("HEADERS_FAILED", &message, Recovery::Retryable),
            Self::InvalidUrl(message) => local_error("INVALID_URL", &message, Recovery::Permanent),
        }
    }
}
