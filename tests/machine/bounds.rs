//! The bounds on remembered sessions, on requests that nobody waits for and on rows that are never confirmed. Also, that getters
//! change nothing.

use rejoin::client::ActiveTask;
use rejoin::client::io::{Config, Input, OutcomeKind, Request, Status};

use crate::harness::{Harness, S, running};

const RESET: Option<&u32> = Some(&3);
const HOUR: u64 = 3_600_000;

fn watch_many(harness: &mut Harness, count: usize) {
    for number in 0..count {
        harness.input(Input::Watch { session: &format!("session {number}") });
    }
}

#[test]
fn reading_an_expired_record_returns_none_and_writes_nothing() {
    let (harness, _) = Harness::streaming();
    let (key, record) = (harness.client.record_key(S), harness.saved.last().cloned());
    let look = |now| harness.stored_task(&key, record.as_deref(), now).map(|active| active.task);
    assert_eq!(look(harness.now).as_deref(), Some("t1"));
    assert_eq!(look(harness.now + HOUR + 1_000), None, "the page that wrote it still lives");
    assert!(harness.removed.is_empty());
    assert_eq!(harness.client.metrics(None).dropped_records, 0);
}

#[test]
fn a_getter_reads_the_storage_as_it_is_and_does_not_change_the_client() {
    let (other, _) = Harness::streaming();
    let (harness, record) = (Harness::default(), other.saved.last().cloned());
    let key = harness.client.record_key(S);
    assert!(harness.stored_task(&key, record.as_deref(), harness.now).is_some());
    assert!(harness.client.active_task(S).is_none());
    for value in [None, Some("{"), Some("{\"v\":99}")] {
        assert!(harness.stored_task(&key, value, harness.now).is_none());
    }
    assert!(harness.stored_task("another app's key", record.as_deref(), harness.now).is_none());
}

#[test]
fn a_stopped_task_is_not_returned_as_saved() {
    let (mut harness, _) = Harness::streaming();
    harness.stop();
    let (key, record) = (harness.client.record_key(S), harness.saved.last().cloned());
    assert!(harness.stored_task(&key, record.as_deref(), harness.now).is_none());
}

#[test]
fn a_record_that_expired_while_the_page_lived_is_not_resumed() {
    let mut harness = Harness::default();
    let active = ActiveTask { task: "t1".into(), session: S.into(), ..ActiveTask::default() };
    harness.client.set_active_task(active, harness.now);
    harness.drain();
    harness.now += HOUR + 1_000;
    harness.resume();
    assert!(harness.is_look(), "{:?}", harness.last());
}

#[test]
fn sessions_that_are_only_shown_use_no_memory() {
    let mut harness = Harness::default();
    watch_many(&mut harness, 1_000);
    let held = harness.client.footprint();
    watch_many(&mut harness, 20_000);
    assert!(harness.client.footprint() <= held * 2, "{held} bytes, then {}", harness.client.footprint());
}

#[test]
fn a_stream_that_runs_is_never_let_go_for_the_sake_of_others() {
    let (mut harness, call) = Harness::streaming();
    watch_many(&mut harness, 5_000);
    harness.finish("9-0");
    assert_eq!(harness.kind(call), OutcomeKind::Finished);
}

#[test]
fn the_counters_of_a_session_that_was_let_go_stay_in_the_sum() {
    let (mut harness, _) = Harness::streaming();
    harness.finish("9-0");
    let before = harness.client.metrics(None);
    watch_many(&mut harness, 5_000);
    assert_eq!(harness.status(), Status::Idle, "it was let go");
    assert_eq!(harness.client.metrics(None), before);
}

#[test]
fn a_session_that_was_dropped_is_delivered_again_behind_a_reset() {
    let (mut harness, _) = Harness::streaming();
    harness.detach();
    watch_many(&mut harness, 5_000);
    harness.resume();
    harness.pass(1_000);
    harness.open(Some("t1"));
    harness.preamble("t1", ["1-0", "1-1"]);
    assert_eq!(harness.deliver().unwrap().descriptors().first(), RESET);
}

#[test]
fn what_an_app_had_before_a_cursor_is_reset_if_its_session_was_dropped_and_replayed_otherwise() {
    check_what_was_before_a_cursor(|_| {});
}

#[test]
fn what_an_app_had_before_a_cursor_is_reset_if_its_session_was_dropped_after_another_message_and_replayed_otherwise() {
    check_what_was_before_a_cursor(|harness| {
        harness.start("hi");
        harness.pass(1_000);
        harness.answer(403, "");
    });
}

