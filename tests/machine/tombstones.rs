//! Stops that the server never acknowledged, because it cannot cancel or refused to. A stopped answer is not delivered again,
//! whatever happens in the session (API.md, `stopStream`).

use rejoin::client::io::{Head, Input, Origin, OutcomeKind, Recovery, Request, Why};

use crate::codec;
use crate::harness::{Harness, S, running};

const CANNOT: &str = r#"{"detail":"Not Found"}"#;

/// Returns a session whose task `t1` was stopped on a backend without cancel.
fn stopped() -> Harness {
    let (mut harness, _) = Harness::streaming();
    harness.stop();
    harness.answer(404, CANNOT);
    harness
}

/// Returns the page after a reload.
fn reloaded(harness: &Harness) -> Harness {
    let mut next = Harness::default();
    next.stored(harness.saved.last().map(String::as_str));
    next
}

fn answer_next_message(harness: &mut Harness) {
    let call = harness.next(Some("t2"));
    harness.finish("9-0");
    assert_eq!(harness.kind(call), OutcomeKind::Finished);
}

#[test]
fn the_stop_of_a_task_outlives_the_next_message_of_its_session() {
    let mut harness = stopped();
    answer_next_message(&mut harness);
    for mut harness in [reloaded(&harness), harness] {
        assert!(harness.client.active_task(S).is_none());
        let rejoin = harness.rejoin("t1", None);
        assert_eq!(harness.kind(rejoin), OutcomeKind::Stopped);
        let resume = harness.resume();
        harness.pass(1_000);
        harness.answer(200, &running("t1"));
        assert_eq!(harness.outcome(resume), None);
    }
}

#[test]
fn a_session_that_is_busy_with_what_was_stopped_gets_the_message_when_it_is_free() {
    let mut harness = stopped();
    let call = harness.start("next");
    harness.pass(1_000);
    harness.busy_with("t1");
    harness.pass_until_asked();
    assert!(harness.is_send(), "what was stopped is not joined");
    harness.answer(409, "");
    harness.pass_until_asked();
    assert!(harness.is_look());
    harness.answer(200, &running("t1"));
    harness.pass_until_asked();
    assert!(harness.is_send());
    harness.open(Some("t2"));
    harness.finish("9-0");
    let outcome = harness.outcome(call).unwrap();
    assert_eq!((outcome.kind, outcome.origin), (OutcomeKind::Finished, Origin::Own));
}

#[test]
fn a_session_that_stays_busy_with_what_was_stopped_refuses_the_message_for_now() {
    let mut harness = stopped();
    let call = harness.start("next");
    for tries in 1..=4 {
        assert!(harness.is_send() && harness.is_pending(call), "{tries}");
        harness.busy_with("t1");
        harness.pass(5_000);
    }
    let error = harness.outcome(call).unwrap().error.clone().unwrap();
    assert_eq!((error.code.as_str(), error.status, error.recovery), ("TASK_RUNNING", Some(409), Recovery::Retryable));
}

#[test]
fn a_stop_of_a_message_that_did_not_get_through_leaves_the_stop_before_it_remembered() {
    let mut harness = stopped();
    harness.start("next");
    harness.pass(1_000);
    harness.busy_with("t1");
    harness.stop();
    let rejoin = harness.rejoin("t1", None);
    assert_eq!((harness.kind(rejoin), harness.removed.len()), (OutcomeKind::Stopped, 0));
}

#[test]
fn a_message_whose_answer_was_lost_is_not_taken_for_the_task_that_was_stopped() {
    let mut harness = stopped();
    harness.next(None);
    harness.bytes(b":");
    harness.cut();
    harness.answer(200, &running("t1"));
    harness.pass(60_000);
    assert!(harness.joined().is_none());
}

#[test]
fn a_lost_task_does_not_give_way_to_one_that_was_stopped() {
    let mut harness = stopped();
    let call = harness.rejoin("t2", None);
    harness.pass(1_000);
    harness.answer(404, "");
    harness.pass(1_000);
    harness.answer(200, &running("t1"));
    assert_eq!(harness.kind(call), OutcomeKind::Expired);
}

#[test]
fn a_stop_that_is_acknowledged_late_is_forgotten_though_another_task_was_joined_meanwhile() {
    let (mut harness, _) = Harness::streaming();
    harness.stop();
    let cancel = harness.last().attempt;
    harness.rejoin("t2", None);
    let forbids = |harness: &Harness| {
        codec::stored(&harness.client, &harness.client.record_key(S), harness.saved.last().map(String::as_str))
            .record_of(S)
            .unwrap()
            .forbids("t1")
    };
    assert!(forbids(&harness));
    harness.input(Input::Answered {
        attempt: cancel,
        head: Head { status: 200, ..Head::default() },
        body: codec::body("{}").as_ref(),
    });
    assert!(!forbids(&harness));
    assert_eq!(harness.client.active_task(S).unwrap().task, "t2");
}

