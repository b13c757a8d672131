//! Handles responses that are no streams: the status table of API.md, with one function for each kind of request.

use super::Session;
use super::state::{Ask, Evidence, Look, Purpose, Record};
use crate::client::context::Context;
use crate::client::io::{Head, OutcomeKind, Recovery, Redirect, StreamError};
use crate::client::outcome::{bare_outcome, outcome_of};
use crate::client::retry::pause_of;
use crate::client::turn::Turn;
use crate::protocol::answer::{TaskStatus, is_backend_error, read_error, read_error_task, read_task_status};
use crate::protocol::body::Body;
use crate::stream::chunk::quoted;
use crate::stream::error::local_error;
use crate::stream::reader::IdsSeen;

impl Session {
    /// Takes a response that is no event stream.
    pub fn handle_answered(&mut self, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        let Some(ask) = self.asked() else { return };
        match head.status {
            401 if !self.unauthorized => {
                self.unauthorized = true;
                self.ask(ask, cx);
            }
            401 => self.fail_with(head, body, cx),
            408 | 425 | 429 | 500.. => self.refused_for_now(ask, head, body, cx),
            status => {
                if status < 400 {
                    self.unauthorized = false;
                }
                self.handle_verdict(ask, head, body, cx);
            }
        }
        self.show(cx);
    }

    /// Ends the stream with the error of a response.
    pub(super) fn fail_with(&mut self, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        self.fail(read_error(head, body), cx);
    }

    fn handle_verdict(&mut self, ask: Ask, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        match ask {
            Ask::Send => self.handle_send_answer(head, body, cx),
            Ask::Join => self.handle_join_answer(head, body, cx),
            Ask::Look(look) => self.handle_look_answer(look, head, body, cx),
            Ask::Verify => self.handle_verify_answer(head, body, cx),
        }
    }

    fn refused_for_now(&mut self, ask: Ask, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        let error = read_error(head, body);
        let floor = pause_of(head, cx.now).unwrap_or(0);
        match ask {
            Ask::Send => self.unanswered(error, floor, cx),
            other => self.try_again(other, error, floor, cx),
        }
    }

    fn handle_send_answer(&mut self, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        let error = read_error(head, body);
        match (head.status, error.code.as_str()) {
            (409, "TASK_RUNNING") => self.join_running(body, cx),
            (410, "TASK_EXPIRED") => self.open_look(Look::Lost, cx),
            (200..=299, _) => self.fail(not_a_stream(head), cx),
            _ => self.fail(error, cx),
        }
    }

    fn join_running(&mut self, body: Option<&Body>, cx: &mut Context) {
        match read_error_task(body) {
            Some(task) if self.is_stopped(&task, cx) || self.has_seen_end_of(&task) => self.send_again(cx),
            Some(task) if !self.must_know_what_runs(&task, cx) => self.join_busy(Turn::of_task(&task), cx),
            // The session shows which turn the running task belongs to.
            _ => self.open_look(Look::Busy, cx),
        }
    }

    /// Returns whether the id of the running task alone does not identify its turn: listeners may hold a part of that turn, or
    /// another tab may have sent its message without learning the task.
    fn must_know_what_runs(&self, task: &str, cx: &Context) -> bool {
        let is_message_of_a_tab = self.is_shared(cx) && cx.backend_ids == IdsSeen::No;
        is_message_of_a_tab || self.ledger.may_hold(&Turn::of_task(task))
    }

    /// Returns whether this page has delivered the whole stream of a task. A backend that calls it the running one lags behind.
    pub(super) fn has_seen_end_of(&self, task: &str) -> bool {
        self.ended.as_deref() == Some(task)
    }

    /// Sends the message again later, because the session was busy with a task that the app has stopped or that has ended.
    pub(super) fn send_again(&mut self, cx: &mut Context) {
        let message = "The session is busy with another task.";
        let mut cause = local_error("TASK_RUNNING", message, Recovery::Retryable);
        cause.status = Some(409);
        self.try_again(Ask::Send, cause, 0, cx);
    }

    fn open_look(&mut self, look: Look, cx: &mut Context) {
        self.ask(Ask::Look(look), cx);
    }

    fn handle_join_answer(&mut self, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        let error = read_error(head, body);
        match head.status {
            204 if self.goal.purpose == Purpose::Resume && self.ledger.reader().is_cold() => {
                cx.remove(&self.id);
                self.nothing_to_resume(cx);
            }
            204 => self.ask(Ask::Verify, cx),
            410 if error.code == "CURSOR_TRIMMED" && !self.ledger.reader().is_cold() => {
                self.start_over(cx);
                self.announce(cx);
                self.try_again(Ask::Join, error, 0, cx);
            }
            404 | 410 => {
                if !is_backend_error(body) {
                    self.goal.evidence = Evidence::Unproven;
                }
                self.open_look(Look::Lost, cx);
            }
            200..=299 => self.fail(not_a_stream(head), cx),
            _ => self.fail(error, cx),
        }
    }

    fn handle_verify_answer(&mut self, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        let status = read_task_status(body).filter(|_| head.status == 200);
        let is_asked_again = matches!(self.goal.evidence, Evidence::Stored(_) | Evidence::Unproven);
        if head.status == 404 && !is_backend_error(body) && is_asked_again {
            return self.try_again(Ask::Verify, read_error(head, body), 0, cx);
        }
        let evidence = std::mem::replace(&mut self.goal.evidence, Evidence::None);
        let is_there = matches!(evidence, Evidence::Unproven);
        if let Evidence::Stored(frames) = evidence
            && status != Some(TaskStatus::Running)
        {
            let kind = status.and_then(outcome_of).unwrap_or(OutcomeKind::Finished);
            return self.give_stored(frames, kind, cx);
        }
        match (status, head.status) {
            (Some(status), _) if is_there || status == TaskStatus::Running => {
                let cause =
                    local_error("STREAM_CUT", "The task is there, but its stream gave nothing.", Recovery::Retryable);
                self.try_again(Ask::Join, cause, 0, cx);
            }
            (Some(status), _) => {
                let kind = outcome_of(status).unwrap_or(OutcomeKind::Finished);
                self.end_stream(bare_outcome(kind, self.task_name()), Record::Drop, cx);
            }
            (None, 403) => self.fail_with(head, body, cx),
            (None, _) => {
                self.goal.evidence = Evidence::NoStatus;
                self.open_look(Look::Lost, cx);
            }
        }
    }
}

fn not_a_stream(head: &Head<'_>) -> StreamError {
    let message = match head.redirect {
        Redirect::Followed => "The request was redirected to a page that is no event stream; is a login needed?",
        Redirect::None => "The answer is no event stream; is the base URL right?",
    };
    let mut error = local_error("NOT_EVENT_STREAM", message, Recovery::Permanent);
    error.status = Some(head.status);
    error.details = Some(quoted(head.content_type));
    error
}
