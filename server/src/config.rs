//! The flags and the environment (SERVER.md).

mod agent;

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::HeaderMap;
use clap::{Parser, ValueEnum};

pub use agent::{AgentBody, AgentHttp};

/// The reference backend of rejoin: chat tasks that outlive their readers.
#[derive(Clone, Debug, Parser)]
#[command(name = "rejoin-server", version)]
pub struct Config {
    /// Address to listen on; port 0 picks one
    #[arg(long, env = "REJOIN_LISTEN", default_value = "127.0.0.1:8787")]
    pub listen: String,
    /// Path under which the API is mounted
    #[arg(long, default_value = "/api/chat")]
    pub base_path: String,
    /// `memory`, `embedded:PATH`, `redis://…` or `rediss://…`
    #[arg(long, env = "REJOIN_STORE", default_value = "embedded:./rejoin.redb", hide_env_values = true)]
    pub store: String,
    /// What the keys in Redis begin with
    #[arg(long, env = "REJOIN_REDIS_PREFIX", default_value = "rejoin")]
    pub redis_prefix: String,
    /// Folder of static files served at `/` [default: the built demo, if there]
    #[arg(long)]
    pub www: Option<PathBuf>,
    /// Who answers
    #[arg(long, env = "REJOIN_AGENT", value_enum, default_value = "demo")]
    pub agent: AgentKind,
    /// Base URL of an OpenAI-compatible endpoint, e.g. `http://localhost:11434/v1`
    #[arg(long, env = "REJOIN_OPENAI_URL")]
    pub openai_url: Option<String>,
    /// Model to ask for
    #[arg(long, env = "REJOIN_OPENAI_MODEL")]
    pub openai_model: Option<String>,
    /// Key for the endpoint, where it wants one
    #[arg(long, env = "OPENAI_API_KEY", hide_env_values = true, hide = true)]
    pub openai_api_key: Option<String>,
    /// The flags of `--agent http`
    #[command(flatten)]
    pub agent_http: AgentHttp,
    /// Seconds that an ended task is kept after its last use
    #[arg(long, default_value_t = 3600)]
    pub stream_ttl: u64,
    /// Milliseconds of silence on a stream until a heartbeat
    #[arg(long, default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub heartbeat_ms: u64,
    /// Milliseconds without renewal after which a writer has lost its task
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub lease_ms: u64,
    /// Key of the webhook, which is closed without one
    #[arg(long, env = "CHAT_INTERNAL_API_KEY", hide_env_values = true)]
    pub internal_api_key: Option<String>,
    /// Secret of the HS256 tokens; without one all callers are anonymous
    #[arg(long, env = "REJOIN_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<String>,
    /// Seconds that tasks may take to end after the signal to end
    #[arg(long, default_value_t = 30)]
    pub drain_seconds: u64,
    /// Origin of another site whose pages may call (CORS); repeatable
    #[arg(long)]
    pub allow_origin: Vec<String>,
    /// Largest `message` in bytes of UTF-8
    #[arg(long, default_value_t = 65_536)]
    pub max_message_bytes: usize,
    /// Largest request body in bytes
    #[arg(long, default_value_t = 1_048_576)]
    pub max_body_bytes: usize,
    /// Tasks that this process runs at most
    #[arg(long, default_value_t = 1000)]
    pub max_tasks: usize,
    /// Streams that this process serves at most
    #[arg(long, default_value_t = 20_000)]
    pub max_streams: usize,
    /// Entries of a task's log beyond which older ones become a snapshot of merged chunks
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_log_chunks: u64,
    /// What is logged, as a filter of `tracing`
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log: String,
    /// How it is logged
    #[arg(long, value_enum, default_value = "text")]
    pub log_format: LogFormat,
}

/// `--agent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AgentKind {
    /// Deterministic, driven by directives.
    Demo,
    /// Any OpenAI-compatible endpoint.
    Openai,
    /// An agent of yours, which answers a POST with an event stream.
    Http,
}

/// `--log-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Config {
    /// `--stream-ttl`.
    pub(crate) fn ttl(&self) -> Duration {
        Duration::from_secs(self.stream_ttl)
    }

    /// `--drain-seconds`.
    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    /// `--lease-ms`.
    pub(crate) fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    /// The headers of a user's request that the agent gets to see.
    pub(crate) fn forwarded(&self, headers: &HeaderMap) -> HeaderMap {
        self.agent_http.forwarded(headers)
    }

    /// `--base-path` with one slash in front and none behind; empty is the root.
    pub(crate) fn mount(&self) -> String {
        let path = self.base_path.trim_matches('/');
        if path.is_empty() { String::new() } else { format!("/{path}") }
    }

    /// The folder of static files, where there is one.
    pub(crate) fn static_files(&self) -> Option<PathBuf> {
        self.www.clone().or_else(built_demo)
    }
}

/// The demo as its build leaves it, seen from the working directory or from the place of this binary.
fn built_demo() -> Option<PathBuf> {
    let here = std::env::current_dir().ok();
    let binary = std::env::current_exe().ok();
    let above = binary.iter().flat_map(|path| path.ancestors().skip(1).take(4));
    let candidates = here.as_deref().into_iter().chain(above).map(|folder: &Path| folder.join("www/dist"));
    candidates.into_iter().find(|folder| folder.join("index.html").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Config {
        Config::try_parse_from(std::iter::once("rejoin-server").chain(arguments.iter().copied())).unwrap()
    }

    #[test]
    fn the_base_path_has_one_slash_in_front_and_none_behind() {
        for (given, mount) in [("/api/chat", "/api/chat"), ("api/chat/", "/api/chat"), ("/", ""), ("", "")] {
            assert_eq!(parsed(&["--base-path", given]).mount(), mount);
        }
    }

    #[test]
    fn origins_are_repeatable() {
        let config = parsed(&["--allow-origin", "http://a", "--allow-origin", "http://b"]);
        assert_eq!(config.allow_origin, ["http://a", "http://b"]);
    }
}
