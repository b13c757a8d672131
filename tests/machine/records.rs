//! The saved task: never ahead of delivery, one record per session, only ids, counts and times (guarantee 4).

use rejoin::client::ActiveTask;
use rejoin::client::io::{Config, Input, OutcomeKind};

use crate::harness::{Harness, S};

fn last_of(text: &str) -> String {
    let record: serde_json::Value = serde_json::from_str(text).unwrap();
    record["last"].as_str().unwrap().to_owned()
}

#[test]
fn the_first_save_is_made_as_soon_as_the_task_is_known() {
    let mut harness = Harness::default();
    harness.start("hi");
    assert!(harness.saved.is_empty());
    harness.open(Some("t1"));
    assert_eq!(harness.saved.len(), 1);
    assert_eq!(harness.client.active_task(S).unwrap().task, "t1");
}

#[test]
fn the_saved_cursor_waits_for_the_delivery() {
    let (mut harness, _) = Harness::streaming();
    harness.delta("3-0", "two");
    harness.pass(1_000);
    assert_eq!(last_of(harness.saved.last().unwrap()), "2-0");
    let batch = harness.client.take_batch(S);
    assert!(batch.is_some());
    harness.pass(1_000);
    assert_eq!(last_of(harness.saved.last().unwrap()), "2-0", "taken is not delivered");
    harness.input(Input::Delivered { session: S });
    harness.pass(250);
    assert_eq!(last_of(harness.saved.last().unwrap()), "3-0");
}

#[test]
fn a_moving_cursor_is_saved_at_most_every_quarter_of_a_second() {
    let (mut harness, _) = Harness::streaming();
    let before = harness.saved.len();
    for id in 3..103 {
        harness.delta(&format!("{id}-0"), "x");
        harness.deliver();
        harness.pass(10);
    }
    let saves = harness.saved.len() - before;
    assert!((3..=5).contains(&saves), "{saves}");
}

#[test]
fn a_reload_during_a_replay_keeps_what_was_saved_before() {
    let (mut first, _) = Harness::streaming();
    first.delta("9-0", "far");
    first.deliver();
    first.pass(300);
    let mut second = Harness::default();
    second.stored(first.saved.last().map(String::as_str));
    second.resume();
    second.open(Some("t1"));
    second.preamble("t1", ["1-0", "1-1"]);
    second.deliver();
    second.detach();
    assert_eq!(last_of(second.saved.last().unwrap()), "9-0");
}

#[test]
fn saved_tasks_can_be_read_written_and_cleared() {
    let mut harness = Harness::default();
    let task = ActiveTask { task: "t1".into(), session: S.into(), started: 5, ..ActiveTask::default() };
    harness.client.set_active_task(task.clone(), harness.now);
    assert_eq!(harness.client.active_task(S), Some(&task));
    harness.client.update_cursor(S, "7-1".parse().unwrap(), harness.now);
    assert_eq!(harness.client.active_task(S).unwrap().last, "7-1".parse().unwrap());
    assert_eq!(harness.client.active_tasks().count(), 1);
    harness.client.clear_active_task(S);
    assert_eq!(harness.client.active_tasks().count(), 0);
    harness.client.update_cursor(S, "8-1".parse().unwrap(), harness.now);
    assert_eq!(harness.client.active_tasks().count(), 0);
}

#[test]
fn an_expired_a_corrupt_and_a_foreign_record_are_dropped() {
    let mut harness = Harness::new(Config { task_ttl: 10_000, ..Config::default() });
    let (mut other, _) = Harness::streaming();
    other.pass(300);
    let good = other.saved.last().unwrap().clone();
    let key = harness.client.record_key(S);
    harness.now += 20_000;
    for value in [good.as_str(), "{", "{\"v\":99}"] {
        harness.stored_at(&key, Some(value));
        assert!(harness.client.active_task(S).is_none());
    }
    assert_eq!(harness.removed.len(), 3);
    assert_eq!(harness.client.metrics(None).dropped_records, 3);
    assert_eq!(harness.client.metrics(Some(S)).dropped_records, 3);
    assert_eq!(harness.client.metrics(Some("another session")).dropped_records, 0);
    harness.stored_at("another app's key", Some("x"));
    assert_eq!(harness.removed.len(), 3);
}

#[test]
fn a_record_that_was_written_before_the_clock_was_set_back_lives_on_from_now() {
    let mut harness = Harness::new(Config { task_ttl: 10_000, ..Config::default() });
    let (mut other, _) = Harness::streaming();
    other.now += 20_000;
    other.delta("9-0", "x");
    other.deliver();
    other.pass(300);
    harness.stored(other.saved.last().map(String::as_str));
    assert_eq!(harness.client.active_task(S).unwrap().task, "t1");
    let written: serde_json::Value = serde_json::from_str(harness.saved.last().unwrap()).unwrap();
    assert_eq!(written["saved"], harness.now, "or it would never expire");
    harness.pass(10_001);
    harness.input(Input::Timeout);
    assert!(harness.client.active_task(S).is_none());
}

#[test]
fn a_stop_is_remembered_though_the_clock_was_set_back() {
    let mut other = Harness::new(Config { task_ttl: 10_000, ..Config::default() });
    other.now += 20_000;
    other.rejoin("t1", None);
    other.stop();
    let mut harness = Harness::new(Config { task_ttl: 10_000, ..Config::default() });
    harness.stored(other.saved.last().map(String::as_str));
    let rejoin = harness.rejoin("t1", None);
    assert_eq!(harness.kind(rejoin), OutcomeKind::Stopped);
}

#[test]
fn the_record_of_another_user_is_left_to_that_user() {
    let mut harness = Harness::new(Config { user_key: "ann".into(), ..Config::default() });
    let ben = Harness::new(Config { user_key: "ben".into(), ..Config::default() });
    let (mut other, _) = Harness::streaming();
    other.pass(300);
    let (key, value) = (ben.client.record_key(S), other.saved.last().map(String::as_str));
    harness.stored_at(&key, value);
    assert!(harness.client.active_task(S).is_none());
    assert!(harness.removed.is_empty());
}

#[test]
fn the_map_of_the_typescript_layer_is_taken_over_once() {
    let mut harness = Harness::default();
    let legacy = harness.client.legacy_key().to_owned();
    let text = r#"{"s":{"taskId":"t1","sessionId":"s","operationId":"","toolName":"","lastMessageId":"0","startedAt":999000},
        "old":{"taskId":"t0","startedAt":1}}"#;
    harness.now = 10_000_000;
    let text = text.replace("999000", "9999000");
    harness.stored_at(&legacy, Some(&text));
    assert_eq!(harness.client.active_tasks().map(|task| task.task.as_str()).collect::<Vec<_>>(), ["t1"]);
    assert_eq!(harness.removed, [legacy]);
}

#[test]
fn a_record_that_another_tab_removes_is_gone_here() {
    let mut harness = Harness::default();
    let task = ActiveTask { task: "t1".into(), session: S.into(), ..ActiveTask::default() };
    harness.client.set_active_task(task, harness.now);
    harness.stored(None);
    assert!(harness.client.active_task(S).is_none());
}
