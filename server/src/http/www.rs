//! Serves static files at `/`. An address that the app routes by itself gets the app's index; any other file that does
//! not exist is a JSON 404, and so is everything below the API's path. A file that is there compressed as well
//! (`app.js.br`, `app.js.gz`) is sent compressed to clients that accept it. Nothing is compressed here, because that
//! would cost each visitor the time.

use std::path::Path;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tower_http::services::ServeDir;

use super::{Answer, App, Shared};
use crate::error::ApiError;

/// Serves every address that is no route.
pub async fn serve(State(app): Shared, request: Request) -> Answer {
    let Some(folder) = app.www.as_deref().filter(|_| is_outside_api(&app, request.uri())) else {
        return Err(ApiError::NotFound);
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(ApiError::NotFound);
    }
    let is_page = wants_page(&request);
    let index = index_for(&request);
    let found = file(folder, request).await;
    if found.status() != StatusCode::NOT_FOUND {
        return Ok(found);
    }
    if !is_page {
        return Err(ApiError::NotFound);
    }
    let index = file(folder, index).await;
    if index.status() == StatusCode::OK { Ok(index) } else { Err(ApiError::NotFound) }
}

fn is_outside_api(app: &App, uri: &Uri) -> bool {
    let mount = app.config.mount();
    mount.is_empty() || uri.path().strip_prefix(&mount).is_none_or(|rest| !(rest.is_empty() || rest.starts_with('/')))
}

/// Whether a request is a navigation to an address that names no file.
fn wants_page(request: &Request) -> bool {
    let accepts = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let names_file = request.uri().path().rsplit('/').next().is_some_and(|last| last.contains('.'));
    accepts.is_some_and(|accept| accept.contains("text/html")) && !names_file
}

/// The request for the app's index, in an encoding that the client accepts.
fn index_for(request: &Request) -> Request {
    let mut index = Request::new(Body::empty());
    if let Some(encodings) = request.headers().get(header::ACCEPT_ENCODING) {
        index.headers_mut().insert(header::ACCEPT_ENCODING, encodings.clone());
    }
    index
}

async fn file(folder: &Path, request: Request) -> Response {
    match ServeDir::new(folder).precompressed_br().precompressed_gzip().try_call(request).await {
        Ok(response) => response.map(Body::new),
        Err(_) => ApiError::NotFound.into_response(),
    }
}
