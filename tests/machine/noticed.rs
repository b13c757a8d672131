//! What an app gets of a stream besides its chunks, each notification once and none too late. Mutation testing showed that these
//! tests were missing.

use rejoin::client::ActiveTask;
use rejoin::client::io::{
    Config, Effect, Head, Input, Network, Origin, OutcomeKind, Recovery, Repost, Request, Status, Urgency,
};

use crate::harness::{Harness, S};

const RUNNING: &str = r#"{"messages":[],"active_stream":{"task_id":"t1","operation_id":"op","tool_name":"find"}}"#;
const EMPTY: &str = r#"{"messages":[],"active_stream":null}"#;

#[test]
fn rows_that_wait_are_announced_once_until_they_are_taken() {
    let (mut harness, _) = Harness::streaming();
    harness.announced.clear();
    harness.delta("3-0", "two ");
    harness.delta("4-0", "three ");
    assert_eq!(harness.announced, [Urgency::Frame]);
    harness.deliver();
    harness.delta("5-0", "four ");
    assert_eq!(harness.announced.len(), 2);
}

#[test]
fn rows_that_are_too_many_to_wait_for_a_frame_are_announced_again() {
    let (mut harness, _) = Harness::streaming();
    harness.announced.clear();
    harness.delta("3-0", "small");
    harness.delta("4-0", &"x".repeat(2 << 20));
    assert_eq!(harness.announced, [Urgency::Frame, Urgency::Now]);
}

