//! `createChatStreams`: the calls of `js/client.ts` on one side, the [`Driver`] on the other.
//!
//! serde-wasm-bindgen carries options, records, notices and metrics. Chunks never pass through it: they cross as the
//! columns of a batch, at most once per delivery (ARCHITECTURE, "The hot path").

use std::rc::Rc;

use js_sys::{Array, JsString, Uint32Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::browser::driver::{Driver, Notice};
use crate::browser::host::Host;
use crate::browser::options::Options;
use crate::cursor::EventId;
use crate::io::{
    Author, Call, Input, Metrics, Origin, Outcome, OutcomeKind, Recovery, SendRequest, Status, StreamError,
};
use crate::session::Role;
use crate::task::ActiveTask;

/// One client. Every method takes `&self`: JavaScript may call one from within another.
#[wasm_bindgen]
pub struct Engine {
    driver: Rc<Driver>,
}

#[wasm_bindgen]
impl Engine {
    /// Makes a client of validated options; what does not fit all the same counts as not given.
    #[wasm_bindgen(constructor)]
    pub fn new(options: JsValue, host: Host) -> Self {
        let options: Options = serde_wasm_bindgen::from_value(options).unwrap_or_default();
        Self { driver: Driver::new(&options, host) }
    }

    /// `startStream`.
    pub fn start(
        &self,
        session: &str,
        call: Call,
        message: String,
        assistant: bool,
        context: Option<String>,
        message_id: String,
    ) {
        let author = if assistant { Author::Assistant } else { Author::User };
        let request = SendRequest { message, author, context, message_id };
        self.driver.restore(session);
        self.driver.handle(Input::Start { session, call, request });
    }

    /// `reconnectToTask`; `false` where `after` is no cursor, and then nothing was done.
    pub fn rejoin(&self, session: &str, call: Call, task: &str, after: Option<String>) -> bool {
        let after = after.map(|text| text.parse::<EventId>()).transpose();
        let Ok(after) = after else { return false };
        self.driver.restore(session);
        self.driver.handle(Input::Rejoin { session, call, task, after });
        true
    }

    /// `resumeSession`.
    pub fn resume(&self, session: &str, call: Call) {
        self.driver.restore(session);
        self.driver.handle(Input::Resume { session, call });
    }

    /// `stopStream`.
    pub fn stop(&self, session: &str, call: Call) {
        self.driver.restore(session);
        self.driver.handle(Input::Stop { session, call });
    }

    /// The app shows a session: it hears of streams that other tabs begin.
    pub fn watch(&self, session: &str) {
        self.driver.handle(Input::Watch { session });
    }

    /// `detachStream`.
    pub fn detach(&self, session: &str) {
        self.driver.handle(Input::Detach { session });
    }

    /// `close`.
    pub fn close(&self) {
        self.driver.close();
    }

    /// The chunks that wait, as `[descriptors, text]` (`js/batch.ts`); `undefined` where none do.
    #[wasm_bindgen(js_name = takeBatch)]
    pub fn take_batch(&self, session: &str) -> Option<Array> {
        let batch = self.driver.apply(|client, _| client.take_batch(session))?;
        let columns = Array::of2(&Uint32Array::from(batch.descriptors()), &JsString::from(batch.text()));
        self.driver.with(|client| client.recycle(session, batch));
        Some(columns)
    }

    /// What `takeBatch` gave has reached every listener.
    pub fn delivered(&self, session: &str) {
        self.driver.handle(Input::Delivered { session });
    }

    /// What happened since the last look, in order.
    #[wasm_bindgen(js_name = takeNotices)]
    pub fn take_notices(&self) -> JsValue {
        let notices: Vec<_> = self.driver.take_notices().into_iter().map(NoticeRecord::from).collect();
        to_js(&notices)
    }

    /// Status, task, attempt, retry time, error of a session.
    pub fn snapshot(&self, session: &str) -> JsValue {
        let snapshot = self.driver.with(|client| client.snapshot(session));
        to_js(&SnapshotRecord {
            status: status(snapshot.status),
            task_id: snapshot.task,
            attempt: snapshot.attempt,
            retry_at: snapshot.retry_at.map(number),
            role: match snapshot.role {
                Role::Owner => "owner",
                Role::Follower => "follower",
            },
            error: snapshot.error.map(ErrorRecord::from),
        })
    }

    /// Counters, of one session or of all.
    pub fn metrics(&self, session: Option<String>) -> JsValue {
        to_js(&MetricsRecord::from(self.driver.with(|client| client.metrics(session.as_deref()))))
    }

    /// `getActiveTask`.
    #[wasm_bindgen(js_name = activeTask)]
    pub fn active_task(&self, session: &str) -> JsValue {
        self.driver.restore(session);
        to_js(&self.driver.with(|client| client.active_task(session).map(TaskRecord::from)))
    }

    /// `listActiveTasks`.
    #[wasm_bindgen(js_name = activeTasks)]
    pub fn active_tasks(&self) -> JsValue {
        self.driver.restore_all();
        let tasks: Vec<_> = self.driver.with(|client| client.active_tasks().map(TaskRecord::from).collect());
        to_js(&tasks)
    }

    /// `setActiveTask`; `false` where the record does not fit.
    #[wasm_bindgen(js_name = setActiveTask)]
    pub fn set_active_task(&self, task: JsValue) -> bool {
        let Ok(record) = serde_wasm_bindgen::from_value::<TaskRecord>(task) else { return false };
        let Ok(task) = ActiveTask::try_from(record) else { return false };
        self.driver.apply(|client, now| client.set_active_task(task, now));
        true
    }

    /// `clearActiveTask`.
    #[wasm_bindgen(js_name = clearActiveTask)]
    pub fn clear_active_task(&self, session: &str) {
        self.driver.restore(session);
        self.driver.apply(|client, _| client.clear_active_task(session));
    }

    /// `updateTaskLastMessageId`; `false` where `id` is no cursor.
    #[wasm_bindgen(js_name = updateCursor)]
    pub fn update_cursor(&self, session: &str, id: &str) -> bool {
        let Ok(id) = id.parse() else { return false };
        self.driver.restore(session);
        self.driver.apply(|client, now| client.update_cursor(session, id, now));
        true
    }
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum NoticeRecord {
    Began { session: String },
    Changed { session: String },
    Resolve { calls: Vec<Call>, outcome: Option<OutcomeRecord> },
    Ended { session: String, outcome: OutcomeRecord },
    Tasks,
}

impl From<Notice> for NoticeRecord {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Began(session) => Self::Began { session },
            Notice::Changed(session) => Self::Changed { session },
            Notice::Resolve(calls, outcome) => Self::Resolve { calls, outcome: outcome.map(OutcomeRecord::from) },
            Notice::Ended(session, outcome) => Self::Ended { session, outcome: outcome.into() },
            Notice::Tasks => Self::Tasks,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutcomeRecord {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    joined: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorRecord>,
}

impl From<Outcome> for OutcomeRecord {
    fn from(outcome: Outcome) -> Self {
        let kind = match outcome.kind {
            OutcomeKind::Finished => "finished",
            OutcomeKind::Stopped => "stopped",
            OutcomeKind::Failed => "failed",
            OutcomeKind::Expired => "expired",
            OutcomeKind::Superseded => "superseded",
        };
        Self {
            kind,
            task_id: outcome.task,
            finish_reason: outcome.finish_reason,
            joined: (outcome.origin == Origin::Joined).then_some(true),
            error: outcome.error.map(ErrorRecord::from),
        }
    }
}

/// What `js/client.ts` makes a `RejoinError` of.
#[derive(Serialize)]
struct ErrorRecord {
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<String>,
}

impl From<StreamError> for ErrorRecord {
    fn from(error: StreamError) -> Self {
        Self {
            code: error.code,
            message: error.message,
            status: error.status,
            retryable: error.recovery == Recovery::Retryable,
            details: error.details,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SnapshotRecord {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<f64>,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorRecord>,
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Idle => "idle",
        Status::Connecting => "connecting",
        Status::Streaming => "streaming",
        Status::Stalled => "stalled",
        Status::Reconnecting => "reconnecting",
        Status::Completed => "completed",
        Status::Stopped => "stopped",
        Status::Error => "error",
    }
}

#[derive(Serialize)]
struct MetricsRecord {
    bytes: f64,
    events: f64,
    chunks: f64,
    duplicates: f64,
    malformed: f64,
    unknown: f64,
    reconnects: f64,
    resets: f64,
}

impl From<Metrics> for MetricsRecord {
    fn from(metrics: Metrics) -> Self {
        Self {
            bytes: number(metrics.bytes),
            events: number(metrics.events),
            chunks: number(metrics.chunks),
            duplicates: number(metrics.duplicates),
            malformed: number(metrics.malformed),
            unknown: number(metrics.unknown),
            reconnects: number(metrics.reconnects),
            resets: number(metrics.resets),
        }
    }
}

/// API.md, `ActiveTask`.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskRecord {
    task_id: String,
    session_id: String,
    #[serde(default)]
    operation_id: String,
    #[serde(default)]
    tool_name: String,
    #[serde(default)]
    last_message_id: String,
    started_at: f64,
}

impl From<&ActiveTask> for TaskRecord {
    fn from(task: &ActiveTask) -> Self {
        Self {
            task_id: task.task.clone(),
            session_id: task.session.clone(),
            operation_id: task.operation.clone(),
            tool_name: task.tool.clone(),
            last_message_id: task.last.to_string(),
            started_at: number(task.started),
        }
    }
}

impl TryFrom<TaskRecord> for ActiveTask {
    type Error = crate::cursor::InvalidCursor;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is the clamp")]
    fn try_from(record: TaskRecord) -> Result<Self, Self::Error> {
        let last = if record.last_message_id.is_empty() { EventId::ZERO } else { record.last_message_id.parse()? };
        Ok(Self {
            task: record.task_id,
            session: record.session_id,
            operation: record.operation_id,
            tool: record.tool_name,
            last,
            started: record.started_at as u64,
        })
    }
}

/// Counts and times as JavaScript has them; beyond 2^53 they lose their last digits.
#[expect(clippy::cast_precision_loss, reason = "what a JavaScript number is")]
fn number(value: u64) -> f64 {
    value as f64
}

/// Cannot fail for the plain records above.
fn to_js(value: &impl Serialize) -> JsValue {
    serde_wasm_bindgen::to_value(value).unwrap_or_default()
}
