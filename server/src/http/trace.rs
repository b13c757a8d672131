//! Logs requests: the method, the route and a number. Ids and bodies are not logged, because the id of an anonymous
//! session is enough to reach it.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use tower_http::classify::{ServerErrorsAsFailures, SharedClassifier};
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use tracing::Span;
use uuid::Uuid;

/// The header with a request's number. A request that has one keeps it, so that the logs of a proxy and of this server
/// can be read together.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest number that is kept.
const LONGEST: usize = 64;

/// The layer that numbers requests.
pub fn request_ids() -> SetRequestIdLayer<Numbers> {
    SetRequestIdLayer::new(REQUEST_ID, Numbers)
}

/// The layer that puts the number into the response.
pub fn answered_ids() -> PropagateRequestIdLayer {
    PropagateRequestIdLayer::new(REQUEST_ID)
}

/// Makes the numbers.
#[derive(Clone, Copy, Debug)]
pub struct Numbers;

impl MakeRequestId for Numbers {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        HeaderValue::try_from(Uuid::new_v4().to_string()).ok().map(RequestId::new)
    }
}

type Spans = TraceLayer<SharedClassifier<ServerErrorsAsFailures>, fn(&Request) -> Span, (), Answered, (), (), ()>;
type Answered = fn(&axum::http::Response<axum::body::Body>, std::time::Duration, &Span);

/// A span around each request, and a line at its answer. The chunks of a stream get none.
pub fn spans() -> Spans {
    TraceLayer::new_for_http()
        .make_span_with(span as fn(&Request) -> Span)
        .on_request(())
        .on_response(answered as Answered)
        .on_body_chunk(())
        .on_eos(())
        .on_failure(())
}

fn span(request: &Request) -> Span {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| id.len() <= LONGEST);
    tracing::info_span!("request", method = %request.method(), route, id)
}

fn answered(response: &axum::http::Response<axum::body::Body>, latency: std::time::Duration, _: &Span) {
    let (status, ms) = (response.status(), latency.as_millis());
    if status.is_server_error() {
        tracing::warn!(status = status.as_u16(), ms, "a request failed");
    } else {
        tracing::debug!(status = status.as_u16(), ms, "answered");
    }
}