#[test]
fn a_replay_that_is_over_does_not_wait_for_a_frame() {
    let mut harness = Harness::default();
    harness.rejoin("t1", None);
    harness.open(Some("t1"));
    harness.preamble("t1", ["1-0", "1-1"]);
    harness.delta("2-0", &"x".repeat(16 * 1024));
    assert!(harness.client.waiting(S) > 16 * 1024);
    harness.event("3-0", r#"{"type":"finish"}"#);
    assert_eq!(harness.announced, [Urgency::Frame, Urgency::Soon]);
    harness.deliver();
    assert_eq!(harness.client.waiting(S), 0);
}

#[test]
fn an_answer_that_came_whole_waits_for_no_frame() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.open(Some("t1"));
    harness.preamble("t1", ["1-0", "1-1"]);
    harness.delta("2-0", "one ");
    harness.event("3-0", r#"{"type":"finish"}"#);
    assert_eq!(harness.announced, [Urgency::Frame, Urgency::Now]);
}

#[test]
fn the_end_of_an_answer_that_was_shown_in_part_waits_for_its_frame() {
    let (mut harness, _) = Harness::streaming();
    harness.deliver();
    harness.announced.clear();
    harness.event("3-0", r#"{"type":"finish"}"#);
    assert_eq!(harness.announced, [Urgency::Frame]);
}

#[test]
fn a_stream_after_one_whose_rows_were_never_taken_announces_its_own() {
    let (mut harness, _) = Harness::streaming();
    harness.delta("3-0", "two ");
    harness.detach();
    assert!(harness.client.take_batch(S).is_none(), "what was let go is not delivered");
    harness.announced.clear();
    harness.start("next");
    assert_eq!(harness.began, 2);
    harness.pass(1_000);
    harness.open(Some("t2"));
    harness.preamble("t2", ["8-0", "8-1"]);
    assert_eq!(harness.announced, [Urgency::Frame]);
}

#[test]
fn a_reset_is_announced_as_soon_as_the_new_answer_begins() {
    let (mut harness, _) = Harness::streaming();
    harness.announced.clear();
    harness.cut();
    harness.answer(410, r#"{"detail":{"code":"CURSOR_TRIMMED"}}"#);
    assert_eq!(harness.announced, [Urgency::Frame]);
}

#[test]
fn the_outcome_stays_visible_after_the_end() {
    let (mut harness, call) = Harness::streaming();
    assert!(harness.client.outcome(S).is_none());
    harness.finish("3-0");
    assert_eq!(harness.client.outcome(S), harness.outcome(call));
    assert_eq!(harness.ended.len(), 1);
}

#[test]
fn a_rejoin_saves_its_task_at_once() {
    let mut harness = Harness::default();
    harness.rejoin("t1", None);
    assert!(harness.saved.last().unwrap().contains("\"task\":\"t1\""));
}

#[test]
fn a_start_that_names_the_known_task_saves_nothing_again() {
    let (mut harness, _) = Harness::started(Some("t1"));
    assert_eq!(harness.saved.len(), 1);
    harness.preamble("t1", ["1-0", "1-1"]);
    assert_eq!(harness.saved.len(), 1);
}

#[test]
fn nothing_is_saved_after_the_end() {
    let (mut harness, _) = Harness::streaming();
    harness.delta("3-0", "two");
    harness.deliver();
    harness.event("4-0", r#"{"type":"finish"}"#);
    let saves = harness.saved.len();
    harness.deliver();
    harness.pass(5_000);
    assert_eq!((harness.saved.len(), harness.removed.len()), (saves, 1));
    assert!(harness.client.deadline().is_none());
}

#[test]
fn a_stream_that_fails_saves_what_was_delivered_and_keeps_the_task() {
    let (mut harness, call) = Harness::streaming();
    harness.delta("3-0", "two");
    harness.deliver();
    harness.cut();
    harness.answer(403, "");
    assert_eq!(harness.kind(call), OutcomeKind::Failed);
    assert!(harness.saved.last().unwrap().contains("\"last\":\"3-0\""));
    assert!(harness.removed.is_empty());
}

#[test]
fn a_resumed_task_keeps_its_operation_its_tool_and_when_it_started() {
    let mut harness = Harness::default();
    let active = ActiveTask {
        task: "t1".into(),
        session: S.into(),
        operation: "op".into(),
        tool: "find".into(),
        started: 77,
        ..ActiveTask::default()
    };
    harness.client.set_active_task(active, harness.now);
    harness.drain();
    harness.resume();
    harness.open(Some("t1"));
    harness.detach();
    let saved = harness.client.active_task(S).unwrap();
    assert_eq!((saved.operation.as_str(), saved.tool.as_str(), saved.started), ("op", "find", 77));
    let another = harness.rejoin("t2", None);
    assert!(harness.is_pending(another));
    assert_eq!(harness.client.active_task(S).unwrap().operation, "", "which is another task's");
}

#[test]
fn a_task_found_through_the_session_is_saved_with_its_operation() {
    let mut harness = Harness::default();
    harness.resume();
    harness.answer(200, RUNNING);
    let saved = harness.client.active_task(S).unwrap();
    assert_eq!((saved.operation.as_str(), saved.tool.as_str()), ("op", "find"));
}

#[test]
fn a_stream_after_a_joined_one_is_its_own() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.busy_with("t9");
    harness.pass(1_000);
    harness.open(Some("t9"));
    harness.finish("1-0");
    let next = harness.next(Some("t1"));
    harness.finish("2-0");
    assert_eq!(harness.outcome(next).unwrap().origin, Origin::Own);
}

#[test]
fn a_stream_after_one_that_was_unauthorized_asks_for_headers_once_more_too() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.answer(401, "");
    harness.pass(1_000);
    harness.answer(401, "");
    let next = harness.start("next");
    harness.answer(401, "");
    harness.pass(1_000);
    assert!(harness.is_pending(next));
}

#[test]
fn a_message_sent_offline_waits_for_the_network() {
    let mut harness = Harness::default();
    harness.network(Network::Offline);
    let call = harness.start("hi");
    harness.pass(60_000);
    assert!(harness.asked.is_empty() && harness.is_pending(call));
    assert_eq!((harness.status(), harness.client.snapshot(S).retry_at), (Status::Connecting, None));
    harness.network(Network::Online);
    assert!(harness.is_send());
}

#[test]
fn a_cut_while_offline_plans_nothing_until_the_network_is_back() {
    let (mut harness, _) = Harness::streaming();
    harness.network(Network::Offline);
    harness.fail();
    assert_eq!(harness.client.snapshot(S).retry_at, None);
    let before = harness.asked.len();
    harness.pass(60_000);
    assert_eq!(harness.asked.len(), before);
}

#[test]
fn a_stream_that_breaks_is_rejoined_without_waiting_for_a_stall() {
    let (mut harness, _) = Harness::streaming();
    harness.fail();
    assert_eq!(harness.status(), Status::Reconnecting);
    harness.pass(1_000);
    assert!(harness.joined().is_some());
}

#[test]
fn a_stop_of_a_message_that_was_never_sent_requests_nothing() {
    let mut harness = Harness::default();
    harness.network(Network::Offline);
    let call = harness.start("hi");
    let stop = harness.stop();
    harness.network(Network::Online);
    assert_eq!((harness.kind(call), harness.outcome(stop)), (OutcomeKind::Stopped, None));
    assert!(harness.asked.is_empty() && harness.client.deadline().is_none());
}

#[test]
fn a_running_task_that_ended_before_it_could_be_joined_is_nothing_to_resume() {
    let mut harness = Harness::default();
    let call = harness.resume();
    harness.answer(200, RUNNING);
    harness.pass(1_000);
    harness.answer(204, "");
    assert_eq!(harness.outcome(call), None);
}

#[test]
fn an_answer_that_ends_without_a_byte_counts_as_lost() {
    let (mut harness, _) = Harness::streaming();
    harness.finish("3-0");
    harness.next(None);
    harness.cut();
    assert!(harness.is_send(), "this backend knows a repeat");
}

#[test]
fn an_answer_that_gave_a_byte_and_no_task_is_looked_for_in_the_session() {
    let (mut harness, _) = Harness::streaming();
    harness.finish("3-0");
    harness.next(None);
    harness.bytes(b":");
    harness.cut();
    assert!(harness.is_look());
}

#[test]
fn repost_never_holds_also_where_the_backend_knows_a_repeat() {
    let mut harness = Harness::new(Config { repost: Repost::Never, ..Config::default() });
    harness.start("hi");
    harness.open(Some("t1"));
    harness.finish("1-0");
    harness.start("next");
    harness.pass(1_000);
    harness.fail();
    harness.pass_until_asked();
    assert!(harness.is_look());
}

#[test]
fn a_backend_without_ids_is_not_taken_for_one_that_knows_a_repeat() {
    let (mut harness, _) = Harness::started(None);
    harness.preamble("t1", ["", ""]);
    harness.finish("");
    harness.start("next");
    harness.pass(1_000);
    harness.fail();
    harness.pass_until_asked();
    assert!(harness.is_look());
}

#[test]
fn a_busy_session_after_a_lost_answer_is_busy_with_our_own_message_where_repeats_are_not_known() {
    let mut harness = Harness::default();
    let call = harness.start("hi");
    harness.fail();
    harness.pass_until_asked();
    harness.answer(200, EMPTY);
    harness.pass_until_asked();
    assert!(harness.is_send());
    harness.busy_with("t1");
    harness.pass(1_000);
    harness.open(None);
    harness.finish("");
    assert_eq!(harness.outcome(call).unwrap().origin, Origin::Own);
}

#[test]
fn a_broadcast_that_lost_a_part_is_dropped_before_it_is_requested_again() {
    let (mut harness, _) = Harness::streaming();
    harness.cut();
    harness.open(Some("t1"));
    harness.event("9-0", r#"{"type":"text-delta","id":"other","delta":"x"}"#);
    assert_eq!(harness.aborted, [harness.last().attempt]);
}

#[test]
fn an_event_beyond_the_limit_fails_for_good_and_lets_the_request_go() {
    let (mut harness, call) = Harness::streaming();
    let read = vec![b'x'; 1 << 20];
    harness.bytes(b"data: ");
    for _ in 0..16 {
        harness.bytes(&read);
    }
    let error = harness.outcome(call).unwrap().error.clone().unwrap();
    assert_eq!((error.code.as_str(), error.recovery), ("EVENT_TOO_LARGE", Recovery::Permanent));
    assert_eq!(harness.aborted.len(), 1);
}

#[test]
fn a_stream_that_was_stopped_in_another_tab_delivers_nothing_more_and_keeps_the_tombstone() {
    let (mut harness, _) = Harness::streaming();
    let (mut other, _) = Harness::streaming();
    other.stop();
    harness.delta("3-0", "two ");
    let key = harness.client.record_key(S);
    let saves = harness.saved.len();
    harness.stored_at(&key, other.saved.last().map(String::as_str));
    assert_eq!(harness.aborted.len(), 1);
    assert!(harness.client.take_batch(S).is_none());
    harness.pass(1_000);
    assert_eq!((harness.saved.len(), harness.removed.len()), (saves, 0), "the record is the other tab's");
    assert!(harness.client.active_task(S).is_none());
    let call = harness.resume();
    harness.answer(200, RUNNING);
    assert_eq!(harness.outcome(call), None, "what was stopped is not joined");
}

#[test]
fn a_204_with_the_type_of_an_event_stream_is_no_stream() {
    let head = Head { status: 204, content_type: "text/event-stream", ..Head::default() };
    assert!(!head.is_event_stream());
    assert!(Head { status: 200, ..head }.is_event_stream());
}

#[test]
fn a_request_that_is_answered_is_not_given_up_again() {
    let (mut harness, _) = Harness::streaming();
    harness.end_of_file();
    harness.detach();
    assert!(harness.aborted.is_empty());
    harness.client.handle(Input::Timeout, harness.now);
    assert!(!matches!(harness.client.poll(), Some(Effect::Open { request: Request::Join { .. }, .. })));
}
