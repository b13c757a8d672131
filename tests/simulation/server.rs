//! The simulated backend: sessions, tasks, their logs, and what it answers.

use std::fmt::Write as _;

use rejoin::client::io::{Replay, SendRequest};
use rejoin::client::retry::Jitter;
use rejoin::stream::cursor::EventId;
use serde_json::json;

use crate::plan::{Backend, Plan};

#[derive(Debug)]
pub struct Task {
    pub id: String,
    pub message: SendRequest,
    pub created: u64,
    /// Frames with their ids and the times at which they come to be.
    pub frames: Vec<(EventId, String)>,
    pub times: Vec<u64>,
    /// The text of all frames, and how much of it there is after each of them.
    text: String,
    text_ends: Vec<usize>,
    /// Bytes of all frames.
    size: usize,
    pub cancelled: bool,
    /// Record and log are gone.
    pub gone: bool,
    /// It vanished while it ran: nobody can know how it would have ended.
    pub lost: bool,
    /// So many entries were merged into a snapshot.
    pub trimmed: usize,
}

#[derive(Debug)]
pub struct Server {
    pub backend: Backend,
    pub tasks: Vec<Task>,
    /// What the ids of its tasks begin with.
    name: String,
    dice: Jitter,
    tokens: usize,
    pace: u64,
    refuses_second_message: bool,
    pub is_nameless: bool,
}

/// A plain answer.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// What a streaming request is answered by.
pub enum Served {
    /// The stream of a task: first these frames, then what is produced from that index on.
    Stream {
        task: usize,
        prelude: Vec<(EventId, String)>,
        next: usize,
    },
    Plain(Answer),
}

impl Task {
    pub fn produced(&self, now: u64) -> usize {
        self.times.partition_point(|time| *time <= now)
    }

    pub fn has_ended(&self, now: u64) -> bool {
        self.produced(now) == self.frames.len()
    }

    pub fn runs(&self, now: u64) -> bool {
        !self.gone && !self.has_ended(now)
    }

    pub fn whole_text(&self) -> &str {
        &self.text
    }

    fn cancel(&mut self, now: u64) {
        let produced = self.produced(now);
        self.frames.truncate(produced);
        self.times.truncate(produced);
        self.text_ends.truncate(produced);
        self.text.truncate(self.text_ends.last().copied().unwrap_or_default());
        for frame in [r#"{"type":"abort"}"#, r#"{"type":"finish"}"#] {
            self.push(now, frame.into());
        }
        self.cancelled = true;
    }

    fn push(&mut self, time: u64, frame: String) {
        let last = self.frames.last().map_or(EventId::ZERO, |(id, _)| *id);
        let id =
            if last.ms >= time { EventId { ms: last.ms, seq: last.seq + 1 } } else { EventId { ms: time, seq: 0 } };
        if let Some((_, text)) = delta(&frame) {
            self.text.push_str(&text);
        }
        self.text_ends.push(self.text.len());
        self.size += frame.len();
        self.frames.push((id, frame));
        self.times.push(time);
    }
}

fn delta(frame: &str) -> Option<(String, String)> {
    if !frame.contains("\"text-delta\"") {
        return None;
    }
    let value: serde_json::Value = serde_json::from_str(frame).ok()?;
    let text = (value["type"] == "text-delta").then(|| value["delta"].as_str().unwrap().to_owned())?;
    Some((value["id"].as_str().unwrap().to_owned(), text))
}

/// Adjacent deltas of a block as one, under the id of the last (PROTOCOL §2, compact).
fn merged(frames: &[(EventId, String)]) -> Vec<(EventId, String)> {
    let mut out: Vec<(EventId, String)> = Vec::new();
    let mut run: Option<(String, String)> = None;
    for (id, frame) in frames {
        match (run.take(), delta(frame)) {
            (Some((block, text)), Some((other, more))) if block == other => {
                let text = text + &more;
                let joined = json!({"type": "text-delta", "id": block, "delta": text}).to_string();
                *out.last_mut().unwrap() = (*id, joined);
                run = Some((block, text));
            }
            (_, delta) => {
                out.push((*id, frame.clone()));
                run = delta;
            }
        }
    }
    out
}

impl Server {
    /// One session's part of the backend.
    pub fn new(plan: &Plan, session: usize) -> Self {
        Self {
            backend: plan.backend,
            tasks: Vec::new(),
            name: format!("task-{session}"),
            dice: Jitter(plan.seed ^ 0x5E4E ^ session as u64),
            tokens: plan.tokens,
            pace: plan.pace,
            is_nameless: plan.is_nameless,
            refuses_second_message: plan.backend == Backend::Ours || plan.refuses_second_message,
        }
    }

    /// Bytes of the longest answer.
    pub fn largest(&self) -> usize {
        self.tasks.iter().map(|task| task.size).max().unwrap_or_default()
    }

    pub fn running(&self, now: u64) -> Option<usize> {
        self.tasks.iter().position(|task| task.runs(now))
    }

    pub fn find(&self, id: &str) -> Option<usize> {
        self.tasks.iter().position(|task| task.id == id)
    }

    /// What the session tells of a task whose record is gone: a base backend does not say which answer is whose, so
    /// that the newest stands for it.
    pub fn answer_for(&self, task: usize) -> &str {
        let is_nameless = self.backend == Backend::Base && self.tasks[task].gone;
        let newest = if is_nameless { self.tasks.len() - 1 } else { task };
        self.tasks[newest].whole_text()
    }

