//! The sign-in page: a password becomes a session, and a session ends.
//!
//! A wrong password, an address nobody has and a user who is kept out get the same answer, after the same work. Each
//! sign-in makes a new session and ends the one that the browser came with, so that nobody can plant one beforehand.

use super::{
    From,
    code::CODE,
    cookies::KNOWN,
    enrol::SECOND_FACTOR,
    form::{no, with_return},
    password::PASSWORD,
    refuse,
    reset::FORGOT,
    see_other,
};
use crate::{
    accounts::BROWSER_LIFETIME,
    identity::Issuer,
    issuer::{APPS, AUTHORIZE},
    parameters::Parameters,
    users::User,
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Uri, header},
    response::Response,
};
use std::sync::Arc;
use tollgate_core::{Problem, Result, Secret};
use tollgate_http::pages::{POLICY, SignInPage, html};

/// Where people sign in.
pub(crate) const LOGIN: &str = "/auth/login";

pub(crate) async fn page(State(issuer): State<Arc<Issuer>>, uri: Uri, headers: HeaderMap) -> Response {
    let shown = async {
        let asked = Parameters::read(uri.query().unwrap_or_default().as_bytes())?;
        let notice = asked.get("done").map(|_| "Your password was changed. Sign in with the new one.".to_owned());
        // The address that a client expects.
        let email = asked.get("login_hint").unwrap_or_default().to_owned();
        issuer
            .sign_in_page(&headers, asked.get("return_to"), SignInPage { notice, email, ..SignInPage::default() })
            .await
    };
    shown.await.unwrap_or_else(refuse)
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

/// Whether a page knows users of the app alone: it would send somebody of a provider here, again and again.
fn is_for_users_alone(return_to: &str) -> bool {
    let path = return_to.split(['?', '#']).next().unwrap_or_default();
    [AUTHORIZE, APPS, PASSWORD, SECOND_FACTOR].contains(&path)
}

impl Issuer {
    async fn sign_in(&self, request: Request) -> Result<Response> {
        let (headers, from) = (request.headers().clone(), From::of(&request, self.cookies()));
        if self.origins.came_from_us(&headers) == Some(false) {
            return Err(self.origins.foreign());
        }
        let asked = Parameters::of_form(request).await?;
        let (email, password) = (asked.get("email").unwrap_or_default(), asked.get("password").unwrap_or_default());
        match self.accounts.check_password(email, Secret::from(password), &from).await {
            Ok(user) => self.password_accepted(&user, &headers, &from, asked.get("return_to")).await,
            Err(error) => {
                let shown = no(error, "E-mail or password is wrong.")?;
                let page =
                    SignInPage { error: Some(shown.text.clone()), email: email.to_owned(), ..SignInPage::default() };
                Ok(shown.on(self.sign_in_page(&headers, asked.get("return_to"), page).await?))
            }
        }
    }

    /// A session, or the step that is still to come.
    async fn password_accepted(
        &self,
        user: &User,
        headers: &HeaderMap,
        from: &From,
        return_to: Option<&str>,
    ) -> Result<Response> {
        let next = match (user.second_factor, self.users.must_enrol(user)) {
            (true, _) => CODE,
            (false, true) => SECOND_FACTOR,
            (false, false) => return self.begin_session(user, headers, from, return_to, "pwd").await,
        };
        let mut response = see_other(&with_return(next, &self.origins.return_to(return_to)));
        response.headers_mut().append(header::SET_COOKIE, self.begin_step(user));
        Ok(response)
    }

    /// Signs somebody in who has proven who they are, by methods in the words of RFC 8176, and sends them where they wanted
    /// to go.
    pub(super) async fn begin_session(
        &self,
        user: &User,
        headers: &HeaderMap,
        from: &From,
        return_to: Option<&str>,
        methods: &str,
    ) -> Result<Response> {
        let mut response = see_other(&self.origins.return_to(return_to));
        self.add_session(&mut response, user, headers, from, methods).await?;
        Ok(response)
    }

    /// A new session for an answer to take along; the one that the browser came with is over.
    pub(super) async fn add_session(
        &self,
        response: &mut Response,
        user: &User,
        headers: &HeaderMap,
        from: &From,
        methods: &str,
    ) -> Result<()> {
        self.sessions.forget(headers).await?;
        let cookie = self.sessions.begin(user, methods, from).await?;
        self.accounts.record_own(user, "sign_in", Some(methods)).await?;
        let known = self.accounts.0.browsers.remember(user)?;
        response.headers_mut().append(header::SET_COOKIE, cookie);
        let known = self.cookies().set(KNOWN, &known, BROWSER_LIFETIME.as_secs());
        response.headers_mut().append(header::SET_COOKIE, known);
        self.end_step(headers, response);
        Ok(())
    }

    async fn sign_out(&self, headers: &HeaderMap) -> Result<Response> {
        self.origins.check_ours(headers)?;
        Ok(self.end_session(headers, see_other("/")).await?)
    }

    /// The page, with what there is to say about the last try.
    async fn sign_in_page(&self, headers: &HeaderMap, return_to: Option<&str>, page: SignInPage) -> Result<Response> {
        let return_to = self.origins.return_to(return_to);
        let policy = self.policy_of(&return_to).await?;
        let page = SignInPage {
            host: self.origins.host(headers).to_owned(),
            action: LOGIN.to_owned(),
            reset: self.accounts.sends_mail().then(|| FORGOT.to_owned()),
            users_alone: is_for_users_alone(&return_to),
            return_to,
            ..page
        };
        let mut response = html(self.pages.render(SignInPage::TEMPLATE, page)?);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        Ok(response)
    }

    /// `form-action` holds for the whole way of a form: to us, and from us back to the client that asked for a code.
    pub(crate) async fn policy_of(&self, return_to: &str) -> Result<HeaderValue> {
        policy(self.origin_behind(return_to).await.as_deref())
    }
}
