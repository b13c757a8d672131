//! PROTOCOL §1, "A turn": the contents of a message, regenerations, edits and continuations. The same stories run over
//! each store.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::fake_agent::FakeAgent;
use crate::redis::Redis;
use crate::support::{Chunk, Stream, TestServer, as_json, error_of, kinds, text};

/// Runs each story over each store.
macro_rules! stories {
    ($($story:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $story() { super::$story(&super::TestServer::start(&[]).await).await })*
        }
        mod embedded {
            $(#[tokio::test] async fn $story() {
                let folder = tempfile::tempdir().unwrap();
                let store = format!("embedded:{}", folder.path().join("a.redb").display());
                super::$story(&super::TestServer::over(&store, &[]).await).await
            })*
        }
        mod redis {
            $(#[tokio::test] async fn $story() {
                let redis = super::Redis::start().await;
                super::$story(&super::TestServer::over(&redis.url(), &[]).await).await
            })*
        }
    };
}

stories!(
    an_answer_is_given_anew_under_another_id,
    what_was_given_anew_is_known_by_its_ids,
    an_edited_message_takes_the_place_of_all_after_it,
    an_answer_goes_on_with_the_output_of_a_tool_of_the_page,
    settlements_are_repeated_or_refused,
    a_continuation_is_known_by_its_id_and_by_what_it_settles,
    an_answer_goes_on_with_the_users_word,
    nobody_sees_an_answer_gone_and_none_running,
);

fn stream_of(server: &TestServer, session: &str, body: &Value) -> RequestBuilder {
    server.post(&format!("/sessions/{session}/stream")).json(body)
}

async fn messages(server: &TestServer, session: &str) -> Vec<Value> {
    let shown = server.show(&format!("/sessions/{session}")).await;
    assert_eq!(shown["active_stream"], Value::Null);
    shown["messages"].as_array().unwrap().clone()
}

fn roles_and_ids(messages: &[Value]) -> Vec<(&str, &str)> {
    messages.iter().map(|message| (message["role"].as_str().unwrap(), message["id"].as_str().unwrap())).collect()
}

/// A session of two questions, `one` and `two`, with their answers; and the ids of these.
async fn talked(server: &TestServer) -> (String, Vec<String>) {
    let session = server.session().await;
    for id in ["one", "two"] {
        server.send_with(&session, json!({"message": "/tokens 3 /rate 0", "message_id": id})).await.whole().await;
    }
    let messages = messages(server, &session).await;
    (session, messages.iter().map(|message| message["id"].as_str().unwrap().into()).collect())
}

async fn an_answer_is_given_anew_under_another_id(server: &TestServer) {
    for by in [1, 0] {
        let (session, ids) = talked(server).await;
        let chunks = server
            .send_with(&session, json!({"trigger": "regenerate", "replaces": ids[by], "message_id": "again"}))
            .await
            .whole()
            .await;
        let messages = messages(server, &session).await;
        let answer = chunks[0].value["messageId"].as_str().unwrap();
        assert_ne!(answer, ids[1]);
        assert_eq!(roles_and_ids(&messages), [("user", "one"), ("assistant", answer)]);
        assert_eq!((&messages[0]["sequence"], &messages[1]["sequence"]), (&json!(1), &json!(2)));
        assert_eq!(messages[0]["task_id"], chunks[0].value["taskId"]);
        assert_eq!(messages[1]["content"], text(&chunks));
    }
    let (session, _) = talked(server).await;
    let unknown = json!({"trigger": "regenerate", "replaces": "three"});
    error_of(stream_of(server, &session, &unknown), 404, "MESSAGE_NOT_FOUND").await;
    assert_eq!(messages(server, &session).await.len(), 4);
}

async fn what_was_given_anew_is_known_by_its_ids(server: &TestServer) {
    let (session, ids) = talked(server).await;
    let again = json!({"trigger": "regenerate", "replaces": ids[1], "message_id": "again"});
    let first = server.send_with(&session, again.clone()).await;
    let task = first.task();
    let all = first.whole().await;
    assert_eq!(server.send_with(&session, again.clone()).await.whole().await, all, "a repeat");
    let original = json!({"message": "/tokens 3 /rate 0", "message_id": "one"});
    assert_eq!(server.send_with(&session, original).await.task(), task, "the message has another answer now");
    for removed in ["two", &ids[1], &ids[3]] {
        let late = json!({"message": "hello", "message_id": removed});
        error_of(stream_of(server, &session, &late), 410, "MESSAGE_REPLACED").await;
        let cancel = server.post(&format!("/sessions/{session}/cancel")).json(&json!({"message_id": removed}));
        error_of(cancel, 410, "MESSAGE_REPLACED").await;
    }
    let third = json!({"trigger": "regenerate", "replaces": "one", "message_id": "third"});
    server.send_with(&session, third).await.whole().await;
    error_of(stream_of(server, &session, &again), 410, "MESSAGE_REPLACED").await;
    assert_eq!(messages(server, &session).await.len(), 2);
}

