//! Starts a server from its configuration, runs it, and shuts it down after a signal.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::agent::Agent;
use crate::agent::demo::Demo;
use crate::agent::http::{HttpAgent, Secret, Settings};
use crate::agent::openai::{Endpoint, OpenAi};
use crate::agent::upstream;
use crate::auth::Auth;
use crate::config::{AgentHttp, AgentKind, Config};
use crate::http::{self, App, Deadlines, Origins, Proxies, Reach};
use crate::limits;
use crate::metrics::Metrics;
use crate::registry::{Confirmations, Reaper, Registry, Terms, WriterTerms, completions};
use crate::store;

/// How long connections get to end when no task runs any more, and again when their streams are closed.
const CLOSING: Duration = Duration::from_secs(1);

/// Why a server cannot run.
#[derive(Debug, Error)]
pub enum ServerError {
    /// A setting that cannot work.
    #[error("{0}")]
    Config(String),
    /// The store does not open.
    #[error("the store does not open: {0}")]
    Store(String),
    /// The listener failed.
    #[error("cannot listen: {0}")]
    Io(#[from] std::io::Error),
}

/// A server whose store is open and whose address is known.
pub struct Server {
    listener: TcpListener,
    admin: Option<TcpListener>,
    app: Arc<App>,
    phase: Phase,
}

/// The two steps of the shutdown.
struct Phase {
    /// The process takes on nothing new.
    draining: watch::Sender<bool>,
    /// Open streams are closed.
    released: watch::Sender<bool>,
}

impl Server {
    /// Opens the store and listens.
    ///
    /// # Errors
    /// A setting that cannot work, a store that does not open, an address that is taken.
    pub async fn bind(config: Config) -> Result<Self, ServerError> {
        // Another part of the program may have chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let auth = Auth::new(&config).map_err(ServerError::Config)?;
        let metrics = Arc::new(Metrics::default());
        let listener = listen(&config.listen).await?;
        let admin = match &config.admin_listen {
            Some(admin) => Some(listen(admin).await?),
            None => None,
        };
        let reach = if address_of(&listener)?.ip().is_loopback() { Reach::Loopback } else { Reach::Network };
        warn_strangers(&config, reach);
        let (draining, released) = (watch::channel(false), watch::channel(false));
        let app = App {
            auth,
            origins: Origins::new(&config.allow_origin, reach).map_err(ServerError::Config)?,
            proxies: Proxies(config.trusted_proxy.clone()),
            limits: Arc::new(limits::Limits::new(&config)),
            streams: Arc::new(Semaphore::new(config.max_streams.min(Semaphore::MAX_PERMITS))),
            www: config.static_files(),
            registry: registry(&config, metrics.clone()).await?,
            metrics,
            draining: draining.1,
            released: released.1,
            config,
        };
        let phase = Phase { draining: draining.0, released: released.0 };
        Ok(Self { listener, admin, app: Arc::new(app), phase })
    }

    /// The address at which it listens.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn address(&self) -> Result<SocketAddr, ServerError> {
        address_of(&self.listener)
    }

    /// Where it listens for operators, if `--admin-listen` gives them an address of their own.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn admin_address(&self) -> Result<Option<SocketAddr>, ServerError> {
        self.admin.as_ref().map(address_of).transpose()
    }

    /// Says in one line who answers and where chats are kept, without the secrets of an address.
    #[must_use]
    pub fn summary(&self) -> String {
        let config = &self.app.config;
        let agent = match config.agent {
            AgentKind::Demo => "the demo agent",
            AgentKind::Openai => "a model",
            AgentKind::Http => "your agent",
        };
        format!("{agent} answers below {}/; the store is {}", config.mount(), self.app.registry.store().kind())
    }

    /// Serves until `shutdown` is done, then drains: it takes on nothing new, and tasks are written to their end for
    /// `--drain-seconds` at most. Streams are closed at once where another process can serve their clients, and stay
    /// open otherwise.
    ///
    /// # Errors
    /// There are none today: a listener that fails is tried again.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let Self { listener, admin, app, phase, .. } = self;
        let _background = Background::start(&app);
        let deadlines = Deadlines::new(&app.config);
        // The address for operators is served to the end.
        let (_serve_on, never) = watch::channel(false);
        let _admin =
            admin.map(|admin| Task::spawn(http::serve(admin, http::admin_router(app.clone()), deadlines, never)));
        let stop = phase.draining.subscribe();
        let serving = tokio::spawn(http::serve(listener, http::router(app.clone()), deadlines, stop));
        shutdown.await;
        tracing::info!("draining");
        drain(&app, &phase, serving).await;
        Ok(())
    }
}

