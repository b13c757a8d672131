//! Requests to another server that answers with an event stream: how often they are made, how long they may take, and
//! how much of the answer is read. The agents interpret the events.
//!
//! A request is made again only while the other server has not begun to answer: after a refused connection, or a status
//! that says "not now". Once a byte of a body has come the agent has run, so the request is never made again.

mod events;
mod failure;

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Request, Response};
use tokio::time::{Instant, sleep, timeout_at};

pub use events::Events;
pub use failure::{Failure, Limit, Wait, is_passing};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// The first pause between two attempts, where the other server asks for no longer one. It doubles each time, and is
/// spread, so that tasks that were refused together do not come back together.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The longest `retry-after` that is obeyed, because a user is waiting.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// The limits of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The time from the request to the first byte of the body.
    pub first_byte: Duration,
    /// The time from one read of the body to the next.
    pub silence: Duration,
    /// The time from the first request to the last byte.
    pub total: Duration,
    /// The bytes of one event's data.
    pub event_bytes: usize,
    /// The bytes of the body.
    pub body_bytes: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Upstream {
    client: Client,
    limits: Limits,
    attempts: u32,
}

impl Upstream {
    /// Makes a client, which connects to nothing yet. With `attempts` of 1 it never tries again.
    ///
    /// # Errors
    /// The client cannot be built, with the reason in words.
    pub fn new(limits: Limits, attempts: u32) -> Result<Self, String> {
        // No connection is kept in a pool. The other server may close it just as a request is written to it, and then
        // nobody knows whether that request ran. A new connection costs little beside an agent's work.
        let client =
            Client::builder().redirect(Policy::none()).connect_timeout(CONNECT).pool_max_idle_per_host(0).build();
        Ok(Self { client: client.map_err(|error| error.to_string())?, limits, attempts })
    }

    /// For building requests.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Makes the request that `request` builds for each attempt, from 1, until an event stream begins.
    ///
    /// # Errors
    /// The failure of the last attempt.
    pub async fn open<B>(&self, body_bytes: u64, request: B) -> Result<Events, Failure>
    where
        B: Fn(u32) -> Result<Request, Failure> + Send + Sync,
    {
        let deadline = Instant::now() + self.limits.total;
        let limits = Limits { body_bytes, ..self.limits };
        let mut attempt = 1;
        loop {
            let failure = match self.attempt(request(attempt)?, limits, deadline).await {
                Ok(events) => return Ok(events),
                Err(failure) => failure,
            };
            let wait = wait_after(&failure, attempt).filter(|wait| Instant::now() + *wait < deadline);
            let Some(wait) = wait.filter(|_| attempt < self.attempts) else { return Err(failure) };
            tracing::info!(attempt, %failure, wait_ms = wait.as_millis(), "a request will be made again");
            sleep(wait).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, request: Request, limits: Limits, deadline: Instant) -> Result<Events, Failure> {
        let first_byte = Instant::now() + limits.first_byte;
        let response = timeout_at(first_byte.min(deadline), self.client.execute(request)).await;
        let response = response.map_err(|_| Failure::Timeout(Wait::at(first_byte, deadline)))?;
        let response = response.map_err(|error| Failure::of_request(&error))?;
        if !response.status().is_success() {
            return Err(Failure::of_status(response).await);
        }
        match content_type(&response) {
            kind if is_event_stream(kind) => Ok(Events::new(response, limits, first_byte, deadline)),
            kind => Err(Failure::NoStream(kind.to_owned())),
        }
    }
}

/// How long to wait until the next attempt; `None`: there is none.
fn wait_after(failure: &Failure, attempt: u32) -> Option<Duration> {
    let asked = failure.is_worth_another_attempt()?;
    let longest = FIRST_WAIT.saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(LONGEST_WAIT);
    let wait = longest.mul_f64(fastrand::f64().mul_add(0.5, 0.5));
    (asked <= LONGEST_RETRY_AFTER).then(|| asked.max(wait))
}

fn content_type(response: &Response) -> &str {
    response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default()
}

fn is_event_stream(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("text/event-stream")
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::StatusCode;

    #[test]
    fn an_event_stream_is_known_by_its_type_whatever_its_parameters() {
        for kind in ["text/event-stream", "text/event-stream; charset=utf-8", "Text/Event-Stream;x"] {
            assert!(is_event_stream(kind), "{kind}");
        }
        for kind in ["", "text/html", "text/event-stream-not", "application/json"] {
            assert!(!is_event_stream(kind), "{kind}");
        }
    }

    fn status(code: StatusCode, retry_after: Option<Duration>) -> Failure {
        Failure::Status { status: code, retry_after, body: String::new() }
    }

    #[test]
    fn what_asks_for_patience_gets_it_within_reason() {
        let seconds = Duration::from_secs;
        assert_eq!(wait_after(&status(StatusCode::SERVICE_UNAVAILABLE, Some(seconds(7))), 1), Some(seconds(7)));
        assert_eq!(wait_after(&status(StatusCode::SERVICE_UNAVAILABLE, Some(seconds(3600))), 1), None);
        assert_eq!(wait_after(&status(StatusCode::NOT_FOUND, Some(seconds(1))), 1), None);
    }

    #[test]
    fn waits_grow_and_are_spread() {
        for attempt in 1..40 {
            let longest = (FIRST_WAIT * 2_u32.pow(attempt.min(6) - 1)).min(LONGEST_WAIT);
            let wait = wait_after(&status(StatusCode::TOO_MANY_REQUESTS, None), attempt).unwrap();
            assert!((longest / 2..=longest).contains(&wait), "{attempt}: {wait:?}");
        }
    }
}
