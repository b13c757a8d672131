//! An agent in this process that controls the bytes of its connections: each test decides how it answers.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{PATIENCE, TestServer};

/// A request to an agent.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `POST /path`.
    pub line: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    pub raw: Vec<u8>,
    pub body: Value,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// See the module.
pub struct FakeAgent {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FakeAgent {
    /// An agent that does this with each request; then its connection is closed.
    pub async fn start<F>(answer: impl Fn(Asked, Connection) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/agent", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answer) = (seen.clone(), answer.clone());
                tokio::spawn(async move {
                    let mut connection = Connection(stream);
                    let Some(request) = connection.request().await else { return };
                    seen.lock().push(request.clone());
                    answer(request, connection).await;
                });
            }
        });
        Self { url, asked }
    }

    /// An agent that answers each request with these bytes.
    pub async fn saying(answer: impl Into<String>) -> Self {
        let answer: Arc<str> = answer.into().into();
        Self::start(move |_, mut connection| {
            let answer = answer.clone();
            async move { connection.write(&answer).await }
        })
        .await
    }

    /// An agent that answers each request with these chunks.
    pub async fn streaming(chunks: &[Value]) -> Self {
        Self::saying(format!("{HEAD}{}", events(chunks))).await
    }

    /// A server that asks it.
    pub async fn server(&self, flags: &[&str]) -> TestServer {
        let fixed = ["--agent", "http", "--agent-url", &self.url, "--internal-api-key", "k"];
        TestServer::start(&[&fixed, flags].concat()).await
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }
}

/// The head of an event stream that ends with its connection.
pub const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// An answer that is no stream.
pub fn refusal(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// Chunks as events.
pub fn events(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

/// One connection to an agent.
pub struct Connection(TcpStream);

impl Connection {
    async fn request(&mut self) -> Option<Asked> {
        let mut bytes = Vec::new();
        loop {
            if let Some(request) = parsed(&bytes) {
                return Some(request);
            }
            if self.0.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// Writes; the other end may have gone.
    pub async fn write(&mut self, text: &str) {
        let _ = self.0.write_all(text.as_bytes()).await;
    }

    /// Writes, and returns whether the other end took it.
    pub async fn write_whole(&mut self, text: &str) -> bool {
        self.0.write_all(text.as_bytes()).await.is_ok()
    }

    /// Writes the same again and again until the other end is gone, and returns how many bytes it took.
    pub async fn write_over_and_over(&mut self, text: &str, most: usize) -> usize {
        let mut written = 0;
        while written < most && self.write_whole(text).await {
            written += text.len();
        }
        written
    }

    /// Waits until the other end closes the connection.
    pub async fn closed(&mut self) {
        let mut byte = [0];
        let read = tokio::time::timeout(PATIENCE, self.0.read(&mut byte)).await.unwrap();
        assert!(matches!(read, Ok(0) | Err(_)), "the server sent more than one request");
    }

    /// Closes the connection as the end of a process does.
    pub fn reset(self) {
        self.0.set_zero_linger().unwrap();
    }
}

/// A whole request, if there is one.
fn parsed(bytes: &[u8]) -> Option<Asked> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers["content-length"].parse().unwrap();
    let raw = bytes.get(end + 4..end + 4 + length)?.to_vec();
    let body = serde_json::from_slice(&raw).unwrap();
    Some(Asked { line, headers, raw, body })
}
