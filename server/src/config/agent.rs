//! The flags of `--agent http` (SERVER.md, "An agent of yours").

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use clap::{Args, ValueEnum};
use secrecy::SecretString;

/// Headers that are never forwarded. Some belong to the connection or to the body of their request. The others are
/// those that the server sets for the agent itself.
const OURS: [&str; 12] = [
    "accept",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "te",
    "transfer-encoding",
    "upgrade",
];
/// The longest time that a setting may have, so that no clock overflows.
const MOST_SECONDS: u64 = 10 * 365 * 24 * 3600;
const OUR_PREFIXES: [&str; 3] = ["rejoin-", "webhook-", "proxy-"];

/// The headers of the user's request that every agent gets.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// See the module.
#[derive(Clone, Debug, Args)]
pub struct AgentHttp {
    /// URL of your agent; the server POSTs each turn to it
    #[arg(long, env = "REJOIN_AGENT_URL", hide_env_values = true)]
    pub agent_url: Option<String>,
    /// Format of the body that your agent receives
    #[arg(long, env = "REJOIN_AGENT_BODY", value_enum, default_value = "rejoin")]
    pub agent_body: AgentBody,
    /// Secret that signs the requests to your agent, as Standard Webhooks writes it
    #[arg(long, env = "REJOIN_AGENT_SECRET", hide_env_values = true, hide = true)]
    pub agent_secret: Option<SecretString>,
    /// Header of the user's request to pass on to your agent; repeatable
    #[arg(long, env = "REJOIN_AGENT_FORWARD_HEADER", value_delimiter = ',', value_parser = forwardable)]
    pub agent_forward_header: Vec<HeaderName>,
    /// Milliseconds until the first byte of your agent's answer
    #[arg(long, env = "REJOIN_AGENT_FIRST_BYTE_MS", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..=MOST_SECONDS * 1000))]
    pub agent_first_byte_ms: u64,
    /// Milliseconds from one byte of your agent's answer to the next
    #[arg(long, env = "REJOIN_AGENT_SILENCE_MS", default_value_t = 120_000, value_parser = clap::value_parser!(u64).range(1..=MOST_SECONDS * 1000))]
    pub agent_silence_ms: u64,
    /// Seconds that a turn of your agent may take
    #[arg(long, env = "REJOIN_AGENT_MAX_SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=MOST_SECONDS))]
    pub agent_max_seconds: u64,
    /// Largest chunk of your agent in bytes
    #[arg(long, env = "REJOIN_AGENT_MAX_CHUNK_BYTES", default_value_t = 1024 * 1024)]
    pub agent_max_chunk_bytes: usize,
    /// Bytes that your agent may send for one task
    #[arg(long, env = "REJOIN_AGENT_MAX_TASK_BYTES", default_value_t = 32 * 1024 * 1024)]
    pub agent_max_task_bytes: u64,
    /// Attempts to send a turn while your agent is unavailable
    #[arg(long, env = "REJOIN_AGENT_ATTEMPTS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub agent_attempts: u32,
}

/// `--agent-body`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AgentBody {
    /// All fields that the server has for a turn.
    Rejoin,
    /// The body of the AI SDK's `useChat`, with the other fields under `rejoin`.
    AiSdk,
}

impl AgentHttp {
    /// `--agent-first-byte-ms`.
    pub(crate) fn first_byte(&self) -> Duration {
        Duration::from_millis(self.agent_first_byte_ms)
    }

    /// `--agent-silence-ms`.
    pub(crate) fn silence(&self) -> Duration {
        Duration::from_millis(self.agent_silence_ms)
    }

    /// `--agent-max-seconds`.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_secs(self.agent_max_seconds)
    }

    pub(super) fn forwarded(&self, headers: &HeaderMap) -> HeaderMap {
        let mut forwarded = HeaderMap::new();
        for name in self.agent_forward_header.iter().chain([&TRACEPARENT]) {
            for value in headers.get_all(name) {
                forwarded.append(name.clone(), value.clone());
            }
        }
        forwarded
    }
}

fn forwardable(text: &str) -> Result<HeaderName, String> {
    let name: HeaderName = text.trim().parse().map_err(|_| "no name of a header".to_owned())?;
    let is_ours = OURS.contains(&name.as_str()) || OUR_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix));
    if is_ours { Err("this header is not the user's to give".into()) } else { Ok(name) }
}
