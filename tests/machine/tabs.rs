//! One tab among others: their messages, their stops, and browsers that allow no sharing.

use rejoin::client::io::{Config, Effect, Input, LockMode, OutcomeKind, Page, Status};

use crate::harness::{Harness, S, session};

/// Returns a tab with the name "a" that shares its streams.
fn tab() -> Harness {
    Harness::new(Config { tab: Some("a".into()), ..Config::default() })
}

/// Returns the tab "a" as the owner of a task's stream, and its announcement.
fn owner() -> (Harness, String) {
    let mut owner = tab();
    owner.start("hi");
    owner.input(Input::Locked { session: S });
    owner.open(Some("t1"));
    let announced = owner.posted.last().unwrap().clone();
    (owner, announced)
}

/// Returns another tab, which has got the announcement and the answer to its question.
fn late_follower(owner: &mut Harness, announced: &str) -> Harness {
    let mut other = Harness::new(Config { tab: Some("b".into()), ..Config::default() });
    other.input(Input::Watch { session: S });
    other.receive(announced);
    owner.posted.clear();
    for message in &other.posted {
        owner.receive(message);
    }
    for message in &owner.posted {
        other.receive(message);
    }
    other.deliver();
    other
}

/// Returns the record of a stop that another tab wrote at this tab's time.
fn stop_of(task: &str) -> String {
    let mut other = Harness::default();
    other.rejoin(task, None);
    other.stop();
    other.saved.last().unwrap().clone()
}

#[test]
fn a_stop_that_its_tab_does_not_bring_to_the_server_in_time_is_brought_by_another_one() {
    let mut harness = Harness::default();
    harness.stored(Some(&stop_of("t1")));
    harness.pass(4_999);
    assert_eq!(harness.cancels(), 0, "the tab that stopped has its time");
    harness.pass(2_501);
    assert_eq!(harness.cancels(), 1);
    harness.answer(200, "{}");
    assert_eq!(harness.removed, [harness.client.record_key(S)]);
    harness.pass(100_000);
    assert_eq!(harness.cancels(), 1);
}

#[test]
fn a_stop_that_is_acknowledged_in_time_is_nobody_elses_work() {
    let mut harness = Harness::default();
    harness.stored(Some(&stop_of("t1")));
    harness.pass(1_000);
    harness.stored(None);
    harness.pass(100_000);
    assert_eq!(harness.asked.len(), 0);
}

#[test]
fn reading_the_record_of_a_stop_again_does_not_put_it_off() {
    let mut harness = Harness::default();
    let record = stop_of("t1");
    for _ in 0..80 {
        harness.stored(Some(&record));
        harness.pass(100);
    }
    assert_eq!(harness.cancels(), 1);
}

