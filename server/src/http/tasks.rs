//! The endpoints of tasks.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::IntoResponse;
use rejoin::stream::cursor::EventId;
use serde_json::json;

use super::extract::{Query, TaskId, Visitor};
use super::{Answer, App, Shared, body, view};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::registry::{Opened, Replay};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// `GET /tasks/{id}`.
pub async fn show(State(app): Shared, caller: Caller, TaskId(id): TaskId) -> Answer {
    let task = app.task(&id, &caller).await?;
    Ok(Json(view::task(&task)).into_response())
}

/// `GET /tasks/{id}/stream`.
pub async fn stream(
    State(app): Shared,
    visitor: Visitor,
    TaskId(id): TaskId,
    query: Query,
    headers: HeaderMap,
) -> Answer {
    let cursor = cursor(&query, &headers)?;
    app.task(&id, &visitor.caller).await?;
    let outlet = app.outlet(visitor.subject.as_ref())?;
    match app.registry.open(&id, cursor, replay(&query)).await? {
        Opened::Stream(reader) => Ok(App::stream(&id, reader, outlet)),
        Opened::Nothing => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// The cursor of the query, else that of the header, else the start.
fn cursor(query: &Query, headers: &HeaderMap) -> Result<EventId, ApiError> {
    let text = match (query.value("last_message_id"), headers.get(LAST_EVENT_ID)) {
        (Some(text), _) => text,
        (None, Some(header)) => header.to_str().map_err(|_| ApiError::InvalidCursor)?,
        (None, None) => return Ok(EventId::ZERO),
    };
    text.parse().map_err(|_| ApiError::InvalidCursor)
}

fn replay(query: &Query) -> Replay {
    match query.value("compact") {
        Some("1" | "true") => Replay::Compact,
        _ => Replay::Exact,
    }
}

/// `POST /tasks/{id}/cancel`.
pub async fn cancel(State(app): Shared, caller: Caller, TaskId(id): TaskId, body: Body) -> Answer {
    body::ignored(body, &app.config).await?;
    app.task(&id, &caller).await?;
    let status = app.registry.cancel(&id).await?;
    Ok(Json(json!({ "task_id": id, "status": status.as_str() })).into_response())
}
