//! Cancels a task on the server and repeats that until the server has acknowledged it (API.md, `stopStream`).
//!
//! For the app the stream has ended by then. The canceller cancels the task, or withdraws the message if the id of its task is
//! not known. Some backends cannot withdraw a message (PROTOCOL §7). There the canceller learns the task from the response to the
//! message, or from the session. Its state is the saved record with the time of the stop, so that it can continue after a reload.

use crate::client::context::{Context, Departure};
use crate::client::io::{Attempt, Call, Failure, Head, Millis, Network, Request, Why};
use crate::client::retry::{Backoff, Budget, Next, pause_of};
use crate::client::session::Leftover;
use crate::client::turn::Turn;
use crate::protocol::answer::{is_backend_error, read_error, read_session};
use crate::protocol::body::Body;

/// The time after which a request without a response is given up, in milliseconds.
const PATIENCE: Millis = 45_000;
/// The number of times that the session is searched for a message that may still be on its way.
const LOOKS: u32 = 3;

/// Returns whether a 404 says that the task is gone. Otherwise the backend has no cancel endpoint.
fn is_task_gone(head: &Head<'_>, body: Option<&Body>) -> bool {
    read_error(head, body).code == "TASK_NOT_FOUND"
}

/// The request to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Look,
    Cancel,
    Withdraw,
}

#[derive(Debug)]
enum State {
    /// The message is on its way. Its response names the task.
    Awaiting { since: Millis },
    /// A request was sent.
    Asking { attempt: Attempt, ask: Ask, since: Millis },
    /// The next request waits for a time, or for the network (`None`).
    Waiting { ask: Ask, until: Option<Millis> },
    /// Nothing remains to be done.
    Done,
}

/// Cancels the task of one session.
#[derive(Debug)]
pub struct Canceller {
    session: String,
    task: Option<String>,
    /// The message whose answer is not wanted.
    message: Option<String>,
    /// The attempt of that message's request, until it is answered.
    post: Option<Attempt>,
    calls: Vec<Call>,
    backoff: Backoff,
    /// How often the session still has to be searched.
    looks: u32,
    unauthorized: bool,
    state: State,
}

impl Canceller {
    /// Returns a canceller that has nothing to do yet.
    #[must_use]
    pub fn new(session: &str, cx: &mut Context) -> Self {
        Self {
            session: session.to_owned(),
            task: None,
            message: None,
            post: None,
            calls: Vec::new(),
            backoff: cx.backoff(),
            looks: LOOKS,
            unauthorized: false,
            state: State::Done,
        }
    }

    /// Takes the task or message that a stop has left. It replaces that of an earlier stop, because a session runs one task at a
    /// time.
    pub fn take_on(&mut self, leftover: Leftover, cx: &mut Context) {
        match leftover {
            Leftover::Nothing if self.is_done() => self.finish(cx),
            Leftover::Nothing => {}
            Leftover::Task(task) if self.is_of(&task) => self.remember(cx),
            Leftover::Task(task) => {
                self.drop_request(cx);
                self.cancel(task, cx);
            }
            Leftover::InFlight { attempt, message } => {
                self.withdraw(message, cx);
                self.post = Some(attempt);
            }
            Leftover::Unknown { message: Some(message) } => self.withdraw(message, cx),
            Leftover::Unknown { message: None } => self.look(LOOKS, cx),
            Leftover::Elsewhere => self.look(if cx.config.tab.is_some() { LOOKS } else { 1 }, cx),
        }
    }

    fn withdraw(&mut self, message: String, cx: &mut Context) {
        self.drop_request(cx);
        self.task = None;
        self.message = Some(message);
        self.remember(cx);
        self.ask(Ask::Withdraw, cx);
    }

    fn look(&mut self, looks: u32, cx: &mut Context) {
        self.drop_request(cx);
        self.remember(cx);
        self.looks = looks;
        self.ask(Ask::Look, cx);
    }

    /// Cancels the current request of an earlier stop.
    fn drop_request(&mut self, cx: &mut Context) {
        self.drop_post(cx);
        if let State::Asking { attempt, .. } = self.state {
            cx.abort(attempt);
        }
    }

    fn is_of(&self, task: &str) -> bool {
        self.task.as_deref().is_some_and(|own| Turn::of_task(own).is_of(task))
    }

