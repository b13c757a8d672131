//! A server in this process on a free port, a small client, and a reader of event streams.

use std::time::Duration;

use clap::Parser;
use rejoin::stream::sse::parser::{Event, Parser as EventStream, Sink};
use rejoin_server::{Config, Server, ServerError};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// The longest time that a test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, which ends when this is dropped.
pub struct TestServer {
    pub root: String,
    pub http: reqwest::Client,
    _shutdown: Option<oneshot::Sender<()>>,
}

impl TestServer {
    /// A server over memory, with further flags.
    pub async fn start(flags: &[&str]) -> Self {
        Self::over("memory", flags).await
    }

    /// A server over a store.
    pub async fn over(store: &str, flags: &[&str]) -> Self {
        Self::with(&[&["--listen", "127.0.0.1:0", "--store", store], flags].concat()).await
    }

    /// A server over memory at another address than usual.
    pub async fn listening(address: &str) -> Self {
        Self::with(&["--listen", address, "--store", "memory"]).await
    }

    async fn with(flags: &[&str]) -> Self {
        let config = Config::try_parse_from(["rejoin-server"].iter().chain(flags)).unwrap();
        let server = bound(config).await;
        let root = format!("http://{}", server.address().unwrap());
        let (shutdown, signal) = oneshot::channel();
        tokio::spawn(server.run(async {
            let _ = signal.await;
        }));
        Self::at(root, Some(shutdown))
    }

