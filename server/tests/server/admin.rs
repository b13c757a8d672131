//! The endpoints for operators, and the shutdown of a process (SERVER.md, `--admin-listen`, SIGTERM).

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::Process;
use crate::support::{TestServer, error_of, kinds};

async fn status_of(url: &str) -> u16 {
    reqwest::get(url).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn without_an_address_of_their_own_operators_ask_at_the_root() {
    let server = TestServer::start(&[]).await;
    for path in ["livez", "readyz", "metrics"] {
        assert_eq!(status_of(&format!("{}/{path}", server.root)).await, 200, "{path}");
    }
    let response = server.http.get(format!("{}/metrics", server.root)).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    error_of(server.http.post(format!("{}/metrics", server.root)), 405, "METHOD_NOT_ALLOWED").await;
}

#[tokio::test]
async fn with_an_address_of_their_own_they_ask_there_and_nobody_else_does() {
    let process = Process::start("memory", &["--admin-listen", "127.0.0.1:0"]);
    let admin = process.admin.clone().unwrap();
    for path in ["livez", "readyz", "metrics"] {
        assert_eq!(status_of(&format!("{admin}/{path}")).await, 200, "{path}");
        error_of(process.server.http.get(format!("{}/{path}", process.server.root)), 404, "NOT_FOUND").await;
    }
    assert_eq!(status_of(&format!("{admin}/api/chat/health")).await, 404);
}

#[tokio::test]
async fn while_it_drains_it_writes_to_the_end_for_those_who_read_and_takes_on_nothing_new() {
    let mut process = Process::start("memory", &["--admin-listen", "127.0.0.1:0", "--drain-seconds", "20"]);
    let admin = process.admin.clone().unwrap();
    let session = process.server.session().await;
    let mut stream = process.server.send(&session, "/tokens 200 /rate 100").await;
    let mut chunks = stream.take(10).await;
    process.begin_drain().await;
    assert_eq!(status_of(&format!("{admin}/livez")).await, 200);
    let asked = process.server.post("/sessions").send().await;
    assert!(asked.is_err_and(|error| error.is_connect()), "a new connection is refused");
    chunks.extend(stream.rest().await);
    assert!(stream.is_done());
    assert_eq!(kinds(&chunks)[chunks.len() - 2..], ["text-end", "finish"]);
    assert_eq!(process.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_request_that_is_under_way_when_the_drain_begins_is_503() {
    let mut process = Process::start("memory", &["--admin-listen", "127.0.0.1:0", "--drain-seconds", "20"]);
    let session = process.server.session().await;
    let stream = process.server.send(&session, "/tokens 100 /rate 50").await;
    let mut socket = TcpStream::connect(process.server.root.trim_start_matches("http://")).await.unwrap();
    socket.write_all(b"GET /api/chat/sess").await.unwrap();
    process.begin_drain().await;
    socket.write_all(b"ions HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1"), "{answer}");
    stream.whole().await;
    assert_eq!(process.exit_code().await, Some(0));
}

#[tokio::test]
async fn what_still_runs_after_the_drain_is_interrupted() {
    let mut process = Process::start("memory", &["--drain-seconds", "1"]);
    let session = process.server.session().await;
    let mut stream = process.server.send(&session, "/tokens 2 /silence 60000").await;
    let begun = Instant::now();
    process.signal("TERM");
    let chunks = stream.rest().await;
    assert!(stream.is_done() && begun.elapsed() >= Duration::from_millis(900));
    let [.., error, finish] = chunks.as_slice() else { panic!("{chunks:?}") };
    assert_eq!((error.value["code"].as_str(), finish.kind()), (Some("INTERRUPTED"), "finish"));
    assert_eq!(process.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut process = Process::start("memory", &["--admin-listen", "127.0.0.1:0"]);
    let session = process.server.session().await;
    let _stream = process.server.send(&session, "/tokens 2 /silence 60000").await;
    let begun = Instant::now();
    process.begin_drain().await;
    process.signal("TERM");
    process.exit_code().await;
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn each_request_has_a_number_that_a_proxy_may_give() {
    let server = TestServer::start(&[]).await;
    let own = server.get("/health").send().await.unwrap();
    assert!(!own.headers()["x-request-id"].is_empty());
    let given = server.get("/health").header("x-request-id", "abc-1").send().await.unwrap();
    assert_eq!((given.status(), &given.headers()["x-request-id"]), (StatusCode::OK, &"abc-1".parse().unwrap()));
    let _: Value = given.json().await.unwrap();
}

#[tokio::test]
async fn flags_may_come_from_the_environment() {
    let environment = [("REJOIN_REQUIRE_AUTH", "1"), ("REJOIN_JWT_SECRET", "s"), ("REJOIN_BASE_PATH", "/chat")];
    let process = Process::start_with("memory", &[], &environment);
    let ask = |path: &str| process.server.http.get(format!("{}/chat{path}", process.server.root));
    assert_eq!(ask("/health").send().await.unwrap().status(), 200);
    error_of(ask("/config/ttl"), 401, "UNAUTHORIZED").await;
}
