//! Every error that a request can meet, with its status and its code (PROTOCOL §1, the table of errors).

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rejoin::stream::cursor::EventId;
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::store::StoreError;

/// How long a refused request should wait where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An error of a request. Its text is for the caller and contains nothing from a store, a provider or another caller.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ApiError {
    #[error("{0}")]
    InvalidRequest(String),
    #[error("The cursor is not `ms-seq`, `ms` or `0` in unsigned 64-bit integers.")]
    InvalidCursor,
    #[error("{0}")]
    Unauthorized(&'static str),
    #[error("This belongs to another user.")]
    AccessDenied,
    #[error("Pages may not store messages of the role assistant here.")]
    AssistantMessageRefused,
    #[error("{0}")]
    OriginRefused(&'static str),
    #[error("There is no such task.")]
    TaskNotFound,
    #[error("There is no such session.")]
    SessionNotFound,
    #[error("There is no such operation.")]
    OperationNotFound,
    #[error("The session has no such message.")]
    MessageNotFound,
    #[error("The last answer has no such tool call.")]
    ToolCallNotFound,
    #[error("The tool call was settled otherwise.")]
    ToolCallSettled,
    #[error("Other tool calls of the answer wait too, and have to be settled with it.")]
    ToolCallsPending,
    #[error("The message or its answer was replaced.")]
    MessageReplaced,
    #[error("There is nothing at this address. The API is below the base path, which is /api/chat by default.")]
    NotFound,
    #[error("This address does not take that method.")]
    MethodNotAllowed,
    #[error("The body did not come in time.")]
    RequestTimeout,
    #[error("A task of this session is running.")]
    TaskRunning(String),
    #[error("The task is no longer kept.")]
    TaskExpired,
    #[error("This message was cancelled before it came.")]
    MessageCancelled,
    #[error("Entries after the cursor are gone; replay from 0-0.")]
    CursorTrimmed { task: String, first: EventId },
    #[error("More than {0} bytes.")]
    MessageTooLarge(usize),
    #[error("The body has to be `application/json`.")]
    UnsupportedMediaType,
    #[error("{0}")]
    RateLimited(&'static str),
    #[error("You begin tasks faster than you may.")]
    TooFast(Duration),
    #[error("The store does not answer.")]
    StoreUnavailable,
    #[error("The keys that tokens are checked with cannot be had.")]
    KeysUnavailable,
    #[error("This server is shutting down.")]
    Draining,
    #[error("No internal API key is configured.")]
    WebhookNotConfigured,
}

/// Marks a response to a request that failed because of the store, so that the metrics count it.
#[derive(Clone, Copy, Debug)]
pub struct StoreFailed;

impl ApiError {
    /// The error of a send that has the name of another send.
    pub fn of_another_message() -> Self {
        Self::InvalidRequest("`message_id` is the id of another message.".into())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::InvalidRequest(_) | Self::InvalidCursor => StatusCode::BAD_REQUEST,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::AccessDenied | Self::AssistantMessageRefused | Self::OriginRefused(_) => StatusCode::FORBIDDEN,
            Self::TaskNotFound
            | Self::SessionNotFound
            | Self::OperationNotFound
            | Self::MessageNotFound
            | Self::ToolCallNotFound
            | Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TaskRunning(_) | Self::ToolCallSettled | Self::ToolCallsPending => StatusCode::CONFLICT,
            Self::TaskExpired | Self::MessageCancelled | Self::MessageReplaced | Self::CursorTrimmed { .. } => {
                StatusCode::GONE
            }
            Self::MessageTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited(_) | Self::TooFast(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::StoreUnavailable | Self::KeysUnavailable | Self::Draining | Self::WebhookNotConfigured => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "INVALID_REQUEST",
            Self::InvalidCursor => "INVALID_CURSOR",
            Self::Unauthorized(_) => "UNAUTHORIZED",
            Self::AccessDenied | Self::AssistantMessageRefused => "ACCESS_DENIED",
            Self::OriginRefused(_) => "ORIGIN_REFUSED",
            Self::TaskNotFound => "TASK_NOT_FOUND",
            Self::SessionNotFound => "SESSION_NOT_FOUND",
            Self::OperationNotFound => "OPERATION_NOT_FOUND",
            Self::MessageNotFound => "MESSAGE_NOT_FOUND",
            Self::ToolCallNotFound => "TOOL_CALL_NOT_FOUND",
            Self::ToolCallSettled => "TOOL_CALL_SETTLED",
            Self::ToolCallsPending => "TOOL_CALLS_PENDING",
            Self::MessageReplaced => "MESSAGE_REPLACED",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::RequestTimeout => "REQUEST_TIMEOUT",
            Self::TaskRunning(_) => "TASK_RUNNING",
            Self::TaskExpired => "TASK_EXPIRED",
            Self::MessageCancelled => "MESSAGE_CANCELLED",
            Self::CursorTrimmed { .. } => "CURSOR_TRIMMED",
            Self::MessageTooLarge(_) => "MESSAGE_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::RateLimited(_) | Self::TooFast(_) => "RATE_LIMITED",
            Self::StoreUnavailable | Self::KeysUnavailable | Self::Draining => "STORE_UNAVAILABLE",
            Self::WebhookNotConfigured => "WEBHOOK_NOT_CONFIGURED",
        }
    }

    /// The value of `detail`.
    pub fn detail(&self) -> Value {
        let mut detail = Map::new();
        detail.insert("code".into(), self.code().into());
        detail.insert("message".into(), self.to_string().into());
        match self {
            Self::TaskRunning(task) => {
                detail.insert("task_id".into(), task.as_str().into());
            }
            Self::CursorTrimmed { task, first } => {
                detail.insert("task_id".into(), task.as_str().into());
                detail.insert("first_message_id".into(), first.to_string().into());
            }
            _ => (),
        }
        detail.into()
    }

    /// When another try may help; `None` where it will not.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooFast(after) => Some(*after),
            Self::RateLimited(_) | Self::StoreUnavailable | Self::KeysUnavailable | Self::Draining => Some(RETRY_AFTER),
            _ => None,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(json!({ "detail": self.detail() }))).into_response();
        if self == Self::StoreUnavailable {
            response.extensions_mut().insert(StoreFailed);
        }
        if let Some(after) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, whole_seconds(after).into());
        }
        match self {
            Self::Unauthorized(_) => {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            // The rest of the request is not read.
            Self::RequestTimeout | Self::Draining => {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => (),
        }
        response
    }
}

/// The time in whole seconds, at least 1: a `Retry-After` of 0 asks for a try at once.
fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::warn!(?error, "the store refused a request");
        Self::StoreUnavailable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_wait_is_in_whole_seconds_and_never_too_short() {
        for (ms, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (2500, 3)] {
            assert_eq!(whole_seconds(Duration::from_millis(ms)), seconds);
        }
    }
}
