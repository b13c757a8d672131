//! `createChatStreams`: connects the calls of `js/streams/client.ts` with the [`Driver`].
//!
//! Requests, tasks and metrics cross as objects. Rows cross as the columns of a batch, in two calls per delivery (ARCHITECTURE,
//! "The hot path"): `takeDue` and `delivered`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::browser::codec;
use crate::browser::driver::Driver;
use crate::browser::face::{self, Face};
use crate::browser::fetch;
use crate::browser::options::Options;
use crate::browser::reflect::text;
use crate::client::io::{Attempt, Author, Call, Input, Metrics, SendRequest, Trigger};
use crate::persist::ActiveTask;
use crate::stream::batch::Batch;
use crate::stream::cursor::EventId;
use crate::value::Value;

/// One client. Every method takes `&self`, because JavaScript may call one method from within another.
#[wasm_bindgen]
pub struct Engine {
    driver: Rc<Driver>,
    /// The rows that were taken last. JavaScript reads their memory.
    batch: RefCell<Batch>,
    due: Cell<Due>,
}

/// Where the rows to deliver lie in the WebAssembly memory until the next call: the address and length of the descriptors in
/// words, of the contents and the names in bytes. `js/loader/memory.ts` reads it as 32-bit words.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Due {
    words: u32,
    word_count: u32,
    text: u32,
    text_length: u32,
    names: u32,
    names_length: u32,
    /// The total length of the rows that are not deltas, in UTF-16 code units.
    others: u32,
    /// The size of the rows that wait and were not taken, in bytes.
    waiting: u32,
}

#[wasm_bindgen]
impl Engine {
    /// Makes a client with the app's options. A setting that cannot be read, or that has another type than API.md says, counts
    /// as missing.
    #[wasm_bindgen(constructor)]
    pub fn new(options: JsValue, face: Face) -> Self {
        let driver = Driver::new(&Options::new(options), face);
        Self { driver, batch: RefCell::default(), due: Cell::default() }
    }

    /// Starts to call the face. It first gets what happened while the client was made.
    pub fn begin(&self) {
        self.driver.begin();
    }

    /// Ends the start-up, after the calls that waited for this client. During the start-up each storage key is read only once.
    pub fn run(&self) {
        self.driver.run();
    }

    /// Takes bytes of a response's body. Returns whether the client wants more of it.
    pub fn take(&self, attempt: Attempt, bytes: &[u8]) -> bool {
        self.driver.is_open(attempt) && {
            self.driver.handle(Input::Bytes { attempt, bytes });
            self.driver.is_open(attempt)
        }
    }

    /// Implements `startStream`. `request` has the texts of a [`SendRequest`] (`SendRecord` in js/streams/request.ts).
    pub fn start(&self, session: &str, call: Call, author: Author, trigger: Trigger, request: &JsValue) {
        let get = |name| text(request, name);
        let request = SendRequest {
            message: get("message").unwrap_or_default(),
            author,
            context: get("context"),
            message_id: get("messageId").unwrap_or_default(),
            trigger,
            rest: get("rest"),
            headers: get("headers"),
            turn: get("turn"),
        };
        self.driver.restore(session);
        self.driver.handle(Input::Start { session, call, request });
    }

    /// Implements `reconnectToTask`. Returns `false`, and does nothing, if `after` is no cursor.
    pub fn rejoin(&self, session: &str, call: Call, task: &str, after: Option<String>) -> bool {
        let after = after.map(|text| text.parse::<EventId>()).transpose();
        let Ok(after) = after else { return false };
        self.driver.restore(session);
        self.driver.handle(Input::Rejoin { session, call, task, after });
        true
    }

    /// Implements `resumeSession`.
    pub fn resume(&self, session: &str, call: Call) {
        self.driver.restore(session);
        self.driver.handle(Input::Resume { session, call });
    }

    /// Implements `loadSession`: resolves with the session as JSON text, or rejects with an `ErrorRecord`. `signal` aborts the request.
    pub fn load(&self, session: String, signal: JsValue) -> Promise {
        let driver = self.driver.clone();
        future_to_promise(async move { fetch::load(driver, session, signal).await.map_err(face::error_value) })
    }

    /// Implements `stopStream`.
    pub fn stop(&self, session: &str, call: Call) {
        self.driver.restore(session);
        self.driver.handle(Input::Stop { session, call });
    }

    /// Records that the app shows a session, so that it gets the streams that other tabs begin there.
    pub fn watch(&self, session: &str) {
        self.driver.handle(Input::Watch { session });
    }

    /// Implements `detachStream`.
    pub fn detach(&self, session: &str) {
        self.driver.handle(Input::Detach { session });
    }

    /// Implements `forget`. The caller makes sure that the session has no listeners.
    pub fn forget(&self, session: &str) {
        self.driver.handle(Input::Forget { session });
    }

    /// Implements `close`.
    pub fn close(&self) {
        self.driver.close();
    }

