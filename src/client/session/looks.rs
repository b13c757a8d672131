//! Handles the content of a session that was read: a task to resume, a message whose answer was lost, or a task that the server
//! no longer knows.

use super::Session;
use super::state::{Ask, Evidence, Fate, Look, Purpose, Record, Sending};
use crate::client::context::Context;
use crate::client::io::{Head, Outcome, OutcomeKind, Recovery, StreamError};
use crate::client::outcome::bare_outcome;
use crate::client::turn::{Arrival, Location, Start, Turn};
use crate::protocol::answer::{ActiveStream, Part, Question, SessionView, is_backend_error, read_error, read_session};
use crate::protocol::body::Body;
use crate::stream::chunk::ChunkWriter;
use crate::stream::error::local_error;
use crate::stream::reader::IdsSeen;

impl Session {
    pub(super) fn handle_look_answer(&mut self, look: Look, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        match (head.status, read_session(body)) {
            (200, Some(view)) => self.handle_view(look, view, cx),
            (200, None) => self.fail(not_a_session(head), cx),
            (404 | 410, _) => self.handle_no_session(look, head, body, cx),
            _ => self.fail_with(head, body, cx),
        }
    }

    fn handle_view(&mut self, look: Look, view: &SessionView, cx: &mut Context) {
        self.ledger.roll().look(view);
        self.ledger.look(view);
        match look {
            Look::Resume => self.resume_what_runs(view, cx),
            Look::Busy => self.join_what_runs(view, cx),
            Look::Sent => self.find_sent(view, cx),
            Look::Lost => self.find_lost(view, cx),
        }
    }

    /// Returns a number that changes with each message that the session is known to have received.
    #[must_use]
    pub fn mark(&self) -> u32 {
        self.ledger.known_roll().mark()
    }

    /// Takes the session that the app has loaded. The number of its user messages helps to recognise the next one, unless a
    /// message is under way that may or may not be among them.
    pub fn note_load(&mut self, mark: u32, body: &Body) {
        let is_sending = self.is_live() && self.fate() != Fate::Accepted;
        if let Some(view) = read_session(Some(body)).filter(|_| !is_sending) {
            self.ledger.roll().look_since(mark, view);
        }
    }

    /// Takes a response that the session does not exist. Some servers create a session with its first message. Only the backend's
    /// own JSON counts: a 404 of a proxy proves neither that a message never arrived nor that an answer is gone.
    fn handle_no_session(&mut self, look: Look, head: &Head<'_>, body: Option<&Body>, cx: &mut Context) {
        let is_backends = is_backend_error(body);
        match look {
            Look::Resume => self.nothing_to_resume(cx),
            Look::Lost if is_backends => self.expire(cx),
            Look::Sent if is_backends => self.find_sent(&SessionView::default(), cx),
            Look::Lost | Look::Sent => self.try_again(Ask::Look(look), read_error(head, body), 0, cx),
            Look::Busy => self.fail_with(head, body, cx),
        }
    }

    fn resume_what_runs(&mut self, view: &SessionView, cx: &mut Context) {
        match self.running(view, cx) {
            Some(active) => {
                let turn = self.running_turn(active, view);
                self.goal.operation = active.operation_id.clone().unwrap_or_default();
                self.goal.tool = active.tool_name.clone().unwrap_or_default();
                self.join(turn, cx);
            }
            // Another tab streamed the beginning of the answer and has disappeared.
            None if self.ledger.reader().has_rows() && view.active.is_some() => self.stopped_elsewhere(cx),
            None if self.ledger.reader().has_rows() => self.find_lost(view, cx),
            None => {
                if cx.record(&self.id).is_some_and(|saved| saved.is_imported) {
                    cx.remove(&self.id);
                }
                self.nothing_to_resume(cx);
            }
        }
    }

    /// Returns the turn of the running task, with the aliases that its tab handed over.
    fn running_turn(&mut self, active: &ActiveStream, view: &SessionView) -> Turn {
        let mut turn = self.ledger.known_roll().running(active, view);
        let Some(mut handed_over) = self.handed_over.take() else { return turn };
        if let Location::At(ordinal) = handed_over.locate(view, Arrival::Certain) {
            handed_over.name_ordinal(ordinal);
        }
        if handed_over.is_same(&turn) {
            turn.learn(&handed_over);
        }
        turn
    }

