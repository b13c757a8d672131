//! The endpoints for operators: whether the process lives, whether it can serve, and its metrics (SERVER.md,
//! `--admin-listen`). A process that drains still answers at its own address for operators.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::{Answer, App, Shared, health};
use crate::error::ApiError;
use crate::metrics::CONTENT_TYPE;

/// The routes for operators.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(alive))
        .route("/readyz", get(ready))
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .with_state(app)
}

/// A process that answers lives, also while the store is away.
async fn alive() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

/// The store accepts writes, and publications of other processes arrive here.
async fn ready(State(app): Shared) -> Answer {
    app.check_not_draining()?;
    health::in_time(app.store().ready()).await?;
    Ok(Json(json!({ "status": "ready" })).into_response())
}

async fn metrics(State(app): Shared) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], app.metrics.text()).into_response()
}
