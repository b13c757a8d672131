//! PROTOCOL §1: the table of errors, and the one form that all errors have.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{TestServer, as_json, error_of, json_of};

#[tokio::test]
async fn unknown_things_are_not_found_each_with_its_code() {
    let server = TestServer::start(&["--internal-api-key", "k"]).await;
    error_of(server.get("/sessions/none"), 404, "SESSION_NOT_FOUND").await;
    error_of(server.post("/sessions/none/stream").json(&json!({"message": "x"})), 404, "SESSION_NOT_FOUND").await;
    error_of(server.get("/tasks/none"), 404, "TASK_NOT_FOUND").await;
    error_of(server.get("/tasks/none/stream"), 404, "TASK_NOT_FOUND").await;
    error_of(server.post("/tasks/none/cancel"), 404, "TASK_NOT_FOUND").await;
    let complete = server.post("/operations/none/complete").header("x-api-key", "k").json(&json!({"success": true}));
    error_of(complete, 404, "OPERATION_NOT_FOUND").await;
}

#[tokio::test]
async fn bodies_that_do_not_parse_are_refused_and_store_nothing() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let path = format!("/sessions/{session}/stream");
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"message": ""}"#,
        r#"{"message": "", "parts": []}"#,
        r#"{"message": 1}"#,
        r#"{"message": "x", "is_user_message": "yes"}"#,
        r#"{"message": "x", "message_id": 7}"#,
        r#"{"message": "x", "message_id": ""}"#,
        r#"{"message": "x", "context": "y"}"#,
        "\u{feff}{}",
    ] {
        error_of(as_json(server.post(&path), body), 400, "INVALID_REQUEST").await;
    }
    assert_eq!(server.show(&format!("/sessions/{session}")).await["messages"], json!([]));
}

#[tokio::test]
async fn half_an_emoji_in_a_body_is_stored_as_the_replacement_character() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let body = r#"{"message": "/tokens 1 \ud83d", "message_id": "m", "metadata": {"a": "\udc00"},
                   "parts": [{"type": "text", "text": "/tokens 1 \ud83d\ud83d\ude00"}]}"#;
    let sent = as_json(server.post(&format!("/sessions/{session}/stream")), body).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    let shown = server.show(&format!("/sessions/{session}")).await;
    let message = &shown["messages"][0];
    assert_eq!(message["content"], "/tokens 1 \u{fffd}");
    assert_eq!(message["parts"][0]["text"], "/tokens 1 \u{fffd}😀");
    assert_eq!(message["metadata"]["a"], "\u{fffd}");
}

