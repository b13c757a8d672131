//! Access: tokens, owners, and the key of the webhook.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Stream, TestServer, error_of, json_of};

const SECRET: &str = "the secret of these tests";

fn token_of(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes()).unwrap();
    encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

fn token(user: &str) -> String {
    token_of(&json!({"sub": user, "exp": 4_000_000_000_u64}))
}

async fn server() -> TestServer {
    TestServer::start(&["--jwt-secret", SECRET]).await
}

async fn session_of(server: &TestServer, user: &str) -> String {
    let created = json_of(server.post("/sessions").bearer_auth(token(user)), StatusCode::CREATED).await;
    assert_eq!(created["user_id"], user);
    created["id"].as_str().unwrap().into()
}

#[tokio::test]
async fn a_bad_or_expired_token_is_refused_everywhere() {
    let server = server().await;
    for token in ["x", "", &token_of(&json!({"sub": "ada", "exp": 1000}))] {
        error_of(server.post("/sessions").bearer_auth(token), 401, "UNAUTHORIZED").await;
        error_of(server.get("/sessions").bearer_auth(token), 401, "UNAUTHORIZED").await;
    }
}

#[tokio::test]
async fn a_session_and_its_tasks_are_their_owners_alone() {
    let server = server().await;
    let session = session_of(&server, "ada").await;
    let send =
        server.post(&format!("/sessions/{session}/stream")).json(&json!({"message": "/tokens 2 /silence 60000"}));
    let stream = Stream::of(send.bearer_auth(token("ada")).send().await.unwrap());
    let task = stream.task();
    let paths = [format!("/sessions/{session}"), format!("/tasks/{task}"), format!("/tasks/{task}/stream")];
    for path in &paths {
        error_of(server.get(path), 401, "UNAUTHORIZED").await;
        error_of(server.get(path).bearer_auth(token("bob")), 403, "ACCESS_DENIED").await;
        assert_eq!(server.get(path).bearer_auth(token("ada")).send().await.unwrap().status(), 200);
    }
    let cancel = || server.post(&format!("/tasks/{task}/cancel"));
    error_of(cancel(), 401, "UNAUTHORIZED").await;
    error_of(cancel().bearer_auth(token("bob")), 403, "ACCESS_DENIED").await;
    let cancel_message = || server.post(&format!("/sessions/{session}/cancel")).json(&json!({"message_id": "m"}));
    error_of(cancel_message(), 401, "UNAUTHORIZED").await;
    error_of(cancel_message().bearer_auth(token("bob")), 403, "ACCESS_DENIED").await;
    let delete = || server.delete(&format!("/sessions/{session}"));
    error_of(delete(), 401, "UNAUTHORIZED").await;
    error_of(delete().bearer_auth(token("bob")), 403, "ACCESS_DENIED").await;
    let sent = || server.post(&format!("/sessions/{session}/stream")).json(&json!({"message": "x"}));
    error_of(sent(), 401, "UNAUTHORIZED").await;
    error_of(sent().bearer_auth(token("bob")), 403, "ACCESS_DENIED").await;
    json_of(cancel().bearer_auth(token("ada")), StatusCode::OK).await;
    assert_eq!(delete().bearer_auth(token("ada")).send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_list_shows_the_callers_sessions_and_the_anonymous_have_none() {
    let server = server().await;
    let (ada, _bob, free) =
        (session_of(&server, "ada").await, session_of(&server, "bob").await, server.session().await);
    let list = json_of(server.get("/sessions").bearer_auth(token("ada")), StatusCode::OK).await;
    assert_eq!((list["total"].as_u64(), list["sessions"][0]["id"].as_str()), (Some(1), Some(ada.as_str())));
    error_of(server.get("/sessions"), 401, "UNAUTHORIZED").await;
    server.show(&format!("/sessions/{free}")).await;
    server.send(&free, "/tokens 1 /rate 0").await.whole().await;
}

#[tokio::test]
async fn a_signed_in_caller_claims_an_anonymous_session_and_its_tasks() {
    let server = server().await;
    let session = server.session().await;
    let stream = server.send(&session, "/tokens 1 /rate 0").await;
    let task = stream.task();
    stream.whole().await;
    let assign = || server.patch(&format!("/sessions/{session}/assign-user"));
    error_of(assign(), 401, "UNAUTHORIZED").await;
    let claimed = json_of(assign().bearer_auth(token("ada")), StatusCode::OK).await;
    assert_eq!((claimed["id"].as_str(), claimed["user_id"].as_str()), (Some(session.as_str()), Some("ada")));
    json_of(assign().bearer_auth(token("ada")), StatusCode::OK).await;
    error_of(assign().bearer_auth(token("bob")), 403, "ACCESS_DENIED").await;
    error_of(server.get(&format!("/tasks/{task}")), 401, "UNAUTHORIZED").await;
    error_of(server.get(&format!("/tasks/{task}")).bearer_auth(token("bob")), 403, "ACCESS_DENIED").await;
    let list = json_of(server.get("/sessions").bearer_auth(token("ada")), StatusCode::OK).await;
    assert_eq!(list["total"], 1);
    error_of(server.patch("/sessions/none/assign-user").bearer_auth(token("ada")), 404, "SESSION_NOT_FOUND").await;
}

#[tokio::test]
async fn without_a_secret_all_callers_are_anonymous_and_the_list_shows_all() {
    let server = TestServer::start(&[]).await;
    let created = json_of(server.post("/sessions").bearer_auth("anything"), StatusCode::CREATED).await;
    assert_eq!(created["user_id"], Value::Null);
    assert_eq!(server.show("/sessions").await["total"], 1);
}

#[tokio::test]
async fn the_webhook_is_closed_without_a_key_and_opens_to_the_right_one() {
    let closed = TestServer::start(&[]).await;
    let complete = |server: &TestServer| server.post("/operations/o/complete").json(&json!({"success": true}));
    error_of(complete(&closed).header("x-api-key", "k"), 503, "WEBHOOK_NOT_CONFIGURED").await;
    let open = TestServer::start(&["--internal-api-key", "k"]).await;
    error_of(complete(&open), 401, "UNAUTHORIZED").await;
    error_of(complete(&open).header("x-api-key", "kk"), 401, "UNAUTHORIZED").await;
    error_of(complete(&open).header("x-api-key", "k"), 404, "OPERATION_NOT_FOUND").await;
}

#[tokio::test]
async fn where_a_token_is_required_only_health_the_webhook_and_preflights_do_without() {
    let flags =
        ["--require-auth", "--jwt-secret", SECRET, "--internal-api-key", "k", "--allow-origin", "http://a.example"];
    let server = TestServer::start(&flags).await;
    let session = session_of(&server, "ada").await;
    let path = format!("/sessions/{session}");
    let send = |path: &str| server.post(path).json(&json!({"message": "/tokens 1 /rate 0"}));
    for request in [
        server.post("/sessions"),
        server.get("/sessions"),
        server.get(&path),
        server.get("/sessions/none"),
        server.patch(&format!("{path}/assign-user")),
        send(&format!("{path}/stream")),
        server.get("/tasks/none"),
        server.get("/tasks/none/stream"),
        server.post("/tasks/none/cancel"),
        server.post("/sessions/none/cancel").json(&json!({"message_id": "m"})),
        server.delete("/sessions/none"),
        server.get("/config/ttl"),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["www-authenticate"]),
            (401, &"Bearer".parse().unwrap())
        );
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["detail"]["code"], "UNAUTHORIZED");
    }
    server.show("/health").await;
    let complete = server.post("/operations/none/complete").header("x-api-key", "k").json(&json!({"success": true}));
    error_of(complete, 404, "OPERATION_NOT_FOUND").await;
    let preflight = server.http.request(reqwest::Method::OPTIONS, format!("{}/api/chat{path}/stream", server.root));
    let preflight = preflight.header("origin", "http://a.example").header("access-control-request-method", "POST");
    assert_eq!(preflight.send().await.unwrap().status(), 200);
    json_of(server.get("/config/ttl").bearer_auth(token("ada")), StatusCode::OK).await;
    let stream = Stream::of(send(&format!("{path}/stream")).bearer_auth(token("ada")).send().await.unwrap());
    stream.whole().await;
}
