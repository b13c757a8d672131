//! The simulated backend: sessions, tasks, their logs, and its responses.

pub mod dates;
mod history;
pub mod task;

use rejoin::client::io::{Replay, SendRequest};
use rejoin::client::retry::Jitter;
use rejoin::stream::cursor::EventId;
use serde_json::json;

use self::task::{Cause, Task, merged};
use crate::plan::{Backend, Naming, Plan, Quirks};

/// The backend of one session.
#[derive(Debug)]
pub struct Server {
    pub backend: Backend,
    pub quirks: Quirks,
    pub tasks: Vec<Task>,
    /// The ids of messages that were withdrawn before they arrived.
    withdrawn: Vec<String>,
    session: usize,
    dice: Jitter,
    tokens: usize,
    pace: u64,
    /// The backend answers nothing before this time.
    pub down_until: u64,
}

/// A response with a JSON body.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// The response to a streaming request.
pub enum Served {
    /// The stream of a task: these frames first, then those that are written from this index on.
    Stream {
        task: usize,
        prelude: Vec<(EventId, String)>,
        next: usize,
    },
    Plain(Answer),
}

/// The origin of a piece of an answer: its task, and the index of its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub task: usize,
    pub frame: usize,
}

/// A token of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token {
    pub task: usize,
    pub place: usize,
}

impl Server {
    pub fn new(plan: &Plan, session: usize) -> Self {
        Self {
            backend: plan.backend,
            quirks: plan.quirks.clone(),
            tasks: Vec::new(),
            withdrawn: Vec::new(),
            session,
            dice: Jitter(plan.seed ^ 0x5E4E ^ session as u64),
            tokens: plan.tokens,
            pace: plan.pace,
            down_until: 0,
        }
    }

    /// Returns the length of the longest answer in bytes.
    pub fn largest(&self) -> usize {
        self.tasks.iter().map(|task| task.size).max().unwrap_or_default()
    }

    /// Returns the task that the session names as running, which is the newest one.
    pub fn running(&self, now: u64) -> Option<usize> {
        self.tasks.iter().rposition(|task| task.runs(now))
    }

    pub fn find(&self, id: &str) -> Option<usize> {
        self.tasks.iter().position(|task| task.id == id)
    }

    /// Returns the task that a message started.
    pub fn task_of(&self, message_id: &str) -> Option<usize> {
        self.tasks.iter().position(|task| task.message().is_some_and(|message| message.message_id == message_id))
    }

    pub fn mark_of(&self, token: Token) -> Option<Mark> {
        let frame = *self.tasks.get(token.task)?.tokens.get(token.place)?;
        Some(Mark { task: token.task, frame })
    }

    /// Returns the origin of the chunk with this name.
    pub fn mark_of_name(&self, name: &str) -> Option<Mark> {
        let mut found = self.tasks.iter().enumerate().filter_map(|(task, record)| {
            let frame = *record.named.get(name)?;
            Some(Mark { task, frame })
        });
        found.next()
    }

    /// Returns the origins of all chunks of a task that have names.
    pub fn named_marks(&self, task: usize) -> impl Iterator<Item = Mark> {
        self.tasks[task].named.values().map(move |frame| Mark { task, frame: *frame })
    }

    /// Returns whether a task's log is longer than what the backend keeps.
    pub fn may_lose_entries(&self, task: usize) -> bool {
        self.quirks.log_limit.is_some_and(|limit| self.tasks[task].frames.len() > limit)
    }

    /// Returns whether no frame of the task's log that makes a row precedes this one.
    pub fn is_beginning(&self, mark: Mark) -> bool {
        let Task { tokens, named, .. } = &self.tasks[mark.task];
        tokens.iter().chain(named.values()).all(|frame| *frame >= mark.frame)
    }

    /// Returns whether this frame continues a text that begins in an earlier frame.
    pub fn is_in_part(&self, mark: Mark) -> bool {
        let task = &self.tasks[mark.task];
        let before = mark.frame.checked_sub(1).map_or("", |before| task.frames[before].1.as_str());
        task.tokens.contains(&mark.frame) && !before.contains("\"text-start\"")
    }

