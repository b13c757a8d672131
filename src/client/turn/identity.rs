//! Turns, their aliases, and how they are compared.

use crate::client::io::{Author, SendRequest};
use crate::persist::SavedTask;
use crate::tabs::Aliases;

/// A turn of a session, that is, a user message and its answer, with all aliases that are known.
///
/// A turn begins when this page sends a message or joins a task, and learns its other aliases later. An alias is never guessed,
/// because a wrong one would join two answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    message: Option<String>,
    task: Option<String>,
    ordinal: Option<u64>,
    question: Option<Question>,
}

/// The user message of a turn. Its text finds the message in a session whose backend stores no message ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) text: String,
    pub(super) wording: Wording,
    /// The lowest possible ordinal: this many user messages were known before it was sent.
    pub(super) floor: Option<u64>,
}

/// How a backend may have stored a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wording {
    /// Unchanged.
    Exact,
    /// Unchanged, or with the page's context in front of it.
    Prefixed,
}

/// The result of a comparison of two turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The turns are the same.
    Same,
    /// The turns are different.
    Different,
    /// The turns have no alias in common. Listeners get a reset.
    Unknown,
}

impl Turn {
    /// Returns the turn of a message that this page sends. `floor` is the number of user messages that the session was known to
    /// have before, if it was known.
    #[must_use]
    pub fn sent(request: &SendRequest, floor: Option<u64>) -> Self {
        let wording = if request.context.is_some() { Wording::Prefixed } else { Wording::Exact };
        let is_silent = request.message.is_empty() && !request.trigger.adds_message();
        let is_question = request.author == Author::User && !is_silent;
        let question = is_question.then(|| Question { text: request.message.clone(), wording, floor });
        Self { message: Some(request.message_id.clone()), question, ..Self::default() }
    }

    /// Returns the turn of a task.
    #[must_use]
    pub fn of_task(task: &str) -> Self {
        Self { task: Some(task.to_owned()), ..Self::default() }
    }

    /// Returns the turn that a saved record names.
    #[must_use]
    pub fn recorded(record: &SavedTask) -> Self {
        let task = record.task().map(str::to_owned);
        Self { message: record.message.clone(), task, ordinal: record.ordinal, question: None }
    }

    /// Returns the turn that another tab names.
    #[must_use]
    pub fn named_by(aliases: &Aliases) -> Self {
        let Aliases { message, task, ordinal, text } = aliases.clone();
        let question = text.map(|text| Question { text, wording: Wording::Prefixed, floor: None });
        Self { message, task, ordinal, question }
    }

    /// Returns the same turn with another task: that of an operation which the answer started.
    #[must_use]
    pub fn in_task(&self, task: &str) -> Self {
        let mut turn = self.clone();
        turn.name_task(task);
        turn
    }

    /// Returns the aliases of the turn for other tabs.
    #[must_use]
    pub fn aliases(&self) -> Aliases {
        Aliases {
            message: self.message.clone(),
            task: self.task.clone(),
            ordinal: self.ordinal,
            text: self.question.as_ref().map(|question| question.text.clone()),
        }
    }

