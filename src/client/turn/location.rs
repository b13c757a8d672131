//! Finds the user message of a turn in a session.
//!
//! If the backend stores message ids, the id decides. Otherwise (PROTOCOL §7) only the texts and their order are known: the
//! message is recognised by its text and by its ordinal, which is not below the number of user messages that were known before it
//! was sent. No clock decides which of two equal texts it is, neither that of this device nor that of the server.

use crate::client::turn::identity::{Question, Turn, Wording};
use crate::protocol::answer::{ActiveStream, SessionView, StoredQuestion};

/// What is known about the arrival of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It has arrived: a byte of its stream was received.
    Certain,
    /// It arrived some time ago. Later messages may have the same text.
    Earlier,
    /// A stream was opened for it, but no byte of it arrived.
    Probable,
    /// Its response was lost, or it was not sent.
    Uncertain,
}

/// Where the session has a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// The message has this ordinal, counted from 0.
    At(u64),
    /// The session does not have the message.
    Absent,
    /// The session has a message of the same text, which may or may not be this one.
    Unclear,
}

/// The number of user messages that a session is known to have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Roll {
    known: Option<u64>,
    /// The number of messages when no task was running. No task answers one of those any more.
    settled: u64,
    changes: u32,
}

impl Roll {
    /// Takes a session that was read.
    pub fn look(&mut self, view: &SessionView) {
        let count = count(&view.questions());
        self.known = Some(count);
        if view.active.is_none() {
            self.settled = count;
        }
    }

    /// Records that messages are removed.
    pub fn forget_places(&mut self) {
        self.forget();
        self.settled = 0;
    }

    /// Returns the turn that the running task of a session answers. It has an ordinal only if a single user message is possible.
    #[must_use]
    pub fn running(self, active: &ActiveStream, view: &SessionView) -> Turn {
        let mut turn = Turn::of_task(&active.task_id);
        if let Some(ordinal) = self.ordinal_of(active, view) {
            turn.name_ordinal(ordinal);
        }
        turn
    }

    fn ordinal_of(self, active: &ActiveStream, view: &SessionView) -> Option<u64> {
        let questions = view.questions();
        let named = questions.iter().position(|stored| stored.task == Some(active.task_id.as_str()));
        if active.is_operation() {
            let pending = || view.ordinal_of_operation(active.operation_id.as_deref()?);
            return named.map(|at| at as u64).or_else(pending);
        }
        let newest = questions.len().checked_sub(1);
        let is_single = |newest: &usize| {
            let waiting = questions.iter().enumerate().filter(|(_, stored)| !stored.is_answered);
            waiting.skip_while(|(at, _)| (*at as u64) < self.settled).all(|(at, _)| at == *newest)
        };
        named.or_else(|| newest.filter(is_single)).map(|at| at as u64)
    }

    /// Takes a session that the app has read. `mark` is the number that [`Self::mark`] returned before the request. The session is
    /// ignored if a message has arrived since then.
    pub fn look_since(&mut self, mark: u32, view: &SessionView) {
        if mark == self.changes {
            self.look(view);
        }
    }

    /// Returns a number that changes with each message that arrives.
    #[must_use]
    pub fn mark(self) -> u32 {
        self.changes
    }

    /// Records that a message of this page has arrived.
    pub fn add(&mut self) {
        self.known = self.known.map(|known| known + 1);
        self.changes = self.changes.wrapping_add(1);
    }

    /// Records that messages may have arrived that this page does not know: another tab's, or one whose arrival is unknown.
    pub fn forget(&mut self) {
        self.known = None;
        self.changes = self.changes.wrapping_add(1);
    }

    /// Returns the lowest number of messages before the next message of this page.
    #[must_use]
    pub fn floor(self) -> Option<u64> {
        self.known
    }
}

impl Turn {
    /// Returns where the session has the user message of this turn.
    #[must_use]
    pub fn locate(&self, view: &SessionView, arrival: Arrival) -> Location {
        let questions = view.questions();
        if let Some(at) = self.message().and_then(|id| questions.iter().position(|stored| stored.id == Some(id))) {
            return Location::At(at as u64);
        }
        if let Some(at) = self.task().and_then(|task| questions.iter().position(|stored| stored.task == Some(task))) {
            return Location::At(at as u64);
        }
        match (self.ordinal(), self.question()) {
            (Some(ordinal), _) if ordinal < count(&questions) => Location::At(ordinal),
            (_, Some(question)) => question.locate(&questions, view.active.is_some(), arrival),
            _ => Location::Unclear,
        }
    }

