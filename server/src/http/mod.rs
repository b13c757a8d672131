//! The endpoints of PROTOCOL §1, and around them what all of them share: CORS, refusal while draining, one shape of
//! error for everything that goes wrong, also for what the framework refuses by itself.

mod body;
mod health;
mod operations;
mod sessions;
mod tasks;
mod view;
mod www;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use tokio::sync::{Semaphore, watch};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::auth::{Auth, Caller};
use crate::config::Config;
use crate::error::{ApiError, StoreFailed};
use crate::metrics::Metrics;
use crate::registry::{Reader, Registry};
use crate::sse::{self, Outlet, TASK_ID};
use crate::store::{Lookup, Session, SharedStore, Task};

/// What every handler can reach.
pub struct App {
    pub config: Config,
    pub registry: Arc<Registry>,
    /// The folder of static files.
    pub www: Option<PathBuf>,
    pub auth: Auth,
    pub metrics: Arc<Metrics>,
    /// Permits for open streams.
    pub streams: Arc<Semaphore>,
    pub draining: watch::Receiver<bool>,
    /// Counts requests, to tell them apart in the log.
    pub requests: AtomicU64,
}

type Shared = State<Arc<App>>;
type Answer = Result<Response, ApiError>;

impl App {
    fn store(&self) -> &SharedStore {
        self.registry.store()
    }

    /// A session that this caller may reach.
    async fn session(&self, id: &str, caller: &Caller) -> Result<Session, ApiError> {
        let session = self.store().session(id).await?.ok_or(ApiError::SessionNotFound)?;
        caller.check(&session)?;
        Ok(session)
    }

    /// A task that this caller may reach: it belongs to whom its session belongs.
    async fn task(&self, id: &str, caller: &Caller) -> Result<Task, ApiError> {
        let task = match self.store().task(id).await? {
            Lookup::Found(task) => task,
            Lookup::Expired => return Err(ApiError::TaskExpired),
            Lookup::Missing => return Err(ApiError::TaskNotFound),
        };
        if let Some(session) = self.store().session(&task.session_id).await? {
            caller.check(&session)?;
        }
        Ok(task)
    }

    /// Room for one more stream. Asked for before anything is stored.
    fn outlet(&self) -> Result<Outlet, ApiError> {
        let permit = self.streams.clone().try_acquire_owned();
        Ok(Outlet {
            _permit: permit.map_err(|_| ApiError::RateLimited("This server has as many streams open as it may."))?,
            heartbeat: Duration::from_millis(self.config.heartbeat_ms),
            metrics: self.metrics.clone(),
            // Where no other process has this store, there is nowhere else to read on.
            draining: if self.store().is_shared() { self.draining.clone() } else { watch::channel(false).1 },
        })
    }

    fn stream(task: &str, reader: Box<Reader>, outlet: Outlet) -> Response {
        sse::respond(task, reader, outlet)
    }
}

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    let mount = app.config.mount();
    let api = Router::new()
        .route("/sessions", post(sessions::create).get(sessions::list))
        .route("/sessions/{id}", get(sessions::show))
        .route("/sessions/{id}/assign-user", patch(sessions::assign))
        .route("/sessions/{id}/stream", post(sessions::send))
        .route("/tasks/{id}", get(tasks::show))
        .route("/tasks/{id}/stream", get(tasks::stream))
        .route("/tasks/{id}/cancel", post(tasks::cancel))
        .route("/operations/{id}/complete", post(operations::complete))
        .route("/config/ttl", get(health::ttl))
        .route("/health", get(health::health));
    let root = Router::new().route("/metrics", get(health::metrics));
    let routes = if mount.is_empty() { root.merge(api) } else { root.nest(&mount, api) };
    routes
        .fallback(www::serve)
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .with_state(app.clone())
        .layer(middleware::from_fn_with_state(app.clone(), guard))
        .layer(cors(&app.config.allow_origin))
}

/// Refuses while draining, and logs each request without anything that it carries.
async fn guard(State(app): Shared, request: Request, next: Next) -> Response {
    if *app.draining.borrow() {
        return ApiError::Draining.into_response();
    }
    let number = app.requests.fetch_add(1, Relaxed);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    if response.extensions().get::<StoreFailed>().is_some() {
        app.metrics.store_error();
    }
    tracing::debug!(number, %method, path, status = response.status().as_u16(), "request");
    response
}

fn cors(origins: &[String]) -> CorsLayer {
    if origins.is_empty() {
        return CorsLayer::new();
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::mirror_request()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin.trim_end_matches('/')).ok()))
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_credentials(true)
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::RETRY_AFTER, TASK_ID, HeaderName::from_static("x-vercel-ai-ui-message-stream")])
        .max_age(Duration::from_secs(600))
}

/// The id in a path.
struct Id(String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        // What does not decode to text names nothing.
        Path::from_request_parts(parts, state).await.map(|Path(id)| Self(id)).map_err(|_| ApiError::NotFound)
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        app.auth.caller(&parts.headers)
    }
}

/// The parameters of a query; of one given twice the first counts.
struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Query::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Query(pairs)| Self(pairs))
            .map_err(|_| ApiError::InvalidRequest("The query does not parse.".into()))
    }
}

impl Query {
    fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
