//! The functions of TypeScript that the shell calls, and the notices that it sends there.
//!
//! None of these functions throws, and none runs code of the app before the call into the WebAssembly has returned.

use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::*;

use super::codec;
use crate::client::io::{Call, Millis, Operation, Origin, Outcome, Recovery, Sender, Status, StreamError};
use crate::client::session::{Role, Snapshot};
use crate::stream::batch::Urgency;
use crate::value::Value;

#[wasm_bindgen]
extern "C" {
    /// The object that `js/streams/client.ts` makes for each client.
    #[wasm_bindgen(typescript_type = "Face")]
    #[derive(Clone, Debug)]
    pub type Face;

    /// Receives an array of notices, in order.
    #[wasm_bindgen(method)]
    pub fn notify(this: &Face, notices: JsValue);

    /// Announces that rows of a session wait for delivery. This has a method of its own because it happens for every batch: it
    /// passes only one string and a number, and a notice would be an object.
    #[wasm_bindgen(method)]
    pub fn deliver(this: &Face, session: &str, urgency: Urgency);

    /// Reads a body to its end and passes every part to `Engine.take` until that returns `false`. TypeScript does this, because a
    /// future for each read costs more. The promise rejects if the body breaks or yields anything but bytes.
    #[wasm_bindgen(method, catch)]
    pub fn pump(this: &Face, attempt: u32, body: &JsValue) -> Result<Promise, JsValue>;

    /// Reads a body as text, up to `most` bytes.
    #[wasm_bindgen(method, catch)]
    pub fn collect(this: &Face, body: &JsValue, most: f64) -> Result<Promise, JsValue>;

    /// Calls a function of the app after this call into the WebAssembly has returned, so that the function may call any method.
    #[wasm_bindgen(method, catch, variadic)]
    pub fn call(this: &Face, function: &Function, given: &Array) -> Result<Promise, JsValue>;
}

/// An event of a client, for its promises, snapshots and callbacks.
#[derive(Debug)]
pub enum Notice {
    /// A stream of this session began.
    Began(String),
    /// The snapshot of this session has changed.
    Changed(String),
    /// These calls of the app have settled, with this outcome.
    Resolve(Vec<Call>, Option<Outcome>),
    /// A stream of this session ended with this outcome.
    Ended(String, Outcome),
    /// A backend accepted a message of this session. The text is the description that the app of the sending tab passed.
    Turn(String, String, Sender),
    /// The saved tasks have changed, in this tab or in another.
    Tasks,
}

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
//#region records
/** What `RejoinError` is made of. */
export interface ErrorRecord {
  code: string;
  message: string;
  status?: number;
  retryable: boolean;
  /** JSON text. */
  details?: string;
}

/** How a stream ended. */
export interface OutcomeRecord {
  kind: "finished" | "stopped" | "failed" | "expired" | "superseded";
  taskId?: string;
  finishReason?: string;
  truncated?: true;
  operation?: OperationRecord;
  joined?: true;
  error?: ErrorRecord;
}

/** An operation that goes on in a task of its own. */
export interface OperationRecord {
  operationId: string;
  taskId: string;
  toolName: string;
}

/** What a stream is doing. */
export interface StateRecord {
  status: "idle" | "connecting" | "streaming" | "stalled" | "reconnecting" | "completed" | "stopped" | "error";
  role: "owner" | "follower";
  attempt: number;
  taskId?: string;
  retryAt?: number;
  error?: ErrorRecord;
}

/** What happened to a client. */
export type Notice =
  | { kind: "began"; session: string }
  | { kind: "changed"; session: string; state: StateRecord }
  | { kind: "tasks" }
  | { kind: "turn"; session: string; turn: string; from: "here" | "tab" }
  | { kind: "resolve"; calls: number[]; outcome?: OutcomeRecord }
  | { kind: "ended"; session: string; outcome: OutcomeRecord };

