//! PROTOCOL §5: long-running operations.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::{Chunk, Stream, TestServer, error_of, json_of, kinds, stored_text, text};

async fn server() -> TestServer {
    TestServer::start(&["--internal-api-key", "k"]).await
}

/// A stream up to the operation that it started, and the operation's id.
async fn started(server: &TestServer, session: &str, message: &str) -> (Stream, Vec<Chunk>, String) {
    let mut stream = server.send(session, message).await;
    let chunks = stream.until("tool-output-available").await;
    let operation = chunks.last().unwrap().value["output"]["operation_id"].as_str().unwrap().to_owned();
    (stream, chunks, operation)
}

fn complete(server: &TestServer, operation: &str, body: &Value) -> RequestBuilder {
    server.post(&format!("/operations/{operation}/complete")).header("x-api-key", "k").json(body)
}

#[tokio::test]
async fn a_task_waits_for_its_operation_and_says_so() {
    let server = server().await;
    let session = server.session().await;
    let (stream, chunks, operation) = started(&server, &session, "/operation deploy").await;
    let output = &chunks.last().unwrap().value["output"];
    assert_eq!(output["type"], "operation_started");
    assert_eq!((output["task_id"].as_str(), output["tool_name"].as_str()), (Some(&*stream.task()), Some("deploy")));
    assert!(output["message"].is_string());
    let task = server.show(&format!("/tasks/{}", stream.task())).await;
    assert_eq!((task["status"].as_str(), task["tool_name"].as_str()), (Some("running"), Some("deploy")));
    assert_eq!(task["operation_id"], operation);
    let active = server.show(&format!("/sessions/{session}")).await["active_stream"].clone();
    assert_eq!((active["operation_id"].as_str(), active["tool_name"].as_str()), (Some(&*operation), Some("deploy")));
}

#[tokio::test]
async fn a_success_brings_the_real_output_and_the_agent_goes_on() {
    let server = server().await;
    let session = server.session().await;
    let (mut stream, mut chunks, operation) = started(&server, &session, "/operation deploy /tokens 3 /rate 0").await;
    let body = json!({"success": true, "result": {"url": "http://x/"}});
    let answer = json_of(complete(&server, &operation, &body), StatusCode::OK).await;
    assert_eq!(answer, json!({"status": "ok", "task_id": stream.task()}));
    let rest = stream.rest().await;
    assert!(stream.is_done());
    assert_eq!(rest[0].value["output"], json!({"url": "http://x/"}));
    assert_eq!(
        kinds(&rest),
        ["tool-output-available", "text-start", "text-delta", "text-delta", "text-delta", "text-end", "finish"]
    );
    chunks.extend(rest);
    let shown = server.show(&format!("/sessions/{session}")).await;
    assert_eq!(stored_text(&shown), text(&chunks));
    let tool = shown["messages"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((tool["role"].as_str(), tool["content"].as_str()), (Some("tool"), Some(r#"{"url":"http://x/"}"#)));
    assert_eq!(
        server.show(&format!("/tasks/{}", chunks[0].value["taskId"].as_str().unwrap())).await["status"],
        "completed"
    );
}

#[tokio::test]
async fn a_failure_ends_the_task_with_its_error() {
    let server = server().await;
    let session = server.session().await;
    let (mut stream, _, operation) = started(&server, &session, "/operation deploy").await;
    let body = json!({"success": false, "error": "no quota"});
    json_of(complete(&server, &operation, &body), StatusCode::OK).await;
    let rest = stream.rest().await;
    assert_eq!(kinds(&rest), ["error", "finish"]);
    assert_eq!(rest[0].value["errorText"], "no quota");
    assert_eq!(server.show(&format!("/tasks/{}", stream.task())).await["status"], "failed");
    let shown = server.show(&format!("/sessions/{session}")).await;
    let tool = shown["messages"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(tool["content"], r#"{"error":"no quota"}"#);
}

#[tokio::test]
async fn a_repeat_answers_the_same_and_changes_nothing() {
    let server = server().await;
    let session = server.session().await;
    let (mut stream, _, operation) = started(&server, &session, "/operation deploy").await;
    let body = json!({"success": true, "result": "done"});
    let first = json_of(complete(&server, &operation, &body), StatusCode::OK).await;
    json_of(complete(&server, &operation, &body), StatusCode::OK).await;
    assert_eq!(kinds(&stream.rest().await), ["tool-output-available", "finish"]);
    let failed = json!({"success": false, "error": "late"});
    assert_eq!(json_of(complete(&server, &operation, &failed), StatusCode::OK).await, first);
    let all = server.join(&stream.task(), "0").await.whole().await;
    assert_eq!(kinds(&all).iter().filter(|kind| **kind == "error").count(), 0);
}

#[tokio::test]
async fn operations_come_one_after_the_other() {
    let server = server().await;
    let session = server.session().await;
    let (mut stream, _, first) = started(&server, &session, "/operation one /operation two").await;
    let body = json!({"success": true, "result": "done"});
    json_of(complete(&server, &first, &body), StatusCode::OK).await;
    stream.until("tool-output-available").await;
    let second = stream.until("tool-output-available").await.last().unwrap().value["output"]["operation_id"].clone();
    assert_ne!(second, first);
    json_of(complete(&server, second.as_str().unwrap(), &body), StatusCode::OK).await;
    stream.until("finish").await;
}

#[tokio::test]
async fn a_waiting_task_can_be_cancelled_and_a_late_completion_is_ignored() {
    let server = server().await;
    let session = server.session().await;
    let (mut stream, _, operation) = started(&server, &session, "/operation deploy").await;
    json_of(server.post(&format!("/tasks/{}/cancel", stream.task())), StatusCode::OK).await;
    assert_eq!(kinds(&stream.rest().await), ["abort", "finish"]);
    json_of(complete(&server, &operation, &json!({"success": true})), StatusCode::OK).await;
    assert_eq!(server.show(&format!("/tasks/{}", stream.task())).await["status"], "cancelled");
}

#[tokio::test]
async fn completions_that_do_not_parse_are_refused() {
    let server = server().await;
    let session = server.session().await;
    let (_stream, _, operation) = started(&server, &session, "/operation deploy").await;
    for body in [json!({}), json!({"success": "yes"}), json!({"success": true, "result": 3}), json!([])] {
        error_of(complete(&server, &operation, &body), 400, "INVALID_REQUEST").await;
    }
}
