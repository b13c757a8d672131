//! Handles a response that is a stream: its beginning, its bytes and its end.

use super::Session;
use super::state::{Ask, Body, BodyBytes, Fate, Look, Record, State};
use crate::client::context::Context;
use crate::client::io::{Author, Failure, Head, Millis, Outcome, OutcomeKind, Recovery, StreamError, Trigger};
use crate::client::outcome::bare_outcome;
use crate::client::turn::{Start, Turn};
use crate::stream::error::local_error;
use crate::stream::reader::{End, Findings, IdsSeen, Verdict};

/// The silence after which a connection counts as lost if no heartbeat was announced and no option is set, in milliseconds.
pub(super) const STALL: Millis = 45_000;

impl Session {
    /// Takes the head of an event stream.
    pub fn handle_opened(&mut self, head: &Head<'_>, cx: &mut Context) {
        let State::Asking { attempt, ask, .. } = self.state else { return };
        if ask == Ask::Send {
            cx.settle_unknown_stop(&self.id);
            self.begin_sent(cx);
            self.report_turn(cx);
        }
        self.unauthorized = false;
        if let Some(task) = head.task.filter(|task| !task.is_empty()) {
            self.learn(&Turn::of_task(task), cx);
        }
        if self.must_elect(cx) {
            return self.hand_over(cx);
        }
        if self.openings > 0 {
            self.ledger.metrics_mut().reconnects += 1;
        }
        self.openings += 1;
        self.state = State::Reading { attempt, body: Body::new(cx.now, cx.config.stall_timeout.unwrap_or(STALL)) };
        self.ledger.open(cx.record(&self.id));
        self.announce_broadcast(cx);
        self.announce(cx);
        self.show(cx);
    }

    /// Makes the turn of this page's message the current one, if another turn is. Does nothing if the page has sent no message.
    fn begin_sent(&mut self, cx: &mut Context) {
        let Some(sending) = &self.goal.sending else { return };
        if !sending.turn.is_same(self.ledger.turn()) {
            let turn = sending.turn.clone();
            self.ledger.begin(turn, Start::Joined, cx.record(&self.id));
            self.goal.followed = None;
            self.broadcast_anew(cx);
        }
    }

    /// Adds aliases to the current turn, and so to the saved record.
    pub(super) fn learn(&mut self, turn: &Turn, cx: &mut Context) {
        let had_task = self.task().is_some();
        self.ledger.learn(turn, cx.record(&self.id));
        if !had_task && self.task().is_some() {
            self.remember(cx);
        }
    }

    /// Takes bytes of the stream.
    pub fn handle_bytes(&mut self, bytes: &[u8], cx: &mut Context) {
        let State::Reading { body, .. } = &mut self.state else { return };
        body.note_bytes(cx.now);
        if body.is_healthy(cx.now) {
            self.backoff.progressed();
        }
        self.accept();
        let mut found = self.ledger.give_bytes(bytes);
        self.take_notes(&found, cx);
        self.share(&mut found, cx);
        self.follow(found.verdict, cx);
        self.announce(cx);
        self.show(cx);
    }

    /// Records that the message has arrived, if the bytes belong to its answer.
    pub(super) fn accept(&mut self) {
        if self.gives_another() {
            return;
        }
        if let Some(sending) = self.goal.sending.as_mut().filter(|sending| sending.fate != Fate::Accepted) {
            sending.fate = Fate::Accepted;
            match sending.request.trigger {
                Trigger::Submit if sending.request.author == Author::Assistant => {}
                Trigger::Submit => self.ledger.roll().add(),
                trigger if trigger.removes_messages() => self.ledger.forget_places(),
                _ => {}
            }
        }
    }

