//! Plans the effect of a send on a session (PROTOCOL §1, "A turn"): which messages are removed and stored, and how the
//! task begins.

use serde_json::Value;

use super::settling::{Settlement, settle};
use crate::chunk::{self, Chunk};
use crate::clock;
use crate::error::ApiError;
use crate::registry::transcript::Transcript;
use crate::registry::{Sent, fresh_id};
use crate::store::{Begin, Expected, Message, Replacement, Role, Session, Stage, Status, Task};

/// The longest title, in characters.
const TITLE: usize = 80;

/// The effect that a send asks for.
#[derive(Clone, Debug)]
pub enum Action {
    /// A new message is answered.
    Submit(Said),
    /// A message is answered anew. The id is that of the message or of its answer.
    Regenerate { replaces: String },
    /// A new message replaces a user's message and everything after it.
    Edit { replaces: String, said: Said },
    /// The last answer continues after the calls that it waited for are settled.
    Continue(Vec<Settlement>),
}

/// A message as it was sent.
#[derive(Clone, Debug)]
pub struct Said {
    pub text: String,
    pub role: Role,
    pub parts: Vec<Value>,
    pub metadata: Option<Value>,
}

/// The plan for a send.
#[derive(Debug)]
pub enum Plan {
    Begin(Box<Begin>),
    /// The send was answered before, under this name.
    Repeat(String),
}

/// Makes a plan from a session and a send.
pub struct Planner<'a> {
    session: &'a Session,
    /// The session's messages, read when the session named its last task and none ran. A new message needs none.
    messages: &'a [Message],
    sent: &'a Sent,
}

impl<'a> Planner<'a> {
    pub fn new(session: &'a Session, messages: &'a [Message], sent: &'a Sent) -> Self {
        Self { session, messages, sent }
    }

    /// Makes the plan.
    ///
    /// # Errors
    /// The send names a message or a call that does not exist or is of the wrong kind.
    pub fn plan(&self) -> Result<Plan, ApiError> {
        match &self.sent.action {
            Action::Submit(said) => {
                let begin = Begin { expected: Expected::Anything, ..self.answer_to(said) };
                Ok(Plan::Begin(Box::new(begin)))
            }
            Action::Regenerate { replaces } => self.regenerate(replaces),
            Action::Edit { replaces, said } => self.edit(replaces, said),
            Action::Continue(settlements) => self.go_on(settlements),
        }
    }

    fn regenerate(&self, replaces: &str) -> Result<Plan, ApiError> {
        let at = self.index_of(replaces)?;
        let asked = self.asked(at).ok_or(ApiError::MessageNotFound)?;
        let (kept, removed) = self.messages.split_at(asked + 1);
        let message = kept.last().ok_or(ApiError::MessageNotFound)?;
        let mut replaced = replacement_of(removed);
        replaced.tasks.push(message.task_id.clone());
        let task = self.task(message.id.clone(), fresh_id());
        let message = Message { task_id: task.id.clone(), ..message.clone() };
        let names = self.sent.message_id.iter().cloned().collect();
        Ok(Plan::Begin(Box::new(Begin { names, replaced, messages: vec![message], ..self.begin(task) })))
    }

    fn edit(&self, replaces: &str, said: &Said) -> Result<Plan, ApiError> {
        let at = self.index_of(replaces)?;
        let (_, removed) = self.messages.split_at(at);
        if removed.first().is_none_or(|message| message.role != Role::User) {
            return Err(ApiError::InvalidRequest("`replaces` is not the id of a user message.".into()));
        }
        Ok(Plan::Begin(Box::new(Begin { replaced: replacement_of(removed), ..self.answer_to(said) })))
    }

