//! Stalls, the network and the page: a live stream is left alone, and a dead one is joined again at once.

use rejoin::client::io::{Config, Head, Input, Network, OutcomeKind, Page, Status};

use crate::harness::{Harness, S};

#[test]
fn silence_beyond_three_announced_heartbeats_is_a_stall() {
    let (mut harness, _) = Harness::streaming();
    harness.bytes(b": heartbeat 1000\n\n");
    harness.pass(2_999);
    assert_eq!(harness.status(), Status::Streaming);
    harness.pass(1);
    assert_eq!(harness.status(), Status::Stalled);
    harness.pass(1_000);
    assert_eq!(harness.joined().unwrap().1, "2-0");
    assert_eq!(harness.aborted.len(), 1);
}

#[test]
fn heartbeats_keep_a_stream_alive() {
    let (mut harness, _) = Harness::streaming();
    harness.bytes(b": heartbeat 1000\n\n");
    for _ in 0..100 {
        harness.pass(2_500);
        harness.bytes(b": heartbeat\n\n");
    }
    assert_eq!((harness.status(), harness.asked.len()), (Status::Streaming, 1));
}

#[test]
fn without_an_announcement_45_seconds_of_silence_are_a_stall() {
    let mut harness = Harness::default();
    harness.rejoin("t1", None);
    harness.open(None);
    harness.pass(44_999);
    assert_eq!(harness.status(), Status::Streaming);
    harness.pass(2_000);
    assert_eq!(harness.asked.len(), 2);
}

#[test]
fn a_stall_timeout_of_the_app_outweighs_the_announcement() {
    let mut harness = Harness::new(Config { stall_timeout: Some(10_000), ..Config::default() });
    harness.rejoin("t1", None);
    harness.open(None);
    harness.bytes(b": heartbeat 1000\n\n");
    harness.pass(9_999);
    assert_eq!((harness.status(), harness.asked.len()), (Status::Streaming, 1));
    harness.pass(2_000);
    assert_eq!(harness.asked.len(), 2);
}

#[test]
fn a_request_without_a_response_is_given_up() {
    let mut harness = Harness::default();
    harness.start("hi");
    harness.pass(44_999);
    assert!(harness.aborted.is_empty());
    harness.pass(1);
    assert_eq!(harness.aborted.len(), 1);
    harness.pass_until_asked();
    assert!(harness.is_look());
}

#[test]
fn bytes_that_waited_behind_a_late_timer_are_no_stall() {
    let (mut harness, _) = Harness::streaming();
    harness.bytes(b": heartbeat 1000\n\n");
    harness.now += 60_000;
    harness.input(Input::Timeout);
    assert_eq!(harness.status(), Status::Stalled);
    harness.delta("3-0", "was there all the time");
    assert_eq!(harness.status(), Status::Streaming);
    harness.pass(1_000);
    assert_eq!(harness.asked.len(), 1);
}

#[test]
fn offline_waits_for_online_and_that_time_does_not_count() {
    let (mut harness, call) = Harness::streaming();
    harness.network(Network::Offline);
    harness.fail();
    harness.pass(10_000_000);
    assert!(harness.is_pending(call));
    assert_eq!(harness.asked.len(), 1);
    harness.network(Network::Online);
    assert_eq!(harness.joined().unwrap().1, "2-0");
}

#[test]
fn after_online_a_live_stream_sends_a_byte_within_one_heartbeat() {
    let (mut harness, _) = Harness::streaming();
    harness.bytes(b": heartbeat 10000\n\n");
    harness.network(Network::Offline);
    harness.network(Network::Online);
    harness.pass(10_000);
    assert_eq!(harness.status(), Status::Stalled);
    harness.pass(300);
    assert_eq!(harness.asked.len(), 2);
}

