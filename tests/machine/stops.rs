//! Stopping a stream and detaching it (API.md, `stopStream`, `detachStream`, `close`).

use rejoin::client::io::{Config, Head, Input, Network, OutcomeKind, Request, Status};

use crate::harness::{Harness, S, running};

fn is_cancel_of(harness: &Harness, wanted: &str) -> bool {
    matches!(&harness.last().request, Request::Cancel { task } if task == wanted)
}

#[test]
fn a_stop_ends_the_stream_at_once_and_cancels_until_it_is_acknowledged() {
    let (mut harness, call) = Harness::streaming();
    harness.delta("3-0", "never shown");
    let stop = harness.stop();
    assert_eq!((harness.kind(call), harness.status()), (OutcomeKind::Stopped, Status::Stopped));
    assert!(harness.client.take_batch(S).is_none());
    assert!(is_cancel_of(&harness, "t1"));
    harness.answer(503, "");
    assert!(harness.is_pending(stop));
    harness.pass_until_asked();
    harness.fail();
    harness.pass_until_asked();
    assert!(is_cancel_of(&harness, "t1"));
    harness.answer(200, r#"{"task_id":"t1","status":"cancelled"}"#);
    assert_eq!(harness.outcome(stop), None);
    assert_eq!(harness.removed, [harness.client.record_key(S)]);
}

#[test]
fn a_backend_without_cancel_has_done_what_it_can() {
    let (mut harness, _) = Harness::streaming();
    let stop = harness.stop();
    harness.answer(404, r#"{"detail":"Not Found"}"#);
    assert_eq!(harness.outcome(stop), None);
}

#[test]
fn a_stopped_task_is_not_resumed() {
    let (mut harness, _) = Harness::streaming();
    harness.stop();
    let resume = harness.resume();
    assert_eq!(harness.outcome(resume), None);
    assert!(harness.client.active_task(S).is_none());
}

#[test]
fn a_stop_survives_a_reload() {
    let (mut first, _) = Harness::streaming();
    first.stop();
    let saved = first.saved.last().unwrap().clone();
    let mut second = Harness::default();
    second.stored(Some(&saved));
    second.input(Input::Restored);
    assert!(is_cancel_of(&second, "t1"));
    let resume = second.resume();
    assert_eq!(second.outcome(resume), None);
    second.answer(200, "{}");
    assert_eq!(second.removed, [second.client.record_key(S)]);
}

fn is_withdrawal_of(harness: &Harness, wanted: &str) -> bool {
    matches!(&harness.last().request, Request::Withdraw { session, message } if session == S && message == wanted)
}

#[test]
fn a_stop_before_the_start_withdraws_the_message() {
    let mut harness = Harness::default();
    let call = harness.start("hi");
    let message = harness.last().attempt;
    let stop = harness.stop();
    assert_eq!(harness.kind(call), OutcomeKind::Stopped);
    assert!(is_withdrawal_of(&harness, "m1") && harness.aborted.is_empty(), "the answer may name the task");
    harness.answer(200, r#"{"task_id":null}"#);
    assert_eq!((harness.outcome(stop), harness.aborted.as_slice()), (None, [message].as_slice()));
    assert_eq!(harness.removed, [harness.client.record_key(S)]);
}

#[test]
fn a_message_is_withdrawn_until_that_is_acknowledged_also_by_the_next_page() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.stop();
    harness.answer(503, "");
    harness.pass_until_asked();
    assert!(is_withdrawal_of(&harness, "m1"));
    let saved = harness.saved.last().unwrap().clone();
    let mut next = Harness::default();
    next.stored(Some(&saved));
    next.input(Input::Restored);
    assert!(is_withdrawal_of(&next, "m1"));
    next.answer(200, r#"{"task_id":"t1","status":"cancelled"}"#);
    assert_eq!(next.removed, [next.client.record_key(S)]);
}

#[test]
fn a_message_that_was_replaced_meanwhile_is_withdrawn_and_what_runs_in_its_place_goes_on() {
    let mut harness = Harness::default();
    harness.start("hi");
    let stop = harness.stop();
    harness.answer(410, r#"{"detail":{"code":"MESSAGE_REPLACED","message":"replaced"}}"#);
    assert_eq!(harness.outcome(stop), None);
    assert!(is_withdrawal_of(&harness, "m1"), "the session is not asked");
    assert_eq!(harness.removed, [harness.client.record_key(S)]);
}

#[test]
fn a_message_whose_task_is_named_while_it_is_withdrawn_is_cancelled_by_its_task() {
    let mut harness = Harness::default();
    harness.start("hi");
    let message = harness.last().attempt;
    harness.stop();
    let withdrawal = harness.last().attempt;
    let head = Head { status: 200, content_type: "text/event-stream", task: Some("t1"), ..Head::default() };
    harness.input(Input::Opened { attempt: message, head });
    assert_eq!(harness.aborted, [message, withdrawal]);
    harness.pass(1_000);
    assert!(is_cancel_of(&harness, "t1"));
}

#[test]
fn the_withdrawal_of_a_message_goes_on_when_its_own_response_names_no_task() {
    let opened = Head { status: 200, content_type: "text/event-stream", ..Head::default() };
    let failed = Head { status: 500, ..Head::default() };
    for is_stream in [true, false] {
        let mut harness = Harness::default();
        harness.start("hi");
        let message = harness.last().attempt;
        let stop = harness.stop();
        match is_stream {
            true => harness.input(Input::Opened { attempt: message, head: opened }),
            false => harness.input(Input::Answered { attempt: message, head: failed, body: None }),
        }
        harness.pass(1_000);
        assert!(is_withdrawal_of(&harness, "m1") && harness.asked.len() == 2, "the session is not asked");
        harness.answer(200, r#"{"task_id":"t1","status":"cancelled"}"#);
        assert_eq!(harness.outcome(stop), None);
        assert_eq!(harness.removed, [harness.client.record_key(S)]);
    }
}

#[test]
fn a_stop_before_the_start_waits_for_the_answer_to_learn_the_task() {
    let mut harness = Harness::default();
    let call = harness.start("hi");
    harness.stop_on_base();
    assert_eq!(harness.kind(call), OutcomeKind::Stopped);
    assert!(harness.aborted.is_empty(), "aborting would hide the task");
    harness.open(Some("t1"));
    assert_eq!(harness.aborted.len(), 1);
    harness.pass(1_000);
    assert!(is_cancel_of(&harness, "t1"));
}

#[test]
fn a_stop_before_the_start_waits_for_a_slow_answer_and_searches_the_session_if_it_hangs() {
    let mut harness = Harness::default();
    harness.start("hi");
    let stop = harness.stop_on_base();
    harness.pass(44_999);
    assert!(
        harness.is_send() && harness.is_pending(stop) && harness.aborted.is_empty(),
        "the head may yet name the task"
    );
    harness.pass(1);
    assert_eq!(harness.aborted.len(), 1, "nobody waits for it any more");
    harness.pass_until_asked();
    assert!(harness.is_look());
    harness.answer(200, r#"{"active_stream":{"task_id":"t3"}}"#);
    harness.pass_until_asked();
    assert!(is_cancel_of(&harness, "t3"));
    harness.answer(404, r#"{"detail":"Not Found"}"#);
    assert_eq!(harness.outcome(stop), None);
}

#[test]
fn a_stop_before_the_start_finds_the_task_through_the_session_otherwise() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.stop_on_base();
    harness.open(None);
    harness.pass(1_000);
    assert!(harness.is_look());
    harness.answer(200, r#"{"active_stream":{"task_id":"t3"}}"#);
    harness.pass(1_000);
    assert!(is_cancel_of(&harness, "t3"));
}

#[test]
fn a_stop_of_a_send_that_was_refused_has_nothing_to_cancel() {
    let mut harness = Harness::default();
    harness.start("hi");
    let stop = harness.stop_on_base();
    harness.busy_with("someone-elses");
    assert_eq!(harness.outcome(stop), None);
    assert!(harness.is_send(), "another's task is not cancelled");
}

#[test]
fn a_stop_of_a_send_that_failed_looks_more_than_once() {
    let mut harness = Harness::default();
    harness.start("hi");
    let stop = harness.stop_on_base();
    harness.fail();
    for _ in 0..3 {
        harness.pass_until_asked();
        assert!(harness.is_look());
        harness.answer(200, r#"{"active_stream":null}"#);
    }
    assert_eq!(harness.outcome(stop), None);
}

#[test]
fn a_stop_of_a_session_that_streams_elsewhere_cancels_what_runs() {
    let mut harness = Harness::default();
    harness.stop();
    assert!(harness.is_look());
    harness.answer(200, r#"{"active_stream":{"task_id":"t7"}}"#);
    harness.pass(1_000);
    assert!(is_cancel_of(&harness, "t7"));
}

#[test]
fn a_stop_offline_waits_for_the_network() {
    let (mut harness, call) = Harness::streaming();
    harness.network(Network::Offline);
    harness.stop();
    assert_eq!(harness.kind(call), OutcomeKind::Stopped);
    assert_eq!(harness.asked.len(), 1);
    harness.network(Network::Online);
    assert!(is_cancel_of(&harness, "t1"));
}

#[test]
fn a_stop_with_an_expired_token_asks_for_headers_once_more() {
    let (mut harness, _) = Harness::streaming();
    let stop = harness.stop();
    harness.answer(401, "");
    harness.pass(1_000);
    assert_eq!(harness.last().why, rejoin::client::io::Why::Unauthorized);
    harness.answer(401, "");
    assert_eq!(harness.outcome(stop), None);
}

#[test]
fn a_message_after_a_stop_waits_until_the_task_is_cancelled() {
    let (mut harness, _) = Harness::streaming();
    harness.stop();
    let next = harness.start("next");
    assert!(is_cancel_of(&harness, "t1"));
    assert_eq!(harness.status(), Status::Connecting);
    harness.answer(200, "{}");
    assert!(harness.is_send());
    assert!(harness.is_pending(next));
}

#[test]
fn a_stop_after_the_end_changes_nothing_on_the_server() {
    let (mut harness, call) = Harness::streaming();
    harness.event("3-0", r#"{"type":"finish"}"#);
    let stop = harness.stop();
    assert_eq!(harness.outcome(stop), None);
    assert!(harness.client.take_batch(S).is_none());
    assert!(!harness.is_pending(call));
    assert_eq!(harness.asked.len(), 1);
}

#[test]
fn a_stop_in_another_tab_ends_the_stream_here() {
    let (mut harness, call) = Harness::streaming();
    let (mut other, _) = Harness::streaming();
    other.stop();
    harness.stored(other.saved.last().map(String::as_str));
    assert_eq!(harness.kind(call), OutcomeKind::Stopped);
    assert_eq!(harness.asked.len(), 1, "cancelling is the other tab's work");
}

#[test]
fn detaching_saves_the_cursor_and_keeps_the_task() {
    let (mut harness, call) = Harness::streaming();
    harness.detach();
    assert_eq!((harness.kind(call), harness.status()), (OutcomeKind::Superseded, Status::Idle));
    assert!(harness.saved.last().unwrap().contains("\"last\":\"2-0\""));
    assert!(harness.ended.is_empty());
    assert_eq!(harness.aborted.len(), 1);
    assert_eq!(harness.client.active_task(S).unwrap().task, "t1");
}

#[test]
fn detaching_from_a_message_on_its_way_lets_it_arrive_and_saves_its_task() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.detach();
    assert!(harness.aborted.is_empty());
    harness.open(Some("t1"));
    assert_eq!(harness.aborted.len(), 1);
    assert_eq!(harness.client.active_task(S).unwrap().task, "t1");
}

#[test]
fn rows_from_before_a_detach_are_reset_when_they_are_delivered_again() {
    let (mut harness, _) = Harness::streaming();
    harness.detach();
    harness.resume();
    harness.pass(1_000);
    assert_eq!(harness.joined().unwrap().1, "0-0");
    harness.open(Some("t1"));
    harness.preamble("t1", ["1-0", "1-1"]);
    let batch = harness.deliver().unwrap();
    assert_eq!(batch.descriptors().first(), Some(&3), "a reset comes first");
    assert!(batch.text().contains("\"replayed\":true"));
}

#[test]
fn closing_resolves_every_call_and_ends_all_work() {
    let (mut harness, call) = Harness::streaming();
    harness.input(Input::Close);
    assert_eq!(harness.kind(call), OutcomeKind::Superseded);
    assert_eq!(harness.client.deadline(), None);
    let before = harness.asked.len();
    harness.resume();
    harness.input(Input::Close);
    assert_eq!(harness.asked.len(), before);
}

#[test]
fn closing_lets_a_message_on_its_way_arrive() {
    let mut harness = Harness::default();
    let call = harness.start("hi");
    harness.input(Input::Close);
    assert_eq!(harness.kind(call), OutcomeKind::Superseded);
    assert!(harness.aborted.is_empty());
}

#[test]
fn closing_while_a_stop_is_unacknowledged_keeps_the_tombstone() {
    let (mut harness, _) = Harness::streaming();
    let stop = harness.stop();
    harness.input(Input::Close);
    assert_eq!(harness.outcome(stop), None);
    assert!(harness.saved.last().unwrap().contains("stopped"));
    assert!(harness.removed.is_empty());
}

#[test]
fn a_queued_message_is_given_up_by_a_stop() {
    let (mut harness, _) = Harness::streaming();
    harness.stop();
    let next = harness.start("next");
    harness.stop();
    assert_eq!(harness.kind(next), OutcomeKind::Stopped);
    harness.answer_with(Head { status: 200, ..Head::default() }, "{}");
    assert!(!harness.is_send());
}

#[test]
fn a_stop_while_an_answer_that_names_no_task_is_read_looks_for_it() {
    let (mut harness, call) = Harness::started(None);
    harness.stop_on_base();
    assert_eq!(harness.kind(call), OutcomeKind::Stopped);
    assert_eq!(harness.aborted.len(), 1);
    harness.pass(1_000);
    assert!(harness.is_look());
    harness.answer(200, &running("t1"));
    harness.pass_until_asked();
    assert!(is_cancel_of(&harness, "t1"));
}

#[test]
fn a_stop_after_the_end_was_seen_leaves_nothing_to_resume() {
    let (mut harness, _) = Harness::streaming();
    harness.event("3-0", r#"{"type":"finish"}"#);
    harness.stop();
    assert!(harness.client.active_task(S).is_none());
    assert_eq!(harness.removed.len(), 1);
}

#[test]
fn a_stop_that_gives_up_lets_its_request_go_once_and_stays_remembered() {
    let mut harness = Harness::new(Config { max_retries: Some(0), ..Config::default() });
    let stop = harness.stop();
    assert!(harness.is_look());
    harness.pass(60_000);
    assert_eq!(harness.outcome(stop), None);
    assert_eq!(harness.aborted, [harness.last().attempt]);
    assert!(harness.saved.last().unwrap().contains("stopped") && harness.removed.is_empty());
}

#[test]
fn a_stopped_task_is_not_rejoined_while_its_cancelling_is_unacknowledged() {
    let (mut harness, _) = Harness::streaming();
    harness.stop();
    let rejoin = harness.rejoin("t1", None);
    assert_eq!(harness.kind(rejoin), OutcomeKind::Stopped);
    assert!(harness.joined().is_none());
}

#[test]
fn another_task_that_is_joined_while_a_stop_is_unacknowledged_can_be_stopped_too() {
    let (mut harness, _) = Harness::streaming();
    let first = harness.stop();
    let rejoin = harness.rejoin("t2", None);
    assert_eq!(harness.joined().unwrap().0, "t2");
    harness.aborted.clear();
    let second = harness.stop();
    assert_eq!(harness.aborted.len(), 2, "the stream, and the cancelling of what ended before it");
    assert_eq!(harness.kind(rejoin), OutcomeKind::Stopped);
    harness.pass(1_000);
    assert!(is_cancel_of(&harness, "t2"));
    harness.answer(200, "{}");
    assert_eq!((harness.outcome(first), harness.outcome(second)), (None, None));
}

#[test]
fn a_message_that_waits_for_a_stop_shows_that_it_connects_and_not_the_last_error() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.answer(400, "");
    assert_eq!(harness.status(), Status::Error);
    harness.stop();
    harness.changes = 0;
    harness.start("again");
    assert_eq!((harness.status(), harness.client.snapshot(S).error), (Status::Connecting, None));
    assert_eq!(harness.changes, 1);
}

#[test]
fn a_stop_is_not_forgotten_because_a_proxy_does_not_find_the_session() {
    for (body, is_done) in [("", false), (r#"{"detail":"Not Found"}"#, true)] {
        let mut harness = Harness::default();
        let stop = harness.stop();
        assert!(harness.is_look());
        harness.answer(404, body);
        assert!(!harness.is_pending(stop));
        assert_eq!(!harness.removed.is_empty(), is_done, "{body}");
    }
}
