//! Sending a message: it is sent once, whatever happens to the response (API.md, guarantee 3).

use rejoin::client::io::{
    Config, Failure, Head, Input, Origin, OutcomeKind, Recovery, Redirect, Repost, Request, SendRequest, Status, Why,
};

use crate::harness::{Harness, S, running, session};

const BUSY: &str = r#"{"detail":{"code":"TASK_RUNNING","message":"busy","task_id":"t9"}}"#;
const EMPTY: &str = r#"{"id":"s","messages":[],"active_stream":null}"#;

#[test]
fn a_message_is_posted_with_its_id() {
    let mut harness = Harness::default();
    harness.start("hi");
    let Request::Send { session, request } = &harness.last().request else { panic!() };
    assert_eq!((session.as_str(), request.message.as_str(), request.message_id.as_str()), (S, "hi", "m1"));
    assert_eq!((harness.last().why, harness.status()), (Why::Send, Status::Connecting));
}

#[test]
fn a_backend_that_was_seen_to_number_its_events_gets_a_repeat_with_the_same_id() {
    let (mut harness, _) = Harness::streaming();
    harness.finish("3-0");
    harness.start("again");
    harness.fail();
    assert_eq!(harness.status(), Status::Reconnecting);
    harness.pass_until_asked();
    let Request::Send { request, .. } = &harness.last().request else { panic!("{:?}", harness.last()) };
    assert_eq!(request.message_id, "m2");
}

#[test]
fn elsewhere_the_session_is_looked_at_before_a_repeat() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.fail();
    harness.pass_until_asked();
    assert!(harness.is_look());
    harness.answer(200, EMPTY);
    harness.pass_until_asked();
    assert!(harness.is_send());
}

#[test]
fn a_message_that_arrived_is_joined_and_not_repeated() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.fail();
    harness.pass_until_asked();
    let session = r#"{"messages":[{"role":"user","id":"m1","content":"hi"}],"active_stream":{"task_id":"t1"}}"#;
    harness.answer(200, session);
    harness.pass(1_000);
    assert_eq!(harness.joined(), Some(("t1".into(), "0-0".into())));
}

#[test]
fn a_message_that_was_answered_meanwhile_is_finished_with_its_text() {
    let mut harness = Harness::default();
    let call = harness.start("hi");
    harness.fail();
    harness.pass_until_asked();
    let messages = r#"{"role":"user","id":"m1","content":"hi"},{"role":"assistant","id":"a1","content":"hello"}"#;
    harness.answer(200, &session(messages));
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Finished);
    assert!(harness.text.contains("hello"));
}

#[test]
fn an_older_message_of_the_same_text_is_not_taken_for_the_lost_one() {
    let session = session(r#"{"role":"user","id":7,"content":"yes"},{"role":"assistant","content":"older"}"#);
    let mut harness = Harness::default();
    harness.resume();
    harness.answer(200, &session);
    harness.start("yes");
    harness.pass(1_000);
    harness.fail();
    harness.pass_until_asked();
    harness.answer(200, &session);
    harness.pass_until_asked();
    assert!(harness.is_send());
}

#[test]
fn a_message_is_known_by_its_text_behind_the_messages_that_were_there_before_it() {
    let older = r#"{"role":"user","content":"yes"},{"role":"assistant","content":"older"}"#;
    let ours = r#"{"role":"user","content":"yes"},{"role":"assistant","content":"newer"}"#;
    let mut harness = Harness::default();
    harness.resume();
    harness.answer(200, &session(older));
    let call = harness.start("yes");
    harness.pass(1_000);
    harness.fail();
    harness.pass_until_asked();
    harness.answer(200, &session(&format!("{older},{ours}")));
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Finished);
    assert!(harness.text.contains("newer") && !harness.text.contains("older"));
}

#[test]
fn a_message_that_cannot_be_distinguished_from_an_equal_one_is_neither_sent_again_nor_taken_for_answered() {
    let older = r#"{"role":"user","content":"yes"},{"role":"assistant","content":"older"}"#;
    let mut harness = Harness::default();
    let call = harness.start("yes");
    harness.fail();
    for _ in 0..3 {
        harness.pass_until_asked();
        assert!(harness.is_look() && harness.is_pending(call));
        harness.answer(200, &session(older));
    }
    assert_eq!((harness.kind(call), harness.code(call).as_str()), (OutcomeKind::Failed, "MESSAGE_UNCLEAR"));
    let error = harness.outcome(call).unwrap().error.clone().unwrap();
    assert_eq!(error.recovery, Recovery::Permanent, "to send it again might send it twice");
    assert!(harness.text.is_empty());
}

