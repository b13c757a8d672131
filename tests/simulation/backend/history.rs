//! Answers `GET /sessions/{id}` of the simulated backend.

use serde_json::{Value, json};

use super::dates::iso8601;
use super::task::{Cause, Task};
use super::{Answer, Server};
use crate::plan::{Backend, Progress};

impl Server {
    pub fn session(&self, now: u64) -> Answer {
        let mut messages = Vec::new();
        for (at, task) in self.tasks.iter().enumerate().filter(|(_, task)| task.created <= now) {
            match &task.cause {
                Cause::Message(message) => {
                    let user = json!({"role": "user", "content": message.message});
                    messages.push(self.signed(user, Some(&message.message_id), task));
                }
                Cause::Operation { of } => messages.push(self.tool_message(*of, task, now)),
            }
            if let Some(text) = self.shown_text(at, now) {
                let answer = json!({"role": "assistant", "content": text});
                messages.push(self.signed(answer, Some(&format!("a-{}", task.id)), task));
            }
        }
        let is_last_hidden = self.quirks.progress == Progress::ShownUnlessLast && self.running(now).is_some();
        if is_last_hidden && messages.last().is_some_and(|last| last["role"] == "assistant") {
            messages.pop();
        }
        let active = self.running(now).map(|at| self.active_stream(at));
        Answer { status: 200, body: json!({"id": "s", "messages": messages, "active_stream": active}).to_string() }
    }

    fn active_stream(&self, at: usize) -> Value {
        let task = &self.tasks[at];
        match &task.cause {
            Cause::Message(_) => json!({"task_id": task.id, "last_message_id": "0-0"}),
            Cause::Operation { of } => json!({
                "task_id": task.id, "last_message_id": "0-0",
                "operation_id": self.operation_call(*of), "tool_name": "op",
            }),
        }
    }

    /// Returns the part of a task's answer that the session shows.
    fn shown_text(&self, at: usize, now: u64) -> Option<&str> {
        let task = &self.tasks[at];
        let is_kept_back = self.quirks.progress == Progress::Hidden;
        match task.lost_at {
            Some(_) if is_kept_back => None,
            Some(lost_at) => Some(task.stored_text(lost_at)).filter(|text| !text.is_empty()),
            None if !task.runs(now) => Some(task.whole_text()),
            None if is_kept_back => None,
            None => Some(task.stored_text(now)).filter(|text| !text.is_empty()),
        }
    }

    fn tool_message(&self, of: usize, task: &Task, now: u64) -> Value {
        let call = self.operation_call(of);
        let is_done = task.times.first().is_some_and(|first| *first <= now) && task.lost_at.is_none();
        let pending = json!({"type": "operation_pending", "operation_id": call, "tool_name": "op"}).to_string();
        let content = if is_done { "{\"done\":true}".to_owned() } else { pending };
        json!({"role": "tool", "tool_call_id": call, "content": content})
    }

    /// Adds the fields that a backend adds to a message.
    fn signed(&self, mut message: Value, id: Option<&str>, task: &Task) -> Value {
        if self.quirks.has_dates {
            message["created_at"] = json!(iso8601(task.created));
        }
        if self.backend == Backend::Ours {
            message["id"] = json!(id);
            message["task_id"] = json!(task.id);
        }
        message
    }
}