async fn an_edited_message_takes_the_place_of_all_after_it(server: &TestServer) {
    let (session, ids) = talked(server).await;
    let edit = |replaces: &str, id: &str| {
        json!({
            "trigger": "edit", "replaces": replaces, "message_id": id, "message": "/tokens 2 /rate 0",
            "metadata": {"edited": true},
        })
    };
    error_of(stream_of(server, &session, &edit(&ids[1], "new")), 400, "INVALID_REQUEST").await;
    error_of(stream_of(server, &session, &edit("three", "new")), 404, "MESSAGE_NOT_FOUND").await;
    for known in ["one", "two"] {
        error_of(stream_of(server, &session, &edit("one", known)), 400, "INVALID_REQUEST").await;
    }
    let first = server.send_with(&session, edit("one", "new")).await;
    let task = first.task();
    let chunks = first.whole().await;
    let left = messages(server, &session).await;
    let answer = chunks[0].value["messageId"].as_str().unwrap();
    assert_eq!(roles_and_ids(&left), [("user", "new"), ("assistant", answer)]);
    assert_eq!((&left[0]["sequence"], &left[0]["metadata"]), (&json!(1), &json!({"edited": true})));
    assert_eq!(server.send_with(&session, edit("one", "new")).await.task(), task, "a repeat");
    for removed in ["one", "two"] {
        let late = json!({"message": "hello", "message_id": removed});
        error_of(stream_of(server, &session, &late), 410, "MESSAGE_REPLACED").await;
    }
}

/// A session whose answer calls a tool of the page, the id of the answer and of the call.
async fn called(server: &TestServer, message: &str) -> (String, String, String) {
    let session = server.session().await;
    let chunks = server.send_with(&session, json!({"message": message, "message_id": "ask"})).await.whole().await;
    let call = chunks.iter().find(|chunk| chunk.kind() == "tool-input-available").unwrap();
    (session, string(&chunks[0].value["messageId"]), string(&call.value["toolCallId"]))
}

fn string(value: &Value) -> String {
    value.as_str().unwrap().into()
}

fn go_on(outputs: Value) -> Value {
    json!({"trigger": "continue", "tool_outputs": outputs})
}

async fn an_answer_goes_on_with_the_output_of_a_tool_of_the_page(server: &TestServer) {
    let (session, answer, call) = called(server, "/client-tool map /tokens 30 /rate 100").await;
    let output = json!({"lat": 53.5, "lon": 10});
    let mut stream = server.send_with(&session, go_on(json!([{"tool_call_id": call, "output": output}]))).await;
    let mut chunks = stream.until("text-delta").await;
    assert_eq!(kinds(&chunks)[..2], ["start", "tool-output-available"]);
    assert_eq!(chunks[0].value["messageId"], answer);
    assert_eq!((&chunks[1].value["toolCallId"], &chunks[1].value["output"]), (&json!(call), &output));
    let during = server.show(&format!("/sessions/{session}")).await;
    let active = &during["active_stream"];
    assert_eq!((&active["message_id"], &active["task_id"]), (&json!(answer), &json!(stream.task())));
    let [user, said, tool] = during["messages"].as_array().unwrap().as_slice() else { panic!("{during}") };
    assert_eq!((&user["id"], &said["id"], said["content"].as_str()), (&json!("ask"), &json!(answer), Some("")));
    assert_eq!((&said["parts"][0]["state"], &said["parts"][0]["output"]), (&json!("output-available"), &output));
    assert_eq!((&tool["tool_call_id"], &tool["content"]), (&json!(call), &json!(output.to_string())));
    chunks.extend(stream.rest().await);
    let after = messages(server, &session).await;
    assert_eq!(roles_and_ids(&after)[..2], [("user", "ask"), ("assistant", &*answer)]);
    assert_eq!((after.len(), &after[1]["content"]), (3, &json!(text(&chunks))));
    assert_eq!((&after[1]["parts"][1]["text"], &after[1]["parts"][0]), (&json!(text(&chunks)), &said["parts"][0]));
    assert_eq!(after[1]["created_at"], said["created_at"]);
}

