//! Conditions that other tests did not notice when they were removed: about what listeners hold, what a stop leaves, and which
//! task a session that was read may name.

use rejoin::client::ActiveTask;
use rejoin::client::io::{Config, Head, Input, Network, OutcomeKind, RetryAfter, Status};

use crate::harness::{Harness, S, running};

const RESET: Option<&u32> = Some(&3);
const TRIMMED: &str = r#"{"detail":{"code":"CURSOR_TRIMMED"}}"#;

/// Joins again after a cut and learns that the log was trimmed: the stream starts over.
fn start_over(harness: &mut Harness) {
    harness.cut();
    harness.answer(410, TRIMMED);
}

/// Returns the first rows of a task that is resumed.
fn first_rows_of_a_resume(harness: &mut Harness) -> Vec<u32> {
    harness.detach();
    harness.resume();
    harness.pass(1_000);
    harness.open(Some("t1"));
    harness.preamble("t1", ["1-0", "1-1"]);
    harness.deliver().unwrap().descriptors().to_vec()
}

fn set(harness: &mut Harness, task: &str, last: &str) {
    let (task, session, last) = (task.into(), S.into(), last.parse().unwrap());
    harness.client.set_active_task(ActiveTask { task, session, last, ..ActiveTask::default() }, harness.now);
    harness.drain();
}

#[test]
fn a_reset_that_was_not_delivered_is_owed_by_the_next_stream_of_the_task() {
    let (mut harness, _) = Harness::streaming();
    start_over(&mut harness);
    assert_eq!(first_rows_of_a_resume(&mut harness).first(), RESET);
}

#[test]
fn a_reset_that_was_delivered_is_owed_no_more() {
    let (mut harness, _) = Harness::streaming();
    start_over(&mut harness);
    harness.deliver();
    assert_ne!(first_rows_of_a_resume(&mut harness).first(), RESET);
}

