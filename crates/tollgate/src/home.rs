//! The home page: who you are, what you may do, and one real request with its real answer.

use crate::{
    app::{Design, title},
    running::Running,
    settings::Server,
};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::Value;
use std::sync::Arc;
use tollgate_access::Actor;
use tollgate_auth::PROVIDER;
use tollgate_core::capitalized;
use tollgate_http::{
    Built, ClientAddress, Refusal, ServiceInfo,
    pages::{Frame, HomePage, Need, NeedState, Person, ServiceEntry, Terminal, html},
};
use tower::ServiceExt;

/// The longest answer that the page shows whole, in bytes.
const LONGEST: usize = 16 * 1024;

/// A request worth showing, and whom to send it to.
pub(crate) struct Sample {
    path: Option<String>,
    road: Router,
}

impl Sample {
    /// The first list that needs a permission.
    pub(crate) fn of(built: &Built, road: Router) -> Self {
        Self { path: first_list(built).map(|path| format!("{path}?limit=1")), road }
    }

    /// Sends it as whoever looks at the page: with their cookies, from their address.
    async fn send(&self, path: &str, head: &Parts) -> Option<(StatusCode, Option<String>, String)> {
        let mut request = Request::builder().uri(path);
        if let Some(cookie) = head.headers.get(header::COOKIE) {
            request = request.header(header::COOKIE, cookie);
        }
        if let Some(address) = head.extensions.get::<ClientAddress>() {
            request = request.extension(*address);
        }
        let response = self.road.clone().oneshot(request.body(Body::empty()).ok()?).await.ok()?;
        let status = response.status();
        let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.map(|value| format!("content-type: {value}"));
        let body = to_bytes(response.into_body(), LONGEST).await.ok()?;
        let json: Value = serde_json::from_slice(&body).ok()?;
        Some((status, media_type, serde_json::to_string_pretty(&json).ok()?))
    }
}

/// The path of the first route that is a list.
pub(crate) fn first_list(built: &Built) -> Option<&str> {
    let mut gets = built.routes.iter().filter(|route| route.method == Method::GET && !route.path.contains('{'));
    gets.find(|route| route.is_list).map(|route| route.path.as_str())
}

struct Home {
    running: Arc<Running>,
    sample: Sample,
}

pub(crate) fn router(running: Arc<Running>, sample: Sample) -> Router {
    Router::new().route("/", get(home)).with_state(Arc::new(Home { running, sample }))
}

async fn home(State(home): State<Arc<Home>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let actor = match home.running.context.authenticate.identify(&head).await {
        Ok(actor) => actor,
        Err(problem) => return Refusal::from(problem).into_response(),
    };
    let session = home.running.identities.session(&head.headers).await;
    let person = Person::of(&actor).map(|person| Person { session, ..person });
    let page = HomePage {
        frame: Frame { person, nav: home.running.pages.nav(&actor), ..Frame::default() },
        terminal: home.terminal(&actor, &head).await,
        services: home.services(&actor),
        ..HomePage::default()
    };
    match home.running.pages.render(HomePage::TEMPLATE, page) {
        Ok(page) => html(page),
        Err(problem) => Refusal::from(problem).into_response(),
    }
}

impl Home {
    async fn terminal(&self, actor: &Actor, head: &Parts) -> Option<Terminal> {
        let path = self.sample.path.as_ref()?;
        let (status, media_type, body) = self.sample.send(path, head).await?;
        let url = format!("{}{path}", self.running.design.settings.public_url());
        let with = |token: &str| format!("curl -s -H \"Authorization: Bearer {token}\" \\\n  \"{url}\"");
        let (title, command) = match (actor.provider().filter(|_| actor.is_signed_in()), actor.email()) {
            (Some(PROVIDER), Some(email)) => {
                let token = format!("$({} token {}{})", self.program(), word(email), self.place());
                ("The same from a terminal".to_owned(), with(&token))
            }
            // Their tokens are the provider's affair.
            (Some(provider), _) => (format!("The same with a token of {}", title(provider)), with("$TOKEN")),
            (None, _) => ("Try it without a token".to_owned(), format!("curl -si '{url}'")),
        };
        Some(Terminal { title, command, status, headers: media_type.into_iter().collect(), body })
    }

    /// How a terminal starts the app: as this process was on a developer's machine, elsewhere by its name.
    fn program(&self) -> String {
        let Design { name, settings, .. } = &*self.running.design;
        let plain = |text: &String| text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        let started = std::env::args().next().filter(|text| settings.is_dev() && plain(text));
        started.unwrap_or_else(|| (*name).into())
    }

    /// Where the token must say that it comes from, if no setting does.
    fn place(&self) -> String {
        let Server { host, port, public_url, .. } = &self.running.design.settings.server;
        let usual = Server::default();
        let host = if *host == usual.host { String::new() } else { format!(" --host {host}") };
        if public_url.is_some() { String::new() } else { format!("{host} --port {port}") }
    }

    fn services(&self, actor: &Actor) -> Vec<ServiceEntry> {
        let nav = self.running.pages.nav(actor);
        let services = self.running.design.built.services.iter().filter(|service| !service.permissions.is_empty());
        let entry = |service: &ServiceInfo| ServiceEntry {
            name: service.name.into(),
            title: called(service),
            about: first_paragraph(service.about),
            permissions: service.permissions.iter().map(|permission| need(actor, permission)).collect(),
            links: service.links.iter().filter(|link| nav.contains(link)).cloned().collect(),
            docs: format!("/docs#/{}", service.name),
        };
        services.map(entry).collect()
    }
}

/// One word for a shell: whoever is called `o'brien@example.com` pastes it too.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@.+_-".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// As the service's own comment calls it, "API keys: for programs …", or by its name.
fn called(service: &ServiceInfo) -> String {
    let name = service.name.replace(['_', '-'], " ");
    let said = service.about.split_once(": ").map(|(said, _)| said).filter(|said| said.eq_ignore_ascii_case(&name));
    said.map_or_else(|| capitalized(&name), str::to_owned)
}

/// The service's own comment, without its name at the beginning: "Movies: a catalogue …".
fn first_paragraph(about: &str) -> String {
    let first = about.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    capitalized(first.split_once(": ").map_or(first.as_str(), |(_, text)| text))
}

fn need(actor: &Actor, permission: &str) -> Need {
    let state = match (actor.grants().include(permission), actor.is_signed_in()) {
        (true, _) => NeedState::Granted,
        (false, true) => NeedState::Denied,
        (false, false) => NeedState::Needed,
    };
    Need { permission: permission.to_owned(), state }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn an_address_is_one_word_of_the_line_to_paste_whatever_it_is() {
        assert_eq!(word("ann+films@example.test"), "ann+films@example.test");
        for email in ["o'brien@example.test", "`id`@example.test", "$HOME|id&@example.test", "{a,b}*@example.test"] {
            let line = format!("printf %s \"$(printf %s {})\"", word(email));
            let said = Command::new("sh").args(["-c", &line]).output().unwrap().stdout;
            assert_eq!(String::from_utf8(said).unwrap(), email);
        }
    }
}
