//! Failovers from a master to its replica that lose writes, and entries that an operator removes.

use std::time::{Duration, Instant};

use redis::AsyncCommands;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::proxy::Proxy;
use crate::redis::Redis;
use crate::support::{Chunk, PATIENCE, Stream, TestServer, error_of, json_of, kinds, stored_text, text};
use crate::switch::Switch;

const FLAGS: [&str; 4] = ["--lease-ms", "1000", "--internal-api-key", "k"];

async fn command(redis: &Redis, words: &[&str]) {
    let mut connection = redis.connection().await.unwrap();
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]).query_async::<()>(&mut connection).await.unwrap();
}

/// A master, its replica, and a server that reaches either of them through a switch.
struct Pair {
    master: Redis,
    replica: Redis,
    switch: Switch,
    server: TestServer,
    session: String,
}

impl Pair {
    async fn start() -> Self {
        let (master, replica) = (Redis::start().await, Redis::start().await);
        command(&replica, &["REPLICAOF", "127.0.0.1", &master.port().to_string()]).await;
        replica.has_synced().await;
        let switch = Switch::to(master.port()).await;
        let server = TestServer::over(&switch.url(), &FLAGS).await;
        let session = server.session().await;
        Self { master, replica, switch, server, session }
    }

    async fn send(&self, message: &str) -> Stream {
        self.server.send(&self.session, message).await
    }

    /// Stops the replication: the replica lacks all later writes.
    async fn part(&self) {
        command(&self.replica, &["REPLICAOF", "NO", "ONE"]).await;
    }

    /// Stops the master and leads the server to the replica.
    fn fail_over(&mut self) {
        self.switch.turn(self.replica.port());
        self.master.stop();
    }

    /// Reads a task to its end. It rejoins where a stream is cut, and begins anew where entries are gone.
    async fn follow(&self, mut stream: Stream, mut seen: Vec<Chunk>) -> Vec<Chunk> {
        let task = stream.task();
        let reading = async {
            loop {
                seen.extend(stream.rest().await);
                if stream.is_done() {
                    return seen;
                }
                stream = self.server.rejoin(&task, &mut seen).await;
            }
        };
        tokio::time::timeout(PATIENCE * 2, reading).await.expect("the task does not end")
    }

    /// Checks that the session has the streamed answer, and returns the session.
    async fn check_stored(&self, all: &[Chunk]) -> Value {
        let shown = self.server.show(&format!("/sessions/{}", self.session)).await;
        assert_eq!((stored_text(&shown), &shown["active_stream"]), (text(all), &Value::Null));
        shown
    }

    /// Checks that the task is completed, and that a replay and the session have the streamed answer.
    async fn check_completed(&self, task: &str, all: &[Chunk]) {
        assert_eq!(self.server.show(&format!("/tasks/{task}")).await["status"], "completed");
        assert_eq!(self.server.join(task, "0-0").await.whole().await, all);
        self.check_stored(all).await;
    }
}

fn deltas(chunks: &[Chunk]) -> usize {
    kinds(chunks).iter().filter(|kind| **kind == "text-delta").count()
}

#[tokio::test]
async fn a_live_answer_is_whole_after_a_failover_that_lost_its_newest_entries() {
    let mut pair = Pair::start().await;
    let mut stream = pair.send("/tokens 200 /rate 100").await;
    let task = stream.task();
    let mut seen = stream.take(20).await;
    pair.part().await;
    seen.extend(stream.take(30).await);
    pair.fail_over();
    let all = pair.follow(stream, seen).await;
    assert_eq!(deltas(&all), 200);
    pair.check_completed(&task, &all).await;
}

