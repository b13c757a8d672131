//! SERVER.md, "An agent of yours": `--agent http` against agents that behave, and against those that don't.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use crate::fake_agent::{Asked, FakeAgent, HEAD, events, refusal};
use crate::redis::Redis;
use crate::support::{Chunk, TestServer, json_of, kinds, stored_text, text};

fn hello() -> Vec<Value> {
    vec![
        json!({"type": "start", "messageId": "theirs"}),
        json!({"type": "text-start", "id": "t"}),
        json!({"type": "text-delta", "id": "t", "delta": "Hel"}),
        json!({"type": "text-delta", "id": "t", "delta": "lo"}),
        json!({"type": "text-end", "id": "t"}),
        json!({"type": "finish"}),
    ]
}

/// The chunks that answer a message. Checks that the session stores the same.
async fn answer(server: &TestServer, message: &str) -> Vec<Chunk> {
    let session = server.session().await;
    let chunks = server.send(&session, message).await.whole().await;
    assert_eq!(stored_text(&server.show(&format!("/sessions/{session}")).await), text(&chunks));
    chunks
}

async fn status(server: &TestServer, chunks: &[Chunk]) -> String {
    let task = chunks[0].value["taskId"].as_str().unwrap();
    server.show(&format!("/tasks/{task}")).await["status"].as_str().unwrap().into()
}

/// The error that an answer ends with.
fn error(chunks: &[Chunk]) -> &Value {
    assert_eq!(kinds(chunks)[chunks.len() - 2..], ["error", "finish"]);
    &chunks[chunks.len() - 2].value
}

/// The error code that a user gets from an agent with this answer.
async fn code_of(agent: &FakeAgent, flags: &[&str]) -> String {
    let server = agent.server(flags).await;
    let chunks = answer(&server, "hello").await;
    assert_eq!(status(&server, &chunks).await, "failed");
    error(&chunks)["code"].as_str().unwrap().into()
}

#[tokio::test]
async fn an_agents_stream_becomes_the_log_between_our_start_and_its_finish() {
    let mut chunks = hello();
    chunks[0] = json!({"type": "start", "messageId": "theirs", "messageMetadata": {"model": "m"}});
    chunks[5] = json!({"type": "finish", "finishReason": "stop", "messageMetadata": {"tokens": 7}});
    let agent =
        FakeAgent::streaming(&[&chunks[..], &[json!({"type": "text-delta", "id": "t", "delta": "too late"})]].concat())
            .await;
    let server = agent.server(&[]).await;
    let streamed = answer(&server, "hello").await;
    assert_eq!(
        kinds(&streamed),
        ["start", "message-metadata", "text-start", "text-delta", "text-delta", "text-end", "finish"]
    );
    assert_ne!(streamed[0].value["messageId"], "theirs");
    assert_eq!(streamed[1].value["messageMetadata"], json!({"model": "m"}));
    assert_eq!(streamed[6].value, chunks[5]);
    assert_eq!((text(&streamed), status(&server, &streamed).await), ("Hello".into(), "completed".into()));
}

#[tokio::test]
async fn the_legacy_dialect_is_taken_as_it_is_with_comments_and_fields_of_its_own() {
    let body = concat!(
        ": ping\n\n",
        "event: message\nid: 7\nretry: 10\ndata: {\"type\":\"text_chunk\",\"content\":\"Gr\\u00fc\\u00dfe\",\"idx\":0}\n\n",
        "data: {\"type\":\"tool_response\",\"tool_id\":\"c\",\"result\":{\"a\":1},\"success\":true}\n\n",
        "data: {\"type\":\"never-heard-of\",\"x\":[1]}\n\n",
        "data: {\"type\":\"stream_end\",\"timestamp\":\"now\"}\n\ndata: [DONE]\n\n",
    );
    let server = FakeAgent::saying(format!("{HEAD}{body}")).await.server(&[]).await;
    let streamed = answer(&server, "hello").await;
    assert_eq!(kinds(&streamed), ["start", "text_chunk", "tool_response", "never-heard-of", "finish"]);
    assert_eq!((text(&streamed).as_str(), &streamed[1].value["idx"]), ("Grüße", &json!(0)));
}

