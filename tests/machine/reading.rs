//! Which events are new, which are known, and which are missing: with ids, without, and both in one stream.

use rejoin::client::io::OutcomeKind;

use crate::harness::{Harness, S};

fn counts(harness: &Harness) -> (u64, u64) {
    let metrics = harness.client.metrics(Some(S));
    (metrics.duplicates, metrics.resets)
}

fn cut_and_join(harness: &mut Harness) {
    harness.cut();
    harness.open(Some("t1"));
}

fn delivered(harness: &mut Harness) -> String {
    harness.text.clear();
    harness.deliver();
    harness.text.clone()
}

#[test]
fn events_without_ids_belong_to_the_one_with_an_id_before_them() {
    let (mut harness, _) = Harness::streaming();
    harness.event("1-0", r#"{"type":"start","taskId":"t1"}"#);
    harness.delta("", "known ");
    harness.delta("2-0", "one ");
    harness.delta("", "news ");
    assert!(delivered(&mut harness).starts_with("news "));
    assert_eq!(counts(&harness), (3, 0));
}

#[test]
fn the_position_of_the_last_response_does_not_affect_the_next() {
    let (mut harness, _) = Harness::streaming();
    harness.event("1-0", r#"{"type":"start","taskId":"t1"}"#);
    cut_and_join(&mut harness);
    harness.delta("", "news ");
    assert!(delivered(&mut harness).starts_with("news "));
}

#[test]
fn an_event_with_an_id_settles_those_without_ids_before_it() {
    let (mut harness, _) = Harness::streaming();
    harness.delta("", "ha ");
    harness.delta("3-0", "three ");
    harness.deliver();
    cut_and_join(&mut harness);
    harness.delta("", "ha ");
    assert!(delivered(&mut harness).starts_with("ha "));
    assert_eq!(counts(&harness), (0, 0));
}

#[test]
fn rows_that_wait_when_a_stream_starts_over_are_not_delivered() {
    let (mut harness, _) = Harness::streaming();
    harness.delta("3-0", "stale");
    harness.cut();
    harness.answer(410, r#"{"detail":{"code":"CURSOR_TRIMMED"}}"#);
    harness.pass_until_asked();
    harness.open(Some("t1"));
    harness.preamble("t1", ["1-0", "1-1"]);
    harness.delta("2-0", "new");
    let text = delivered(&mut harness);
    assert!(!text.contains("stale") && text.contains("new"), "{text}");
}

#[test]
fn a_stream_that_starts_over_twice_without_a_row_between_is_reset_once() {
    let (mut harness, _) = Harness::streaming();
    for _ in 0..2 {
        harness.cut();
        harness.open(Some("t1"));
        harness.event("9-0", r#"{"type":"text-delta","id":"other","delta":"x"}"#);
        harness.deliver();
        harness.pass_until_asked();
        harness.open(Some("t1"));
    }
    assert_eq!(counts(&harness).1, 1);
}

#[test]
fn a_replay_that_differs_starts_the_answer_over() {
    let (mut harness, call) = Harness::started(None);
    harness.preamble("t1", ["", ""]);
    harness.delta("", "one");
    harness.deliver();
    for _ in 0..2 {
        harness.cut();
        harness.open(None);
        harness.preamble("t1", ["", ""]);
        harness.delta("", "another");
    }
    harness.event("", r#"{"type":"finish"}"#);
    assert!(delivered(&mut harness).contains("another"));
    assert_eq!((harness.kind(call), counts(&harness).1), (OutcomeKind::Finished, 1));
}

#[test]
fn a_start_in_the_middle_of_a_tail_is_no_hole() {
    let (mut harness, _) = Harness::streaming();
    cut_and_join(&mut harness);
    harness.delta("3-0", "three");
    harness.event("4-0", r#"{"type":"start","taskId":"t1"}"#);
    assert_eq!(counts(&harness).1, 0);
}

#[test]
fn a_block_that_begins_again_and_again_is_one() {
    let (mut harness, _) = Harness::streaming();
    (0..2_000).for_each(|nth| harness.event(&format!("3-{nth}"), r#"{"type":"text-start","id":"b"}"#));
    cut_and_join(&mut harness);
    harness.event("9-0", r#"{"type":"text-delta","id":"other","delta":"x"}"#);
    assert_eq!(counts(&harness).1, 1, "the task is still watched for holes");
}

#[test]
fn a_task_of_more_blocks_than_are_remembered_is_not_taken_for_one_with_holes() {
    let (mut harness, _) = Harness::streaming();
    for nth in 0..1_100 {
        harness.event(&format!("3-{nth}"), &format!(r#"{{"type":"text-start","id":"block {nth}"}}"#));
    }
    cut_and_join(&mut harness);
    harness.event("9-0", r#"{"type":"text-delta","id":"block 1099","delta":"x"}"#);
    assert_eq!(counts(&harness).1, 0);
}

#[test]
fn the_end_of_a_response_is_no_frame() {
    let (mut harness, _) = Harness::streaming();
    harness.bytes(b"data: [DONE]\n\ndata: late\n\n");
    assert_eq!(harness.client.metrics(Some(S)).malformed, 0);
    assert!(harness.client.take_batch(S).is_none());
}

#[test]
fn an_empty_task_id_names_no_task() {
    let (mut harness, _) = Harness::started(Some(""));
    harness.event("1-0", r#"{"type":"start","messageId":"a1","taskId":""}"#);
    assert_eq!(harness.client.snapshot(S).task, None);
    assert!(harness.saved.is_empty());
}

#[test]
fn a_chunk_that_is_not_delivered_by_itself_is_not_counted() {
    let (mut harness, _) = Harness::started(Some("t1"));
    harness.preamble("t1", ["1-0", "1-1"]);
    let metrics = harness.client.metrics(Some(S));
    assert_eq!((metrics.events, metrics.chunks), (2, 1));
}
