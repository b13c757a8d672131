//! Request bodies: bounded, and always refused in our own words.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// What is read and thrown away beyond the limit: a client that is still sending does not look at the answer, and one
/// whose connection is closed in its face never sees it.
const PATIENCE_BYTES: usize = 16 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// The whole body.
pub async fn read(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let mut stream = body.into_data_stream();
    let mut read = Vec::new();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| ApiError::InvalidRequest("The body was cut off.".into()))?;
        if read.len() + part.len() > limit {
            let _ = tokio::time::timeout(PATIENCE, discard(stream)).await;
            return Err(ApiError::MessageTooLarge(limit));
        }
        read.extend_from_slice(&part);
    }
    Ok(read.into())
}

async fn discard(mut stream: axum::body::BodyDataStream) {
    let mut discarded = 0;
    while let Some(Ok(part)) = stream.next().await {
        discarded += part.len();
        if discarded > PATIENCE_BYTES {
            return;
        }
    }
}

/// The body as JSON of a known shape, whatever its content type says.
pub async fn json<T: DeserializeOwned>(body: Body, limit: usize) -> Result<T, ApiError> {
    let bytes = read(body, limit).await?;
    serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::InvalidRequest(format!("The body does not parse: {error}.")))
}
