//! What the pages share on which people prove who they are.

use super::{Cookies, From, LOGIN, Session, see_other};
use crate::{
    accounts::UserError,
    error::Error,
    identity::Issuer,
    parameters::Parameters,
    users::{SignInError, User},
};
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use tollgate_core::Result;
use tollgate_http::pages::{GatePage, html};

/// A form that a page of ours sent.
pub(crate) struct Form {
    pub(crate) asked: Parameters,
    pub(crate) headers: HeaderMap,
    pub(super) from: From,
}

impl Form {
    /// What was typed into a field.
    pub(crate) fn typed(&self, name: &str) -> &str {
        self.asked.get(name).unwrap_or_default()
    }
}

/// A "no" that is a page: its words and its status.
pub(super) struct No {
    pub(super) text: String,
    status: StatusCode,
    wait: Option<u32>,
}

/// What is said about a try that failed; the same whoever was named.
pub(super) fn no(error: SignInError, wrong: &str) -> Result<No> {
    match error {
        SignInError::Refused { reason, left, window } => {
            tracing::info!(reason, "a sign-in was refused");
            let window = spoken(window.unsigned_abs().as_secs());
            let text = match left {
                0 => format!("{wrong} This was the last try for {window}."),
                1 => format!("{wrong} After 1 more try, wait {window}."),
                2..=4 => format!("{wrong} After {left} more tries, wait {window}."),
                _ => wrong.to_owned(),
            };
            Ok(No { text, status: StatusCode::UNAUTHORIZED, wait: None })
        }
        SignInError::Throttled(seconds) => {
            tracing::info!("a sign-in was refused: too many tries");
            let text = format!("Too many tries. Wait {}, then try again.", spoken(seconds.into()));
            Ok(No { text, status: StatusCode::TOO_MANY_REQUESTS, wait: Some(seconds) })
        }
        SignInError::Other(error) => Err(error.into()),
    }
}

/// How long that is, in words.
fn spoken(seconds: u64) -> String {
    const HOUR: u64 = 60 * 60;
    if seconds > 2 * HOUR {
        format!("{} hours", seconds.div_ceil(HOUR))
    } else {
        format!("{} minutes", seconds.div_ceil(60))
    }
}

/// What is said about a change that was refused. What nobody can mend here is a problem.
pub(super) fn not_changed(error: UserError) -> Result<No> {
    let text = error.to_string();
    let text = text[..1].to_uppercase() + &text[1..] + ".";
    match error {
        UserError::Throttled(seconds) => Ok(No { text, status: StatusCode::TOO_MANY_REQUESTS, wait: Some(seconds) }),
        UserError::Password(_) | UserError::WrongPassword => {
            Ok(No { text, status: StatusCode::UNPROCESSABLE_ENTITY, wait: None })
        }
        UserError::Link => Ok(No { text, status: StatusCode::NOT_FOUND, wait: None }),
        other => Err(other.into()),
    }
}

impl No {
    /// Words for something else that was wrong with a form.
    pub(super) fn of(text: &str) -> Self {
        Self { text: text.to_owned(), status: StatusCode::UNPROCESSABLE_ENTITY, wait: None }
    }

    /// The page that says it.
    pub(super) fn on(self, mut page: Response) -> Response {
        *page.status_mut() = self.status;
        let headers = page.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        headers.extend(self.wait.map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds))));
        page
    }
}

/// A page of ours that comes back to another.
pub(super) fn with_return(path: &str, return_to: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", return_to).finish();
    format!("{path}?{query}")
}

impl Issuer {
    pub(crate) fn cookies(&self) -> Cookies {
        self.sessions.cookies
    }

    /// A form, if a page of ours sent it.
    pub(crate) async fn form(&self, request: Request) -> Result<Form> {
        let (headers, from) = (request.headers().clone(), From::of(&request, self.cookies()));
        self.origins.check_ours(&headers)?;
        Ok(Form { asked: Parameters::of_form(request).await?, headers, from })
    }

    pub(super) fn gate_page(&self, page: GatePage) -> Result<Response> {
        Ok(html(self.pages.render(GatePage::TEMPLATE, page)?))
    }

    /// Who is signed in, or the way to the sign-in page and back to `path`.
    pub(super) async fn must_be_signed_in(
        &self,
        headers: &HeaderMap,
        path: &str,
    ) -> Result<std::result::Result<(Session, User), Response>, Error> {
        let signed_in = self.signed_in(headers).await?;
        Ok(signed_in.ok_or_else(|| see_other(&with_return(LOGIN, path))))
    }
}
