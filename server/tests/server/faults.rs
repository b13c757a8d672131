//! Each command that a step sends to Redis fails once, in every way that a command can fail. Nothing is doubled, lost,
//! stuck or wrong after that.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt;
use redis::AsyncCommands;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::process::Process;
use crate::proxy::{Fault, Proxy};
use crate::redis::Redis;
use crate::support::{Chunk, PATIENCE, Stream, TestServer, kinds, stored_text, text};

const FAULTS: [Fault; 6] =
    [Fault::NotExecuted, Fault::AnswerLost, Fault::Late, Fault::LOADING, Fault::READONLY, Fault::OUT_OF_MEMORY];
const LEASE: [&str; 2] = ["--lease-ms", "1000"];
const KEY: [&str; 2] = ["--internal-api-key", "k"];
/// How many runs there are at the same time.
const AT_ONCE: usize = 6;
/// More commands than any step sends.
const MOST: usize = 60;

/// A server behind a proxy, and a session. Runs share a Redis with different prefixes, or one would reap the tasks of
/// another.
struct Run {
    server: TestServer,
    proxy: Proxy,
    prefix: String,
    session: String,
}

impl Run {
    async fn start(redis: &Redis) -> Self {
        let proxy = Proxy::start(redis.port()).await;
        let prefix = proxy.url().replace("redis://", "run ").replace(':', " ");
        let server = TestServer::over(&proxy.url(), &[LEASE, KEY, ["--redis-prefix", &prefix]].concat()).await;
        let session = server.session().await;
        Self { server, proxy, prefix, session }
    }

