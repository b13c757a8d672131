//! The rows of API.md's status table that the other files do not test: the effect of each response to each kind of request, and
//! of stops, the page and the storage meanwhile.

use rejoin::client::ActiveTask;
use rejoin::client::io::{
    Config, Failure, Head, Input, Network, Origin, OutcomeKind, Page, Recovery, Replay, Request, Status,
};

use crate::harness::{Harness, S, running};

const EMPTY: &str = r#"{"messages":[],"active_stream":null}"#;

const NO_SESSION: &str = r#"{"detail":"Session not found"}"#;

fn html(status: u16) -> Head<'static> {
    Head { status, content_type: "text/html", ..Head::default() }
}

fn saved(task: &str) -> Harness {
    let mut harness = Harness::default();
    let active = ActiveTask { task: task.into(), session: S.into(), ..ActiveTask::default() };
    harness.client.set_active_task(active, harness.now);
    harness.drain();
    harness
}

/// Returns a client whose stream was cut and is being joined again.
fn rejoining() -> (Harness, u32) {
    let (mut harness, call) = Harness::streaming();
    harness.cut();
    (harness, call)
}

#[test]
fn a_join_that_is_no_event_stream_or_is_forbidden_fails_at_once() {
    for (status, code) in [(200, "NOT_EVENT_STREAM"), (403, "ACCESS_DENIED"), (400, "INVALID_REQUEST")] {
        let (mut harness, call) = rejoining();
        harness.answer_with(html(status), "<html>");
        assert_eq!((harness.kind(call), harness.code(call).as_str()), (OutcomeKind::Failed, code));
    }
}

#[test]
fn a_204_for_a_named_task_asks_how_it_ended_also_when_nothing_was_received() {
    let mut harness = Harness::default();
    let call = harness.rejoin("t1", None);
    harness.answer(204, "");
    harness.pass(1_000);
    assert!(matches!(harness.last().request, Request::Task { .. }) && harness.is_pending(call));
}

#[test]
fn a_204_for_a_resumed_task_of_which_something_came_asks_how_it_ended() {
    let mut harness = saved("t1");
    let call = harness.resume();
    harness.open(None);
    harness.preamble("t1", ["1-0", "1-1"]);
    harness.cut();
    harness.answer(204, "");
    harness.pass(1_000);
    assert!(matches!(harness.last().request, Request::Task { .. }) && harness.is_pending(call));
}

