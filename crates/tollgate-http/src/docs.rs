//! The document as a page, with nothing fetched from elsewhere.
//!
//! The files are Swagger UI's; the page and its start-up script are ours, so that the page works under a strict content
//! security policy and "Authorize" runs the code flow with PKCE (RFC 7636) at each issuer. What the page may call besides
//! the app are the issuers' token endpoints, and nothing else.

mod swagger_ui;

use crate::Scheme;
use axum::{
    Router,
    http::{HeaderValue, header},
    middleware::map_response,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use minijinja::HtmlEscape;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

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

/// `/docs`, `/openapi.json` and what they need.
pub fn router(title: &str, document: &Value, schemes: &[Scheme]) -> Router {
    let (json, page) = (document.to_string(), page(title, schemes));
    // A setting with a character that no header can hold is no address either.
    let policy = HeaderValue::try_from(policy(schemes)).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    Router::new()
        .route("/openapi.json", get(async move || typed("application/json", json.clone())))
        .route("/docs", get(async move || Html(page.clone())))
        .route("/docs/start.js", get(async || typed("text/javascript", START.into())))
        .merge(swagger_ui::router())
        .layer(map_response(move |response: Response| {
            std::future::ready(([(header::CONTENT_SECURITY_POLICY, policy.clone())], response))
        }))
}

fn typed(media_type: &'static str, text: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, media_type)], text)
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
<nav class="swagger-ui"><div class="wrapper"><p><a class="link" href="/">Home</a></p></div></nav>
<main id="api"></main>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js" data-schemes="{schemes}"></script>
</html>
"#
    )
}
