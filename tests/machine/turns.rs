//! Which turn an answer belongs to if several are possible: of several tabs, of tasks that run at once, of an operation.

use rejoin::client::io::{Config, Input, OutcomeKind};

use crate::harness::{Harness, S};

const RESET: Option<&u32> = Some(&3);

/// Returns a tab that shares its streams. Its messages have ids that no other tab's have.
fn tab(name: &str) -> Harness {
    let mut tab = Harness::new(Config { tab: Some(name.into()), ..Config::default() });
    tab.calls = 100 * u32::from(name.as_bytes()[0]);
    tab.input(Input::Watch { session: S });
    tab
}

/// Returns a tab that has sent a message and owns the session.
fn sender(name: &str, message: &str) -> (Harness, u32) {
    let mut tab = tab(name);
    let call = tab.start(message);
    tab.input(Input::Locked { session: S });
    (tab, call)
}

/// Passes the messages of two tabs to each other until neither posts more.
fn talk(one: &mut Harness, other: &mut Harness) {
    loop {
        let (from_one, from_other) = (std::mem::take(&mut one.posted), std::mem::take(&mut other.posted));
        if from_one.is_empty() && from_other.is_empty() {
            return;
        }
        from_one.iter().for_each(|message| other.receive(message));
        from_other.iter().for_each(|message| one.receive(message));
    }
}