    /// Takes the rows of a session that are to be delivered, unless at least `flood` bytes of them wait. Returns the address of a
    /// [`Due`]. The face gets notices that belong to them before this returns.
    #[wasm_bindgen(js_name = takeDue)]
    pub fn take_due(&self, session: &str, flood: f64) -> *const u32 {
        let waiting = u32::try_from(self.driver.with(|client| client.waiting(session))).unwrap_or(u32::MAX);
        if f64::from(waiting) >= flood {
            self.due.set(Due { waiting, ..Due::default() });
        } else if let Some(batch) = self.driver.apply(|client, _| client.take_batch(session)) {
            self.due.set(due(&batch));
            self.batch.replace(batch);
        } else {
            self.due.set(Due::default());
        }
        self.due.as_ptr().cast()
    }

    /// Confirms that every listener has got the rows of the last `takeDue`.
    pub fn delivered(&self, session: &str) {
        self.driver.with(|client| client.recycle(session, self.batch.take()));
        self.driver.handle(Input::Delivered { session });
    }

    /// Implements `getMetrics` of one session, or of all.
    pub fn metrics(&self, session: Option<String>) -> JsValue {
        let metrics = self.driver.with(|client| client.metrics(session.as_deref()));
        codec::write(&metrics_value(metrics)).unwrap_or_default()
    }

    /// Implements `getActiveTask`.
    #[wasm_bindgen(js_name = activeTask)]
    pub fn active_task(&self, session: &str) -> JsValue {
        codec::write(&Value::from(self.driver.saved_task(session).map(task_value))).unwrap_or_default()
    }

    /// Implements `listActiveTasks`.
    #[wasm_bindgen(js_name = activeTasks)]
    pub fn active_tasks(&self) -> JsValue {
        let tasks: Vec<_> = self.driver.saved_tasks().into_iter().map(task_value).collect();
        codec::write(&Value::from(tasks)).unwrap_or_default()
    }

    /// Implements `setActiveTask`. Returns `false` if `task` is not a valid task.
    #[wasm_bindgen(js_name = setActiveTask)]
    pub fn set_active_task(&self, task: JsValue) -> bool {
        let task = codec::read(task).and_then(active_task);
        let Some(task) = task else { return false };
        self.driver.apply(|client, now| client.set_active_task(task, now));
        true
    }

    /// Implements `clearActiveTask`.
    #[wasm_bindgen(js_name = clearActiveTask)]
    pub fn clear_active_task(&self, session: &str) {
        self.driver.restore(session);
        self.driver.apply(|client, _| client.clear_active_task(session));
    }

    /// Implements `updateTaskLastMessageId`. Returns `false` if `id` is no cursor.
    #[wasm_bindgen(js_name = updateCursor)]
    pub fn update_cursor(&self, session: &str, id: &str) -> bool {
        let Ok(id) = id.parse() else { return false };
        self.driver.restore(session);
        self.driver.apply(|client, now| client.update_cursor(session, id, now));
        true
    }
}

#[expect(clippy::cast_possible_truncation, reason = "addresses and lengths have 32 bits here")]
fn due(batch: &Batch) -> Due {
    let (words, text, names) = (batch.descriptors(), batch.bytes_of_text(), batch.names());
    Due {
        words: words.as_ptr() as u32,
        word_count: words.len() as u32,
        text: text.as_ptr() as u32,
        text_length: text.len() as u32,
        names: names.as_ptr() as u32,
        names_length: names.len() as u32,
        others: batch.others(),
        waiting: 0,
    }
}

/// Converts counters of streams to a `StreamMetrics` (API.md).
fn metrics_value(metrics: Metrics) -> Value {
    let mut value = Value::record();
    value.add("bytes", metrics.bytes);
    value.add("events", metrics.events);
    value.add("chunks", metrics.chunks);
    value.add("duplicates", metrics.duplicates);
    value.add("malformed", metrics.malformed);
    value.add("unknown", metrics.unknown);
    value.add("reconnects", metrics.reconnects);
    value.add("resets", metrics.resets);
    value.add("droppedRecords", metrics.dropped_records);
    value
}

/// Converts a saved task to an `ActiveTask` (API.md).
#[expect(clippy::cast_precision_loss, reason = "a time, which was such a number")]
fn task_value(task: ActiveTask) -> Value {
    let mut value = Value::record();
    value.add("taskId", task.task);
    value.add("sessionId", task.session);
    value.add("operationId", task.operation);
    value.add("toolName", task.tool);
    value.add("lastMessageId", task.last.text());
    value.add("startedAt", task.started as f64);
    value
}

/// Reads a saved task from an `ActiveTask` (API.md). Returns `None` if the task or session id is missing, or if the event id is
/// invalid.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is the clamp")]
fn active_task(mut task: Value) -> Option<ActiveTask> {
    let last = task.take_text_or_empty("lastMessageId");
    Some(ActiveTask {
        task: task.take_text("taskId")?,
        session: task.take_text("sessionId")?,
        operation: task.take_text_or_empty("operationId"),
        tool: task.take_text_or_empty("toolName"),
        last: if last.is_empty() { EventId::ZERO } else { last.parse().ok()? },
        started: task.take("startedAt").number().unwrap_or_default() as u64,
    })
}