async fn settlements_are_repeated_or_refused(server: &TestServer) {
    let (session, _, call) = called(server, "/client-tool map /client-tool clock /tokens 30 /rate 100").await;
    let other = format!("{}1", &call[..call.len() - 1]);
    let both = |output: &str| {
        go_on(json!([{"tool_call_id": call, "output": output}, {"tool_call_id": other, "error_text": "no clock"}]))
    };
    let half = go_on(json!([{"tool_call_id": call, "output": "here"}]));
    error_of(stream_of(server, &session, &half), 409, "TOOL_CALLS_PENDING").await;
    let unknown = go_on(json!([{"tool_call_id": "x", "output": "here"}]));
    error_of(stream_of(server, &session, &unknown), 404, "TOOL_CALL_NOT_FOUND").await;
    let unasked = json!({"trigger": "continue", "approvals": [{"approval_id": "x", "approved": true}]});
    error_of(stream_of(server, &session, &unasked), 404, "TOOL_CALL_NOT_FOUND").await;
    let stored = messages(server, &session).await;
    assert_eq!((stored.len(), &stored[1]["parts"][0]["state"]), (2, &json!("input-available")), "nothing was stored");
    let first = server.send_with(&session, both("here")).await;
    let live = server.send_with(&session, both("here")).await;
    assert_eq!(first.task(), live.task());
    error_of(stream_of(server, &session, &both("there")), 409, "TOOL_CALL_SETTLED").await;
    let all = first.whole().await;
    assert_eq!(live.whole().await, all);
    assert_eq!(kinds(&all)[..3], ["start", "tool-output-available", "tool-output-error"]);
    assert_eq!(server.send_with(&session, both("here")).await.whole().await, all);
    assert_eq!(server.send_with(&session, half).await.whole().await, all);
    error_of(stream_of(server, &session, &both("there")), 409, "TOOL_CALL_SETTLED").await;
    server.send_with(&session, json!({"message": "/tokens 1 /rate 0"})).await.whole().await;
    error_of(stream_of(server, &session, &both("here")), 404, "TOOL_CALL_NOT_FOUND").await;
}

async fn a_continuation_is_known_by_its_id_and_by_what_it_settles(server: &TestServer) {
    let (session, _, call) = called(server, "/client-tool map /tokens 3 /rate 0").await;
    let named = |output: &str, id: &str| {
        let outputs = json!([{"tool_call_id": call, "output": output}]);
        json!({"trigger": "continue", "tool_outputs": outputs, "message_id": id})
    };
    error_of(stream_of(server, &session, &named("here", "ask")), 400, "INVALID_REQUEST").await;
    let first = server.send_with(&session, named("here", "on")).await;
    let task = first.task();
    let all = first.whole().await;
    for _ in 0..2 {
        assert_eq!(server.send_with(&session, named("here", "on")).await.whole().await, all);
        error_of(stream_of(server, &session, &named("there", "on")), 409, "TOOL_CALL_SETTLED").await;
        let other =
            json!({"trigger": "continue", "message_id": "on", "tool_outputs": [{"tool_call_id": "x", "output": 1}]});
        error_of(stream_of(server, &session, &other), 404, "TOOL_CALL_NOT_FOUND").await;
        server.send_with(&session, json!({"message": "/tokens 1 /rate 0"})).await.whole().await;
    }
    assert_eq!(server.send_with(&session, named("here", "on")).await.task(), task, "after other turns too");
}

async fn an_answer_goes_on_with_the_users_word(server: &TestServer) {
    for (approved, outcome) in [(true, "output-available"), (false, "output-denied")] {
        let (session, _, call) = called(server, "/approve pay /tokens 2 /rate 0").await;
        let approvals =
            json!([{"approval_id": format!("approval-{call}"), "approved": approved, "reason": "I say so"}]);
        let body = json!({"trigger": "continue", "message_id": "word", "approvals": approvals});
        let chunks = server.send_with(&session, body.clone()).await.whole().await;
        assert_eq!(kinds(&chunks)[1..3], ["tool-approval-response", &format!("tool-{outcome}")]);
        let part = &messages(server, &session).await[1]["parts"][0];
        assert_eq!((&part["state"], &part["toolCallId"]), (&json!(outcome), &json!(call)));
        let approval = json!({"id": format!("approval-{call}"), "approved": approved, "reason": "I say so"});
        assert_eq!(part["approval"], approval);
        assert_eq!(server.send_with(&session, body).await.whole().await, chunks);
        let otherwise = json!([{"approval_id": format!("approval-{call}"), "approved": !approved}]);
        let otherwise = json!({"trigger": "continue", "approvals": otherwise});
        error_of(stream_of(server, &session, &otherwise), 409, "TOOL_CALL_SETTLED").await;
    }
}

