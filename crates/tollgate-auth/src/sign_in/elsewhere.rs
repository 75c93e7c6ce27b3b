//! `GET, POST /auth/sessions`: in which browsers am I signed in, and in which no longer?
//!
//! For browsers that are signed in, on a page of ours. Sessions are shown and named by the hashes of what cookies hold, which
//! let nobody in; whoever names somebody else's ends nothing.

use super::{LOGIN, Session, password::PASSWORD, refuse, see_other};
use crate::identity::Issuer;
use axum::{
    extract::{Request, State},
    http::HeaderMap,
    response::Response,
};
use std::sync::Arc;
use tollgate_core::Result;
use tollgate_http::pages::{BrowserSession, SessionsPage, browser_name, html, minute};

/// Where people see their sessions.
pub(crate) const SESSIONS: &str = "/auth/sessions";

pub(super) async fn page(State(issuer): State<Arc<Issuer>>, headers: HeaderMap) -> Response {
    issuer.own_sessions(&headers).await.unwrap_or_else(refuse)
}

pub(super) async fn end(State(issuer): State<Arc<Issuer>>, request: Request) -> Response {
    issuer.end_by_form(request).await.unwrap_or_else(refuse)
}

impl Issuer {
    async fn own_sessions(&self, headers: &HeaderMap) -> Result<Response> {
        let Some((this, user)) = self.signed_in(headers).await? else { return Ok(sign_in_first()) };
        let sessions = self.sessions.of(&user).await?.into_iter().map(|session| shown(session, &this)).collect();
        let page = SessionsPage {
            email: user.email,
            sessions,
            action: SESSIONS.to_owned(),
            password: Some(PASSWORD.to_owned()),
        };
        Ok(html(self.pages.render(SessionsPage::TEMPLATE, page)?))
    }

    async fn end_by_form(&self, request: Request) -> Result<Response> {
        let form = self.form(request).await?;
        let Some((_, user)) = self.signed_in(&form.headers).await? else { return Ok(sign_in_first()) };
        self.end_session_of(&user, form.typed("session")).await?;
        Ok(see_other(SESSIONS))
    }
}

fn shown(session: Session, this: &Session) -> BrowserSession {
    BrowserSession {
        is_this: session.session == this.session,
        since: minute(session.signed_in),
        id: session.session,
        browser: session.browser.as_deref().map(browser_name),
        address: session.address,
    }
}

pub(super) fn sign_in_first() -> Response {
    see_other(&format!("{LOGIN}?return_to={SESSIONS}"))
}
