//! A turn, its aliases, and their comparison.

use crate::client::io::{Author, SendRequest};
use crate::persist::SavedTask;
use crate::tabs::Aliases;

/// A turn of a session: a user's message and its answer, by all the names that are known for it.
///
/// A turn begins with what made this page aware of it, a message that is sent or a task that is joined, and learns its
/// other aliases later. No alias is ever guessed: a wrong one would join two answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    message: Option<String>,
    task: Option<String>,
    ordinal: Option<u64>,
    question: Option<Question>,
}

/// The text of a turn's user message. It finds the message in a session whose backend has no ids for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) text: String,
    pub(super) wording: Wording,
    /// The message has at least this ordinal: so many user messages were known before it was sent.
    pub(super) floor: Option<u64>,
}

/// How a backend may have stored a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wording {
    /// As it was sent.
    Exact,
    /// As it was sent, or with the page's context in front of it.
    Prefixed,
}

/// Whether two turns are the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// They are.
    Same,
    /// They are not.
    Different,
    /// No alias is known of both. What listeners hold is reset.
    Unknown,
}

impl Turn {
    /// The turn that a message of this page begins. `floor` is the number of user messages that the session was known
    /// to have before, if it was.
    #[must_use]
    pub fn sent(request: &SendRequest, floor: Option<u64>) -> Self {
        let wording = if request.context.is_some() { Wording::Prefixed } else { Wording::Exact };
        let is_silent = request.message.is_empty() && !request.trigger.adds_message();
        let is_question = request.author == Author::User && !is_silent;
        let question = is_question.then(|| Question { text: request.message.clone(), wording, floor });
        Self { message: Some(request.message_id.clone()), question, ..Self::default() }
    }

    /// The turn of a task.
    #[must_use]
    pub fn of_task(task: &str) -> Self {
        Self { task: Some(task.to_owned()), ..Self::default() }
    }

    /// The turn that a saved record names.
    #[must_use]
    pub fn recorded(record: &SavedTask) -> Self {
        let task = Some(record.active.task.clone()).filter(|task| !task.is_empty());
        Self { message: record.message.clone(), task, ordinal: record.ordinal, question: None }
    }

    /// The turn that another tab names.
    #[must_use]
    pub fn named_by(aliases: Aliases) -> Self {
        let Aliases { message, task, ordinal, text } = aliases;
        let question = text.map(|text| Question { text, wording: Wording::Prefixed, floor: None });
        Self { message, task, ordinal, question }
    }

    /// Its names, for other tabs.
    #[must_use]
    pub fn aliases(&self) -> Aliases {
        Aliases {
            message: self.message.clone(),
            task: self.task.clone(),
            ordinal: self.ordinal,
            text: self.question.as_ref().map(|question| question.text.clone()),
        }
    }

    /// Its task, once known.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        self.task.as_deref()
    }

    /// The id of its user message, where this browser sent it.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The place of its user message among the user messages of the session, from 0.
    #[must_use]
    pub fn ordinal(&self) -> Option<u64> {
        self.ordinal
    }

    /// Whether no user message of this turn can be recognised by its text.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.question.is_none()
    }

    pub(super) fn question(&self) -> Option<&Question> {
        self.question.as_ref()
    }

    /// Whether this is the turn of a task. A task that is not known yet is none.
    #[must_use]
    pub fn is_of(&self, task: &str) -> bool {
        self.is_same(&Self::of_task(task))
    }

    /// Whether two turns are surely the same one.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.compare(other) == Identity::Same
    }

    /// Whether two turns are the same one. The strongest alias that both have decides: two tasks are two answers, also
    /// of one message; each message has an id of its own; and one place in a session holds one message.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Identity {
        let tasks = decide(self.task.as_ref(), other.task.as_ref());
        tasks.or_else(|| self.compare_questions(other)).unwrap_or(Identity::Unknown)
    }

    /// Whether two turns are surely not the same one.
    #[must_use]
    pub fn is_different(&self, other: &Self) -> bool {
        self.compare(other) == Identity::Different
    }

    /// Whether two turns surely have the same user message. An operation's task has that of the chat which began it: it is
    /// another stream, and the session has the answers of both as one.
    #[must_use]
    pub fn shares_question(&self, other: &Self) -> bool {
        self.compare_questions(other) == Some(Identity::Same)
    }

    /// Whether two turns surely have different user messages.
    #[must_use]
    pub fn has_another_question(&self, other: &Self) -> bool {
        self.compare_questions(other) == Some(Identity::Different)
    }

    fn compare_questions(&self, other: &Self) -> Option<Identity> {
        let messages = decide(self.message.as_ref(), other.message.as_ref());
        messages.or_else(|| decide(self.ordinal, other.ordinal))
    }

    /// Takes over the aliases that another name of this turn has and this one lacks.
    pub fn learn(&mut self, other: &Self) {
        fill(&mut self.task, other.task.as_ref());
        fill(&mut self.message, other.message.as_ref());
        fill(&mut self.ordinal, other.ordinal.as_ref());
        fill(&mut self.question, other.question.as_ref());
    }

    /// The stream names its task, which is true whatever was thought before.
    pub fn name_task(&mut self, task: &str) {
        self.task = Some(task.to_owned());
    }

    /// The places of user messages may have moved.
    pub fn forget_ordinal(&mut self) {
        self.ordinal = None;
    }

    /// What was taken for its task is another turn's.
    pub fn unname_task(&mut self) {
        self.task = None;
    }

    /// The session shows where its user message is.
    pub fn name_ordinal(&mut self, ordinal: u64) {
        self.ordinal = Some(ordinal);
    }

    /// Bytes that it holds on to.
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

fn fill<T: Clone>(alias: &mut Option<T>, known: Option<&T>) {
    if alias.is_none() {
        *alias = known.cloned();
    }
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
        let named = Turn::named_by(sent.aliases());
        assert_eq!((named.message(), named.task(), named.ordinal()), (Some("m1"), Some("t1"), None));
        assert_eq!(named.question().map(|question| question.text.as_str()), Some("hi"));
    }
}