async fn nobody_sees_an_answer_gone_and_none_running(server: &TestServer) {
    let session = server.session().await;
    let body = json!({"message": "/tokens 2 /rate 0", "message_id": "one"});
    server.send_with(&session, body).await.whole().await;
    for _ in 0..5 {
        let again = server.send_with(&session, json!({"trigger": "regenerate", "replaces": "one"}));
        let look = async {
            let mut looks = 0;
            while looks < 20 {
                let shown = server.show(&format!("/sessions/{session}")).await;
                let answers = shown["messages"].as_array().unwrap().len() - 1;
                assert_eq!(answers == 0, shown["active_stream"].is_object(), "{shown}");
                looks += 1;
            }
        };
        let read = async { again.await.whole().await };
        tokio::join!(read, look);
    }
}

#[tokio::test]
async fn while_a_task_runs_no_turn_begins() {
    let server = TestServer::start(&[]).await;
    let (session, ids) = talked(&server).await;
    let running = server.send(&session, "/tokens 2 /silence 60000").await;
    for body in [
        json!({"trigger": "regenerate", "replaces": ids[1]}),
        json!({"trigger": "edit", "replaces": "one", "message": "x"}),
        go_on(json!([{"tool_call_id": "x", "output": 1}])),
    ] {
        let detail = error_of(stream_of(&server, &session, &body), 409, "TASK_RUNNING").await;
        assert_eq!(detail["task_id"], running.task());
    }
}

#[tokio::test]
async fn parts_and_metadata_of_a_message_are_stored_as_sent() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let parts = json!([
        {"type": "text", "text": "/tokens 1"},
        {"type": "file", "mediaType": "text/plain", "url": "data:,x", "filename": "x.txt"},
        {"type": "text", "text": " /rate 0"},
    ]);
    let body = json!({"message": "", "parts": parts, "metadata": {"z": 1, "a": [null]}, "body": {"model": "large"}});
    let chunks = server.send_with(&session, body).await.whole().await;
    server.send(&session, "/tokens 1 /rate 0").await.whole().await;
    let [first, answer, second, _] = messages(&server, &session).await.try_into().unwrap();
    assert_eq!((&first["parts"], &first["content"]), (&parts, &json!("/tokens 1 /rate 0")));
    assert_eq!(first["metadata"].to_string(), r#"{"z":1,"a":[null]}"#);
    assert_eq!(first.get("body"), None);
    assert_eq!(answer["parts"], json!([{"type": "text", "text": text(&chunks), "state": "done"}]));
    assert_eq!(answer.get("metadata"), None);
    assert_eq!(second["parts"], json!([{"type": "text", "text": "/tokens 1 /rate 0"}]));
}