    /// Returns whether the server has acknowledged the stop, or there was nothing to cancel.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Returns the task, if its id is known.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        self.task.as_deref()
    }

    /// Adds a call of the app that waits for the acknowledgement.
    pub fn attach(&mut self, call: Call, cx: &mut Context) {
        self.calls.push(call);
        if self.is_done() {
            self.finish(cx);
        }
    }

    /// Returns whether the client waits for this attempt.
    #[must_use]
    pub fn is_current(&self, answered: Attempt) -> bool {
        let is_asked = matches!(self.state, State::Asking { attempt, .. } if attempt == answered);
        is_asked || self.post == Some(answered)
    }

    /// Takes the head of the message's stream, which shows that its task exists.
    pub fn handle_opened(&mut self, head: &Head<'_>, cx: &mut Context) {
        self.drop_post(cx);
        if let Some(task) = head.task.filter(|task| !task.is_empty()) {
            self.drop_request(cx);
            return self.cancel(task.to_owned(), cx);
        }
        self.look_if_awaiting(cx);
    }

    /// Takes a response that is no stream.
    pub fn handle_answered(&mut self, attempt: Attempt, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        match self.state {
            _ if self.post == Some(attempt) => self.handle_send_answer(head.status, cx),
            State::Asking { ask, .. } => self.handle_ask_answer(ask, head, body, cx),
            _ => {}
        }
    }

    /// Handles the status of the response to a message that was stopped while its request was open. A message that was refused has
    /// started no task, so there is nothing to cancel.
    fn handle_send_answer(&mut self, status: u16, cx: &mut Context) {
        self.post = None;
        match status {
            400..=407 | 409..=499 => {
                self.drop_request(cx);
                self.finish(cx);
            }
            _ => self.look_if_awaiting(cx),
        }
    }

    /// Reads the session to find the task, if this canceller has waited for the response to the message. A request that is open
    /// already goes on.
    fn look_if_awaiting(&mut self, cx: &mut Context) {
        if matches!(self.state, State::Awaiting { .. }) {
            self.ask(Ask::Look, cx);
        }
    }

    fn drop_post(&mut self, cx: &mut Context) {
        if let Some(attempt) = self.post.take() {
            cx.abort(attempt);
        }
    }

    /// Takes the response to a request of the canceller. A stop that the server refuses or does not support stays saved: the task
    /// may go on, and the record of the stop prevents this browser from resuming it.
    fn handle_ask_answer(&mut self, ask: Ask, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        match (ask, head.status) {
            (_, 401) if !self.unauthorized => {
                self.unauthorized = true;
                self.ask(ask, cx);
            }
            (Ask::Cancel, 501) => self.give_up(cx),
            (Ask::Withdraw, 501) => self.learn_task(cx),
            (_, 408 | 425 | 429 | 500..) => {
                self.try_again(ask, pause_of(head, cx.now).unwrap_or(0), cx);
            }
            (Ask::Look, 200) => self.handle_session(body, cx),
            // A 404 of a proxy says nothing about the session.
            (Ask::Look, 404 | 410) if is_backend_error(body) => self.finish(cx),
            // A 410 means that the task or the message is gone. A task that runs in the session then belongs to another message.
            (Ask::Cancel | Ask::Withdraw, 200..=299 | 410) => self.finish(cx),
            (Ask::Withdraw, _) => self.learn_task(cx),
            (Ask::Cancel, 404) if is_task_gone(head, body) => self.finish(cx),
            _ => self.give_up(cx),
        }
    }

    /// Searches for the task, because this backend cannot withdraw a message.
    fn learn_task(&mut self, cx: &mut Context) {
        self.unauthorized = false;
        match self.post {
            Some(_) => self.state = State::Awaiting { since: cx.now },
            None => {
                self.looks = LOOKS;
                self.ask(Ask::Look, cx);
            }
        }
    }

    fn handle_session(&mut self, body: Option<&Body>, cx: &mut Context) {
        self.unauthorized = false;
        self.looks = self.looks.saturating_sub(1);
        match read_session(body).and_then(|view| view.active.as_ref()) {
            Some(active) => self.cancel(active.task_id.clone(), cx),
            None if self.looks > 0 => self.try_again(Ask::Look, 0, cx),
            None => self.finish(cx),
        }
    }

    fn cancel(&mut self, task: String, cx: &mut Context) {
        self.task = Some(task);
        self.remember(cx);
        self.ask(Ask::Cancel, cx);
    }

    /// Handles a request that ended without a response.
    pub fn handle_failed(&mut self, attempt: Attempt, failure: &Failure, cx: &mut Context) {
        let is_post = self.post == Some(attempt);
        self.post = self.post.filter(|post| *post != attempt);
        match (&self.state, failure) {
            (_, Failure::InvalidUrl(_)) => self.finish(cx),
            (State::Awaiting { .. }, _) => self.try_again(Ask::Look, 0, cx),
            _ if is_post => {}
            (State::Asking { ask, .. }, _) => self.try_again(*ask, 0, cx),
            _ => {}
        }
    }

    /// Returns when this canceller needs an [`Input::Timeout`](crate::client::io::Input::Timeout).
    #[must_use]
    pub fn deadline(&self, cx: &Context) -> Option<Millis> {
        match &self.state {
            State::Awaiting { since } | State::Asking { since, .. } => {
                Some(since.saturating_add(cx.answer_patience(PATIENCE)))
            }
            State::Waiting { until, .. } => *until,
            State::Done => None,
        }
    }

    /// Sends the next request if its time has come, or gives up waiting for a response that is overdue.
    pub fn handle_timeout(&mut self, cx: &mut Context) {
        match self.state {
            State::Waiting { ask, until: Some(until) } if until <= cx.now => self.ask(ask, cx),
            State::Awaiting { .. } | State::Asking { .. } if self.deadline(cx).is_some_and(|at| at <= cx.now) => {
                self.give_up_answer(cx);
            }
            _ => {}
        }
    }

    /// Gives up waiting for the response.
    fn give_up_answer(&mut self, cx: &mut Context) {
        let awaited = match self.state {
            State::Asking { attempt, .. } => Some(attempt),
            _ => self.post,
        };
        if let Some(attempt) = awaited {
            cx.abort(attempt);
            self.handle_failed(attempt, &Failure::Network(String::new()), cx);
        }
    }

    /// Handles the page going online or offline.
    pub fn handle_network(&mut self, network: Network, cx: &mut Context) {
        match (network, &mut self.state) {
            (Network::Offline, State::Waiting { until, .. }) => *until = None,
            (Network::Online, State::Waiting { ask, .. }) => {
                let ask = *ask;
                self.backoff.excuse(cx.now);
                self.ask(ask, cx);
            }
            _ => {}
        }
    }

    /// Ends without removing the record, so that another page can continue the stop.
    pub fn close(&mut self, cx: &mut Context) {
        if let State::Asking { attempt, ask: Ask::Look, .. } = self.state {
            cx.abort(attempt);
        }
        self.give_up(cx);
    }

    fn give_up(&mut self, cx: &mut Context) {
        self.drop_post(cx);
        cx.resolve(&mut self.calls, None);
        self.state = State::Done;
    }

    fn ask(&mut self, ask: Ask, cx: &mut Context) {
        match cx.departure(&self.backoff) {
            Departure::Now => self.open(ask, cx),
            Departure::Later(until) => self.state = State::Waiting { ask, until },
        }
    }

    fn open(&mut self, ask: Ask, cx: &mut Context) {
        let request = match (ask, &self.task, &self.message) {
            (Ask::Cancel, Some(task), _) => Request::Cancel { task: task.clone() },
            (Ask::Withdraw, _, Some(message)) => {
                Request::Withdraw { session: self.session.clone(), message: message.clone() }
            }
            _ => Request::Session { session: self.session.clone() },
        };
        let why = if self.unauthorized { Why::Unauthorized } else { Why::Resume };
        self.backoff.requested(cx.now);
        let attempt = cx.open(&self.session, request, why);
        self.state = State::Asking { attempt, ask, since: cx.now };
    }

    fn try_again(&mut self, ask: Ask, floor: Millis, cx: &mut Context) {
        self.state = match self.backoff.failed(cx.now, floor, Budget::Task) {
            Next::At(at) => State::Waiting { ask, until: cx.planned(at) },
            Next::Exhausted => return self.give_up(cx),
        };
    }

    /// Ends the cancellation, because the server has acknowledged the stop or there was nothing to cancel.
    fn finish(&mut self, cx: &mut Context) {
        self.drop_post(cx);
        self.state = State::Done;
        cx.resolve(&mut self.calls, None);
        cx.acknowledge(&self.session, self.task.as_deref());
    }

    /// Writes the stop into the session's record.
    fn remember(&mut self, cx: &mut Context) {
        let mut record = cx.record(&self.session).cloned().unwrap_or_default();
        if self.task.as_ref().is_none_or(|task| !record.is_of(task)) {
            record.message = self.message.clone();
            record.ordinal = None;
            record.unnumbered = 0;
        }
        let mut active = record.active.unwrap_or_default();
        record.active = self.task.clone().map(|task| {
            active.task = task;
            active.session = self.session.clone();
            if active.started == 0 {
                active.started = cx.now;
            }
            active
        });
        record.session = self.session.clone();
        record.is_imported = false;
        record.saved = cx.now;
        record.stopped.get_or_insert(cx.now);
        cx.save(record);
    }
}
