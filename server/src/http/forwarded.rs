//! Keeps proxies from holding an event stream back.

use axum::http::{HeaderMap, HeaderValue, header};

/// Headers that a proxy adds to a request. Next's rewrites set `x-forwarded-host`.
const MARKS: [&str; 4] = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host"];

/// Returns whether a request came through a proxy that says so.
pub fn is_forwarded(request: &HeaderMap) -> bool {
    MARKS.iter().any(|name| request.contains_key(*name))
}

/// Forbids proxies to transform an event stream (RFC 9111 §5.2.2.6). The compression that Next switches on by default would
/// hold the stream back until it ends. A response that goes straight to its reader keeps the `no-cache` of PROTOCOL §2.
pub fn forbid_transforms(response: &mut HeaderMap) {
    if response.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream") {
        response.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    }
}
