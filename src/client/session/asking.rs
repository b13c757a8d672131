//! Decides which request is sent, and when a failed one is tried again.

use super::Session;
use super::state::{Ask, Evidence, Fate, Look, State};
use crate::client::context::{Context, Departure};
use crate::client::io::{Attempt, Millis, OutcomeKind, Recovery, Replay, Request, StreamError, Why};
use crate::client::retry::{Budget, Next};
use crate::stream::error::local_error;
use crate::stream::reader::IdsSeen;

impl Session {
    /// Sends a request as soon as it may be sent.
    pub(super) fn ask(&mut self, ask: Ask, cx: &mut Context) {
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
        Some(match ask {
            Ask::Send => {
                Request::Send { request: self.goal.sending.as_ref()?.request.clone(), session: self.id.clone() }
            }
            Ask::Look(_) => Request::Session { session: self.id.clone() },
            Ask::Verify => Request::Task { task: self.task_name()? },
            Ask::Join => {
                let reader = self.ledger.reader();
                let replay = if reader.is_cold() { Replay::Compact } else { Replay::Exact };
                Request::Join { task: self.task_name()?, after: reader.cursor(), replay }
            }
        })
    }

    pub(super) fn abort(&mut self, cx: &mut Context) {
        if let State::Asking { attempt, .. } | State::Reading { attempt, .. } = self.state {
            cx.abort(attempt);
        }
    }

    /// Returns whether the session waits for this attempt.
    #[must_use]
    pub fn is_current(&self, answered: Attempt) -> bool {
        matches!(self.state, State::Asking { attempt, .. } | State::Reading { attempt, .. } if attempt == answered)
    }

    pub(super) fn asked(&self) -> Option<Ask> {
        match self.state {
            State::Asking { ask, .. } => Some(ask),
            _ => None,
        }
    }

    /// Returns the request that continues the current turn without another tab.
    pub(super) fn ask_to_go_on(&self) -> Ask {
        if self.task().is_some() { Ask::Join } else { Ask::Look(Look::Sent) }
    }

    /// Plans the next request after a message got no response. If the backend recognises repeats, this is the message again.
    /// Otherwise the session is read first. `floor` is the delay that the server asked for, in milliseconds.
    pub(super) fn unanswered(&mut self, cause: StreamError, floor: Millis, cx: &mut Context) {
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

    pub(super) fn try_again(&mut self, ask: Ask, mut cause: StreamError, floor: Millis, cx: &mut Context) {
        let is_sent = matches!(ask, Ask::Send | Ask::Look(Look::Sent));
        // Some backends answer 404 for every task.
        let is_unknown = ask == Ask::Verify && cause.status == Some(404);
        let budget = if self.task().is_some() && !is_sent && !is_unknown { Budget::Task } else { Budget::Send };
        match self.backoff.failed(cx.now, floor, budget) {
            // Sending it again might send the message twice.
            Next::Exhausted if matches!(self.goal.evidence, Evidence::Stored(_)) => self.give_up_verdict(cx),
            // After the last try a 404 without JSON counts: some backends send no other one.
            Next::Exhausted if is_unknown && matches!(self.goal.evidence, Evidence::Unproven) => self.expire(cx),
            Next::Exhausted if cause.code == "MESSAGE_UNCLEAR" => self.fail(cause, cx),
            Next::Exhausted => {
                cause.recovery = Recovery::Retryable;
                self.fail(cause, cx);
            }
            Next::At(at) => self.state = State::Waiting { ask, until: cx.planned(at) },
        }
    }

    /// Ends a stream whose answer the history has, although the status of its task is unknown.
    fn give_up_verdict(&mut self, cx: &mut Context) {
        if let Evidence::Stored(frames) = std::mem::replace(&mut self.goal.evidence, Evidence::NoStatus) {
            self.give_stored(frames, OutcomeKind::Finished, cx);
        }
    }

    /// Sends the next request at once, unless the server asked for the delay.
    pub(super) fn hurry(&mut self, cx: &mut Context) {
        let State::Waiting { ask, .. } = self.state else { return };
        match self.backoff.held_until(cx.now) {
            Some(until) => self.state = State::Waiting { ask, until: cx.planned(until) },
            None => self.ask(ask, cx),
        }
    }
}
