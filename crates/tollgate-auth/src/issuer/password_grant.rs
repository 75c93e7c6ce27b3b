//! `POST /token`: a password becomes an access token (RFC 6749, 4.3).
//!
//! For scripts and old clients, where it is switched on: whoever uses it sees the password, which is why OAuth 2.1 has
//! no such grant. The form has `username` and `password`, and may have `scope` and `grant_type=password`.
//!
//! Twice it departs from RFC 6749, as its old clients expect: `grant_type` may be left out, and a wrong password is 401 and
//! not 400.

use super::{
    client::PASSWORD,
    denied::{Code, Denied},
    exchange::uncached,
    mint::{Access, Mint},
    scope,
};
use crate::{identity::Issuer, parameters::Parameters, sign_in::From, users::SignInError};
use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::sync::Arc;
use tollgate_core::Secret;

#[derive(Serialize)]
struct Issued {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    /// What was granted (RFC 6749, 5.1: required where it is not what was asked for).
    scope: String,
}

pub(crate) async fn password(State(issuer): State<Arc<Issuer>>, request: Request) -> Response {
    match issuer.token_for_password(request).await {
        Ok(token) => uncached(&token),
        Err(denied) => {
            let is_wrong = denied.code == Code::InvalidGrant;
            let mut response = denied.into_response();
            if is_wrong && response.status() == StatusCode::BAD_REQUEST {
                *response.status_mut() = StatusCode::UNAUTHORIZED;
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
    }
}

impl Issuer {
    async fn token_for_password(&self, request: Request) -> Result<Issued, Denied> {
        // A page whose name was made to mean this machine (DNS rebinding) may read the answer; it still says whose it is.
        if self.origins.came_from_us(request.headers()) == Some(false) {
            return Err(Denied::new(Code::InvalidRequest, "a page of another site sent this"));
        }
        let from = From::of(&request, self.cookies());
        let asked = Parameters::of_form(request).await?;
        if asked.get("grant_type").is_some_and(|grant| grant != "password") {
            return Err(Denied::new(Code::UnsupportedGrantType, "`grant_type` must be `password`"));
        }
        let (Some(username), Some(password)) = (asked.get("username"), asked.get("password")) else {
            return Err(Denied::new(Code::InvalidRequest, "`username` and `password` are needed"));
        };
        let at = self.clock.unix();
        let user = self.accounts.check_password(username, Secret::from(password), &from).await.map_err(denied)?;
        if user.second_factor || self.users.must_enrol(&user) {
            let reason = "a second factor is needed, which this grant cannot ask for";
            self.accounts.record_refusal(Some(user.user_id), reason).await?;
            return Err(wrong(reason));
        }
        self.accounts.record_own(&user, "sign_in", Some("pwd, by the password grant")).await?;
        let scope = scope::granted(asked.get("scope").unwrap_or_default(), self.users.actor(&user).grants());
        let access_token = self.mint.access_token(&user, &Access::alone(&Mint::new_id(), PASSWORD, &scope, at))?;
        let expires_in = self.config.access_lifetime.as_secs();
        Ok(Issued { access_token, token_type: "bearer", expires_in, scope })
    }
}

fn wrong(reason: &'static str) -> Denied {
    Denied::new(Code::InvalidGrant, "e-mail or password is wrong").because(reason)
}

fn denied(error: SignInError) -> Denied {
    match error {
        SignInError::Refused { reason, .. } => wrong(reason),
        SignInError::Throttled(seconds) => Denied::new(Code::InvalidGrant, "too many tries").retry_after(seconds),
        SignInError::Other(error) => error.into(),
    }
}
