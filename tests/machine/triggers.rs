//! Messages that are not appended (PROTOCOL §1, "A turn"): how they are refused, and how the client finds one whose response was
//! lost.

use rejoin::client::io::{Config, Input, OutcomeKind, Recovery, SendRequest, Sender, Trigger};

use crate::harness::{Harness, S};

/// Returns a session of our server, which stores ids. `last` is the id of its assistant message.
fn answered(last: &str, running: &str) -> String {
    let question = r#"{"role":"user","id":"q1","content":"hi","task_id":"t0"}"#;
    let answer = format!(r#"{{"role":"assistant","id":"{last}","content":"hello","task_id":"t0"}}"#);
    format!(r#"{{"messages":[{question},{answer}],"active_stream":{running}}}"#)
}

/// Returns the id of the message in the last request.
fn sent_id(harness: &Harness) -> Option<String> {
    match &harness.last().request {
        rejoin::client::io::Request::Send { request, .. } => Some(request.message_id.clone()),
        _ => None,
    }
}

#[test]
fn a_permanent_refusal_fails_with_its_code_and_is_not_tried_again() {
    let refusals = [
        (409, "TOOL_CALL_SETTLED"),
        (409, "TOOL_CALLS_PENDING"),
        (410, "MESSAGE_REPLACED"),
        (410, "MESSAGE_CANCELLED"),
        (404, "MESSAGE_NOT_FOUND"),
    ];
    for (status, code) in refusals {
        let mut harness = Harness::default();
        let call = harness.send(Trigger::Continue);
        harness.answer(status, &format!(r#"{{"detail":{{"code":"{code}","message":"no"}}}}"#));
        assert_eq!((harness.kind(call), harness.code(call).as_str()), (OutcomeKind::Failed, code));
        assert_eq!(harness.outcome(call).unwrap().error.as_ref().unwrap().recovery, Recovery::Permanent);
        harness.pass(1_000_000);
        assert_eq!(harness.asked.len(), 1, "{code}");
    }
}

#[test]
fn a_continuation_whose_answer_was_lost_before_it_arrived_is_repeated_under_its_id() {
    for trigger in [Trigger::Continue, Trigger::Regenerate, Trigger::Edit] {
        let mut harness = Harness::default();
        harness.send(trigger);
        harness.fail();
        harness.pass_until_asked();
        assert!(harness.is_look());
        harness.answer(200, &answered("a1", "null"));
        harness.pass_until_asked();
        assert_eq!(sent_id(&harness).as_deref(), Some("m1"), "{trigger:?}");
    }
}

#[test]
fn a_message_that_was_regenerated_is_not_found_by_the_text_of_its_question() {
    let mut harness = Harness::default();
    let request = SendRequest {
        message: "hi".into(),
        message_id: "m1".into(),
        trigger: Trigger::Regenerate,
        ..SendRequest::default()
    };
    harness.input(Input::Start { session: S, call: 1, request });
    harness.fail();
    harness.pass_until_asked();
    harness.answer(200, &answered("a1", "null"));
    harness.pass_until_asked();
    assert_eq!(sent_id(&harness).as_deref(), Some("m1"), "the old answer is not that of the new send");
}

#[test]
fn a_continuation_without_a_text_is_not_found_by_the_text_of_a_message() {
    let context = r#"{"url":"u","content":"c"}"#;
    for (context, stored) in [(None, ""), (Some(context), ""), (Some(context), "hi")] {
        let mut harness = Harness::default();
        let context = context.map(str::to_owned);
        let request =
            SendRequest { message_id: "m1".into(), trigger: Trigger::Continue, context, ..SendRequest::default() };
        harness.input(Input::Start { session: S, call: 1, request });
        harness.fail();
        harness.pass_until_asked();
        let question = format!(r#"{{"role":"user","content":"{stored}"}}"#);
        let answer = r#"{"role":"assistant","content":"hello"}"#;
        harness.answer(200, &format!(r#"{{"messages":[{question},{answer}],"active_stream":null}}"#));
        harness.pass_until_asked();
        assert_eq!(sent_id(&harness).as_deref(), Some("m1"), "{stored:?}: it has not arrived");
    }
}

#[test]
fn a_message_whose_task_is_unknown_is_found_as_the_running_one() {
    for trigger in [Trigger::Continue, Trigger::Regenerate] {
        let mut harness = Harness::default();
        harness.send(trigger);
        harness.open(None);
        harness.bytes(b": heartbeat 15000\n\n");
        harness.end_of_file();
        harness.pass_until_asked();
        harness.answer(200, &answered("a1", r#"{"task_id":"t1"}"#));
        harness.pass(1_000);
        assert_eq!(harness.joined(), Some(("t1".into(), "0-0".into())), "{trigger:?}");
    }
}

#[test]
fn an_answer_that_ended_meanwhile_is_delivered_from_the_history() {
    for trigger in [Trigger::Continue, Trigger::Regenerate] {
        let mut harness = Harness::default();
        let call = harness.send(trigger);
        harness.open(None);
        harness.bytes(b": heartbeat 15000\n\n");
        harness.end_of_file();
        harness.pass_until_asked();
        harness.answer(200, &answered("a2", "null"));
        harness.answer_status(None);
        harness.deliver();
        assert_eq!(harness.kind(call), OutcomeKind::Finished);
        assert!(harness.text.contains("hello"), "{trigger:?}");
    }
}

#[test]
fn a_message_after_an_edit_is_not_looked_for_behind_messages_that_were_removed() {
    let questions = |texts: &[&str]| {
        let messages = texts.iter().map(|text| {
            format!(r#"{{"role":"user","content":"{text}"}},{{"role":"assistant","content":"to {text}"}}"#)
        });
        format!(r#"{{"messages":[{}],"active_stream":null}}"#, messages.collect::<Vec<_>>().join(","))
    };
    let mut harness = Harness::default();
    harness.resume();
    harness.answer(200, &questions(&["one", "two", "three"]));
    harness.send(Trigger::Edit);
    harness.open(Some("t1"));
    harness.preamble("t1", ["", ""]);
    harness.finish("");
    harness.start("next");
    harness.pass(10_000);
    harness.fail();
    harness.pass_until_asked();
    harness.answer(200, &questions(&["edited", "next", "of another tab", "one more"]));
    harness.pass_until_asked();
    assert!(harness.is_look(), "it is there, and is not sent again");
}

#[test]
fn a_message_is_reported_when_the_server_has_taken_it_and_once() {
    let mut harness = Harness::default();
    harness.send(Trigger::Submit);
    assert!(harness.turns.is_empty());
    harness.fail();
    harness.pass_until_asked();
    harness.answer(200, r#"{"messages":[],"active_stream":null}"#);
    harness.pass_until_asked();
    harness.open(Some("t1"));
    assert_eq!(harness.turns, [(r#"{"messageId":"m1"}"#.into(), Sender::Here)]);
    harness.cut();
    harness.open(None);
    assert_eq!(harness.turns.len(), 1);
}

#[test]
fn a_message_that_was_refused_is_not_reported() {
    let mut harness = Harness::default();
    harness.send(Trigger::Submit);
    harness.busy_with("t9");
    harness.pass(1_000);
    harness.open(None);
    assert!(harness.turns.is_empty());
}

#[test]
fn other_tabs_learn_of_a_message_even_if_they_never_showed_its_session() {
    let tab = |name: &str| Harness::new(Config { tab: Some(name.into()), ..Config::default() });
    let (mut sender, mut other) = (tab("a"), tab("b"));
    sender.send(Trigger::Submit);
    sender.input(Input::Locked { session: S });
    sender.open(Some("t1"));
    sender.posted.iter().for_each(|message| other.receive(message));
    assert_eq!(other.turns, [(r#"{"messageId":"m1"}"#.into(), Sender::Tab)]);
    let turn = sender.posted.iter().position(|message| message.contains(r#""kind":"turn""#)).unwrap();
    let owner = sender.posted.iter().position(|message| message.contains(r#""kind":"owner""#)).unwrap();
    assert!(turn < owner, "the question comes before the answer");
}
