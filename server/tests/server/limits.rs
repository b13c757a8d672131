//! The limits of one user, or one address (SERVER.md, `--user-tasks` and its like).

use std::time::Instant;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{Stream, TestServer, error_of, json_of};

const SECRET: &str = "the secret of these tests";

fn token(user: &str) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes()).unwrap();
    encode(&Header::new(Algorithm::HS256), &json!({ "sub": user }), &key).unwrap()
}

async fn server(flags: &[&str]) -> TestServer {
    TestServer::start(&[&["--jwt-secret", SECRET], flags].concat()).await
}

async fn session_of(server: &TestServer, user: &str) -> String {
    let created = json_of(server.post("/sessions").bearer_auth(token(user)), StatusCode::CREATED).await;
    created["id"].as_str().unwrap().into()
}

fn say(server: &TestServer, session: &str, body: &Value) -> RequestBuilder {
    server.post(&format!("/sessions/{session}/stream")).json(body)
}

async fn refused(request: RequestBuilder) -> u64 {
    retry_after(request.send().await.unwrap()).await
}

/// The seconds that a refusal asks to wait.
async fn retry_after(response: Response) -> u64 {
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let after = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert_eq!(response.json::<Value>().await.unwrap()["detail"]["code"], "RATE_LIMITED");
    after
}

async fn served(request: RequestBuilder) -> Response {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response
}

#[tokio::test]
async fn a_user_has_so_many_tasks_running_and_another_user_as_many() {
    let server = server(&["--user-tasks", "1"]).await;
    let (first, second, other) =
        (session_of(&server, "ada").await, session_of(&server, "ada").await, session_of(&server, "bob").await);
    let long = json!({"message": "/tokens 2 /silence 60000"});
    let running = Stream::of(served(say(&server, &first, &long).bearer_auth(token("ada"))).await);
    let second_task = || say(&server, &second, &json!({"message": "/tokens 1 /rate 0", "message_id": "m"}));
    assert!(refused(second_task().bearer_auth(token("ada"))).await >= 1);
    let shown = json_of(server.get(&format!("/sessions/{second}")).bearer_auth(token("ada")), StatusCode::OK).await;
    assert_eq!(shown["messages"], json!([]), "nothing was stored");
    served(say(&server, &other, &json!({"message": "/tokens 1 /rate 0"})).bearer_auth(token("bob"))).await;
    let cancel = server.post(&format!("/tasks/{}/cancel", running.task())).bearer_auth(token("ada"));
    json_of(cancel, StatusCode::OK).await;
    // The slot is free when the writer has ended.
    while second_task().bearer_auth(token("ada")).send().await.unwrap().status() != StatusCode::OK {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_user_has_so_many_streams_open() {
    let server = server(&["--user-streams", "1"]).await;
    let session = session_of(&server, "ada").await;
    let long = json!({"message": "/tokens 2 /silence 60000"});
    let open = Stream::of(served(say(&server, &session, &long).bearer_auth(token("ada"))).await);
    let join = || server.get(&format!("/tasks/{}/stream", open.task())).bearer_auth(token("ada"));
    refused(join()).await;
    let path = format!("/tasks/{}/stream", open.task());
    drop(open);
    while server.get(&path).bearer_auth(token("ada")).send().await.unwrap().status() != StatusCode::OK {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn new_tasks_come_at_a_rate_and_repeats_do_not_count() {
    let server = server(&["--user-rate", "1"]).await;
    let session = session_of(&server, "ada").await;
    let said = |id: &str| {
        say(&server, &session, &json!({"message": "/tokens 1 /rate 0", "message_id": id})).bearer_auth(token("ada"))
    };
    let begun = Instant::now();
    let mut served_so_far = 0;
    let wait = loop {
        let response = said(&format!("m{served_so_far}")).send().await.unwrap();
        if response.status() != StatusCode::OK {
            break retry_after(response).await;
        }
        Stream::of(response).whole().await;
        served_so_far += 1;
    };
    assert_eq!(wait, 1);
    // A burst of three, and one more for each second that it took.
    let most = 3 + begun.elapsed().as_secs() + 1;
    assert!((3..=most).contains(&served_so_far), "{served_so_far} of {most}");
    for _ in 0..5 {
        served(said("m0")).await;
    }
    let shown = json_of(server.get(&format!("/sessions/{session}")).bearer_auth(token("ada")), StatusCode::OK).await;
    assert_eq!(shown["messages"].as_array().unwrap().len() as u64, 2 * served_so_far);
}

#[tokio::test]
async fn a_message_to_a_session_that_is_being_answered_is_refused_as_that_and_counts_for_nothing() {
    let server = server(&["--user-tasks", "1", "--user-rate", "1"]).await;
    let (session, other) = (session_of(&server, "ada").await, session_of(&server, "ada").await);
    let long = json!({"message": "/tokens 2 /silence 60000"});
    let running = Stream::of(served(say(&server, &session, &long).bearer_auth(token("ada"))).await);
    for _ in 0..5 {
        let second = say(&server, &session, &json!({"message": "second"})).bearer_auth(token("ada"));
        error_of(second, 409, "TASK_RUNNING").await;
    }
    let cancel = server.post(&format!("/tasks/{}/cancel", running.task())).bearer_auth(token("ada"));
    json_of(cancel, StatusCode::OK).await;
    running.whole().await;
    let first = || say(&server, &other, &json!({"message": "/tokens 1 /rate 0", "message_id": "m"}));
    while first().bearer_auth(token("ada")).send().await.unwrap().status() != StatusCode::OK {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_anonymous_are_not_limited_unless_by_their_address() {
    let free = TestServer::start(&["--user-rate", "1"]).await;
    for _ in 0..5 {
        free.send(&free.session().await, "/tokens 1 /rate 0").await.whole().await;
    }
    let strict = TestServer::start(&["--user-rate", "1", "--limit-addresses"]).await;
    for _ in 0..3 {
        strict.send(&strict.session().await, "/tokens 1 /rate 0").await.whole().await;
    }
    refused(say(&strict, &strict.session().await, &json!({"message": "x"}))).await;
    let elsewhere = say(&strict, &strict.session().await, &json!({"message": "x"}));
    error_of(elsewhere.header("x-forwarded-for", "192.0.2.1"), 429, "RATE_LIMITED").await;
}

#[tokio::test]
async fn a_trusted_proxy_says_whose_request_it_brings() {
    let flags = ["--user-rate", "1", "--limit-addresses", "--trusted-proxy", "127.0.0.0/8"];
    let server = TestServer::start(&flags).await;
    let session = server.session().await;
    let from = |address: &str| {
        say(&server, &session, &json!({"message": "/tokens 1 /rate 0"})).header("x-forwarded-for", address)
    };
    for _ in 0..3 {
        Stream::of(served(from("192.0.2.1")).await).whole().await;
    }
    refused(from("198.51.100.9, 192.0.2.1")).await;
    served(from("192.0.2.2")).await;
}
