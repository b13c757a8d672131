//! The flags and the environment (SERVER.md).

mod agent;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::HeaderMap;
use clap::builder::BoolishValueParser;
use clap::{Parser, ValueEnum};
use ipnet::IpNet;
use secrecy::SecretString;

pub use agent::{AgentBody, AgentHttp};

/// Stores chats, calls an agent, and streams its answers so that they survive cuts, reloads and restarts of the page.
///
/// Every flag has an environment variable. For a repeatable flag, the variable takes a list separated by commas.
#[derive(Clone, Debug, Parser)]
#[command(name = "rejoin-server", version)]
pub struct Config {
    /// Address to listen on; port 0 picks one
    #[arg(long, env = "REJOIN_LISTEN", default_value = "127.0.0.1:8787")]
    pub listen: String,
    /// Path of the API
    #[arg(long, env = "REJOIN_BASE_PATH", default_value = "/api/chat")]
    pub base_path: String,
    /// `memory`, `embedded:PATH`, `redis://…` or `rediss://…`
    #[arg(long, env = "REJOIN_STORE", default_value = "embedded:./rejoin.redb", hide_env_values = true)]
    pub store: SecretString,
    /// Prefix of all keys in Redis
    #[arg(long, env = "REJOIN_REDIS_PREFIX", default_value = "rejoin")]
    pub redis_prefix: String,
    /// Folder of static files served at `/` [default: the built demo, if there]
    #[arg(long, env = "REJOIN_WWW")]
    pub www: Option<PathBuf>,
    /// The agent that answers
    #[arg(long, env = "REJOIN_AGENT", value_enum, default_value = "demo")]
    pub agent: AgentKind,
    /// Base URL of an OpenAI-compatible endpoint, e.g. `http://localhost:11434/v1`. Its key comes from `OPENAI_API_KEY`
    #[arg(long, env = "REJOIN_OPENAI_URL")]
    pub openai_url: Option<String>,
    /// Name of the model
    #[arg(long, env = "REJOIN_OPENAI_MODEL")]
    pub openai_model: Option<String>,
    /// Key for the endpoint, where it wants one
    #[arg(long, env = "OPENAI_API_KEY", hide_env_values = true, hide = true)]
    pub openai_api_key: Option<SecretString>,
    /// The flags of `--agent http`
    #[command(flatten)]
    pub agent_http: AgentHttp,
    /// Seconds to keep an ended task after its last use
    #[arg(long, env = "REJOIN_STREAM_TTL", default_value_t = 3600)]
    pub stream_ttl: u64,
    /// Seconds that a session is kept after its last message, unless a task of it runs or waits [default: for ever]
    #[arg(long, env = "REJOIN_SESSION_TTL", value_parser = clap::value_parser!(u64).range(1..))]
    pub session_ttl: Option<u64>,
    /// Milliseconds between heartbeats on a silent stream
    #[arg(long, env = "REJOIN_HEARTBEAT_MS", default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub heartbeat_ms: u64,
    /// Milliseconds after which a process that does not renew its lease loses its task
    #[arg(long, env = "REJOIN_LEASE_MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub lease_ms: u64,
    /// Key of the webhook; without a key the webhook is closed
    #[arg(long, env = "CHAT_INTERNAL_API_KEY", hide_env_values = true)]
    pub internal_api_key: Option<SecretString>,
    /// Secret of HS256 tokens; with neither this nor --jwks-url all callers are anonymous
    #[arg(long, env = "REJOIN_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<SecretString>,
    /// URL of the public keys of RS256, ES256 and EdDSA tokens (a JSON Web Key Set)
    #[arg(long, env = "REJOIN_JWKS_URL")]
    pub jwks_url: Option<String>,
    /// The `iss` that every token must have
    #[arg(long, env = "REJOIN_JWT_ISSUER")]
    pub jwt_issuer: Option<String>,
    /// A value that the `aud` of every token must contain
    #[arg(long, env = "REJOIN_JWT_AUDIENCE")]
    pub jwt_audience: Option<String>,
    /// Refuse callers without a token
    #[arg(long, env = "REJOIN_REQUIRE_AUTH", value_parser = BoolishValueParser::new())]
    pub require_auth: bool,
    /// Tasks that a signed-in user may have running in this process; 0 is no limit
    #[arg(long, env = "REJOIN_USER_TASKS", default_value_t = 20)]
    pub user_tasks: usize,
    /// Streams that a signed-in user may have open in this process; 0 is no limit
    #[arg(long, env = "REJOIN_USER_STREAMS", default_value_t = 100)]
    pub user_streams: usize,
    /// New tasks per second that a signed-in user may begin, three times as many in a burst; 0 is no limit
    #[arg(long, env = "REJOIN_USER_RATE", default_value_t = 5)]
    pub user_rate: u32,
    /// Hold anonymous callers to the same limits, per address
    #[arg(long, env = "REJOIN_LIMIT_ADDRESSES", value_parser = BoolishValueParser::new())]
    pub limit_addresses: bool,
    /// Addresses of proxies whose `x-forwarded-for` the server trusts, as CIDR; repeatable
    #[arg(long, env = "REJOIN_TRUSTED_PROXY", value_delimiter = ',', value_name = "CIDR", value_parser = network)]
    pub trusted_proxy: Vec<IpNet>,
    /// Let web pages store messages of the role assistant (`is_user_message: false`)
    #[arg(long, env = "REJOIN_ALLOW_ASSISTANT_MESSAGES", value_parser = BoolishValueParser::new())]
    pub allow_assistant_messages: bool,
    /// Milliseconds for the head of a request, also between two requests on one connection
    #[arg(long, env = "REJOIN_HEAD_TIMEOUT_MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub head_timeout_ms: u64,
    /// Milliseconds for the body of a request
    #[arg(long, env = "REJOIN_BODY_TIMEOUT_MS", default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub body_timeout_ms: u64,
    /// Milliseconds after which the server closes a connection that accepts no data
    #[arg(long, env = "REJOIN_WRITE_TIMEOUT_MS", default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub write_timeout_ms: u64,
    /// Separate address for /metrics, /livez and /readyz; by default they are at the root of --listen
    #[arg(long, env = "REJOIN_ADMIN_LISTEN")]
    pub admin_listen: Option<String>,
    /// Seconds in which running tasks may end after SIGTERM
    #[arg(long, env = "REJOIN_DRAIN_SECONDS", default_value_t = 30)]
    pub drain_seconds: u64,
    /// Origin of another site whose pages may call (CORS), or `*` for all, without credentials; repeatable
    #[arg(long, env = "REJOIN_ALLOW_ORIGIN", value_delimiter = ',')]
    pub allow_origin: Vec<String>,
    /// Largest `message` in bytes of UTF-8
    #[arg(long, env = "REJOIN_MAX_MESSAGE_BYTES", default_value_t = 65_536)]
    pub max_message_bytes: usize,
    /// Largest request body in bytes
    #[arg(long, env = "REJOIN_MAX_BODY_BYTES", default_value_t = 1_048_576)]
    pub max_body_bytes: usize,
    /// Largest number of running tasks in this process
    #[arg(long, env = "REJOIN_MAX_TASKS", default_value_t = 1000)]
    pub max_tasks: usize,
    /// Largest number of open streams in this process
    #[arg(long, env = "REJOIN_MAX_STREAMS", default_value_t = 20_000)]
    pub max_streams: usize,
    /// Largest number of entries in a task's log; older ones become a snapshot of merged chunks
    #[arg(long, env = "REJOIN_MAX_LOG_CHUNKS", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_log_chunks: u64,
    /// Filter for the log, in the syntax of `tracing`
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log: String,
    /// Format of the log
    #[arg(long, env = "REJOIN_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,
}