    /// Repeats a request while the store is away.
    async fn insist(&self, request: impl Fn() -> RequestBuilder) -> Response {
        let tries = async {
            loop {
                match request().send().await {
                    Ok(response) if response.status() != 503 => return response,
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, tries).await.unwrap()
    }

    async fn send(&self, message: &str) -> Stream {
        let body = json!({ "message": message, "message_id": "m" });
        let path = format!("/sessions/{}/stream", self.session);
        let response = self.insist(|| self.server.post(&path).json(&body)).await;
        assert_eq!(response.status(), 200);
        Stream::of(response)
    }

    async fn show(&self, path: &str) -> Value {
        let response = self.insist(|| self.server.get(path)).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    /// Follows a stream to its end, rejoining where it is cut.
    async fn follow(&self, mut stream: Stream, mut seen: Vec<Chunk>) -> Vec<Chunk> {
        let task = stream.task();
        let reading = async {
            loop {
                seen.extend(stream.rest().await);
                if stream.is_done() {
                    return seen;
                }
                let after = seen.last().map_or("0", |chunk| &chunk.id);
                let path = format!("/tasks/{task}/stream?last_message_id={after}");
                let response = self.insist(|| self.server.get(&path)).await;
                assert_eq!(response.status(), 200, "after {after}");
                stream = Stream::of(response);
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap()
    }

    /// Checks that the session stores the streamed answer once, that a replay has it, and that no task runs.
    async fn check(&self, chunks: &[Chunk], status: &str) {
        let ids: HashSet<&String> = chunks.iter().map(|chunk| &chunk.id).collect();
        assert_eq!(ids.len(), chunks.len(), "an entry came twice");
        let task = chunks[0].value["taskId"].as_str().unwrap();
        assert_eq!(self.show(&format!("/tasks/{task}")).await["status"], status);
        let shown = self.show(&format!("/sessions/{}", self.session)).await;
        assert_eq!(shown["active_stream"], Value::Null);
        let messages = shown["messages"].as_array().unwrap();
        let role = |name: &str| messages.iter().filter(|message| message["role"] == name).count();
        assert_eq!((role("user"), role("assistant")), (1, 1), "{messages:?}");
        assert_eq!(stored_text(&shown), text(chunks));
        let again = self.send("sent again").await;
        assert_eq!(again.task(), task);
        assert_eq!(self.follow(again, Vec::new()).await, chunks);
    }
}

/// Runs a step with its k-th command failing, for every k and every fault, until there are no more commands.
async fn with_every_fault<F: Future<Output = bool>>(run: impl Fn(usize, Fault) -> F + Copy) {
    let sweeps = FAULTS.map(|fault| async move {
        for k in 1..MOST {
            let has_failed = tokio::time::timeout(PATIENCE * 2, run(k, fault)).await;
            if !has_failed.unwrap_or_else(|_| panic!("stuck: command {k}, {fault:?}")) {
                assert!(k > 3, "{fault:?} met {k} commands and no more");
                return;
            }
        }
        panic!("more commands than a step sends");
    });
    futures_util::stream::iter(sweeps).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_once_whichever_command_fails() {
    let redis = &Redis::start().await;
    with_every_fault(|k, fault| async move {
        let run = Run::start(redis).await;
        run.proxy.fail(k, fault, &[&run.session]);
        let stream = run.send("/tokens 5 /rate 0 /tool weather").await;
        let chunks = run.follow(stream, Vec::new()).await;
        assert_eq!(kinds(&chunks).iter().filter(|kind| **kind == "text-delta").count(), 5, "command {k}, {fault:?}");
        run.check(&chunks, "completed").await;
        run.proxy.has_failed()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_completed_once_whichever_command_fails() {
    let redis = &Redis::start().await;
    with_every_fault(|k, fault| async move {
        let run = Run::start(redis).await;
        run.proxy.fail(k, fault, &[&run.session, "failures"]);
        let mut stream = run.send("/operation deploy /tokens 2 /rate 0").await;
        let chunks = stream.until("tool-output-available").await;
        let operation = chunks.last().unwrap().value["output"]["operation_id"].as_str().unwrap().to_owned();
        let path = format!("/operations/{operation}/complete");
        let body = json!({"success": true, "result": "done"});
        let complete = || run.server.post(&path).header("x-api-key", "k").json(&body);
        assert_eq!(run.insist(complete).await.status(), 200, "command {k}, {fault:?}");
        let chunks = run.follow(stream, chunks).await;
        let kinds = kinds(&chunks);
        assert_eq!(kinds.iter().filter(|kind| **kind == "tool-output-available").count(), 2, "command {k}, {fault:?}");
        assert_eq!(kinds.iter().filter(|kind| **kind == "text-delta").count(), 2, "command {k}, {fault:?}");
        let has_failed = run.proxy.has_failed();
        run.check(&chunks, "completed").await;
        has_failed
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_cancelled_once_whichever_command_fails() {
    let redis = &Redis::start().await;
    with_every_fault(|k, fault| async move {
        let run = Run::start(redis).await;
        let mut stream = run.send("/tokens 4 /silence 60000").await;
        let chunks = stream.until("text-delta").await;
        run.proxy.fail(k, fault, &[&run.session]);
        let path = format!("/tasks/{}/cancel", stream.task());
        let answer: Value = run.insist(|| run.server.post(&path)).await.json().await.unwrap();
        assert_eq!(answer["status"], "cancelled", "command {k}, {fault:?}");
        let has_failed = run.proxy.has_failed();
        let chunks = run.follow(stream, chunks).await;
        assert_eq!(kinds(&chunks)[chunks.len() - 2..], ["abort", "finish"], "command {k}, {fault:?}");
        run.check(&chunks, "cancelled").await;
        has_failed
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_deleted_whichever_command_fails() {
    let redis = &Redis::start().await;
    with_every_fault(|k, fault| async move {
        let run = Run::start(redis).await;
        let mut stream = run.send("/tokens 4 /silence 60000").await;
        stream.until("text-delta").await;
        run.proxy.fail(k, fault, &[&run.session]);
        let path = format!("/sessions/{}", run.session);
        let answer = run.insist(|| run.server.delete(&path)).await.status().as_u16();
        assert!(matches!(answer, 204 | 404), "{answer}: command {k}, {fault:?}");
        let has_failed = run.proxy.has_failed();
        assert_eq!(run.insist(|| run.server.get(&path)).await.status(), 404, "command {k}, {fault:?}");
        let mut connection = redis.connection().await.unwrap();
        let left: Vec<String> = connection.keys(format!("{}:{{{}}}:*", run.prefix, run.session)).await.unwrap();
        assert!(left.iter().all(|key| key.ends_with(":meta")), "{left:?}: command {k}, {fault:?}");
        has_failed
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_process_died_ends_once_whichever_command_fails() {
    let redis = &Redis::start().await;
    with_every_fault(|k, fault| async move {
        let run = Run::start(redis).await;
        let dying = Process::start(&redis.url(), &[LEASE, ["--redis-prefix", &run.prefix]].concat());
        let body = json!({"message": "/tokens 4 /silence 60000", "message_id": "m"});
        let path = format!("/sessions/{}/stream", run.session);
        let mut stream = Stream::of(run.insist(|| dying.server.post(&path).json(&body)).await);
        let task = stream.task();
        stream.until("text-delta").await;
        drop(dying);
        run.proxy.fail(k, fault, &[&run.session]);
        // The test asks Redis itself, because a request to the server would send commands that are counted.
        let meta = format!("{}:{{{}}}:task:{task}:meta", run.prefix, run.session);
        let ended = async {
            let mut connection = redis.connection().await.unwrap();
            while connection.hget::<_, _, String>(&meta, "status").await.unwrap() != "failed" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.unwrap_or_else(|_| panic!("stuck: command {k}, {fault:?}"));
        let has_failed = run.proxy.has_failed();
        let again = run.send("sent again").await;
        let chunks = run.follow(again, Vec::new()).await;
        let ends: Vec<&Chunk> = chunks.iter().filter(|chunk| chunk.value["code"] == "INTERRUPTED").collect();
        assert_eq!(ends.len(), 1, "command {k}, {fault:?}");
        run.check(&chunks, "failed").await;
        has_failed
    })
    .await;
}