#[test]
fn a_page_that_returns_rejoins_a_dead_stream_at_once_and_leaves_a_living_one() {
    let (mut harness, _) = Harness::streaming();
    harness.page(Page::Hidden);
    harness.pass(10_000);
    harness.page(Page::Shown);
    assert_eq!(harness.asked.len(), 1);
    harness.page(Page::Hidden);
    harness.now += 50_000;
    harness.page(Page::Shown);
    assert_eq!(harness.asked.len(), 2);
}

#[test]
fn a_page_that_returns_does_not_wait_out_its_own_backoff_but_the_servers() {
    let (mut harness, _) = Harness::streaming();
    for _ in 0..6 {
        harness.cut();
    }
    harness.pass(10_000);
    harness.fail();
    harness.page(Page::Shown);
    let asked = harness.asked.len();
    assert_eq!(harness.last().at, harness.now);
    let head =
        Head { status: 503, retry_after: Some(rejoin::client::io::RetryAfter::Pause(20_000)), ..Head::default() };
    harness.answer_with(head, "");
    harness.pass(1_000);
    harness.page(Page::Shown);
    harness.pass(18_000);
    assert_eq!(harness.asked.len(), asked);
}

#[test]
fn a_hidden_page_saves_at_once_and_keeps_its_stream() {
    let (mut harness, _) = Harness::streaming();
    harness.pass(300);
    harness.delta("3-0", "two");
    harness.deliver();
    harness.pass(10);
    harness.delta("4-0", "three");
    harness.deliver();
    harness.page(Page::Hidden);
    assert!(harness.saved.last().unwrap().contains("\"last\":\"4-0\""));
    assert!(harness.aborted.is_empty());
}

#[test]
fn a_page_that_leaves_lets_its_stream_go_and_rejoins_when_it_returns() {
    let (mut harness, call) = Harness::streaming();
    harness.page(Page::Left);
    assert_eq!(harness.aborted.len(), 1);
    harness.pass(5_000);
    assert_eq!(harness.asked.len(), 1);
    harness.page(Page::Returned);
    assert_eq!(harness.joined().unwrap().1, "2-0");
    assert!(harness.is_pending(call));
}

#[test]
fn attempts_are_a_quarter_of_the_initial_delay_apart_whatever_the_server_does() {
    let (mut harness, _) = Harness::streaming();
    for round in 0..200 {
        harness.end_of_file();
        harness.page(Page::Shown);
        harness.network(Network::Online);
        harness.pass_until_asked();
        harness.open(Some("t1"));
        harness.delta(&format!("{}-0", round + 3), "x");
    }
    assert!(harness.asked.windows(2).all(|pair| pair[1].at - pair[0].at >= 250));
}

#[test]
fn a_silent_but_healthy_stream_does_not_use_up_its_window() {
    let (mut harness, call) = Harness::streaming();
    for _ in 0..10 {
        harness.bytes(b": heartbeat 15000\n\n");
        for _ in 0..30 {
            harness.pass(10_000);
            harness.bytes(b": heartbeat\n\n");
        }
        harness.cut();
        harness.open(Some("t1"));
    }
    assert!(harness.is_pending(call), "an operation of an hour behind a proxy that cuts every five minutes");
}

#[test]
fn time_that_runs_back_is_ignored() {
    let (mut harness, _) = Harness::streaming();
    harness.bytes(b": heartbeat 1000\n\n");
    let deadline = harness.client.deadline();
    harness.now = 5;
    harness.input(Input::Timeout);
    assert_eq!(harness.client.deadline(), deadline);
    assert_eq!(harness.status(), Status::Streaming);
}

#[test]
fn a_stream_that_fails_for_good_says_so_in_the_snapshot() {
    let mut harness = Harness::default();
    let call = harness.start("hi");
    harness.answer(403, "");
    let snapshot = harness.client.snapshot(S);
    assert_eq!(harness.kind(call), OutcomeKind::Failed);
    assert_eq!((snapshot.status, snapshot.error.unwrap().code.as_str()), (Status::Error, "ACCESS_DENIED"));
}

