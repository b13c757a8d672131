//! What operators and clients ask about the server itself.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::json;

use super::{Answer, Shared};
use crate::error::ApiError;

/// A store that takes longer does not answer.
const PATIENCE: Duration = Duration::from_millis(1500);

/// `GET /health`.
pub async fn health(State(app): Shared) -> Answer {
    let pong = tokio::time::timeout(PATIENCE, app.store().ping()).await;
    let about = |status: &str| {
        json!({
            "status": status,
            "service": "rejoin-server",
            "version": env!("CARGO_PKG_VERSION"),
            "store": app.store().kind(),
        })
    };
    if let Ok(Ok(())) = pong {
        return Ok(Json(about("healthy")).into_response());
    }
    let mut body = about("unhealthy");
    body["detail"] = ApiError::StoreUnavailable.detail();
    Ok((StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], Json(body)).into_response())
}

/// `GET /config/ttl`.
pub async fn ttl(State(app): Shared) -> Answer {
    let seconds = app.config.stream_ttl;
    Ok(Json(json!({ "stream_ttl_seconds": seconds, "stream_ttl_ms": seconds.saturating_mul(1000) })).into_response())
}

/// `GET /metrics`, at the root.
pub async fn metrics(State(app): Shared) -> Answer {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, app.metrics.text()).into_response())
}