#[tokio::test]
async fn a_turn_that_is_not_whole_is_refused() {
    let server = TestServer::start(&["--max-message-bytes", "100"]).await;
    let (session, _) = talked(&server).await;
    let refused = |body: Value| error_of(stream_of(&server, &session, &body), 400, "INVALID_REQUEST");
    for body in [
        json!({}),
        json!({"parts": [{"type": "text", "text": "hi"}]}),
        json!({"message": "hi", "parts": ["text"]}),
        json!({"message": "hi", "parts": {}}),
        json!({"message": "hi", "trigger": "again"}),
        json!({"message": "hi", "replaces": "one"}),
        json!({"message": "hi", "body": []}),
        json!({"message": "hi", "tool_outputs": []}),
        json!({"trigger": "regenerate"}),
        json!({"trigger": "edit", "message": "hi"}),
        json!({"trigger": "edit", "replaces": "one"}),
        json!({"trigger": "edit", "replaces": "one", "message": "hi", "message_id": "one"}),
        json!({"trigger": "continue"}),
        json!({"trigger": "continue", "tool_outputs": [], "approvals": []}),
        json!({"trigger": "continue", "tool_outputs": [{"tool_call_id": "x"}]}),
        json!({"trigger": "continue", "tool_outputs": [{"tool_call_id": "x", "output": 1, "error_text": "e"}]}),
        go_on(json!([{"tool_call_id": "x", "output": 1}, {"tool_call_id": "x", "output": 2}])),
        json!({"trigger": "continue", "approvals": [{"approval_id": "x"}]}),
    ] {
        refused(body).await;
    }
    let deep = format!("{}{}", "[".repeat(110), "]".repeat(110));
    for body in [
        format!(r#"{{"message":"hi","parts":[{{"type":"data-x","data":{deep}}}]}}"#),
        format!(r#"{{"message":"hi","metadata":{deep}}}"#),
        format!(r#"{{"message":"hi","body":{{"x":{deep}}}}}"#),
    ] {
        let request = as_json(server.post(&format!("/sessions/{session}/stream")), body);
        error_of(request, 400, "INVALID_REQUEST").await;
    }
    let long = json!({"message": "", "parts": [{"type": "text", "text": "x".repeat(101)}]});
    error_of(stream_of(&server, &session, &long), 413, "MESSAGE_TOO_LARGE").await;
    assert_eq!(messages(&server, &session).await.len(), 4);
}

#[tokio::test]
async fn a_continuation_that_is_stopped_keeps_what_it_said_and_the_message_before_it() {
    let server = TestServer::start(&[]).await;
    let (session, answer, call) = called(&server, "/reasoning /client-tool map /tokens 100 /rate 200").await;
    let before = messages(&server, &session).await;
    let mut stream = server.send_with(&session, go_on(json!([{"tool_call_id": call, "output": null}]))).await;
    let mut chunks: Vec<Chunk> = stream.until("text-delta").await;
    let stopped = server.post(&format!("/tasks/{}/cancel", stream.task())).send().await.unwrap();
    assert_eq!(stopped.status(), 200);
    chunks.extend(stream.rest().await);
    let after = messages(&server, &session).await;
    assert_eq!(after[1]["id"], answer);
    assert_eq!(after[1]["parts"][0], before[1]["parts"][0]);
    assert_eq!(after[1]["parts"][2], json!({"type": "text", "text": text(&chunks), "state": "done"}));
}

/// The requests to an agent, one for each turn of a session.
async fn asked(form: &str) -> Vec<Value> {
    let call = json!({"type": "tool-input-available", "toolCallId": "c", "toolName": "map", "input": {}});
    let agent = FakeAgent::streaming(&[call, json!({"type": "finish"})]).await;
    let server = agent.server(&["--agent-body", form]).await;
    let session = server.session().await;
    let said = async |body: Value| Stream::whole(server.send_with(&session, body).await).await;
    said(json!({"message": "hi", "message_id": "m", "metadata": {"n": 1}, "body": {"model": "large"}})).await;
    let answers = messages(&server, &session).await;
    said(json!({"trigger": "regenerate", "replaces": answers[1]["id"]})).await;
    said(go_on(json!([{"tool_call_id": "c", "output": "here"}]))).await;
    said(json!({"trigger": "edit", "replaces": "m", "message_id": "n", "message": "ho"})).await;
    agent.asked().into_iter().map(|asked| asked.body).collect()
}

#[tokio::test]
async fn the_rejoin_body_says_which_turn_it_is_and_has_the_parts_of_all_messages() {
    let asked = asked("rejoin").await;
    let triggers: Vec<&str> = asked.iter().map(|body| body["trigger"].as_str().unwrap()).collect();
    assert_eq!(triggers, ["submit", "regenerate", "continue", "edit"]);
    let ids: Vec<&str> = asked.iter().map(|body| body["message_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["m", "m", "m", "n"]);
    assert_eq!((&asked[2]["metadata"], &asked[2]["message"]), (&json!({"n": 1}), &json!("hi")));
    assert_eq!((&asked[0]["body"], &asked[1]["body"]), (&json!({"model": "large"}), &json!({})));
    let [user, answer] = asked[2]["messages"].as_array().unwrap().as_slice() else { panic!("{}", asked[2]) };
    assert_eq!((&user["parts"], &user["metadata"]), (&asked[2]["parts"], &json!({"n": 1})));
    assert_eq!(
        (&answer["parts"][0]["state"], &answer["parts"][0]["output"]),
        (&json!("output-available"), &json!("here"))
    );
    assert_eq!(asked[3]["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_ai_sdk_body_is_what_use_chat_sends_in_each_turn() {
    let asked = asked("ai-sdk").await;
    let triggers: Vec<&str> = asked.iter().map(|body| body["trigger"].as_str().unwrap()).collect();
    assert_eq!(triggers, ["submit-message", "regenerate-message", "submit-message", "submit-message"]);
    let last = &asked[2]["messages"][1];
    assert_eq!((asked[0].get("messageId"), &asked[2]["messageId"]), (None, &last["id"]));
    assert_eq!((&asked[3]["messageId"], &asked[3]["rejoin"]["trigger"]), (&json!("n"), &json!("edit")));
    assert_eq!(last["parts"][0]["output"], "here");
    assert!(asked[1]["messageId"].is_string());
}
