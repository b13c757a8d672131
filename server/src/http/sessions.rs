//! The endpoints of sessions.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use futures_util::future::try_join_all;
use rejoin::stream::cursor::EventId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::extract::{Client, Query, SessionId, Visitor, check_message_id};
use super::send_body::SendBody;
use super::{Answer, App, Shared, body, view};
use crate::auth::Caller;
use crate::clock::{self, iso8601};
use crate::error::ApiError;
use crate::registry::{Cancelled, Opened, Replay, fresh_id};
use crate::store::{Message, Page, Session, Task};

/// How often a session is read again when its task changes meanwhile.
const TRIES: usize = 10;

/// `POST /sessions`.
pub async fn create(State(app): Shared, caller: Caller, body: Body) -> Answer {
    body::ignored(body, &app.config).await?;
    let now = clock::now();
    let user_id = caller.user().map(String::from);
    let session = Session { id: fresh_id(), created_at: now, updated_at: now, title: None, user_id, last_task: None };
    app.store().create_session(session.clone()).await?;
    let created = json!({ "id": session.id, "created_at": iso8601(now), "user_id": session.user_id });
    Ok((StatusCode::CREATED, Json(created)).into_response())
}

/// `GET /sessions`.
pub async fn list(State(app): Shared, caller: Caller, query: Query) -> Answer {
    let scope = app.auth.scope(&caller)?;
    let page =
        Page { limit: number(&query, "limit", 50, 1..=100)?, offset: number(&query, "offset", 0, 0..=usize::MAX)? };
    let (sessions, total) = app.store().sessions(scope, page).await?;
    let active = try_join_all(sessions.iter().map(|session| app.store().active(&session.id))).await?;
    let rows: Vec<Value> =
        sessions.iter().zip(&active).map(|(session, active)| view::listed(session, active.as_ref())).collect();
    Ok(Json(json!({ "sessions": rows, "total": total })).into_response())
}

fn number(
    query: &Query,
    name: &str,
    default: usize,
    range: std::ops::RangeInclusive<usize>,
) -> Result<usize, ApiError> {
    let given = query.value(name).map_or(Ok(default), str::parse);
    given.ok().filter(|number| range.contains(number)).ok_or_else(|| {
        ApiError::InvalidRequest(format!("`{name}` is not a whole number from {} to {}.", range.start(), range.end()))
    })
}

/// `GET /sessions/{id}`.
pub async fn show(State(app): Shared, caller: Caller, SessionId(id): SessionId) -> Answer {
    let session = app.session(&id, &caller).await?;
    shown(&app, &session).await
}

async fn shown(app: &App, session: &Session) -> Answer {
    let (active, messages) = snapshot(app, &session.id).await?;
    Ok(Json(view::session(session, &messages, active.as_ref())).into_response())
}

/// The running task and the messages of the same moment: that task ran before and after the messages were read.
async fn snapshot(app: &App, session: &str) -> Result<(Option<Task>, Vec<Message>), ApiError> {
    let mut active = app.store().active(session).await?;
    for _ in 0..TRIES {
        let messages = app.store().messages(session).await?;
        let still = app.store().active(session).await?;
        if id_of(&active) == id_of(&still) {
            return Ok((still, messages));
        }
        active = still;
    }
    Err(ApiError::StoreUnavailable)
}

fn id_of(task: &Option<Task>) -> Option<&str> {
    task.as_ref().map(|task| task.id.as_str())
}

/// `PATCH /sessions/{id}/assign-user`.
pub async fn assign(State(app): Shared, caller: Caller, SessionId(id): SessionId) -> Answer {
    let user = caller.user().ok_or(ApiError::Unauthorized("Sign in to claim a session."))?;
    app.session(&id, &caller).await?;
    let session = app.store().assign_session(&id, user).await?.ok_or(ApiError::SessionNotFound)?;
    // Someone else may have claimed it meanwhile.
    caller.check(&session)?;
    shown(&app, &session).await
}

/// `DELETE /sessions/{id}`.
pub async fn delete(State(app): Shared, caller: Caller, SessionId(id): SessionId) -> Answer {
    let session = app.session(&id, &caller).await?;
    app.registry.delete(session).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The body of `POST /sessions/{id}/cancel`.
#[derive(Deserialize)]
struct Cancel {
    message_id: String,
}

/// `POST /sessions/{id}/cancel`.
pub async fn cancel(State(app): Shared, caller: Caller, SessionId(id): SessionId, body: Body) -> Answer {
    let Cancel { message_id } = body::json(body, &app.config).await?;
    check_message_id(&message_id)?;
    app.session(&id, &caller).await?;
    let cancelled = app.registry.cancel_message(&id, &message_id).await?;
    Ok(Json(match cancelled {
        Some(Cancelled { task, status }) => json!({ "task_id": task, "status": status.as_str() }),
        None => json!({ "task_id": null }),
    })
    .into_response())
}

/// `POST /sessions/{id}/stream`.
pub async fn send(
    State(app): Shared,
    visitor: Visitor,
    SessionId(id): SessionId,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let body: SendBody = body::json(body, &app.config).await?;
    // The body may have taken its time.
    app.check_not_draining()?;
    let session = app.session(&id, &visitor.caller).await?;
    let sent = body.check(app.config.max_message_bytes, app.config.forwarded(&headers))?;
    if sent.is_note() && visitor.client == Client::Page && !app.config.allow_assistant_messages {
        return Err(ApiError::AssistantMessageRefused);
    }
    let outlet = app.outlet(visitor.subject.as_ref())?;
    let (registry, limits) = (app.registry.clone(), app.limits.clone());
    // A task of the runtime does this, so that it is completed when the client goes away in between.
    let begun = tokio::spawn(async move {
        let admit = || limits.task(visitor.subject.as_ref());
        registry.send(&session, sent, admit).await
    });
    let task = begun.await.map_err(|_| ApiError::StoreUnavailable)??;
    match app.registry.open(&task, EventId::ZERO, Replay::Exact).await? {
        Opened::Stream(reader) => Ok(App::stream(&task, reader, outlet)),
        Opened::Nothing => Err(ApiError::TaskExpired),
    }
}
