//! Reads request bodies, bounded in size and time. All refusals are errors of PROTOCOL §1.

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::config::Config;
use crate::error::ApiError;
use crate::json;

/// How much is read and dropped beyond the limit. A client that is still sending does not read the answer, and if the
/// connection is closed it never will.
const PATIENCE_BYTES: usize = 16 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads the body as JSON of a known form.
pub async fn json<T: DeserializeOwned>(body: Body, config: &Config) -> Result<T, ApiError> {
    let bytes = read(body, config.max_body_bytes, config.body_timeout()).await?;
    parsed(&bytes)
}

/// Reads a body that is not needed: it is empty, or a JSON object.
pub async fn ignored(body: Body, config: &Config) -> Result<(), ApiError> {
    let bytes = read(body, config.max_body_bytes, config.body_timeout()).await?;
    if bytes.is_empty() { Ok(()) } else { parsed::<HashMap<String, IgnoredAny>>(&bytes).map(|_| ()) }
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let text = std::str::from_utf8(bytes).map_err(|error| unreadable(&error))?;
    json::parse(text).map_err(|error| unreadable(&error))
}

fn unreadable(error: &dyn std::error::Error) -> ApiError {
    ApiError::InvalidRequest(format!("The body does not parse: {error}."))
}

/// Reads the whole body.
async fn read(mut body: Body, limit: usize, patience: Duration) -> Result<Bytes, ApiError> {
    match tokio::time::timeout(patience, Limited::new(&mut body, limit).collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let _ = tokio::time::timeout(PATIENCE, discard(body)).await;
            Err(ApiError::MessageTooLarge(limit))
        }
        Ok(Err(_)) => Err(ApiError::InvalidRequest("The body was cut off.".into())),
        Err(_) => Err(ApiError::RequestTimeout),
    }
}

async fn discard(body: Body) {
    let (mut parts, mut discarded) = (body.into_data_stream(), 0);
    while let Some(Ok(part)) = parts.next().await {
        discarded += part.len();
        if discarded > PATIENCE_BYTES {
            return;
        }
    }
}

/// Whether a request with these headers has a body that is not JSON. Pages of any site can send forms and plain text
/// without a preflight, and JSON only after one.
pub fn is_of_another_type(headers: &HeaderMap) -> bool {
    let has_length = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    (has_length || headers.contains_key(header::TRANSFER_ENCODING)) && !is_json(headers)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(kind: &str) -> HeaderMap {
        [(header::CONTENT_LENGTH, "2".parse().unwrap()), (header::CONTENT_TYPE, kind.parse().unwrap())]
            .into_iter()
            .collect()
    }

    #[test]
    fn a_body_is_json_with_parameters_and_in_any_case() {
        for kind in ["application/json", "Application/JSON ; charset=utf-8"] {
            assert!(!is_of_another_type(&headers(kind)), "{kind}");
        }
        for kind in
            ["text/plain", "application/jsonp", "application/x-www-form-urlencoded", "text/plain; application/json"]
        {
            assert!(is_of_another_type(&headers(kind)), "{kind}");
        }
    }

    #[test]
    fn a_request_without_a_body_needs_no_type() {
        let empty = [(header::CONTENT_LENGTH, "0".parse().unwrap())].into_iter().collect();
        assert!(!is_of_another_type(&HeaderMap::new()) && !is_of_another_type(&empty));
        let chunked = [(header::TRANSFER_ENCODING, "chunked".parse().unwrap())].into_iter().collect();
        assert!(is_of_another_type(&chunked));
    }
}
