//! What has this process just done? A page at `/-/console` for whoever develops the app.
//!
//! ```text
//! layer      recent.rs of telemetry   hears requests and their steps, keeps the last few
//! facts      here                     what only the edge knows: the query, who is behind an id
//! page       page.rs, people.rs, routes.rs, charts.rs, waterfall.rs
//! ```
//!
//! It is there in `dev` only, and only where the app's address is this machine's; elsewhere there is neither the page nor
//! what listens, and no query is told to anybody. Its own requests, assets and probes are not shown.
//!
//! Invariant: whoever reaches the page asked for it under a name of this machine. A page of somebody else's, whose name
//! was made to lead here, does not.

mod charts;
mod page;
mod people;
mod routes;
mod waterfall;

use crate::{running::Running, settings::Settings, telemetry::scope};
use axum::{
    Router,
    extract::{Query, Request, State},
    http::{HeaderMap, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use std::{net::IpAddr, sync::Arc};
use tollgate_core::Problem;
use tollgate_http::{
    Refusal,
    pages::{Frame, Link, Person, Way, html},
};
use tollgate_store::audit::with_origin;
use tollgate_telemetry::Recent;

pub(crate) const PATH: &str = "/-/console";
/// The page's template.
pub(crate) const TEMPLATE: (&str, &str) = ("console.html", include_str!("../../templates/console.html"));

/// Has the requests of this process kept for the console, where there may be one. What a proxy forwards comes from others.
pub(crate) fn listen(settings: &mut Settings, is_server: bool) {
    let url: Option<Uri> = settings.public_url().parse().ok();
    let is_known_here = url.and_then(|url| url.authority().map(|authority| is_local(authority.as_str()))) == Some(true);
    let is_local = settings.is_local_dev() && is_known_here && settings.server.proxies == 0;
    settings.recent = (is_server && is_local).then(|| Recent::new(scope, is_shown));
}

/// The way there.
pub(crate) fn way() -> Way {
    Way { link: Link::new(PATH, "Console"), permissions: vec![] }
}

/// What the framework itself asks for is of no interest.
fn is_shown(path: &str) -> bool {
    !["/-/", "/docs/"].iter().any(|own| path.starts_with(own)) && !["/livez", "/readyz", "/favicon.ico"].contains(&path)
}

/// Tells what only the edge knows of a request, within its span.
pub(crate) async fn note(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    tracing::debug!(target: "tollgate::trace", query, "asked");
    let response = next.run(request).await;
    with_origin(|origin| {
        let Some(actor) = origin.actor().filter(|actor| actor.is_signed_in()) else { return };
        let who = actor.email().or(actor.name()).unwrap_or(actor.id());
        let (through, roles) = (actor.provider().unwrap_or("a token"), actor.roles().join(", "));
        tracing::debug!(target: "tollgate::trace", who, through, roles, "recognised");
    });
    response
}

struct Console {
    running: Arc<Running>,
    recent: Recent,
}

/// The page; nothing where there is no console.
pub(crate) fn router(running: &Arc<Running>) -> Router {
    let Some(recent) = running.design.settings.recent.clone() else { return Router::new() };
    let console = Console { running: Arc::clone(running), recent };
    Router::new().route(PATH, get(show)).with_state(Arc::new(console))
}

#[derive(Deserialize)]
struct Asked {
    /// The id of the request that is shown step by step.
    request: Option<String>,
}

async fn show(State(console): State<Arc<Console>>, Query(asked): Query<Asked>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    if !is_asked_here(&head.uri, &head.headers) {
        return Refusal::from(Problem::not_found()).into_response();
    }
    let running = &console.running;
    // A session that ended keeps nobody from looking.
    let actor = running.context.authenticate.identify(&head).await.ok();
    let nav = actor.as_ref().map_or_else(|| vec![way().link], |actor| running.pages.nav(actor));
    let person = actor.as_ref().and_then(Person::of);
    let nav = if person.is_some() { nav } else { [vec![way().link], Frame::default().nav].concat() };
    let frame = Frame { person, nav, here: PATH.into(), ..Frame::default() };
    match running.pages.render(TEMPLATE.0, console.page(frame, asked.request.as_deref())) {
        Ok(page) => html(page),
        Err(problem) => Refusal::from(problem).into_response(),
    }
}

/// Whether the request names this machine as the one it asks.
fn is_asked_here(uri: &Uri, headers: &HeaderMap) -> bool {
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    named.or(uri.authority().map(Authority::as_str)).is_some_and(is_local)
}

/// Whether a host, with or without a port, is this machine by its name or its address.
fn is_local(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|c| c.is_ascii_digit()) => host,
        _ => authority,
    };
    let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_this_machine_s_own_names_are_answered() {
        let asked = |host: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::try_from(host).unwrap())]);
            is_asked_here(&Uri::from_static("/-/console"), &headers)
        };
        for host in ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]"] {
            assert!(asked(host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8000", "10.0.0.1", "127.0.0.1.evil.example", ""] {
            assert!(!asked(host), "{host}");
        }
        assert!(!is_asked_here(&Uri::from_static("/-/console"), &HeaderMap::new()));
        assert!(is_asked_here(&Uri::from_static("http://localhost:1/-/console"), &HeaderMap::new()));
    }

    #[test]
    fn it_listens_only_where_nobody_else_gets() {
        let listens = |is_server, change: fn(&mut Settings)| {
            let mut settings = Settings { env: "dev".into(), ..Settings::default() };
            change(&mut settings);
            listen(&mut settings, is_server);
            settings.recent.is_some()
        };
        assert!(listens(true, |_| ()) && listens(true, |it| it.server.host = "localhost".into()));
        assert!(!listens(false, |_| ()), "a command is no server");
        let elsewhere: [fn(&mut Settings); 6] = [
            |it| it.env = "prod".into(),
            |it| it.server.host = "0.0.0.0".into(),
            |it| it.server.proxies = 1,
            |it| it.server.public_url = Some("https://localhost:8000".into()),
            |it| it.server.public_url = Some("http://10.0.0.7:8000".into()),
            |it| it.lambda.is_here = true,
        ];
        assert!(elsewhere.iter().all(|change| !listens(true, *change)));
    }

    #[test]
    fn its_own_requests_are_not_shown() {
        assert_eq!(
            ["/-/console", "/docs/docs.js", "/readyz", "/movies", "/"].map(is_shown),
            [false, false, false, true, true]
        );
    }
}
