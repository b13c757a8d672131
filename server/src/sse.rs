//! The body of an event stream response (PROTOCOL §2): the heartbeat announcement, events, heartbeats, `[DONE]`.
//!
//! Events are read only when the connection takes bytes, so a slow reader holds one batch and no more.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, stream};
use rejoin::stream::cursor::EventId;
use rejoin::stream::sse::encoder;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use crate::clock;
use crate::limits::Slot;
use crate::metrics::{Metrics, Raised};
use crate::registry::{Batch, Reader};

/// Names the task of a stream (PROTOCOL §1).
pub const TASK_ID: HeaderName = HeaderName::from_static("x-task-id");

/// The settings and permits of a stream.
pub struct Outlet {
    pub heartbeat: Duration,
    pub metrics: Arc<Metrics>,
    /// The permit among all open streams.
    pub _permit: OwnedSemaphorePermit,
    /// The permit among the streams of the same user or address.
    pub _slot: Slot,
    /// Turns true when streams are to be closed.
    pub released: watch::Receiver<bool>,
}

/// The response.
pub fn respond(task: &str, reader: Box<Reader>, outlet: Outlet) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
        (HeaderName::from_static("x-vercel-ai-ui-message-stream"), HeaderValue::from_static("v1")),
    ];
    let mut response = (headers, Body::from_stream(body(reader, outlet))).into_response();
    if let Ok(task) = HeaderValue::from_str(task) {
        response.headers_mut().insert(TASK_ID, task);
    }
    response
}

type Reading = Pin<Box<dyn Future<Output = (Box<Reader>, Batch)> + Send>>;

/// The state of a stream.
struct Sender {
    reading: Reading,
    next_heartbeat: Instant,
    outlet: Outlet,
    _gauge: Raised,
}

enum Step {
    Announce(Box<Reader>, Outlet),
    Send(Sender),
    Over,
}

fn body(reader: Box<Reader>, outlet: Outlet) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    stream::unfold(Step::Announce(reader, outlet), |step| async move {
        match step {
            Step::Announce(reader, outlet) => Some(announce(reader, outlet)),
            Step::Send(sender) => sender.send().await,
            Step::Over => None,
        }
        .map(|(bytes, next)| (Ok(bytes), next))
    })
}

fn announce(reader: Box<Reader>, outlet: Outlet) -> (Bytes, Step) {
    let mut line = Vec::new();
    encoder::comment(&mut line, &format!("heartbeat {}", outlet.heartbeat.as_millis()));
    let sender = Sender {
        reading: read(reader),
        next_heartbeat: Instant::now() + outlet.heartbeat,
        _gauge: outlet.metrics.stream_opened(),
        outlet,
    };
    (line.into(), Step::Send(sender))
}

/// Begins the next read, which heartbeats do not interrupt.
fn read(mut reader: Box<Reader>) -> Reading {
    Box::pin(async move {
        let batch = reader.next().await;
        (reader, batch)
    })
}

/// Waits until streams are to be closed. A server that is gone never says so.
async fn let_go(released: &mut watch::Receiver<bool>) {
    if released.wait_for(|released| *released).await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl Sender {
    async fn send(mut self) -> Option<(Bytes, Step)> {
        let event = tokio::select! {
            biased;
            () = let_go(&mut self.outlet.released) => return None,
            (reader, batch) = &mut self.reading => Some((reader, batch)),
            () = tokio::time::sleep_until(self.next_heartbeat) => None,
        };
        match event {
            Some((reader, batch)) => self.pass(reader, batch),
            None => Some(self.beat()),
        }
    }

    fn pass(mut self, reader: Box<Reader>, batch: Batch) -> Option<(Bytes, Step)> {
        match batch {
            Batch::Events { bytes, count, live } => {
                self.count(count, live);
                self.reading = read(reader);
                self.next_heartbeat = Instant::now() + self.outlet.heartbeat;
                Some((bytes.into(), Step::Send(self)))
            }
            Batch::End => Some((Bytes::from_static(encoder::DONE), Step::Over)),
            Batch::Cut => None,
        }
    }

    fn count(&self, number: usize, live: Option<EventId>) {
        self.outlet.metrics.chunks_out(number);
        if let Some(id) = live {
            self.outlet.metrics.delivered(Duration::from_millis(clock::now().saturating_sub(id.ms)));
        }
    }

    fn beat(mut self) -> (Bytes, Step) {
        self.next_heartbeat = Instant::now() + self.outlet.heartbeat;
        let mut line = Vec::new();
        encoder::comment(&mut line, "heartbeat");
        (line.into(), Step::Send(self))
    }
}
