//! The sign-in page: a password becomes a session, and a session ends.
//!
//! A wrong password, an address nobody has and a user who is kept out get the same answer, after the same work. Each
//! sign-in makes a new session and ends the one that the browser came with, so that nobody can plant one beforehand.

use super::{From, refuse, see_other};
use crate::{identity::Issuer, parameters::Parameters, users::SignInError};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use std::sync::Arc;
use tollgate_core::{Problem, Result, Secret};
use tollgate_http::pages::{POLICY, SignInPage, html};

/// The same words for a wrong password and an unknown user.
const WRONG: &str = "E-mail or password is wrong.";

/// Where people sign in.
pub(crate) const LOGIN: &str = "/auth/login";

pub(crate) async fn page(State(issuer): State<Arc<Issuer>>, uri: Uri, headers: HeaderMap) -> Response {
    match Parameters::read(uri.query().unwrap_or_default().as_bytes()) {
        Ok(asked) => issuer.first_page(&headers, &asked).await.unwrap_or_else(refuse),
        Err(malformed) => refuse(malformed.into()),
    }
}

pub(crate) async fn sign_in(State(issuer): State<Arc<Issuer>>, request: Request) -> Response {
    issuer.sign_in(request).await.unwrap_or_else(refuse)
}

pub(crate) async fn sign_out(State(issuer): State<Arc<Issuer>>, headers: HeaderMap) -> Response {
    issuer.sign_out(&headers).await.unwrap_or_else(refuse)
}

/// The policy of a page whose form leads, through us, to another origin.
pub(crate) fn policy(origin: Option<&str>) -> Result<HeaderValue> {
    let policy = match origin {
        Some(origin) => POLICY.replace("form-action 'self'", &format!("form-action 'self' {origin}")),
        None => POLICY.to_owned(),
    };
    HeaderValue::try_from(policy).map_err(|error| Problem::internal().caused_by(error))
}

impl Issuer {
    async fn sign_in(&self, request: Request) -> Result<Response> {
        let (headers, from) = (request.headers().clone(), From::of(&request));
        if self.origins.came_from_us(&headers) == Some(false) {
            return Err(self.foreign());
        }
        let asked = Parameters::of_form(request).await?;
        let (email, password) = (asked.get("email").unwrap_or_default(), asked.get("password").unwrap_or_default());
        match self.users.sign_in(email, Secret::from(password)).await {
            Ok(user) => {
                self.sessions.end(&headers).await?;
                let cookie = self.sessions.begin(user.user_id, "pwd", &from).await?;
                tracing::info!(user = %user.user_id, "signed in");
                let mut response = see_other(&self.origins.return_to(asked.get("return_to")));
                response.headers_mut().insert(header::SET_COOKIE, cookie);
                Ok(response)
            }
            Err(SignInError::Refused(reason)) => {
                tracing::info!(reason, "a sign-in was refused");
                let mut response = self.sign_in_page(&headers, asked.get("return_to"), email, Some(WRONG)).await?;
                *response.status_mut() = StatusCode::UNAUTHORIZED;
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                Ok(response)
            }
            Err(SignInError::Other(error)) => Err(error.into()),
        }
    }

    async fn sign_out(&self, headers: &HeaderMap) -> Result<Response> {
        if self.origins.came_from_us(headers) != Some(true) {
            return Err(self.foreign());
        }
        let cookie = self.sessions.end(headers).await?;
        let mut response = see_other("/");
        response.headers_mut().insert(header::SET_COOKIE, cookie);
        Ok(response)
    }

    /// The page before a try; it shows the address that a client expects.
    async fn first_page(&self, headers: &HeaderMap, asked: &Parameters) -> Result<Response> {
        let email = asked.get("login_hint").unwrap_or_default();
        self.sign_in_page(headers, asked.get("return_to"), email, None).await
    }

    /// The page; after a refused try it says why.
    async fn sign_in_page(
        &self,
        headers: &HeaderMap,
        return_to: Option<&str>,
        email: &str,
        error: Option<&str>,
    ) -> Result<Response> {
        let return_to = self.origins.return_to(return_to);
        let policy = self.policy_of(&return_to).await?;
        let page = SignInPage {
            host: self.origins.host(headers).to_owned(),
            error: error.map(str::to_owned),
            email: email.to_owned(),
            action: LOGIN.to_owned(),
            return_to,
            ..SignInPage::default()
        };
        let mut response = html(self.pages.render(SignInPage::TEMPLATE, page)?);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        Ok(response)
    }

    /// `form-action` holds for the whole way of a form: to us, and from us back to the client that asked for a code.
    pub(crate) async fn policy_of(&self, return_to: &str) -> Result<HeaderValue> {
        policy(self.origin_behind(return_to).await.as_deref())
    }

    /// A request that a page of somebody else's made the browser send.
    pub(crate) fn foreign(&self) -> Problem {
        let ours = self.identifier();
        Problem::forbidden().because(format!("this must be sent from a page of this app: open {ours} and try there"))
    }
}
