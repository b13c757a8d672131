//! PROTOCOL §1: a message that is cancelled by its own id, a session that is deleted; SERVER.md, `--session-ttl`.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::{TestServer, as_json, error_of, json_of, kinds};

fn cancel(server: &TestServer, session: &str, message: &str) -> RequestBuilder {
    server.post(&format!("/sessions/{session}/cancel")).json(&json!({ "message_id": message }))
}

fn send(server: &TestServer, session: &str, message: &str) -> RequestBuilder {
    let body = json!({ "message": "/tokens 1 /rate 0", "message_id": message });
    server.post(&format!("/sessions/{session}/stream")).json(&body)
}

#[tokio::test]
async fn a_message_that_has_come_is_cancelled_by_its_own_id() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let body = json!({ "message": "/tokens 4 /silence 60000", "message_id": "m" });
    let mut stream = server.send_with(&session, body).await;
    stream.until("text-delta").await;
    let answer = json_of(cancel(&server, &session, "m"), StatusCode::OK).await;
    assert_eq!(answer, json!({ "task_id": stream.task(), "status": "cancelled" }));
    let rest = stream.rest().await;
    assert_eq!(kinds(&rest)[rest.len() - 2..], ["abort", "finish"]);
    assert_eq!(json_of(cancel(&server, &session, "m"), StatusCode::OK).await, answer);
    assert_eq!(server.send_with(&session, json!({ "message": "x", "message_id": "m" })).await.task(), stream.task());
}

#[tokio::test]
async fn a_message_that_is_cancelled_before_it_comes_is_gone_when_it_does() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    for _ in 0..2 {
        let answer = json_of(cancel(&server, &session, "m"), StatusCode::OK).await;
        assert_eq!(answer, json!({ "task_id": null }));
    }
    for _ in 0..2 {
        error_of(send(&server, &session, "m"), 410, "MESSAGE_CANCELLED").await;
    }
    assert_eq!(server.show(&format!("/sessions/{session}")).await["messages"], json!([]));
    let other = server.session().await;
    assert_eq!(send(&server, &other, "m").send().await.unwrap().status(), 200, "in another session it is another");
    assert_eq!(send(&server, &session, "n").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_cancel_names_a_message_of_a_session() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let path = format!("/sessions/{session}/cancel");
    for body in ["{}", "[]", "x", r#"{"message_id":""}"#, r#"{"message_id":"{s}"}"#, r#"{"message_id":7}"#] {
        error_of(as_json(server.post(&path), body), 400, "INVALID_REQUEST").await;
    }
    error_of(server.post(&path).body("{}"), 415, "UNSUPPORTED_MEDIA_TYPE").await;
    error_of(cancel(&server, "none", "m"), 404, "SESSION_NOT_FOUND").await;
    let foreign = cancel(&server, &session, "m").header("origin", "https://evil.example");
    error_of(foreign, 403, "ORIGIN_REFUSED").await;
    let foreign = server.delete(&format!("/sessions/{session}")).header("origin", "https://evil.example");
    error_of(foreign, 403, "ORIGIN_REFUSED").await;
}

#[tokio::test]
async fn a_deleted_session_is_gone_and_its_readers_come_to_an_end() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let first = server.send(&session, "/tokens 2 /rate 0").await;
    let ended = first.task();
    first.whole().await;
    let mut stream = server.send(&session, "/tokens 4 /silence 60000").await;
    let mut joined = server.join(&stream.task(), "0-0").await;
    stream.until("text-delta").await;
    joined.until("text-delta").await;
    let path = format!("/sessions/{session}");
    let deleted = server.delete(&path).send().await.unwrap();
    assert_eq!((deleted.status(), deleted.bytes().await.unwrap().len()), (StatusCode::NO_CONTENT, 0));
    for stream in [&mut stream, &mut joined] {
        let rest = stream.rest().await;
        assert_eq!(kinds(&rest)[rest.len() - 2..], ["abort", "finish"]);
        assert!(stream.is_done());
    }
    error_of(server.get(&path), 404, "SESSION_NOT_FOUND").await;
    error_of(server.delete(&path), 404, "SESSION_NOT_FOUND").await;
    error_of(send(&server, &session, "m"), 404, "SESSION_NOT_FOUND").await;
    for task in [ended, stream.task()] {
        error_of(server.get(&format!("/tasks/{task}")), 404, "TASK_NOT_FOUND").await;
        error_of(server.get(&format!("/tasks/{task}/stream")), 404, "TASK_NOT_FOUND").await;
    }
    assert_eq!(server.show("/sessions").await, json!({ "sessions": [], "total": 0 }));
}

#[tokio::test]
async fn a_completion_that_comes_after_its_session_was_deleted_changes_nothing() {
    let server = TestServer::start(&["--internal-api-key", "k"]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "/operation deploy").await;
    let started = stream.until("tool-output-available").await;
    let operation = started.last().unwrap().value["output"]["operation_id"].as_str().unwrap().to_owned();
    assert_eq!(server.delete(&format!("/sessions/{session}")).send().await.unwrap().status(), 204);
    assert_eq!(kinds(&stream.rest().await), ["abort", "finish"]);
    for _ in 0..2 {
        let complete = server.post(&format!("/operations/{operation}/complete")).header("x-api-key", "k");
        let answer = json_of(complete.json(&json!({ "success": true })), StatusCode::OK).await;
        assert_eq!(answer, json!({ "status": "ok", "task_id": stream.task() }));
    }
    error_of(server.get(&format!("/sessions/{session}")), 404, "SESSION_NOT_FOUND").await;
}

#[tokio::test]
async fn a_session_goes_when_nothing_was_said_in_it_for_its_time_to_live() {
    let server = TestServer::start(&["--session-ttl", "1", "--stream-ttl", "3600"]).await;
    let (empty, spoken, running) = (server.session().await, server.session().await, server.session().await);
    let _stream = server.send(&running, "/tokens 2 /silence 60000").await;
    server.send(&spoken, "/tokens 30 /rate 25").await.whole().await;
    server.show(&format!("/sessions/{spoken}")).await;
    let list = server.when("/sessions", |list| list["total"] == 1).await;
    assert_eq!(list["sessions"][0]["id"].as_str(), Some(running.as_str()));
    for gone in [&empty, &spoken] {
        error_of(server.get(&format!("/sessions/{gone}")), 404, "SESSION_NOT_FOUND").await;
    }
    let shown: Value = server.show(&format!("/sessions/{running}")).await;
    assert_eq!(shown["messages"].as_array().unwrap().len(), 1);
}
