//! The checks of a run, which compare the client with what the server and people did, not with the client's own state.

use rejoin::client::io::{Millis, Origin, Outcome, OutcomeKind};
use rejoin::stream::cursor::EventId;

use super::tabs::TabLife;
use super::{Lane, Step, World};
use crate::backend::Server;
use crate::backend::task::is_silent;
use crate::oracle::{Answer, Cut};
use crate::page::{Page, Promise, SESSIONS};
use crate::plan::{Action, Backend, Fault, Naming};

const LEAST_GAP: Millis = 250;
/// The memory that a client may use for each session that it shows, besides what its streams contained, in bytes.
const SPARE: usize = 24 * 1024;

impl World {
    /// Checks that a snapshot never changes without a notification of the app.
    pub(super) fn check_shown(&mut self) -> Step {
        let Page { client, views, .. } = &mut self.tab.page;
        for (session, view) in views.iter_mut().enumerate() {
            let now = client.snapshot(SESSIONS[session]);
            if now != view.shown && !self.changed[session] {
                return Err(format!("no notification of {now:?}"));
            }
            view.shown = now;
        }
        Ok(())
    }

    /// Checks that a page's memory depends on the content of its streams, and not on how often they were cut, stopped or begun.
    pub(super) fn check_footprint(&self) -> Step {
        let held = self.tab.page.client.footprint();
        let waiting: usize = self.tab.page.views.iter().map(|view| view.waiting).sum();
        let largest = self.lanes.iter().map(|lane| lane.server.largest());
        let copies = if self.plan.tabs > 1 { 8 } else { 4 };
        let most = self.plan.sessions * SPARE + 8 * waiting + copies * largest.sum::<usize>();
        if held <= most { Ok(()) } else { Err(format!("{held} bytes are held, {most} are enough")) }
    }

    /// Checks the delay between two requests. By a coarse clock it may be shorter than it looks.
    pub(super) fn check_gap(&mut self) -> Step {
        let now = self.now;
        let least = LEAST_GAP.saturating_sub(self.plan.clock.grain - 1);
        let has_jumped = self.plan.actions.iter().any(|planned| matches!(planned.action, Action::SetClock(_)));
        match self.view().last_request.replace(now) {
            Some(last) if now < last + least && !has_jumped => Err(format!("asked again after {} ms", now - last)),
            _ => Ok(()),
        }
    }

    /// Checks that a message starts one task.
    pub(super) fn check_posts(&mut self, message_id: &str) -> Step {
        let turns = self.lane().posts.entry(message_id.to_owned()).or_default();
        *turns += 1;
        if *turns > 1 { Err(format!("message {message_id} ran twice")) } else { Ok(()) }
    }

    /// Checks that a saved position was delivered.
    pub(super) fn check_save(&mut self, key: &str, text: &str) -> Step {
        self.session = self.session_of_key(key).ok_or("a record of no session")?;
        if text.contains("message ") {
            return Err(format!("what was said is saved: {text}"));
        }
        if text.contains(&EventId::MAX.to_string()) {
            return Err(format!("a position that is in no log is saved: {text}"));
        }
        // If the log is cut, or all texts are alike, the number of frames cannot be compared.
        let quirks = &self.plan.quirks;
        let is_vague = quirks.log_limit.is_some() || quirks.is_alike;
        let Some(saved) = self.saved_in(self.session, text).filter(|_| !is_vague) else { return Ok(()) };
        let lane = &self.lanes[self.session];
        let task = &lane.server.tasks[saved.task];
        let is_given = |frame: usize| lane.given.iter().any(|mark| (mark.task, mark.frame) == (saved.task, frame));
        let marked = task.tokens.iter().chain(task.named.values()).copied();
        let ahead = marked.filter(|frame| *frame < saved.frames).find(|frame| !is_given(*frame));
        ahead.map_or(Ok(()), |frame| {
            debug_assert!(!is_silent(&task.frames[frame].1));
            Err(format!("saved {saved:?}, but frame {frame} was not delivered"))
        })
    }

    pub(super) fn check_outcome(&mut self, promise: &Promise, outcome: Option<&Outcome>) -> Step {
        let name = match outcome {
            None => "None".to_owned(),
            Some(outcome) if outcome.origin == Origin::Joined => "Joined".to_owned(),
            Some(outcome) => format!("{:?}", outcome.kind),
        };
        *self.coverage.outcomes.entry(name).or_default() += 1;
        match (promise, outcome) {
            (Promise::Start(_), None) => Err("a start came to nothing".into()),
            (Promise::Stop, Some(_)) => Err("a stop has an outcome".into()),
            (_, Some(outcome)) => match outcome.kind {
                OutcomeKind::Finished => self.check_finished(promise, outcome),
                OutcomeKind::Failed => self.check_failed(promise, outcome),
                OutcomeKind::Expired => self.check_expired(outcome),
                OutcomeKind::Stopped | OutcomeKind::Superseded => Ok(()),
            },
            (_, None) => Ok(()),
        }
    }

