//! The events of one answer, as they come. Memory is bounded by one read, one event and the parser's beginning of the
//! next: nothing more is read while what was read has not been taken.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rejoin::stream::sse::parser::{Event, Parser, Sink, text};
use reqwest::Response;
use tokio::time::{Instant, timeout, timeout_at};

use super::failure::cut;
use super::{Failure, Limit, Limits, Wait};

/// The name of the field that carries an event's data, which the parser counts too.
const DATA: &str = "data: ";
/// How many bytes after the end of an answer are read, and for how long.
const DRAIN: Duration = Duration::from_secs(10);
const DRAIN_BYTES: usize = 1024 * 1024;

/// See the module.
pub struct Events {
    response: Response,
    parser: Parser,
    received: Received,
    /// The failure of the read that gave the events in `received`.
    failure: Option<Failure>,
    limits: Limits,
    read: u64,
    first_byte: Instant,
    deadline: Instant,
}

#[derive(Default)]
struct Received(VecDeque<Arc<str>>);

impl Sink for Received {
    fn event(&mut self, event: Event<'_>) {
        // An event without data has no chunk.
        if !event.data.is_empty() {
            self.0.push_back(text(event.data).into());
        }
    }
}

impl Events {
    pub(super) fn new(response: Response, limits: Limits, first_byte: Instant, deadline: Instant) -> Self {
        let parser = Parser::new(limits.event_bytes.saturating_add(DATA.len()));
        Self { response, parser, received: Received::default(), failure: None, limits, read: 0, first_byte, deadline }
    }

    /// The data of the next event; `None` at the end of the body. The future may be dropped, and nothing is lost.
    ///
    /// # Errors
    /// The connection or the stream failed, and all events before that were returned.
    pub async fn next(&mut self) -> Result<Option<Arc<str>>, Failure> {
        loop {
            match (self.received.0.pop_front(), self.failure.take()) {
                (Some(data), failure) => {
                    self.failure = failure;
                    return Ok(Some(data));
                }
                (None, Some(failure)) => return Err(failure),
                (None, None) => (),
            }
            if !self.read().await? {
                return Ok(None);
            }
        }
    }

    /// Reads the rest of the body for a while and drops it. A server whose connection is closed during its last bytes
    /// takes that for a user who left, and may undo its work.
    pub async fn drain(mut self) {
        let rest = async {
            let mut bytes = 0;
            while let Ok(Some(read)) = self.response.chunk().await {
                bytes += read.len();
                if bytes > DRAIN_BYTES {
                    return;
                }
            }
        };
        // After that time the connection is closed all the same.
        let _ = timeout(DRAIN, rest).await;
    }

    async fn read(&mut self) -> Result<bool, Failure> {
        let (due, wait) = self.due();
        let read = timeout_at(due, self.response.chunk()).await.map_err(|_| Failure::Timeout(wait))?;
        let Some(bytes) = read.map_err(|error| cut(&error))? else { return Ok(false) };
        self.read += bytes.len() as u64;
        if self.parser.feed(&bytes, &mut self.received).is_err() {
            self.failure = Some(Failure::TooLarge(Limit::Event));
        } else if self.read > self.limits.body_bytes {
            self.failure = Some(Failure::TooLarge(Limit::Body));
        }
        Ok(true)
    }

    /// The time by which the next bytes have to come. Silence counts only while somebody reads.
    fn due(&self) -> (Instant, Wait) {
        let (due, wait) = match self.read {
            0 => (self.first_byte, Wait::FirstByte),
            _ => (Instant::now() + self.limits.silence, Wait::NextByte),
        };
        if due < self.deadline { (due, wait) } else { (self.deadline, Wait::End) }
    }
}