#[test]
fn the_snapshot_contains_the_time_of_the_next_try() {
    let (mut harness, _) = Harness::streaming();
    harness.end_of_file();
    let snapshot = harness.client.snapshot(S);
    assert_eq!(snapshot.attempt, 1);
    let retry_at = snapshot.retry_at.unwrap();
    assert_eq!(harness.pass_until_asked().at, retry_at);
    assert_eq!(snapshot.task.as_deref(), Some("t1"));
}

#[test]
fn a_clients_memory_does_not_grow_with_streams_cuts_and_stops() {
    let mut harness = Harness::new(Config { max_retries: Some(1), ..Config::default() });
    let mut footprints = Vec::new();
    for round in 0..600 {
        let task = format!("task-{round:04}");
        harness.start("hi");
        harness.pass(1_000);
        harness.open(Some(&task));
        let block = format!("block-{round:04}");
        for frame in 0..40 {
            harness.event(
                if round % 2 == 0 { "" } else { "1-1" },
                &format!(r#"{{"type":"text-delta","id":"{block}","delta":"{frame}"}}"#),
            );
        }
        harness.deliver();
        match round % 4 {
            0 => harness.event("", r#"{"type":"finish"}"#),
            1 => {
                harness.stop();
                harness.answer(404, "");
            }
            2 => harness.detach(),
            _ => {
                harness.cut();
                harness.fail();
            }
        }
        harness.deliver();
        assert!(!harness.client.is_live(S));
        footprints.push(harness.client.footprint());
    }
    let [early, late] = [&footprints[100..200], &footprints[500..]].map(|rounds| rounds.iter().max().unwrap());
    assert!(late <= early && *early < 64 * 1024, "{early} then {late}");
}

#[test]
fn a_forgotten_session_keeps_its_task_and_begins_without_a_reset() {
    let (mut harness, call) = Harness::streaming();
    harness.deliver();
    harness.input(Input::Forget { session: S });
    assert_eq!(harness.kind(call), OutcomeKind::Superseded);
    assert_eq!(harness.client.snapshot(S), rejoin::client::session::Snapshot::default());
    assert_eq!(harness.client.active_task(S).map(|task| task.task.as_str()), Some("t1"));
    harness.resume();
    harness.pass(1_000);
    harness.open(None);
    harness.preamble("t1", ["1-0", "1-1"]);
    let batch = harness.deliver().unwrap();
    assert_ne!(batch.descriptors().first(), Some(&3), "nobody holds anything that would be void");
}

#[test]
fn a_session_that_is_forgotten_while_its_stop_is_under_way_is_still_stopped() {
    let (mut harness, _) = Harness::streaming();
    let stop = harness.stop();
    harness.input(Input::Forget { session: S });
    assert!(harness.is_pending(stop));
    harness.answer(200, "{}");
    assert_eq!(harness.outcome(stop), None);
}

#[test]
fn a_stream_that_broke_is_not_joined_again_before_the_page_can_say_that_it_is_left() {
    for seed in 0..50 {
        let mut harness = Harness::new(Config { seed, ..Config::default() });
        harness.start("hi");
        harness.open(Some("t1"));
        harness.preamble("t1", ["1-0", "1-1"]);
        harness.pass(5_000);
        harness.fail();
        harness.pass(249);
        assert_eq!(harness.asked.len(), 1, "seed {seed}");
        harness.page(Page::Left);
        harness.pass(5_000);
        assert_eq!(harness.asked.len(), 1);
    }
}

#[test]
fn a_pause_that_the_server_asked_for_outlasts_a_time_without_a_network() {
    let (mut harness, _) = Harness::streaming();
    harness.cut();
    harness.answer_with(
        Head { status: 503, retry_after: Some(rejoin::client::io::RetryAfter::Pause(60_000)), ..Head::default() },
        "",
    );
    let asked = harness.asked.len();
    harness.network(Network::Offline);
    harness.pass(5_000);
    harness.network(Network::Online);
    harness.pass(54_000);
    assert_eq!(harness.asked.len(), asked);
    harness.pass(20_000);
    assert!(harness.asked.len() > asked);
}
