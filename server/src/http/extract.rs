//! The extractors of the handlers.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::App;
use super::address::Peer;
use super::origin::is_of_a_page;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::limits::Subject;

/// The longest id of anything, in bytes.
const LONGEST_ID: usize = 256;

/// The id of a session in a path.
pub struct SessionId(pub String);

/// The id of a task in a path.
pub struct TaskId(pub String);

/// The id of an operation in a path.
pub struct OperationId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for SessionId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id = in_path(parts, state).await?;
        if is_our_id(&id) { Ok(Self(id)) } else { Err(ApiError::SessionNotFound) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TaskId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id = in_path(parts, state).await?;
        if is_our_id(&id) { Ok(Self(id)) } else { Err(ApiError::TaskNotFound) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OperationId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id = in_path(parts, state).await?;
        if is_foreign_id(&id) { Ok(Self(id)) } else { Err(ApiError::OperationNotFound) }
    }
}

/// An id that does not decode to text is unknown.
async fn in_path<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<String, ApiError> {
    Path::from_request_parts(parts, state).await.map(|Path(id)| id).map_err(|_| ApiError::NotFound)
}

/// Whether this server may have made an id. Ids become parts of keys in the store, where an id with a colon or a brace
/// might name another key.
fn is_our_id(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(fits)
}

/// Whether an id that others choose (of a message, of an operation) is accepted.
fn is_foreign_id(id: &str) -> bool {
    let fits = |sign: char| !sign.is_control() && !matches!(sign, '{' | '}');
    !id.is_empty() && id.len() <= LONGEST_ID && id.chars().all(fits)
}

/// Refuses an id that a message cannot have.
pub fn check_message_id(id: &str) -> Result<(), ApiError> {
    let why = "`message_id` is empty, longer than 256 bytes, or has a brace or a control character in it.";
    if is_foreign_id(id) { Ok(()) } else { Err(ApiError::InvalidRequest(why.into())) }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        app.auth.caller(&parts.headers).await
    }
}

/// The kind of client that sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    Page,
    Program,
}

/// A caller, and the subject of the limits.
pub struct Visitor {
    pub caller: Caller,
    /// The subject of the limits; `None`: there is no limit.
    pub subject: Option<Subject>,
    pub client: Client,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let subject = match &caller {
            Caller::User(user) => Some(Subject::User(user.clone())),
            Caller::Anonymous if app.config.limit_addresses => {
                let peer = parts.extensions.get::<Peer>();
                peer.map(|Peer(peer)| Subject::address(app.proxies.client(peer.ip(), &parts.headers)))
            }
            Caller::Anonymous => None,
        };
        let client = if is_of_a_page(&parts.headers) { Client::Page } else { Client::Program };
        Ok(Self { caller, subject, client })
    }
}

/// The parameters of a query. The first value of a parameter counts.
pub struct Query(Vec<(String, String)>);

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
    /// The value of a parameter.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_be_more_than_a_name_in_the_store_is_none_of_ours() {
        assert!(is_our_id("0b0e7e1c-6d4f-4f8b-9d8e-2f1f4d1c9a10"));
        for id in ["", "s:messages", "{s}", "a/b", "a b", "é", "s\u{0}", "*", &"x".repeat(257)] {
            assert!(!is_our_id(id), "{id}");
        }
    }

    #[test]
    fn ids_of_others_may_be_anything_printable_without_braces() {
        for id in ["msg:1", "a/b c", "é"] {
            assert!(is_foreign_id(id), "{id}");
        }
        for id in ["", "{s}", "a\nb", "\u{7f}", &"x".repeat(257)] {
            assert!(!is_foreign_id(id), "{id}");
        }
    }
}
