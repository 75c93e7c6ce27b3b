//! Off to the provider, and back.

use super::{
    CALLBACK, Inner, LOGIN, ProviderSignIn,
    attempt::Attempt,
    exchange::{Arrived, Client, Failed},
};
use crate::{
    measures,
    parameters::Parameters,
    provider::{Issuer, Metadata, MetadataError},
    sign_in::{From, refuse, see_other},
};
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::Response,
    routing::get,
};
use std::{error::Error, sync::Arc};
use tollgate_core::{Problem, Result, with_causes};
use tollgate_http::pages::{SignInPage, html};
use url::Url;

impl ProviderSignIn {
    /// The routes. Where the embedded issuer has the sign-in page and signs out, those of it are wrapped.
    pub fn router(&self, own: Router) -> Router {
        let routes = Router::new()
            .route(&format!("{LOGIN}/{{issuer}}"), get(start))
            .route(CALLBACK, get(callback))
            .route(&format!("{CALLBACK}/{{issuer}}"), get(callback_of));
        let routes = if self.0.has_passwords { routes } else { routes.route(LOGIN, get(choose)) };
        self.leaving(own).merge(routes.with_state(self.clone()))
    }
}

type Here = State<ProviderSignIn>;

async fn choose(State(here): Here, uri: Uri, headers: HeaderMap) -> Response {
    here.0.choose(&uri, &headers).unwrap_or_else(refuse)
}

async fn start(State(here): Here, Path(name): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    here.0.start(&name, &uri, &headers).await.unwrap_or_else(refuse)
}

async fn callback(State(here): Here, head: Parts) -> Response {
    here.0.callback(None, &head).await.unwrap_or_else(refuse)
}

async fn callback_of(State(here): Here, Path(name): Path<String>, head: Parts) -> Response {
    here.0.callback(Some(&name), &head).await.unwrap_or_else(refuse)
}

fn asked(uri: &Uri) -> Result<Parameters> {
    Ok(Parameters::read(uri.query().unwrap_or_default().as_bytes())?)
}

impl Inner {
    /// Straight to the only provider, or a page with all of them.
    fn choose(&self, uri: &Uri, headers: &HeaderMap) -> Result<Response> {
        let return_to = self.origins.return_to(asked(uri)?.get("return_to"));
        let mut names = self.clients.keys();
        if let (Some(only), None) = (names.next(), names.next()) {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", &return_to).finish();
            return Ok(see_other(&format!("{LOGIN}/{only}?{query}")));
        }
        let host = self.origins.host(headers).to_owned();
        let page = SignInPage { host, return_to, ..SignInPage::default() };
        Ok(html(self.pages.render(SignInPage::TEMPLATE, page)?))
    }

    async fn start(&self, name: &str, uri: &Uri, headers: &HeaderMap) -> Result<Response> {
        let (issuer, client) = self.issuer(name).ok_or_else(Problem::not_found)?;
        let return_to = self.origins.return_to(asked(uri)?.get("return_to"));
        let metadata = metadata(issuer).await?;
        let attempt = Attempt::new(name, return_to, self.clock.unix())?;
        let place = authorization(issuer, &metadata, client, &attempt).map_err(|error| away(issuer, error))?;
        let mut response = see_other(place.as_str());
        append(&mut response, attempt.cookies(self.cookies, &self.vault, headers)?);
        Ok(response)
    }

    /// Whatever comes of it, the try is over.
    async fn callback(&self, name: Option<&str>, head: &Parts) -> Result<Response> {
        let asked = asked(&head.uri)?;
        let state = asked.get("state").unwrap_or_default();
        let attempt = Attempt::of(state, self.cookies, &self.vault, &head.headers, self.clock.unix());
        let attempt = attempt.ok_or_else(unknown)?;
        let finished = self.finish(&attempt, (name, &asked), head).await;
        measures::login(&attempt.issuer, if finished.is_ok() { "success" } else { "failure" });
        let mut response = finished.unwrap_or_else(refuse);
        append(&mut response, [attempt.end(self.cookies)]);
        Ok(response)
    }

    async fn finish(
        &self,
        attempt: &Attempt,
        (name, asked): (Option<&str>, &Parameters),
        head: &Parts,
    ) -> Result<Response> {
        let (issuer, client) = self.issuer(&attempt.issuer).ok_or_else(unknown)?;
        let metadata = metadata(issuer).await?;
        if !is_from(issuer, client, &metadata, (name, asked.get("iss"))) {
            tracing::warn!(issuer = issuer.name(), "an answer of another provider was refused");
            return Err(unknown());
        }
        if let Some(error) = asked.get("error") {
            return Err(declined(issuer, error));
        }
        let code = asked.get("code").ok_or_else(unknown)?;
        let arrived = client.exchange((issuer, &metadata), attempt, code, self.clock.unix()).await;
        let arrived = arrived.map_err(|failed| not_signed_in(issuer, failed))?;
        self.enter(issuer, &arrived, attempt, head).await
    }

