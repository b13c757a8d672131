//! The end of a task: only a real one gives `finished` (API.md, guarantee 2; PROTOCOL §2).

use rejoin::client::io::{OutcomeKind, Status};

use crate::harness::{Harness, S};

fn end_with(data: &str) -> (Harness, u32) {
    let (mut harness, call) = Harness::streaming();
    harness.event("9-0", data);
    (harness, call)
}

#[test]
fn finish_and_stream_end_finish() {
    for data in [r#"{"type":"finish"}"#, r#"{"type":"stream_end"}"#] {
        let (mut harness, call) = end_with(data);
        harness.deliver();
        assert_eq!((harness.kind(call), harness.status()), (OutcomeKind::Finished, Status::Completed));
    }
}

#[test]
fn abort_stops() {
    let (mut harness, call) = end_with(r#"{"type":"abort","reason":"user"}"#);
    harness.deliver();
    assert_eq!((harness.kind(call), harness.status()), (OutcomeKind::Stopped, Status::Stopped));
}

#[test]
fn an_error_chunk_fails_with_its_code_in_either_dialect() {
    for data in [
        r#"{"type":"error","errorText":"out of tokens","code":"NO_TOKENS","details":{"n":1}}"#,
        r#"{"type":"error","message":"out of tokens","code":"NO_TOKENS","details":{"n":1}}"#,
    ] {
        let (mut harness, call) = end_with(data);
        harness.deliver();
        let error = harness.outcome(call).unwrap().error.clone().unwrap();
        assert_eq!((error.code.as_str(), error.message.as_str()), ("NO_TOKENS", "out of tokens"));
        assert_eq!(error.details.as_deref(), Some(r#"{"n":1}"#));
        assert_eq!(harness.status(), Status::Error);
    }
}

#[test]
fn the_outcome_comes_after_the_delivery_of_the_last_chunk() {
    let (mut harness, call) = end_with(r#"{"type":"finish"}"#);
    assert!(harness.is_pending(call));
    assert_eq!(harness.status(), Status::Streaming);
    assert!(harness.ended.is_empty());
    harness.deliver();
    assert_eq!(harness.ended.len(), 1);
}

#[test]
fn nothing_after_the_end_counts() {
    let (mut harness, call) = Harness::streaming();
    harness.bytes(
        b"id: 3-0\ndata: {\"type\":\"finish\"}\n\nid: 4-0\ndata: {\"type\":\"error\",\"errorText\":\"late\"}\n\n",
    );
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Finished);
}

#[test]
fn an_ended_task_is_no_longer_saved_and_its_request_is_let_go() {
    let (mut harness, _) = end_with(r#"{"type":"finish"}"#);
    assert_eq!(harness.aborted, [harness.last().attempt]);
    harness.deliver();
    assert_eq!(harness.removed, [harness.client.record_key(S)]);
    assert!(harness.client.active_task(S).is_none());
}

#[test]
fn a_bad_frame_and_an_unknown_type_end_nothing() {
    let (mut harness, call) = Harness::streaming();
    harness.event("3-0", "<html>");
    harness.event("4-0", "[1]");
    harness.event("5-0", r#"{"type":"from-the-future"}"#);
    harness.delta("6-0", "two");
    harness.deliver();
    assert!(harness.is_pending(call));
    let metrics = harness.client.metrics(Some(S));
    assert_eq!((metrics.malformed, metrics.unknown), (2, 1));
}
