//! Out: of the session here, and where it is wanted of the one at the provider.
//!
//! The embedded issuer ends its own sessions; its routes are wrapped, so that whoever signs in or out there, in one step or
//! two, has no other session left.

use super::{
    Inner, LOGIN, ProviderSignIn,
    elsewhere::sessions,
    routes::{append, metadata},
};
use crate::{
    provider::{Issuer, Metadata},
    sign_in::{code::CODE, cookies::SESSION, elsewhere::SESSIONS, enrol::SECOND_FACTOR, refuse, see_other},
};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, header},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tollgate_core::{Result, with_causes};
use tollgate_http::pages::{LeavingPage, html};

const LOGOUT: &str = "/auth/logout";
const HINT: &str = "sign-out-hint";
/// Browsers take a cookie of 4096 bytes, name and all.
const LONGEST_HINT: usize = 3800;

/// What signing out at a provider needs.
#[derive(Serialize, Deserialize)]
struct Hint {
    issuer: String,
    id_token: String,
}

impl ProviderSignIn {
    /// Routes that sign out, or sign in otherwise, end the session of a provider's sign-in as well.
    pub(super) fn leaving(&self, own: Router) -> Router {
        if self.0.has_passwords {
            return own.layer(from_fn_with_state(self.clone(), also));
        }
        let routes = Router::new().route(LOGOUT, post(sign_out)).route(SESSIONS, get(sessions).post(sessions));
        own.merge(routes.with_state(self.clone()))
    }
}

async fn also(State(here): State<ProviderSignIn>, mut request: Request, next: Next) -> Response {
    if request.uri().path() == SESSIONS {
        request = match here.0.sessions(request).await {
            Ok(response) => return response,
            Err(request) => request,
        };
    }
    let path = request.uri().path();
    let leaves = request.method() == Method::POST && [LOGIN, CODE, SECOND_FACTOR, LOGOUT].contains(&path);
    let (is_out, headers) = (path == LOGOUT, request.headers().clone());
    let response = next.run(request).await;
    if !leaves || !here.0.cookies.sets(response.headers(), SESSION) {
        return response;
    }
    here.0.leave(response, is_out, &headers).await.unwrap_or_else(refuse)
}

async fn sign_out(State(here): State<ProviderSignIn>, headers: HeaderMap) -> Response {
    let left = async {
        here.0.origins.check_ours(&headers)?;
        here.0.leave(see_other("/"), true, &headers).await
    };
    left.await.unwrap_or_else(refuse)
}

impl Inner {
    /// Ends the session that the browser came with, and goes on to the provider if that is where it ends.
    async fn leave(&self, mut response: Response, is_out: bool, headers: &HeaderMap) -> Result<Response> {
        if let Some((_, person)) = self.people.find(headers, self.cookies).await?.filter(|_| is_out) {
            self.people.record(&person.person_id, "sign_out", true).await?;
        }
        let ended = self.people.end(headers, self.cookies).await?;
        let had_session = ended.is_some();
        if is_out
            && had_session
            && let Some(place) = self.place_to_leave(headers).await
        {
            let cookies: Vec<_> = response.headers().get_all(header::SET_COOKIE).iter().cloned().collect();
            response = self.leaving_page(place)?;
            append(&mut response, cookies);
        }
        append(&mut response, ended);
        if self.cookies.get(headers, HINT).is_some() {
            append(&mut response, [self.cookies.remove(HINT)]);
        }
        Ok(response)
    }

    /// A page that goes on by itself. A redirect would be held back: a page's policy says where its forms may lead.
    fn leaving_page(&self, place: String) -> Result<Response> {
        let refresh = HeaderValue::try_from(format!("0; url={place}"));
        let refresh = refresh.map_err(|error| tollgate_core::Problem::internal().caused_by(error))?;
        let mut response = html(self.pages.render(LeavingPage::TEMPLATE, LeavingPage { place })?);
        response.headers_mut().insert(header::REFRESH, refresh);
        Ok(response)
    }

    /// Where the provider signs out (OpenID Connect RP-Initiated Logout, 2), if that is wanted and it can be asked.
    async fn place_to_leave(&self, headers: &HeaderMap) -> Option<String> {
        let hint: Hint = self.vault.open_value(HINT, self.cookies.get(headers, HINT)?)?;
        let (issuer, client) = self.issuer(&hint.issuer)?;
        let metadata = metadata(issuer).await.ok()?;
        let place = Metadata::endpoint("end_session_endpoint", metadata.end_session_endpoint.as_ref());
        let mut url = match place {
            Ok(place) => place.url().clone(),
            Err(error) => {
                tracing::warn!(issuer = issuer.name(), error = with_causes(&error), "nobody is signed out there");
                return None;
            }
        };
        let home = format!("{}/", self.origins.issuer());
        let mut query = url.query_pairs_mut();
        query.append_pair("id_token_hint", &hint.id_token).append_pair("client_id", &client.id);
        query.append_pair("post_logout_redirect_uri", &home);
        drop(query);
        Some(url.into())
    }

    /// The cookie with what signing out there needs, if that is wanted and it is short enough.
    pub(super) fn hint(&self, issuer: &Issuer, id_token: &str) -> Result<Option<HeaderValue>> {
        if !issuer.provider().common.sign_out_there {
            return Ok(None);
        }
        let hint = Hint { issuer: issuer.name().to_owned(), id_token: id_token.to_owned() };
        let sealed = self.vault.close_value(HINT, &hint)?;
        let lifetime = self.people.lifetime().as_secs();
        Ok((sealed.len() <= LONGEST_HINT).then(|| self.cookies.set(HINT, &sealed, lifetime)))
    }
}
