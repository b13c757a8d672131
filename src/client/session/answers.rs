//! What a plain answer means for a stream: the status table of API.md, one function for each kind of request.

use super::{Ask, Fate, Look, Purpose, Record, Session};
use crate::client::context::Context;
use crate::client::io::{Head, Millis, Origin, Outcome, OutcomeKind, Recovery, Redirect, StreamError};
use crate::client::outcome::{bare_outcome, outcome_of};
use crate::client::retry::parse_retry_after;
use crate::protocol::answer::{
    ActiveStream, Question, Sent, SessionView, TaskStatus, read_error, read_error_task, read_session, read_task_status,
};
use crate::protocol::body::Body;
use crate::stream::error::local_error;
use crate::stream::reader::{IdsSeen, Reader};

impl Session {
    /// A request was answered by something that is no event stream.
    pub fn handle_answered(&mut self, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        let Some(ask) = self.asked() else { return };
        match head.status {
            401 if !self.unauthorized => {
                self.unauthorized = true;
                self.ask(ask, cx);
            }
            401 => self.fail(read_error(head, body), cx),
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
        let floor = floor(head, cx.now);
        match ask {
            Ask::Send => self.unanswered(error, floor, cx),
            other => self.try_again(other, error, floor, cx),
        }
    }

    fn handle_send_answer(&mut self, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        match head.status {
            409 => self.join_running(body, cx),
            410 => self.open_look(Look::Lost, cx),
            200..=299 => self.fail(not_a_stream(head), cx),
            _ => self.fail(read_error(head, body), cx),
        }
    }

    /// 409: the session is busy. Ours, where an earlier try may have arrived at a backend that cannot tell a repeat;
    /// otherwise another message's, which is joined instead of sending.
    fn join_running(&mut self, body: Option<&Body>, cx: &mut Context) {
        let may_be_ours = self.fate() == Fate::Unknown && cx.backend_ids == IdsSeen::No;
        self.goal.origin = if may_be_ours { Origin::Own } else { Origin::Joined };
        match read_error_task(body) {
            Some(task) if cx.is_stopped(&self.id, &task) => self.send_again(cx),
            Some(task) => self.join(&task, cx),
            None => self.open_look(Look::Busy, cx),
        }
    }

    /// The session was busy with what the app does not want to hear: the message is sent again when that may be over.
    fn send_again(&mut self, cx: &mut Context) {
        self.goal.origin = Origin::Own;
        let cause = StreamError {
            status: Some(409),
            ..local_error("TASK_RUNNING", "The session is busy with another task.", Recovery::Retryable)
        };
        self.try_again(Ask::Send, cause, 0, cx);
    }

    fn join(&mut self, task: &str, cx: &mut Context) {
        if self.goal.task.take_if(|known| known != task).is_some() {
            self.reader = Reader::default();
            // Those who followed the other task hear that this is another one.
            self.retell(cx);
        }
        self.meet(task, cx);
        self.backoff.progressed();
        self.ask(Ask::Join, cx);
    }

    fn open_look(&mut self, look: Look, cx: &mut Context) {
        self.ask(Ask::Look(look), cx);
    }

    fn handle_join_answer(&mut self, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        let error = read_error(head, body);
        match head.status {
            204 if self.goal.purpose == Purpose::Resume && self.reader.is_cold() => {
                cx.remove(&self.id);
                self.nothing_to_resume(cx);
            }
            204 => self.ask(Ask::Verify, cx),
            410 if error.code == "CURSOR_TRIMMED" && !self.reader.is_cold() => {
                self.start_over(cx);
                self.announce(cx);
                self.try_again(Ask::Join, error, 0, cx);
            }
            404 | 410 => self.open_look(Look::Lost, cx),
            200..=299 => self.fail(not_a_stream(head), cx),
            _ => self.fail(error, cx),
        }
    }

    fn handle_verify_answer(&mut self, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        let status = read_task_status(body).filter(|_| head.status == 200);
        match (status, head.status) {
            (Some(TaskStatus::Running), _) => {
                let cause =
                    local_error("STREAM_CUT", "The task runs but its stream gave nothing.", Recovery::Retryable);
                self.try_again(Ask::Join, cause, 0, cx);
            }
            (Some(status), _) => {
                let kind = outcome_of(status).unwrap_or(OutcomeKind::Finished);
                self.conclude(self.named(bare_outcome(kind, self.goal.task.clone())), Record::Drop, cx);
            }
            (None, 403) => self.fail(read_error(head, body), cx),
            (None, _) => self.open_look(Look::Lost, cx),
        }
    }

    fn handle_look_answer(&mut self, look: Look, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        let view = read_session(body).filter(|_| head.status == 200);
        match (view, look) {
            (Some(view), Look::Resume) => self.resume_what_runs(&view, cx),
            (Some(view), Look::Busy) => self.join_what_runs(&view, cx),
            (Some(view), Look::Sent) => self.find_sent(&view, head, cx),
            (Some(view), Look::Lost) => self.find_lost(&view, head, cx),
            // A server may make its sessions with their first message.
            (None, Look::Resume) if matches!(head.status, 404 | 410) => self.nothing_to_resume(cx),
            (None, Look::Sent) if matches!(head.status, 404 | 410) => self.find_sent(&SessionView::default(), head, cx),
            (None, Look::Lost) if matches!(head.status, 404 | 410) => self.expire(cx),
            (None, _) if head.status == 200 => self.fail(not_a_session(head), cx),
            (None, _) => self.fail(read_error(head, body), cx),
        }
    }

    fn resume_what_runs(&mut self, view: &SessionView, cx: &mut Context) {
        match self.running(view, cx) {
            Some(active) => {
                self.goal.operation = active.operation_id.clone().unwrap_or_default();
                self.goal.tool = active.tool_name.clone().unwrap_or_default();
                self.join(&active.task_id, cx);
            }
            None => self.nothing_to_resume(cx),
        }
    }

    fn join_what_runs(&mut self, view: &SessionView, cx: &mut Context) {
        match self.running(view, cx) {
            Some(active) => self.join(&active.task_id, cx),
            None => self.send_again(cx),
        }
    }

    /// The task that runs, unless the app stopped it: that one is not joined for any reason.
    fn running<'a>(&self, view: &'a SessionView, cx: &Context) -> Option<&'a ActiveStream> {
        view.active.as_ref().filter(|active| !cx.is_stopped(&self.id, &active.task_id))
    }

    /// What became of a message whose answer was lost before it told its task?
    fn find_sent(&mut self, view: &SessionView, head: &Head<'_>, cx: &mut Context) {
        let has_arrived = self.fate() == Fate::Accepted;
        let sent = self.sent(view, head, cx);
        let may_run = if sent.is_some() { sent == view.newest() } else { has_arrived };
        let no_trace = local_error("MESSAGE_LOST", "The server shows no trace of the message.", Recovery::Retryable);
        match self.running(view, cx) {
            Some(active) if may_run => self.join(&active.task_id, cx),
            _ if sent.is_some() && view.has_answer(None, sent) => self.finish_from_history(view, sent, cx),
            _ if sent.is_some() || has_arrived => self.try_again(Ask::Look(Look::Sent), no_trace, 0, cx),
            _ if cx.may_repost() => self.ask(Ask::Send, cx),
            _ => self.fail(no_trace, cx),
        }
    }

    fn sent(&self, view: &SessionView, head: &Head<'_>, cx: &Context) -> Option<Question> {
        let sending = self.goal.sending.as_ref()?;
        let sent = Sent { request: &sending.request, age: cx.now.saturating_sub(sending.since) };
        view.find_sent(sent, head.date, cx.now)
    }

    /// What became of a task whose record the server no longer has?
    fn find_lost(&mut self, view: &SessionView, head: &Head<'_>, cx: &mut Context) {
        // Whoever sent the message knows it among later ones; a page that only joined takes the newest.
        let question = self.sent(view, head, cx).or_else(|| view.newest());
        let running = self.running(view, cx).map(|active| active.task_id.as_str());
        let ours = self.goal.task.as_deref();
        match running {
            Some(_) if ours == running => {
                let cause = local_error("TASK_NOT_FOUND", "The task is not there yet.", Recovery::Retryable);
                self.try_again(Ask::Join, cause, 0, cx);
            }
            Some(running) if self.goal.purpose == Purpose::Resume && !self.reader.has_rows() => self.join(running, cx),
            Some(_) if !view.has_named_answer(ours) => self.expire(cx),
            None if !view.has_answer(ours, question) => self.expire(cx),
            _ => self.finish_from_history(view, question, cx),
        }
    }

    fn finish_from_history(&mut self, view: &SessionView, question: Option<Question>, cx: &mut Context) {
        // Known by its task, it is not told again when another tab tells it.
        if self.goal.task.is_none() {
            self.goal.task = view.answering_task(question);
        }
        let frames = view.answer_frames(self.goal.task.as_deref(), question);
        self.reader.feed_stored(&frames, &mut self.metrics);
        self.retell(cx);
        self.share_stored(&frames);
        self.conclude(self.named(bare_outcome(OutcomeKind::Finished, self.goal.task.clone())), Record::Drop, cx);
    }

    fn expire(&mut self, cx: &mut Context) {
        self.conclude(self.named(bare_outcome(OutcomeKind::Expired, self.goal.task.clone())), Record::Drop, cx);
    }

    /// Says whose task it was.
    fn named(&self, outcome: Outcome) -> Outcome {
        Outcome { origin: self.goal.origin, ..outcome }
    }
}

fn floor(head: &Head<'_>, now: Millis) -> Millis {
    head.retry_after.and_then(|value| parse_retry_after(value, head.date, now)).unwrap_or(0)
}

fn not_a_stream(head: &Head<'_>) -> StreamError {
    let message = match head.redirect {
        Redirect::Followed => "The request was redirected to a page that is no event stream; is a login needed?",
        Redirect::None => "The answer is no event stream; is the base URL right?",
    };
    StreamError {
        status: Some(head.status),
        details: Some(crate::stream::chunk::quoted(head.content_type)),
        ..local_error("NOT_EVENT_STREAM", message, Recovery::Permanent)
    }
}

fn not_a_session(head: &Head<'_>) -> StreamError {
    let message = "The answer is no session; is the base URL right?";
    StreamError { status: Some(head.status), ..local_error("INVALID_RESPONSE", message, Recovery::Permanent) }
}
