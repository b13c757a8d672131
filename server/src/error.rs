//! Every error that a request can meet, with its status and its code (PROTOCOL §1, the table of errors).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rejoin::stream::cursor::EventId;
use serde_json::{Map, Value, json};

use crate::store::StoreError;

/// Seconds after which a refused request may be worth another try.
const RETRY_AFTER: &str = "1";

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiError {
    InvalidRequest(String),
    InvalidCursor,
    Unauthorized(&'static str),
    AccessDenied,
    TaskNotFound,
    SessionNotFound,
    OperationNotFound,
    NotFound,
    MethodNotAllowed,
    TaskRunning(String),
    TaskExpired,
    CursorTrimmed { task: String, first: EventId },
    MessageTooLarge(usize),
    RateLimited(&'static str),
    StoreUnavailable,
    Draining,
    WebhookNotConfigured,
}

/// Marks a response that came of a store's failure, so that it is counted.
#[derive(Clone, Copy, Debug)]
pub struct StoreFailed;

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::InvalidRequest(_) | Self::InvalidCursor => StatusCode::BAD_REQUEST,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::AccessDenied => StatusCode::FORBIDDEN,
            Self::TaskNotFound | Self::SessionNotFound | Self::OperationNotFound | Self::NotFound => {
                StatusCode::NOT_FOUND
            }
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TaskRunning(_) => StatusCode::CONFLICT,
            Self::TaskExpired | Self::CursorTrimmed { .. } => StatusCode::GONE,
            Self::MessageTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::StoreUnavailable | Self::Draining | Self::WebhookNotConfigured => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "INVALID_REQUEST",
            Self::InvalidCursor => "INVALID_CURSOR",
            Self::Unauthorized(_) => "UNAUTHORIZED",
            Self::AccessDenied => "ACCESS_DENIED",
            Self::TaskNotFound => "TASK_NOT_FOUND",
            Self::SessionNotFound => "SESSION_NOT_FOUND",
            Self::OperationNotFound => "OPERATION_NOT_FOUND",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::TaskRunning(_) => "TASK_RUNNING",
            Self::TaskExpired => "TASK_EXPIRED",
            Self::CursorTrimmed { .. } => "CURSOR_TRIMMED",
            Self::MessageTooLarge(_) => "MESSAGE_TOO_LARGE",
            Self::RateLimited(_) => "RATE_LIMITED",
            Self::StoreUnavailable | Self::Draining => "STORE_UNAVAILABLE",
            Self::WebhookNotConfigured => "WEBHOOK_NOT_CONFIGURED",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::InvalidRequest(why) => why.clone(),
            Self::InvalidCursor => "The cursor is not `ms-seq`, `ms` or `0` in unsigned 64-bit integers.".into(),
            Self::Unauthorized(why) | Self::RateLimited(why) => (*why).into(),
            Self::AccessDenied => "This belongs to another user.".into(),
            Self::TaskNotFound => "There is no such task.".into(),
            Self::SessionNotFound => "There is no such session.".into(),
            Self::OperationNotFound => "There is no such operation.".into(),
            Self::NotFound => "There is nothing at this address.".into(),
            Self::MethodNotAllowed => "This address does not take that method.".into(),
            Self::TaskRunning(_) => "A task of this session is running.".into(),
            Self::TaskExpired => "The task is no longer kept.".into(),
            Self::CursorTrimmed { .. } => "Entries after the cursor are gone; replay from 0-0.".into(),
            Self::MessageTooLarge(limit) => format!("More than {limit} bytes."),
            Self::StoreUnavailable => "The store does not answer.".into(),
            Self::Draining => "This server is shutting down.".into(),
            Self::WebhookNotConfigured => "No internal API key is configured.".into(),
        }
    }

    /// The value of `detail`.
    pub fn detail(&self) -> Value {
        let mut detail = Map::new();
        detail.insert("code".into(), self.code().into());
        detail.insert("message".into(), self.message().into());
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

    fn may_help_later(&self) -> bool {
        matches!(self, Self::RateLimited(_) | Self::StoreUnavailable | Self::Draining)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(json!({ "detail": self.detail() }))).into_response();
        if self == Self::StoreUnavailable {
            response.extensions_mut().insert(StoreFailed);
        }
        if self.may_help_later() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::warn!(?error, "the store refused a request");
        Self::StoreUnavailable
    }
}
