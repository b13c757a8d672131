//! PROTOCOL §1: sessions, messages, tasks and cancel, and the rules that keep them consistent.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{TestServer, error_of, json_of, kinds, stored_text, text};

#[tokio::test]
async fn a_new_session_is_empty_and_anonymous() {
    let server = TestServer::start(&[]).await;
    let created = json_of(server.post("/sessions"), StatusCode::CREATED).await;
    assert_eq!(created["user_id"], Value::Null);
    assert!(created["created_at"].as_str().unwrap().ends_with('Z'));
    let shown = server.show(&format!("/sessions/{}", created["id"].as_str().unwrap())).await;
    assert_eq!(shown["messages"], json!([]));
    assert_eq!(shown["active_stream"], Value::Null);
    assert_eq!(shown["created_at"], created["created_at"]);
}

#[tokio::test]
async fn sessions_are_listed_by_their_last_change_newest_first() {
    let server = TestServer::start(&[]).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(server.session().await);
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    server.send(&ids[0], "/tokens 1 /rate 0").await.whole().await;
    let list = server.show("/sessions").await;
    let listed: Vec<&str> =
        list["sessions"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(listed, [&ids[0], &ids[2], &ids[1]]);
    assert_eq!(list["total"], 3);
    assert_eq!(list["sessions"][0]["title"], "/tokens 1 /rate 0");
    assert_eq!(list["sessions"][1]["title"], Value::Null);
    let page = server.show("/sessions?limit=1&offset=1").await;
    assert_eq!((page["sessions"][0]["id"].as_str(), page["total"].as_u64()), (Some(ids[2].as_str()), Some(3)));
}

#[tokio::test]
async fn a_limit_outside_one_to_a_hundred_is_refused() {
    let server = TestServer::start(&[]).await;
    for query in ["limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "offset=-1", "offset=x"] {
        error_of(server.get(&format!("/sessions?{query}")), 400, "INVALID_REQUEST").await;
    }
    server.show("/sessions?limit=100").await;
    server.show("/sessions?limit=1").await;
}

#[tokio::test]
async fn while_a_task_runs_its_answer_is_in_the_stream_and_not_in_the_messages() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    server.send(&session, "/tokens 2 /rate 0").await.whole().await;
    let mut stream =
        server.send_with(&session, json!({"message": "/tokens 50 /rate 100", "message_id": "second"})).await;
    stream.until("text-delta").await;
    let shown = server.show(&format!("/sessions/{session}")).await;
    let messages = shown["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 3);
    assert_eq!((messages[2]["id"].as_str(), messages[2]["role"].as_str()), (Some("second"), Some("user")));
    let active = &shown["active_stream"];
    assert_eq!(active["task_id"], stream.task());
    assert_eq!(active["last_message_id"], "0-0");
    assert_eq!((&active["operation_id"], &active["tool_name"]), (&Value::Null, &Value::Null));
    assert!(active["started_at"].is_string());
    assert_eq!(server.show("/sessions").await["sessions"][0]["is_processing"], true);
    stream.rest().await;
    let shown = server.show(&format!("/sessions/{session}")).await;
    assert_eq!(shown["messages"].as_array().unwrap().len(), 4);
    assert_eq!(shown["active_stream"], Value::Null);
}

#[tokio::test]
async fn at_the_moment_of_finish_the_answer_is_in_the_messages() {
    let server = TestServer::start(&[]).await;
    for _ in 0..10 {
        let session = server.session().await;
        let mut stream = server.send(&session, "/tokens 5 /rate 0").await;
        let chunks = stream.until("finish").await;
        let shown = server.show(&format!("/sessions/{session}")).await;
        assert_eq!(shown["active_stream"], Value::Null);
        assert_eq!(stored_text(&shown), text(&chunks));
    }
}

#[tokio::test]
async fn a_second_message_while_a_task_runs_is_refused_and_names_the_task() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let stream = server.send(&session, "/tokens 2 /silence 60000").await;
    let second = server.post(&format!("/sessions/{session}/stream")).json(&json!({"message": "hello"}));
    let detail = error_of(second, 409, "TASK_RUNNING").await;
    assert_eq!(detail["task_id"], stream.task());
    let shown = server.show(&format!("/sessions/{session}")).await;
    assert_eq!(shown["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_repeated_message_joins_the_task_that_it_started_live_or_replayed() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let body = json!({"message": "/tokens 30 /rate 100", "message_id": "m-1"});
    let first = server.send_with(&session, body.clone()).await;
    let live = server.send_with(&session, body.clone()).await;
    assert_eq!(first.task(), live.task());
    let all = first.whole().await;
    assert_eq!(live.whole().await, all);
    assert_eq!(server.send_with(&session, body).await.whole().await, all);
    let shown = server.show(&format!("/sessions/{session}")).await;
    assert_eq!(shown["messages"].as_array().unwrap().len(), 2);
    assert_eq!(shown["messages"][0]["id"], "m-1");
}

#[tokio::test]
async fn repeats_that_race_start_one_task() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let body = json!({"message": "/tokens 10 /rate 100", "message_id": "m-1"});
    let sends = (0..8).map(|_| server.send_with(&session, body.clone()));
    let streams = futures_util::future::join_all(sends).await;
    let tasks: std::collections::HashSet<String> = streams.iter().map(|stream| stream.task()).collect();
    assert_eq!(tasks.len(), 1);
}

#[tokio::test]
async fn equal_texts_with_distinct_ids_are_distinct_messages() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    for id in ["a", "b"] {
        server.send_with(&session, json!({"message": "/tokens 1 /rate 0", "message_id": id})).await.whole().await;
    }
    assert_eq!(server.show(&format!("/sessions/{session}")).await["messages"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_repeat_whose_task_is_gone_is_expired_and_the_messages_stay() {
    let server = TestServer::start(&["--stream-ttl", "1"]).await;
    let session = server.session().await;
    let body = json!({"message": "/tokens 1 /rate 0", "message_id": "m"});
    let stream = server.send_with(&session, body.clone()).await;
    let task = stream.task();
    stream.whole().await;
    tokio::time::sleep(std::time::Duration::from_millis(1300)).await;
    error_of(server.get(&format!("/tasks/{task}")), 404, "TASK_NOT_FOUND").await;
    error_of(server.get(&format!("/tasks/{task}/stream")), 404, "TASK_NOT_FOUND").await;
    error_of(server.post(&format!("/sessions/{session}/stream")).json(&body), 410, "TASK_EXPIRED").await;
    assert_eq!(server.show(&format!("/sessions/{session}")).await["messages"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_running_task_never_expires_and_reading_renews_an_ended_one() {
    let server = TestServer::start(&["--stream-ttl", "2"]).await;
    let session = server.session().await;
    let stream = server.send(&session, "/tokens 2 /silence 2500").await;
    let task = stream.task();
    stream.whole().await;
    // The pauses are far shorter than the time to live, so that a busy machine keeps up, and together longer.
    for _ in 0..13 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        server.show(&format!("/tasks/{task}")).await;
    }
}

#[tokio::test]
async fn a_message_that_no_user_wrote_is_an_assistant_message_and_is_answered() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let body = json!({"message": "/tokens 2 /rate 0", "is_user_message": false, "message_id": "note"});
    let chunks = server.send_with(&session, body).await.whole().await;
    let shown = server.show(&format!("/sessions/{session}")).await;
    let messages = shown["messages"].as_array().unwrap();
    assert_eq!((messages[0]["id"].as_str(), messages[0]["role"].as_str()), (Some("note"), Some("assistant")));
    assert_eq!(messages[1]["content"], text(&chunks));
}

#[tokio::test]
async fn messages_have_the_shape_of_the_protocol() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let stream = server.send(&session, "/tool weather").await;
    let task = stream.task();
    stream.whole().await;
    let shown = server.show(&format!("/sessions/{session}")).await;
    let [user, assistant, tool] = shown["messages"].as_array().unwrap().as_slice() else { panic!("{shown}") };
    assert_eq!([&user["sequence"], &assistant["sequence"], &tool["sequence"]], [1, 2, 3]);
    assert_eq!(user["task_id"], task);
    let call = &assistant["tool_calls"][0];
    assert_eq!((call["type"].as_str(), call["function"]["name"].as_str()), (Some("function"), Some("weather")));
    assert!(serde_json::from_str::<Value>(call["function"]["arguments"].as_str().unwrap()).unwrap().is_object());
    assert_eq!((&tool["tool_call_id"], &tool["name"]), (&call["id"], &json!("weather")));
    assert!(serde_json::from_str::<Value>(tool["content"].as_str().unwrap()).unwrap().is_object());
}

#[tokio::test]
async fn a_task_can_be_looked_at() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "/tokens 20 /rate 100").await;
    let path = format!("/tasks/{}", stream.task());
    let running = server.show(&path).await;
    assert_eq!((&running["task_id"], &running["session_id"]), (&json!(stream.task()), &json!(session)));
    assert_eq!((running["status"].as_str(), &running["tool_name"]), (Some("running"), &Value::Null));
    stream.rest().await;
    assert_eq!(server.show(&path).await["status"], "completed");
}

#[tokio::test]
async fn a_cancelled_task_ends_with_abort_and_finish_and_keeps_what_was_streamed() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "/tokens 1000 /rate 100").await;
    let task = stream.task();
    let mut chunks = stream.take(12).await;
    let cancelled = json_of(server.post(&format!("/tasks/{task}/cancel")), StatusCode::OK).await;
    assert_eq!(cancelled, json!({"task_id": task, "status": "cancelled"}));
    chunks.extend(stream.rest().await);
    assert!(stream.is_done());
    assert_eq!(kinds(&chunks)[chunks.len() - 2..], ["abort", "finish"]);
    let shown = server.show(&format!("/sessions/{session}")).await;
    assert_eq!(shown["active_stream"], Value::Null);
    assert_eq!(stored_text(&shown), text(&chunks));
    let again = json_of(server.post(&format!("/tasks/{task}/cancel")), StatusCode::OK).await;
    assert_eq!(again, cancelled);
}

#[tokio::test]
async fn cancelling_an_ended_task_changes_nothing() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let stream = server.send(&session, "/tokens 1 /rate 0").await;
    let task = stream.task();
    let all = stream.whole().await;
    let answer = json_of(server.post(&format!("/tasks/{task}/cancel")), StatusCode::OK).await;
    assert_eq!(answer["status"], "completed");
    assert_eq!(server.join(&task, "0").await.whole().await, all);
}

#[tokio::test]
async fn a_cancel_during_a_long_silence_is_seen_at_once() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "/tokens 4 /silence 60000").await;
    stream.until("text-delta").await;
    let cancel = server.post(&format!("/tasks/{}/cancel", stream.task()));
    json_of(cancel, StatusCode::OK).await;
    stream.until("abort").await;
    server.send(&session, "/tokens 1 /rate 0").await.whole().await;
}