    fn join_what_runs(&mut self, view: &SessionView, cx: &mut Context) {
        let running = self.running(view, cx).filter(|active| !self.has_seen_end_of(&active.task_id));
        match running {
            Some(active) => {
                let turn = self.running_turn(active, view);
                self.join_busy(turn, cx);
            }
            None => self.send_again(cx),
        }
    }

    /// Returns the running task, unless the app has stopped it. A stopped task is never joined.
    fn running<'a>(&self, view: &'a SessionView, cx: &Context) -> Option<&'a ActiveStream> {
        view.active.as_ref().filter(|active| !self.is_stopped(&active.task_id, cx))
    }

    /// Returns whether the app has stopped the turn of this task.
    pub(super) fn is_stopped(&self, task: &str, cx: &Context) -> bool {
        let is_its = |stopped: &Turn| self.ledger.recall(stopped.clone()).is_of(task);
        cx.is_stopped(&self.id, task) || self.stopped.as_ref().is_some_and(is_its)
    }

    /// Joins the stream of a turn that the session names. If it may be another turn than the current one, listeners get a reset.
    pub(super) fn join(&mut self, turn: Turn, cx: &mut Context) {
        if self.ledger.turn().is_same(&turn) {
            self.ledger.learn(&turn, cx.record(&self.id));
            // Followers learn the new aliases of the turn from another announcement.
            self.owner.announce_again();
        } else {
            self.ledger.begin(turn, Start::Joined, cx.record(&self.id));
            self.goal.followed = None;
            // Followers of the other turn get this one from its beginning.
            self.broadcast_anew(cx);
        }
        self.goal.evidence = Evidence::None;
        self.remember(cx);
        self.backoff.progressed();
        self.ask(Ask::Join, cx);
    }

    /// Decides what happened to a message whose response was lost before it named a task.
    fn find_sent(&mut self, view: &SessionView, cx: &mut Context) {
        let Some(sending) = &self.goal.sending else { return self.resume_what_runs(view, cx) };
        let has_arrived = sending.fate == Fate::Accepted;
        match sending.locate(view, self.ledger.turn()) {
            Location::At(ordinal) => self.go_on_with_sent(ordinal, view, cx),
            // The session does not show its messages. A task that began after the message was accepted belongs to it.
            place if has_arrived && (view.newest().is_none() || place == Location::Unclear) => {
                match self.running(view, cx).filter(|active| !self.is_anothers(&active.task_id)) {
                    Some(active) => self.join_sent(&Turn::of_task(&active.task_id), cx),
                    None => self.look_again(no_trace(), cx),
                }
            }
            Location::Absent if !has_arrived => {
                let running = self.running(view, cx);
                if let Some(turn) = running.map(|active| self.ledger.known_roll().running(active, view)) {
                    self.note_another(turn, cx);
                }
                if cx.may_repost() { self.ask(Ask::Send, cx) } else { self.fail(no_trace(), cx) }
            }
            Location::Absent => self.look_again(no_trace(), cx),
            Location::Unclear => {
                self.ledger.roll().forget();
                let message = "The session has a message of this text, and nothing says whether it is this one.";
                self.look_again(local_error("MESSAGE_UNCLEAR", message, Recovery::Permanent), cx);
            }
        }
    }

    /// Reads the session again later, because it does not show what happened to the message of this page.
    fn look_again(&mut self, cause: StreamError, cx: &mut Context) {
        self.try_again(Ask::Look(Look::Sent), cause, 0, cx);
    }

    /// Continues with the message of this page, which the session contains.
    fn go_on_with_sent(&mut self, ordinal: u64, view: &SessionView, cx: &mut Context) {
        let question = view.question(ordinal);
        if let Some(sending) = &mut self.goal.sending {
            sending.fate = Fate::Accepted;
            sending.turn.name_ordinal(ordinal);
        }
        self.report_turn(cx);
        if let Some(outcome) = self.followed_answer() {
            // The end of that stream has already decided what happens to its record.
            return self.conclude(outcome, Record::Leave, cx);
        }
        let is_newest = question == view.newest();
        if is_newest && view.active.as_ref().is_some_and(|active| self.is_stopped(&active.task_id, cx)) {
            return self.stopped_elsewhere(cx);
        }
        match self.running(view, cx) {
            Some(active) if is_newest && !self.is_anothers(&active.task_id) => {
                let turn = Turn::of_task(&active.task_id);
                let is_sure = self.ledger.known_roll().running(active, view).ordinal() == Some(ordinal);
                self.goal.guess = (!is_sure).then(|| turn.clone());
                self.join_sent(&turn, cx);
            }
            _ if view.has_answer(None, question, Part::Whole) => {
                self.finish_from_history(self.turn_sent(), view, question, cx)
            }
            _ => self.look_again(no_trace(), cx),
        }
    }

    /// Drops what was received of a task that turned out not to be the answer to the message.
    pub(super) fn drop_guess(&mut self, guess: Turn) {
        self.ledger.unname_task();
        if let Some(sending) = &mut self.goal.sending {
            sending.turn.unname_task();
        }
        self.goal.other = Some(guess);
    }

    /// Records that the running turn certainly does not answer the message of this page. A stop whose task was never found
    /// covers that turn, unless it is certainly another one than the stopped turn.
    fn note_another(&mut self, turn: Turn, cx: &mut Context) {
        let known = self.ledger.recall(turn.clone());
        let is_beside = self.stopped.as_ref().is_none_or(|stopped| !stopped.is_different(&known));
        if let Some(task) = turn.task().filter(|_| is_beside) {
            cx.name_unknown_stop(&self.id, task);
        }
        self.goal.other = Some(turn);
    }

    /// Returns whether a task is certainly not the answer to the message of this page.
    fn is_anothers(&self, task: &str) -> bool {
        let turn = self.ledger.recall(Turn::of_task(task));
        let is_other = self.goal.other.as_ref().is_some_and(|other| other.is_same(&turn));
        is_other || self.goal.sending.as_ref().is_some_and(|sending| sending.turn.is_different(&turn))
    }

    /// Returns the outcome of another tab's stream that was followed, if that was the answer to the message of this page.
    fn followed_answer(&mut self) -> Option<Outcome> {
        let outcome = self.goal.followed.take()?;
        let sending = self.goal.sending.as_ref()?;
        sending.turn.is_same(self.ledger.turn()).then_some(outcome)
    }

    /// Joins the turn for which the session refused the message (409). If an earlier try may have arrived at a backend that
    /// cannot recognise repeats, that turn is the one of the message. Otherwise it belongs to another message, and the message is
    /// not sent.
    pub(super) fn join_busy(&mut self, turn: Turn, cx: &mut Context) {
        let is_anothers = turn.task().is_some_and(|task| self.is_anothers(task));
        if self.fate().is_open() && cx.backend_ids == IdsSeen::No && !is_anothers {
            return self.join_sent(&turn, cx);
        }
        if self.fate().is_open() {
            self.note_another(turn.clone(), cx);
        }
        if turn.task().is_some_and(|task| self.is_stopped(task, cx)) {
            return self.send_again(cx);
        }
        self.goal.refused = self.goal.sending.take().map(|sending| sending.call);
        self.join(turn, cx);
    }

    /// Joins a task that answers the message of this page.
    pub(super) fn join_sent(&mut self, task: &Turn, cx: &mut Context) {
        let Some(sending) = &mut self.goal.sending else { return self.join(task.clone(), cx) };
        sending.turn.learn(task);
        let turn = sending.turn.clone();
        self.join(turn, cx);
    }

    /// Decides what happened to a task that the server no longer knows.
    fn find_lost(&mut self, view: &SessionView, cx: &mut Context) {
        let running = self.running(view, cx);
        let is_ours = running.is_some_and(|running| self.is_of(&running.task_id));
        let (ours, part) = (self.task(), self.part());
        let question = self.question_of_lost(view);
        match running {
            Some(_) if is_ours => {
                let cause = local_error("TASK_NOT_FOUND", "The task is not there yet.", Recovery::Retryable);
                self.try_again(Ask::Join, cause, 0, cx);
            }
            Some(running) if self.goal.purpose == Purpose::Resume && !self.ledger.reader().has_rows() => {
                self.join(self.ledger.known_roll().running(running, view), cx);
            }
            // The backend itself is asked before an answer that it still has is given up.
            Some(_) if !view.has_named_answer(ours) && matches!(self.goal.evidence, Evidence::Unproven) => {
                self.ask(Ask::Verify, cx);
            }
            Some(_) if !view.has_named_answer(ours) => self.expire(cx),
            None if !view.has_named_answer(ours)
                && !question.is_some_and(|at| view.has_answer(ours, Some(at), part)) =>
            {
                self.expire(cx);
            }
            _ => self.finish_from_history(self.ledger.turn().clone(), view, question, cx),
        }
    }

    /// Returns the user message whose answer is searched. The page that sent the message can identify it among later ones. A page
    /// that only joined takes the newest one, unless it knows more.
    fn question_of_lost(&self, view: &SessionView) -> Option<Question> {
        let known = || self.ledger.turn().ordinal().and_then(|ordinal| view.question(ordinal));
        let newest_ordinal = (view.questions().len() as u64).saturating_sub(1);
        let newest = || view.newest().filter(|_| !self.ledger.has_another_at(newest_ordinal));
        let sending = self.goal.sending.as_ref().filter(|_| !self.gives_another());
        let Some(sending) = sending else { return known().or_else(newest) };
        match sending.locate(view, &sending.turn) {
            Location::At(ordinal) => view.question(ordinal),
            Location::Unclear if sending.fate == Fate::Accepted => view.newest(),
            Location::Absent | Location::Unclear => None,
        }
    }

    fn finish_from_history(
        &mut self,
        mut turn: Turn,
        view: &SessionView,
        question: Option<Question>,
        cx: &mut Context,
    ) {
        if turn.task().is_none()
            && let Some(task) = view.answering_task(question)
        {
            turn.learn(&Turn::of_task(&task));
        }
        if self.ledger.turn().is_same(&turn) {
            self.ledger.learn(&turn, cx.record(&self.id));
        } else {
            self.ledger.begin(turn, Start::Joined, cx.record(&self.id));
        }
        let frames = view.answer_frames(self.task(), question, self.part());
        match self.goal.evidence {
            Evidence::None | Evidence::Unproven if self.task().is_some() => {
                self.goal.evidence = Evidence::Stored(frames);
                // The session was read, so earlier failures no longer count.
                self.backoff.progressed();
                self.ask(Ask::Verify, cx);
            }
            _ => self.give_stored(frames, OutcomeKind::Finished, cx),
        }
    }

    /// Delivers an answer that only the history has, and ends the stream with `kind`.
    pub(super) fn give_stored(&mut self, mut frames: Vec<String>, kind: OutcomeKind, cx: &mut Context) {
        frames.push(end_frame(kind));
        self.ledger.give_history(&frames);
        self.broadcast_anew(cx);
        self.share_history(&frames);
        self.end_stream(bare_outcome(kind, self.task_name()), Record::Drop, cx);
    }

    /// Returns which part of the turn's stored answer the current stream contains.
    fn part(&self) -> Part {
        if self.ledger.is_later_part() { Part::Operation } else { Part::Whole }
    }

    /// Returns the turn of the message of this page, or the current turn if there is no such message.
    pub(super) fn turn_sent(&self) -> Turn {
        let present = self.ledger.turn();
        let Some(sending) = &self.goal.sending else { return present.clone() };
        let mut turn = sending.turn.clone();
        if turn.is_same(present) {
            turn.learn(present);
        }
        turn
    }

    pub(super) fn expire(&mut self, cx: &mut Context) {
        self.end_stream(bare_outcome(OutcomeKind::Expired, self.task_name()), Record::Drop, cx);
    }
}

