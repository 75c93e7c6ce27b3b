//! The document as a page, with nothing fetched from elsewhere.
//!
//! The files are Swagger UI's; the page and its start-up script are ours, so that the page works under a strict content
//! security policy and "Authorize" runs the code flow with PKCE (RFC 7636) at each issuer. What the page may call besides
//! the app are the issuers' token endpoints, and nothing else.

mod swagger_ui;

use crate::{
    Scheme,
    etag::{EntityTag, unless_known},
};
use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderValue, header},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use minijinja::HtmlEscape;
use serde_json::{Map, Value};
use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

/// Where the pages of the authorization flow come back to, below the app's own origin.
pub const REDIRECT_PATH: &str = "/docs/assets/oauth2-redirect.html";
/// The public client that the page is.
pub const CLIENT: &str = "docs";

/// Scripts only from here. (Swagger UI sets styles from its script, hence `unsafe-inline` for those.)
fn policy(schemes: &[Scheme]) -> String {
    let issuers = schemes.iter().filter_map(|scheme| origin(scheme.called()));
    let called: BTreeSet<_> = ["'self'"].into_iter().chain(issuers).collect();
    let called = Vec::from_iter(called).join(" ");
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         connect-src {called}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// Scheme, host and port of a URL; `None` for a path.
fn origin(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    let end = url[host..].find('/').map_or(url.len(), |path| host + path);
    Some(&url[..end])
}

const START: &str = include_str!("../assets/docs.js");
const STYLE: &str = include_str!("../assets/docs.css");

/// `/docs`, `/openapi.json` and what they need.
pub fn router(title: &str, document: &Arc<Value>, schemes: &[Scheme]) -> Router {
    // A setting with a character that no header can hold is no address either.
    let policy = HeaderValue::try_from(policy(schemes)).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let (document, page) = (Arc::clone(document), page(title, schemes));
    Router::new()
        .route("/openapi.json", file("application/json", move || document.to_string().into()))
        .route("/docs", file("text/html; charset=utf-8", || page.into()))
        .route("/docs/start.js", file("text/javascript", || START.into()))
        .route("/docs/style.css", file("text/css", || STYLE.into()))
        .merge(swagger_ui::router())
        .layer(map_response(move |response: Response| {
            std::future::ready(([(header::CONTENT_SECURITY_POLICY, policy.clone())], response))
        }))
}

/// The same bytes for everybody, which are asked for again before they are used. Made for whoever asks first: most processes
/// are asked by nobody.
fn file(media_type: &'static str, content: impl FnOnce() -> Bytes + Send + 'static) -> MethodRouter {
    let made = Arc::new(LazyLock::new(move || {
        let content = content();
        let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))]);
        EntityTag::of_bytes(&content).put_on(&mut headers);
        headers.remove(header::VARY);
        (headers, content)
    }));
    get(async move |asked: HeaderMap| {
        let file: &(HeaderMap, Bytes) = &made;
        unless_known(file.clone().into_response(), true, &asked)
    })
}

fn page(title: &str, schemes: &[Scheme]) -> String {
    let schemes = Value::Object(schemes.iter().map(Scheme::start).collect::<Map<_, _>>()).to_string();
    let (title, schemes) = (HtmlEscape(title), HtmlEscape(&schemes));
    format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}: API docs</title>
<link rel="icon" href="/-/assets/gate.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<link rel="stylesheet" href="/docs/style.css">
<nav class="bar" aria-label="Main"><a href="/"><img src="/-/assets/gate.svg" alt="" width="22" height="22">{title}</a><a href="/docs" aria-current="page">API docs</a></nav>
<main id="api"></main>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js" data-schemes="{schemes}"></script>
</html>
"#
    )
}
