//! The operator's own agent. Each turn is a POST to its address, and the event stream of the answer becomes the task's
//! log (SERVER.md, "An agent of yours").
//!
//! When a turn fails, the user gets a code and a sentence. The details go to the log only, because they may quote the
//! agent.

mod answer;
mod request;
mod signature;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::HeaderValue;
use reqwest::{Method, Request, Url};

use super::upstream::{self, Events, Failure, Limits, Upstream};
use super::{Agent, Dialect, Emitter, Ending, Gone, Turn};
use crate::config::AgentBody;
use answer::{Answer, Halt};
pub use signature::Secret;

/// The agent's address and how requests are made.
pub struct Settings {
    pub url: String,
    pub body: AgentBody,
    pub secret: Option<Secret>,
    pub limits: Limits,
    pub attempts: u32,
}

/// See the module.
pub struct HttpAgent {
    upstream: Upstream,
    url: Url,
    form: AgentBody,
    secret: Option<Secret>,
    /// How many bytes all turns of one task may have together.
    task_bytes: u64,
}

impl HttpAgent {
    /// Checks the address. Connects to nothing yet.
    ///
    /// # Errors
    /// The address or the secret is wrong, with the reason in words for the operator.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let url = Url::parse(&settings.url).map_err(|error| format!("--agent-url: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("--agent-url is neither http nor https".into());
        }
        Ok(Self {
            upstream: Upstream::new(settings.limits, settings.attempts)?,
            url,
            form: settings.body,
            secret: settings.secret,
            task_bytes: settings.limits.body_bytes,
        })
    }

    async fn speak(&self, turn: &Turn, answer: &mut Answer) -> Result<Ending, Halt> {
        let events = self.ask(turn).await?;
        answer.relay(events).await
    }

    async fn ask(&self, turn: &Turn) -> Result<Events, Failure> {
        let body = Bytes::from(request::body(self.form, turn));
        let trace = request::traceparent(turn);
        let left = self.task_bytes.saturating_sub(turn.logged_bytes);
        self.upstream.open(left, |attempt| self.request(turn, &trace, attempt, body.clone())).await
    }

    fn request(&self, turn: &Turn, trace: &HeaderValue, attempt: u32, body: Bytes) -> Result<Request, Failure> {
        let signing = self.secret.as_ref().map(|secret| (secret, &body[..]));
        let headers = request::headers(turn, trace, attempt, signing);
        let headers = headers.map_err(|error| Failure::Unreachable(error.to_string()))?;
        let request = self.upstream.client().request(Method::POST, self.url.clone()).headers(headers).body(body);
        request.build().map_err(|error| Failure::Unreachable(error.to_string()))
    }
}

#[async_trait]
impl Agent for HttpAgent {
    async fn answer(&self, turn: Turn, out: Emitter) -> Result<Ending, Gone> {
        let mut answer = Answer::new(&turn, out);
        match self.speak(&turn, &mut answer).await {
            Ok(ending) => Ok(ending),
            Err(Halt::Gone) => Err(Gone),
            Err(Halt::Failed(AgentError { code, why })) => {
                tracing::warn!(task = turn.task.id, turn = turn.number(), code = code.name(), why, "the agent failed");
                answer.fail().await?;
                Ok(Ending::Failed(Dialect::AiSdk.error(code.name(), code.message())))
            }
        }
    }
}

/// A failed turn: a code for the user, and the details for the log.
#[derive(Debug)]
struct AgentError {
    code: Code,
    why: String,
}

/// The sentence for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Timeout,
    TooLarge,
    Cut,
    Refused,
    Unavailable,
    BadResponse,
}

impl Code {
    fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Timeout(_) => Self::Timeout,
            Failure::TooLarge(_) => Self::TooLarge,
            Failure::Cut(_) => Self::Cut,
            Failure::Unreachable(_) | Failure::Unanswered(_) => Self::Unavailable,
            Failure::Status { status, .. } if upstream::is_passing(*status) => Self::Unavailable,
            Failure::Status { status, .. } if status.is_client_error() => Self::Refused,
            Failure::Status { .. } | Failure::NoStream(_) => Self::BadResponse,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Timeout => "AGENT_TIMEOUT",
            Self::TooLarge => "AGENT_TOO_LARGE",
            Self::Cut => "AGENT_CUT",
            Self::Refused => "AGENT_REFUSED",
            Self::Unavailable => "AGENT_UNAVAILABLE",
            Self::BadResponse => "AGENT_BAD_RESPONSE",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Timeout => "The agent did not answer in time.",
            Self::TooLarge => "The agent's answer is too large.",
            Self::Cut => "The agent broke off in the middle of its answer.",
            Self::Refused => "The agent refused the request.",
            Self::Unavailable => "The agent cannot be reached at the moment.",
            Self::BadResponse => "The agent's answer cannot be understood.",
        }
    }
}

impl AgentError {
    fn new(code: Code, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }
}

impl From<Failure> for AgentError {
    fn from(failure: Failure) -> Self {
        Self::new(Code::of(&failure), failure.to_string())
    }
}