impl Sending {
    /// Returns where the session has the user message of this page. `followed` is the turn that another tab streamed since the
    /// message was sent.
    fn locate(&self, view: &SessionView, followed: &Turn) -> Location {
        let place = match self.turn.locate(view, self.fate.arrival()) {
            Location::Unclear => self.turn.locate_among(view, followed),
            place => place,
        };
        match (place, self.fate, view.newest_ordinal()) {
            (Location::At(_), ..) => place,
            _ if self.request.trigger.adds_message() => place,
            // The request adds no message, so it answers the newest one once it has begun.
            (_, Fate::Accepted, Some(newest)) => Location::At(newest),
            // A backend that supports triggers recognises a repeat, and another backend stores no message for this one.
            (Location::Unclear, ..) if self.turn.is_silent() => Location::Absent,
            _ => place,
        }
    }
}

/// Returns the chunk that ends a stream with this outcome.
fn end_frame(kind: OutcomeKind) -> String {
    let end = match kind {
        OutcomeKind::Stopped => ChunkWriter::new("abort"),
        OutcomeKind::Failed => {
            ChunkWriter::new("error").text("errorText", "The task failed.").text("code", "TASK_FAILED")
        }
        _ => ChunkWriter::new("finish"),
    };
    end.end()
}

fn no_trace() -> StreamError {
    local_error("MESSAGE_LOST", "The server shows no trace of the message.", Recovery::Retryable)
}

fn not_a_session(head: &Head<'_>) -> StreamError {
    let message = "The answer is no session; is the base URL right?";
    let mut error = local_error("INVALID_RESPONSE", message, Recovery::Permanent);
    error.status = Some(head.status);
    error
}
