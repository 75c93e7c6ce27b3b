//! `POST /oauth/introspect`: is this token good, and what does it say? (RFC 7662)
//!
//! Only for clients that prove who they are. Anybody else's client learns of its own tokens alone, and a refresh token is
//! shown to its client alone. Whatever is wrong with a token, the answer is that it is not active.

use super::{client::Client, denied::Denied, exchange::uncached, refresh::RefreshToken};
use crate::{error::Result, identity::Issuer, parameters::Parameters, token::Verified};
use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// Where tokens are looked at.
pub(crate) const INTROSPECT: &str = "/oauth/introspect";

pub(crate) async fn introspect(State(issuer): State<Arc<Issuer>>, request: Request) -> Response {
    match issuer.introspect(request).await {
        Ok(active) => uncached(&active.unwrap_or_else(|| json!({ "active": false }))),
        Err(denied) => denied.into_response(),
    }
}

impl Issuer {
    async fn introspect(&self, request: Request) -> Result<Option<Value>, Denied> {
        let headers = request.headers().clone();
        let asked = Parameters::of_form(request).await?;
        let client = self.proven_client(&headers, &asked).await?;
        let token = asked.required("token", "`token` is missing")?;
        if let Some(token) = RefreshToken::parse(token) {
            return self.describe_refresh(&token, &client).await;
        }
        let Some(token) = self.own_token(token).await else { return Ok(None) };
        let is_its_own = token.claims().get("client_id").is_some_and(|id| *id == *client.id);
        let visible = is_its_own || !client.third_party;
        Ok(if visible && self.still_speaks(&token).await? { Some(describe(&token)) } else { None })
    }

    /// An access token of ours that is good.
    pub(super) async fn own_token(&self, token: &str) -> Option<Arc<Verified>> {
        let token = self.gate.check(token.as_bytes()).await.ok()?;
        (token.issuer() == self.identifier()).then_some(token)
    }

    /// Whether whom it speaks of is still there.
    async fn still_speaks(&self, token: &Verified) -> Result<bool> {
        Ok(match Uuid::parse_str(token.subject()) {
            Ok(user) => self.users.active(user).await?.is_some(),
            Err(_) => self.clients.find(token.subject()).await?.is_some(),
        })
    }

    async fn describe_refresh(&self, token: &RefreshToken, client: &Client) -> Result<Option<Value>, Denied> {
        let Some(family) = self.refresh.look_at(token, &client.id).await? else { return Ok(None) };
        if self.holder(client, &family.grant.given()?).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(json!({
            "active": true,
            "scope": family.grant.scope,
            "client_id": family.grant.client,
            "sub": family.grant.user,
            "iss": self.identifier(),
            "exp": family.expires.as_second(),
        })))
    }
}

/// RFC 7662, 2.2.
fn describe(token: &Verified) -> Value {
    let mut said = json!({ "active": true, "token_type": "Bearer" });
    for (name, known) in [
        ("scope", "scope"),
        ("client_id", "client_id"),
        ("username", "email"),
        ("exp", "exp"),
        ("iat", "iat"),
        ("sub", "sub"),
        ("aud", "aud"),
        ("iss", "iss"),
        ("jti", "jti"),
    ] {
        if let Some(value) = token.claims().get(known) {
            said[name] = value.clone();
        }
    }
    said
}