/// Joins a task behind a cursor, and from its beginning after `then`, with and without its session being dropped meanwhile.
fn check_what_was_before_a_cursor(then: impl Fn(&mut Harness)) {
    for is_dropped in [false, true] {
        let mut harness = Harness::default();
        harness.rejoin("t1", Some("5-0".parse().unwrap()));
        harness.detach();
        then(&mut harness);
        harness.client.clear_active_task(S);
        harness.drain();
        watch_many(&mut harness, if is_dropped { 5_000 } else { 0 });
        harness.rejoin("t1", None);
        harness.pass(1_000);
        harness.open(Some("t1"));
        harness.preamble("t1", ["1-0", "1-1"]);
        let batch = harness.deliver().unwrap();
        assert_eq!(batch.descriptors().first() == RESET, is_dropped);
        assert_eq!(batch.text().contains("\"replayed\":true"), !is_dropped, "{}", batch.text());
    }
}

#[test]
fn an_answer_finds_its_session_among_many_and_a_second_one_finds_nobody() {
    let mut harness = Harness::default();
    watch_many(&mut harness, 200);
    let call = harness.start("hi");
    harness.answer(403, "");
    assert_eq!(harness.kind(call), OutcomeKind::Failed);
    let changes = harness.changes;
    harness.answer(403, "");
    assert_eq!(harness.changes, changes);
}

#[test]
fn a_message_that_hangs_after_its_stream_was_let_go_is_given_up_in_time() {
    let mut harness = Harness::default();
    harness.start("hi");
    let attempt = harness.last().attempt;
    harness.detach();
    harness.pass(44_000);
    assert!(harness.aborted.is_empty(), "it is not called back");
    harness.pass(2_000);
    assert_eq!(harness.aborted, [attempt]);
    assert_eq!(harness.client.deadline(), None);
}

#[test]
fn the_patience_of_the_app_holds_for_a_message_whose_stream_was_let_go() {
    let mut harness = Harness::new(Config { stall_timeout: Some(5_000), ..Config::default() });
    harness.start("hi");
    harness.detach();
    harness.pass(5_001);
    assert_eq!(harness.aborted.len(), 1);
}

#[test]
fn a_servers_retry_field_is_a_floor_also_above_the_longest_delay_of_the_app() {
    let (mut harness, _) = Harness::streaming();
    harness.bytes(b"retry: 120000\n\n");
    let cut_at = harness.now;
    harness.end_of_file();
    let asked = harness.pass_until_asked();
    assert!(matches!(asked.request, Request::Join { .. }));
    assert!(asked.at >= cut_at + 120_000, "after {} ms", asked.at - cut_at);
}

#[test]
fn rows_that_were_taken_and_never_confirmed_fail_the_stream_and_keep_its_task() {
    let (mut harness, call) = Harness::streaming();
    harness.delta("3-0", "two");
    assert!(harness.client.take_batch(S).is_some());
    harness.pass(9_000);
    assert!(harness.is_pending(call));
    harness.pass(2_000);
    assert_eq!((harness.kind(call), harness.code(call).as_str()), (OutcomeKind::Failed, "DELIVERY_FAILED"));
    let saved = harness.client.active_task(S).unwrap();
    assert_eq!((saved.task.as_str(), saved.last), ("t1", "2-0".parse().unwrap()), "what was confirmed");
}

#[test]
fn an_end_that_was_taken_and_never_confirmed_does_not_leave_its_call_pending() {
    let (mut harness, call) = Harness::streaming();
    harness.event("9-0", r#"{"type":"finish"}"#);
    assert!(harness.client.take_batch(S).is_some());
    harness.pass(11_000);
    assert_eq!(harness.code(call), "DELIVERY_FAILED");
    harness.resume();
    assert_eq!(harness.joined(), Some(("t1".into(), "0-0".into())), "it is delivered again");
    harness.open(Some("t1"));
    harness.preamble("t1", ["1-0", "1-1"]);
    assert_eq!(harness.deliver().unwrap().descriptors().first(), RESET);
}

#[test]
fn rows_of_the_stream_before_that_were_never_confirmed_hold_up_no_other_stream() {
    let (mut harness, _) = Harness::streaming();
    harness.delta("3-0", "two");
    assert!(harness.client.take_batch(S).is_some());
    harness.stop();
    harness.answer(200, &running("t1"));
    let call = harness.next(Some("t2"));
    harness.preamble("t2", ["5-0", "5-1"]);
    assert!(harness.deliver().is_some());
    harness.pass(11_000);
    assert!(harness.is_pending(call));
}