    /// Splits a text into tokens. Returns `None` if it is no text of this session.
    pub fn read_tokens(&self, text: &str) -> Option<Vec<Token>> {
        let pieces = text.split_terminator(' ');
        pieces.map(|piece| read_token(piece, self.session)).collect()
    }

    /// Returns the task whose last token ends a text. If answers look alike, no other token names its task.
    pub fn task_that_ends(&self, text: &str) -> Option<usize> {
        let last = text.split_terminator(' ').next_back()?;
        Some(read_token(last, self.session)?.task)
    }

    pub fn post(&mut self, request: &SendRequest, now: u64) -> Served {
        if self.backend == Backend::Ours {
            match self.task_of(&request.message_id) {
                Some(task) if self.tasks[task].gone => return error(410, "TASK_EXPIRED", "{}"),
                Some(task) => return Served::Stream { task, prelude: Vec::new(), next: 0 },
                None if self.withdrawn.contains(&request.message_id) => return error(410, "MESSAGE_CANCELLED", "{}"),
                None => {}
            }
        }
        if let Some(running) = self.running(now).filter(|_| self.quirks.refuses_second_message) {
            let detail = json!({"task_id": self.tasks[running].id}).to_string();
            return error(409, "TASK_RUNNING", &detail);
        }
        let task = self.begin(request.clone(), now);
        Served::Stream { task, prelude: Vec::new(), next: 0 }
    }

    fn begin(&mut self, message: SendRequest, now: u64) -> usize {
        let number = self.tasks.len();
        let mut task = Task::new(self.name(number), Cause::Message(message), now, self.quirks.late_mark);
        let start = json!({"type": "start", "messageId": format!("a-{}", task.id), "taskId": task.id});
        if self.quirks.naming != Naming::Nameless {
            task.push(now, start.to_string());
        }
        if self.quirks.naming == Naming::TwoStarts {
            task.push(now, json!({"type": "start", "messageId": start["messageId"], "taskId": null}).to_string());
        }
        let (mut time, block) = self.write_answer(&mut task, number, self.tokens, now);
        let has_operation = self.quirks.has_operations && self.dice.below(2) == 0;
        if has_operation {
            self.write_operation_start(&mut task, number, time);
        }
        time += self.pace;
        task.push(time, json!({"type": "text-end", "id": format!("b{block}")}).to_string());
        task.push(time, json!({"type": "finish"}).to_string());
        self.tasks.push(task);
        if has_operation {
            self.begin_operation(number, time);
        }
        number
    }

    fn name(&self, number: usize) -> String {
        format!("task-{}-{number}", self.session)
    }

    fn write_answer(&mut self, task: &mut Task, number: usize, tokens: usize, now: u64) -> (u64, usize) {
        let (mut time, mut block) = (now, 0);
        let text_start = |block: usize| json!({"type": "text-start", "id": format!("b{block}")}).to_string();
        task.push(time, text_start(block));
        for place in 0..tokens {
            time += self.pace;
            let name = format!("{}.{number}.{place}", self.session);
            match self.dice.below(30) {
                0 => {
                    task.push(time, json!({"type": "text-end", "id": format!("b{block}")}).to_string());
                    block += 1;
                    task.push(time, text_start(block));
                }
                1 => task.push(time, "not json".into()),
                2 => {
                    let frame = json!({"type": "brand-new", "name": format!("u{name}")});
                    task.push_named(time, format!("u{name}"), &frame);
                }
                3 => {
                    let call = format!("c{name}");
                    let start = json!({"type": "tool-input-start", "toolCallId": call, "toolName": "t"});
                    task.push(time, start.to_string());
                    let input = json!({"type": "tool-input-delta", "toolCallId": call, "inputTextDelta": "{}"});
                    task.push(time, input.to_string());
                    let output = json!({"type": "tool-output-available", "toolCallId": call, "output": {"ok": true}});
                    task.push_named(time, call, &output);
                }
                _ => {}
            }
            let is_last = place + 1 == tokens;
            let is_plain = self.dice.below(2) == 0;
            let token = match (self.quirks.is_alike && !is_last, is_plain) {
                (true, true) => "ha ".to_owned(),
                (true, false) => format!("é{place} "),
                (false, true) => format!("{name} "),
                (false, false) => format!("é{name} "),
            };
            task.push_token(time, block, &token);
        }
        (time, block)
    }

