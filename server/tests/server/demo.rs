//! SERVER.md: the demo agent.

use std::time::{Duration, Instant};

use crate::support::{Chunk, TestServer, kinds, stored_text, text};

async fn answer(server: &TestServer, message: &str) -> Vec<Chunk> {
    let session = server.session().await;
    let chunks = server.send(&session, message).await.whole().await;
    let shown = server.show(&format!("/sessions/{session}")).await;
    assert_eq!(stored_text(&shown), text(&chunks), "{message}");
    chunks
}

#[tokio::test]
async fn the_same_message_gets_the_same_answer() {
    let server = TestServer::start(&[]).await;
    let message = "/tokens 40 /rate 0 /reasoning /blocks 3";
    let bare = |chunks: Vec<Chunk>| chunks.into_iter().skip(1).map(|chunk| chunk.value).collect::<Vec<_>>();
    assert_eq!(bare(answer(&server, message).await), bare(answer(&server, message).await));
}

#[tokio::test]
async fn directives_say_all_there_is() {
    let server = TestServer::start(&[]).await;
    let count = |chunks: &[Chunk], kind: &str| kinds(chunks).iter().filter(|found| **found == kind).count();
    let chunks = answer(&server, "/tokens 9 /rate 0 /blocks 3 /tool a /tool b /reasoning").await;
    assert_eq!((count(&chunks, "text-delta"), count(&chunks, "text-start"), count(&chunks, "text-end")), (9, 3, 3));
    assert_eq!((count(&chunks, "tool-input-available"), count(&chunks, "tool-output-available")), (2, 2));
    assert_eq!(chunks[1].kind(), "reasoning-start");
    let input: String = chunks
        .iter()
        .filter(|chunk| chunk.kind() == "tool-input-delta" && chunk.value["toolCallId"] == tool_ids(&chunks)[0])
        .map(|chunk| chunk.value["inputTextDelta"].as_str().unwrap())
        .collect();
    let available = chunks.iter().find(|chunk| chunk.kind() == "tool-input-available").unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&input).unwrap(), available.value["input"]);
}

fn tool_ids(chunks: &[Chunk]) -> Vec<serde_json::Value> {
    let starts = chunks.iter().filter(|chunk| chunk.kind() == "tool-input-start");
    starts.map(|chunk| chunk.value["toolCallId"].clone()).collect()
}

#[tokio::test]
async fn the_legacy_dialect_stands_between_the_usual_start_and_finish() {
    let server = TestServer::start(&[]).await;
    let chunks = answer(&server, "/tokens 2 /rate 0 /tool a /legacy").await;
    let expected = ["start", "tool_call_start", "tool_response", "text_chunk", "text_chunk", "text_ended", "finish"];
    assert_eq!(kinds(&chunks), expected);
}

#[tokio::test]
async fn an_error_comes_after_the_text_and_fails_the_task() {
    let server = TestServer::start(&[]).await;
    let chunks = answer(&server, "/tokens 2 /rate 0 /error BOOM").await;
    assert_eq!(kinds(&chunks)[4..], ["text-end", "error", "finish"]);
    assert_eq!(chunks[5].value["code"], "BOOM");
    let task = chunks[0].value["taskId"].as_str().unwrap();
    assert_eq!(server.show(&format!("/tasks/{task}")).await["status"], "failed");
}

#[tokio::test]
async fn unicode_survives_the_wire_and_the_store() {
    let server = TestServer::start(&[]).await;
    let chunks = answer(&server, "/unicode /rate 0").await;
    for piece in ["Grüße", "👩‍👩‍👧‍👦", "\u{0}", "\u{2028}", "\r", "\n", "\u{10ffff}", "你好"] {
        assert!(text(&chunks).contains(piece), "{piece:?}");
    }
}

#[tokio::test]
async fn a_silence_stands_half_way_and_a_rate_is_kept() {
    let server = TestServer::start(&[]).await;
    let begun = Instant::now();
    let session = server.session().await;
    let mut stream = server.send(&session, "/tokens 10 /rate 100 /silence 300").await;
    stream.until("text-delta").await;
    assert!(begun.elapsed() < Duration::from_millis(300));
    stream.rest().await;
    assert!(begun.elapsed() >= Duration::from_millis(380));
}

#[tokio::test]
async fn a_tool_of_the_page_is_called_and_the_turn_ends_without_its_output() {
    let server = TestServer::start(&[]).await;
    let chunks = answer(&server, "/client-tool map /rate 0").await;
    let last: Vec<&str> = kinds(&chunks).into_iter().filter(|kind| *kind != "tool-input-delta").collect();
    assert_eq!(last, ["start", "tool-input-start", "tool-input-available", "finish"]);
    let task = chunks[0].value["taskId"].as_str().unwrap();
    assert_eq!(server.show(&format!("/tasks/{task}")).await["status"], "completed");
}

#[tokio::test]
async fn a_tool_that_asks_for_approval_waits_for_the_users_word() {
    let server = TestServer::start(&[]).await;
    let chunks = answer(&server, "/tool weather /approve pay /rate 0").await;
    let request = &chunks[chunks.len() - 2].value;
    assert_eq!(kinds(&chunks)[chunks.len() - 3..], ["tool-input-available", "tool-approval-request", "finish"]);
    assert_eq!(request["toolCallId"], chunks[chunks.len() - 3].value["toolCallId"]);
    assert!(request["approvalId"].is_string());
}

#[tokio::test]
async fn sources_files_and_data_are_parts_of_their_own() {
    let server = TestServer::start(&[]).await;
    let chunks = answer(&server, "/source /file /data weather /data news").await;
    assert_eq!(kinds(&chunks), ["start", "data-weather", "data-news", "source-url", "file", "finish"]);
    assert_ne!(chunks[1].value["id"], chunks[2].value["id"]);
    assert!(chunks[3].value["sourceId"].is_string() && chunks[3].value["url"].is_string());
    assert_eq!(chunks[4].value["mediaType"], "text/plain");
    let spoken = answer(&server, "/source /tokens 2 /rate 0").await;
    assert_eq!(text(&spoken), "harbour-0 lantern-1 ");
}