    /// A new session; whatever session the browser came with is over.
    async fn enter(
        &self,
        issuer: &Issuer,
        arrived: &Arrived,
        attempt: &Attempt,
        Parts { headers, extensions, .. }: &Parts,
    ) -> Result<Response> {
        let person = self.people.arrived(issuer.name(), issuer.told(&arrived.verified)).await?;
        if person.disabled {
            self.people.record(&person.person_id, "sign_in", false).await?;
            return Err(Problem::forbidden().because("this account is not allowed in here"));
        }
        let own = self.own.forget(headers).await?;
        self.people.end(headers, self.cookies).await?;
        let session = self.people.begin(&person, self.cookies, From::at(headers, extensions, self.cookies)).await?;
        self.people.record(&person.person_id, "sign_in", true).await?;
        let mut response = see_other(&attempt.return_to);
        append(&mut response, [own, session]);
        append(&mut response, self.hint(issuer, &arrived.id_token)?);
        Ok(response)
    }
}

pub(super) fn append(response: &mut Response, cookies: impl IntoIterator<Item = HeaderValue>) {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

pub(super) async fn metadata(issuer: &Issuer) -> Result<Arc<Metadata>> {
    let published = issuer.published().ok_or_else(Problem::not_found)?;
    published.metadata().await.map_err(|error| away(issuer, error))
}

/// RFC 6749, 4.1.1; RFC 7636, 4.3; OpenID Connect Core, 3.1.2.1.
fn authorization(
    issuer: &Issuer,
    metadata: &Metadata,
    client: &Client,
    attempt: &Attempt,
) -> Result<Url, MetadataError> {
    let common = &issuer.provider().common;
    let scopes = common.scopes.as_ref().map_or_else(|| "openid profile email".to_owned(), |scopes| scopes.join(" "));
    let place = Metadata::endpoint("authorization_endpoint", metadata.authorization_endpoint.as_ref())?;
    let mut url = place.url().clone();
    let mut query = url.query_pairs_mut();
    query.append_pair("response_type", "code").append_pair("client_id", &client.id);
    query.append_pair("redirect_uri", &client.redirect_uri).append_pair("scope", &scopes);
    query.append_pair("state", &attempt.state).append_pair("nonce", &attempt.nonce);
    query.append_pair("code_challenge", &attempt.challenge()).append_pair("code_challenge_method", "S256");
    if let Some(most) = client.max_age {
        query.append_pair("max_age", &most.to_string());
    }
    drop(query);
    Ok(url)
}

/// Whether an answer can be that of the issuer: it came to the issuer's redirect URI, and names it (RFC 9207, 2.4).
fn is_from(issuer: &Issuer, client: &Client, metadata: &Metadata, (name, iss): (Option<&str>, Option<&str>)) -> bool {
    let route = name.map_or_else(|| CALLBACK.to_owned(), |name| format!("{CALLBACK}/{name}"));
    let named = match iss {
        Some(iss) => {
            issuer.provider().realms.iter().any(|realm| realm.name == iss || realm.aliases.contains(&iss.to_owned()))
        }
        None => !metadata.authorization_response_iss_parameter_supported,
    };
    client.redirect_uri.ends_with(&route) && named
}

/// What a stranger's link, an old tab and an attack have in common.
fn unknown() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST)
        .because("this sign-in was not begun in this browser, or too long ago: begin again from the home page")
}

fn away(issuer: &Issuer, error: impl Error + Send + Sync + 'static) -> Problem {
    let name = issuer.name();
    Problem::unavailable()
        .because(format!("`{name}` cannot be asked to sign you in now"))
        .caused_by(error)
        .retry_after(10)
}

/// The provider says no. Its words are for the log, and as far as they are words of the standards.
fn declined(issuer: &Issuer, error: &str) -> Problem {
    let code: String = error.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(40).collect();
    tracing::info!(issuer = issuer.name(), code, "a provider signed nobody in");
    let name = issuer.name();
    match code.as_str() {
        "temporarily_unavailable" | "server_error" => {
            Problem::unavailable().because(format!("`{name}` cannot sign you in now")).retry_after(10)
        }
        "access_denied" => Problem::forbidden().because(format!("`{name}` was not allowed to sign you in here")),
        _ => Problem::forbidden().because(format!("`{name}` did not sign you in")),
    }
}

fn not_signed_in(issuer: &Issuer, failed: Failed) -> Problem {
    if let Failed::Away(_) = failed {
        return away(issuer, failed);
    }
    tracing::warn!(issuer = issuer.name(), error = with_causes(&failed), "nobody was signed in");
    Problem::forbidden().because(format!("`{}` did not sign you in: begin again from the home page", issuer.name()))
}