#[tokio::test]
async fn a_task_that_a_failover_lost_as_a_whole_is_begun_again_by_its_writer() {
    let mut pair = Pair::start().await;
    pair.send("/tokens 1 /rate 0").await.whole().await;
    pair.part().await;
    let mut stream = pair.send("/tokens 200 /rate 100").await;
    let seen = stream.take(20).await;
    pair.fail_over();
    let all = pair.follow(stream, seen).await;
    assert_eq!(deltas(&all), 200);
    assert_eq!(pair.check_stored(&all).await["messages"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn an_end_that_a_failover_lost_after_it_was_acknowledged_is_written_again() {
    let mut pair = Pair::start().await;
    let mut stream = pair.send("/tokens 60 /rate 100").await;
    let task = stream.task();
    let mut all = stream.take(20).await;
    pair.part().await;
    all.extend(stream.rest().await);
    assert!(stream.is_done());
    pair.fail_over();
    let path = format!("/tasks/{task}");
    let ending = async {
        loop {
            let response = pair.server.get(&path).send().await.unwrap();
            let is_away = response.status() == 503;
            let shown: Value = response.json().await.unwrap();
            if !is_away && shown["status"] != "running" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ending).await.unwrap();
    pair.check_completed(&task, &all).await;
    let nothing_more = pair.server.get(&format!("{path}/stream?last_message_id={}", all.last().unwrap().id));
    assert_eq!(nothing_more.send().await.unwrap().status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_task_whose_waiting_a_failover_lost_waits_again_and_takes_its_completion() {
    let mut pair = Pair::start().await;
    let mut stream = pair.send("/reasoning /operation deploy /tokens 3 /rate 50").await;
    let (task, mut seen) = (stream.task(), stream.until("reasoning-delta").await);
    pair.part().await;
    seen.extend(stream.until("tool-output-available").await);
    let operation = seen.last().unwrap().value["output"]["operation_id"].clone();
    pair.fail_over();
    let completion = json!({"operation_id": operation, "task_id": task, "success": true, "result": "done"});
    let mut connection = pair.replica.connection().await.unwrap();
    connection.xadd::<_, _, _, _, ()>("rejoin:completions", "*", &[("data", completion.to_string())]).await.unwrap();
    let all = pair.follow(stream, seen).await;
    let outputs: Vec<&Value> =
        all.iter().map(|chunk| &chunk.value["output"]).filter(|output| !output.is_null()).collect();
    assert_eq!((outputs.len(), outputs[1], deltas(&all)), (2, &json!("done"), 3));
    pair.check_completed(&task, &all).await;
}

#[tokio::test]
async fn readers_whose_publications_are_swallowed_read_the_log_and_the_process_is_not_ready() {
    let redis = Redis::start().await;
    let proxy = Proxy::start(redis.port()).await;
    let (a, b) = (TestServer::over(&redis.url(), &FLAGS).await, TestServer::over(&proxy.url(), &FLAGS).await);
    let ready = async |server: &TestServer| {
        server.http.get(format!("{}/readyz", server.root)).send().await.unwrap().status().as_u16()
    };
    let session = a.session().await;
    let stream = a.send(&session, "/tokens 40 /rate 20").await;
    let mut joined = b.join(&stream.task(), "0-0").await;
    let mut seen = joined.until("text-delta").await;
    assert_eq!((ready(&a).await, ready(&b).await), (200, 200));
    proxy.swallow_publications();
    seen.extend(joined.rest().await);
    assert!(joined.is_done());
    assert_eq!(seen, stream.whole().await);
    assert_eq!((ready(&a).await, ready(&b).await), (200, 503));
    b.show("/health").await;
}

#[tokio::test]
async fn a_demoted_master_that_keeps_its_connections_is_given_up() {
    let pair = Pair::start().await;
    let mut stream = pair.send("/tokens 200 /rate 50").await;
    let seen = stream.take(20).await;
    pair.switch.turn(pair.replica.port());
    pair.part().await;
    command(&pair.master, &["REPLICAOF", "127.0.0.1", &pair.replica.port().to_string()]).await;
    let demoted = Instant::now();
    while pair.server.post("/sessions").send().await.unwrap().status() != 201 {
        assert!(demoted.elapsed() < Duration::from_secs(3), "no session is taken");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let all = pair.follow(stream, seen).await;
    assert_eq!(deltas(&all), 200);
    assert!(demoted.elapsed() < Duration::from_secs(10), "{:?}", demoted.elapsed());
    pair.check_stored(&all).await;
}

#[tokio::test]
async fn a_cursor_before_entries_that_an_operator_removed_is_refused() {
    let redis = Redis::start().await;
    let server = TestServer::over(&redis.url(), &FLAGS).await;
    let session = server.session().await;
    let stream = server.send(&session, "/tokens 50 /rate 0").await;
    let task = stream.task();
    let all = stream.whole().await;
    let log = format!("rejoin:{{{session}}}:task:{task}:log");
    command(&redis, &["XTRIM", &log, "MAXLEN", "20"]).await;
    let left = &all[all.len() - 20..];
    let early = server.get(&format!("/tasks/{task}/stream?last_message_id={}", all[5].id));
    let detail = error_of(early, 410, "CURSOR_TRIMMED").await;
    assert_eq!((detail["task_id"].as_str(), detail["first_message_id"].as_str()), (Some(&*task), Some(&*left[0].id)));
    assert_eq!(server.join(&task, &left[3].id).await.whole().await, left[4..]);
    assert_eq!(server.join(&task, "0-0").await.whole().await, left);
    command(&redis, &["XDEL", &log, &left[10].id]).await;
    let before_it = server.get(&format!("/tasks/{task}/stream?last_message_id={}", left[5].id));
    error_of(before_it, 410, "CURSOR_TRIMMED").await;
    assert_eq!(server.join(&task, &left[12].id).await.whole().await, left[13..]);
}

#[tokio::test]
async fn a_cursor_ahead_of_its_log_is_gone() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "/tokens 4 /silence 60000").await;
    let ahead = format!("{}-0", u64::MAX - 1);
    let path = format!("/tasks/{}/stream?last_message_id={ahead}", stream.task());
    error_of(server.get(&path), 410, "CURSOR_TRIMMED").await;
    stream.take(1).await;
}

#[tokio::test]
async fn a_log_of_the_wrong_type_ends_its_task_and_stops_no_other() {
    let redis = Redis::start().await;
    let server = TestServer::over(&redis.url(), &FLAGS).await;
    let mut broken = Vec::new();
    for message in ["/tokens 500 /rate 50", "/operation deploy"] {
        let session = server.session().await;
        let mut stream = server.send(&session, message).await;
        let last = stream.take(6).await.pop().unwrap();
        let log = format!("rejoin:{{{session}}}:task:{}:log", stream.task());
        let mut connection = redis.connection().await.unwrap();
        if message.starts_with("/operation") {
            let task = format!("/tasks/{}", stream.task());
            server.when(&task, |task| !task["operation_id"].is_null()).await;
        }
        connection.del::<_, ()>(&log).await.unwrap();
        connection.set::<_, _, ()>(&log, "no stream").await.unwrap();
        broken.push((session, stream.task(), last));
    }
    server.when(&format!("/tasks/{}", broken[0].1), |task| task["status"] == "failed").await;
    let operation = server.show(&format!("/tasks/{}", broken[1].1)).await["operation_id"].clone();
    let path = format!("/operations/{}/complete", operation.as_str().unwrap());
    let complete = server.post(&path).header("x-api-key", "k");
    json_of(complete.json(&json!({"success": true, "result": "done"})), StatusCode::OK).await;
    server.when(&format!("/tasks/{}", broken[1].1), |task| task["status"] == "failed").await;
    let mut connection = redis.connection().await.unwrap();
    let buried = async {
        while connection.xlen::<_, usize>("rejoin:completions:dead").await.unwrap() != 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, buried).await.unwrap();
    for (session, _, _) in &broken {
        server.send(session, "/tokens 2 /rate 0").await.whole().await;
    }
}

#[tokio::test]
async fn readers_go_on_when_subscriptions_are_killed_again_and_again() {
    let redis = Redis::start().await;
    let (a, b) = (TestServer::over(&redis.url(), &FLAGS).await, TestServer::over(&redis.url(), &FLAGS).await);
    let session = a.session().await;
    let stream = a.send(&session, "/tokens 200 /rate 100").await;
    let task = stream.task();
    let mut readers = vec![tokio::spawn(stream.whole())];
    for _ in 0..4 {
        readers.push(tokio::spawn(b.join(&task, "0-0").await.whole()));
    }
    for _ in 0..10 {
        command(&redis, &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let mut all = Vec::new();
    for reader in readers {
        all.push(reader.await.unwrap());
    }
    assert!(all.iter().all(|chunks| *chunks == all[0]));
    assert_eq!(deltas(&all[0]), 200);
}

#[tokio::test]
async fn a_completion_that_nobody_can_take_fails_its_task() {
    let redis = Redis::start().await;
    let server = TestServer::over(&redis.url(), &FLAGS).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "/operation deploy").await;
    let task = stream.task();
    let started = stream.until("tool-output-available").await;
    let operation = started.last().unwrap().value["output"]["operation_id"].clone();
    let strange = json!({"operation_id": operation, "task_id": task, "success": "perhaps"}).to_string();
    let mut connection = redis.connection().await.unwrap();
    connection.xadd::<_, _, _, _, ()>("rejoin:completions", "*", &[("data", &strange)]).await.unwrap();
    let rest = stream.rest().await;
    assert!(stream.is_done());
    assert_eq!((kinds(&rest), rest[0].value["code"].as_str()), (vec!["error", "finish"], Some("OPERATION_LOST")));
    assert_eq!(server.show(&format!("/tasks/{task}")).await["status"], "failed");
}

#[tokio::test]
async fn a_layout_of_another_version_is_refused() {
    let redis = Redis::start().await;
    command(&redis, &["SET", "rejoin:schema", "999"]).await;
    let config = ["rejoin-server", "--listen", "127.0.0.1:0", "--store", &redis.url()];
    let config = <rejoin_server::Config as clap::Parser>::try_parse_from(config).unwrap();
    let error = rejoin_server::Server::bind(config).await.err().unwrap().to_string();
    assert!(error.contains("999"), "{error}");
    let other = TestServer::over(&redis.url(), &["--redis-prefix", "other"]).await;
    other.session().await;
}
