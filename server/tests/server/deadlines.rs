//! A client that stops reading or writing loses its connection and its slot (SERVER.md, `--head-timeout-ms` and its
//! like).

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{PATIENCE, TestServer, error_of};

async fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.root.trim_start_matches("http://")).await.unwrap()
}

/// A connection with a small receive buffer.
async fn connect_narrow(server: &TestServer) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1024).unwrap();
    socket.connect(server.root.trim_start_matches("http://").parse().unwrap()).await.unwrap()
}

/// Everything until the server closes the connection.
async fn rest(socket: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    // A reset after the last byte is an end as well.
    let _ = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut rest)).await.expect("the connection stays open");
    String::from_utf8(rest).unwrap()
}

#[tokio::test]
async fn a_head_that_does_not_come_is_a_408_and_closes_the_connection() {
    let server = TestServer::start(&["--head-timeout-ms", "200"]).await;
    let mut socket = connect(&server).await;
    let begun = Instant::now();
    socket.write_all(b"GET /api/chat/health HTTP/1.1\r\nhost: loc").await.unwrap();
    let answer = rest(&mut socket).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains(r#""code":"REQUEST_TIMEOUT""#), "{answer}");
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_connection_that_asks_nothing_is_closed_without_a_word() {
    let server = TestServer::start(&["--head-timeout-ms", "200"]).await;
    let mut socket = connect(&server).await;
    assert_eq!(rest(&mut socket).await, "");
    let mut socket = connect(&server).await;
    socket.write_all(b"GET /api/chat/health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let answer = rest(&mut socket).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("408"), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_a_408_and_stores_nothing() {
    let server = TestServer::start(&["--body-timeout-ms", "200"]).await;
    let session = server.session().await;
    let mut socket = connect(&server).await;
    let head = format!(
        "POST /api/chat/sessions/{session}/stream HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{\"message\":"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let answer = rest(&mut socket).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains(r#""code":"REQUEST_TIMEOUT""#), "{answer}");
    assert_eq!(server.show(&format!("/sessions/{session}")).await["messages"], json!([]));
}

/// Opens a stream, reads nothing of it, and waits until somebody else has its slot.
async fn loses_its_slot(message: &str) {
    let server = TestServer::start(&["--max-streams", "1", "--write-timeout-ms", "300", "--heartbeat-ms", "50"]).await;
    let session = server.session().await;
    let mut idle = connect_narrow(&server).await;
    let body = json!({ "message": message }).to_string();
    let head = "host: localhost\r\ncontent-type: application/json\r\n";
    let request = format!(
        "POST /api/chat/sessions/{session}/stream HTTP/1.1\r\n{head}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    idle.write_all(request.as_bytes()).await.unwrap();
    server.session_when(&session, |session| !session["active_stream"].is_null()).await;
    let path = format!("/sessions/{}/stream", server.session().await);
    let ask = || server.post(&path).json(&json!({"message": "/tokens 1 /rate 0"}));
    error_of(ask(), 429, "RATE_LIMITED").await;
    let freed = async {
        while ask().send().await.unwrap().status() != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, freed).await.expect("the slot is never free");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_of_a_long_answer_loses_its_slot() {
    loses_its_slot("/tokens 20000 /rate 0 /silence 60000").await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_of_a_short_answer_loses_its_slot_too() {
    loses_its_slot("/tokens 100 /rate 0 /silence 60000").await;
}
