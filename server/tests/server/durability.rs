//! Tasks and sessions survive restarts, kill -9 and SIGTERM. The server is a process of its own here.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;

use crate::process::Process;
use crate::support::{json_of, kinds, stored_text, text};

fn embedded(folder: &tempfile::TempDir) -> String {
    format!("embedded:{}", folder.path().join("store.redb").display())
}

#[tokio::test]
async fn what_was_answered_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&embedded(&folder), &[]);
    let session = process.server.session().await;
    let stream = process.server.send(&session, "/tokens 20 /rate 0 /tool weather").await;
    let task = stream.task();
    let all = stream.whole().await;
    let before = process.server.show(&format!("/sessions/{session}")).await;
    drop(process);
    let process = Process::start(&embedded(&folder), &[]);
    assert_eq!(process.server.show(&format!("/sessions/{session}")).await, before);
    assert_eq!(process.server.join(&task, "0").await.whole().await, all);
}

#[tokio::test]
async fn after_kill_nothing_that_a_client_got_is_lost_and_the_task_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&embedded(&folder), &["--lease-ms", "500"]);
    let session = process.server.session().await;
    let mut stream = process.server.send(&session, "/tokens 5000 /rate 500").await;
    let task = stream.task();
    let seen = stream.take(200).await;
    drop(process);
    let process = Process::start(&embedded(&folder), &["--lease-ms", "500"]);
    let begun = Instant::now();
    let rest = process.server.join(&task, &seen[199].id).await.whole().await;
    assert!(begun.elapsed() < Duration::from_millis(2500));
    assert_eq!(kinds(&rest)[rest.len() - 2..], ["error", "finish"]);
    assert_eq!(rest[rest.len() - 2].value["code"], "INTERRUPTED");
    let all = process.server.join(&task, "0").await.whole().await;
    assert_eq!(all[..200], seen);
    let shown = process.server.show(&format!("/sessions/{session}")).await;
    assert_eq!(stored_text(&shown), text(&all));
    assert!(shown["active_stream"].is_null());
    assert_eq!(process.server.show(&format!("/tasks/{task}")).await["status"], "failed");
}

#[tokio::test]
async fn a_waiting_operation_survives_kill_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&embedded(&folder), &["--lease-ms", "200"]);
    let session = process.server.session().await;
    let mut stream = process.server.send(&session, "/operation deploy /tokens 2 /rate 0").await;
    let task = stream.task();
    let chunks = stream.until("tool-output-available").await;
    let operation = chunks.last().unwrap().value["output"]["operation_id"].as_str().unwrap().to_owned();
    drop(process);
    let process = Process::start(&embedded(&folder), &["--lease-ms", "200"]);
    let mut joined = process.server.join(&task, &chunks.last().unwrap().id).await;
    let complete = process.server.post(&format!("/operations/{operation}/complete"));
    let body = json!({"success": true, "result": "done"});
    json_of(complete.header("x-api-key", "k").json(&body), StatusCode::OK).await;
    let rest = joined.rest().await;
    assert_eq!(kinds(&rest), ["tool-output-available", "text-start", "text-delta", "text-delta", "text-end", "finish"]);
}

#[tokio::test]
async fn at_the_signal_to_end_what_runs_is_written_and_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(&embedded(&folder), &[]);
    let session = process.server.session().await;
    let mut stream = process.server.send(&session, "/tokens 100 /rate 50").await;
    let task = stream.task();
    let mut all = stream.take(20).await;
    process.signal("TERM");
    all.extend(stream.rest().await);
    assert!(stream.is_done(), "there is no other process that has this store");
    assert_eq!(kinds(&all).iter().filter(|kind| **kind == "text-delta").count(), 100);
    assert_eq!(process.exit_code().await, Some(0));
    let process = Process::start(&embedded(&folder), &[]);
    assert_eq!(process.server.show(&format!("/tasks/{task}")).await["status"], "completed");
    assert_eq!(process.server.join(&task, "0").await.whole().await, all);
}

#[tokio::test]
async fn what_still_runs_when_the_time_to_drain_is_over_fails_and_the_process_exits_with_zero() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(&embedded(&folder), &["--drain-seconds", "1"]);
    let session = process.server.session().await;
    let mut stream = process.server.send(&session, "/tokens 5000 /rate 100").await;
    let task = stream.task();
    stream.take(20).await;
    let begun = Instant::now();
    process.signal("TERM");
    // There is no other process to rejoin at, so readers stay to the end.
    let rest = stream.rest().await;
    assert!(stream.is_done());
    assert_eq!(kinds(&rest)[rest.len() - 2..], ["error", "finish"]);
    assert_eq!(process.exit_code().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5));
    let process = Process::start(&embedded(&folder), &[]);
    assert_eq!(process.server.show(&format!("/tasks/{task}")).await["status"], "failed");
    let all = process.server.join(&task, "0").await.whole().await;
    assert_eq!(all[all.len() - 2].value["code"], "INTERRUPTED");
    assert_eq!(stored_text(&process.server.show(&format!("/sessions/{session}")).await), text(&all));
}
