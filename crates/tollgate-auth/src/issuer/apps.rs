//! `GET, POST /auth/apps`: which clients of others did I allow, and which no longer?
//!
//! For browsers that are signed in, on a page of ours: no token is good for it, or a client could keep itself allowed.

use super::consent::APPS;
use crate::{
    error,
    identity::Issuer,
    issuer::consents::Consent,
    sign_in::{LOGIN, refuse, see_other},
    users::User,
};
use axum::{
    extract::{Request, State},
    http::HeaderMap,
    response::Response,
};
use std::sync::Arc;
use tollgate_core::Result;
use tollgate_http::pages::{AllowedApp, AppsPage, html};

pub(crate) async fn page(State(issuer): State<Arc<Issuer>>, headers: HeaderMap) -> Response {
    issuer.apps(&headers).await.unwrap_or_else(refuse)
}

pub(crate) async fn withdraw(State(issuer): State<Arc<Issuer>>, request: Request) -> Response {
    issuer.withdraw_by_form(request).await.unwrap_or_else(refuse)
}

impl Issuer {
    async fn apps(&self, headers: &HeaderMap) -> Result<Response> {
        let Some((_, user)) = self.signed_in(headers).await? else { return Ok(sign_in_first()) };
        let apps = self.allowed_by(&user).await?;
        let page = AppsPage { email: user.email, apps, action: APPS.to_owned() };
        Ok(html(self.pages.render(AppsPage::TEMPLATE, page)?))
    }

    async fn allowed_by(&self, user: &User) -> error::Result<Vec<AllowedApp>> {
        let mut apps = vec![];
        for Consent { client, scope, given, .. } in self.consents.of(user.user_id).await? {
            let known = self.clients.find(&client).await?;
            apps.push(AllowedApp {
                name: known.map_or_else(|| client.clone(), |known| known.name.clone()),
                id: client,
                scopes: scope.split_ascii_whitespace().map(str::to_owned).collect(),
                since: given.strftime("%-d %b %Y").to_string(),
            });
        }
        Ok(apps)
    }

    async fn withdraw_by_form(&self, request: Request) -> Result<Response> {
        let form = self.form(request).await?;
        let Some((_, user)) = self.signed_in(&form.headers).await? else { return Ok(sign_in_first()) };
        self.withdraw(&user, form.typed("client")).await?;
        Ok(see_other(APPS))
    }
}

fn sign_in_first() -> Response {
    see_other(&format!("{LOGIN}?return_to={APPS}"))
}