/// Returns a session without ids, with these messages by role and text.
fn session(messages: &[(&str, &str)], running: Option<&str>) -> String {
    let messages = messages.iter().map(|(role, text)| format!(r#"{{"role":"{role}","content":"{text}"}}"#));
    let active = running.map_or("null".to_owned(), |task| format!(r#"{{"task_id":"{task}"}}"#));
    format!(r#"{{"messages":[{}],"active_stream":{active}}}"#, messages.collect::<Vec<_>>().join(","))
}

/// Returns a tab whose message got no response, and which follows the stream of another message up to its first text.
fn follower_with_a_message(task: Option<&str>) -> (Harness, u32) {
    let (mut tab, call) = sender("a", "mine");
    tab.fail();
    tab.input(Input::LockLost { session: S });
    tab.posted.clear();
    let (mut owner, _) = sender("b", "theirs");
    owner.open(None);
    match task {
        Some(task) => owner.preamble(task, ["", ""]),
        None => owner.event("", r#"{"type":"text-start","id":"b"}"#),
    }
    owner.delta("", "theirs ");
    talk(&mut owner, &mut tab);
    tab.deliver();
    (tab, call)
}

/// Returns a tab that owns the session and joins the task "t1", which runs for this message there.
fn resumed_in_another_tab(name: &str, message: &str) -> Harness {
    let mut tab = tab(name);
    tab.resume();
    tab.input(Input::Locked { session: S });
    tab.answer(200, &session(&[("user", message)], Some("t1")));
    tab.pass_until_asked();
    tab.open(None);
    tab
}

/// Removes the owner, so that this tab sends a request itself.
fn take_over(tab: &mut Harness) {
    tab.input(Input::Locked { session: S });
    tab.pass(1_000);
}

#[test]
fn the_end_of_a_stream_that_was_taken_over_is_not_that_of_the_message_that_waits() {
    let (mut tab, call) = follower_with_a_message(Some("t2"));
    take_over(&mut tab);
    tab.open(None);
    tab.preamble("t2", ["", ""]);
    tab.delta("", "theirs ");
    tab.finish("");
    assert!(tab.is_pending(call));
    tab.pass_until_asked();
    assert!(tab.is_look());
    tab.answer(200, &session(&[("user", "theirs"), ("assistant", "theirs ")], None));
    tab.pass_until_asked();
    assert!(tab.is_send(), "what arrived was the answer to another message");
}

#[test]
fn a_stream_that_was_given_to_its_end_is_not_saved_again_while_a_message_waits() {
    let (mut tab, call) = follower_with_a_message(Some("t2"));
    take_over(&mut tab);
    tab.open(None);
    tab.preamble("t2", ["", ""]);
    tab.delta("", "theirs ");
    tab.finish("");
    tab.pass(1_000);
    assert!(tab.is_pending(call) && tab.client.active_task(S).is_none());
}

#[test]
fn a_followed_stream_that_turns_out_to_answer_the_message_is_not_saved_again() {
    let (mut tab, call) = sender("a", "mine");
    tab.fail();
    tab.input(Input::LockLost { session: S });
    let mut owner = resumed_in_another_tab("b", "mine");
    owner.delta("", "one ");
    tab.posted.clear();
    talk(&mut owner, &mut tab);
    take_over(&mut tab);
    tab.open(None);
    tab.delta("", "one ");
    tab.finish("");
    tab.pass_until_asked();
    tab.answer(200, &session(&[("user", "mine"), ("assistant", "one ")], None));
    assert_eq!(tab.kind(call), OutcomeKind::Finished);
    assert!(tab.client.active_task(S).is_none(), "nothing is left to resume");
}

#[test]
fn the_end_of_a_followed_stream_does_not_affect_a_message_that_was_sent_since() {
    let (mut tab, call) = follower_with_a_message(Some("t2"));
    take_over(&mut tab);
    tab.open(None);
    tab.preamble("t2", ["", ""]);
    tab.delta("", "theirs ");
    tab.finish("");
    tab.pass_until_asked();
    tab.answer(200, &session(&[("user", "theirs"), ("assistant", "theirs ")], None));
    tab.pass_until_asked();
    tab.open(None);
    tab.cut();
    tab.answer(200, &session(&[("user", "theirs"), ("assistant", "theirs "), ("user", "mine")], None));
    assert!(tab.is_pending(call));
}

#[test]
fn the_answer_to_a_message_that_is_sent_again_does_not_go_on_with_the_nameless_one_that_was_followed() {
    let (mut tab, _) = follower_with_a_message(None);
    take_over(&mut tab);
    tab.answer(200, &session(&[("user", "theirs"), ("assistant", "theirs ")], None));
    assert!(tab.is_send());
    tab.open(None);
    tab.event("", r#"{"type":"text-start","id":"b"}"#);
    tab.delta("", "mine ");
    assert_eq!(tab.deliver().unwrap().descriptors().first(), RESET);
}

#[test]
fn a_task_that_is_known_to_answer_another_message_is_not_joined_for_this_one() {
    let (mut harness, _) = Harness::started(None);
    harness.preamble("t1", ["", ""]);
    harness.deliver();
    harness.detach();
    let call = harness.next(None);
    harness.bytes(b": \n\n");
    harness.cut();
    harness.answer(200, &session(&[("user", "hi"), ("user", "next")], Some("t1")));
    harness.pass_until_asked();
    assert!(harness.is_look() && harness.is_pending(call));
}

#[test]
fn a_task_that_was_taken_for_the_answer_and_gives_another_one_is_let_go() {
    let (mut harness, _) = Harness::started(None);
    harness.detach();
    let call = harness.next(None);
    harness.delta("", "next ");
    harness.deliver();
    harness.cut();
    let both = session(&[("user", "hi"), ("user", "next")], Some("t1"));
    harness.answer(200, &both);
    harness.pass_until_asked();
    assert_eq!(harness.joined().unwrap().0, "t1");
    harness.open(None);
    harness.delta("", "hi ");
    harness.pass_until_asked();
    assert!(harness.is_look());
    assert!(harness.deliver().is_none(), "what was given stays");
    harness.answer(200, &both);
    harness.pass_until_asked();
    assert!(harness.is_look() && harness.is_pending(call));
}

#[test]
fn a_message_whose_task_was_stopped_in_another_tab_is_stopped() {
    let (mut harness, call) = Harness::started(None);
    harness.delta("", "one ");
    harness.deliver();
    let mut other = Harness::default();
    other.rejoin("t1", None);
    other.stop();
    harness.stored(Some(other.saved.last().unwrap()));
    harness.cut();
    harness.answer(200, &session(&[("user", "hi")], Some("t1")));
    assert_eq!(harness.kind(call), OutcomeKind::Stopped);
}

#[test]
fn the_session_is_read_if_the_busy_task_may_be_the_one_that_listeners_hold() {
    let (mut harness, _) = Harness::started(None);
    harness.event("", r#"{"type":"text-start","id":"b"}"#);
    harness.delta("", "one ");
    harness.deliver();
    harness.detach();
    harness.start("next");
    harness.pass(1_000);
    harness.busy_with("t1");
    assert!(harness.is_look());
    harness.answer(200, &session(&[("user", "hi")], Some("t1")));
    harness.pass_until_asked();
    harness.open(None);
    harness.event("", r#"{"type":"text-start","id":"b"}"#);
    harness.delta("", "one ");
    let batch = harness.deliver().unwrap();
    assert_eq!(batch.descriptors().first(), RESET);
    assert!(batch.text().contains("\"replayed\":true"), "it is the same turn");
}

#[test]
fn a_running_task_answers_no_message_that_existed_when_nothing_was_running() {
    let (mut harness, _) = Harness::started(None);
    harness.bytes(b": \n\n");
    harness.cut();
    harness.answer(200, &session(&[("user", "hi")], None));
    harness.detach();
    harness.next(None);
    harness.event("", r#"{"type":"text-start","id":"b"}"#);
    harness.delta("", "two ");
    harness.deliver();
    harness.detach();
    harness.resume();
    harness.pass(1_000);
    harness.answer(200, &session(&[("user", "hi"), ("user", "next")], Some("t2")));
    harness.pass_until_asked();
    harness.open(None);
    harness.event("", r#"{"type":"text-start","id":"b"}"#);
    harness.delta("", "two ");
    assert!(harness.deliver().unwrap().text().contains("\"replayed\":true"), "it is the turn that the page let go");
}

#[test]
fn the_newest_answer_is_not_that_of_a_task_after_which_another_message_was_sent() {
    let mut late = tab("a");
    let (mut owner, _) = sender("b", "hi");
    owner.open(None);
    owner.preamble("t1", ["", ""]);
    owner.delta("", "one ");
    late.stored(owner.saved.last().map(String::as_str));
    let call = late.resume();
    late.pass(1_000);
    assert_eq!(late.joined().unwrap().0, "t1");
    let mut next = tab("c");
    next.pass(5_000);
    next.start("next");
    take_over(&mut next);
    next.open(None);
    late.input(Input::LockLost { session: S });
    next.posted.iter().for_each(|message| late.receive(message));
    take_over(&mut late);
    late.answer(404, "");
    late.pass_until_asked();
    late.answer(200, &session(&[("user", "hi"), ("assistant", "one "), ("user", "next"), ("assistant", "two ")], None));
    assert_eq!(late.kind(call), OutcomeKind::Expired);
}

#[test]
fn the_history_gives_the_part_of_a_lost_operation_after_the_chat() {
    let (mut harness, _) = Harness::started(None);
    harness.preamble("t1", ["", ""]);
    harness.delta("", "chat ");
    harness.event("", r#"{"type":"tool-output-available","toolCallId":"c","output":{"type":"operation_started","operation_id":"o","task_id":"t2","tool_name":"x"}}"#);
    harness.finish("");
    let call = harness.resume();
    harness.pass(1_000);
    harness.answer(404, "");
    harness.pass_until_asked();
    harness.text.clear();
    let stored = r#"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"chat "},
        {"role":"tool","tool_call_id":"c","content":"{}"},{"role":"assistant","content":"operation "}],"active_stream":null}"#;
    harness.answer(200, stored);
    harness.answer_status(None);
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Finished);
    assert!(harness.text.contains("operation ") && !harness.text.contains("chat "), "{}", harness.text);
}

#[test]
fn a_follower_whose_owner_is_gone_finds_the_end_of_a_nameless_answer_in_the_history() {
    let (mut owner, _) = sender("a", "hi");
    owner.open(None);
    owner.delta("", "one ");
    let mut late = tab("b");
    let call = late.resume();
    talk(&mut owner, &mut late);
    late.deliver();
    late.input(Input::Locked { session: S });
    assert!(late.is_look());
    late.answer(200, &session(&[("user", "hi"), ("assistant", "one two ")], None));
    late.deliver();
    assert_eq!(late.kind(call), OutcomeKind::Finished);
    assert!(late.text.ends_with("one two ") || late.text.contains("one two "), "{}", late.text);
}

#[test]
fn a_stream_that_a_page_detached_starts_over_when_it_is_followed_again() {
    let (mut owner, _) = sender("a", "hi");
    owner.open(None);
    owner.preamble("t1", ["", ""]);
    owner.delta("", "one ");
    let mut late = tab("b");
    late.resume();
    talk(&mut owner, &mut late);
    late.deliver();
    late.detach();
    late.input(Input::Watch { session: S });
    late.page(rejoin::client::io::Page::Returned);
    talk(&mut owner, &mut late);
    assert_eq!(late.deliver().unwrap().descriptors().first(), RESET);
}

#[test]
fn an_idle_page_does_not_go_back_to_a_turn_before_the_one_it_shows() {
    let (mut owner, _) = sender("a", "hi");
    owner.open(None);
    owner.delta("", "one ");
    let mut late = tab("b");
    late.resume();
    talk(&mut owner, &mut late);
    late.deliver();
    late.detach();
    send_next(&mut late);
    let began = late.began;
    // The owner was suspended. Of all messages of the other tab it gets only the question.
    late.page(rejoin::client::io::Page::Returned);
    let question = late.posted.pop().unwrap();
    owner.input(Input::LockLost { session: S });
    owner.input(Input::Locked { session: S });
    owner.posted.clear();
    owner.receive(&question);
    owner.posted.iter().for_each(|message| late.receive(message));
    assert_eq!(late.began, began);
}

/// Sends a message and gets its whole answer.
fn send_next(tab: &mut Harness) {
    tab.start("next");
    tab.pass(1_000);
    tab.open(None);
    tab.delta("", "two ");
    tab.finish("");
    tab.posted.clear();
}

/// Returns a tab with the answer of the task "t1", of which it knows no message, and the whole answer to its own message.
fn idle_behind_two_answers() -> Harness {
    let mut idle = resumed_in_another_tab("b", "hi");
    idle.delta("", "one ");
    idle.finish("");
    send_next(&mut idle);
    idle
}

#[test]
fn a_page_that_returns_is_not_drawn_along_by_a_mere_look_at_the_session() {
    let (mut sleeper, _) = sender("a", "hi");
    sleeper.open(None);
    sleeper.delta("", "one ");
    let mut idle = idle_behind_two_answers();
    let began = idle.began;
    idle.page(rejoin::client::io::Page::Returned);
    // It wakes up, owns the session and looks for its message, whose answer may have ended long ago.
    sleeper.pass(10_000);
    sleeper.input(Input::LockLost { session: S });
    sleeper.input(Input::Locked { session: S });
    assert!(sleeper.is_look());
    sleeper.posted.clear();
    talk(&mut sleeper, &mut idle);
    assert_eq!(idle.began, began);
}

#[test]
fn a_stream_that_may_be_one_before_the_newest_resets_what_listeners_hold() {
    let mut idle = idle_behind_two_answers();
    let mut owner = tab("a");
    owner.pass(20_000);
    owner.start("hi");
    owner.input(Input::Locked { session: S });
    owner.pass(1_000);
    owner.open(None);
    owner.delta("", "one ");
    talk(&mut owner, &mut idle);
    let batch = idle.deliver().unwrap();
    assert_eq!(
        (batch.descriptors().first(), batch.text()),
        (RESET, "one "),
        "it is not known whether it is another one"
    );
}

#[test]
fn a_tab_does_not_return_to_a_turn_that_its_own_has_replaced() {
    let (mut sleeper, _) = sender("a", "hi");
    sleeper.open(None);
    sleeper.delta("", "one ");
    let mut tab = tab("b");
    tab.resume();
    talk(&mut sleeper, &mut tab);
    tab.deliver();
    tab.detach();
    let call = tab.start("next");
    tab.pass(1_000);
    tab.open(None);
    tab.delta("", "two ");
    tab.deliver();
    // It wakes up, gets the lock, and delivers what it has received.
    sleeper.pass(10_000);
    sleeper.input(Input::LockLost { session: S });
    sleeper.input(Input::Locked { session: S });
    tab.posted.clear();
    tab.input(Input::LockLost { session: S });
    sleeper.posted.clear();
    talk(&mut sleeper, &mut tab);
    assert!(tab.is_pending(call) && tab.deliver().is_none());
}

#[test]
fn a_follower_learns_the_task_that_the_owner_learned() {
    let (mut owner, _) = sender("a", "hi");
    owner.open(None);
    owner.delta("", "one ");
    owner.deliver();
    let mut late = tab("b");
    let call = late.resume();
    talk(&mut owner, &mut late);
    late.deliver();
    owner.cut();
    owner.answer(200, &session(&[("user", "hi")], Some("t1")));
    owner.pass_until_asked();
    owner.open(None);
    owner.delta("", "one ");
    owner.event("", r#"{"type":"finish"}"#);
    let (text, asked) = (late.text.clone(), late.posted.len());
    talk(&mut owner, &mut late);
    late.deliver();
    let outcome = late.outcome(call).unwrap();
    assert_eq!((outcome.kind, outcome.task.as_deref()), (OutcomeKind::Finished, Some("t1")));
    assert!(!late.text[text.len()..].contains("one") && late.posted.len() == asked, "it has what the owner has");
}

#[test]
fn a_follower_recognises_the_answer_to_its_message_if_only_the_session_names_its_task() {
    let (mut tab, call) = sender("a", "mine");
    tab.input(Input::LockLost { session: S });
    tab.open(None);
    let (mut owner, _) = sender("b", "theirs");
    owner.busy_with("t1");
    owner.pass_until_asked();
    assert!(owner.is_look(), "a task's name says nothing to a tab that knows its message only");
    let mine = session(&[("user", "mine")], Some("t1"));
    owner.answer(200, &mine);
    owner.pass_until_asked();
    owner.open(None);
    talk(&mut owner, &mut tab);
    owner.delta("", "one ");
    owner.event("", r#"{"type":"finish"}"#);
    talk(&mut owner, &mut tab);
    tab.deliver();
    if tab.is_pending(call) {
        tab.input(Input::Locked { session: S });
        tab.pass_until_asked();
        tab.answer(200, &session(&[("user", "mine"), ("assistant", "one ")], None));
    }
    assert!(tab.deliver().is_none(), "it has its answer");
    assert_eq!(tab.kind(call), OutcomeKind::Finished);
}
