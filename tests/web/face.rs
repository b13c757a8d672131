use js_sys::{Array, Function, JSON};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

use super::support::eval;
use crate::browser::face::{Face, Notice, error_value, notices};
use crate::client::io::{Origin, Outcome, OutcomeKind, Recovery, Sender, Status, StreamError};
use crate::client::session::{Role, Snapshot};
use crate::stream::batch::Urgency;
use crate::stream::reader::Operation;

fn outcome(kind: OutcomeKind) -> Outcome {
    Outcome {
        kind,
        task: None,
        finish_reason: None,
        truncated: false,
        operation: None,
        origin: Origin::Own,
        error: None,
    }
}

fn error() -> StreamError {
    StreamError {
        code: "C".into(),
        message: "m".into(),
        status: Some(503),
        recovery: Recovery::Retryable,
        details: Some(r#"{"a":1}"#.into()),
    }
}

/// Returns the JSON text of what the face gets for a notice, where every session has this snapshot.
fn record(notice: Notice, snapshot: &Snapshot) -> String {
    let records: Array = notices(vec![notice], |_| snapshot.clone()).unchecked_into();
    assert_eq!(records.length(), 1);
    JSON::stringify(&records.get(0)).unwrap().into()
}

#[wasm_bindgen_test]
fn a_notice_has_the_members_of_its_kind_and_no_others() {
    let all = [
        (Notice::Began("s".into()), r#"{"kind":"began","session":"s"}"#),
        (
            Notice::Changed("s".into()),
            r#"{"kind":"changed","session":"s","state":{"status":"idle","role":"owner","attempt":0}}"#,
        ),
        (Notice::Tasks, r#"{"kind":"tasks"}"#),
        (
            Notice::Turn("s".into(), "{}".into(), Sender::Here),
            r#"{"kind":"turn","session":"s","turn":"{}","from":"here"}"#,
        ),
        (
            Notice::Turn("s".into(), "{}".into(), Sender::Tab),
            r#"{"kind":"turn","session":"s","turn":"{}","from":"tab"}"#,
        ),
        (Notice::Resolve(vec![1, 2], None), r#"{"kind":"resolve","calls":[1,2]}"#),
        (
            Notice::Ended("s".into(), outcome(OutcomeKind::Stopped)),
            r#"{"kind":"ended","session":"s","outcome":{"kind":"stopped"}}"#,
        ),
    ];
    for (notice, wanted) in all {
        assert_eq!(record(notice, &Snapshot::default()), wanted);
    }
}

#[wasm_bindgen_test]
fn an_outcome_has_all_that_the_core_knows_of_it() {
    let operation = Operation { call: "c".into(), operation: "o".into(), task: "t2".into(), tool: "search".into() };
    let whole = Outcome {
        kind: OutcomeKind::Failed,
        task: Some("t".into()),
        finish_reason: Some("stop".into()),
        truncated: true,
        operation: Some(operation),
        origin: Origin::Joined,
        error: Some(error()),
    };
    let wanted = r#"{"kind":"resolve","calls":[7],"outcome":{"kind":"failed","taskId":"t","finishReason":"stop","truncated":true,"operation":{"operationId":"o","taskId":"t2","toolName":"search"},"joined":true,"error":{"code":"C","message":"m","status":503,"retryable":true,"details":"{\"a\":1}"}}}"#;
    assert_eq!(record(Notice::Resolve(vec![7], Some(whole)), &Snapshot::default()), wanted);
}

#[wasm_bindgen_test]
fn kinds_statuses_and_roles_have_the_names_of_the_api() {
    let kinds = [
        (OutcomeKind::Finished, "finished"),
        (OutcomeKind::Stopped, "stopped"),
        (OutcomeKind::Failed, "failed"),
        (OutcomeKind::Expired, "expired"),
        (OutcomeKind::Superseded, "superseded"),
    ];
    for (kind, name) in kinds {
        let record = record(Notice::Ended("s".into(), outcome(kind)), &Snapshot::default());
        assert!(record.contains(&format!(r#""outcome":{{"kind":"{name}"}}"#)), "{record}");
    }
    let statuses = [
        (Status::Idle, "idle"),
        (Status::Connecting, "connecting"),
        (Status::Streaming, "streaming"),
        (Status::Stalled, "stalled"),
        (Status::Reconnecting, "reconnecting"),
        (Status::Completed, "completed"),
        (Status::Stopped, "stopped"),
        (Status::Error, "error"),
    ];
    for (status, name) in statuses {
        let snapshot = Snapshot { status, role: Role::Follower, ..Snapshot::default() };
        let record = record(Notice::Changed("s".into()), &snapshot);
        assert!(record.contains(&format!(r#""status":"{name}","role":"follower""#)), "{record}");
    }
}

#[wasm_bindgen_test]
fn a_snapshot_has_its_task_its_retry_time_and_its_error() {
    let snapshot = Snapshot {
        status: Status::Reconnecting,
        task: Some("t".into()),
        attempt: 3,
        retry_at: Some(1_700_000_000_123),
        error: Some(StreamError { status: None, details: None, recovery: Recovery::Permanent, ..error() }),
        role: Role::Owner,
    };
    let wanted = r#"{"kind":"changed","session":"s","state":{"status":"reconnecting","role":"owner","attempt":3,"taskId":"t","retryAt":1700000000123,"error":{"code":"C","message":"m","retryable":false}}}"#;
    assert_eq!(record(Notice::Changed("s".into()), &snapshot), wanted);
}

#[wasm_bindgen_test]
fn notices_keep_their_order() {
    let many = vec![Notice::Began("a".into()), Notice::Tasks, Notice::Began("b".into())];
    let text: String = JSON::stringify(&notices(many, |_| Snapshot::default())).unwrap().into();
    assert_eq!(text, r#"[{"kind":"began","session":"a"},{"kind":"tasks"},{"kind":"began","session":"b"}]"#);
}

#[wasm_bindgen_test]
fn an_error_becomes_a_record_of_plain_values() {
    let text: String = JSON::stringify(&error_value(error())).unwrap().into();
    assert_eq!(text, r#"{"code":"C","message":"m","status":503,"retryable":true,"details":"{\"a\":1}"}"#);
}

#[wasm_bindgen_test]
async fn the_face_is_called_with_plain_arguments() {
    let object = eval(
        "({ calls: [], deliver(...given) { this.calls.push(given) }, notify(given) { this.calls.push([given]) }, \
            call: async (run, ...given) => run(...given) })",
    );
    let face: Face = object.clone().unchecked_into();
    face.deliver("s", Urgency::Soon);
    face.notify(eval("[1]"));
    let calls: String = JSON::stringify(&super::support::get(&object, "calls")).unwrap().into();
    assert_eq!(calls, format!(r#"[["s",{}],[[1]]]"#, Urgency::Soon as u32));
    let sum: Function = eval("(a, b) => a + b").unchecked_into();
    let called = face.call(&sum, &Array::of2(&2.into(), &3.into())).unwrap();
    assert_eq!(JsFuture::from(called).await.unwrap(), 5);
}

#[wasm_bindgen_test]
fn a_face_that_throws_is_an_error_and_no_trap() {
    let face: Face = eval("({ pump() { throw 1 }, collect() { throw 2 }, call() { throw 3 } })").unchecked_into();
    assert_eq!(face.pump(1, &JsValue::NULL).unwrap_err(), 1);
    assert_eq!(face.collect(&JsValue::NULL, 1.0).unwrap_err(), 2);
    assert_eq!(face.call(&Function::new_no_args(""), &Array::new()).unwrap_err(), 3);
}
