//! From a configuration and a listener to a running server, and from a signal to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::agent::Agent;
use crate::agent::demo::Demo;
use crate::agent::http::{HttpAgent, Secret, Settings};
use crate::agent::openai::{Endpoint, OpenAi};
use crate::agent::upstream::Limits;
use crate::auth::Auth;
use crate::config::{AgentHttp, AgentKind, Config};
use crate::http::{self, App};
use crate::metrics::Metrics;
use crate::registry::{Reaper, Registry, Terms, WriterTerms, completions};
use crate::store;

/// How long what is still open may take to close when the tasks have ended.
const LIMIT: Duration = Duration::from_millis(2500);

/// Why a server does not run.
#[derive(Debug)]
pub enum ServerError {
    /// A setting that cannot work.
    Config(String),
    /// The store does not open.
    Store(String),
    /// The listener failed.
    Io(std::io::Error),
}

impl std::fmt::Display for ServerError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config(why) => write!(out, "{why}"),
            Self::Store(why) => write!(out, "the store does not open: {why}"),
            Self::Io(error) => write!(out, "{error}"),
        }
    }
}

impl std::error::Error for ServerError {}

/// A server whose store is open and whose address is known.
pub struct Server {
    listener: TcpListener,
    app: Arc<App>,
    drain: watch::Sender<bool>,
}

impl Server {
    /// Opens the store and listens.
    pub async fn bind(config: Config) -> Result<Self, ServerError> {
        // Another part of the program may have chosen one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let metrics = Arc::new(Metrics::default());
        let registry = registry(&config, metrics.clone()).await?;
        let listener = TcpListener::bind(&config.listen).await.map_err(ServerError::Io)?;
        let (drain, draining) = watch::channel(false);
        let app = App {
            auth: Auth::new(config.jwt_secret.clone(), config.internal_api_key.clone()),
            streams: Arc::new(Semaphore::new(config.max_streams.min(Semaphore::MAX_PERMITS))),
            www: config.static_files(),
            registry,
            metrics,
            draining,
            requests: AtomicU64::new(0),
            config,
        };
        Ok(Self { listener, app: Arc::new(app), drain })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn address(&self) -> Result<SocketAddr, ServerError> {
        self.listener.local_addr().map_err(ServerError::Io)
    }

    /// Serves until `shutdown` is done, then drains: nothing new is accepted, streams are let go, tasks are ended.
    ///
    /// # Errors
    /// None today; a listener that fails is waited for.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let registry = self.app.registry.clone();
        let patience = self.app.config.drain();
        let _background = Background::start(&registry, self.app.config.ttl(), self.app.config.lease());
        // A chunk is small and somebody waits for it: no bytes are held back to fill a packet.
        let listener = self.listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let mut stop = self.drain.subscribe();
        let serving = axum::serve(listener, http::router(self.app)).with_graceful_shutdown(async move {
            // A sender that is gone means the same.
            let _ = stop.wait_for(|stop| *stop).await;
        });
        let serving = tokio::spawn(serving.into_future());
        shutdown.await;
        tracing::info!("draining");
        self.drain.send_replace(true);
        let last_steps = async {
            registry.drain(patience).await;
            serving.await
        };
        if tokio::time::timeout(patience + LIMIT, last_steps).await.is_err() {
            tracing::warn!("some connections or tasks did not end in time");
        }
        Ok(())
    }
}

async fn registry(config: &Config, metrics: Arc<Metrics>) -> Result<Arc<Registry>, ServerError> {
    let terms = store::Terms { ttl: config.ttl(), lease: config.lease(), prefix: config.redis_prefix.clone() };
    let store = store::open(&config.store, terms).await.map_err(|error| ServerError::Store(error.to_string()))?;
    Ok(Registry::new(Terms {
        agent: agent(config)?,
        writer: WriterTerms { store, metrics, max_log_chunks: config.max_log_chunks, ttl: config.ttl() },
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
    let secret = config.agent_secret.as_deref().filter(|secret| !secret.is_empty()).map(Secret::parse).transpose();
    HttpAgent::new(Settings {
        url: url.ok_or_else(|| ServerError::Config("--agent http needs --agent-url".into()))?,
        body: config.agent_body,
        secret: secret.map_err(ServerError::Config)?,
        limits: Limits {
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
    OpenAi::new(Endpoint {
        url: config.openai_url.clone().ok_or_else(|| missing("--openai-url"))?,
        model: config.openai_model.clone().ok_or_else(|| missing("--openai-model"))?,
        key: config.openai_api_key.clone().filter(|key| !key.is_empty()),
    })
    .map_err(ServerError::Config)
}

/// What runs beside the requests, until it is dropped.
struct Background(Vec<tokio::task::AbortHandle>);

impl Background {
    fn start(registry: &Arc<Registry>, ttl: Duration, lease: Duration) -> Self {
        Self(vec![
            tokio::spawn(Reaper::new(registry.clone(), lease).run()).abort_handle(),
            tokio::spawn(registry.clone().sweep_for_ever(ttl)).abort_handle(),
            tokio::spawn(completions::consume_for_ever(registry.clone(), lease)).abort_handle(),
        ])
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::AbortHandle::abort);
    }
}
