//! `GET, POST /oauth/logout`: a client signs somebody out (OpenID Connect RP-Initiated Logout 1.0).
//!
//! The ID token that the client got shows whose session it means, also after it has expired. Without it, or where somebody
//! else is signed in by now, they are asked: a link must not sign anybody out.

use super::{authorize::origin_of, client::Client};
use crate::{
    identity::Issuer,
    parameters::Parameters,
    sign_in::{policy, refuse, see_other},
    users::User,
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, Uri, header},
    response::Response,
};
use std::sync::Arc;
use tollgate_core::{Problem, Result};
use tollgate_http::pages::{SignOutPage, html};

/// Where clients send people to sign out.
pub(crate) const LOGOUT: &str = "/oauth/logout";

/// What the page sends along.
const KEPT: [&str; 4] = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"];

pub(crate) async fn ask(State(issuer): State<Arc<Issuer>>, uri: Uri, headers: HeaderMap) -> Response {
    match Parameters::read(uri.query().unwrap_or_default().as_bytes()) {
        Ok(asked) => issuer.log_out(&asked, &headers, false).await.unwrap_or_else(refuse),
        Err(malformed) => refuse(malformed.into()),
    }
}

pub(crate) async fn answer(State(issuer): State<Arc<Issuer>>, request: Request) -> Response {
    let headers = request.headers().clone();
    let is_ours = issuer.origins.came_from_us(&headers) == Some(true);
    match Parameters::of_form(request).await {
        Ok(asked) => issuer.log_out(&asked, &headers, is_ours).await.unwrap_or_else(refuse),
        Err(malformed) => refuse(malformed.into()),
    }
}

/// Who asks, and whom they mean.
struct Hint {
    client: Option<Arc<Client>>,
    subject: Option<String>,
}

impl Issuer {
    async fn log_out(&self, asked: &Parameters, headers: &HeaderMap, is_sure: bool) -> Result<Response> {
        let hint = self.hint(asked).await?;
        let back = hint.way_back(asked)?;
        if let Some((_, user)) = self.signed_in(headers).await? {
            let is_meant = hint.subject.is_some_and(|subject| subject == user.user_id.to_string());
            if !is_sure && !is_meant {
                return self.sign_out_page(asked, hint.client.as_deref(), &user);
            }
        }
        Ok(self.end_session(headers, see_other(back.as_deref().unwrap_or("/"))).await?)
    }

    async fn hint(&self, asked: &Parameters) -> Result<Hint> {
        let claims = asked.get("id_token_hint").and_then(|token| self.mint.keys.id_token(token.as_bytes()));
        let said = |name| claims.as_ref().and_then(|claims| claims.get(name)?.as_str().map(str::to_owned));
        let (named, audience) = (asked.get("client_id"), said("aud"));
        if named.is_some() && audience.as_deref().is_some_and(|audience| Some(audience) != named) {
            return Err(Problem::bad_request().because("`id_token_hint` was given to another client"));
        }
        let client = match named.map(str::to_owned).or(audience) {
            Some(id) => self.clients.find(&id).await?,
            None => None,
        };
        Ok(Hint { client, subject: said("sub") })
    }

    fn sign_out_page(&self, asked: &Parameters, client: Option<&Client>, user: &User) -> Result<Response> {
        let field = |name: &str| Some((name.to_owned(), asked.get(name)?.to_owned()));
        let page = SignOutPage {
            client: client.map(|client| client.name.clone()),
            email: user.email.clone(),
            action: LOGOUT.to_owned(),
            fields: KEPT.into_iter().filter_map(field).collect(),
        };
        let mut response = html(self.pages.render(SignOutPage::TEMPLATE, page)?);
        let origin = asked.get("post_logout_redirect_uri").and_then(origin_of);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy(origin.as_deref())?);
        Ok(response)
    }
}

impl Hint {
    /// Where the client wants people afterwards: an address of its own, to the byte.
    fn way_back(&self, asked: &Parameters) -> Result<Option<String>> {
        let Some(uri) = asked.get("post_logout_redirect_uri") else { return Ok(None) };
        if !self.client.as_ref().is_some_and(|client| client.logout_uris.iter().any(|known| known == uri)) {
            return Err(Problem::bad_request().because("`post_logout_redirect_uri` is not one of the client's"));
        }
        let Some(state) = asked.get("state") else { return Ok(Some(uri.to_owned())) };
        let state = form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish();
        Ok(Some(format!("{uri}{}{state}", if uri.contains('?') { '&' } else { '?' })))
    }
}