    fn take_notes(&mut self, found: &Findings, cx: &mut Context) {
        if found.ids == IdsSeen::Yes {
            cx.backend_ids = IdsSeen::Yes;
        }
        if found.new_events > 0 {
            if self.goal.guess.take().is_some() {
                self.remember(cx);
            }
            self.backoff.progressed();
        }
        if let Some(ms) = found.retry {
            self.backoff.set_stream_floor(ms);
        }
        if let (State::Reading { body, .. }, Some(heartbeat)) = (&mut self.state, found.heartbeat) {
            body.note_heartbeat(heartbeat, cx.config.stall_timeout, cx.now);
            self.share_shown(cx);
        }
        if let Some(task) = found.task.as_deref().filter(|task| !self.is_of(task)) {
            self.ledger.name_task(task);
            self.remember(cx);
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
                self.end_stream(self.outcome_of(end), Record::Drop, cx);
            }
            Verdict::Broken => {
                self.abort(cx);
                match self.goal.guess.take() {
                    Some(guess) => self.drop_guess(guess),
                    None => self.start_over(cx),
                }
                let message = "The server lost a part of the answer.";
                self.cut(local_error("STREAM_BROKEN", message, Recovery::Retryable), cx);
            }
            Verdict::TooLarge => {
                self.abort(cx);
                let message = "An event of the stream is larger than the limit.";
                self.fail(local_error("EVENT_TOO_LARGE", message, Recovery::Permanent), cx);
            }
        }
    }

    pub(super) fn outcome_of(&self, end: End) -> Outcome {
        let reader = self.ledger.reader();
        let mut outcome = bare_outcome(OutcomeKind::Finished, self.task_name());
        outcome.truncated = reader.is_truncated();
        match end {
            End::Finish { reason } => {
                outcome.finish_reason = reason;
                outcome.operation = reader.operation().filter(|operation| !self.is_of(&operation.task)).cloned();
            }
            End::Abort => outcome.kind = OutcomeKind::Stopped,
            End::Error(error) => {
                outcome.kind = OutcomeKind::Failed;
                outcome.error = Some(error);
            }
        }
        outcome
    }

    /// Starts the answer over: what was received is not part of it. Listeners and followers begin again.
    pub(super) fn start_over(&mut self, cx: &mut Context) {
        self.ledger.start_over();
        self.broadcast_anew(cx);
    }

    /// Handles the end of a stream without an error.
    pub fn handle_ended(&mut self, cx: &mut Context) {
        self.cut(local_error("STREAM_CUT", "The connection ended before the task.", Recovery::Retryable), cx);
        self.show(cx);
    }

    /// Handles a request that failed without a response, or a stream that broke.
    pub fn handle_failed(&mut self, failure: Failure, cx: &mut Context) {
        let (error, ask) = (failure.into_error(), self.asked());
        match ask {
            None => {
                self.backoff.broke(cx.now);
                self.cut(error, cx);
            }
            Some(_) if error.recovery == Recovery::Permanent => self.fail(error, cx),
            Some(Ask::Send) if matches!(error.code.as_str(), "HEADERS_FAILED" | "PREPARE_FAILED") => {
                self.fail(error, cx)
            }
            Some(Ask::Send) => self.unanswered(error, 0, cx),
            Some(ask) => self.try_again(ask, error, 0, cx),
        }
        self.show(cx);
    }

    /// Handles the end of a response whose task has not ended.
    fn cut(&mut self, cause: StreamError, cx: &mut Context) {
        let gave = match &self.state {
            State::Reading { body, .. } => body.bytes,
            _ => BodyBytes::Some,
        };
        if self.task().is_some() {
            self.try_again(Ask::Join, cause, 0, cx);
        } else if gave == BodyBytes::None {
            if let Some(sending) = self.goal.sending.as_mut().filter(|sending| sending.fate != Fate::Accepted) {
                sending.fate = Fate::Opened;
            }
            self.unanswered(cause, 0, cx);
        } else {
            self.try_again(Ask::Look(Look::Sent), cause, 0, cx);
        }
    }

    /// Joins the stream again, because its connection counts as lost.
    pub(super) fn rejoin_now(&mut self, cx: &mut Context) {
        self.abort(cx);
        self.cut(local_error("STREAM_STALLED", "The connection went silent.", Recovery::Retryable), cx);
        self.hurry(cx);
        self.show(cx);
    }
}

impl Failure {
    /// Returns the error that the app gets for it.
    #[must_use]
    pub fn into_error(self) -> StreamError {
        match self {
            Self::Network(message) => local_error("NETWORK_ERROR", &message, Recovery::Retryable),
            Self::Headers(message) => local_error("HEADERS_FAILED", &message, Recovery::Retryable),
            Self::Prepare(message) => local_error("PREPARE_FAILED", &message, Recovery::Retryable),
            Self::InvalidUrl(message) => local_error("INVALID_URL", &message, Recovery::Permanent),
        }
    }
}
