//! Accepts connections and serves them with two deadlines: one for the head of a request, and one for a reader that
//! takes nothing. (`body.rs` has the deadline for a body.)

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

use super::address::Peer;
use crate::config::Config;

/// The largest head of a request, in bytes. Beyond it hyper answers 431.
const LARGEST_HEAD: usize = 64 * 1024;
/// How long to wait when the operating system gives no connection, mostly for lack of files or memory.
const PAUSE: Duration = Duration::from_millis(200);
/// The answer to a head that does not come. Hyper itself sends none.
const HEAD_TIMEOUT: &str = concat!(
    "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 88\r\n\r\n",
    r#"{"detail":{"code":"REQUEST_TIMEOUT","message":"The head of the request did not come."}}"#,
    "\n"
);

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// How long the head of a request may take, and how long a connection may be idle between two requests.
    pub head: Duration,
    /// How long a client may take no byte of what is sent to it.
    pub write: Duration,
}

impl Deadlines {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        let ms = Duration::from_millis;
        Self { head: ms(config.head_timeout_ms), write: ms(config.write_timeout_ms) }
    }
}

type Socket = TokioIo<Pin<Box<TimeoutStream<TcpStream>>>>;

/// Serves connections until `stop` turns true. Then it accepts no more, and returns when the open ones have ended.
pub async fn serve(listener: TcpListener, router: Router, deadlines: Deadlines, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    connections.spawn(connection(socket, peer, router.clone(), deadlines, stop.clone()));
                }
                Err(error) => pause(&error).await,
            },
            Some(_) = connections.join_next() => (),
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// The end of the sender means the same.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Waits before the next try to accept a connection, unless only a client has left before it was accepted.
async fn pause(error: &io::Error) {
    let gone = [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset, io::ErrorKind::ConnectionRefused];
    if !gone.contains(&error.kind()) {
        tracing::error!(%error, "cannot accept connections");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn connection(
    socket: TcpStream,
    peer: SocketAddr,
    router: Router,
    deadlines: Deadlines,
    mut stop: watch::Receiver<bool>,
) {
    prepare(&socket, deadlines.write);
    let mut socket = TimeoutStream::new(socket);
    socket.set_write_timeout(Some(deadlines.write));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(deadlines.head)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(Box::pin(socket)), Marked { service: TowerToHyperService::new(router), peer });
    let mut serving = Pin::new(&mut connection);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stopped(&mut stop) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
        if error.is_timeout() {
            let parts = connection.into_parts();
            // A client that has not begun a head is not waiting for an answer.
            if !parts.read_buf.is_empty() {
                answer_late(parts.io).await;
            }
        }
    }
}

/// Answers a client whose head did not come in time.
async fn answer_late(socket: Socket) {
    let mut socket = socket.into_inner();
    if socket.write_all(HEAD_TIMEOUT.as_bytes()).await.is_ok() {
        let _ = socket.shutdown().await;
    }
}

/// Sends each chunk at once instead of filling a packet. A connection also breaks when bytes lie untaken in the
/// system's own buffer for too long, because a short answer fits in there.
fn prepare(socket: &TcpStream, write: Duration) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "cannot send small packets at once");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(socket, whole_ms(write)) {
        tracing::debug!(%error, "cannot limit how long bytes lie untaken");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = write;
}

#[cfg(target_os = "linux")]
fn whole_ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

/// Marks each request with who opened its connection.
struct Marked {
    service: TowerToHyperService<Router>,
    peer: SocketAddr,
}

impl Service<Request<Incoming>> for Marked {
    type Response = axum::response::Response;
    type Error = std::convert::Infallible;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(Peer(self.peer));
        self.service.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_late_head_is_as_long_as_it_says() {
        let (head, body) = HEAD_TIMEOUT.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        assert_eq!(serde_json::from_str::<serde_json::Value>(body).unwrap()["detail"]["code"], "REQUEST_TIMEOUT");
    }
}