#[tokio::test]
async fn the_rejoin_body_says_all_there_is_of_a_turn() {
    let agent = FakeAgent::streaming(&hello()).await;
    let server = agent.server(&[]).await;
    let session = server.session().await;
    server.send(&session, "one").await.whole().await;
    let body = json!({
        "message": "two", "message_id": "m-2", "context": {"url": "http://x/", "content": "page"}, "body": {"model": "large"},
    });
    let stream = server.send_with(&session, body).await;
    let task = stream.task();
    stream.whole().await;
    let asked = agent.asked().remove(1).body;
    assert_eq!((asked["task_id"].as_str(), asked["session_id"].as_str()), (Some(&*task), Some(&*session)));
    assert_eq!(
        (&asked["user_id"], &asked["message_id"], &asked["trigger"]),
        (&Value::Null, &json!("m-2"), &json!("submit"))
    );
    assert_eq!((&asked["message"], &asked["parts"]), (&json!("two"), &json!([{"type": "text", "text": "two"}])));
    assert_eq!(asked["context"], json!({"url": "http://x/", "content": "page"}));
    assert_eq!((&asked["body"], asked.get("operation")), (&json!({"model": "large"}), None));
    let said: Vec<(&str, &str)> = asked["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| (message["role"].as_str().unwrap(), message["content"].as_str().unwrap()))
        .collect();
    assert_eq!(said, [("user", "one"), ("assistant", "Hello"), ("user", "two")]);
    assert_eq!(asked["messages"][2]["id"], "m-2");
}

#[tokio::test]
async fn the_ai_sdk_body_is_what_use_chat_sends_and_the_rest_stands_under_rejoin() {
    let agent = FakeAgent::streaming(&hello()).await;
    let server = agent.server(&["--agent-body", "ai-sdk"]).await;
    let session = server.session().await;
    let body = json!({"message": "one", "message_id": "m-1", "body": {"model": "large", "id": "not this", "messageId": "nor this"}});
    server.send_with(&session, body).await.whole().await;
    let asked = agent.asked().remove(0).body;
    assert_eq!((asked["id"].as_str(), asked["trigger"].as_str()), (Some(&*session), Some("submit-message")));
    assert_eq!((&asked["model"], asked.get("messageId")), (&json!("large"), None));
    assert_eq!(asked["messages"], json!([{"id": "m-1", "role": "user", "parts": [{"type": "text", "text": "one"}]}]));
    assert_eq!((&asked["rejoin"]["message_id"], &asked["rejoin"]["trigger"]), (&json!("m-1"), &json!("submit")));
    assert!(asked["rejoin"]["task_id"].is_string());
}

#[tokio::test]
async fn headers_name_the_turn_and_those_of_the_user_are_forwarded_where_they_are_named() {
    let agent = FakeAgent::streaming(&hello()).await;
    let server = agent.server(&["--agent-forward-header", "x-tenant", "--agent-forward-header", "Authorization"]).await;
    let session = server.session().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = server.post(&format!("/sessions/{session}/stream")).json(&json!({"message": "hi"}));
    let request = request.header("x-tenant", "acme").header("cookie", "secret=1").header("rejoin-user", "root");
    let request = request.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    let task = request.send().await.unwrap().headers()["x-task-id"].to_str().unwrap().to_owned();
    server.when(&format!("/tasks/{task}"), |task| task["status"] == "completed").await;
    let asked = agent.asked().remove(0);
    assert_eq!(asked.line, "POST /agent");
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(asked.header("idempotency-key"), Some(&*format!("{task}.1")));
    assert_eq!((asked.header("rejoin-task"), asked.header("rejoin-session")), (Some(&*task), Some(&*session)));
    assert_eq!((asked.header("rejoin-user"), asked.header("rejoin-attempt")), (None, Some("1")));
    assert_eq!((asked.header("x-tenant"), asked.header("cookie")), (Some("acme"), None));
    let parent = asked.header("traceparent").unwrap();
    assert!(parent.starts_with(&format!("00-{trace}-")) && !parent.contains("b7ad6b7169203331"), "{parent}");
    assert_eq!(asked.header("webhook-signature"), None);
}

#[tokio::test]
async fn a_secret_signs_each_request_as_standard_webhooks_does() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let agent = FakeAgent::streaming(&hello()).await;
    answer(&agent.server(&["--agent-secret", secret]).await, "hello").await;
    let Asked { headers, raw, .. } = agent.asked().remove(0);
    let mut signed = reqwest::header::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        signed.insert(name, headers[name].parse().unwrap());
    }
    assert_eq!(headers["webhook-id"], headers["idempotency-key"]);
    assert!(standardwebhooks::Webhook::new(secret).unwrap().verify(&raw, &signed).is_ok());
}