    /// Returns the task, if its id is known.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        self.task.as_deref()
    }

    /// Returns the id of the user message, if this browser sent it.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Returns the ordinal of the user message in the session, counted from 0.
    #[must_use]
    pub fn ordinal(&self) -> Option<u64> {
        self.ordinal
    }

    /// Returns whether the turn has no user message that can be recognised by its text.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.question.is_none()
    }

    pub(super) fn question(&self) -> Option<&Question> {
        self.question.as_ref()
    }

    /// Returns whether this is the turn of a task. A turn without a known task is not.
    #[must_use]
    pub fn is_of(&self, task: &str) -> bool {
        self.task() == Some(task)
    }

    /// Returns whether two turns are certainly the same.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.compare(other) == Identity::Same
    }

    /// Compares two turns by the strongest alias that both have. Two tasks are two answers, even to one message. Each message has
    /// an id of its own. One ordinal of a session is one message.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Identity {
        let tasks = decide(self.task.as_ref(), other.task.as_ref());
        tasks.or_else(|| self.compare_questions(other)).unwrap_or(Identity::Unknown)
    }

    /// Returns whether two turns are certainly different.
    #[must_use]
    pub fn is_different(&self, other: &Self) -> bool {
        self.compare(other) == Identity::Different
    }

    /// Returns whether two turns certainly have the same user message. The task of an operation has that of the chat that started
    /// it: it is a stream of its own, but the session stores both answers as one.
    #[must_use]
    pub fn shares_question(&self, other: &Self) -> bool {
        self.compare_questions(other) == Some(Identity::Same)
    }

    /// Returns whether two turns certainly have different user messages.
    #[must_use]
    pub fn has_another_question(&self, other: &Self) -> bool {
        self.compare_questions(other) == Some(Identity::Different)
    }

    fn compare_questions(&self, other: &Self) -> Option<Identity> {
        let messages = decide(self.message.as_ref(), other.message.as_ref());
        messages.or_else(|| decide(self.ordinal, other.ordinal))
    }

    /// Takes over the aliases of the same turn that this value lacks. Returns whether there were any.
    pub fn learn(&mut self, other: &Self) -> bool {
        let has_task = fill(&mut self.task, other.task.as_ref());
        let has_message = fill(&mut self.message, other.message.as_ref());
        let has_ordinal = fill(&mut self.ordinal, other.ordinal.as_ref());
        let has_question = fill(&mut self.question, other.question.as_ref());
        has_task || has_message || has_ordinal || has_question
    }

    /// Sets the task that the stream names, which overrides what was assumed before.
    pub fn name_task(&mut self, task: &str) {
        self.task = Some(task.to_owned());
    }

    /// Removes the ordinal, because user messages may have been removed.
    pub fn forget_ordinal(&mut self) {
        self.ordinal = None;
    }

    /// Removes the task, because it belongs to another turn.
    pub fn unname_task(&mut self) {
        self.task = None;
    }

    /// Sets the ordinal that the session shows.
    pub fn name_ordinal(&mut self, ordinal: u64) {
        self.ordinal = Some(ordinal);
    }

    /// Returns the allocated memory in bytes.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let question = self.question.as_ref().map(|question| &question.text);
        [self.message.as_ref(), self.task.as_ref(), question].into_iter().flatten().map(String::capacity).sum()
    }
}

fn decide<T: PartialEq>(one: Option<T>, other: Option<T>) -> Option<Identity> {
    let is_same = one? == other?;
    Some(if is_same { Identity::Same } else { Identity::Different })
}

/// Sets an alias that is not known yet. Returns whether it was set.
fn fill<T: Clone>(alias: &mut Option<T>, known: Option<&T>) -> bool {
    let is_new = alias.is_none() && known.is_some();
    if is_new {
        *alias = known.cloned();
    }
    is_new
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(message: Option<&str>, task: Option<&str>, ordinal: Option<u64>) -> Turn {
        Turn { message: message.map(str::to_owned), task: task.map(str::to_owned), ordinal, question: None }
    }

    #[test]
    fn turns_are_compared_by_the_strongest_alias_that_both_have() {
        let cases = [
            (turn(Some("m1"), Some("t1"), Some(0)), turn(None, Some("t1"), None), Identity::Same),
            (turn(Some("m1"), Some("t1"), Some(0)), turn(Some("m1"), Some("t2"), Some(0)), Identity::Different),
            (turn(Some("m1"), Some("t1"), None), turn(Some("m1"), None, None), Identity::Same),
            (turn(Some("m1"), None, Some(0)), turn(Some("m2"), Some("t2"), Some(0)), Identity::Different),
            (turn(Some("m1"), None, Some(0)), turn(None, Some("t1"), Some(0)), Identity::Same),
            (turn(Some("m1"), None, Some(0)), turn(None, Some("t1"), Some(1)), Identity::Different),
        ];
        for (one, other, identity) in cases {
            assert_eq!(one.compare(&other), identity, "{one:?} {other:?}");
            assert_eq!(other.compare(&one), identity, "{other:?} {one:?}");
        }
    }

    #[test]
    fn turns_without_a_common_alias_are_neither_the_same_nor_different() {
        assert_eq!(turn(Some("m1"), None, None).compare(&turn(None, Some("t1"), Some(0))), Identity::Unknown);
        assert_eq!(Turn::default().compare(&Turn::default()), Identity::Unknown);
        assert_eq!(turn(None, Some("t1"), None).compare(&turn(None, None, Some(0))), Identity::Unknown);
    }

    #[test]
    fn a_turn_learns_what_it_lacks_and_keeps_what_it_knows() {
        let mut sent = turn(Some("m1"), None, None);
        sent.learn(&turn(Some("m9"), Some("t1"), Some(3)));
        assert_eq!(sent, turn(Some("m1"), Some("t1"), Some(3)));
    }

    #[test]
    fn aliases_survive_the_way_to_another_tab() {
        let request = SendRequest { message: "hi".into(), message_id: "m1".into(), ..SendRequest::default() };
        let mut sent = Turn::sent(&request, Some(4));
        sent.name_task("t1");
        let named = Turn::named_by(&sent.aliases());
        assert_eq!((named.message(), named.task(), named.ordinal()), (Some("m1"), Some("t1"), None));
        assert_eq!(named.question().map(|question| question.text.as_str()), Some("hi"));
    }
}
