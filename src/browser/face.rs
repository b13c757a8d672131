//! The functions of TypeScript that the shell calls, and the notices that it sends there.
//!
//! None of these functions throws, and none runs code of the app before the call into the WebAssembly has returned.

use js_sys::{Array, Function, Promise};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::client::io::{Call, Origin, Outcome, OutcomeKind, Recovery, Sender, Status, StreamError};
use crate::client::session::{Role, Snapshot};
use crate::stream::batch::Urgency;

#[wasm_bindgen]
extern "C" {
    /// The object that `js/streams/client.ts` makes for each client.
    #[wasm_bindgen(typescript_type = "Face")]
    #[derive(Clone, Debug)]
    pub type Face;

    /// Receives an array of notices, in order.
    #[wasm_bindgen(method)]
    pub fn notify(this: &Face, notices: JsValue);

    /// Announces that rows of a session wait. This is no notice, because it comes with every batch and costs only one string this
    /// way.
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

/// The members of all notices. A flat struct costs a fifth of the code of an enum with data.
#[derive(Debug, Default, Serialize)]
struct NoticeRecord {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<Call>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<OutcomeRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<StateRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OutcomeRecord {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<OperationRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    joined: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorRecord>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationRecord {
    operation_id: String,
    task_id: String,
    tool_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StateRecord {
    status: &'static str,
    role: &'static str,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorRecord>,
}

#[derive(Debug, Serialize)]
struct ErrorRecord {
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<String>,
}

/// Makes an array of notices. `snapshot` returns the current snapshot of a session.
pub fn notices(notices: Vec<Notice>, snapshot: impl Fn(&str) -> Snapshot) -> JsValue {
    let records: Vec<_> = notices.into_iter().map(|notice| record(notice, &snapshot)).collect();
    serde_wasm_bindgen::to_value(&records).unwrap_or_default()
}

fn record(notice: Notice, snapshot: impl Fn(&str) -> Snapshot) -> NoticeRecord {
    let of = |kind, session| NoticeRecord { kind, session, ..NoticeRecord::default() };
    match notice {
        Notice::Began(session) => of("began", Some(session)),
        Notice::Changed(session) => {
            let state = Some(state(snapshot(&session)));
            NoticeRecord { state, ..of("changed", Some(session)) }
        }
        Notice::Resolve(calls, result) => NoticeRecord { calls, outcome: result.map(outcome), ..of("resolve", None) },
        Notice::Ended(session, result) => NoticeRecord { outcome: Some(outcome(result)), ..of("ended", Some(session)) },
        Notice::Turn(session, turn, from) => {
            let from = Some(if from == Sender::Here { "here" } else { "tab" });
            NoticeRecord { turn: Some(turn), from, ..of("turn", Some(session)) }
        }
        Notice::Tasks => of("tasks", None),
    }
}

fn outcome(outcome: Outcome) -> OutcomeRecord {
    OutcomeRecord {
        kind: match outcome.kind {
            OutcomeKind::Finished => "finished",
            OutcomeKind::Stopped => "stopped",
            OutcomeKind::Failed => "failed",
            OutcomeKind::Expired => "expired",
            OutcomeKind::Superseded => "superseded",
        },
        task_id: outcome.task,
        finish_reason: outcome.finish_reason,
        truncated: outcome.truncated.then_some(true),
        operation: outcome.operation.map(|operation| OperationRecord {
            operation_id: operation.operation,
            task_id: operation.task,
            tool_name: operation.tool,
        }),
        joined: (outcome.origin == Origin::Joined).then_some(true),
        error: outcome.error.map(error),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time of this client's clock, which was such a number")]
fn state(snapshot: Snapshot) -> StateRecord {
    StateRecord {
        status: match snapshot.status {
            Status::Idle => "idle",
            Status::Connecting => "connecting",
            Status::Streaming => "streaming",
            Status::Stalled => "stalled",
            Status::Reconnecting => "reconnecting",
            Status::Completed => "completed",
            Status::Stopped => "stopped",
            Status::Error => "error",
        },
        role: match snapshot.role {
            Role::Owner => "owner",
            Role::Follower => "follower",
        },
        attempt: snapshot.attempt,
        task_id: snapshot.task,
        retry_at: snapshot.retry_at.map(|at| at as f64),
        error: snapshot.error.map(error),
    }
}

/// Returns an error as the record of which TypeScript makes a `RejoinError`.
pub fn error_value(of: StreamError) -> JsValue {
    serde_wasm_bindgen::to_value(&error(of)).unwrap_or_default()
}

fn error(error: StreamError) -> ErrorRecord {
    ErrorRecord {
        code: error.code,
        message: error.message,
        status: error.status,
        retryable: error.recovery == Recovery::Retryable,
        details: error.details,
    }
}