    fn go_on(&self, settlements: &[Settlement]) -> Result<Plan, ApiError> {
        let at = self.messages.iter().rposition(|message| message.role == Role::Assistant);
        let (at, message) = at.and_then(|at| Some((at, self.messages.get(at)?))).ok_or(ApiError::ToolCallNotFound)?;
        let settled = settle(&message.parts, settlements)?;
        if settled.chunks.is_empty() {
            return settled.repeated.first().cloned().map(Plan::Repeat).ok_or(ApiError::ToolCallNotFound);
        }
        let asked = self.asked(at).and_then(|asked| self.messages.get(asked)).unwrap_or(message);
        let task = self.task(asked.id.clone(), message.id.clone());
        let mut transcript = Transcript::stored(message, self.messages);
        settled.chunks.iter().for_each(|chunk| transcript.push(chunk));
        let as_before = Task { id: message.task_id.clone(), ..task.clone() };
        let messages = transcript.messages(&as_before);
        let mut begin = Begin { names: settled.names, messages, ..self.begin(task) };
        begin.names.extend(self.sent.message_id.clone());
        begin.chunks.extend(settled.chunks);
        Ok(Plan::Begin(Box::new(begin)))
    }

    /// The index of a message.
    fn index_of(&self, id: &str) -> Result<usize, ApiError> {
        self.messages.iter().position(|message| message.id == id).ok_or(ApiError::MessageNotFound)
    }

    /// The index of the message that the one at `at` answers, or `at` where that is a user's message. An answer comes
    /// right after the message that it answers, which may be one of the role assistant that no task wrote.
    fn asked(&self, at: usize) -> Option<usize> {
        let message = self.messages.get(at)?;
        let before = self.messages.get(..at).unwrap_or_default();
        let spoken = before.iter().rposition(|other| other.role != Role::Tool);
        let note = spoken.filter(|index| self.messages.get(*index).is_some_and(|other| is_note(other, message)));
        match message.role {
            Role::User => Some(at),
            Role::Assistant | Role::Tool => note.or_else(|| before.iter().rposition(|other| other.role == Role::User)),
        }
    }

    /// Begins the task that answers a new message.
    fn answer_to(&self, said: &Said) -> Begin {
        let id = self.sent.message_id.clone().unwrap_or_else(fresh_id);
        let task = self.task(id.clone(), fresh_id());
        let message = Message {
            id: id.clone(),
            sequence: 0,
            role: said.role,
            content: said.text.clone(),
            tool_calls: Vec::new(),
            tool_call_id: None,
            name: None,
            parts: said.parts.clone(),
            metadata: said.metadata.clone(),
            created_at: task.created_at,
            task_id: task.id.clone(),
        };
        let title = title_of(&said.text);
        Begin { names: vec![id], messages: vec![message], title, ..self.begin(task) }
    }

    fn task(&self, answers: String, writes: String) -> Task {
        Task {
            id: fresh_task_id(&self.session.id),
            session_id: self.session.id.clone(),
            status: Status::Running,
            stage: Stage::Working,
            answers,
            writes,
            created_at: clock::now(),
            operations: Vec::new(),
            body: self.sent.body.clone(),
        }
    }

    /// The beginning of a task on an unchanged session, without messages to remove or to store.
    fn begin(&self, task: Task) -> Begin {
        let start = chunk::json(&Chunk::Start { message_id: &task.writes, task_id: &task.id });
        Begin {
            task,
            expected: Expected::LastTask(self.session.last_task.clone()),
            names: Vec::new(),
            replaced: Replacement::default(),
            messages: Vec::new(),
            title: String::new(),
            owner: self.session.user_id.clone(),
            chunks: vec![start],
        }
    }
}

/// Whether one message is a note of the role assistant that the same task answers with the other message.
fn is_note(message: &Message, answer: &Message) -> bool {
    message.role == Role::Assistant && message.task_id == answer.task_id
}

fn replacement_of(messages: &[Message]) -> Replacement {
    let mut tasks: Vec<String> = messages.iter().map(|message| message.task_id.clone()).collect();
    tasks.dedup();
    Replacement { messages: messages.iter().map(|message| message.id.clone()).collect(), tasks }
}

/// Makes a task's id, which carries its session's id, so that a store finds the keys of both from it.
fn fresh_task_id(session: &str) -> String {
    format!("{session}.{}", uuid::Uuid::new_v4().simple())
}

/// The title that a message gives: one line, cut where it is long.
fn title_of(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= TITLE {
        return line;
    }
    let cut: String = line.chars().take(TITLE - 1).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_message_on_one_line() {
        assert_eq!(title_of("  Hello\n world "), "Hello world");
        let long = title_of(&"word ".repeat(50));
        assert!(long.chars().count() <= TITLE && long.ends_with('…'));
    }
}
