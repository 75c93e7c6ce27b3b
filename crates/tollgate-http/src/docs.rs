//! The document as a page, with nothing fetched from elsewhere.
//!
//! `swagger-ui-dist` carries Swagger UI's files; the page and its start-up script are ours, so that the page works
//! under a strict content security policy and "Authorize" runs the code flow with PKCE (RFC 7636).

use axum::{
    Router,
    http::header,
    middleware::map_response,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use minijinja::HtmlEscape;
use serde_json::Value;
use swagger_ui_dist::{ApiDefinition, OpenApiSource};

/// Where the pages of the authorization flow come back to, below the app's own origin.
pub const REDIRECT_PATH: &str = "/docs/assets/oauth2-redirect.html";
/// The public client that the page is.
pub const CLIENT: &str = "docs";

/// Scripts only from here. (Swagger UI sets styles from its script, hence `unsafe-inline` for those.)
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const START: &str = include_str!("../assets/docs.js");

/// `/docs`, `/openapi.json` and what they need.
pub fn router(title: &str, document: &Value) -> Router {
    let (json, page) = (document.to_string(), page(title));
    let assets = swagger_ui_dist::generate_routes(ApiDefinition {
        uri_prefix: "/docs/assets",
        api_definition: OpenApiSource::Uri("/openapi.json"),
        title: None,
    });
    Router::new()
        .route("/openapi.json", get(async move || typed("application/json", json.clone())))
        .route("/docs", get(async move || Html(page.clone())))
        .route("/docs/start.js", get(async || typed("text/javascript", START.into())))
        .merge(assets)
        .layer(map_response(async |response: Response| ([(header::CONTENT_SECURITY_POLICY, POLICY)], response)))
}

fn typed(media_type: &'static str, text: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, media_type)], text)
}

fn page(title: &str) -> String {
    let title = HtmlEscape(title);
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
<script src="/docs/start.js"></script>
</html>
"#
    )
}
