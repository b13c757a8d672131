//! PROTOCOL §2: the stream, and how it is joined.

use serde_json::json;

use crate::support::{Stream, TestServer, error_of, kinds, stored_text, text};

#[tokio::test]
async fn an_answer_begins_with_start_and_ends_with_finish_and_done() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let stream = server.send(&session, "/tokens 3 /rate 0").await;
    let task = stream.task();
    let chunks = stream.whole().await;
    assert_eq!(kinds(&chunks), ["start", "text-start", "text-delta", "text-delta", "text-delta", "text-end", "finish"]);
    assert_eq!(chunks[0].value["taskId"], task);
    assert_eq!(chunks[6].value, json!({"type": "finish"}));
    let stored = server.show(&format!("/sessions/{session}")).await;
    assert_eq!(stored["messages"][1]["id"], chunks[0].value["messageId"]);
    assert_eq!(stored_text(&stored), text(&chunks));
}

#[tokio::test]
async fn a_stream_has_the_headers_that_proxies_and_clients_look_for() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let stream = server.send(&session, "/tokens 1 /rate 0").await;
    let headers = stream.response.headers();
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["cache-control"], "no-cache");
    assert_eq!(headers["x-accel-buffering"], "no");
    assert_eq!(headers["x-vercel-ai-ui-message-stream"], "v1");
}

#[tokio::test]
async fn a_stream_that_goes_through_a_proxy_forbids_it_to_compress() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let task = server.send(&session, "/tokens 1 /rate 0").await.task();
    for mark in ["x-forwarded-host", "x-forwarded-for", "forwarded", "via"] {
        let request = server.get(&format!("/tasks/{task}/stream")).header(mark, "proxy.example");
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "no-cache, no-transform", "{mark}");
    }
}

#[tokio::test]
async fn the_first_line_announces_the_heartbeat_and_silence_is_filled_with_it() {
    let server = TestServer::start(&["--heartbeat-ms", "60"]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "/tokens 2 /silence 60000").await;
    assert_eq!(stream.comments(3).await[..3], ["heartbeat 60", "heartbeat", "heartbeat"]);
}

#[tokio::test]
async fn every_event_has_a_growing_id() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let chunks = server.send(&session, "/tokens 100 /rate 0").await.whole().await;
    let ids: Vec<rejoin::stream::cursor::EventId> = chunks.iter().map(|chunk| chunk.id.parse().unwrap()).collect();
    assert!(ids.is_sorted_by(|one, next| one < next));
}

#[tokio::test]
async fn a_reader_that_comes_back_gets_what_comes_after_its_cursor_and_then_the_rest_live() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let mut first = server.send(&session, "/tokens 60 /rate 200").await;
    let task = first.task();
    let mut seen = first.take(20).await;
    drop(first);
    let rest = server.join(&task, &seen[19].id).await.whole().await;
    seen.extend(rest);
    assert_eq!(kinds(&seen).iter().filter(|kind| **kind == "text-delta").count(), 60);
    let stored = server.show(&format!("/sessions/{session}")).await;
    assert_eq!(stored_text(&stored), text(&seen));
}

#[tokio::test]
async fn every_cursor_of_an_ended_task_gives_exactly_the_rest() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let stream = server.send(&session, "/tokens 12 /rate 0 /tool weather").await;
    let task = stream.task();
    let all = stream.whole().await;
    for (at, chunk) in all.iter().enumerate().take(all.len() - 1) {
        assert_eq!(server.join(&task, &chunk.id).await.whole().await, all[at + 1..], "after {}", chunk.id);
    }
}

#[tokio::test]
async fn nothing_after_the_cursor_of_an_ended_task_is_204() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let stream = server.send(&session, "/tokens 1 /rate 0").await;
    let task = stream.task();
    let all = stream.whole().await;
    let last = &all.last().unwrap().id;
    let response = server.get(&format!("/tasks/{task}/stream?last_message_id={last}")).send().await.unwrap();
    assert_eq!(response.status(), 204);
}

#[tokio::test]
async fn the_query_wins_over_the_header_and_neither_means_from_the_start() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let stream = server.send(&session, "/tokens 3 /rate 0").await;
    let path = format!("/tasks/{}/stream", stream.task());
    let all = stream.whole().await;
    let read = async |request: reqwest::RequestBuilder| Stream::of(request.send().await.unwrap()).whole().await;
    assert_eq!(read(server.get(&path)).await, all);
    assert_eq!(read(server.get(&path).header("Last-Event-ID", &all[2].id)).await, all[3..]);
    let both = server.get(&format!("{path}?last_message_id={}", all[4].id)).header("Last-Event-ID", "x");
    assert_eq!(read(both).await, all[5..]);
    assert_eq!(read(server.get(&format!("{path}?last_message_id=0"))).await, all);
}