    /// Returns the text of a task and of the operation that it started.
    pub fn turn_text(&self, task: usize) -> String {
        let operation = self.operation_of(task).map_or("", Task::kept_text);
        [self.tasks[task].whole_text(), operation].concat()
    }

    /// Returns the operation that a task started.
    pub fn operation_of(&self, task: usize) -> Option<&Task> {
        self.tasks.iter().find(|other| matches!(other.cause, Cause::Operation { of } if of == task))
    }

    fn write_operation_start(&self, task: &mut Task, number: usize, time: u64) {
        let call = self.operation_call(number);
        let input = json!({"type": "tool-input-available", "toolCallId": call, "toolName": "op", "input": {}});
        task.push(time, input.to_string());
        let output = json!({
            "type": "operation_started", "operation_id": call, "task_id": self.name(number + 1),
            "tool_name": "op", "message": "it goes on",
        });
        let frame = json!({"type": "tool-output-available", "toolCallId": call, "output": output.to_string()});
        task.push(time, frame.to_string());
    }

    pub fn operation_call(&self, chat: usize) -> String {
        format!("op{}.{chat}", self.session)
    }

    /// The log of an operation has no `start` with a task id.
    fn begin_operation(&mut self, of: usize, now: u64) {
        let number = self.tasks.len();
        let mut task = Task::new(self.name(number), Cause::Operation { of }, now, self.quirks.late_mark);
        let time = now + 500 + 3 * self.pace;
        let call = self.operation_call(of);
        let output = json!({"type": "tool-output-available", "toolCallId": call, "output": "{\"done\":true}"});
        task.push(time, output.to_string());
        task.push(time, json!({"type": "start", "messageId": "x", "taskId": null}).to_string());
        let (time, block) = self.write_answer(&mut task, number, self.tokens.min(8), time);
        task.push(time, json!({"type": "text-end", "id": format!("b{block}")}).to_string());
        task.push(time, json!({"type": "finish"}).to_string());
        self.tasks.push(task);
    }

    pub fn join(&mut self, id: &str, after: EventId, replay: Replay, now: u64) -> Served {
        let known = self.find(id).filter(|at| !self.tasks[*at].gone && self.tasks[*at].created <= now);
        let Some(at) = known else { return error(404, "TASK_NOT_FOUND", "{}") };
        let task = &self.tasks[at];
        let produced = task.produced(now);
        if self.backend == Backend::Base {
            return self.join_base(at, produced, now);
        }
        let first = task.frames.partition_point(|(id, _)| *id <= after);
        if after > EventId::ZERO && first < task.trimmed {
            return error(410, "CURSOR_TRIMMED", "{}");
        }
        if task.has_ended(now) && first == task.frames.len() {
            return Served::Plain(Answer { status: 204, body: String::new() });
        }
        let compact = if replay == Replay::Compact { produced } else { task.trimmed.max(first) };
        let mut prelude = merged(&task.frames[first.min(compact)..compact]);
        prelude.extend_from_slice(&task.frames[compact.max(first)..produced.max(first)]);
        Served::Stream { task: at, prelude, next: produced.max(first) }
    }

    /// Returns the log from its beginning, as far as it is kept. A log that has ended is sent with a second end.
    fn join_base(&self, at: usize, produced: usize, now: u64) -> Served {
        let task = &self.tasks[at];
        let kept = self.quirks.log_limit.map_or(0, |limit| produced.saturating_sub(limit));
        let mut prelude = task.frames[kept..produced].to_vec();
        if self.quirks.naming == Naming::TwoStarts && task.has_ended(now) {
            prelude.push((EventId::ZERO, json!({"type": "finish"}).to_string()));
        }
        Served::Stream { task: at, prelude, next: produced }
    }

