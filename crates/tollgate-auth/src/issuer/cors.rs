//! Which pages of other origins may read our answers? Those of public clients, which live in browsers.
//!
//! Without cookies: nothing behind this layer reads one. Metadata and keys are anybody's and say so themselves.

use crate::identity::Issuer;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::Arc;

pub(super) async fn cors(State(issuer): State<Arc<Issuer>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let allowed = match &origin {
        Some(origin) => is_allowed(&issuer, origin).await,
        None => false,
    };
    let asks_before = request.method() == Method::OPTIONS;
    let mut response = if asks_before { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let (Some(origin), true) = (origin, allowed) {
        allow(headers, origin, asks_before);
    }
    response
}

async fn is_allowed(issuer: &Issuer, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    issuer.clients.is_origin(origin).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "whether a page may read an answer could not be told");
        false
    })
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue, asks_before: bool) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let said: &[_] = if asks_before {
        &[
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ]
    } else {
        &[(header::ACCESS_CONTROL_EXPOSE_HEADERS, "www-authenticate, retry-after")]
    };
    headers.extend(said.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))));
}