#[tokio::test]
async fn what_is_no_cursor_is_refused_in_the_query_and_in_the_header() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let path = format!("/tasks/{}/stream", server.send(&session, "/tokens 1 /rate 0").await.task());
    for cursor in ["", "x", "1-", "-1", "1-2-3", "18446744073709551616", "%20"] {
        error_of(server.get(&format!("{path}?last_message_id={cursor}")), 400, "INVALID_CURSOR").await;
    }
    for cursor in ["", "$", "1-x"] {
        error_of(server.get(&path).header("Last-Event-ID", cursor), 400, "INVALID_CURSOR").await;
    }
}

#[tokio::test]
async fn a_compact_join_merges_the_replayed_deltas_and_loses_none() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let stream = server.send(&session, "/tokens 3000 /rate 0 /blocks 2 /reasoning /tool weather").await;
    let task = stream.task();
    let all = stream.whole().await;
    let path = format!("/tasks/{task}/stream?last_message_id=0-0&compact=1");
    let compact = Stream::of(server.get(&path).send().await.unwrap()).whole().await;
    assert!(compact.len() < 20, "{}", compact.len());
    assert_eq!(text(&compact), text(&all));
    let ids: Vec<&String> = all.iter().map(|chunk| &chunk.id).collect();
    assert!(compact.iter().all(|chunk| ids.contains(&&chunk.id)));
    assert_eq!(compact.last(), all.last());
    // The id of a merged event is that of its last chunk, so a reader can continue from it.
    let merged = compact.iter().find(|chunk| chunk.kind() == "text-delta").unwrap();
    let rest = server.join(&task, &merged.id).await.whole().await;
    assert_eq!(merged.value["delta"].as_str().unwrap().to_owned() + &text(&rest), text(&all));
}

#[tokio::test]
async fn a_compact_join_of_a_running_task_goes_on_live() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "/tokens 80 /rate 200").await;
    let task = stream.task();
    stream.take(30).await;
    let path = format!("/tasks/{task}/stream?compact=1");
    let joined = Stream::of(server.get(&path).send().await.unwrap()).whole().await;
    assert!(joined.len() > 10 && joined.len() < 75, "{}", joined.len());
    stream.rest().await;
    assert_eq!(text(&joined), stored_text(&server.show(&format!("/sessions/{session}")).await));
}

#[tokio::test]
async fn the_task_outlives_its_reader() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "/tokens 30 /rate 100").await;
    stream.take(3).await;
    drop(stream);
    let stored = server.session_when(&session, |shown| shown["active_stream"].is_null()).await;
    assert_eq!(stored_text(&stored).split(' ').filter(|word| !word.is_empty()).count(), 30);
}

#[tokio::test]
async fn many_readers_get_the_same() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let stream = server.send(&session, "/tokens 100 /rate 200").await;
    let task = stream.task();
    let mut readers = Vec::new();
    for _ in 0..20 {
        readers.push(tokio::spawn(server.join(&task, "0-0").await.whole()));
    }
    let all = stream.whole().await;
    for reader in readers {
        assert_eq!(reader.await.unwrap(), all);
    }
}

#[tokio::test]
async fn a_reader_that_does_not_read_delays_nobody_and_loses_nothing() {
    let server = TestServer::start(&[]).await;
    let session = server.session().await;
    let slow = server.send(&session, "/tokens 40000 /rate 0").await;
    let task = slow.task();
    let fast = server.join(&task, "0-0").await.whole().await;
    assert_eq!(fast.len(), 40_004);
    assert_eq!(slow.whole().await, fast);
}

#[tokio::test]
async fn a_long_log_becomes_a_snapshot_that_replays_whole() {
    let server = TestServer::start(&["--max-log-chunks", "100"]).await;
    let session = server.session().await;
    let mut stream = server.send(&session, "/tokens 1000 /rate 2000").await;
    let task = stream.task();
    let early = stream.take(5).await;
    let all: Vec<_> = early.iter().cloned().chain(stream.rest().await).collect();
    assert_eq!(all.len(), 1004);
    let replayed = server.join(&task, "0-0").await.whole().await;
    assert!(replayed.len() < 250, "{}", replayed.len());
    assert_eq!(text(&replayed), text(&all));
    let early_join = server.get(&format!("/tasks/{task}/stream?last_message_id={}", early[4].id));
    let detail = error_of(early_join, 410, "CURSOR_TRIMMED").await;
    assert_eq!(detail["task_id"], task);
    let first = detail["first_message_id"].as_str().unwrap();
    assert!(all.iter().any(|chunk| chunk.id == first));
    let late = &all[990];
    assert_eq!(server.join(&task, &late.id).await.whole().await, all[991..]);
}