#[tokio::test]
async fn an_error_fails_the_task_and_an_abort_cancels_it_in_the_agents_own_words() {
    for (last, becomes) in [
        (json!({"type": "error", "errorText": "no quota", "code": "QUOTA"}), "failed"),
        (json!({"type": "error", "message": "no quota"}), "failed"),
        (json!({"type": "abort", "reason": "enough"}), "cancelled"),
    ] {
        let chunks = [&hello()[..5], std::slice::from_ref(&last), &hello()[5..]].concat();
        let server = FakeAgent::streaming(&chunks).await.server(&[]).await;
        let streamed = answer(&server, "hello").await;
        assert_eq!(kinds(&streamed)[streamed.len() - 2..], [last["type"].as_str().unwrap(), "finish"]);
        assert_eq!(streamed[streamed.len() - 2].value, last);
        assert_eq!(status(&server, &streamed).await, becomes);
    }
}

#[tokio::test]
async fn bad_agents_get_a_code_and_what_they_say_is_not_for_users() {
    let html = "<html>internal-host-7 is down</html>";
    let stream = |body: &str| format!("{HEAD}{body}");
    for (says, code) in [
        (refusal("404 Not Found", "", html), "AGENT_REFUSED"),
        (refusal("401 Unauthorized", "", html), "AGENT_REFUSED"),
        (refusal("500 Internal Server Error", "", html), "AGENT_UNAVAILABLE"),
        (refusal("302 Found", "location: http://169.254.169.254/latest/meta-data/\r\n", html), "AGENT_BAD_RESPONSE"),
        (refusal("200 OK", "content-type: text/html\r\n", html), "AGENT_BAD_RESPONSE"),
        (refusal("204 No Content", "", ""), "AGENT_BAD_RESPONSE"),
        (stream(""), "AGENT_BAD_RESPONSE"),
        (stream(": only a comment\n\n"), "AGENT_BAD_RESPONSE"),
        (stream("data: internal-host-7 garbage\n\n"), "AGENT_BAD_RESPONSE"),
        (stream("data: {\"internal-host-7\":1}\n\n"), "AGENT_BAD_RESPONSE"),
        (stream("data: [DONE]\n\n"), "AGENT_BAD_RESPONSE"),
        (String::new(), "AGENT_UNAVAILABLE"),
    ] {
        let server = FakeAgent::saying(says.clone()).await.server(&["--agent-attempts", "1"]).await;
        let streamed = answer(&server, "hello").await;
        assert_eq!(error(&streamed)["code"], code, "{says}");
        assert!(!error(&streamed).to_string().contains("internal-host-7"), "{says}");
        assert_eq!(status(&server, &streamed).await, "failed");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = FakeAgent::streaming(&hello()).await;
    for status in ["301 Moved Permanently", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let agent = FakeAgent::saying(refusal(status, &format!("location: {}\r\n", elsewhere.url), "")).await;
        assert_eq!(code_of(&agent, &[]).await, "AGENT_BAD_RESPONSE");
    }
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn an_answer_that_breaks_off_fails_and_keeps_its_text_and_is_not_begun_again() {
    let half = events(&hello()[..4]);
    let whole = FakeAgent::saying(format!("{HEAD}{half}")).await;
    let done = FakeAgent::saying(format!("{HEAD}{half}data: [DONE]\n\n")).await;
    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let short = FakeAgent::saying(format!("{chunked}{:x}\r\n{half}\r\n", half.len())).await;
    for agent in [whole, done, short] {
        let streamed = answer(&agent.server(&[]).await, "hello").await;
        assert_eq!((error(&streamed)["code"].as_str(), text(&streamed).as_str()), (Some("AGENT_CUT"), "Hello"));
        assert_eq!(agent.asked().len(), 1);
    }
}

#[tokio::test]
async fn an_agent_that_dies_in_the_middle_is_cut_off() {
    let agent = FakeAgent::start(|_, mut connection| async move {
        connection.write(HEAD).await;
        connection.write(&events(&hello()[..3])).await;
        connection.reset();
    })
    .await;
    assert_eq!(code_of(&agent, &[]).await, "AGENT_CUT");
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_tried_and_then_unavailable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let server = TestServer::start(&["--agent", "http", "--agent-url", &url]).await;
    let begun = Instant::now();
    let streamed = answer(&server, "hello").await;
    assert_eq!(error(&streamed)["code"], "AGENT_UNAVAILABLE");
    assert!(begun.elapsed() >= Duration::from_millis(300), "it was tried once");
}

#[tokio::test]
async fn a_refused_turn_is_tried_again_under_the_same_key_and_after_the_time_that_it_asks_for() {
    let refusals = Arc::new(AtomicUsize::new(0));
    let agent = FakeAgent::start(move |_, mut connection| {
        let number = refusals.fetch_add(1, SeqCst);
        async move {
            match number {
                0 => connection.write(&refusal("503 Service Unavailable", "retry-after: 1\r\n", "")).await,
                1 => connection.write(&refusal("429 Too Many Requests", "", "")).await,
                _ => connection.write(&format!("{HEAD}{}", events(&hello()))).await,
            }
        }
    })
    .await;
    let begun = Instant::now();
    assert_eq!(text(&answer(&agent.server(&[]).await, "hello").await), "Hello");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let asked = agent.asked();
    let attempts: Vec<&str> = asked.iter().map(|asked| asked.header("rejoin-attempt").unwrap()).collect();
    assert_eq!(attempts, ["1", "2", "3"]);
    assert!(asked.iter().all(|other| other.header("idempotency-key") == asked[0].header("idempotency-key")));
    assert!(asked.iter().all(|other| other.raw == asked[0].raw));
}

#[tokio::test]
async fn attempts_come_to_an_end() {
    let agent = FakeAgent::saying(refusal("503 Service Unavailable", "", "")).await;
    assert_eq!(code_of(&agent, &["--agent-attempts", "2"]).await, "AGENT_UNAVAILABLE");
    assert_eq!(agent.asked().len(), 2);
    let patient = FakeAgent::saying(refusal("503 Service Unavailable", "retry-after: 3600\r\n", "")).await;
    assert_eq!(code_of(&patient, &[]).await, "AGENT_UNAVAILABLE");
    assert_eq!(patient.asked().len(), 1);
}

/// An agent that writes a head and then this text, again and again, at this pace.
async fn dripping(begins: String, drip: &'static str, every: u64) -> FakeAgent {
    FakeAgent::start(move |_, mut connection| {
        let begins = begins.clone();
        async move {
            connection.write(&begins).await;
            let mut pace = tokio::time::interval(Duration::from_millis(every));
            while connection.write_whole(drip).await {
                pace.tick().await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn time_runs_out_before_the_first_byte_in_a_silence_and_for_the_whole() {
    let flags = ["--agent-first-byte-ms", "300", "--agent-silence-ms", "300"];
    let mute = FakeAgent::start(|_, mut connection| async move { connection.closed().await }).await;
    assert_eq!(code_of(&mute, &flags).await, "AGENT_TIMEOUT");
    let head_only = FakeAgent::start(|_, mut connection| async move {
        connection.write(HEAD).await;
        connection.closed().await;
    })
    .await;
    assert_eq!(code_of(&head_only, &flags).await, "AGENT_TIMEOUT");
    let falls_silent = FakeAgent::start(|_, mut connection| async move {
        connection.write(&format!("{HEAD}{}", events(&hello()[..3]))).await;
        connection.closed().await;
    })
    .await;
    assert_eq!(code_of(&falls_silent, &flags).await, "AGENT_TIMEOUT");
    let endless = dripping(format!("{HEAD}{}", events(&hello()[..3])), ": still here\n\n", 50).await;
    let begun = Instant::now();
    assert_eq!(code_of(&endless, &["--agent-silence-ms", "300", "--agent-max-seconds", "1"]).await, "AGENT_TIMEOUT");
    assert!(begun.elapsed() >= Duration::from_secs(1), "comments are a sign of life");
}

#[tokio::test]
async fn a_chunk_or_a_task_that_is_too_large_ends_it() {
    let large = json!({"type": "text-delta", "id": "t", "delta": "x".repeat(2000)});
    let agent = FakeAgent::streaming(&[&hello()[..2], std::slice::from_ref(&large), &hello()[4..]].concat()).await;
    assert_eq!(code_of(&agent, &["--agent-max-chunk-bytes", "1000"]).await, "AGENT_TOO_LARGE");
    let many = vec![large; 10];
    let agent = FakeAgent::streaming(&[&hello()[..2], &many, &hello()[4..]].concat()).await;
    assert_eq!(code_of(&agent, &["--agent-max-task-bytes", "10000"]).await, "AGENT_TOO_LARGE");
    assert_eq!(text(&answer(&agent.server(&[]).await, "hello").await).len(), 20_000);
}

#[tokio::test]
async fn an_agent_that_never_ends_its_chunk_or_its_answer_is_left_at_the_limit() {
    let chunk = events(&[json!({"type": "text-delta", "id": "t", "delta": "x".repeat(60_000)})]);
    for (begins, piece, most) in [("data: ", "x".repeat(65536), 8), ("", chunk, 20)] {
        let (wrote, mut written) = mpsc::channel(1);
        let agent = FakeAgent::start(move |_, mut connection| {
            let (wrote, piece) = (wrote.clone(), piece.clone());
            async move {
                connection.write(&format!("{HEAD}{begins}")).await;
                wrote.send(connection.write_over_and_over(&piece, 64 * 1024 * 1024).await).await.unwrap();
            }
        })
        .await;
        assert_eq!(code_of(&agent, &["--agent-max-task-bytes", "8000000"]).await, "AGENT_TOO_LARGE");
        assert!(written.recv().await.unwrap() < most * 1024 * 1024);
    }
}

fn started(operation: &str) -> Value {
    json!({"type": "tool-output-available", "toolCallId": "c", "toolName": "deploy", "output": {
        "type": "operation_started", "operation_id": operation, "task_id": "t", "tool_name": "deploy", "message": "It runs.",
    }})
}

#[tokio::test]
async fn a_stream_that_ends_in_an_operation_waits_and_goes_on_with_another_request() {
    let call = json!({"type": "tool-input-available", "toolCallId": "c", "toolName": "deploy", "input": {"to": "x"}});
    let tail = vec![json!({"type": "finish-step"}), json!({"type": "finish", "messageMetadata": {"tokens": 7}})];
    for (form, ending) in [("rejoin", Vec::new()), ("ai-sdk", tail)] {
        let first = [&hello()[..1], &[call.clone(), started(&format!("op-{form}"))], &ending[..]].concat();
        let agent = FakeAgent::start(move |asked, mut connection| {
            let first = first.clone();
            async move {
                let goes_on = asked.header("idempotency-key").unwrap().ends_with(".2");
                connection.write(&format!("{HEAD}{}", events(&if goes_on { hello() } else { first }))).await;
            }
        })
        .await;
        let server = agent.server(&["--agent-body", form]).await;
        let session = server.session().await;
        let body = json!({"message": "hello", "body": {"model": "large"}});
        let mut stream = server.send_with(&session, body).await;
        let task = stream.task();
        stream.until("tool-output-available").await;
        let complete = server.post(&format!("/operations/op-{form}/complete")).header("x-api-key", "k");
        json_of(complete.json(&json!({"success": true, "result": {"url": "u"}})), StatusCode::OK).await;
        let rest = stream.rest().await;
        let expected = if form == "rejoin" { vec![] } else { vec!["finish-step", "message-metadata"] };
        let (before, rest) = rest.split_at(expected.len());
        assert_eq!(kinds(before), expected);
        assert_eq!(
            kinds(rest),
            ["tool-output-available", "text-start", "text-delta", "text-delta", "text-end", "finish"]
        );
        assert_eq!((&rest[0].value["output"], &rest[0].value["toolCallId"]), (&json!({"url": "u"}), &json!("c")));
        let asked = agent.asked().remove(1).body;
        let about = if form == "rejoin" { &asked } else { &asked["rejoin"] };
        assert_eq!((about["trigger"].as_str(), about["task_id"].as_str()), (Some("operation"), Some(&*task)));
        let operation = json!({"operation_id": format!("op-{form}"), "tool_call_id": "c", "tool_name": "deploy", "result": {"url": "u"}});
        assert_eq!(about["operation"], operation);
        let again = if form == "rejoin" { &asked["body"]["model"] } else { &asked["model"] };
        assert_eq!(again, "large", "what the app sent is sent again");
        let last = asked["messages"].as_array().unwrap().last().unwrap();
        assert_eq!(last["role"], "assistant");
        let part = last["parts"].as_array().unwrap().iter().find(|part| part["toolCallId"] == "c").unwrap();
        assert_eq!((&part["state"], &part["output"]), (&json!("output-available"), &json!({"url": "u"})));
    }
}

#[tokio::test]
async fn a_turn_that_goes_on_keeps_the_result_of_its_operation_when_the_agent_fails() {
    let agent = FakeAgent::start(|asked, mut connection| async move {
        let goes_on = asked.header("idempotency-key").unwrap().ends_with(".2");
        let first = format!("{HEAD}{}", events(&[started("op-f")]));
        connection.write(&if goes_on { refusal("400 Bad Request", "", "") } else { first }).await;
    })
    .await;
    let server = agent.server(&[]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "hello").await;
    stream.until("tool-output-available").await;
    let complete = server.post("/operations/op-f/complete").header("x-api-key", "k");
    json_of(complete.json(&json!({"success": true, "result": "done"})), StatusCode::OK).await;
    let rest = stream.rest().await;
    assert_eq!(kinds(&rest), ["tool-output-available", "error", "finish"]);
    assert_eq!((&rest[0].value["output"], &rest[1].value["code"]), (&json!("done"), &json!("AGENT_REFUSED")));
}

#[tokio::test]
async fn what_an_agent_says_while_its_operation_runs_is_streamed_and_the_task_waits_all_the_same() {
    let streamed = Arc::new(Notify::new());
    let was_streamed = streamed.clone();
    let agent = FakeAgent::start(move |_, mut connection| {
        let was_streamed = was_streamed.clone();
        async move {
            connection.write(&format!("{HEAD}{}", events(&[started("op-t")]))).await;
            connection.write(&events(&hello()[1..5])).await;
            was_streamed.notified().await;
            connection.write(&events(&hello()[5..])).await;
        }
    })
    .await;
    let server = agent.server(&[]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "hello").await;
    assert_eq!(text(&stream.until("text-end").await), "Hello");
    streamed.notify_one();
    let shown = server.when(&format!("/tasks/{}", stream.task()), |task| !task["operation_id"].is_null()).await;
    assert_eq!((&shown["status"], &shown["operation_id"]), (&json!("running"), &json!("op-t")));
}

/// An agent that falls silent in the middle of its answer, and reports when its connection is closed.
async fn silent_agent() -> (FakeAgent, mpsc::Receiver<Instant>) {
    let (closed, closes) = mpsc::channel(1);
    let agent = FakeAgent::start(move |_, mut connection| {
        let closed = closed.clone();
        async move {
            connection.write(&format!("{HEAD}{}", events(&hello()[..3]))).await;
            connection.closed().await;
            closed.send(Instant::now()).await.unwrap();
        }
    })
    .await;
    (agent, closes)
}

#[tokio::test]
async fn cancel_through_another_process_closes_the_agents_connection_within_a_second() {
    let (agent, mut closes) = silent_agent().await;
    let redis = Redis::start().await;
    let a = TestServer::over(&redis.url(), &["--agent", "http", "--agent-url", &agent.url]).await;
    let b = TestServer::over(&redis.url(), &[]).await;
    let session = a.session().await;
    let mut stream = a.send(&session, "hello").await;
    stream.until("text-delta").await;
    json_of(b.post(&format!("/tasks/{}/cancel", stream.task())), StatusCode::OK).await;
    let cancelled = Instant::now();
    assert!(closes.recv().await.unwrap() - cancelled < Duration::from_secs(1));
    assert_eq!(kinds(&stream.rest().await), ["abort", "finish"]);
}

#[tokio::test]
async fn cancel_closes_the_agents_connection_within_a_second() {
    let (agent, mut closes) = silent_agent().await;
    let server = agent.server(&[]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "hello").await;
    stream.until("text-delta").await;
    let cancelled = Instant::now();
    json_of(server.post(&format!("/tasks/{}/cancel", stream.task())), StatusCode::OK).await;
    assert!(closes.recv().await.unwrap() - cancelled < Duration::from_secs(1));
    assert_eq!(kinds(&stream.rest().await), ["abort", "finish"]);
}

#[tokio::test]
async fn an_agent_that_has_sent_finish_is_read_to_its_end_before_its_connection_closes() {
    let (wrote, mut writes) = mpsc::channel(1);
    let answered = Arc::new(Notify::new());
    let was_answered = answered.clone();
    let agent = FakeAgent::start(move |_, mut connection| {
        let (wrote, was_answered) = (wrote.clone(), was_answered.clone());
        async move {
            connection.write(&format!("{HEAD}{}", events(&hello()))).await;
            was_answered.notified().await;
            // A closed connection takes the first write and refuses the next.
            let first = connection.write_whole(": saved\n\n").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            wrote.send(first && connection.write_whole("data: [DONE]\n\n").await).await.unwrap();
        }
    })
    .await;
    let server = agent.server(&[]).await;
    // The reader waits for no more than the `finish`: the agent writes nothing further until it has that.
    answer(&server, "hello").await;
    answered.notify_one();
    assert!(writes.recv().await.unwrap());
}

#[tokio::test]
async fn a_store_that_hangs_holds_the_agent_back_and_nothing_is_lost() {
    const PIECES: usize = 250;
    let redis = Redis::start().await;
    let written = Arc::new(AtomicUsize::new(0));
    let progress = written.clone();
    let agent = FakeAgent::start(move |_, mut connection| {
        let progress = progress.clone();
        async move {
            let piece = events(&[json!({"type": "text-delta", "id": "t", "delta": "x".repeat(100_000)})]);
            connection.write(&format!("{HEAD}{}", events(&hello()[..2]))).await;
            for _ in 0..PIECES {
                connection.write(&piece).await;
                progress.fetch_add(1, SeqCst);
            }
            connection.write(&events(&hello()[4..])).await;
        }
    })
    .await;
    let flags = ["--agent", "http", "--agent-url", &agent.url, "--agent-max-task-bytes", "100000000"];
    let server = redis.server(&flags).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "hello").await;
    stream.until("text-delta").await;
    redis.signal("STOP");
    let stuck_at = loop {
        let before = written.load(SeqCst);
        tokio::time::sleep(Duration::from_millis(500)).await;
        if written.load(SeqCst) == before {
            break before;
        }
    };
    // Most of it is in the buffers of the operating system.
    assert!(stuck_at < PIECES * 3 / 4, "{stuck_at} pieces went into memory");
    redis.signal("CONT");
    let rest = stream.rest().await;
    assert!(stream.is_done());
    assert_eq!(kinds(&rest).iter().filter(|kind| **kind == "text-delta").count(), PIECES - 1);
}

#[tokio::test]
async fn two_hundred_answers_at_once_are_each_whole() {
    let agent = Arc::new(FakeAgent::streaming(&hello()).await);
    let server = Arc::new(agent.server(&[]).await);
    let answers = (0..200).map(|_| {
        let server = server.clone();
        tokio::spawn(async move { text(&answer(&server, "hello").await) })
    });
    for answer in futures_util::future::join_all(answers).await {
        assert_eq!(answer.unwrap(), "Hello");
    }
}
