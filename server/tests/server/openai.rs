//! `--agent openai` against an endpoint with the real wire format, and its failures.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Chunk, TestServer, kinds, stored_text, text};

/// The bytes that the endpoint writes before it closes the connection.
struct Endpoint {
    url: String,
    /// The requests: their headers and their bodies.
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Endpoint {
    async fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let requests = asked.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, answer.clone(), requests.clone()));
            }
        });
        Self { url, asked }
    }

    async fn streaming(events: &[&str]) -> Self {
        let events: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        Self::start(format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{events}"))
            .await
    }

    async fn server(&self) -> TestServer {
        TestServer::start(&["--agent", "openai", "--openai-url", &self.url, "--openai-model", "m"]).await
    }

    /// The chunks that answer a message. Checks that the session stores the same.
    async fn answer(&self) -> Vec<Chunk> {
        let server = self.server().await;
        let session = server.session().await;
        let chunks = server.send(&session, "hello").await.whole().await;
        assert_eq!(stored_text(&server.show(&format!("/sessions/{session}")).await), text(&chunks));
        chunks
    }
}

async fn serve(mut connection: TcpStream, answer: String, requests: Arc<Mutex<Vec<(String, Value)>>>) {
    let mut request = Vec::new();
    loop {
        let mut part = [0; 4096];
        let read = connection.read(&mut part).await.unwrap();
        request.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        if let Ok(body) = serde_json::from_str(body) {
            requests.lock().push((head.to_owned(), body));
            break;
        }
    }
    // In small pieces: an event is split over reads.
    for piece in answer.as_bytes().chunks(37) {
        connection.write_all(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn delta(delta: Value) -> String {
    json!({"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]}).to_string()
}

const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

fn error(chunks: &[Chunk]) -> &Value {
    assert_eq!(kinds(chunks)[chunks.len() - 2..], ["error", "finish"]);
    &chunks[chunks.len() - 2].value
}

#[tokio::test]
async fn text_reasoning_and_usage_are_streamed_in_blocks() {
    let events = [
        delta(json!({"role": "assistant", "content": ""})),
        delta(json!({"reasoning_content": "hm"})),
        delta(json!({"content": "Grü"})),
        delta(json!({"content": "ße"})),
        STOP.into(),
        r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#.into(),
        "[DONE]".into(),
    ];
    let endpoint = Endpoint::streaming(&events.each_ref().map(String::as_str)).await;
    let chunks = endpoint.answer().await;
    let expected = [
        "start",
        "reasoning-start",
        "reasoning-delta",
        "reasoning-end",
        "text-start",
        "text-delta",
        "text-delta",
        "usage",
        "text-end",
        "finish",
    ];
    assert_eq!(kinds(&chunks), expected);
    assert_eq!(text(&chunks), "Grüße");
    assert_eq!(chunks[7].value, json!({"type": "usage", "promptTokens": 3, "completionTokens": 2, "totalTokens": 5}));
    let (head, body) = endpoint.asked.lock()[0].clone();
    assert!(head.starts_with("POST /v1/chat/completions "), "{head}");
    assert_eq!((body["model"].as_str(), body["stream"].as_bool()), (Some("m"), Some(true)));
    assert_eq!(body["messages"], json!([{"role": "user", "content": "hello"}]));
}

#[tokio::test]
async fn tool_calls_stream_their_input_and_are_stored() {
    let call = |call: Value| delta(json!({"tool_calls": [call]}));
    let events = [
        call(json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "find", "arguments": ""}})),
        call(json!({"index": 0, "function": {"arguments": "{\"q\":"}})),
        call(json!({"index": 1, "id": "call_2", "type": "function", "function": {"name": "look", "arguments": "{}"}})),
        call(json!({"index": 0, "function": {"arguments": "1}"}})),
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#.into(),
        "[DONE]".into(),
    ];
    let endpoint = Endpoint::streaming(&events.each_ref().map(String::as_str)).await;
    let chunks = endpoint.answer().await;
    let available: Vec<&Value> =
        chunks.iter().filter(|chunk| chunk.kind() == "tool-input-available").map(|chunk| &chunk.value).collect();
    assert_eq!(
        available,
        [
            &json!({"type": "tool-input-available", "toolCallId": "call_1", "toolName": "find", "input": {"q": 1}}),
            &json!({"type": "tool-input-available", "toolCallId": "call_2", "toolName": "look", "input": {}}),
        ]
    );
}

#[tokio::test]
async fn what_was_said_before_is_told_to_the_endpoint() {
    let hello = delta(json!({"content": "hi"}));
    let endpoint = Endpoint::streaming(&[&hello, STOP, "[DONE]"]).await;
    let server = endpoint.server().await;
    let session = server.session().await;
    server.send(&session, "one").await.whole().await;
    let body = json!({"message": "two", "context": {"url": "http://x/", "content": "page"}});
    server.send_with(&session, body).await.whole().await;
    let messages = endpoint.asked.lock()[1].1["messages"].clone();
    let roles: Vec<&str> =
        messages.as_array().unwrap().iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "user"], "what a page says never becomes a system message");
    assert_eq!((&messages[0]["content"], &messages[1]["content"]), (&json!("one"), &json!("hi")));
    let asked = messages[2]["content"].as_str().unwrap();
    assert!(asked.starts_with("two\n") && asked.contains(r#""url":"http://x/""#), "{asked}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_and_keeps_its_text() {
    let half = delta(json!({"content": "half an ans"}));
    let chunks = Endpoint::streaming(&[&half]).await.answer().await;
    assert_eq!(error(&chunks)["code"], "UPSTREAM_CUT");
    assert_eq!(text(&chunks), "half an ans");
}

#[tokio::test]
async fn an_answer_that_was_finished_needs_no_done() {
    let hello = delta(json!({"content": "hi"}));
    let chunks = Endpoint::streaming(&[&hello, STOP]).await.answer().await;
    assert_eq!(kinds(&chunks), ["start", "text-start", "text-delta", "text-end", "finish"]);
}

#[tokio::test]
async fn errors_of_the_endpoint_become_errors_of_the_task() {
    let refused = |status: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    for (answer, code) in [
        (refused("404 Not Found", r#"{"error":{"message":"no such model"}}"#), "UPSTREAM_ERROR"),
        (refused("401 Unauthorized", r#"{"error":{"message":"bad key sk-secret"}}"#), "UPSTREAM_UNAUTHORIZED"),
        (refused("429 Too Many Requests", "{}"), "UPSTREAM_RATE_LIMITED"),
        (refused("200 OK", "{}"), "UPSTREAM_ERROR"),
        (String::new(), "UPSTREAM_UNAVAILABLE"),
    ] {
        let chunks = Endpoint::start(answer).await.answer().await;
        assert_eq!(error(&chunks)["code"], code);
        assert!(!error(&chunks)["errorText"].as_str().unwrap().contains("secret"));
    }
    let hello = delta(json!({"content": "hi"}));
    let failing = Endpoint::streaming(&[&hello, r#"{"error":{"message":"out of memory"}}"#]).await.answer().await;
    assert!(error(&failing)["errorText"].as_str().unwrap().contains("out of memory"));
    let garbage = Endpoint::streaming(&[&hello, "{nonsense"]).await.answer().await;
    assert_eq!(error(&garbage)["code"], "UPSTREAM_MALFORMED");
}

#[tokio::test]
async fn an_answer_goes_on_with_the_output_that_the_page_gave() {
    let call =
        delta(json!({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "map", "arguments": "{\"q\":1}"}}]}));
    let endpoint = Endpoint::streaming(&[&call, STOP, "[DONE]"]).await;
    let server = endpoint.server().await;
    let session = server.session().await;
    server.send(&session, "where?").await.whole().await;
    let outputs = json!([{"tool_call_id": "c", "output": {"at": "here"}}]);
    let body = json!({"trigger": "continue", "tool_outputs": outputs});
    server.send_with(&session, body).await.whole().await;
    let asked = endpoint.asked.lock()[1].1["messages"].clone();
    let function = json!({"name": "map", "arguments": "{\"q\":1}"});
    assert_eq!(
        asked,
        json!([
            {"role": "user", "content": "where?"},
            {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "type": "function", "function": function}]},
            {"role": "tool", "tool_call_id": "c", "content": "{\"at\":\"here\"}"},
        ])
    );
}