    /// Returns the same after another tab's stream was followed: a task that ran meanwhile, with the same text, answers this
    /// message.
    #[must_use]
    pub fn locate_among(&self, view: &SessionView, followed: &Self) -> Location {
        let questions = view.questions();
        let at = followed.ordinal().and_then(|ordinal| usize::try_from(ordinal).ok());
        let stored = at.and_then(|at| questions.get(at)).filter(|stored| stored.text.is_some());
        match (stored, self.question(), followed.ordinal()) {
            (Some(stored), Some(question), Some(ordinal)) if question.is_alike(stored) => Location::At(ordinal),
            _ => Location::Unclear,
        }
    }
}

impl Question {
    fn locate(&self, questions: &[StoredQuestion<'_>], runs: bool, arrival: Arrival) -> Location {
        let floor = self.floor.filter(|floor| *floor <= count(questions));
        let first = floor.unwrap_or_default();
        let mut alike = (first..)
            .zip(questions.iter().skip(first as usize))
            .filter(|(_, stored)| self.is_alike(stored))
            .map(|(at, _)| at);
        if floor.is_some() {
            return alike.next().map_or(Location::Absent, Location::At);
        }
        let Some(first) = alike.next() else { return Location::Absent };
        let later = alike.last();
        let last = later.unwrap_or(first);
        let is_newest = last + 1 == count(questions);
        match arrival {
            Arrival::Certain => Location::At(last),
            Arrival::Earlier if later.is_none() => Location::At(first),
            // The running task answers the newest message. That it has the same text is no coincidence.
            Arrival::Uncertain if is_newest && runs => Location::At(last),
            Arrival::Probable if is_newest => Location::At(last),
            Arrival::Earlier | Arrival::Probable | Arrival::Uncertain => Location::Unclear,
        }
    }

    /// Returns whether a stored message may be this one. A backend that names the tasks of its messages stores their ids as well,
    /// so there a text proves nothing. A message without a text may be any.
    fn is_alike(&self, stored: &StoredQuestion<'_>) -> bool {
        if stored.task.is_some() && stored.id.is_some() {
            return false;
        }
        let Some(text) = stored.text else { return true };
        match self.wording {
            Wording::Exact => text == self.text,
            Wording::Prefixed => text.ends_with(&self.text),
        }
    }
}

fn count(questions: &[StoredQuestion<'_>]) -> u64 {
    questions.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::answer::read_session;

    fn view(questions: usize, running: Option<&str>) -> SessionView {
        let messages = vec![serde_json::json!({"role": "user", "content": "hi"}); questions];
        let active = running.map(|task| serde_json::json!({"task_id": task}));
        let body = serde_json::json!({"messages": messages, "active_stream": active});
        read_session(serde_json::from_value(body).ok().as_ref()).unwrap().clone()
    }

    #[test]
    fn an_operation_has_the_ordinal_of_the_answer_that_shows_it_or_none() {
        let ordinal_of = |tool_name: &str, messages: &str| {
            let body = format!(
                r#"{{"messages":[{{"role":"user"}},{{"role":"assistant"}},{messages},{{"role":"user"}}],
                "active_stream":{{"task_id":"t2","operation_id":"o1","tool_name":"{tool_name}"}}}}"#
            );
            let view = read_session(serde_json::from_str(&body).ok().as_ref()).unwrap().clone();
            Roll::default().running(view.active.as_ref().unwrap(), &view).ordinal()
        };
        let ordinal = |messages: &str| ordinal_of("build", messages);
        let tool = |content: &str| serde_json::json!({"role": "tool", "content": content}).to_string();
        assert_eq!(ordinal(&tool(r#"{"type":"operation_pending","operation_id":"o1"}"#)), Some(0));
        let done = tool(r#"{"done":true}"#);
        assert_eq!(ordinal(&done), Some(0), "no other answer has a result");
        assert_eq!(ordinal(&[&done, r#"{"role":"user"}"#, &done].join(",")), None, "it may be either");
        assert_eq!(ordinal(r#"{"role":"user"}"#), None, "the newest message need not be its");
        assert_eq!(ordinal_of("chat", &tool(r#"{"done":true}"#)), Some(1), "this is no operation");
    }

    #[test]
    fn places_are_settled_until_messages_are_removed() {
        let mut roll = Roll::default();
        let two = view(2, Some("t1"));
        roll.look(&view(1, None));
        assert_eq!(roll.running(two.active.as_ref().unwrap(), &two).ordinal(), Some(1));
        roll.forget();
        assert_eq!(
            roll.running(two.active.as_ref().unwrap(), &two).ordinal(),
            Some(1),
            "more may have come, and none went"
        );
        roll.forget_places();
        assert_eq!(roll.running(two.active.as_ref().unwrap(), &two).ordinal(), None);
    }
}