#[test]
fn a_stop_that_a_backend_cannot_carry_out_is_tried_once_by_each_tab() {
    let mut harness = Harness::default();
    let record = stop_of("t1");
    harness.stored(Some(&record));
    harness.pass(7_500);
    harness.answer(404, r#"{"detail":"Not Found"}"#);
    harness.stored(Some(&record));
    harness.pass(100_000);
    assert_eq!(harness.cancels(), 1);
}

#[test]
fn a_message_waits_for_the_stop_that_another_tab_has_not_brought_to_the_server() {
    let mut harness = Harness::default();
    harness.stored(Some(&stop_of("t1")));
    let call = harness.start("next");
    assert_eq!(harness.cancels(), 1);
    harness.answer(200, "{}");
    assert!(harness.is_send() && harness.is_pending(call));
}

#[test]
fn a_message_waits_for_the_look_at_what_there_is_to_resume() {
    let mut harness = Harness::default();
    let resume = harness.resume();
    let call = harness.start("hi");
    assert!(harness.is_look() && harness.is_pending(call));
    assert_eq!(harness.status(), Status::Connecting);
    harness.answer(200, r#"{"id":"s","messages":[],"active_stream":null}"#);
    assert_eq!(harness.outcome(resume), None);
    assert!(harness.is_send() && harness.is_pending(call));
}

#[test]
fn a_message_is_refused_when_the_look_finds_a_stream() {
    let mut harness = Harness::default();
    harness.resume();
    let call = harness.start("hi");
    harness.answer(200, r#"{"id":"s","messages":[],"active_stream":{"task_id":"t1","last_message_id":"0-0"}}"#);
    harness.open(Some("t1"));
    assert_eq!((harness.kind(call), harness.code(call).as_str()), (OutcomeKind::Failed, "TASK_RUNNING"));
}

#[test]
fn a_message_is_refused_when_the_look_is_not_answered_at_once() {
    let mut harness = Harness::default();
    harness.resume();
    let call = harness.start("hi");
    harness.fail();
    assert_eq!(harness.code(call), "TASK_RUNNING");
}

#[test]
fn a_browser_that_refuses_locks_makes_each_tab_go_alone_at_once() {
    let mut harness = tab();
    harness.start("hi");
    assert!(harness.asked.is_empty(), "the lock is waited for");
    harness.input(Input::Alone);
    assert!(harness.is_send());
    let posted = harness.posted.len();
    harness.open(Some("t1"));
    harness.delta("2-0", "one");
    assert_eq!((harness.posted.len(), harness.locks.len()), (posted, 1));
}

#[test]
fn a_follower_that_is_left_alone_has_its_own_connection() {
    let mut harness = follower();
    harness.input(Input::Alone);
    assert_eq!(harness.joined(), Some(("t1".into(), "0-0".into())));
}

#[test]
fn an_owner_that_is_left_alone_goes_on() {
    let mut harness = tab();
    harness.start("hi");
    harness.input(Input::Locked { session: S });
    harness.open(Some("t1"));
    harness.input(Input::Alone);
    harness.delta("2-0", "one");
    assert_eq!((harness.status(), harness.asked.len()), (Status::Streaming, 1));
}

#[test]
fn a_page_that_returns_asks_for_broadcasts_that_began_meanwhile() {
    let mut harness = tab();
    harness.input(Input::Watch { session: S });
    harness.page(Page::Left);
    harness.posted.clear();
    harness.page(Page::Returned);
    assert!(harness.posted.iter().any(|message| message.contains(r#""kind":"recall""#)), "{:?}", harness.posted);
    receive_state(&mut harness);
    assert_eq!(harness.status(), Status::Streaming);
}

#[test]
fn a_follower_takes_over_as_soon_as_the_lock_is_free() {
    let mut harness = follower();
    harness.input(Input::Locked { session: S });
    assert_eq!(harness.joined(), Some(("t1".into(), "0-0".into())));
    assert_eq!(harness.last().at, harness.now);
}

#[test]
fn a_follower_of_a_silent_owner_asks_and_then_takes_the_lock_away() {
    let mut harness = follower();
    harness.pass(3_000 + 1_000 - 1);
    assert!(harness.asked.is_empty());
    harness.pass(1_001);
    assert_eq!(harness.joined(), Some(("t1".into(), "0-0".into())));
    assert!(matches!(harness.locks.last(), Some(Effect::Lock { mode: LockMode::Steal, .. })), "{:?}", harness.locks);
}

#[test]
fn a_heartbeat_that_the_server_announces_late_reaches_the_followers() {
    let (mut owner, announced) = owner();
    let mut other = late_follower(&mut owner, &announced);
    owner.posted.clear();
    owner.bytes(b": heartbeat 1000\n");
    for message in &owner.posted {
        other.receive(message);
    }
    other.pass(3_000 + 1_000 + 2_000);
    assert_eq!(other.joined(), Some(("t1".into(), "0-0".into())), "three heartbeats of silence are too many");
}

#[test]
fn a_tab_that_wakes_up_asks_once_for_what_it_slept_through() {
    let mut harness = tab();
    harness.input(Input::Watch { session: S });
    harness.posted.clear();
    for number in 7..500 {
        harness.receive(&frames("b", "b-1", number));
    }
    assert_eq!(harness.posted.len(), 1);
    receive_state(&mut harness);
    harness.posted.clear();
    for number in 7..500 {
        harness.receive(&frames("b", "b-1", number));
    }
    assert_eq!(harness.posted.len(), 1, "a gap");
    harness.pass(250);
    harness.receive(&frames("b", "b-1", 500));
    assert_eq!(harness.posted.len(), 2, "the answer was lost");
}

#[test]
fn frames_of_a_takeover_that_could_not_answer_yet_are_asked_for_at_once() {
    let mut harness = follower();
    let owner = r#"{"v":2,"from":"n","session":"s","epoch":9007199254740991,"kind":"owner","stream":"n-1","place":{"last":"9-0","unnumbered":0,"hash":"0"}}"#;
    harness.receive(owner);
    // An owner that took over and knows no task yet cannot answer the recall.
    harness.posted.clear();
    harness.pass(60);
    harness.receive(&frames("n", "n-1", 0));
    assert_eq!(harness.posted.len(), 1, "{:?}", harness.posted);
}

#[test]
fn a_late_answer_of_a_tab_that_slept_attracts_no_follower() {
    let mut harness = follower();
    harness.receive(&state("old", "old-1", "t0").replace(r#""asked":9007199254740991"#, r#""asked":7"#));
    assert_eq!(harness.client.snapshot(S).task.as_deref(), Some("t1"));
}

#[test]
fn a_follower_follows_another_tab_that_begins_a_broadcast() {
    let mut harness = follower();
    let owner = r#"{"v":2,"from":"new","session":"s","epoch":9007199254740991,"kind":"owner","stream":"new-1","task":"t2",
        "place":{"last":"0-0","unnumbered":0,"hash":"0"}}"#;
    harness.receive(owner);
    harness.receive(&state("new", "new-1", "t2"));
    assert_eq!(harness.client.snapshot(S).task.as_deref(), Some("t2"));
}

#[test]
fn a_follower_that_doubts_its_owner_goes_along_with_whoever_answers() {
    let mut harness = follower();
    harness.pass(3_000);
    harness.receive(&state("new", "new-1", "t1"));
    harness.pass(2_500);
    assert!(harness.asked.is_empty(), "the new owner is followed");
}

/// Leaves and returns, follows another tab that names no task, and takes over when that one is gone.
fn follow_an_unnamed_stream_to_its_end(harness: &mut Harness) {
    harness.page(Page::Left);
    harness.page(Page::Returned);
    let other = state("b", "b-1", "t2").replace(r#""task":"t2""#, r#""task":null"#);
    harness.receive(&other);
    harness.input(Input::Locked { session: S });
    harness.pass_until_asked();
    assert!(harness.is_look(), "{:?}", harness.last());
}

#[test]
fn a_message_that_was_lost_before_another_tabs_stream_was_followed_is_sent_after_it() {
    let (mut harness, call) = sender_without_answer();
    follow_an_unnamed_stream_to_its_end(&mut harness);
    harness.answer(200, r#"{"id":"s","messages":[],"active_stream":null}"#);
    harness.pass_until_asked();
    assert!(harness.is_send() && harness.is_pending(call));
}

#[test]
fn a_message_that_is_sent_after_another_tabs_stream_has_ended_gives_its_own_answer() {
    let (mut harness, call) = sender_without_answer();
    harness.page(Page::Left);
    harness.page(Page::Returned);
    harness.receive(&state("b", "b-1", "t2"));
    let finish = r#""frames":{"text":"{\"type\":\"finish\"}","ends":[17],"ids":"\n"}"#;
    harness.receive(&frames("b", "b-1", 0).replace(r#""frames":{}"#, finish));
    assert!(harness.is_pending(call), "that was another answer");
    harness.input(Input::Locked { session: S });
    harness.pass_until_asked();
    harness.answer(200, r#"{"messages":[],"active_stream":null}"#);
    harness.pass_until_asked();
    assert!(harness.is_send());
    harness.open(Some("t1"));
    harness.preamble("t1", ["1-0", "1-1"]);
    harness.finish("2-0");
    let outcome = harness.outcome(call).unwrap();
    assert_eq!((outcome.kind, outcome.task.as_deref()), (OutcomeKind::Finished, Some("t1")));
}

#[test]
fn a_partly_delivered_answer_is_not_searched_after_another_tabs_stream_that_replaced_it_ends() {
    let (mut harness, _) = owner();
    harness.preamble("t1", ["1-0", "1-1"]);
    harness.delta("2-0", "hel");
    harness.deliver();
    let before = harness.text.clone();
    follow_an_unnamed_stream_to_its_end(&mut harness);
    let messages = r#"{"role":"user","id":"m1","content":"hi"},{"role":"assistant","content":"hello"}"#;
    harness.answer(200, &session(messages));
    harness.deliver();
    assert_eq!(harness.text, before);
}

#[test]
fn an_answer_from_the_history_that_names_its_task_is_not_requested_when_another_tab_streams_it() {
    let (mut harness, call) = sender_without_answer();
    harness.pass_until_asked();
    let messages = r#"{"role":"user","id":"m1","content":"hi"},{"role":"assistant","task_id":"t1","content":"hello"}"#;
    harness.answer(200, &session(messages));
    harness.answer_status(None);
    harness.deliver();
    assert_eq!(harness.outcome(call).unwrap().task.as_deref(), Some("t1"));
    harness.posted.clear();
    let owner = r#"{"v":2,"from":"b","session":"s","epoch":9007199254740991,"kind":"owner","stream":"b-1","task":"t1",
        "place":{"last":"0-0","unnumbered":0,"hash":"0"}}"#;
    harness.receive(owner);
    assert!(harness.posted.is_empty(), "{:?}", harness.posted);
}

#[test]
fn an_end_that_comes_late_leaves_the_record_of_the_task_that_another_tab_began_meanwhile() {
    let mut other = Harness::default();
    other.pass(60_000);
    other.rejoin("t2", None);
    let (mut harness, call) = Harness::streaming();
    harness.stored(other.saved.last().map(String::as_str));
    harness.finish("3-0");
    assert_eq!(harness.kind(call), OutcomeKind::Finished);
    assert!(harness.removed.is_empty(), "{:?}", harness.removed);
    assert_eq!(harness.client.active_task(S).unwrap().task, "t2");
}

/// Returns a message of the tab "old", whose epoch was over long ago.
fn stale(message: &str) -> String {
    message.replace(r#""epoch":9007199254740991"#, r#""epoch":5"#)
}

#[test]
fn a_follower_does_not_listen_to_an_owner_whose_epoch_is_over() {
    let mut harness = follower();
    harness.posted.clear();
    harness.receive(&stale(&frames("old", "old-1", 0)));
    harness.receive(&stale(&state("old", "old-1", "t0")));
    assert_eq!(harness.client.snapshot(S).task.as_deref(), Some("t1"));
    assert!(harness.posted.is_empty(), "{:?}", harness.posted);
}

#[test]
fn an_answer_to_an_old_question_does_not_take_the_place_of_what_an_idle_tab_shows() {
    let (mut harness, _) = owner();
    harness.preamble("t1", ["1-0", "1-1"]);
    harness.finish("2-0");
    harness.receive(&state("old", "old-1", "t0").replace(r#""asked":9007199254740991"#, r#""asked":7"#));
    assert_eq!((harness.status(), harness.client.snapshot(S).task.as_deref()), (Status::Completed, Some("t1")));
    let call = harness.start("next");
    harness.receive(&state("old", "old-1", "t0").replace(r#""asked":9007199254740991"#, r#""asked":7"#));
    assert!(harness.is_pending(call), "nor does it refuse a message");
}

#[test]
fn an_owner_that_learns_of_a_newer_one_gives_its_stream_up_and_follows() {
    let (mut harness, _) = owner();
    harness.preamble("t1", ["1-0", "1-1"]);
    harness.receive(&frames("new", "new-1", 3));
    assert_eq!(harness.aborted.len(), 1);
    assert!(matches!(harness.locks.last(), Some(Effect::Lock { mode: LockMode::Wait, .. })), "{:?}", harness.locks);
    harness.receive(&state("new", "new-1", "t1"));
    assert_eq!(harness.status(), Status::Streaming);
}

#[test]
fn a_message_that_is_answered_after_its_tab_lost_its_lock_is_handed_over_and_gives_no_rows() {
    let mut harness = tab();
    let call = harness.start("hi");
    harness.input(Input::Locked { session: S });
    harness.input(Input::LockLost { session: S });
    assert!(harness.aborted.is_empty(), "the message is not given up");
    harness.posted.clear();
    harness.open(Some("t1"));
    assert_eq!(harness.aborted, [harness.last().attempt]);
    let ask = harness.posted.last().unwrap();
    assert!(ask.contains(r#""task":"t1""#) && ask.contains(r#""message":"m1""#), "{ask}");
    assert!(harness.client.take_batch(S).is_none());
    harness.receive(&state("new", "new-1", "t1"));
    assert!(harness.is_pending(call) && harness.status() == Status::Streaming);
}

#[test]
fn a_look_that_is_answered_after_its_tab_lost_its_lock_is_asked_again_when_it_owns_the_session() {
    let mut harness = tab();
    harness.resume();
    harness.input(Input::Locked { session: S });
    harness.input(Input::LockLost { session: S });
    assert_eq!(harness.aborted.len(), 1);
    harness.input(Input::Locked { session: S });
    harness.pass(1_000);
    assert!(harness.is_look() && harness.asked.len() == 2);
}

#[test]
fn an_answer_that_ends_before_another_tab_has_asked_is_still_sent_to_it() {
    let (mut owner, announced) = owner();
    owner.preamble("t1", ["1-0", "1-1"]);
    owner.delta("2-0", "at once");
    owner.finish("3-0");
    assert_eq!(owner.status(), Status::Completed);

    let other = late_follower(&mut owner, &announced);
    assert_eq!((other.text.as_str(), other.status()), (owner.text.as_str(), Status::Completed));
    assert!(other.text.contains("at once"));
    assert!(other.asked.is_empty(), "without a request");
}

#[test]
fn the_end_of_an_answer_is_sent_to_a_tab_that_asks_late() {
    let (mut owner, announced) = owner();
    owner.delta("2-0", "begun");
    owner.deliver();
    owner.stop();

    let other = late_follower(&mut owner, &announced);
    assert_eq!((other.text.as_str(), other.status()), (owner.text.as_str(), Status::Stopped));
    assert!(other.text.contains("begun"));
}

#[test]
fn an_answer_that_is_over_is_kept_for_others_for_two_seconds() {
    let (mut owner, _) = owner();
    owner.finish("3-0");
    owner.pass(2_000);
    assert_eq!(owner.client.deadline(), None);
    owner.posted.clear();
    owner.receive(r#"{"v":2,"from":"b","session":"s","kind":"recall","stream":"a-1"}"#);
    assert!(owner.posted.is_empty(), "{:?}", owner.posted);
}

#[test]
fn a_tab_that_merely_asks_does_not_get_a_broadcast_that_has_ended() {
    let (mut owner, _) = owner();
    owner.finish("3-0");
    owner.posted.clear();
    owner.receive(r#"{"v":2,"from":"b","session":"s","kind":"ask"}"#);
    owner.receive(r#"{"v":2,"from":"b","session":"s","kind":"recall","stream":""}"#);
    assert!(owner.posted.is_empty(), "{:?}", owner.posted);
}

/// Returns a tab that follows tab "b", which it doubts after three seconds of silence.
fn follower() -> Harness {
    let mut harness = tab();
    harness.resume();
    receive_state(&mut harness);
    harness
}

#[test]
fn another_tabs_question_that_names_the_message_loses_no_half_of_an_event() {
    let event = b"data: {\"type\":\"text-delta\",\"id\":\"b\",\"delta\":\"one \"}\n\n";
    for at in 0..event.len() {
        let mut owner = tab();
        owner.rejoin("t1", None);
        owner.input(Input::Locked { session: S });
        owner.open(Some("t1"));
        owner.bytes(&event[..at]);
        owner.receive(
            r#"{"v":2,"from":"b","session":"s","epoch":0,"kind":"ask","number":0,"asked":0,"task":"t1","message":"m1"}"#,
        );
        owner.bytes(&event[at..]);
        owner.delta("", "two");
        owner.deliver();
        assert!(owner.text.contains("one ") && owner.text.contains("two"), "cut at {at}: {}", owner.text);
        assert!(owner.text.contains("t1"), "its start is made by the client: {}", owner.text);
    }
}

fn receive_state(harness: &mut Harness) {
    harness.receive(&state("b", "b-1", "t1"));
    assert!(harness.asked.is_empty());
}

/// Returns the answer of an owner to tab "a", without any frames yet.
fn state(from: &str, stream: &str, task: &str) -> String {
    format!(
        r#"{{"v":2,"from":"{from}","session":"s","epoch":9007199254740991,"kind":"state","to":"a","asked":9007199254740991,"stream":"{stream}","number":0,"task":"{task}",
        "frames":{{}},"place":{{"last":"0-0","unnumbered":0,"hash":"0"}},"shown":{{"status":"streaming","patience":3000}}}}"#
    )
}

/// Returns a message with frames.
fn frames(from: &str, stream: &str, number: u64) -> String {
    format!(
        r#"{{"v":2,"from":"{from}","session":"s","epoch":9007199254740991,"kind":"frames","stream":"{stream}","number":{number},"frames":{{}}}}"#
    )
}

/// Returns a tab whose message found no network.
fn sender_without_answer() -> (Harness, u32) {
    let mut harness = tab();
    let call = harness.start("hi");
    harness.input(Input::Locked { session: S });
    harness.fail();
    (harness, call)
}
