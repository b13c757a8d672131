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
/// What is taken of an answer after its end, and for how long.
const DRAIN: Duration = Duration::from_secs(10);
const DRAIN_BYTES: usize = 1024 * 1024;

/// See the module.
pub struct Events {
    response: Response,
    parser: Parser,
    received: Received,
    /// What went wrong in the read that gave the events which wait in `received`.
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
        // An event without data says no more than a comment.
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

    /// The data of the next event; `None` at the end of the body. May be dropped and called again: nothing is lost.
    ///
    /// # Errors
    /// After all that came before the failure has been given.
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

    /// Reads on to the end of the body and forgets it, for a while: a server whose connection is closed in its last
    /// bytes takes that for a user who left, and may undo what it has just done.
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
        // Then it is closed all the same.
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

    /// Until when the next bytes have to come. Silence counts only while there is somebody who reads.
    fn due(&self) -> (Instant, Wait) {
        let (due, wait) = match self.read {
            0 => (self.first_byte, Wait::FirstByte),
            _ => (Instant::now() + self.limits.silence, Wait::NextByte),
        };
        if due < self.deadline { (due, wait) } else { (self.deadline, Wait::End) }
    }
}