#[test]
fn a_trimmed_cursor_for_a_join_from_the_start_is_a_lost_log_and_no_loop() {
    let mut harness = Harness::default();
    harness.rejoin("t1", None);
    harness.answer(410, r#"{"detail":{"code":"CURSOR_TRIMMED"}}"#);
    harness.pass(1_000);
    assert!(harness.is_look());
}

#[test]
fn a_backend_without_ids_is_asked_for_an_exact_replay() {
    let (mut harness, _) = Harness::started(None);
    harness.preamble("t1", ["", ""]);
    harness.cut();
    assert!(matches!(harness.last().request, Request::Join { replay: Replay::Exact, .. }));
}

#[test]
fn an_incomplete_event_before_a_cut_is_dropped() {
    let (mut harness, _) = Harness::streaming();
    harness.bytes(b"id: 9-9\ndata: {\"type\":\"te");
    harness.cut();
    harness.open(Some("t1"));
    harness.delta("3-0", "two");
    harness.text.clear();
    harness.deliver();
    assert!(harness.text.starts_with("two"));
    assert_eq!(harness.client.metrics(Some(S)).malformed, 0);
}

#[test]
fn the_metrics_count_bytes_events_chunks_and_what_is_odd() {
    let (mut harness, _) = Harness::started(Some("t1"));
    let read = b"data: {\"type\":\"start\",\"taskId\":\"t1\"}\n\ndata: nope\n\ndata: {\"type\":\"odd\"}\n\n";
    harness.bytes(read);
    let metrics = harness.client.metrics(Some(S));
    assert_eq!((metrics.bytes, metrics.events, metrics.chunks), (read.len() as u64, 3, 2));
    assert_eq!((metrics.malformed, metrics.unknown, metrics.resets), (1, 1, 0));
    assert_eq!(harness.client.metrics(None), metrics);
}

#[test]
fn a_task_whose_status_is_forbidden_fails_and_one_that_is_gone_is_looked_for() {
    let (mut harness, call) = rejoining();
    harness.answer(204, "");
    harness.pass(1_000);
    harness.answer(403, "");
    assert_eq!(harness.code(call), "ACCESS_DENIED");

    let (mut harness, _) = rejoining();
    harness.answer(204, "");
    harness.pass(1_000);
    harness.answer(404, "");
    harness.pass(1_000);
    assert!(harness.is_look());
}

#[test]
fn a_lost_task_of_a_session_that_is_gone_too_is_expired() {
    for status in [404, 410] {
        let (mut harness, call) = rejoining();
        harness.answer(404, "");
        harness.pass(1_000);
        harness.answer(status, NO_SESSION);
        harness.deliver();
        assert_eq!((harness.kind(call), harness.code(call).as_str()), (OutcomeKind::Expired, "TASK_EXPIRED"));
        assert_eq!(harness.outcome(call).unwrap().error.as_ref().unwrap().recovery, Recovery::Permanent);
    }
}

#[test]
fn a_session_that_cannot_be_read_fails_the_look() {
    for (status, code) in [(200, "INVALID_RESPONSE"), (403, "ACCESS_DENIED"), (400, "INVALID_REQUEST")] {
        let mut harness = Harness::default();
        let call = harness.resume();
        harness.answer_with(html(status), "<html>");
        assert_eq!((harness.kind(call), harness.code(call).as_str()), (OutcomeKind::Failed, code));
    }
    let (mut harness, call) = rejoining();
    harness.answer(404, "");
    harness.pass(1_000);
    harness.answer_with(html(200), "<html>");
    assert_eq!(harness.code(call), "INVALID_RESPONSE", "which shows nothing about the task");
}

#[test]
fn a_session_that_the_server_does_not_know_has_nothing_to_resume() {
    for status in [404, 410] {
        let mut harness = Harness::default();
        let call = harness.resume();
        harness.answer(status, r#"{"detail":{"code":"SESSION_NOT_FOUND","message":"no"}}"#);
        assert_eq!((harness.outcome(call), harness.status()), (None, Status::Idle));
    }
}

#[test]
fn a_message_of_which_not_even_the_session_is_known_is_sent_again_unless_it_was_answered() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.fail();
    harness.pass_until_asked();
    harness.answer(404, NO_SESSION);
    harness.pass_until_asked();
    assert!(harness.is_send());
    harness.open(None);
    harness.bytes(b":");
    harness.cut();
    harness.answer(404, NO_SESSION);
    harness.pass_until_asked();
    assert!(harness.is_look());
}

#[test]
fn a_404_that_is_not_the_backends_is_no_proof_that_a_message_never_arrived() {
    let mut harness = Harness::default();
    let call = harness.start("hi");
    harness.fail();
    harness.pass_until_asked();
    harness.answer_with(html(404), "<h1>Not Found</h1>");
    harness.pass_until_asked();
    assert!(harness.is_look() && harness.is_pending(call));
    harness.answer(200, r#"{"messages":[{"role":"user","content":"hi"}],"active_stream":{"task_id":"t1"}}"#);
    harness.pass(1_000);
    assert_eq!(harness.joined().unwrap().0, "t1");
}

#[test]
fn a_lost_task_that_the_session_still_runs_is_joined_again() {
    let (mut harness, call) = rejoining();
    harness.answer(404, "");
    harness.pass(1_000);
    harness.answer(200, &running("t1"));
    harness.pass_until_asked();
    assert!(harness.is_pending(call));
    assert_eq!(harness.joined().unwrap().0, "t1");
}

#[test]
fn a_saved_task_that_is_lost_gives_way_to_the_one_that_runs() {
    let mut harness = saved("t0");
    let call = harness.resume();
    harness.answer(404, "");
    harness.pass(1_000);
    harness.answer(200, &running("t1"));
    harness.pass(1_000);
    assert!(harness.is_pending(call));
    assert_eq!(harness.joined().unwrap().0, "t1");
}

#[test]
fn a_task_that_was_watched_does_not_give_way_to_the_next_one() {
    let other = |messages: &str| format!(r#"{{"messages":[{messages}],"active_stream":{{"task_id":"t9"}}}}"#);
    let (mut harness, call) = rejoining();
    harness.answer(404, r#"{"detail":"Not Found"}"#);
    harness.pass(1_000);
    harness.answer(200, &other(r#"{"role":"user"},{"role":"assistant","content":"another's"},{"role":"user"}"#));
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Expired);

    let (mut harness, call) = rejoining();
    harness.answer(404, r#"{"detail":"Not Found"}"#);
    harness.pass(1_000);
    let ours = r#"{"role":"user"},{"role":"assistant","task_id":"t1","content":"one two"},{"role":"user"}"#;
    harness.answer(200, &other(ours));
    harness.answer_status(None);
    harness.text.clear();
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Finished);
    assert!(harness.text.contains("one two"));
}

#[test]
fn an_answer_from_the_history_is_replayed_where_a_part_of_it_was_given_before_a_reload() {
    for (last, replayed) in [("0-0", false), ("2-0", true)] {
        let mut harness = Harness::default();
        let (task, session, last) = ("t1".into(), S.into(), last.parse().unwrap());
        let active = ActiveTask { task, session, last, ..ActiveTask::default() };
        harness.client.set_active_task(active, harness.now);
        harness.drain();
        harness.resume();
        harness.answer(404, "");
        harness.pass(1_000);
        harness
            .answer(200, r#"{"messages":[{"role":"user"},{"role":"assistant","content":"one"}],"active_stream":null}"#);
        harness.answer_status(None);
        let batch = harness.deliver().unwrap();
        assert_eq!(batch.text().contains("\"replayed\":true"), replayed);
    }
}

#[test]
fn a_task_that_expired_here_is_joined_when_a_409_names_it() {
    let (mut harness, call) = rejoining();
    harness.answer(404, r#"{"detail":{"code":"TASK_NOT_FOUND","message":"Gone."}}"#);
    harness.pass_until_asked();
    harness.answer(200, EMPTY);
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Expired);
    harness.start("again");
    harness.busy_with("t1");
    harness.pass_until_asked();
    assert!(!harness.is_send(), "the server knows it after all");
}

#[test]
fn how_a_task_ended_is_asked_for_with_tries_of_its_own() {
    let (mut harness, call) = rejoining();
    harness.answer_with(html(404), "<html>");
    for _ in 0..3 {
        harness.pass_until_asked();
        harness.fail();
    }
    harness.pass_until_asked();
    harness
        .answer(200, r#"{"messages":[{"role":"user"},{"role":"assistant","content":"one two"}],"active_stream":null}"#);
    harness.pass_until_asked();
    harness.answer_with(html(404), "<html>");
    harness.pass_until_asked();
    harness.answer_status(Some("cancelled"));
    harness.deliver();
    assert_eq!(harness.kind(call), OutcomeKind::Stopped, "what failed before the session was read does not count");
}

#[test]
fn a_session_that_was_busy_and_no_longer_is_gets_the_message_again() {
    let mut harness = Harness::default();
    let call = harness.start("hi");
    harness.answer(409, "");
    harness.pass(1_000);
    assert!(harness.is_look());
    harness.answer(200, EMPTY);
    harness.pass_until_asked();
    assert!(harness.is_send());
    harness.open(Some("t1"));
    harness.finish("1-0");
    assert_eq!(harness.outcome(call).unwrap().origin, Origin::Own);
}

#[test]
fn a_message_that_arrived_and_has_no_answer_yet_is_looked_for_again_and_never_repeated() {
    let mut harness = Harness::default();
    let call = harness.start("hi");
    harness.fail();
    harness.pass_until_asked();
    harness.answer(200, r#"{"messages":[{"role":"user","id":"m1"}],"active_stream":null}"#);
    harness.pass_until_asked();
    assert!(harness.is_look() && harness.is_pending(call));
}

#[test]
fn another_message_that_runs_is_not_taken_for_a_lost_one() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.fail();
    harness.pass_until_asked();
    let other = r#"{"role":"user","id":7,"content":"another","created_at":"2100-01-01T00:00:00Z"}"#;
    harness.answer(200, &format!(r#"{{"messages":[{other}],"active_stream":{{"task_id":"t9"}}}}"#));
    harness.pass_until_asked();
    assert!(harness.is_send());
}

#[test]
fn a_task_that_was_found_has_the_whole_budget() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.fail();
    harness.pass_until_asked();
    assert_eq!(harness.client.snapshot(S).attempt, 1);
    harness.answer(200, r#"{"messages":[{"role":"user","id":"m1"}],"active_stream":{"task_id":"t1"}}"#);
    assert_eq!(harness.client.snapshot(S).attempt, 0);
}

#[test]
fn headers_that_worked_for_a_request_may_be_requested_again() {
    let mut harness = Harness::default();
    let call = harness.resume();
    harness.answer(401, "");
    harness.pass(1_000);
    harness.answer(200, &running("t1"));
    harness.pass(1_000);
    harness.answer(401, "");
    harness.pass(1_000);
    assert!(harness.is_pending(call));
    harness.answer(401, "");
    assert_eq!(harness.code(call), "UNAUTHORIZED");
}

#[test]
fn a_second_message_behind_one_that_waits_for_a_stop_is_refused() {
    let (mut harness, _) = Harness::streaming();
    harness.stop();
    let first = harness.start("first");
    let second = harness.start("second");
    assert!(harness.is_pending(first));
    assert_eq!(harness.code(second), "TASK_RUNNING");
    harness.detach();
    assert_eq!(harness.kind(first), OutcomeKind::Superseded);
}

#[test]
fn a_stop_without_a_stream_cancels_the_saved_task() {
    let mut harness = saved("t1");
    harness.stop();
    assert!(matches!(&harness.last().request, Request::Cancel { task } if task == "t1"));
}

#[test]
fn on_a_backend_without_cancel_the_stop_stays_saved_and_its_task_is_not_resumed() {
    let (mut harness, _) = Harness::streaming();
    let stop = harness.stop();
    harness.answer(404, r#"{"detail":"Not Found"}"#);
    assert_eq!((harness.outcome(stop), harness.removed.len()), (None, 0));
    let resume = harness.resume();
    harness.answer(200, &running("t1"));
    assert_eq!(harness.outcome(resume), None);
}

#[test]
fn a_stop_of_a_task_that_is_gone_leaves_nothing() {
    let (mut harness, _) = Harness::streaming();
    harness.stop();
    harness.answer(404, r#"{"detail":{"code":"TASK_NOT_FOUND","message":"gone"}}"#);
    assert_eq!(harness.removed.len(), 1);
}

#[test]
fn a_cancel_is_repeated_when_the_server_allows_and_no_sooner() {
    let (mut harness, _) = Harness::streaming();
    harness.stop();
    harness.answer_with(
        Head { status: 503, retry_after: Some(rejoin::client::io::RetryAfter::Pause(7_000)), ..Head::default() },
        "",
    );
    let refused = harness.now;
    let asked = harness.pass_until_asked().at - refused;
    assert!((7_000..9_000).contains(&asked), "{asked}");
    harness.fail();
    let failed = harness.now;
    assert!(harness.pass_until_asked().at >= failed + 250 || failed > refused + 7_250);
}

#[test]
fn a_stop_of_a_send_that_the_server_could_not_take_looks_for_its_task() {
    let mut harness = Harness::default();
    harness.start("hi");
    let stop = harness.stop_on_base();
    harness.answer(502, "");
    harness.pass(1_000);
    assert!(harness.is_look() && harness.is_pending(stop));
}

#[test]
fn a_stop_with_an_invalid_url_is_over() {
    let (mut harness, _) = Harness::streaming();
    let stop = harness.stop();
    let attempt = harness.last().attempt;
    harness.input(Input::Failed { attempt, failure: Failure::InvalidUrl(String::new()) });
    assert_eq!(harness.outcome(stop), None);
}

#[test]
fn a_stop_that_fails_while_offline_plans_nothing_until_the_network_is_back() {
    let (mut harness, _) = Harness::streaming();
    harness.stop();
    harness.network(Network::Offline);
    harness.fail();
    assert_eq!(harness.client.deadline(), None);
    harness.network(Network::Online);
    harness.pass(1_000);
    assert!(matches!(harness.last().request, Request::Cancel { .. }));
}

#[test]
fn after_close_nothing_that_waited_is_started() {
    let (mut harness, _) = Harness::streaming();
    harness.stop();
    let next = harness.start("next");
    harness.input(Input::Close);
    assert_eq!(harness.kind(next), OutcomeKind::Superseded);
    assert!(!harness.is_send() && harness.client.deadline().is_none());
}

#[test]
fn time_without_a_network_or_in_the_cache_does_not_use_up_the_window() {
    for away in [true, false] {
        let mut harness = Harness::new(Config { window: 10_000, ..Config::default() });
        let call = harness.start("hi");
        harness.open(Some("t1"));
        harness.preamble("t1", ["1-0", "1-1"]);
        harness.deliver();
        harness.fail();
        if away {
            harness.page(Page::Left)
        } else {
            harness.network(Network::Offline)
        }
        harness.now += 60_000;
        if away {
            harness.page(Page::Returned)
        } else {
            harness.network(Network::Online)
        }
        assert!(harness.joined().is_some());
        harness.fail();
        assert!(harness.is_pending(call));
    }
}

#[test]
fn a_page_that_shows_itself_offline_asks_nothing() {
    let (mut harness, _) = Harness::streaming();
    harness.network(Network::Offline);
    harness.fail();
    harness.page(Page::Returned);
    assert_eq!(harness.asked.len(), 1);
}

#[test]
fn a_page_that_leaves_saves_what_moved_and_one_that_hides_saves_nothing_else() {
    let (mut harness, _) = Harness::streaming();
    harness.pass(1_000);
    harness.delta("3-0", "two");
    harness.deliver();
    harness.delta("4-0", "three");
    harness.deliver();
    harness.page(Page::Left);
    assert!(harness.saved.last().unwrap().contains("\"last\":\"4-0\""));
    let saves = harness.saved.len();
    harness.page(Page::Hidden);
    assert_eq!((harness.saved.len(), harness.status()), (saves, Status::Reconnecting));
}

#[test]
fn a_page_that_leaves_while_its_stream_waits_saves_what_moved() {
    let (mut harness, _) = Harness::streaming();
    harness.delta("3-0", "two");
    harness.deliver();
    harness.fail();
    harness.page(Page::Left);
    assert!(harness.saved.last().unwrap().contains("\"last\":\"3-0\""));
}

#[test]
fn a_stop_saves_what_was_delivered_before_it() {
    let (mut harness, _) = Harness::streaming();
    harness.delta("3-0", "two");
    harness.deliver();
    harness.stop();
    assert!(harness.saved.last().unwrap().contains("\"last\":\"3-0\""));
}

#[test]
fn the_map_of_the_typescript_layer_loses_to_a_record_and_to_time() {
    let mut harness = saved("t1");
    let legacy = harness.client.legacy_key().to_owned();
    let map = r#"{"s":{"taskId":"old"},"x":{"taskId":"t2","startedAt":1}}"#;
    harness.now += 10_000_000;
    let active = ActiveTask { task: "t1".into(), session: S.into(), ..ActiveTask::default() };
    harness.client.set_active_task(active, harness.now);
    harness.drain();
    harness.stored_at(&legacy, Some(map));
    let tasks: Vec<&str> = harness.client.active_tasks().map(|active| active.task.as_str()).collect();
    assert_eq!(tasks, ["t1"]);
}

#[test]
fn progress_renews_the_window() {
    let mut harness = Harness::new(Config { window: 10_000, ..Config::default() });
    let call = harness.start("hi");
    harness.open(Some("t1"));
    harness.preamble("t1", ["1-0", "1-1"]);
    for nth in 2..6 {
        harness.delta(&format!("{nth}-0"), "x");
        harness.deliver();
        harness.now += 8_000;
        harness.cut();
        harness.fail();
        harness.pass_until_asked();
        assert!(harness.is_pending(call));
        harness.open(Some("t1"));
    }
}

#[test]
fn a_network_that_goes_while_a_try_waits_cancels_the_plan() {
    let (mut harness, call) = Harness::streaming();
    harness.end_of_file();
    harness.network(Network::Offline);
    harness.pass(60_000);
    assert_eq!((harness.asked.len(), harness.is_pending(call)), (1, true));

    let (mut harness, _) = Harness::streaming();
    harness.stop();
    harness.fail();
    harness.network(Network::Offline);
    assert_eq!(harness.client.deadline(), None);
}

#[test]
fn cancels_too_are_a_quarter_of_the_initial_delay_apart() {
    let (mut harness, _) = Harness::streaming();
    harness.stop();
    for _ in 0..20 {
        let before = harness.last().at;
        harness.fail();
        let gap = harness.pass_until_asked().at - before;
        assert!(gap >= 250, "{gap}");
    }
}

#[test]
fn a_rejoin_of_the_task_that_streams_shares_its_stream() {
    let (mut harness, call) = Harness::streaming();
    let rejoin = harness.rejoin("t1", None);
    assert_eq!(harness.asked.len(), 1);
    harness.finish("3-0");
    assert_eq!((harness.kind(call), harness.kind(rejoin)), (OutcomeKind::Finished, OutcomeKind::Finished));
}

#[test]
fn an_expired_task_is_not_returned() {
    let mut harness = saved("t1");
    harness.now += Config::default().task_ttl;
    harness.network(Network::Online);
    assert!(harness.client.active_task(S).is_some());
    harness.now += 1;
    harness.network(Network::Online);
    assert!(harness.client.active_task(S).is_none());
}
