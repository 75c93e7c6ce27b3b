//! `GET, POST /oauth/userinfo`: who is it that signed in? (OpenID Connect Core, 5.3)
//!
//! For an access token with the scope `openid`; name and address where `profile` and `email` were granted. Refusals are
//! those of RFC 6750, 3.1.

use super::{denied::UNCACHED, scope};
use crate::{authenticate::bearer, identity::Issuer, sign_in::refuse, token::NOT_GOOD};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate_core::{Problem, Result};
use uuid::Uuid;

/// Where clients ask who signed in.
pub(crate) const USERINFO: &str = "/oauth/userinfo";

pub(crate) async fn userinfo(State(issuer): State<Arc<Issuer>>, headers: HeaderMap) -> Response {
    match issuer.userinfo(&headers).await {
        Ok(said) => (UNCACHED, said.to_string()).into_response(),
        Err(problem) => refuse(problem),
    }
}

impl Issuer {
    async fn userinfo(&self, headers: &HeaderMap) -> Result<Value> {
        let token = bearer(headers)?.ok_or_else(nobody)?;
        let token = self.gate.check(token).await?;
        if token.issuer() != self.identifier() || !token.scopes().contains(scope::OPENID) {
            let problem = Problem::forbidden().because("the token was not granted the scope `openid`");
            return Err(challenged(problem, "Bearer error=\"insufficient_scope\", scope=\"openid\""));
        }
        let user = match Uuid::parse_str(token.subject()) {
            Ok(id) => self.users.active(id).await?,
            Err(_) => None,
        };
        let gone = || challenged(Problem::unauthorized().because(NOT_GOOD), "Bearer error=\"invalid_token\"");
        let user = user.ok_or_else(gone)?;
        let mut said = json!({ "sub": user.user_id });
        for (scope, claim, value) in [("profile", "name", user.name), ("email", "email", user.email)] {
            if token.scopes().contains(scope) {
                said[claim] = value.into();
            }
        }
        Ok(said)
    }
}

fn nobody() -> Problem {
    challenged(Problem::unauthorized().because("send an access token"), "Bearer")
}

fn challenged(problem: Problem, challenge: &'static str) -> Problem {
    problem.header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}
