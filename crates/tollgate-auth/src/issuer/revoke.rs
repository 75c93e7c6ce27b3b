//! `POST /oauth/revoke`: a client gives a token back (RFC 7009).
//!
//! A refresh token takes the access tokens along that came of it. A token that nobody knows needs no revocation, so it
//! is answered like one that was revoked; one that is another client's is not ours to end.

use super::{
    denied::{Denied, UNCACHED},
    refresh::RefreshToken,
    revoked::Ended,
};
use crate::{identity::Issuer, parameters::Parameters};
use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// Where tokens are given back.
pub(crate) const REVOKE: &str = "/oauth/revoke";

pub(crate) async fn revoke(State(issuer): State<Arc<Issuer>>, request: Request) -> Response {
    match issuer.revoke(request).await {
        Ok(()) => (UNCACHED, "{}").into_response(),
        Err(denied) => denied.into_response(),
    }
}

impl Issuer {
    async fn revoke(&self, request: Request) -> Result<(), Denied> {
        let headers = request.headers().clone();
        let asked = Parameters::of_form(request).await?;
        let client = self.client_of(&headers, &asked).await?;
        let token = asked.required("token", "`token` is missing")?;
        if let Some(token) = RefreshToken::parse(token) {
            return Ok(self.refresh.revoke(&token, &client.id).await?);
        }
        let Some(token) = self.own_token(token).await else { return Ok(()) };
        if token.claims().get("client_id").is_none_or(|id| *id != *client.id) {
            return Err(Denied::grant("the access token is another client's"));
        }
        let Some(id) = token.id() else { return Ok(()) };
        Ok(self.revoked.end_of(token.subject(), Ended::Token(id)).await?)
    }
}
