//! The webhook of long-running operations (PROTOCOL §5).

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};

use super::extract::OperationId;
use super::{Answer, Shared, body};
use crate::error::ApiError;
use crate::store::{Lookup, Status, Task};

/// The body of a completion.
#[derive(Deserialize)]
struct Complete {
    success: bool,
    result: Option<Value>,
    error: Option<Value>,
}

/// `POST /operations/{id}/complete`.
pub async fn complete(State(app): Shared, OperationId(id): OperationId, headers: HeaderMap, body: Body) -> Answer {
    app.auth.check_api_key(&headers)?;
    let completion: Complete = body::json(body, &app.config).await?;
    check(&completion)?;
    let task = app.store().operation(&id).await?.ok_or(ApiError::OperationNotFound)?;
    if may_wait_for(app.store().task(&task).await?, &id) {
        let data = json!({
            "operation_id": id,
            "task_id": task,
            "success": completion.success,
            "result": completion.result,
            "error": completion.error,
        });
        app.store().push_completion(&data.to_string()).await?;
    }
    Ok(Json(json!({ "status": "ok", "task_id": task })).into_response())
}

fn check(completion: &Complete) -> Result<(), ApiError> {
    match completion.result {
        None | Some(Value::Object(_) | Value::String(_)) => Ok(()),
        Some(_) => Err(ApiError::InvalidRequest("`result` is neither an object nor a string.".into())),
    }
}

/// Whether the task may wait for the operation. A repeat, and a completion for a task that has ended, change nothing. A
/// task that runs and does not know the operation yet is about to wait for it, so the completion is kept.
fn may_wait_for(task: Lookup<Task>, operation: &str) -> bool {
    match task {
        Lookup::Found(task) => {
            let has_gone_on = task
                .operations
                .split_last()
                .is_some_and(|(_, former)| former.iter().any(|known| known.id == operation));
            task.status == Status::Running && !has_gone_on
        }
        Lookup::Expired | Lookup::Missing => false,
    }
}