#[test]
fn the_newest_message_is_the_one_for_which_a_stream_was_opened_and_lost_unread() {
    let answered = r#"{"role":"user","content":"yes"},{"role":"assistant","content":"newer"}"#;
    let mut harness = Harness::default();
    let call = harness.start("yes");
    harness.open(None);
    harness.cut();
    harness.pass_until_asked();
    assert!(harness.is_look());
    harness.answer(200, &session(answered));
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Finished);
    assert!(harness.text.contains("newer"));
}

#[test]
fn an_older_message_of_the_text_is_not_the_one_for_which_a_stream_was_opened() {
    let followed =
        r#"{"role":"user","content":"yes"},{"role":"assistant","content":"older"},{"role":"user","content":"no"}"#;
    let mut harness = Harness::default();
    let call = harness.start("yes");
    harness.open(None);
    harness.cut();
    while harness.is_pending(call) {
        harness.pass_until_asked();
        harness.answer(200, &session(followed));
    }
    assert_eq!(harness.code(call).as_str(), "MESSAGE_UNCLEAR");
}

#[test]
fn a_running_message_of_just_this_text_is_the_lost_one_and_is_not_sent_again() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.fail();
    harness.pass_until_asked();
    let older = r#"{"role":"user","content":"hi"},{"role":"assistant","content":"older"}"#;
    let messages = format!(r#"{older},{{"role":"user","content":"hi"}}"#);
    harness.answer(200, &format!(r#"{{"messages":[{messages}],"active_stream":{{"task_id":"t1"}}}}"#));
    harness.pass(1_000);
    assert_eq!(harness.joined(), Some(("t1".into(), "0-0".into())));
}

#[test]
fn a_message_that_is_stored_behind_its_context_is_known_too() {
    let mut harness = Harness::default();
    let request = SendRequest {
        message: "hi".into(),
        context: Some(r#"{"url":"u","content":"c"}"#.into()),
        message_id: "m1".into(),
        ..SendRequest::default()
    };
    harness.input(Input::Start { session: S, call: 1, request });
    harness.fail();
    harness.pass_until_asked();
    let messages = r#"{"role":"user","content":"Page: u\nc\n\nhi"}"#;
    harness.answer(200, &format!(r#"{{"messages":[{messages}],"active_stream":{{"task_id":"t1"}}}}"#));
    harness.pass(1_000);
    assert_eq!(harness.joined(), Some(("t1".into(), "0-0".into())));
}

#[test]
fn a_message_that_another_tabs_message_followed_is_not_sent_again() {
    let after = |answer: &str| {
        format!(
            r#"{{"messages":[{{"role":"user","id":"m1","content":"hi"}}{answer},{{"role":"user","id":"other"}}],
            "active_stream":{{"task_id":"t9"}}}}"#
        )
    };
    let mut harness = Harness::default();
    let call = harness.start("hi");
    harness.fail();
    harness.pass_until_asked();
    harness.answer(200, &after(""));
    harness.pass_until_asked();
    assert!(harness.is_look(), "what runs is the other message's");
    harness.answer(200, &after(r#",{"role":"assistant","content":"hello"}"#));
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Finished);
    assert!(harness.text.contains("hello"));
}

#[test]
fn repost_never_sends_once_and_fails_honestly() {
    let mut harness = Harness::new(Config { repost: Repost::Never, ..Config::default() });
    let call = harness.start("hi");
    harness.fail();
    harness.pass_until_asked();
    assert!(harness.is_look());
    harness.answer(200, EMPTY);
    assert_eq!((harness.kind(call), harness.code(call).as_str()), (OutcomeKind::Failed, "MESSAGE_LOST"));
    assert_eq!(harness.outcome(call).unwrap().error.as_ref().unwrap().recovery, Recovery::Retryable);
}

#[test]
fn a_429_stored_nothing_and_is_repeated_when_the_server_allows() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.answer_with(
        Head { status: 429, retry_after: Some(rejoin::client::io::RetryAfter::Pause(7_000)), ..Head::default() },
        "",
    );
    let before = harness.now;
    let asked = harness.pass_until_asked().at;
    assert!(harness.is_send());
    assert!((7_000..9_000).contains(&(asked - before)), "{}", asked - before);
}

#[test]
fn four_tries_without_an_answer_are_enough() {
    let mut harness = Harness::default();
    let call = harness.start("hi");
    for _ in 0..3 {
        harness.answer(503, "");
        harness.pass_until_asked();
        assert!(harness.is_look());
    }
    harness.answer(503, r#"{"detail":{"code":"STORE_UNAVAILABLE","message":"no store"}}"#);
    assert_eq!((harness.kind(call), harness.code(call).as_str()), (OutcomeKind::Failed, "STORE_UNAVAILABLE"));
    assert_eq!(harness.status(), Status::Error);
}

#[test]
fn nothing_is_posted_again_after_a_byte_of_an_answer() {
    let (mut harness, _) = Harness::started(None);
    harness.bytes(b"d");
    harness.cut();
    assert!(harness.is_look());
    harness.answer(200, EMPTY);
    harness.pass_until_asked();
    assert!(harness.is_look(), "looked for again, never sent again");
}

#[test]
fn a_task_whose_body_is_cut_before_its_start_is_found_by_the_header() {
    let (mut harness, _) = Harness::started(Some("t1"));
    harness.cut();
    assert_eq!(harness.joined(), Some(("t1".into(), "0-0".into())));
}

#[test]
fn a_task_whose_body_is_cut_before_its_start_is_found_through_the_session_without_the_header() {
    let (mut harness, _) = Harness::started(None);
    harness.bytes(b": hello\n\n");
    harness.fail();
    harness.pass_until_asked();
    harness.answer(200, &running("t4"));
    harness.pass(1_000);
    assert_eq!(harness.joined(), Some(("t4".into(), "0-0".into())));
}

#[test]
fn a_409_joins_the_running_task_and_says_that_the_message_was_not_sent() {
    let mut harness = Harness::default();
    let call = harness.start("hi");
    harness.answer(409, BUSY);
    harness.pass(1_000);
    assert_eq!(harness.joined().unwrap().0, "t9");
    harness.open(None);
    harness.event("1-0", r#"{"type":"finish","finishReason":"stop"}"#);
    harness.deliver();
    let outcome = harness.outcome(call).unwrap();
    assert_eq!((outcome.kind, outcome.origin), (OutcomeKind::Failed, Origin::Joined));
    assert_eq!((outcome.task.as_deref(), harness.code(call).as_str()), (Some("t9"), "TASK_RUNNING"));
    let joined = r#"{"outcome":{"kind":"finished","taskId":"t9","finishReason":"stop"}}"#;
    assert_eq!(outcome.error.as_ref().unwrap().details.as_deref(), Some(joined));
    let ended = harness.ended.last().unwrap();
    assert_eq!((ended.kind, ended.origin), (OutcomeKind::Finished, Origin::Own), "the joined answer's own outcome");
    assert_eq!(harness.status(), Status::Completed);
}

#[test]
fn a_409_that_names_a_task_whose_end_was_given_is_tried_again() {
    let (mut harness, _) = Harness::streaming();
    harness.finish("3-0");
    let call = harness.start("again");
    for _ in 0..2 {
        harness.busy_with("t1");
        harness.pass_until_asked();
        assert!(harness.is_send(), "nothing is joined");
    }
    harness.open(Some("t2"));
    harness.finish("4-0");
    assert_eq!(harness.kind(call), OutcomeKind::Finished);
}

#[test]
fn a_409_that_names_an_ended_task_for_ever_fails() {
    let (mut harness, _) = Harness::streaming();
    harness.finish("3-0");
    let call = harness.start("again");
    for _ in 0..3 {
        harness.busy_with("t1");
        harness.pass_until_asked();
    }
    harness.busy_with("t1");
    assert_eq!(harness.code(call), "TASK_RUNNING");
    assert_eq!(harness.outcome(call).map(|outcome| outcome.origin), Some(Origin::Own), "nothing was joined");
}

#[test]
fn a_409_without_a_task_looks_which_one_runs() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.answer(409, r#"{"detail":"busy"}"#);
    harness.pass(1_000);
    assert!(harness.is_look());
    harness.answer(200, r#"{"active_stream":{"task_id":"t9"}}"#);
    harness.pass(1_000);
    assert_eq!(harness.joined().unwrap().0, "t9");
}

#[test]
fn a_410_for_a_repeated_message_looks_whether_it_was_answered() {
    let mut harness = Harness::default();
    let call = harness.start("hi");
    harness.answer(410, r#"{"detail":{"code":"TASK_EXPIRED"}}"#);
    harness.pass(1_000);
    assert!(harness.is_look());
    harness.answer(200, EMPTY);
    assert_eq!(harness.kind(call), OutcomeKind::Expired);
}

#[test]
fn errors_that_a_person_has_to_fix_fail_at_once() {
    for (status, code) in [
        (400, "INVALID_REQUEST"),
        (403, "ACCESS_DENIED"),
        (404, "SESSION_NOT_FOUND"),
        (413, "MESSAGE_TOO_LARGE"),
        (422, "INVALID_REQUEST"),
    ] {
        let mut harness = Harness::default();
        let call = harness.start("hi");
        harness.answer(status, &format!(r#"{{"detail":{{"code":"{code}","message":"no"}}}}"#));
        assert_eq!((harness.kind(call), harness.code(call).as_str()), (OutcomeKind::Failed, code));
        assert_eq!(harness.outcome(call).unwrap().error.as_ref().unwrap().status, Some(status));
        assert_eq!(harness.asked.len(), 1);
    }
}

#[test]
fn a_body_that_is_no_event_stream_fails_at_once() {
    let mut harness = Harness::default();
    let call = harness.start("hi");
    let head = Head { status: 200, content_type: "text/html", redirect: Redirect::Followed, ..Head::default() };
    harness.answer_with(head, "<h1>Log in</h1>");
    assert_eq!((harness.kind(call), harness.code(call).as_str()), (OutcomeKind::Failed, "NOT_EVENT_STREAM"));
    assert!(harness.outcome(call).unwrap().error.as_ref().unwrap().message.contains("login"));
}

#[test]
fn a_401_asks_for_headers_once_more_and_then_fails() {
    let mut harness = Harness::default();
    let call = harness.start("hi");
    harness.answer(401, "");
    assert_eq!(harness.pass_until_asked().why, Why::Unauthorized);
    harness.answer(401, "");
    assert_eq!((harness.kind(call), harness.code(call).as_str()), (OutcomeKind::Failed, "UNAUTHORIZED"));
}

#[test]
fn a_401_that_better_headers_cured_may_come_again_later() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.answer(401, "");
    harness.pass_until_asked();
    harness.open(Some("t1"));
    harness.end_of_file();
    assert_eq!(harness.pass_until_asked().why, Why::Resume);
    harness.answer(401, "");
    assert_eq!(harness.pass_until_asked().why, Why::Unauthorized);
}

#[test]
fn headers_that_throw_fail_a_send_and_an_invalid_url_fails_everything() {
    for (failure, code) in
        [(Failure::Headers("no token".into()), "HEADERS_FAILED"), (Failure::InvalidUrl("::".into()), "INVALID_URL")]
    {
        let mut harness = Harness::default();
        let call = harness.start("hi");
        let attempt = harness.last().attempt;
        harness.input(Input::Failed { attempt, failure });
        assert_eq!((harness.kind(call), harness.code(call).as_str()), (OutcomeKind::Failed, code));
    }
}

#[test]
fn a_second_start_of_a_session_that_streams_sends_nothing() {
    let (mut harness, first) = Harness::streaming();
    let second = harness.start("again");
    assert_eq!(harness.code(second), "TASK_RUNNING");
    assert!(harness.is_pending(first));
    assert_eq!(harness.asked.len(), 1);
}

#[test]
fn a_listener_may_start_the_next_message_from_the_last_chunk() {
    let (mut harness, first) = Harness::streaming();
    harness.event("3-0", r#"{"type":"finish"}"#);
    harness.client.take_batch(S).unwrap();
    harness.start("next");
    assert_eq!(harness.kind(first), OutcomeKind::Finished);
    assert!(harness.is_send());
    harness.input(Input::Delivered { session: S });
    assert_eq!(harness.status(), Status::Connecting);
}

#[test]
fn a_start_between_the_end_and_its_delivery_waits_for_it() {
    let (mut harness, first) = Harness::streaming();
    harness.event("3-0", r#"{"type":"finish"}"#);
    harness.start("next");
    assert_eq!(harness.asked.len(), 1);
    harness.deliver();
    assert_eq!(harness.kind(first), OutcomeKind::Finished);
    assert_eq!(harness.asked.len(), 2);
}

fn load(harness: &mut Harness, mark: u32, session: &str) {
    let body = crate::codec::body(session).unwrap();
    harness.input(Input::Loaded { session: S, mark, body: &body });
}

#[test]
fn a_loaded_session_distinguishes_an_older_message_of_the_same_text_from_the_lost_one() {
    let older = session(r#"{"role":"user","content":"yes"},{"role":"assistant","content":"older"}"#);
    let mut harness = Harness::default();
    load(&mut harness, 0, &older);
    harness.start("yes");
    harness.fail();
    harness.pass_until_asked();
    harness.answer(200, &older);
    harness.pass_until_asked();
    assert!(harness.is_send(), "it is not there");
}

#[test]
fn a_session_that_was_asked_for_before_a_message_came_counts_nothing() {
    let older = session(r#"{"role":"user","content":"yes"},{"role":"assistant","content":"older"}"#);
    let mut harness = Harness::default();
    let mark = harness.client.mark(S);
    harness.start("no");
    harness.open(Some("t1"));
    harness.preamble("t1", ["", ""]);
    harness.finish("");
    load(&mut harness, mark, &older);
    harness.start("yes");
    harness.pass(1_000);
    harness.fail();
    harness.pass_until_asked();
    harness.answer(200, &older);
    harness.pass_until_asked();
    assert!(harness.is_look(), "nothing says whether it is there");
}
