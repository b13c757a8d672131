//! The endpoints of PROTOCOL §1, and the layers that all of them share: CORS, the checks of origins and host names,
//! refusal while draining, and one form of error, also for the errors of the framework.

mod address;
mod admin;
mod body;
mod extract;
mod forwarded;
mod health;
mod operations;
mod origin;
mod send_body;
mod serve;
mod sessions;
mod tasks;
mod trace;
mod view;
mod www;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use tokio::sync::{Semaphore, watch};
use tower::ServiceBuilder;

use crate::auth::{Auth, Caller};
use crate::config::Config;
use crate::error::{ApiError, StoreFailed};
use crate::limits::{Limits, Subject};
use crate::metrics::Metrics;
use crate::registry::{Reader, Registry};
use crate::sse::{self, Outlet};
use crate::store::{Lookup, Session, SharedStore, Task};

pub use address::Proxies;
pub use admin::router as admin_router;
pub use origin::{Origins, Reach};
pub use serve::{Deadlines, serve};

/// The state that every handler can reach.
pub struct App {
    pub config: Config,
    pub registry: Arc<Registry>,
    /// The folder of static files.
    pub www: Option<PathBuf>,
    pub auth: Auth,
    pub origins: Origins,
    pub proxies: Proxies,
    pub limits: Arc<Limits>,
    pub metrics: Arc<Metrics>,
    /// The permits for open streams.
    pub streams: Arc<Semaphore>,
    /// Turns true when the process no longer takes on anything new.
    pub draining: watch::Receiver<bool>,
    /// Turns true when open streams are closed, so that their clients rejoin elsewhere.
    pub released: watch::Receiver<bool>,
}

type Shared = State<Arc<App>>;
type Answer = Result<Response, ApiError>;

impl App {
    fn store(&self) -> &SharedStore {
        self.registry.store()
    }

    fn check_not_draining(&self) -> Result<(), ApiError> {
        if *self.draining.borrow() { Err(ApiError::Draining) } else { Ok(()) }
    }

    /// Finds a session that this caller may reach.
    async fn session(&self, id: &str, caller: &Caller) -> Result<Session, ApiError> {
        let session = self.store().session(id).await?.ok_or(ApiError::SessionNotFound)?;
        caller.check(&session)?;
        Ok(session)
    }

    /// Finds a task that this caller may reach: its owner is that of its session. The owner of a task without a session
    /// is unknown, so nobody may reach it.
    async fn task(&self, id: &str, caller: &Caller) -> Result<Task, ApiError> {
        let task = match self.store().task(id).await? {
            Lookup::Found(task) => task,
            Lookup::Expired => return Err(ApiError::TaskExpired),
            Lookup::Missing => return Err(ApiError::TaskNotFound),
        };
        let session = self.store().session(&task.session_id).await?.ok_or(ApiError::TaskNotFound)?;
        caller.check(&session)?;
        Ok(task)
    }

    /// Takes room for one more stream. It is asked for before anything is stored.
    fn outlet(&self, subject: Option<&Subject>) -> Result<Outlet, ApiError> {
        let permit = self.streams.clone().try_acquire_owned();
        Ok(Outlet {
            _permit: permit.map_err(|_| ApiError::RateLimited("This server has as many streams open as it may."))?,
            _slot: self.limits.stream(subject)?,
            heartbeat: Duration::from_millis(self.config.heartbeat_ms),
            metrics: self.metrics.clone(),
            released: self.released.clone(),
        })
    }

    fn stream(task: &str, reader: Box<Reader>, outlet: Outlet) -> Response {
        sse::respond(task, reader, outlet)
    }
}

/// All routes of the main address. They include those for operators, where these have no address of their own.
pub fn router(app: Arc<App>) -> Router {
    let mount = app.config.mount();
    let api = Router::new()
        .route("/sessions", post(sessions::create).get(sessions::list))
        .route("/sessions/{id}", get(sessions::show).delete(sessions::delete))
        .route("/sessions/{id}/assign-user", patch(sessions::assign))
        .route("/sessions/{id}/stream", post(sessions::send))
        .route("/sessions/{id}/cancel", post(sessions::cancel))
        .route("/tasks/{id}", get(tasks::show))
        .route("/tasks/{id}/stream", get(tasks::stream))
        .route("/tasks/{id}/cancel", post(tasks::cancel))
        .route("/operations/{id}/complete", post(operations::complete))
        .route("/config/ttl", get(health::ttl))
        .route("/health", get(health::health));
    let routes = if mount.is_empty() { api } else { Router::new().nest(&mount, api) };
    let routes = routes
        .fallback(www::serve)
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .with_state(app.clone())
        .layer(middleware::from_fn_with_state(app.clone(), guard))
        .layer(app.origins.cors());
    let routes = if app.config.admin_listen.is_some() { routes } else { routes.merge(admin::router(app)) };
    routes.layer(ServiceBuilder::new().layer(trace::request_ids()).layer(trace::spans()).layer(trace::answered_ids()))
}

/// Passes on a request that is allowed, counts the failures of the store, and keeps proxies from compressing streams.
async fn guard(State(app): Shared, request: Request, next: Next) -> Response {
    let is_forwarded = forwarded::is_forwarded(request.headers());
    let mut response = match check(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    if response.extensions().get::<StoreFailed>().is_some() {
        app.metrics.store_error();
    }
    if is_forwarded {
        forwarded::forbid_transforms(response.headers_mut());
    }
    response
}

fn check(app: &App, request: &Request) -> Result<(), ApiError> {
    app.check_not_draining()?;
    if !request.uri().path().starts_with('/') {
        return Err(ApiError::InvalidRequest("The target of the request is no path.".into()));
    }
    app.origins.check(request.method(), request.uri(), request.headers())?;
    if request.method() == Method::POST && body::is_of_another_type(request.headers()) {
        return Err(ApiError::UnsupportedMediaType);
    }
    Ok(())
}