    /// Checks that a listener has all of a finished answer, and that it answers this message. Of an answer that a base backend
    /// lost, only the stored part exists, and the client cannot know that.
    fn check_finished(&self, promise: &Promise, outcome: &Outcome) -> Step {
        let server = self.server();
        let view = &self.tab.page.views[self.session];
        let last = view.listener.last().ok_or("finished without an answer")?;
        let is_all_of = |at: &usize| {
            let task = &server.tasks[*at];
            match task.lost_at {
                Some(lost_at) if self.plan.backend == Backend::Base => last.text == task.stored_text(lost_at),
                Some(_) => false,
                None => last.is_whole(*at, server) && task.has_ended(self.now),
            }
        };
        let at = (0..server.tasks.len()).rev().find(is_all_of);
        let at = at.ok_or_else(|| format!("finished with half an answer: {:?}", last.text))?;
        let task = &server.tasks[at];
        let has_failed = task.cancelled || task.failed;
        if has_failed && !task.gone {
            return Err("finished, but the task was cancelled or interrupted".into());
        }
        if !self.plan.quirks.is_alike {
            check_truncated(last, outcome, server)?;
            check_operation(at, last, outcome, server)?;
        }
        let of = task.message().map(|message| message.message_id.as_str());
        let text = task.message().map(|message| message.message.as_str());
        match promise {
            Promise::Start(message_id) if outcome.origin == Origin::Own => {
                // A page that never saw the earlier messages cannot distinguish two messages with one text.
                let is_ambiguous = text.is_some() && view.unlooked.get(message_id).map(String::as_str) == text;
                let is_unjudged = self.plan.quirks.is_alike;
                let is_own = of == Some(message_id) || self.is_turn_of(at, message_id);
                if is_own || is_ambiguous || is_unjudged || self.is_unseen(message_id) {
                    Ok(())
                } else {
                    Err(format!("{message_id} finished with the answer to {of:?}"))
                }
            }
            _ => Ok(()),
        }
    }

    /// Returns whether the task of a message was lost before a page got any of it, on a backend that runs two tasks at once and
    /// does not name them. The client then cannot know that the remaining task is another one.
    fn is_unseen(&self, message_id: &str) -> bool {
        let Lane { server, given, .. } = &self.lanes[self.session];
        let is_indistinct = server.backend == Backend::Base && !server.quirks.refuses_second_message;
        let own = server.task_of(message_id).filter(|own| server.tasks[*own].lost_at.is_some());
        is_indistinct && own.is_some_and(|own| given.iter().all(|mark| mark.task != own))
    }

    /// Returns whether a task belongs to the turn of a message, as an operation does.
    fn is_turn_of(&self, at: usize, message_id: &str) -> bool {
        use crate::backend::task::Cause;
        let Cause::Operation { of } = self.server().tasks[at].cause else { return false };
        self.server().task_of(message_id) == Some(of)
    }

    fn check_failed(&self, promise: &Promise, outcome: &Outcome) -> Step {
        let error = outcome.error.as_ref().ok_or("failed without an error")?;
        let server = self.server();
        let known = outcome.task.as_deref().and_then(|id| server.find(id)).map(|at| &server.tasks[at]);
        let sent = if let Promise::Start(message_id) = promise { server.task_of(message_id) } else { None };
        match error.code.as_str() {
            // The client reports that it cannot know.
            "MESSAGE_UNCLEAR" => Ok(()),
            "UNAUTHORIZED" | "TASK_RUNNING" => Ok(()),
            "INTERRUPTED" | "TASK_FAILED" if server.tasks.iter().any(|task| task.failed) => Ok(()),
            "MESSAGE_LOST"
                if !self.lanes[self.session].was_stopped
                    && sent.is_some_and(|at| server.tasks[at].lost_at.is_none()) =>
            {
                Err("a message is called lost that was answered".into())
            }
            _ if known.is_none_or(|task| task.gone || task.failed) || self.has_slept_through() => Ok(()),
            code => Err(format!("failed with {code} though the task is there")),
        }
    }

    /// Returns whether the time for retries may have passed while the computer slept or because the clock was changed.
    fn has_slept_through(&self) -> bool {
        self.plan
            .actions
            .iter()
            .any(|planned| matches!(planned.action, Action::SetClock(600_000..) | Action::Sleep(400_000..)))
    }