#[tokio::test]
async fn a_body_of_which_nothing_is_needed_may_be_missing_and_has_to_parse() {
    let server = TestServer::start(&["--max-body-bytes", "200"]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "/tokens 2 /silence 60000").await;
    let cancel = format!("/tasks/{}/cancel", stream.task());
    for path in ["/sessions", &cancel] {
        for body in ["{", "[]", "null", "no JSON", r#"{"a": 1} {}"#, "\u{feff}{}"] {
            error_of(as_json(server.post(path), body), 400, "INVALID_REQUEST").await;
        }
        error_of(as_json(server.post(path), vec![b' '; 300]), 413, "MESSAGE_TOO_LARGE").await;
    }
    assert_eq!(server.show("/sessions").await["total"], 1);
    assert_eq!(server.show(&format!("/tasks/{}", stream.task())).await["status"], "running");
    for body in ["", "{}", r#"{"title": [1, {"a": null}]}"#] {
        json_of(as_json(server.post("/sessions"), body), StatusCode::CREATED).await;
    }
    json_of(as_json(server.post(&cancel), r#"{"reason": "enough"}"#), StatusCode::OK).await;
    stream.rest().await;
    assert!(stream.is_done());
}

#[tokio::test]
async fn optional_fields_may_be_null_and_unknown_ones_are_ignored() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let body = json!({"message": "/tokens 1 /rate 0", "is_user_message": null, "context": null, "message_id": null, "more": 1});
    server.send_with(&session, body).await.whole().await;
    let body = json!({"message": "/tokens 1 /rate 0", "context": {"url": "http://x/", "content": "page"}});
    server.send_with(&session, body).await.whole().await;
}

#[tokio::test]
async fn messages_are_limited_in_bytes_and_not_in_characters() {
    let server = TestServer::start(&["--max-message-bytes", "10", "--max-body-bytes", "200"]).await;
    let session = server.session().await;
    let path = format!("/sessions/{session}/stream");
    let send = |message: &str| server.post(&path).json(&json!({"message": message}));
    assert_eq!(send("0123456789").send().await.unwrap().status(), 200);
    let session = server.session().await;
    let path = format!("/sessions/{session}/stream");
    let send = |message: &str| server.post(&path).json(&json!({"message": message}));
    error_of(send("01234567é9"), 413, "MESSAGE_TOO_LARGE").await;
    error_of(send(&"x".repeat(300)), 413, "MESSAGE_TOO_LARGE").await;
    error_of(as_json(server.post(&path), vec![b' '; 2_000_000]), 413, "MESSAGE_TOO_LARGE").await;
    assert_eq!(server.show(&format!("/sessions/{session}")).await["messages"], json!([]));
}

#[tokio::test]
async fn more_tasks_than_allowed_are_refused_and_store_nothing() {
    let server = TestServer::start(&["--max-tasks", "1"]).await;
    let (busy, idle) = (server.session().await, server.session().await);
    let stream = server.send(&busy, "/tokens 2 /silence 60000").await;
    let request = server.post(&format!("/sessions/{idle}/stream")).json(&json!({"message": "x", "message_id": "m"}));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    assert_eq!(response.json::<serde_json::Value>().await.unwrap()["detail"]["code"], "RATE_LIMITED");
    assert_eq!(server.show(&format!("/sessions/{idle}")).await["messages"], json!([]));
    json_of(server.post(&format!("/tasks/{}/cancel", stream.task())), StatusCode::OK).await;
    drop(stream);
    server
        .when("/sessions", |list| list["sessions"].as_array().unwrap().iter().all(|row| row["is_processing"] == false))
        .await;
    let again = json!({"message": "/tokens 1 /rate 0", "message_id": "m"});
    loop {
        let response = server.post(&format!("/sessions/{idle}/stream")).json(&again).send().await.unwrap();
        if response.status() == StatusCode::OK {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn more_streams_than_allowed_are_refused_and_store_nothing() {
    let server = TestServer::start(&["--max-streams", "1"]).await;
    let (busy, idle) = (server.session().await, server.session().await);
    let stream = server.send(&busy, "/tokens 2 /silence 60000").await;
    error_of(server.get(&format!("/tasks/{}/stream", stream.task())), 429, "RATE_LIMITED").await;
    error_of(server.post(&format!("/sessions/{idle}/stream")).json(&json!({"message": "x"})), 429, "RATE_LIMITED")
        .await;
    assert_eq!(server.show(&format!("/sessions/{idle}")).await["messages"], json!([]));
}

#[tokio::test]
async fn addresses_and_methods_that_are_not_there_have_the_same_shape_of_error() {
    let server = TestServer::start(&[]).await;
    error_of(server.get("/nowhere"), 404, "NOT_FOUND").await;
    error_of(server.get("/sessions/%ff"), 404, "NOT_FOUND").await;
    error_of(server.http.get(format!("{}/nowhere", server.root)), 404, "NOT_FOUND").await;
    let delete = server.http.request(Method::DELETE, format!("{}/api/chat/sessions", server.root));
    error_of(delete, 405, "METHOD_NOT_ALLOWED").await;
}

#[tokio::test]
async fn the_server_reports_its_health_its_settings_and_its_metrics() {
    let server = TestServer::start(&["--stream-ttl", "120"]).await;
    let health = server.show("/health").await;
    assert_eq!((health["status"].as_str(), health["store"].as_str()), (Some("healthy"), Some("memory")));
    assert!(health["service"].is_string() && health["version"].is_string());
    assert_eq!(server.show("/config/ttl").await, json!({"stream_ttl_seconds": 120, "stream_ttl_ms": 120_000}));
    let session = server.session().await;
    server.send(&session, "/tokens 3 /rate 0").await.whole().await;
    let expected = ["rejoin_tasks{status=\"completed\"} 1", "rejoin_chunks_in_total 7", "rejoin_chunks_out_total 7"];
    // The task is counted a moment after its last chunk is out.
    loop {
        let metrics = server.http.get(format!("{}/metrics", server.root)).send().await.unwrap().text().await.unwrap();
        if expected.iter().all(|line| metrics.contains(line)) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_answers_and_errors() {
    let server = TestServer::start(&["--allow-origin", "http://a.example", "--allow-origin", "http://b.example"]).await;
    for origin in ["http://a.example", "http://b.example"] {
        let response = server.get("/tasks/none").header("origin", origin).send().await.unwrap();
        assert_eq!(response.status(), 404);
        assert_eq!(response.headers()["access-control-allow-origin"], origin);
        assert_eq!(response.headers()["access-control-allow-credentials"], "true");
        let exposed = response.headers()["access-control-expose-headers"].to_str().unwrap().to_lowercase();
        assert!(exposed.contains("retry-after") && exposed.contains("x-task-id"), "{exposed}");
    }
    let other = server.get("/tasks/none").header("origin", "http://c.example").send().await.unwrap();
    assert!(!other.headers().contains_key("access-control-allow-origin"));
    let preflight = server.http.request(Method::OPTIONS, format!("{}/api/chat/sessions/s/stream", server.root));
    let response = preflight
        .header("origin", "http://a.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,authorization")
        .send()
        .await
        .unwrap();
    assert!(response.status().is_success());
    assert!(response.headers()["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
}

#[tokio::test]
async fn static_files_are_served_and_pages_of_the_app_get_its_index() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<h1>app</h1>").unwrap();
    std::fs::write(folder.path().join("app.js"), "1").unwrap();
    let server = TestServer::start(&["--www", folder.path().to_str().unwrap()]).await;
    let get = |path: &str| server.http.get(format!("{}{path}", server.root)).header("accept", "text/html,*/*");
    let body = async |path: &str| get(path).send().await.unwrap().text().await.unwrap();
    assert_eq!(body("/").await, "<h1>app</h1>");
    assert_eq!(body("/app.js").await, "1");
    assert_eq!(body("/c/some-session").await, "<h1>app</h1>");
    error_of(get("/missing.js"), 404, "NOT_FOUND").await;
    error_of(get("/api/chat/nowhere"), 404, "NOT_FOUND").await;
    error_of(get("/../Cargo.toml"), 404, "NOT_FOUND").await;
}

#[tokio::test]
async fn static_files_go_compressed_to_those_who_take_it_where_they_lie_compressed() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in
        [("index.html", "page"), ("index.html.gz", "page, gzip"), ("app.js", "app"), ("app.js.br", "app, brotli")]
    {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let server = TestServer::start(&["--www", folder.path().to_str().unwrap()]).await;
    let get = async |path: &str, takes: &str| {
        let request = server
            .http
            .get(format!("{}{path}", server.root))
            .header("accept", "text/html")
            .header("accept-encoding", takes);
        let response = request.send().await.unwrap();
        let encoding = response.headers().get("content-encoding").map(|encoding| encoding.to_str().unwrap().to_owned());
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (encoding.unwrap_or_default(), kind, response.text().await.unwrap())
    };
    let answer = |encoding: &str, kind: &str, body: &str| (encoding.to_owned(), kind.to_owned(), body.to_owned());
    assert_eq!(get("/app.js", "gzip, br").await, answer("br", "text/javascript", "app, brotli"));
    assert_eq!(get("/app.js", "gzip").await, answer("", "text/javascript", "app"));
    assert_eq!(get("/app.js", "br;q=0").await, answer("", "text/javascript", "app"));
    assert_eq!(get("/c/some-session", "gzip, br").await, answer("gzip", "text/html", "page, gzip"));
}
