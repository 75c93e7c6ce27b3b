//! `GET, POST /auth/sessions` for people of a provider: as for users of the app (`sign_in/elsewhere.rs`), whose page it is
//! where both sign in.

use super::{Inner, ProviderSession, ProviderSignIn};
use crate::{
    parameters::Parameters,
    people::ProviderPerson,
    sign_in::{
        elsewhere::{SESSIONS, sign_in_first},
        refuse, see_other,
    },
};
use axum::{
    extract::{Request, State},
    http::Method,
    response::Response,
};
use tollgate_core::Result;
use tollgate_http::pages::{BrowserSession, SessionsPage, browser_name, html, minute};

/// Where nobody else signs in.
pub(super) async fn sessions(State(here): State<ProviderSignIn>, request: Request) -> Response {
    match here.0.sessions(request).await {
        Ok(response) => response,
        Err(_) => sign_in_first(),
    }
}

impl Inner {
    /// The answer to somebody of a provider; the request of anybody else comes back.
    pub(super) async fn sessions(&self, request: Request) -> Result<Response, Request> {
        match self.people.find(request.headers(), self.cookies).await {
            Ok(Some((this, person))) => Ok(self.see_or_end(&this, &person, request).await.unwrap_or_else(refuse)),
            Ok(None) => Err(request),
            Err(error) => Ok(refuse(error.into())),
        }
    }

    async fn see_or_end(&self, this: &ProviderSession, person: &ProviderPerson, request: Request) -> Result<Response> {
        if request.method() != Method::POST {
            return self.own_sessions(this, person).await;
        }
        self.origins.check_ours(request.headers())?;
        let form = Parameters::of_form(request).await?;
        self.people.end_of(&person.person_id, form.get("session").unwrap_or_default()).await?;
        Ok(see_other(SESSIONS))
    }

    async fn own_sessions(&self, this: &ProviderSession, person: &ProviderPerson) -> Result<Response> {
        let shown = |session: ProviderSession| BrowserSession {
            is_this: session.session == this.session,
            since: minute(session.signed_in),
            id: session.session,
            browser: session.browser.as_deref().map(browser_name),
            address: session.address,
        };
        let sessions = self.people.sessions(&person.person_id).await?.into_iter().map(shown).collect();
        let email = person.email.as_ref().or(person.name.as_ref()).unwrap_or(&person.person_id).clone();
        let page = SessionsPage { email, sessions, action: SESSIONS.to_owned(), password: None };
        Ok(html(self.pages.render(SessionsPage::TEMPLATE, page)?))
    }
}
