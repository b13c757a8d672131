//! The behaviour that a backend like CoPilot's needs (PROTOCOL §7): streams without a `start`, operations in tasks of their own,
//! logs that begin in the middle, records of the TypeScript layer.

use rejoin::client::io::{Config, Input, OutcomeKind};
use rejoin::stream::cursor::EventId;

use crate::harness::{Harness, S, running};

const STARTED: &str = r#"{"type":"operation_started","operation_id":"o1","task_id":"t2","tool_name":"build"}"#;
const RESET: u32 = 3;

/// Returns a tool's output as that backend sends it: JSON text, without the tool's name.
fn output(call: &str, output: &str) -> String {
    let output = serde_json::json!(output);
    format!(r#"{{"type":"tool-output-available","toolCallId":"{call}","output":{output}}}"#)
}

/// Returns a client after an answer that started an operation.
fn after_an_operation_began() -> (Harness, u32) {
    let (mut harness, call) = Harness::started(None);
    harness.preamble("t1", ["", ""]);
    harness.event("", &output("c1", STARTED));
    harness.finish("");
    (harness, call)
}

#[test]
fn an_operation_that_goes_on_is_in_the_outcome_and_saved_in_the_place_of_its_chat() {
    let (harness, call) = after_an_operation_began();
    let operation = harness.outcome(call).unwrap().operation.clone().unwrap();
    assert_eq!((operation.operation.as_str(), operation.task.as_str(), operation.tool.as_str()), ("o1", "t2", "build"));
    let saved = harness.client.active_task(S).unwrap();
    assert_eq!((saved.task.as_str(), saved.operation.as_str(), saved.tool.as_str()), ("t2", "o1", "build"));
    assert_eq!(saved.last, EventId::ZERO);
}

#[test]
fn an_operation_is_resumed_and_opened_by_a_start_that_the_client_makes() {
    let (mut harness, _) = after_an_operation_began();
    harness.resume();
    harness.pass(1_000);
    assert_eq!(harness.joined(), Some(("t2".into(), "0-0".into())));
    harness.open(None);
    harness.event("", &output("c1", r#"{"done":true}"#));
    harness.event("", r#"{"type":"start","messageId":"a2","taskId":null}"#);
    harness.event("", r#"{"type":"finish"}"#);
    harness.text.clear();
    let batch = harness.deliver().unwrap();
    assert!(harness.text.starts_with(r#"[{"type":"stream_start","taskId":"t2"}]"#), "{}", harness.text);
    assert_ne!(batch.descriptors().first(), Some(&RESET), "it belongs to the same turn");
    assert_eq!(harness.text.matches("stream_start").count(), 1);
    assert!(harness.client.active_task(S).is_none());
}

#[test]
fn an_operation_that_gave_its_result_in_the_answer_is_over() {
    let (mut harness, call) = Harness::started(None);
    harness.preamble("t1", ["", ""]);
    harness.event("", &output("c1", STARTED));
    harness.event("", &output("c1", r#"{"done":true}"#));
    harness.finish("");
    assert_eq!(harness.outcome(call).unwrap().operation, None);
    assert!(harness.client.active_task(S).is_none());
}

#[test]
fn an_operation_in_the_task_of_its_answer_is_no_other_task() {
    let (mut harness, call) = Harness::started(None);
    harness.preamble("t2", ["", ""]);
    harness.event("", &output("c1", STARTED));
    harness.finish("");
    assert_eq!(harness.outcome(call).unwrap().operation, None);
}

#[test]
fn an_operation_of_an_earlier_answer_is_not_taken_for_the_answer_to_a_message() {
    let (mut harness, _) = after_an_operation_began();
    let reloaded = {
        let mut next_page = Harness::default();
        next_page.stored(harness.saved.last().map(String::as_str));
        next_page
    };
    harness.resume();
    harness.detach();
    for mut harness in [harness, reloaded] {
        harness.calls += 10;
        let call = harness.next(None);
        harness.bytes(b": \n\n");
        harness.cut();
        let messages =
            r#"{"role":"user","content":"hi"},{"role":"assistant","content":"one"},{"role":"user","content":"next"}"#;
        let active = r#"{"task_id":"t2","operation_id":"o1","tool_name":"build"}"#;
        harness.answer(200, &format!(r#"{{"messages":[{messages}],"active_stream":{active}}}"#));
        harness.pass_until_asked();
        assert!(harness.is_look() && harness.is_pending(call));
    }
}

#[test]
fn an_operation_that_runs_does_not_answer_the_newest_message() {
    let (mut harness, _) = after_an_operation_began();
    harness.next(None);
    harness.preamble("t3", ["", ""]);
    harness.delta("", "two ");
    harness.finish("");
    let call = harness.resume();
    let messages = [
        r#"{"role":"user","content":"hi"},{"role":"assistant","content":"one"}"#,
        r#"{"role":"tool","tool_call_id":"c1","content":"{\"done\":true}"}"#,
        r#"{"role":"user","content":"next"},{"role":"assistant","content":"two "}"#,
    ];
    let view = |active: &str| format!(r#"{{"messages":[{}],"active_stream":{active}}}"#, messages.join(","));
    harness.pass(1_000);
    harness.answer(200, &view(r#"{"task_id":"t2","operation_id":"o1","tool_name":"build"}"#));
    harness.pass_until_asked();
    assert_eq!(harness.joined().unwrap().0, "t2");
    harness.answer(404, r#"{"detail":"Not Found"}"#);
    harness.pass_until_asked();
    harness.answer(200, &view("null"));
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Expired, "{}", harness.text);
    assert_eq!(harness.text.matches("two").count(), 1);
}

#[test]
fn an_operation_of_an_earlier_answer_is_not_what_was_stopped_since() {
    let (mut harness, _) = after_an_operation_began();
    harness.next(None);
    harness.stop_on_base();
    harness.pass_until_asked();
    harness.answer(403, "");
    harness.start("third");
    harness.pass(1_000);
    harness.answer(503, "");
    harness.pass_until_asked();
    let messages =
        r#"{"role":"user","content":"hi"},{"role":"assistant","content":"one"},{"role":"user","content":"next"}"#;
    let active = r#"{"task_id":"t2","operation_id":"o1","tool_name":"build"}"#;
    harness.answer(200, &format!(r#"{{"messages":[{messages}],"active_stream":{active}}}"#));
    harness.pass_until_asked();
    harness.busy_with("t2");
    harness.pass_until_asked();
    assert_eq!(harness.joined().unwrap().0, "t2");
}

#[test]
fn a_stream_without_a_start_is_opened_by_one_that_the_client_makes() {
    let mut harness = Harness::default();
    harness.rejoin("t1", None);
    harness.open(None);
    harness.event("", r#"{"type":"text-start","id":"b"}"#);
    harness.delta("", "one");
    harness.deliver();
    assert_eq!(harness.text, r#"[{"type":"stream_start","taskId":"t1"}]one"#);
}

#[test]
fn a_stream_without_a_start_that_is_cut_before_its_first_row_has_one_all_the_same() {
    let mut harness = Harness::default();
    harness.rejoin("t1", None);
    harness.open(None);
    harness.event("", r#"{"type":"text-start","id":"b"}"#);
    harness.cut();
    harness.open(None);
    harness.event("", r#"{"type":"text-start","id":"b"}"#);
    harness.delta("", "one");
    harness.deliver();
    assert_eq!(harness.text, r#"[{"type":"stream_start","taskId":"t1"}]one"#);
}

#[test]
fn a_task_that_is_learned_before_the_first_row_has_a_start_here_and_in_other_tabs() {
    let tab = |name: &str| Harness::new(Config { tab: Some(name.into()), ..Config::default() });
    let (mut owner, mut follower) = (tab("a"), tab("b"));
    owner.start("hi");
    owner.input(Input::Locked { session: S });
    owner.open(None);
    owner.event("", r#"{"type":"text-start","id":"b"}"#);
    follower.resume();
    exchange(&mut follower, &mut owner);
    exchange(&mut owner, &mut follower);
    owner.cut();
    owner.answer(200, r#"{"messages":[{"role":"user","content":"hi"}],"active_stream":{"task_id":"t1"}}"#);
    owner.pass_until_asked();
    owner.open(None);
    owner.event("", r#"{"type":"text-start","id":"b"}"#);
    owner.delta("", "one");
    exchange(&mut owner, &mut follower);
    for mut tab in [owner, follower] {
        tab.deliver();
        assert_eq!(tab.text, r#"[{"type":"stream_start","taskId":"t1"}]one"#);
    }
}

/// Delivers the messages of one tab to another.
fn exchange(from: &mut Harness, to: &mut Harness) {
    std::mem::take(&mut from.posted).iter().for_each(|message| to.receive(message));
}

#[test]
fn a_stream_with_two_starts_has_one() {
    let (mut harness, _) = Harness::started(None);
    harness.preamble("t1", ["", ""]);
    harness.event("", r#"{"type":"start","messageId":"a1","taskId":null}"#);
    harness.deliver();
    assert_eq!(harness.text.matches("stream_start").count(), 1, "{}", harness.text);
}

#[test]
fn a_stream_that_starts_over_gets_another_start() {
    let mut harness = Harness::default();
    harness.rejoin("t1", None);
    for text in ["one", "another"] {
        harness.open(None);
        harness.event("", r#"{"type":"text-start","id":"b"}"#);
        harness.delta("", text);
        harness.deliver();
        harness.cut();
    }
    harness.open(None);
    harness.text.clear();
    harness.event("", r#"{"type":"text-start","id":"b"}"#);
    harness.delta("", "another");
    harness.deliver();
    assert!(harness.text.starts_with(r#"[{"type":"stream_start","taskId":"t1""#), "{}", harness.text);
}

#[test]
fn a_log_that_begins_in_the_middle_gives_what_is_left_and_says_so_at_its_end() {
    let (mut harness, call) = Harness::started(None);
    harness.preamble("t1", ["", ""]);
    harness.delta("", "one ");
    harness.deliver();
    harness.cut();
    harness.open(None);
    harness.delta("", "two ");
    harness.pass_until_asked();
    harness.open(None);
    harness.text.clear();
    harness.delta("", "two ");
    harness.event("", r#"{"type":"finish"}"#);
    let batch = harness.deliver().unwrap();
    assert_eq!(batch.descriptors().first(), Some(&RESET));
    assert!(harness.text.contains("two "));
    let outcome = harness.outcome(call).unwrap();
    assert_eq!((outcome.kind, outcome.truncated), (OutcomeKind::Finished, true));
}

const REPLAYED: u32 = 1 << 9;

/// Returns whether any waiting row is flagged as replayed.
fn is_any_replayed(harness: &mut Harness) -> bool {
    let batch = harness.deliver().unwrap();
    batch.descriptors().iter().any(|word| word & REPLAYED != 0) || batch.text().contains("\"replayed\":true")
}

#[test]
fn events_of_another_log_are_not_recognised_by_their_number() {
    let (mut harness, _) = Harness::started(None);
    harness.preamble("t1", ["", ""]);
    ["one ", "two ", "three "].into_iter().for_each(|text| harness.delta("", text));
    harness.deliver();
    harness.cut();
    harness.open(None);
    harness.event("", r#"{"type":"text-end","id":"b"}"#);
    harness.pass_until_asked();
    harness.open(None);
    harness.event("", r#"{"type":"text-start","id":"c"}"#);
    harness.event("", r#"{"type":"text-delta","id":"c","delta":"new "}"#);
    assert!(!is_any_replayed(&mut harness));
}

#[test]
fn a_page_that_was_reloaded_does_not_take_what_a_cut_log_has_for_what_was_saved() {
    let (mut first, _) = Harness::started(None);
    first.preamble("t1", ["", ""]);
    ["one ", "two ", "three "].into_iter().for_each(|text| first.delta("", text));
    first.deliver();
    first.pass(300);
    let mut second = Harness::default();
    second.stored(first.saved.last().map(String::as_str));
    second.resume();
    second.open(None);
    second.delta("", "new ");
    second.event("", &output("c1", "1"));
    let batch = second.deliver().unwrap();
    assert!(batch.descriptors().iter().all(|word| word & REPLAYED == 0), "nobody knows how much is gone");
}

#[test]
fn a_cut_log_that_ends_before_what_was_followed_is_read_again() {
    let config = Config { tab: Some("a".into()), ..Default::default() };
    let mut harness = Harness::new(config);
    let call = harness.rejoin("t1", None);
    let frame = r#"{"type":"text-delta","id":"b","delta":"one two three four fi"}"#;
    let state = serde_json::json!({
        "v": 2, "from": "b", "session": "s", "epoch": 1, "kind": "state", "to": "a", "asked": harness.now,
        "stream": "b-1", "number": 1, "task": "t1", "frames": {"text": frame, "ends": [frame.len()], "ids": "+9\n"},
        "place": {"last": "0-0", "unnumbered": 9, "hash": "7"}, "shown": {"status": "streaming", "patience": 3_000},
    });
    harness.receive(&state.to_string());
    harness.deliver();
    harness.input(Input::Locked { session: S });
    harness.open(None);
    harness.delta("", "four ");
    harness.event("", r#"{"type":"finish"}"#);
    harness.pass_until_asked();
    harness.open(None);
    harness.delta("", "four ");
    harness.finish("");
    let outcome = harness.outcome(call).unwrap();
    assert_eq!((outcome.kind, outcome.truncated), (OutcomeKind::Finished, true));
}

#[test]
fn an_answer_that_names_no_beginning_of_its_blocks_is_whole_behind_its_start() {
    let (mut harness, call) = Harness::started(None);
    harness.preamble("t1", ["1-1", "1-2"]);
    harness.event("2-0", r#"{"type":"text-delta","id":"nobody began it","delta":"Hello"}"#);
    harness.finish("3-0");
    harness.deliver();
    let outcome = harness.outcome(call).unwrap();
    assert_eq!((outcome.kind, outcome.truncated), (OutcomeKind::Finished, false));
}

#[test]
fn an_answer_that_is_whole_is_not_called_truncated() {
    let (mut harness, call) = Harness::streaming();
    harness.cut();
    harness.open(Some("t1"));
    harness.delta("3-0", "two");
    harness.finish("4-0");
    assert!(!harness.outcome(call).unwrap().truncated);
}

#[test]
fn a_log_that_was_trimmed_within_a_block_starts_over_once() {
    let (mut harness, _) = Harness::streaming();
    harness.cut();
    harness.answer(410, r#"{"detail":{"code":"CURSOR_TRIMMED"}}"#);
    harness.pass_until_asked();
    harness.open(Some("t1"));
    harness.delta("5-0", "what is left ");
    for id in ["6-0", "7-0"] {
        harness.deliver();
        harness.cut();
        assert_ne!(harness.joined().unwrap().1, "0-0", "nothing was trimmed since");
        harness.open(Some("t1"));
        harness.delta(id, "more ");
    }
    assert_eq!(harness.client.metrics(Some(S)).resets, 1);
}

#[test]
fn a_cursor_of_zero_is_none_and_the_stream_is_shared_between_tabs() {
    let config = Config { tab: Some("a".into()), ..Default::default() };
    let mut harness = Harness::new(config);
    harness.rejoin("t1", Some(EventId::ZERO));
    assert!(harness.asked.is_empty() && harness.locks.len() == 1, "the other tabs come first");
    harness.input(Input::Locked { session: S });
    assert_eq!(harness.joined(), Some(("t1".into(), "0-0".into())));
}

#[test]
fn a_record_of_the_typescript_layer_is_resumed_only_while_the_session_runs_its_task() {
    for (session, joins) in [(running("t1"), true), (r#"{"messages":[],"active_stream":null}"#.to_owned(), false)] {
        let mut harness = Harness::default();
        let legacy = harness.client.legacy_key().to_owned();
        let map = format!(r#"{{"s":{{"taskId":"t1","startedAt":{}}}}}"#, harness.now);
        harness.stored_at(&legacy, Some(&map));
        let call = harness.resume();
        assert!(harness.is_look());
        harness.answer(200, &session);
        harness.pass(1_000);
        assert_eq!(harness.joined().is_some(), joins);
        assert_eq!(harness.client.active_task(S).is_some(), joins);
        assert_eq!(harness.is_pending(call), joins);
    }
}
