//! The endpoints about the server itself.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::json;

use super::{Answer, Shared};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::store;

/// How long the store may take. One that takes longer counts as away.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The store's answer, if it comes in time.
pub async fn in_time(answer: impl Future<Output = store::Result<()>>) -> Result<(), ApiError> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(ApiError::StoreUnavailable),
    }
}

/// `GET /health`.
pub async fn health(State(app): Shared) -> Answer {
    let about = |status: &str| {
        json!({
            "status": status,
            "service": "rejoin-server",
            "version": env!("CARGO_PKG_VERSION"),
            "store": app.store().kind(),
        })
    };
    let Err(error) = in_time(app.store().ping()).await else {
        return Ok(Json(about("healthy")).into_response());
    };
    let mut body = about("unhealthy");
    body["detail"] = error.detail();
    Ok((StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], Json(body)).into_response())
}

/// `GET /config/ttl`.
pub async fn ttl(State(app): Shared, _: Caller) -> Answer {
    let seconds = app.config.stream_ttl;
    Ok(Json(json!({ "stream_ttl_seconds": seconds, "stream_ttl_ms": seconds.saturating_mul(1000) })).into_response())
}