    fn check_expired(&self, outcome: &Outcome) -> Step {
        let server = self.server();
        let task = outcome.task.as_deref().and_then(|id| server.find(id)).map(|at| &server.tasks[at]);
        if task.is_some_and(|task| !task.gone) { Err("expired, but it is there".into()) } else { Ok(()) }
    }

    /// Checks that neither this page nor the next one shows what was stopped.
    pub(super) fn check_not_stopped(&self) -> Step {
        let lane = &self.lanes[self.session];
        let last = self.tab.page.views[self.session].listener.last();
        let Some(token) = last.and_then(|last| last.tokens.last()) else { return Ok(()) };
        let message = lane.server.tasks[token.task].message();
        let is_stopped = lane.stopped_tasks.contains(&token.task)
            || message.is_some_and(|message| lane.stopped_messages.contains(&message.message_id));
        let is_remembered = self.plan.tabs == 1 && self.plan.storage_losses == 0;
        if is_stopped && is_remembered { Err(format!("{token:?} of an answer that was stopped")) } else { Ok(()) }
    }

    pub(super) fn check_the_end(&mut self) -> Step {
        for (at, tab) in self.all_tabs().filter(|(_, tab)| tab.life == TabLife::Open) {
            for session in SESSIONS {
                let snapshot = tab.page.client.snapshot(session);
                if let Some((_, promise)) = tab.page.pending.iter().next() {
                    return Err(format!("tab {at}: {promise:?} is never kept; {snapshot:?}"));
                }
                if tab.page.client.is_live(session) {
                    return Err(format!("tab {at} is still live: {snapshot:?}"));
                }
            }
        }
        self.check_stops()
    }

    fn check_stops(&self) -> Step {
        // A tab that dies during a stop leaves it to the next page. Without a cancel there is only the record.
        if self.plan.tabs > 1 || self.plan.storage_losses > 0 || !self.can_cancel() {
            return Ok(());
        }
        for lane in &self.lanes {
            let of_messages = lane.stopped_messages.iter().filter_map(|message| lane.server.task_of(message));
            let mut stopped = lane.stopped_tasks.iter().copied().chain(of_messages);
            let runs_on = |at: &usize| !lane.server.tasks[*at].cancelled && lane.server.tasks[*at].runs(self.now);
            if let Some(at) = stopped.find(runs_on) {
                return Err(format!("task {at} was stopped and runs on"));
            }
        }
        let leftover = self.storage.values().find(|text| text.contains("\"stopped\""));
        leftover.map_or(Ok(()), |text| Err(format!("a stop is left: {text}")))
    }

    /// Returns whether every cancel succeeds in the end. A refused one is not repeated.
    fn can_cancel(&self) -> bool {
        let is_refused =
            |fault: &Fault| matches!(fault, Fault::Status(401) | Fault::Proxy(404) | Fault::ProxyBehind(404));
        self.plan.backend == Backend::Ours && !self.plan.faults.iter().any(is_refused) && !self.has_slept_through()
    }

    pub(super) fn account_page(&mut self) {
        let metrics = self.tab.page.client.metrics(None);
        self.coverage.reconnects += metrics.reconnects;
        self.coverage.duplicates += metrics.duplicates;
        self.coverage.resets += metrics.resets;
        self.coverage.unknown += metrics.unknown;
        self.coverage.malformed += metrics.malformed;
        let is_named = self.plan.quirks.naming != Naming::Nameless;
        for view in &self.tab.page.views {
            self.coverage.replayed += u64::from(view.listener.replayed);
            self.coverage.unknown_turns += u64::from(view.listener.unknown_turns);
            self.coverage.needless_resets += if is_named { u64::from(view.listener.needless_resets) } else { 0 };
        }
    }
}

/// Checks that an answer whose beginning is missing is reported as truncated, and no other one.
fn check_truncated(answer: &Answer, outcome: &Outcome, server: &Server) -> Step {
    match (answer.cut(server), outcome.truncated) {
        (Cut::InPart, false) => Err("an answer without its beginning passes for whole".into()),
        (Cut::None, true) => Err("a whole answer is called truncated".into()),
        _ => Ok(()),
    }
}

/// Checks that an outcome names the operation that a chat started, and no other one. The stored messages of a session do not name
/// it.
fn check_operation(chat: usize, answer: &Answer, outcome: &Outcome, server: &Server) -> Step {
    let left = server.operation_of(chat).map(|operation| operation.id.as_str());
    let named = outcome.operation.as_ref().map(|operation| operation.task.as_str());
    let is_ambiguous = named.is_none() && answer.is_stored;
    if named == left || is_ambiguous { Ok(()) } else { Err(format!("it left {left:?}, and {named:?} is named")) }
}