    pub fn post(&mut self, request: &SendRequest, now: u64) -> Served {
        if self.backend == Backend::Ours {
            let repeat = self.tasks.iter().position(|task| task.message.message_id == request.message_id);
            match repeat {
                Some(task) if self.tasks[task].gone => return error(410, "TASK_EXPIRED", "{}"),
                Some(task) => return Served::Stream { task, prelude: Vec::new(), next: 0 },
                None => {}
            }
        }
        if let Some(running) = self.running(now).filter(|_| self.refuses_second_message) {
            let detail = json!({"task_id": self.tasks[running].id}).to_string();
            return error(409, "TASK_RUNNING", &detail);
        }
        let task = self.begin(request.clone(), now);
        Served::Stream { task, prelude: Vec::new(), next: 0 }
    }

    fn begin(&mut self, message: SendRequest, now: u64) -> usize {
        let id = format!("{}-{}", self.name, self.tasks.len());
        let mut task = Task {
            id: id.clone(),
            message,
            created: now,
            frames: Vec::new(),
            times: Vec::new(),
            text: String::new(),
            text_ends: Vec::new(),
            size: 0,
            cancelled: false,
            gone: false,
            lost: false,
            trimmed: 0,
        };
        let mut time = now;
        if !self.is_nameless {
            task.push(time, json!({"type": "start", "messageId": format!("a-{id}"), "taskId": id}).to_string());
        }
        let mut block = 0;
        task.push(time, json!({"type": "text-start", "id": format!("b{block}")}).to_string());
        for token in 0..self.tokens {
            time += self.pace;
            match self.dice.below(30) {
                0 => {
                    task.push(time, json!({"type": "text-end", "id": format!("b{block}")}).to_string());
                    block += 1;
                    task.push(time, json!({"type": "text-start", "id": format!("b{block}")}).to_string());
                }
                1 => task.push(time, "not json".into()),
                2 => task.push(time, json!({"type": "brand-new", "n": token}).to_string()),
                3 => {
                    let call = format!("c{token}");
                    task.push(
                        time,
                        json!({"type": "tool-input-start", "toolCallId": call, "toolName": "t"}).to_string(),
                    );
                    let input = json!({"type": "tool-input-delta", "toolCallId": call, "inputTextDelta": "{}"});
                    task.push(time, input.to_string());
                    let output = json!({"type": "tool-output-available", "toolCallId": call, "output": {"ok": true}});
                    task.push(time, output.to_string());
                }
                _ => {}
            }
            let text = if self.dice.below(2) == 0 { "ha ".to_owned() } else { format!("é{token} ") };
            task.push(time, json!({"type": "text-delta", "id": format!("b{block}"), "delta": text}).to_string());
        }
        time += self.pace;
        task.push(time, json!({"type": "text-end", "id": format!("b{block}")}).to_string());
        task.push(time, json!({"type": "finish"}).to_string());
        self.tasks.push(task);
        self.tasks.len() - 1
    }

    pub fn join(&mut self, id: &str, after: EventId, replay: Replay, now: u64) -> Served {
        let Some(at) = self.find(id).filter(|at| !self.tasks[*at].gone) else {
            return error(404, "TASK_NOT_FOUND", "{}");
        };
        let task = &self.tasks[at];
        let produced = task.produced(now);
        if self.backend == Backend::Base {
            return Served::Stream { task: at, prelude: Vec::new(), next: 0 };
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

    pub fn status(&self, id: &str, now: u64) -> Answer {
        let Some(task) = self.find(id).map(|at| &self.tasks[at]).filter(|task| !task.gone) else {
            return plain_error(404, "TASK_NOT_FOUND", "{}");
        };
        let status = match (task.has_ended(now), task.cancelled) {
            (false, _) => "running",
            (true, true) => "cancelled",
            (true, false) => "completed",
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

    pub fn session(&self, now: u64) -> Answer {
        let mut messages = Vec::new();
        let numbered = self.backend == Backend::Ours;
        for task in &self.tasks {
            let created = iso8601(task.created);
            let mut user = json!({"role": "user", "content": task.message.message, "created_at": created});
            if numbered {
                user["id"] = json!(task.message.message_id);
                user["task_id"] = json!(task.id);
            }
            messages.push(user);
            if task.runs(now) || task.lost {
                continue;
            }
            let mut answer = json!({"role": "assistant", "content": task.whole_text(), "created_at": created});
            if numbered {
                answer["id"] = json!(format!("a-{}", task.id));
                answer["task_id"] = json!(task.id);
            }
            messages.push(answer);
        }
        let active = self.running(now).map(|at| json!({"task_id": self.tasks[at].id, "last_message_id": "0-0"}));
        Answer { status: 200, body: json!({"id": "s", "messages": messages, "active_stream": active}).to_string() }
    }

    pub fn trim(&mut self, now: u64) {
        if let (Some(at), Backend::Ours) = (self.running(now), self.backend) {
            self.tasks[at].trimmed = self.tasks[at].produced(now) / 2;
        }
    }

    pub fn lose(&mut self, now: u64) -> Option<usize> {
        let at = self.running(now)?;
        self.tasks[at].gone = true;
        self.tasks[at].lost = true;
        Some(at)
    }

    pub fn expire(&mut self, now: u64) {
        for task in &mut self.tasks {
            task.gone |= task.has_ended(now);
        }
    }
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

/// The inverse of the days count in `rejoin::protocol::time`, by stepping.
fn iso8601(ms: u64) -> String {
    let (mut days, seconds) = (ms / 86_400_000, ms / 1_000 % 86_400);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let mut out = String::new();
    let (hours, minutes, seconds, ms) = (seconds / 3_600, seconds / 60 % 60, seconds % 60, ms % 1_000);
    write!(out, "{year}-{month:02}-{:02}T{hours:02}:{minutes:02}:{seconds:02}.{ms:03}Z", days + 1).unwrap();
    out
}
