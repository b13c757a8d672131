//! PROTOCOL §1, cancel: clients that repeat it while the store is slow are answered by the work that the first began.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis::AsyncCommands;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::json;

use crate::redis::Redis;
use crate::support::{PATIENCE, Stream, TestServer, error_of, kinds};
use crate::switch::Switch;

/// Of each answer of the store: a cancel takes ten of them, longer than a request waits.
const DELAY: Duration = Duration::from_millis(300);
const CLIENTS: u32 = 10;
/// Between the first requests of two clients: every step of a cancel is met by another one's.
const APART: Duration = Duration::from_millis(150);
/// A request is refused after 2 s. The longest work, a removal, is done by the end of the third try.
const MOST_TRIES: usize = 4;

/// A server whose store can be made slow.
struct Slow {
    switch: Switch,
    server: TestServer,
}

impl Slow {
    async fn over(redis: &Redis) -> Self {
        let switch = Switch::to(redis.port()).await;
        let server = TestServer::over(&switch.url(), &[]).await;
        Self { switch, server }
    }
}

/// A task that says something and then nothing for long, in a session whose message it answers is `m`.
struct Running {
    redis: Redis,
    slow: Slow,
    session: String,
    task: String,
    stream: Stream,
}

impl Running {
    async fn start() -> Self {
        let redis = Redis::start().await;
        let slow = Slow::over(&redis).await;
        let session = slow.server.session().await;
        let body = json!({ "message": "/tokens 4 /silence 60000", "message_id": "m" });
        let mut stream = slow.server.send_with(&session, body).await;
        stream.until("text-delta").await;
        Self { redis, slow, session, task: stream.task(), stream }
    }

    fn cancel_task(&self) -> RequestBuilder {
        self.slow.server.post(&format!("/tasks/{}/cancel", self.task))
    }

    fn cancel_message(&self) -> RequestBuilder {
        let path = format!("/sessions/{}/cancel", self.session);
        self.slow.server.post(&path).json(&json!({ "message_id": "m" }))
    }

    fn remove(&self) -> RequestBuilder {
        self.slow.server.delete(&format!("/sessions/{}", self.session))
    }

    /// The epoch of the task's last writer: 1 is that of the first.
    async fn epoch(&self) -> u32 {
        let meta = format!("rejoin:{{{}}}:task:{}:meta", self.session, self.task);
        self.redis.connection().await.unwrap().hget(meta, "epoch").await.unwrap()
    }

    async fn ends_once(&mut self) {
        let rest = self.stream.rest().await;
        assert_eq!(kinds(&rest[rest.len().saturating_sub(2)..]), ["abort", "finish"]);
        assert_eq!(rest.iter().filter(|chunk| chunk.kind() == "abort").count(), 1);
        assert!(self.stream.is_done());
    }
}

/// Sends a request until it is not refused, and returns how often that was and its last status.
async fn insist(request: impl Fn() -> RequestBuilder) -> (usize, StatusCode) {
    let begun = Instant::now();
    for tries in 1.. {
        let status = request().send().await.unwrap().status();
        if status != StatusCode::SERVICE_UNAVAILABLE {
            return (tries, status);
        }
        assert!(begun.elapsed() < PATIENCE, "refused {tries} times");
    }
    unreachable!()
}

/// Many clients that begin one after the other, over a slow store, and repeat their request until it is answered.
async fn storm(slow: &[&Slow], request: impl Fn(usize) -> RequestBuilder, expected: &[StatusCode]) {
    slow.iter().for_each(|slow| slow.switch.delay_answers(DELAY));
    let clients = (0..CLIENTS).map(|number| {
        let request = &request;
        async move {
            tokio::time::sleep(APART * number).await;
            insist(|| request(number as usize)).await
        }
    });
    for (tries, status) in join_all(clients).await {
        assert!(expected.contains(&status), "{status}");
        assert!(tries <= MOST_TRIES, "refused {tries} times");
    }
    slow.iter().for_each(|slow| slow.switch.delay_answers(Duration::ZERO));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_taken_from_its_writer_once_however_often_its_cancel_is_repeated() {
    let mut running = Running::start().await;
    storm(&[&running.slow], |_| running.cancel_task(), &[StatusCode::OK]).await;
    assert_eq!(running.epoch().await, 2);
    let task = running.slow.server.show(&format!("/tasks/{}", running.task)).await;
    assert_eq!(task["status"], "cancelled");
    running.ends_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancels_of_a_message_and_of_its_task_are_one() {
    let mut running = Running::start().await;
    let request = |number| if number % 2 == 0 { running.cancel_message() } else { running.cancel_task() };
    storm(&[&running.slow], request, &[StatusCode::OK]).await;
    assert_eq!(running.epoch().await, 2);
    running.ends_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_removed_however_often_its_removal_is_repeated() {
    let mut running = Running::start().await;
    let gone = [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND];
    storm(&[&running.slow], |_| running.remove(), &gone).await;
    error_of(running.remove(), 404, "SESSION_NOT_FOUND").await;
    assert_eq!(running.epoch().await, 2);
    running.ends_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_two_processes_cancel_at_once_comes_to_its_end() {
    let mut running = Running::start().await;
    let other = Slow::over(&running.redis).await;
    let path = format!("/tasks/{}/cancel", running.task);
    let servers = [&running.slow.server, &other.server];
    storm(&[&running.slow, &other], |number| servers[number % 2].post(&path), &[StatusCode::OK]).await;
    for server in servers {
        assert_eq!(server.show(&format!("/tasks/{}", running.task)).await["status"], "cancelled");
    }
    running.ends_once().await;
}
