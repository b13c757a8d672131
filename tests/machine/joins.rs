//! Joining a stream again: what is requested, what is known already, and what starts over (API.md, guarantees 1 and 2).

use rejoin::client::io::{Config, Head, Input, OutcomeKind, Replay, Request, Status};
use rejoin::stream::cursor::EventId;

use crate::harness::{Harness, S, running, session};

#[test]
fn a_cut_stream_is_rejoined_from_its_cursor() {
    let (mut harness, call) = Harness::streaming();
    harness.end_of_file();
    assert_eq!(harness.status(), Status::Reconnecting);
    harness.pass_until_asked();
    assert_eq!(harness.joined(), Some(("t1".into(), "2-0".into())));
    harness.open(Some("t1"));
    harness.delta("2-0", "again ");
    harness.delta("3-0", "two");
    harness.event("4-0", r#"{"type":"finish"}"#);
    harness.text.clear();
    harness.deliver();
    assert!(harness.text.starts_with("two"), "{}", harness.text);
    assert_eq!(harness.kind(call), OutcomeKind::Finished);
    let metrics = harness.client.metrics(Some(S));
    assert_eq!((metrics.duplicates, metrics.reconnects, metrics.resets), (1, 1, 0));
}

#[test]
fn a_rejoin_counts_what_was_received_though_not_yet_delivered() {
    let (mut harness, _) = Harness::streaming();
    harness.delta("3-0", "two ");
    harness.fail();
    harness.pass_until_asked();
    assert_eq!(harness.joined().unwrap().1, "3-0");
}

#[test]
fn a_cold_join_asks_for_merged_chunks_and_a_warm_one_for_exact_ones() {
    let mut harness = Harness::default();
    harness.rejoin("t1", None);
    assert!(matches!(harness.last().request, Request::Join { replay: Replay::Compact, .. }));
    harness.open(None);
    harness.delta("2-0", "one");
    harness.cut();
    assert!(matches!(harness.last().request, Request::Join { replay: Replay::Exact, .. }));
}

#[test]
fn an_explicit_cursor_is_where_the_stream_begins() {
    let mut harness = Harness::default();
    harness.rejoin("t1", Some(EventId { ms: 7, seq: 3 }));
    assert_eq!(harness.joined(), Some(("t1".into(), "7-3".into())));
    harness.open(None);
    harness.delta("8-0", "tail");
    harness.deliver();
    assert!(harness.text.starts_with("tail"), "no block is known, and that is no hole");
}

#[test]
fn a_bare_done_is_a_cut() {
    let (mut harness, call) = Harness::streaming();
    harness.bytes(b"data: [DONE]\n\n");
    assert!(harness.is_pending(call));
    assert_eq!(harness.status(), Status::Reconnecting);
    harness.pass_until_asked();
    assert_eq!(harness.joined().unwrap().1, "2-0");
}

#[test]
fn a_trimmed_log_starts_over_from_the_beginning() {
    let (mut harness, _) = Harness::streaming();
    harness.cut();
    harness.answer(410, r#"{"detail":{"code":"CURSOR_TRIMMED","task_id":"t1","first_message_id":"9-0"}}"#);
    harness.pass_until_asked();
    assert_eq!(harness.joined().unwrap().1, "0-0");
    let batch = harness.deliver().unwrap();
    assert_eq!(batch.descriptors(), [3], "listeners get the reset");
    assert_eq!(harness.client.metrics(Some(S)).resets, 1);
}

#[test]
fn a_tail_of_a_block_that_never_began_is_a_hole_and_starts_over() {
    let (mut harness, _) = Harness::streaming();
    harness.cut();
    harness.open(Some("t1"));
    harness.event("9-0", r#"{"type":"text-delta","id":"other","delta":"x"}"#);
    harness.pass_until_asked();
    assert_eq!(harness.joined().unwrap().1, "0-0");
}

#[test]
fn a_tail_that_begins_with_start_is_another_log_and_starts_over() {
    let (mut harness, _) = Harness::streaming();
    harness.cut();
    harness.open(Some("t1"));
    harness.event("9-0", r#"{"type":"start","messageId":"a1","taskId":"t1"}"#);
    harness.pass_until_asked();
    assert_eq!(harness.joined().unwrap().1, "0-0");
}

#[test]
fn without_ids_a_replay_is_aligned_by_place() {
    let (mut harness, _) = Harness::started(None);
    harness.preamble("t1", ["", ""]);
    harness.delta("", "ha");
    harness.delta("", "ha");
    harness.deliver();
    harness.cut();
    assert_eq!(harness.joined().unwrap().1, "0-0");
    harness.open(None);
    harness.preamble("t1", ["", ""]);
    ["ha", "ha", "ha", "!"].into_iter().for_each(|text| harness.delta("", text));
    harness.text.clear();
    harness.deliver();
    assert!(harness.text.starts_with("ha"), "{}", harness.text);
    assert_eq!(harness.client.metrics(Some(S)).duplicates, 4);
    assert_eq!(harness.client.metrics(Some(S)).resets, 0);
}

#[test]
fn without_ids_a_replay_that_differs_starts_over() {
    let (mut harness, _) = Harness::started(None);
    harness.preamble("t1", ["", ""]);
    harness.delta("", "one");
    harness.deliver();
    harness.cut();
    harness.open(None);
    harness.preamble("t1", ["", ""]);
    harness.delta("", "another");
    assert_eq!(harness.client.metrics(Some(S)).resets, 1);
    harness.pass_until_asked();
    assert_eq!(harness.joined().unwrap().1, "0-0");
}

#[test]
fn a_204_after_the_cursor_asks_how_the_task_ended() {
    for (status, kind) in
        [("completed", OutcomeKind::Finished), ("failed", OutcomeKind::Failed), ("cancelled", OutcomeKind::Stopped)]
    {
        let (mut harness, call) = Harness::streaming();
        harness.cut();
        harness.answer(204, "");
        harness.pass_until_asked();
        assert!(matches!(harness.last().request, Request::Task { .. }));
        harness.answer(200, &format!(r#"{{"task_id":"t1","status":"{status}"}}"#));
        assert_eq!(harness.kind(call), kind);
    }
}

#[test]
fn a_204_while_the_task_runs_joins_again() {
    let (mut harness, call) = Harness::streaming();
    harness.cut();
    harness.answer(204, "");
    harness.pass_until_asked();
    harness.answer(200, r#"{"task_id":"t1","status":"running"}"#);
    harness.pass_until_asked();
    assert!(harness.is_pending(call) && harness.joined().is_some());
}

#[test]
fn a_lost_record_with_an_answer_in_the_session_is_finished_with_its_text() {
    for status in [404, 410] {
        let (mut harness, call) = Harness::streaming();
        harness.cut();
        harness.answer(status, "");
        harness.pass_until_asked();
        assert!(harness.is_look());
        let messages = r#"{"role":"user"},{"role":"assistant","id":"a1","content":"one two three"}"#;
        harness.answer(200, &session(messages));
        harness.answer_status(None);
        harness.text.clear();
        harness.deliver();
        assert_eq!(harness.kind(call), OutcomeKind::Finished);
        assert!(harness.text.contains("one two three"));
        assert_eq!(harness.client.metrics(Some(S)).resets, 1, "half an answer is not shown as complete");
    }
}

#[test]
fn the_sender_of_a_lost_tasks_message_gets_its_answer_and_no_later_one() {
    let later = r#"{"role":"user","id":"m9","content":"other"},{"role":"assistant","content":"theirs"}"#;
    for (answer, kind) in
        [(r#"{"role":"assistant","content":"one ours"},"#, OutcomeKind::Finished), ("", OutcomeKind::Expired)]
    {
        let (mut harness, call) = Harness::streaming();
        harness.cut();
        harness.answer(404, "");
        harness.pass_until_asked();
        let messages = format!(r#"{{"role":"user","id":"m1","content":"hi"}},{answer}{later}"#);
        harness.answer(200, &session(&messages));
        if kind == OutcomeKind::Finished {
            harness.answer_status(None);
        }
        harness.deliver();
        assert_eq!(harness.kind(call), kind);
        assert!(!harness.text.contains("theirs"), "{}", harness.text);
    }
}

#[test]
fn the_server_decides_the_outcome_of_a_task_whose_answer_only_the_session_has() {
    let kinds = [
        (Some("completed"), OutcomeKind::Finished, "stream_end"),
        (Some("failed"), OutcomeKind::Failed, "error"),
        (Some("cancelled"), OutcomeKind::Stopped, "abort"),
        (None, OutcomeKind::Finished, "stream_end"),
    ];
    for (status, kind, end) in kinds {
        let (mut harness, call) = Harness::streaming();
        harness.cut();
        harness.answer(404, "");
        harness.pass_until_asked();
        let messages = r#"{"role":"user"},{"role":"assistant","content":"one two"}"#;
        harness.answer(200, &session(messages));
        assert!(harness.is_pending(call));
        harness.answer_status(status);
        harness.text.clear();
        harness.deliver();
        assert_eq!(harness.kind(call), kind);
        assert!(harness.text.contains("one two") && harness.text.contains(end), "{status:?} {}", harness.text);
    }
}

#[test]
fn a_status_that_cannot_be_asked_for_does_not_keep_an_answer_back_for_ever() {
    let (mut harness, call) = Harness::streaming();
    let since = harness.now;
    harness.cut();
    harness.answer(404, "");
    harness.pass_until_asked();
    let messages = r#"{"role":"user"},{"role":"assistant","content":"one two"}"#;
    harness.answer(200, &session(messages));
    while harness.client.take_batch(S).is_none() {
        harness.pass_until_asked();
        harness.fail();
    }
    harness.input(Input::Delivered { session: S });
    assert_eq!(harness.kind(call), OutcomeKind::Finished);
    assert!((600_000..640_000).contains(&(harness.now - since)), "{}", harness.now - since);
}

#[test]
fn a_status_that_cannot_be_asked_for_at_once_is_asked_for_again() {
    let (mut harness, call) = Harness::streaming();
    harness.cut();
    harness.answer(404, "");
    harness.pass_until_asked();
    let messages = r#"{"role":"user"},{"role":"assistant","content":"one two"}"#;
    harness.answer(200, &session(messages));
    for _ in 0..10 {
        harness.pass_until_asked();
        harness.answer(503, "");
    }
    harness.pass_until_asked();
    harness.answer_status(Some("cancelled"));
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Stopped, "only a real end is finished");
}

#[test]
fn a_proxys_answer_about_a_task_is_not_final() {
    let (mut harness, call) = Harness::streaming();
    harness.cut();
    harness.answer(404, "<html>");
    harness.pass_until_asked();
    let messages = r#"{"role":"user"},{"role":"assistant","content":"one two"}"#;
    harness.answer(200, &session(messages));
    harness.pass_until_asked();
    harness.answer(404, "<html>");
    harness.pass_until_asked();
    harness.answer_status(Some("failed"));
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Failed);
}

#[test]
fn a_backend_whose_errors_are_no_json_is_asked_for_a_status_a_few_times_only() {
    let (mut harness, call) = Harness::streaming();
    harness.cut();
    harness.answer(404, "Not Found");
    harness.pass_until_asked();
    let messages = r#"{"role":"user"},{"role":"assistant","content":"one two"}"#;
    harness.answer(200, &session(messages));
    for _ in 0..4 {
        harness.pass_until_asked();
        assert!(harness.is_pending(call));
        harness.answer(404, "Not Found");
    }
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Finished);
}

#[test]
fn a_task_that_a_proxy_does_not_find_while_another_one_runs_is_asked_for_at_the_backend() {
    let another = running("t2");
    let ends =
        [(200, r#"{"status":"completed"}"#, None), (404, r#"{"detail":"Not Found"}"#, Some(OutcomeKind::Expired))];
    for (status, body, kind) in ends {
        let (mut harness, call) = Harness::streaming();
        harness.cut();
        harness.answer(404, "<html>");
        harness.pass_until_asked();
        harness.answer(200, &another);
        harness.pass_until_asked();
        assert!(matches!(harness.last().request, Request::Task { .. }));
        harness.answer(status, body);
        harness.pass_until_asked();
        match kind {
            None => assert_eq!(harness.joined().unwrap().0, "t1", "it is there"),
            Some(kind) => {
                harness.answer(200, &another);
                assert_eq!(harness.kind(call), kind);
            }
        }
    }
}

#[test]
fn a_task_that_a_proxy_does_not_find_is_asked_for_again_and_given_up_in_the_end() {
    let another = running("t2");
    for tries in [1, 3] {
        let (mut harness, call) = Harness::streaming();
        harness.cut();
        harness.answer(404, "<html>");
        harness.pass_until_asked();
        harness.answer(200, &another);
        for _ in 0..tries {
            harness.pass_until_asked();
            assert!(matches!(harness.last().request, Request::Task { .. }) && harness.is_pending(call));
            harness.answer(404, "<html>");
        }
        if tries == 3 {
            assert_eq!(harness.kind(call), OutcomeKind::Expired);
            continue;
        }
        harness.pass_until_asked();
        harness.answer(200, r#"{"status":"running"}"#);
        harness.pass_until_asked();
        assert_eq!(harness.joined().unwrap().0, "t1");
    }
}

#[test]
fn an_answer_of_which_some_was_given_is_replayed_by_the_history_though_its_log_was_another() {
    let (mut harness, call) = Harness::started(None);
    harness.preamble("t1", ["", ""]);
    harness.delta("", "one ");
    harness.deliver();
    harness.cut();
    harness.open(None);
    harness.delta("", "two ");
    harness.deliver();
    harness.pass_until_asked();
    harness.answer(404, "");
    harness.pass_until_asked();
    let messages = r#"{"role":"user","content":"hi"},{"role":"assistant","content":"one two"}"#;
    harness.answer(200, &session(messages));
    harness.answer_status(None);
    assert!(harness.deliver().unwrap().text().contains("\"replayed\":true"));
    assert_eq!(harness.kind(call), OutcomeKind::Finished);
}

#[test]
fn an_answer_that_the_history_gave_is_replayed_when_its_log_is_given_after_all() {
    let (mut harness, _) = Harness::streaming();
    harness.cut();
    harness.answer(404, "");
    harness.pass_until_asked();
    let messages = r#"{"role":"user"},{"role":"assistant","content":"one two"}"#;
    harness.answer(200, &session(messages));
    harness.answer_status(None);
    harness.deliver();
    harness.rejoin("t1", None);
    harness.pass(1_000);
    harness.open(Some("t1"));
    harness.delta("9-0", "two");
    let batch = harness.deliver().unwrap();
    assert!(batch.descriptors().iter().any(|word| word & (1 << 9) != 0), "it is in what the history gave");
}

#[test]
fn a_lost_record_without_an_answer_is_expired() {
    let (mut harness, call) = Harness::streaming();
    harness.cut();
    harness.answer(404, "");
    harness.pass_until_asked();
    harness.answer(200, r#"{"messages":[{"role":"user"}],"active_stream":null}"#);
    assert_eq!((harness.kind(call), harness.code(call).as_str()), (OutcomeKind::Expired, "TASK_EXPIRED"));
    assert_eq!(harness.status(), Status::Error);
    assert_eq!(harness.removed.len(), 1);
}

#[test]
fn a_lost_record_of_a_lost_session_is_expired() {
    let (mut harness, call) = Harness::streaming();
    harness.cut();
    harness.answer(404, "");
    harness.pass_until_asked();
    harness.answer(404, r#"{"detail":"Session not found"}"#);
    assert_eq!(harness.kind(call), OutcomeKind::Expired);
}

#[test]
fn a_lost_record_behind_a_proxy_that_finds_nothing_is_looked_for_again() {
    let (mut harness, call) = Harness::streaming();
    harness.cut();
    harness.answer(404, "<h1>Not Found</h1>");
    harness.pass_until_asked();
    harness.answer(404, "<h1>Not Found</h1>");
    harness.pass_until_asked();
    assert!(harness.is_look() && harness.is_pending(call));
    harness.answer(200, &running("t1"));
    harness.pass_until_asked();
    assert_eq!(harness.joined().unwrap().1, "2-0");
}

#[test]
fn a_record_that_one_replica_does_not_see_yet_is_asked_for_again() {
    let (mut harness, call) = Harness::streaming();
    harness.cut();
    harness.answer(404, "");
    harness.pass_until_asked();
    harness.answer(200, &running("t1"));
    harness.pass_until_asked();
    assert!(harness.is_pending(call));
    assert_eq!(harness.joined().unwrap().1, "2-0");
}

#[test]
fn a_resume_takes_the_saved_task() {
    let (mut first, _) = Harness::streaming();
    first.pass(300);
    let saved = first.saved.last().unwrap().clone();
    let mut second = Harness::default();
    second.stored(Some(&saved));
    second.input(Input::Restored);
    second.resume();
    assert_eq!(second.joined(), Some(("t1".into(), "0-0".into())), "the page lost what it had");
    second.open(Some("t1"));
    second.preamble("t1", ["1-0", "1-1"]);
    second.delta("2-0", "one ");
    second.delta("3-0", "two ");
    let batch = second.deliver().unwrap();
    const REPLAYED: u32 = 1 << 9;
    let flags: Vec<bool> =
        batch.descriptors().iter().filter(|word| **word >= 256).map(|word| word & REPLAYED != 0).collect();
    assert_eq!(flags, [true, false], "one came before the reload, two did not");
}

#[test]
fn a_resume_without_a_saved_task_takes_what_the_session_runs() {
    let mut harness = Harness::default();
    let call = harness.resume();
    assert!(harness.is_look());
    harness.answer(200, r#"{"active_stream":{"task_id":"t5","tool_name":"search","operation_id":"o1"}}"#);
    harness.pass(1_000);
    assert_eq!(harness.joined().unwrap().0, "t5");
    assert!(harness.is_pending(call));
    let task = harness.client.active_task(S).unwrap();
    assert_eq!((task.tool.as_str(), task.operation.as_str()), ("search", "o1"));
}

#[test]
fn a_resume_of_a_session_without_a_running_task_resumes_nothing() {
    let mut harness = Harness::default();
    let call = harness.resume();
    harness.answer(200, r#"{"messages":[],"active_stream":null}"#);
    assert_eq!(harness.outcome(call), None);
    assert_eq!(harness.status(), Status::Idle);
}

#[test]
fn a_resume_that_is_answered_204_resumes_nothing_and_removes_the_record() {
    let (mut first, _) = Harness::streaming();
    first.pass(300);
    let mut second = Harness::default();
    second.stored(first.saved.last().map(String::as_str));
    let call = second.resume();
    second.answer(204, "");
    assert_eq!(second.outcome(call), None);
    assert_eq!(second.removed, [second.client.record_key(S)]);
}

#[test]
fn a_resume_while_the_stream_runs_shares_its_outcome() {
    let (mut harness, first) = Harness::streaming();
    let second = harness.resume();
    harness.finish("3-0");
    assert_eq!(harness.outcome(first), harness.outcome(second));
    assert_eq!(harness.asked.len(), 1);
}

#[test]
fn another_task_supersedes_the_one_that_streams() {
    let (mut harness, first) = Harness::streaming();
    harness.rejoin("t2", None);
    assert_eq!(harness.kind(first), OutcomeKind::Superseded);
    harness.pass(1_000);
    assert_eq!(harness.joined().unwrap().0, "t2");
}

#[test]
fn a_known_task_is_tried_for_the_window_and_stays_saved() {
    let (mut harness, call) = Harness::streaming();
    harness.end_of_file();
    let since = harness.now;
    while harness.is_pending(call) {
        harness.pass_until_asked();
        harness.fail();
    }
    assert_eq!((harness.kind(call), harness.code(call).as_str()), (OutcomeKind::Failed, "NETWORK_ERROR"));
    assert!((600_000..640_000).contains(&(harness.now - since)), "{}", harness.now - since);
    assert!(harness.client.active_task(S).is_some());
    assert!(harness.removed.is_empty());
}

#[test]
fn a_budget_of_retries_is_renewed_by_progress_only() {
    let mut harness = Harness::new(Config { max_retries: Some(2), ..Config::default() });
    let call = harness.rejoin("t1", None);
    for id in ["1-0", "2-0", "3-0", "4-0"] {
        harness.open(None);
        harness.event(id, r#"{"type":"start-step"}"#);
        harness.cut();
    }
    assert!(harness.is_pending(call));
    harness.fail();
    harness.pass_until_asked();
    harness.open(None);
    harness.bytes(b": heartbeat 15000\n\n");
    harness.end_of_file();
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Failed);
}

#[test]
fn a_retry_field_is_a_floor_for_every_rejoin() {
    let (mut harness, _) = Harness::streaming();
    harness.bytes(b"retry: 5000\n\n");
    harness.end_of_file();
    let before = harness.now;
    assert!(harness.pass_until_asked().at - before >= 5_000);
}

#[test]
fn an_event_beyond_the_limit_is_an_error() {
    let (mut harness, call) = Harness::streaming();
    let big = vec![b'x'; 17 * 1024 * 1024];
    harness.bytes(b"data: ");
    harness.bytes(&big);
    assert_eq!(harness.code(call), "EVENT_TOO_LARGE");
}

#[test]
fn an_answer_to_an_old_request_is_ignored() {
    let (mut harness, call) = Harness::streaming();
    let old = harness.last().attempt;
    harness.cut();
    harness.input(Input::Bytes { attempt: old, bytes: b"data: {\"type\":\"finish\"}\n\n" });
    harness.input(Input::Answered { attempt: old, head: Head { status: 403, ..Head::default() }, body: None });
    assert!(harness.is_pending(call));
}

#[test]
fn a_resume_without_a_task_resets_nothing() {
    let (mut harness, _) = Harness::streaming();
    harness.detach();
    let call = harness.resume();
    harness.pass(1_000);
    harness.answer(204, "");
    assert_eq!(harness.outcome(call), None);
    assert!(harness.client.take_batch(S).is_none());
}