    /// A server that runs elsewhere.
    pub fn at(root: String, shutdown: Option<oneshot::Sender<()>>) -> Self {
        // The first test in this process chooses it for all.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        Self { root, http, _shutdown: shutdown }
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}/api/chat{path}", self.root))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}/api/chat{path}", self.root))
    }

    pub fn patch(&self, path: &str) -> RequestBuilder {
        self.http.patch(format!("{}/api/chat{path}", self.root))
    }

    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.http.delete(format!("{}/api/chat{path}", self.root))
    }

    /// A new anonymous session's id.
    pub async fn session(&self) -> String {
        let created = json_of(self.post("/sessions"), StatusCode::CREATED).await;
        created["id"].as_str().unwrap().into()
    }

    /// Sends a message to a session.
    pub async fn send(&self, session: &str, message: &str) -> Stream {
        self.send_with(session, json!({ "message": message })).await
    }

    /// Sends a body to a session.
    pub async fn send_with(&self, session: &str, body: Value) -> Stream {
        let response = self.post(&format!("/sessions/{session}/stream")).json(&body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        Stream::of(response)
    }

    /// Joins a task after a cursor.
    pub async fn join(&self, task: &str, after: &str) -> Stream {
        let path = format!("/tasks/{task}/stream?last_message_id={after}");
        let response = self.get(&path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        Stream::of(response)
    }

    /// Joins a task after these chunks, once the store is there. Where the log does not reach back to them, they are
    /// forgotten and the task is joined from its beginning.
    pub async fn rejoin(&self, task: &str, seen: &mut Vec<Chunk>) -> Stream {
        let joining = async {
            loop {
                let after = seen.last().map_or("0-0", |chunk| &chunk.id);
                let path = format!("/tasks/{task}/stream?last_message_id={after}");
                let response = self.get(&path).send().await.unwrap();
                match response.status().as_u16() {
                    200 => return Stream::of(response),
                    410 => seen.clear(),
                    503 => tokio::time::sleep(Duration::from_millis(100)).await,
                    other => panic!("{other}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, joining).await.expect("the task cannot be joined")
    }

    /// What `GET` answers.
    pub async fn show(&self, path: &str) -> Value {
        json_of(self.get(path), StatusCode::OK).await
    }

    /// The session, when `until` is true of it.
    pub async fn session_when(&self, session: &str, until: impl Fn(&Value) -> bool) -> Value {
        self.when(&format!("/sessions/{session}"), until).await
    }

    /// What `GET` answers, asked until `until` is true of it.
    pub async fn when(&self, path: &str, until: impl Fn(&Value) -> bool) -> Value {
        let poll = async {
            loop {
                let shown = self.show(path).await;
                if until(&shown) {
                    return shown;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, poll).await.unwrap()
    }
}

/// A server whose store is open. On a busy machine a store may take longer than a server waits for it.
async fn bound(config: Config) -> Server {
    let binding = async {
        loop {
            match Server::bind(config.clone()).await {
                Err(ServerError::Store(why)) if why.contains("does not answer") => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                outcome => return outcome.unwrap(),
            }
        }
    };
    tokio::time::timeout(PATIENCE, binding).await.unwrap()
}

/// A request with the content type of JSON and any body.
pub fn as_json(request: RequestBuilder, body: impl Into<reqwest::Body>) -> RequestBuilder {
    request.header("content-type", "application/json").body(body)
}

/// The JSON of an answer with this status.
pub async fn json_of(request: RequestBuilder, status: StatusCode) -> Value {
    let response = request.send().await.unwrap();
    let (got, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(got, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// Checks status, code and shape of an error, and returns its `detail`.
pub async fn error_of(request: RequestBuilder, status: u16, code: &str) -> Value {
    let body = json_of(request, StatusCode::from_u16(status).unwrap()).await;
    let detail = body["detail"].clone();
    assert_eq!(detail["code"], code, "{body}");
    assert!(detail["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    detail
}

/// One event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    pub id: String,
    pub value: Value,
}

impl Chunk {
    pub fn kind(&self) -> &str {
        self.value["type"].as_str().unwrap()
    }
}

/// An open event stream.
pub struct Stream {
    pub response: Response,
    parser: EventStream,
    received: Received,
}

#[derive(Default)]
struct Received {
    chunks: std::collections::VecDeque<Chunk>,
    comments: Vec<String>,
    done: bool,
}

impl Sink for Received {
    fn event(&mut self, event: Event<'_>) {
        let data = String::from_utf8(event.data.into()).unwrap();
        if data == "[DONE]" {
            assert_eq!(event.own_id, None);
            self.done = true;
            return;
        }
        let id = String::from_utf8(event.own_id.unwrap().into()).unwrap();
        self.chunks.push_back(Chunk { id, value: serde_json::from_str(&data).unwrap() });
    }

    fn comment(&mut self, text: &[u8]) {
        self.comments.push(String::from_utf8(text.into()).unwrap());
    }
}

impl Stream {
    pub fn of(response: Response) -> Self {
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, parser: EventStream::default(), received: Received::default() }
    }

    pub fn task(&self) -> String {
        self.response.headers()["x-task-id"].to_str().unwrap().into()
    }

    /// Reads once; false at the end of the body.
    async fn read(&mut self) -> bool {
        let read = tokio::time::timeout(PATIENCE, self.response.chunk()).await.unwrap();
        let Ok(Some(bytes)) = read else { return false };
        self.parser.feed(&bytes, &mut self.received).unwrap();
        true
    }

    /// The next chunk; `None` at the end of the body.
    pub async fn next(&mut self) -> Option<Chunk> {
        while self.received.chunks.is_empty() {
            if !self.read().await {
                return None;
            }
        }
        self.received.chunks.pop_front()
    }

    /// Chunks up to and including the first of a kind.
    pub async fn until(&mut self, kind: &str) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        loop {
            let chunk = self.next().await.unwrap_or_else(|| panic!("no {kind} after {chunks:?}"));
            let found = chunk.kind() == kind;
            chunks.push(chunk);
            if found {
                return chunks;
            }
        }
    }

    /// So many chunks.
    pub async fn take(&mut self, number: usize) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        while chunks.len() < number {
            chunks.push(self.next().await.unwrap());
        }
        chunks
    }

    /// Everything to the end of the body.
    pub async fn rest(&mut self) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        while let Some(chunk) = self.next().await {
            chunks.push(chunk);
        }
        chunks
    }

    /// Everything to the end, which must be `[DONE]`.
    pub async fn whole(mut self) -> Vec<Chunk> {
        let chunks = self.rest().await;
        assert!(self.received.done, "cut after {chunks:?}");
        chunks
    }

    /// Whether `[DONE]` came.
    pub fn is_done(&self) -> bool {
        self.received.done
    }

    /// The comments so far; waits until there are that many.
    pub async fn comments(&mut self, number: usize) -> &[String] {
        while self.received.comments.len() < number {
            assert!(self.read().await);
        }
        &self.received.comments
    }
}

pub fn kinds(chunks: &[Chunk]) -> Vec<&str> {
    chunks.iter().map(Chunk::kind).collect()
}

/// The text of both dialects.
pub fn text(chunks: &[Chunk]) -> String {
    let piece = |chunk: &Chunk| {
        let field = match chunk.kind() {
            "text-delta" => "delta",
            "text_chunk" => "content",
            _ => return String::new(),
        };
        chunk.value[field].as_str().unwrap().to_owned()
    };
    chunks.iter().map(piece).collect()
}

/// The content of the last assistant message.
pub fn stored_text(session: &Value) -> String {
    let messages = session["messages"].as_array().unwrap();
    let assistant = messages.iter().rev().find(|message| message["role"] == "assistant").unwrap();
    assistant["content"].as_str().unwrap().into()
}