#[test]
fn a_message_that_was_stopped_and_withdrawn_leaves_the_stop_of_the_task_before_it_remembered() {
    let mut harness = stopped();
    harness.start("next");
    harness.pass(1_000);
    let stop = harness.stop();
    assert!(harness.is_pending(stop));
    harness.answer(200, r#"{"task_id":null}"#);
    assert_eq!((harness.outcome(stop), harness.removed.len()), (None, 0));
    for mut harness in [reloaded(&harness), harness] {
        let rejoin = harness.rejoin("t1", None);
        assert_eq!(harness.kind(rejoin), OutcomeKind::Stopped);
    }
}

#[test]
fn a_stop_that_is_acknowledged_late_leaves_the_stops_of_other_tasks_remembered() {
    let mut harness = stopped();
    harness.rejoin("t2", None);
    harness.pass(1_000);
    harness.stop();
    harness.pass(1_000);
    let cancel = harness.last().clone();
    assert_eq!(cancel.request, Request::Cancel { task: "t2".into() });
    harness.rejoin("t3", None);
    harness.input(Input::Answered {
        attempt: cancel.attempt,
        head: Head { status: 200, ..Head::default() },
        body: codec::body("{}").as_ref(),
    });
    for mut harness in [reloaded(&harness), harness] {
        assert_eq!(harness.client.active_task(S).unwrap().task, "t3");
        let rejoin = harness.rejoin("t1", None);
        assert_eq!(harness.kind(rejoin), OutcomeKind::Stopped);
        harness.rejoin("t2", None);
        harness.pass(1_000);
        assert_eq!(harness.joined().unwrap().0, "t2", "its stop was acknowledged");
    }
}

#[test]
fn a_task_that_the_app_sets_by_hand_is_wanted_again() {
    let mut harness = stopped();
    answer_next_message(&mut harness);
    let active = rejoin::client::ActiveTask { task: "t1".into(), session: S.into(), ..Default::default() };
    harness.client.set_active_task(active, harness.now);
    harness.drain();
    harness.resume();
    harness.pass(1_000);
    assert_eq!(harness.joined().unwrap().0, "t1");
}

#[test]
fn a_record_that_the_app_clears_is_removed_with_its_stops() {
    let mut harness = stopped();
    answer_next_message(&mut harness);
    let removed = harness.removed.len();
    harness.client.clear_active_task(S);
    harness.drain();
    assert_eq!(harness.removed.len(), removed + 1);
    harness.rejoin("t1", None);
    harness.pass(1_000);
    assert_eq!(harness.joined().unwrap().0, "t1");
}

#[test]
fn a_stop_that_is_refused_resolves_and_stays_remembered() {
    for status in [401, 403, 400, 405, 501] {
        let (mut harness, _) = Harness::streaming();
        let stop = harness.stop();
        harness.answer(status, "");
        if status == 401 {
            harness.pass(1_000);
            assert_eq!(harness.last().why, Why::Unauthorized);
            harness.answer(status, "");
        }
        assert_eq!((harness.outcome(stop), harness.removed.len()), (None, 0), "{status}");
        let rejoin = harness.rejoin("t1", None);
        assert_eq!(harness.kind(rejoin), OutcomeKind::Stopped);
    }
}

#[test]
fn a_stop_that_was_allowed_to_look_may_ask_for_headers_again() {
    let mut harness = Harness::default();
    harness.start("hi");
    let stop = harness.stop_on_base();
    harness.fail();
    harness.pass_until_asked();
    harness.answer(401, "");
    harness.pass_until_asked();
    harness.answer(200, &running("t1"));
    harness.pass_until_asked();
    harness.answer(401, "");
    harness.pass_until_asked();
    assert_eq!((harness.last().why, harness.is_pending(stop)), (Why::Unauthorized, true));
}

#[test]
fn a_stop_of_a_session_without_a_stream_reads_it_once() {
    let mut harness = Harness::default();
    let stop = harness.stop();
    harness.answer(200, r#"{"messages":[],"active_stream":null}"#);
    assert_eq!((harness.outcome(stop), harness.asked.len()), (None, 1));
}

#[test]
fn a_stop_that_found_no_task_means_what_keeps_the_session_busy_for_the_next_message() {
    let mut harness = Harness::default();
    harness.stop();
    harness.answer(403, "");
    harness.start("hi");
    harness.pass(1_000);
    harness.busy_with("t1");
    harness.pass_until_asked();
    assert!(harness.is_send());
}

#[test]
fn a_stop_that_found_no_task_means_nothing_that_a_later_message_starts() {
    let mut harness = Harness::default();
    harness.stop();
    harness.answer(403, "");
    let call = harness.start("hi");
    harness.pass(1_000);
    harness.open(None);
    harness.bytes(b":");
    harness.cut();
    harness.answer(200, &running("t1"));
    harness.pass(1_000);
    assert_eq!((harness.joined().unwrap().0.as_str(), harness.is_pending(call)), ("t1", true));
}

/// Returns a session whose first message was stopped before its task was known, on a backend that runs two tasks at once and does
/// not name them.
fn stopped_unknown() -> Harness {
    let (mut harness, _) = Harness::started(None);
    harness.delta("", "one ");
    harness.deliver();
    harness.stop_on_base();
    harness.pass_until_asked();
    harness.answer(403, "");
    harness
}

#[test]
fn a_task_beside_that_of_the_next_message_is_the_one_that_was_stopped_before_it_was_known() {
    let mut harness = stopped_unknown();
    harness.next(None);
    harness.preamble("t2", ["", ""]);
    harness.deliver();
    harness.pass(300);
    let mut harness = reloaded(&harness);
    let call = harness.resume();
    assert_eq!(harness.joined().unwrap().0, "t2");
    harness.answer(404, "");
    harness.pass_until_asked();
    harness.answer(200, &running("t1"));
    assert_eq!(harness.kind(call), OutcomeKind::Expired);
}

#[test]
fn after_the_end_of_the_next_message_nothing_that_runs_is_taken_for_what_was_stopped_before_it_was_known() {
    let mut harness = stopped_unknown();
    harness.next(None);
    harness.preamble("t2", ["", ""]);
    harness.finish("");
    harness.resume();
    harness.pass(1_000);
    harness.answer(200, &running("t3"));
    harness.pass_until_asked();
    assert_eq!(harness.joined().unwrap().0, "t3");
}

#[test]
fn a_task_that_is_found_to_be_of_the_turn_that_was_stopped_is_not_joined_for_the_next_message() {
    let mut harness = stopped_unknown();
    harness.start("next");
    harness.pass(1_000);
    harness.fail();
    harness.pass_until_asked();
    let session = r#"{"messages":[{"role":"user","content":"hi"}],"active_stream":{"task_id":"t1"}}"#;
    harness.answer(200, session);
    harness.pass_until_asked();
    harness.busy_with("t1");
    harness.pass_until_asked();
    assert!(harness.is_send(), "what was stopped is not joined");
}

/// A session whose first message was stopped before anything of its answer came, on a backend that would not say which task
/// it is, and whose next message may or may not have arrived.
fn lost_after_an_unknown_stop(messages: &str) -> (Harness, u32) {
    let (mut harness, _) = Harness::started(None);
    harness.stop_on_base();
    harness.pass_until_asked();
    harness.answer(403, "");
    let call = harness.start("next");
    harness.pass(1_000);
    harness.answer(503, "");
    harness.pass_until_asked();
    harness.answer(200, &format!(r#"{{"messages":[{messages}],"active_stream":{{"task_id":"t1"}}}}"#));
    (harness, call)
}

#[test]
fn what_runs_while_the_next_message_has_not_arrived_is_what_was_stopped_before_it_was_known() {
    let (harness, call) = lost_after_an_unknown_stop(r#"{"role":"user","content":"hi"}"#);
    let mut next_page = reloaded(&harness);
    let resume = next_page.resume();
    next_page.answer(200, &running("t1"));
    assert_eq!(next_page.outcome(resume), None);
    let mut harness = harness;
    harness.pass_until_asked();
    harness.busy_with("t1");
    harness.pass_until_asked();
    assert!(harness.is_send() && harness.is_pending(call), "what was stopped is not joined");
}

#[test]
fn what_runs_when_the_next_message_has_arrived_is_its_answer_and_not_what_was_stopped_before_it_was_known() {
    let (mut harness, _) = lost_after_an_unknown_stop(r#"{"role":"user","content":"next"}"#);
    harness.pass_until_asked();
    assert_eq!(harness.joined().unwrap().0, "t1");
}

#[test]
fn a_repeat_that_is_refused_shows_what_was_stopped_before_it_was_known() {
    let (mut harness, _) = Harness::started(None);
    harness.preamble("t0", ["1-0", "1-1"]);
    harness.finish("1-2");
    harness.next(None);
    harness.stop();
    harness.answer(403, "");
    harness.pass_until_asked();
    harness.answer(403, "");
    let call = harness.start("next");
    harness.pass(1_000);
    assert!(harness.is_send());
    harness.answer(503, "");
    harness.pass_until_asked();
    assert!(harness.is_send(), "this backend recognises a repeat");
    harness.busy_with("t1");
    harness.pass_until_asked();
    assert!(harness.is_send() && harness.is_pending(call), "what was stopped is not joined");
}

#[test]
fn the_stop_of_a_task_outlives_the_end_of_another_one_whose_name_never_came() {
    let mut harness = stopped();
    harness.next(None);
    harness.event("1-0", r#"{"type":"text-start","id":"b"}"#);
    assert_eq!(harness.client.active_task(S), None, "its task is not known");
    harness.finish("1-1");
    assert!(harness.removed.is_empty());
    let rejoin = harness.rejoin("t1", None);
    assert_eq!(harness.kind(rejoin), OutcomeKind::Stopped);
}
