//! `createChatStreams`: the calls of `js/streams/client.ts` on one side, the [`Driver`] on the other.
//!
//! Records, notices and metrics cross as JSON text: they are few, and `JSON.parse` is there anyway. Chunks cross as the
//! columns of a batch, at most once per delivery (ARCHITECTURE, "The hot path").

use std::cell::RefCell;

use wasm_bindgen::prelude::*;

use crate::browser::driver::{Driver, Notice};
use crate::browser::host::Host;
use crate::browser::news::News;
use crate::browser::options;
use crate::client::io::{
    Attempt, Author, Call, Input, Origin, Outcome, OutcomeKind, Recovery, SendRequest, Status, StreamError,
};
use crate::client::session::Role;
use crate::persist::ActiveTask;
use crate::stream::batch::Batch;
use crate::stream::bytes::decimal;
use crate::stream::bytes::json::{Json, ObjectWriter, array};
use crate::stream::cursor::EventId;

/// One client. Every method takes `&self`: JavaScript may call one from within another.
#[wasm_bindgen]
pub struct Engine {
    driver: Driver,
    /// Taken last: JavaScript looks at it.
    batch: RefCell<Batch>,
}

#[wasm_bindgen]
impl Engine {
    /// Makes a client of validated options.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &str, seed: f64, host: Host) -> Self {
        Self { driver: Driver::new(options::read(options, seed), host), batch: RefCell::default() }
    }

    /// What the browser tells ([`News`]); answers whether a body is to be streamed.
    pub fn hear(&self, news: u8, attempt: Attempt, text: &str, bytes: &[u8]) -> bool {
        News::from_code(news).is_some_and(|news| self.driver.hear(news, attempt, text, bytes))
    }

    /// Bytes of a body that is streamed.
    pub fn take(&self, attempt: Attempt, bytes: &[u8]) {
        self.driver.handle(Input::Bytes { attempt, bytes });
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

    /// How many bytes of chunks wait.
    pub fn waiting(&self, session: &str) -> usize {
        self.driver.with(|client| client.waiting(session))
    }

    /// Takes the chunks that wait. Gives where three views of the memory lie, as address and length each, until the next
    /// call: the descriptors, in words, the text and the names, in bytes; then how much of them are no deltas (`js/chunks/batch.ts`).
    /// Empty where none wait.
    #[wasm_bindgen(js_name = takeBatch)]
    pub fn take_batch(&self, session: &str) -> Vec<u32> {
        let Some(batch) = self.driver.apply(|client, _| client.take_batch(session)) else { return Vec::new() };
        let (words, text, names) = (batch.descriptors(), batch.bytes_of_text(), batch.names());
        let place = |start: *const u8, length: usize| [start as u32, length as u32];
        let answer = [
            place(words.as_ptr().cast(), words.len()),
            place(text.as_ptr(), text.len()),
            place(names.as_ptr(), names.len()),
            [batch.others(), 0],
        ]
        .concat();
        self.batch.replace(batch);
        answer
    }

    /// What `takeBatch` gave has reached every listener.
    pub fn delivered(&self, session: &str) {
        self.driver.with(|client| client.recycle(session, self.batch.take()));
        self.driver.handle(Input::Delivered { session });
    }

    /// What happened since the last look, in order: a JSON array.
    #[wasm_bindgen(js_name = takeNotices)]
    pub fn take_notices(&self) -> String {
        array(&mut self.driver.take_notices().into_iter().map(notice))
    }

    /// Status, task, attempt, retry time, error of a session.
    pub fn snapshot(&self, session: &str) -> String {
        let snapshot = self.driver.with(|client| client.snapshot(session));
        let role = match snapshot.role {
            Role::Owner => "owner",
            Role::Follower => "follower",
        };
        let state = ObjectWriter::default().text("status", status(snapshot.status)).text("role", role);
        let state = with_text(state.integer("attempt", snapshot.attempt.into()), "taskId", snapshot.task.as_deref());
        with_error(state.maybe_integer("retryAt", snapshot.retry_at), snapshot.error.as_ref()).end()
    }

    /// Counters, of one session or of all.
    pub fn metrics(&self, session: Option<String>) -> String {
        let metrics = self.driver.with(|client| client.metrics(session.as_deref()));
        ObjectWriter::default()
            .integer("bytes", metrics.bytes)
            .integer("events", metrics.events)
            .integer("chunks", metrics.chunks)
            .integer("duplicates", metrics.duplicates)
            .integer("malformed", metrics.malformed)
            .integer("unknown", metrics.unknown)
            .integer("reconnects", metrics.reconnects)
            .integer("resets", metrics.resets)
            .integer("droppedRecords", metrics.dropped_records)
            .end()
    }

    /// `getActiveTask`.
    #[wasm_bindgen(js_name = activeTask)]
    pub fn active_task(&self, session: &str) -> Option<String> {
        self.driver.saved_task(session).as_ref().map(write_task)
    }

    /// `listActiveTasks`.
    #[wasm_bindgen(js_name = activeTasks)]
    pub fn active_tasks(&self) -> String {
        array(&mut self.driver.saved_tasks().iter().map(write_task))
    }

    /// `setActiveTask`; `false` where the record does not fit.
    #[wasm_bindgen(js_name = setActiveTask)]
    pub fn set_active_task(&self, task: &str) -> bool {
        let Some(task) = Json::parse(task).and_then(read_task) else { return false };
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

fn notice(notice: Notice) -> String {
    let head = |kind| ObjectWriter::default().text("kind", kind);
    let notice = match notice {
        Notice::Began(session) => head("began").text("session", &session),
        Notice::Changed(session) => head("changed").text("session", &session),
        Notice::Resolve(calls, result) => {
            let calls = array(&mut calls.into_iter().map(|call| decimal::text(call.into())));
            head("resolve").raw("calls", &calls).raw("outcome", &result.map_or_else(|| "null".into(), outcome))
        }
        Notice::Ended(session, result) => head("ended").text("session", &session).raw("outcome", &outcome(result)),
        Notice::Tasks => head("tasks"),
    };
    notice.end()
}

fn outcome(outcome: Outcome) -> String {
    let kind = match outcome.kind {
        OutcomeKind::Finished => "finished",
        OutcomeKind::Stopped => "stopped",
        OutcomeKind::Failed => "failed",
        OutcomeKind::Expired => "expired",
        OutcomeKind::Superseded => "superseded",
    };
    let record = with_text(ObjectWriter::default().text("kind", kind), "taskId", outcome.task.as_deref());
    let record = with_text(record, "finishReason", outcome.finish_reason.as_deref());
    let record = if outcome.origin == Origin::Joined { record.flag("joined", true) } else { record };
    with_error(record, outcome.error.as_ref()).end()
}

/// What `js/streams/client.ts` makes a `RejoinError` of.
fn with_error(record: ObjectWriter, error: Option<&StreamError>) -> ObjectWriter {
    let Some(error) = error else { return record };
    let fields = ObjectWriter::default()
        .text("code", &error.code)
        .text("message", &error.message)
        .maybe_integer("status", error.status.map(u64::from))
        .flag("retryable", error.recovery == Recovery::Retryable);
    record.raw("error", &with_text(fields, "details", error.details.as_deref()).end())
}

fn with_text(record: ObjectWriter, name: &str, text: Option<&str>) -> ObjectWriter {
    match text {
        Some(text) => record.text(name, text),
        None => record,
    }
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

/// API.md, `ActiveTask`.
fn write_task(task: &ActiveTask) -> String {
    ObjectWriter::default()
        .text("taskId", &task.task)
        .text("sessionId", &task.session)
        .text("operationId", &task.operation)
        .text("toolName", &task.tool)
        .text("lastMessageId", &task.last.text())
        .integer("startedAt", task.started)
        .end()
}

fn read_task(json: Json<'_>) -> Option<ActiveTask> {
    let [task, session, operation, tool, last, started] =
        json.get(["taskId", "sessionId", "operationId", "toolName", "lastMessageId", "startedAt"]);
    let text = |member: Option<Json<'_>>| member.and_then(Json::string);
    let last = text(last).unwrap_or_default();
    Some(ActiveTask {
        task: text(task)?,
        session: text(session)?,
        operation: text(operation).unwrap_or_default(),
        tool: text(tool).unwrap_or_default(),
        last: if last.is_empty() { EventId::ZERO } else { EventId::read(last.as_bytes()).ok()? },
        started: started.and_then(Json::integer).unwrap_or_default(),
    })
}