#[test]
fn a_reset_is_owed_once_also_when_the_stream_starts_over_twice_before_it_is_delivered() {
    let (mut harness, _) = Harness::streaming();
    start_over(&mut harness);
    for id in ["1-0", "5-0"] {
        harness.pass_until_asked();
        harness.open(Some("t1"));
        harness.event(id, r#"{"type":"start","messageId":"a1","taskId":"t1"}"#);
        harness.end_of_file();
    }
    let batch = harness.deliver().unwrap();
    assert_eq!(batch.descriptors().first(), RESET);
    assert_eq!(batch.descriptors().iter().filter(|word| **word == 3).count(), 1);
}

#[test]
fn a_frame_that_is_no_chunk_causes_no_reset() {
    let (mut harness, _) = Harness::started(Some("t1"));
    harness.event("1-0", "not json");
    harness.deliver();
    assert_ne!(first_rows_of_a_resume(&mut harness).first(), RESET);
}

#[test]
fn blocks_of_an_earlier_replay_do_not_hide_a_hole_in_this_one() {
    let (mut harness, _) = Harness::streaming();
    start_over(&mut harness);
    harness.pass_until_asked();
    harness.open(Some("t1"));
    harness.event("1-0", r#"{"type":"start","messageId":"a1","taskId":"t1"}"#);
    harness.cut();
    harness.open(Some("t1"));
    harness.delta("9-0", "of a block that began in what is missing");
    harness.pass_until_asked();
    assert_eq!(harness.joined().unwrap().1, "0-0");
}

#[test]
fn a_stop_does_not_wait_for_rows_that_are_being_handed_out() {
    let (mut harness, call) = Harness::streaming();
    harness.delta("3-0", "two");
    assert!(harness.client.take_batch(S).is_some());
    harness.stop();
    assert_eq!((harness.kind(call), harness.status()), (OutcomeKind::Stopped, Status::Stopped));
}

#[test]
fn a_replay_of_what_was_saved_moves_no_cursor_and_saves_nothing() {
    let mut harness = Harness::default();
    set(&mut harness, "t1", "9-0");
    harness.resume();
    harness.open(Some("t1"));
    let saves = harness.saved.len();
    harness.preamble("t1", ["1-0", "1-1"]);
    harness.deliver();
    harness.pass(1_000);
    assert_eq!(harness.saved.len(), saves);
}

#[test]
fn buffers_that_come_back_late_do_not_take_the_place_of_rows() {
    let (mut harness, _) = Harness::streaming();
    harness.delta("3-0", "two");
    let batch = harness.client.take_batch(S).unwrap();
    harness.delta("4-0", "three");
    harness.client.recycle(S, batch);
    harness.text.clear();
    harness.deliver();
    assert!(harness.text.starts_with("three"));
}

#[test]
fn rows_that_nobody_got_are_fresh_when_they_come_from_the_history() {
    let (mut harness, call) = Harness::streaming();
    harness.detach();
    harness.client.clear_active_task(S);
    harness.rejoin("t2", None);
    harness.pass(1_000);
    harness.open(Some("t2"));
    harness.preamble("t2", ["1-0", "1-1"]);
    harness.delta("2-0", "unseen");
    harness.cut();
    harness.answer(404, "");
    harness.pass_until_asked();
    harness
        .answer(200, r#"{"messages":[{"role":"user"},{"role":"assistant","content":"unseen"}],"active_stream":null}"#);
    let batch = harness.deliver().unwrap();
    assert!(!batch.text().contains("replayed") && batch.text().contains("unseen"), "{}", batch.text());
    assert!(!harness.is_pending(call));
}

#[test]
fn a_stream_announces_its_rows_though_those_of_the_one_before_were_never_taken() {
    let (mut harness, _) = Harness::streaming();
    harness.delta("3-0", "two");
    harness.detach();
    harness.announced.clear();
    harness.next(Some("t2"));
    harness.preamble("t2", ["8-0", "8-1"]);
    assert_eq!(harness.announced.len(), 1);
}

#[test]
fn a_task_that_is_delivered_a_third_time_is_replayed_up_to_the_end_of_the_second() {
    let mut harness = Harness::default();
    for (task, last) in [("t1", "2-0"), ("t2", "2-0"), ("t1", "5-0"), ("t2", "2-0")] {
        harness.rejoin(task, None);
        harness.pass(1_000);
        harness.open(None);
        harness.event(last, r#"{"type":"start-step"}"#);
        harness.deliver();
    }
    harness.rejoin("t1", None);
    harness.pass(1_000);
    harness.open(None);
    harness.event("4-0", r#"{"type":"start-step"}"#);
    assert!(harness.deliver().unwrap().text().contains("\"replayed\":true"));
}

#[test]
fn rows_delivered_before_the_task_was_known_are_not_delivered_again() {
    let (mut harness, _) = Harness::started(None);
    harness.event("", r#"{"type":"text_chunk","content":"one "}"#);
    harness.deliver();
    harness.cut();
    harness.answer(200, &running("t1"));
    harness.pass_until_asked();
    assert_eq!(harness.joined(), Some(("t1".into(), "0-0".into())));
    harness.open(None);
    harness.event("", r#"{"type":"text_chunk","content":"one "}"#);
    harness.event("", r#"{"type":"text_chunk","content":"two"}"#);
    harness.text.clear();
    let batch = harness.deliver().unwrap();
    assert_eq!((harness.text.as_str(), batch.descriptors().first() == RESET), ("two", false));
}

#[test]
fn rows_of_a_task_without_a_name_are_reset_when_the_running_task_is_delivered() {
    let (mut harness, _) = Harness::started(None);
    harness.event("", r#"{"type":"text_chunk","content":"one "}"#);
    harness.deliver();
    harness.detach();
    harness.resume();
    harness.pass(1_000);
    harness.answer(200, &running("t1"));
    harness.pass_until_asked();
    harness.open(None);
    harness.event("", r#"{"type":"text_chunk","content":"one "}"#);
    assert_eq!(harness.deliver().unwrap().descriptors().first(), RESET);
}

#[test]
fn a_resume_that_finds_no_running_task_behind_an_answer_resets_nothing() {
    let (mut harness, _) = Harness::streaming();
    harness.finish("3-0");
    let call = harness.resume();
    harness.pass(1_000);
    assert!(harness.is_look());
    harness.answer(200, r#"{"messages":[],"active_stream":null}"#);
    assert_eq!(harness.outcome(call), None);
    assert!(harness.client.take_batch(S).is_none());
    assert_eq!(harness.client.metrics(Some(S)).resets, 0);
}

#[test]
fn a_resume_that_finds_another_task_behind_an_answer_resets_nothing() {
    let (mut harness, _) = Harness::streaming();
    harness.finish("3-0");
    harness.resume();
    harness.pass(1_000);
    harness.answer(200, &running("t2"));
    harness.pass_until_asked();
    harness.open(Some("t2"));
    harness.preamble("t2", ["5-0", "5-1"]);
    assert_ne!(harness.deliver().unwrap().descriptors().first(), RESET);
    assert_eq!(harness.client.metrics(Some(S)).resets, 0);
}

#[test]
fn a_join_after_a_cursor_continues_what_listeners_hold_and_counts_no_reset() {
    let (mut harness, _) = Harness::streaming();
    harness.detach();
    harness.rejoin("t1", Some("2-0".parse().unwrap()));
    harness.pass(1_000);
    harness.open(Some("t1"));
    harness.delta("3-0", "two");
    assert_ne!(harness.deliver().unwrap().descriptors().first(), RESET);
    assert_eq!(harness.client.metrics(Some(S)).resets, 0);
}

#[test]
fn rows_that_are_being_handed_out_count_as_given() {
    let (mut harness, _) = Harness::streaming();
    harness.detach();
    harness.client.clear_active_task(S);
    harness.rejoin("t2", None);
    harness.pass(1_000);
    harness.open(Some("t2"));
    harness.event("1-0", r#"{"type":"start-step"}"#);
    assert!(harness.client.take_batch(S).is_some());
    harness.cut();
    harness.answer(404, "");
    harness.pass_until_asked();
    harness.answer(200, r#"{"messages":[{"role":"user"},{"role":"assistant","content":"x"}],"active_stream":null}"#);
    harness.answer_status(None);
    assert!(harness.deliver().unwrap().text().contains("\"replayed\":true"));
}

#[test]
fn a_stop_with_nothing_to_cancel_waits_for_the_cancelling_that_goes_on() {
    let (mut harness, _) = Harness::streaming();
    let first = harness.stop();
    harness.rejoin("t2", None);
    harness.open(None);
    harness.event("1-0", r#"{"type":"finish"}"#);
    let second = harness.stop();
    assert!(harness.is_pending(first) && harness.is_pending(second));
    assert_eq!(harness.cancels(), 1);
}

#[test]
fn a_task_is_cancelled_once_though_it_is_stopped_twice() {
    let (mut harness, _) = Harness::streaming();
    harness.stop();
    set(&mut harness, "t1", "0-0");
    harness.rejoin("t1", None);
    harness.pass(1_000);
    harness.stop();
    assert!(harness.saved.last().is_some_and(|saved| saved.contains("stopped")));
    harness.input(Input::Restored);
    harness.pass(1_000);
    assert_eq!(harness.cancels(), 1);
}

#[test]
fn a_stop_before_the_start_is_remembered_at_once() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.stop();
    assert!(harness.saved.last().is_some_and(|saved| saved.contains("stopped")));
}

#[test]
fn a_stop_is_not_given_up_for_time_without_a_network() {
    let mut harness = Harness::new(Config { window: 10_000, ..Config::default() });
    harness.start("hi");
    harness.open(Some("t1"));
    let stop = harness.stop();
    harness.fail();
    harness.network(Network::Offline);
    harness.pass(60_000);
    harness.network(Network::Online);
    harness.fail();
    assert!(harness.is_pending(stop));
}

#[test]
fn the_window_of_a_stop_begins_with_its_first_failure_and_not_when_the_network_returns() {
    let (mut harness, _) = Harness::streaming();
    harness.network(Network::Offline);
    let stop = harness.stop();
    harness.network(Network::Online);
    harness.pass(30_000);
    let (failed_at, asked) = (harness.now, harness.asked.len());
    harness.answer_with(Head { status: 503, retry_after: Some(RetryAfter::Pause(590_000)), ..Head::default() }, "");
    assert!(harness.is_pending(stop), "the window is ten minutes");
    assert!(harness.pass_until_asked().at >= failed_at + 590_000);
    assert_eq!((harness.cancels(), harness.asked.len()), (2, asked + 1));
}

#[test]
fn a_message_that_timed_out_on_the_server_may_have_started_what_is_to_be_stopped() {
    let mut harness = Harness::default();
    harness.start("hi");
    let stop = harness.stop_on_base();
    harness.answer(408, "");
    harness.pass(1_000);
    assert!(harness.is_look() && harness.is_pending(stop));
}

#[test]
fn closing_lets_a_look_go_and_a_cancel_arrive() {
    let mut harness = Harness::default();
    harness.stop();
    harness.input(Input::Close);
    assert_eq!(harness.aborted, [harness.last().attempt]);

    let (mut harness, _) = Harness::streaming();
    harness.stop();
    harness.aborted.clear();
    harness.input(Input::Close);
    assert!(harness.aborted.is_empty());
}

#[test]
fn a_message_that_was_let_go_does_not_take_the_record_of_the_stream_that_followed() {
    let mut harness = Harness::default();
    harness.start("hi");
    let message = harness.last().attempt;
    harness.detach();
    harness.rejoin("t2", None);
    let head = Head { status: 200, content_type: "text/event-stream", task: Some("t1"), ..Default::default() };
    harness.input(Input::Opened { attempt: message, head });
    assert_eq!(harness.client.active_task(S).unwrap().task, "t2");
}

#[test]
fn a_task_that_was_asked_for_by_name_does_not_give_way_to_another() {
    let mut harness = Harness::default();
    let call = harness.rejoin("t0", None);
    harness.answer(404, r#"{"detail":"Not Found"}"#);
    harness.pass(1_000);
    harness.answer(200, &running("t1"));
    assert_eq!(harness.kind(call), OutcomeKind::Expired);
}

#[test]
fn the_position_of_a_lost_task_does_not_apply_to_the_one_joined_instead() {
    let mut harness = Harness::default();
    set(&mut harness, "t0", "0-0");
    harness.resume();
    harness.open(None);
    harness.event("7-0", r#"{"type":"text-start","id":"b"}"#);
    harness.cut();
    harness.answer(404, "");
    harness.pass(1_000);
    harness.answer(200, &running("t1"));
    harness.pass(1_000);
    assert_eq!(harness.joined(), Some(("t1".into(), "0-0".into())));
}

#[test]
fn a_resumed_task_with_delivered_rows_does_not_give_way_to_another() {
    let mut harness = Harness::default();
    set(&mut harness, "t0", "0-0");
    let call = harness.resume();
    harness.open(None);
    harness.preamble("t0", ["1-0", "1-1"]);
    harness.cut();
    harness.answer(404, r#"{"detail":"Not Found"}"#);
    harness.pass(1_000);
    harness.answer(200, &running("t1"));
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Expired);
}
