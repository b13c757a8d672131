//! Requests of strangers that are refused: pages of other sites, forged names, forms that no client sends. Each rule
//! has a test.

use redis::AsyncCommands;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::Process;
use crate::redis::Redis;
use crate::support::{TestServer, as_json, error_of, json_of};

/// The answer to a request that no HTTP library would send.
async fn raw(server: &TestServer, request: &str) -> String {
    let mut socket = TcpStream::connect(server.root.trim_start_matches("http://")).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_body_has_to_say_that_it_is_json_as_no_form_of_another_site_can() {
    let server = TestServer::start(&["--internal-api-key", "k"]).await;
    let session = server.session().await;
    let body = r#"{"message": "/tokens 1 /rate 0"}"#;
    let send = || server.post(&format!("/sessions/{session}/stream"));
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        error_of(send().header("content-type", kind).body(body), 415, "UNSUPPORTED_MEDIA_TYPE").await;
    }
    error_of(send().body(body), 415, "UNSUPPORTED_MEDIA_TYPE").await;
    error_of(server.post("/sessions").body("x"), 415, "UNSUPPORTED_MEDIA_TYPE").await;
    let complete = server.post("/operations/o/complete").header("x-api-key", "k");
    error_of(complete.body(r#"{"success": true}"#), 415, "UNSUPPORTED_MEDIA_TYPE").await;
    assert_eq!(server.show(&format!("/sessions/{session}")).await["messages"], json!([]));
    let typed = send().header("content-type", "application/json; charset=utf-8").body(body);
    assert_eq!(typed.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn pages_of_other_origins_change_nothing() {
    let server = TestServer::start(&["--allow-origin", "https://chat.example"]).await;
    let create = || server.post("/sessions");
    error_of(create().header("origin", "https://evil.example"), 403, "ORIGIN_REFUSED").await;
    error_of(create().header("origin", "null"), 403, "ORIGIN_REFUSED").await;
    error_of(create().header("sec-fetch-site", "cross-site"), 403, "ORIGIN_REFUSED").await;
    assert_eq!(server.show("/sessions").await["total"], 0);
    json_of(create().header("origin", "https://chat.example"), StatusCode::CREATED).await;
    json_of(create().header("origin", &server.root), StatusCode::CREATED).await;
    let behind_a_proxy = create().header("origin", "https://site.example").header("sec-fetch-site", "same-origin");
    json_of(behind_a_proxy, StatusCode::CREATED).await;
    json_of(create(), StatusCode::CREATED).await;
}

#[tokio::test]
async fn a_name_that_was_made_to_point_here_is_not_answered() {
    let server = TestServer::start(&["--allow-origin", "https://chat.example"]).await;
    let list = |host: &str| server.get("/sessions").header("host", host);
    for host in ["evil.example", "evil.example:8787", "localhost.evil.example"] {
        error_of(list(host), 403, "ORIGIN_REFUSED").await;
    }
    for host in ["localhost:8787", "app.localhost", "127.0.0.1", "[::1]:1", "chat.example"] {
        json_of(list(host), StatusCode::OK).await;
    }
    let open = TestServer::listening("0.0.0.0:0").await;
    json_of(open.get("/sessions").header("host", "chat.example"), StatusCode::OK).await;
}

#[tokio::test]
async fn with_all_origins_allowed_no_page_acts_with_what_the_browser_knows_of_the_user() {
    let server = TestServer::start(&["--allow-origin", "*"]).await;
    let response = server.post("/sessions").header("origin", "https://any.example").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert!(!response.headers().contains_key("access-control-allow-credentials"));
    let preflight = server.http.request(Method::OPTIONS, format!("{}/api/chat/sessions", server.root));
    let preflight = preflight
        .header("origin", "https://any.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    let allowed = preflight.send().await.unwrap().headers()["access-control-allow-headers"].clone();
    assert!(allowed.to_str().unwrap().contains("authorization"), "{allowed:?}");
}

#[tokio::test]
async fn a_target_that_is_no_path_is_a_bad_request() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "app").unwrap();
    let server = TestServer::start(&["--www", folder.path().to_str().unwrap()]).await;
    for target in ["GET x", "GET example.com:80", "CONNECT example.com:80"] {
        let answer = raw(&server, &format!("{target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{target}: {answer}");
        assert!(answer.contains("INVALID_REQUEST"), "{target}: {answer}");
    }
    let absolute = raw(&server, "GET http://localhost/api/chat/sessions HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    assert!(absolute.starts_with("HTTP/1.1 200 "), "{absolute}");
}

#[tokio::test]
async fn an_id_that_could_name_something_else_in_the_store_names_nothing() {
    let server = TestServer::start(&["--internal-api-key", "k"]).await;
    let session = server.session().await;
    for bad in [format!("{session}:messages"), format!("%7B{session}%7D"), "%2A".into(), "a%00b".into(), "a%0Ab".into()]
    {
        error_of(server.get(&format!("/sessions/{bad}")), 404, "SESSION_NOT_FOUND").await;
        error_of(server.get(&format!("/tasks/{bad}")), 404, "TASK_NOT_FOUND").await;
        error_of(server.get(&format!("/tasks/{bad}/stream")), 404, "TASK_NOT_FOUND").await;
    }
    let complete = server.post("/operations/%7Bo%7D/complete").header("x-api-key", "k").json(&json!({"success": true}));
    error_of(complete, 404, "OPERATION_NOT_FOUND").await;
    let path = format!("/sessions/{session}/stream");
    for id in ["{m}", "a\nb", &"x".repeat(257)] {
        let body = json!({"message": "x", "message_id": id}).to_string();
        error_of(as_json(server.post(&path), body), 400, "INVALID_REQUEST").await;
    }
}

#[tokio::test]
async fn a_page_does_not_put_words_into_the_assistants_mouth_unless_it_is_allowed_to() {
    let body = json!({"message": "/tokens 1 /rate 0", "is_user_message": false});
    let say = async |server: &TestServer| {
        let session = server.session().await;
        server.post(&format!("/sessions/{session}/stream")).json(&body).header("origin", &server.root)
    };
    let strict = TestServer::start(&[]).await;
    error_of(say(&strict).await, 403, "ACCESS_DENIED").await;
    error_of(say(&strict).await.header("sec-fetch-site", "same-origin"), 403, "ACCESS_DENIED").await;
    assert_eq!(strict.show("/sessions").await["sessions"][0]["title"], Value::Null, "nothing was stored");
    let open = TestServer::start(&["--allow-assistant-messages"]).await;
    assert_eq!(say(&open).await.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_log_names_no_session() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let process = Process::start_logging("memory", &["--log", "info"], std::fs::File::create(&log).unwrap());
    let session = process.server.session().await;
    process.server.send(&session, "/tokens 1 /rate 0").await.whole().await;
    process.server.show(&format!("/sessions/{session}")).await;
    error_of(process.server.get(&format!("/sessions/{session}/nowhere")), 404, "NOT_FOUND").await;
    drop(process);
    let written = std::fs::read_to_string(&log).unwrap();
    assert!(written.contains("a task begins"), "{written}");
    assert!(!written.contains(&session), "{written}");
}

#[tokio::test]
async fn a_mistyped_store_does_not_print_its_password() {
    for store in
        ["redsi://user:hunter2@cache", "redis://user:hunter2@127.0.0.1:notaport", "redis://user:hunter2@127.0.0.1:1"]
    {
        let output = Process::failing(&["--store", store]).await;
        assert!(!output.is_empty() && !output.contains("hunter2"), "{output}");
    }
}

#[tokio::test]
async fn a_task_whose_session_is_gone_is_nobodys() {
    let redis = Redis::start().await;
    let server = TestServer::over(&redis.url(), &[]).await;
    let session = server.session().await;
    let stream = server.send(&session, "/tokens 1 /rate 0").await;
    let task = stream.task();
    stream.whole().await;
    server.show(&format!("/tasks/{task}")).await;
    let removed: u32 = redis.connection().await.unwrap().del(format!("rejoin:{{{session}}}:session")).await.unwrap();
    assert_eq!(removed, 1);
    error_of(server.get(&format!("/tasks/{task}")), 404, "TASK_NOT_FOUND").await;
    error_of(server.get(&format!("/tasks/{task}/stream")), 404, "TASK_NOT_FOUND").await;
    error_of(server.post(&format!("/tasks/{task}/cancel")), 404, "TASK_NOT_FOUND").await;
}