/// A network as CIDR; an address alone is a network of one.
fn network(text: &str) -> Result<IpNet, String> {
    let alone = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| alone()).map_err(|_| "not an address or a network such as 10.0.0.0/8".into())
}

/// `--agent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AgentKind {
    /// A demo that writes a fixed text.
    Demo,
    /// The model at `--openai-url`.
    Openai,
    /// Your agent at `--agent-url`, which answers a POST with an event stream.
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

    /// `--session-ttl`.
    pub(crate) fn session_ttl(&self) -> Option<Duration> {
        self.session_ttl.map(Duration::from_secs)
    }

    /// The shortest time after which something is to be removed.
    pub(crate) fn shortest_ttl(&self) -> Duration {
        self.session_ttl().map_or(self.ttl(), |session| session.min(self.ttl()))
    }

    /// `--lease-ms`.
    pub(crate) fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    /// `--drain-seconds`.
    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    /// `--body-timeout-ms`.
    pub(crate) fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    /// The headers of a user's request that the agent gets.
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
    fn every_flag_has_an_environment_name() {
        use clap::CommandFactory;
        let named =
            [("log", "RUST_LOG"), ("internal-api-key", "CHAT_INTERNAL_API_KEY"), ("openai-api-key", "OPENAI_API_KEY")];
        for flag in Config::command().get_arguments().filter(|flag| flag.get_long().is_some()) {
            let long = flag.get_long().unwrap();
            let usual = format!("REJOIN_{}", long.replace('-', "_").to_uppercase());
            let expected =
                named.iter().find(|(name, _)| *name == long).map_or(usual.as_str(), |(_, variable)| *variable);
            assert_eq!(flag.get_env().and_then(|name| name.to_str()), Some(expected), "--{long}");
        }
    }

    /// SERVER.md: a flag and its default, or nothing.
    const DEFAULTS: &[(&str, &str)] = &[
        ("listen", "127.0.0.1:8787"),
        ("base-path", "/api/chat"),
        ("store", "embedded:./rejoin.redb"),
        ("www", ""),
        ("agent", "demo"),
        ("openai-url", ""),
        ("openai-model", ""),
        ("stream-ttl", "3600"),
        ("heartbeat-ms", "15000"),
        ("lease-ms", "10000"),
        ("internal-api-key", ""),
        ("jwt-secret", ""),
        ("jwks-url", ""),
        ("jwt-issuer", ""),
        ("jwt-audience", ""),
        ("user-tasks", "20"),
        ("user-streams", "100"),
        ("user-rate", "5"),
        ("trusted-proxy", ""),
        ("session-ttl", ""),
        ("head-timeout-ms", "10000"),
        ("body-timeout-ms", "30000"),
        ("write-timeout-ms", "30000"),
        ("admin-listen", ""),
        ("drain-seconds", "30"),
        ("allow-origin", ""),
        ("max-message-bytes", "65536"),
        ("max-body-bytes", "1048576"),
        ("max-tasks", "1000"),
        ("max-streams", "20000"),
        ("max-log-chunks", "100000"),
        ("log", "info"),
        ("log-format", "text"),
        ("redis-prefix", "rejoin"),
        ("agent-url", ""),
        ("agent-body", "rejoin"),
        ("agent-secret", ""),
        ("agent-forward-header", ""),
        ("agent-first-byte-ms", "60000"),
        ("agent-silence-ms", "120000"),
        ("agent-max-seconds", "3600"),
        ("agent-max-chunk-bytes", "1048576"),
        ("agent-max-task-bytes", "33554432"),
        ("agent-attempts", "3"),
    ];
    /// Those that are on or off, and off unless they are given.
    const SWITCHES: [&str; 3] = ["require-auth", "limit-addresses", "allow-assistant-messages"];

    #[test]
    fn flags_have_the_defaults_of_the_contract() {
        use clap::CommandFactory;
        let command = Config::command();
        let default = |flag: &str| {
            let found = command.get_arguments().find(|argument| argument.get_long() == Some(flag));
            let values = found.unwrap_or_else(|| panic!("no --{flag}")).get_default_values();
            values.iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(",")
        };
        for (flag, expected) in DEFAULTS {
            assert_eq!(default(flag), *expected, "--{flag}");
        }
        for flag in SWITCHES {
            assert!(matches!(default(flag).as_str(), "" | "false"), "--{flag}");
        }
    }

    #[test]
    fn no_secret_shows_where_the_configuration_is_printed() {
        let flags = ["--store", "redis://:hunter2@cache", "--jwt-secret", "hunter2", "--internal-api-key", "hunter2"];
        let shown = format!("{:?}", parsed(&[&flags[..], &["--openai-api-key", "hunter2"]].concat()));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_trusted_proxy_is_an_address_or_a_network() {
        let config = parsed(&["--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "::1,192.0.2.7"]);
        let networks: Vec<String> = config.trusted_proxy.iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["10.0.0.0/8", "::1/128", "192.0.2.7/32"]);
        assert!(Config::try_parse_from(["rejoin-server", "--trusted-proxy", "proxy.example"]).is_err());
    }

    #[test]
    fn origins_are_repeatable() {
        let config = parsed(&["--allow-origin", "http://a", "--allow-origin", "http://b"]);
        assert_eq!(config.allow_origin, ["http://a", "http://b"]);
    }
}