    pub fn status(&self, id: &str, now: u64) -> Answer {
        let Some(task) = self.find(id).map(|at| &self.tasks[at]).filter(|task| !task.gone) else {
            return plain_error(404, "TASK_NOT_FOUND", "{}");
        };
        let status = match (task.runs(now), task.cancelled, task.failed) {
            (true, ..) => "running",
            (false, true, _) => "cancelled",
            (false, false, true) => "failed",
            (false, false, false) => "completed",
        };
        Answer { status: 200, body: json!({"task_id": id, "status": status}).to_string() }
    }

    pub fn cancel(&mut self, id: &str, now: u64) -> Answer {
        if self.backend == Backend::Base {
            return Answer { status: 404, body: r#"{"detail":"Not Found"}"#.into() };
        }
        let Some(at) = self.find(id).filter(|at| !self.tasks[*at].gone) else {
            return plain_error(404, "TASK_NOT_FOUND", "{}");
        };
        if !self.tasks[at].has_ended(now) {
            self.tasks[at].cancel(now);
        }
        Answer { status: 200, body: json!({"task_id": id, "status": "cancelled"}).to_string() }
    }

    pub fn withdraw(&mut self, message: &str, now: u64) -> Answer {
        match self.task_of(message) {
            Some(task) if self.backend == Backend::Ours => self.cancel(&self.tasks[task].id.clone(), now),
            None if self.backend == Backend::Ours => {
                self.withdrawn.push(message.to_owned());
                Answer { status: 200, body: r#"{"task_id":null}"#.into() }
            }
            _ => Answer { status: 404, body: r#"{"detail":"Not Found"}"#.into() },
        }
    }

    pub fn trim(&mut self, now: u64) {
        if let (Some(at), Backend::Ours) = (self.running(now), self.backend) {
            self.tasks[at].trimmed = self.tasks[at].produced(now) / 2;
        }
    }

    pub fn lose(&mut self, now: u64) -> Option<usize> {
        let at = self.running(now).filter(|at| !self.tasks[*at].has_ended(now))?;
        self.tasks[at].gone = true;
        self.tasks[at].lost_at = Some(now);
        self.drop_operations(now);
        Some(at)
    }

    pub fn expire(&mut self, now: u64) {
        for task in &mut self.tasks {
            task.gone |= !task.runs(now) && task.created <= now;
        }
    }

    /// Operations that a lost task would have started never begin.
    fn drop_operations(&mut self, now: u64) {
        let lost: Vec<usize> = (0..self.tasks.len()).filter(|at| self.tasks[*at].lost_at.is_some()).collect();
        for task in &mut self.tasks {
            if matches!(task.cause, Cause::Operation { of } if lost.contains(&of)) && task.created > now {
                (task.created, task.gone) = (u64::MAX, true);
            }
        }
    }

    /// Our server ends interrupted tasks with an error. A base backend forgets them.
    pub fn restart(&mut self, now: u64, downtime: u64) {
        self.down_until = now + downtime;
        for task in &mut self.tasks {
            match self.backend {
                _ if task.has_ended(now) || task.gone || task.created > now => {}
                Backend::Ours => task.interrupt(now),
                Backend::Base => {
                    task.gone = true;
                    task.lost_at = Some(now);
                }
            }
        }
        self.drop_operations(now);
    }
}

/// Reads a token: `é0.3.17` is the token 17 of the task 3 of the session 0.
fn read_token(piece: &str, session: usize) -> Option<Token> {
    let mut numbers = piece.trim_start_matches('é').split('.').map(str::parse::<usize>);
    let (of, task, place) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    (of == session && numbers.next().is_none()).then_some(Token { task, place })
}

fn plain_error(status: u16, code: &str, more: &str) -> Answer {
    let mut detail: serde_json::Value = serde_json::from_str(more).unwrap();
    detail["code"] = json!(code);
    detail["message"] = json!(code);
    Answer { status, body: json!({ "detail": detail }).to_string() }
}

fn error(status: u16, code: &str, more: &str) -> Served {
    Served::Plain(plain_error(status, code, more))
}