async fn drain(app: &App, phase: &Phase, mut serving: JoinHandle<()>) {
    phase.draining.send_replace(true);
    if app.registry.store().is_shared() {
        phase.released.send_replace(true);
    }
    app.registry.drain(app.config.drain()).await;
    // The last chunks are still on their way to readers. Streams of tasks that wait for an operation are closed after
    // that.
    if tokio::time::timeout(CLOSING, &mut serving).await.is_ok() {
        return;
    }
    phase.released.send_replace(true);
    if tokio::time::timeout(CLOSING, serving).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

async fn listen(address: &str) -> Result<TcpListener, ServerError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| ServerError::Config(format!("cannot listen on {address}: {error}")))
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, ServerError> {
    Ok(listener.local_addr()?)
}

/// Warns of settings that are not safe where other machines can reach the server.
fn warn_strangers(config: &Config, reach: Reach) {
    if reach == Reach::Loopback {
        return;
    }
    if config.agent == AgentKind::Demo {
        tracing::warn!("the demo answers, which is for trying things out, and others can reach it: see --agent");
    }
    let is_plain = |url: &String| url.starts_with("http://");
    if config.jwks_url.as_ref().is_some_and(is_plain) {
        tracing::warn!("--jwks-url is not https: whoever sits in between can forge tokens");
    }
}

async fn registry(config: &Config, metrics: Arc<Metrics>) -> Result<Arc<Registry>, ServerError> {
    let prefix = config.redis_prefix.clone();
    let (ttl, session_ttl, lease) = (config.ttl(), config.session_ttl(), config.lease());
    let terms = store::Terms { ttl, session_ttl, lease, prefix };
    let store = store::open(config.store.expose_secret(), terms).await;
    let store = store.map_err(|error| ServerError::Store(error.to_string()))?;
    Ok(Registry::new(Terms {
        agent: agent(config)?,
        writer: WriterTerms {
            store,
            metrics,
            max_log_chunks: config.max_log_chunks,
            confirmations: Confirmations::new(config.lease()),
            ttl: config.ttl(),
        },
        lease: config.lease(),
        max_tasks: config.max_tasks,
    }))
}

fn agent(config: &Config) -> Result<Arc<dyn Agent>, ServerError> {
    match config.agent {
        AgentKind::Demo => Ok(Arc::new(Demo)),
        AgentKind::Openai => Ok(Arc::new(openai(config)?)),
        AgentKind::Http => Ok(Arc::new(agent_of_yours(&config.agent_http)?)),
    }
}

fn agent_of_yours(config: &AgentHttp) -> Result<HttpAgent, ServerError> {
    let url = config.agent_url.clone();
    let secret = config.agent_secret.as_ref().map(ExposeSecret::expose_secret).filter(|secret| !secret.is_empty());
    HttpAgent::new(Settings {
        url: url.ok_or_else(|| ServerError::Config("--agent http needs --agent-url".into()))?,
        body: config.agent_body,
        secret: secret.map(Secret::parse).transpose().map_err(ServerError::Config)?,
        limits: upstream::Limits {
            first_byte: config.first_byte(),
            silence: config.silence(),
            total: config.longest(),
            event_bytes: config.agent_max_chunk_bytes,
            body_bytes: config.agent_max_task_bytes,
        },
        attempts: config.agent_attempts,
    })
    .map_err(ServerError::Config)
}

fn openai(config: &Config) -> Result<OpenAi, ServerError> {
    let missing = |flag: &str| ServerError::Config(format!("--agent openai needs {flag}"));
    let key = config.openai_api_key.as_ref().map(|key| key.expose_secret().to_owned());
    OpenAi::new(Endpoint {
        url: config.openai_url.clone().ok_or_else(|| missing("--openai-url"))?,
        model: config.openai_model.clone().ok_or_else(|| missing("--openai-model"))?,
        key: key.filter(|key| !key.is_empty()),
    })
    .map_err(ServerError::Config)
}

/// A task of the runtime that ends when this is dropped.
struct Task(JoinHandle<()>);

impl Task {
    fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The work beside the requests, which ends when this is dropped.
struct Background {
    _tasks: Vec<Task>,
}

impl Background {
    fn start(app: &App) -> Self {
        let registry = &app.registry;
        let mut tasks = vec![
            Task::spawn(Reaper::new(registry.clone(), app.config.lease()).run()),
            Task::spawn(registry.clone().sweep_for_ever(app.config.shortest_ttl())),
            Task::spawn(completions::consume_for_ever(registry.clone(), app.config.lease())),
            Task::spawn(app.limits.clone().sweep_for_ever()),
        ];
        tasks.extend(app.auth.jwks().map(|jwks| Task::spawn(jwks.renew_for_ever())));
        Self { _tasks: tasks }
    }
}
