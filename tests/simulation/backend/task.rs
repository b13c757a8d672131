//! One task of the simulated backend: its log, and the text of its frames.

use std::collections::BTreeMap;

use rejoin::client::io::SendRequest;
use rejoin::stream::cursor::EventId;
use serde_json::json;

/// What a task was started by.
#[derive(Debug)]
pub enum Cause {
    /// A message of the user.
    Message(SendRequest),
    /// A tool of another task, which goes on in this one.
    Operation { of: usize },
}

#[derive(Debug)]
pub struct Task {
    pub id: String,
    pub cause: Cause,
    pub created: u64,
    /// The frames, with their ids and the times at which they are written.
    pub frames: Vec<(EventId, String)>,
    pub times: Vec<u64>,
    /// The index of each token's frame.
    pub tokens: Vec<usize>,
    /// The indices of frames with names: tool results by their calls, and chunks of unknown types.
    pub named: BTreeMap<String, usize>,
    /// The text of all frames, and its length after each of them.
    text: String,
    text_ends: Vec<usize>,
    /// The size of all frames in bytes.
    pub size: usize,
    pub cancelled: bool,
    /// Whether a restart interrupted it.
    pub failed: bool,
    /// Whether the record and the log are removed.
    pub gone: bool,
    /// When it was lost while it ran. Nobody can know how it would have ended.
    pub lost_at: Option<u64>,
    /// The number of entries that were merged into a snapshot.
    pub trimmed: usize,
    /// The time from the last frame until the task counts as completed, in milliseconds.
    late_mark: u64,
}

impl Task {
    pub fn new(id: String, cause: Cause, created: u64, late_mark: u64) -> Self {
        Self {
            id,
            cause,
            created,
            frames: Vec::new(),
            times: Vec::new(),
            tokens: Vec::new(),
            named: BTreeMap::new(),
            text: String::new(),
            text_ends: Vec::new(),
            size: 0,
            cancelled: false,
            failed: false,
            gone: false,
            lost_at: None,
            trimmed: 0,
            late_mark,
        }
    }

    pub fn message(&self) -> Option<&SendRequest> {
        match &self.cause {
            Cause::Message(message) => Some(message),
            Cause::Operation { .. } => None,
        }
    }

    pub fn produced(&self, now: u64) -> usize {
        self.times.partition_point(|time| *time <= now)
    }

    /// Returns whether the last frame is written.
    pub fn has_ended(&self, now: u64) -> bool {
        self.produced(now) == self.frames.len()
    }

    /// Returns whether the backend counts it as running.
    pub fn runs(&self, now: u64) -> bool {
        let marked_at = self.times.last().map_or(0, |last| last + self.late_mark);
        let is_marked = self.has_ended(now) && now >= marked_at;
        self.created <= now && !self.gone && !is_marked
    }

    pub fn whole_text(&self) -> &str {
        &self.text
    }

    /// Returns the text up to the last full second.
    pub fn stored_text(&self, now: u64) -> &str {
        let second = if self.has_ended(now) { now } else { now / 1_000 * 1_000 };
        let last = self.produced(second).checked_sub(1);
        &self.text[..last.map_or(0, |last| self.text_ends[last])]
    }

    /// Returns the whole text, or what was stored when the task was lost.
    pub fn kept_text(&self) -> &str {
        self.lost_at.map_or(&self.text, |lost_at| self.stored_text(lost_at))
    }

    pub fn cancel(&mut self, now: u64) {
        self.cut(now, &[r#"{"type":"abort"}"#, r#"{"type":"finish"}"#]);
        self.cancelled = true;
    }

    pub fn interrupt(&mut self, now: u64) {
        self.cut(now, &[r#"{"type":"error","errorText":"gone","code":"INTERRUPTED"}"#, r#"{"type":"finish"}"#]);
        self.failed = true;
    }

    /// Removes the frames that are not written yet and ends the log with these instead.
    fn cut(&mut self, now: u64, end: &[&str]) {
        let produced = self.produced(now);
        self.frames.truncate(produced);
        self.times.truncate(produced);
        self.text_ends.truncate(produced);
        self.tokens.retain(|frame| *frame < produced);
        self.named.retain(|_, frame| *frame < produced);
        self.text.truncate(self.text_ends.last().copied().unwrap_or_default());
        end.iter().for_each(|frame| self.push(now, (*frame).into()));
    }

    pub fn push_token(&mut self, time: u64, block: usize, token: &str) {
        self.tokens.push(self.frames.len());
        self.text.push_str(token);
        self.push(time, json!({"type": "text-delta", "id": format!("b{block}"), "delta": token}).to_string());
    }

    pub fn push_named(&mut self, time: u64, name: String, frame: &serde_json::Value) {
        self.named.insert(name, self.frames.len());
        self.push(time, frame.to_string());
    }

    pub fn push(&mut self, time: u64, frame: String) {
        let last = self.frames.last().map_or(EventId::ZERO, |(id, _)| *id);
        let id =
            if last.ms >= time { EventId { ms: last.ms, seq: last.seq + 1 } } else { EventId { ms: time, seq: 0 } };
        self.text_ends.push(self.text.len());
        self.size += frame.len();
        self.frames.push((id, frame));
        self.times.push(time);
    }
}

/// Returns whether a frame makes no row.
pub fn is_silent(frame: &str) -> bool {
    frame.contains("\"text-start\"") || frame.contains("\"taskId\":null") || frame == "not json"
}

fn delta(frame: &str) -> Option<(String, String)> {
    if !frame.contains("\"text-delta\"") {
        return None;
    }
    let value: serde_json::Value = serde_json::from_str(frame).ok()?;
    let text = (value["type"] == "text-delta").then(|| value["delta"].as_str().unwrap().to_owned())?;
    Some((value["id"].as_str().unwrap().to_owned(), text))
}

/// Merges adjacent deltas of a block into one with the last id (PROTOCOL §2, compact).
pub fn merged(frames: &[(EventId, String)]) -> Vec<(EventId, String)> {
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