/** What a client calls. */
export interface Face {
  notify(notices: Notice[]): void;
  deliver(session: string, urgency: Urgency): void;
  pump(attempt: number, body: ReadableStream<Uint8Array>): Promise<void>;
  collect(body: ReadableStream<Uint8Array>, most: number): Promise<string>;
  call(run: (...given: any[]) => unknown, ...given: unknown[]): Promise<unknown>;
}
//#endregion
"#;

/// Makes an array of notices. `snapshot` returns the current snapshot of a session.
pub fn notices(notices: Vec<Notice>, snapshot: impl Fn(&str) -> Snapshot) -> JsValue {
    let values: Vec<_> = notices.into_iter().map(|notice| value(notice, &snapshot)).collect();
    codec::write(&Value::from(values)).unwrap_or_default()
}

fn value(notice: Notice, snapshot: impl Fn(&str) -> Snapshot) -> Value {
    let mut value = Value::record();
    match notice {
        Notice::Began(session) => {
            value.add("kind", "began");
            value.add("session", session);
        }
        Notice::Changed(session) => {
            value.add("kind", "changed");
            let state = state(snapshot(&session));
            value.add("session", session);
            value.add("state", state);
        }
        Notice::Resolve(calls, result) => {
            value.add("kind", "resolve");
            value.add("calls", calls);
            value.add("outcome", result.map(outcome));
        }
        Notice::Ended(session, result) => {
            value.add("kind", "ended");
            value.add("session", session);
            value.add("outcome", outcome(result));
        }
        Notice::Turn(session, turn, from) => {
            value.add("kind", "turn");
            value.add("session", session);
            value.add("turn", turn);
            value.add("from", if from == Sender::Here { "here" } else { "tab" });
        }
        Notice::Tasks => value.add("kind", "tasks"),
    }
    value
}

fn outcome(outcome: Outcome) -> Value {
    let mut value = Value::record();
    value.add("kind", outcome.kind.name());
    value.add("taskId", outcome.task);
    value.add("finishReason", outcome.finish_reason);
    value.add("truncated", outcome.truncated.then_some(true));
    value.add("operation", outcome.operation.map(operation));
    value.add("joined", (outcome.origin == Origin::Joined).then_some(true));
    value.add("error", outcome.error.map(error));
    value
}

fn operation(operation: Operation) -> Value {
    let mut value = Value::record();
    value.add("operationId", operation.operation);
    value.add("taskId", operation.task);
    value.add("toolName", operation.tool);
    value
}

fn state(snapshot: Snapshot) -> Value {
    let mut value = Value::record();
    let status = match snapshot.status {
        Status::Idle => "idle",
        Status::Connecting => "connecting",
        Status::Streaming => "streaming",
        Status::Stalled => "stalled",
        Status::Reconnecting => "reconnecting",
        Status::Completed => "completed",
        Status::Stopped => "stopped",
        Status::Error => "error",
    };
    let role = match snapshot.role {
        Role::Owner => "owner",
        Role::Follower => "follower",
    };
    value.add("status", status);
    value.add("role", role);
    value.add("attempt", snapshot.attempt);
    value.add("taskId", snapshot.task);
    value.add("retryAt", snapshot.retry_at.map(time));
    value.add("error", snapshot.error.map(error));
    value
}

/// Returns a time as JavaScript's number. Another tab may have sent one that is too large for an exact number.
#[expect(clippy::cast_precision_loss, reason = "a time beyond 2^53 is no time that anybody waits for")]
fn time(at: Millis) -> f64 {
    at as f64
}

/// Returns an error as the record of which TypeScript makes a `RejoinError`.
pub fn error_value(of: StreamError) -> JsValue {
    codec::write(&error(of)).unwrap_or_default()
}

fn error(error: StreamError) -> Value {
    let mut value = Value::record();
    value.add("code", error.code);
    value.add("message", error.message);
    value.add("status", error.status.map(u32::from));
    value.add("retryable", error.recovery == Recovery::Retryable);
    value.add("details", error.details);
    value
}
