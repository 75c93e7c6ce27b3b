//! The second step of a sign-in: a code of an authenticator app, or a recovery code.

use super::{
    LOGIN,
    form::{Form, no, with_return},
    refuse, see_other,
};
use crate::{identity::Issuer, parameters::Parameters, users::User};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, Uri, header},
    response::Response,
};
use std::sync::Arc;
use tollgate_core::Result;
use tollgate_http::pages::{FieldKind, GateField, GateForm, GatePage, Link};

/// Where the code is asked for.
pub(super) const CODE: &str = "/auth/code";

/// What the page is asked for.
struct Asked<'a> {
    return_to: Option<&'a str>,
    recovery: bool,
}

impl<'a> Asked<'a> {
    fn of(asked: &'a Parameters) -> Self {
        Self { return_to: asked.get("return_to"), recovery: asked.get("recovery").is_some() }
    }
}

pub(super) async fn page(State(issuer): State<Arc<Issuer>>, uri: Uri, headers: HeaderMap) -> Response {
    let shown = async {
        let asked = Parameters::read(uri.query().unwrap_or_default().as_bytes())?;
        let asked = Asked::of(&asked);
        match issuer.half_way(&headers).await? {
            Some(user) => issuer.code_page(&user, &asked, None).await,
            None => Ok(see_other(&with_return(LOGIN, &issuer.origins.return_to(asked.return_to)))),
        }
    };
    shown.await.unwrap_or_else(refuse)
}

pub(super) async fn check(State(issuer): State<Arc<Issuer>>, request: Request) -> Response {
    let checked = async {
        let form = issuer.form(request).await?;
        issuer.check_step(&form).await
    };
    checked.await.unwrap_or_else(refuse)
}

impl Issuer {
    async fn check_step(&self, form: &Form) -> Result<Response> {
        let asked = Asked::of(&form.asked);
        let Some(user) = self.half_way(&form.headers).await? else {
            return Ok(see_other(&with_return(LOGIN, &self.origins.return_to(asked.return_to))));
        };
        match self.accounts.check_code(&user, form.typed("code"), &form.from).await {
            Ok(proven) => self.begin_session(&user, &form.headers, &form.from, asked.return_to, proven.methods()).await,
            Err(error) => {
                let shown = no(error, "The code is wrong, or was used before.")?;
                let page = self.code_page(&user, &asked, Some(shown.text.clone())).await?;
                Ok(shown.on(page))
            }
        }
    }

    async fn code_page(&self, user: &User, asked: &Asked<'_>, error: Option<String>) -> Result<Response> {
        let return_to = self.origins.return_to(asked.return_to);
        let (title, intro, field) = if asked.recovery { recovery() } else { digits(&self.accounts.0.title, user) };
        let other = with_return(CODE, &return_to);
        let other = if asked.recovery {
            Link::new(other, "Use a code of the app")
        } else {
            Link::new(format!("{other}&recovery=1"), "Use a recovery code")
        };
        let mut hidden = vec![("return_to", return_to.clone())];
        hidden.extend(asked.recovery.then(|| ("recovery", "1".to_owned())));
        let form =
            GateForm { action: CODE.into(), hidden, fields: vec![field], button: "Continue".into(), lesser: false };
        let page = GatePage {
            title: title.to_owned(),
            intro,
            error,
            forms: vec![form],
            links: vec![other, Link::new(with_return(LOGIN, &return_to), "Start again")],
            after: Some("Step 2 of 2. Password accepted.".to_owned()),
            ..GatePage::default()
        };
        let mut response = self.gate_page(page)?;
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, self.policy_of(&return_to).await?);
        Ok(response)
    }
}

fn digits(app: &str, user: &User) -> (&'static str, String, GateField) {
    let help = "A code lasts 30 seconds and is good once. If it is refused, check the clock of your phone.";
    let field = GateField { name: "code", label: "Six-digit code", kind: FieldKind::Code, help: Some(help.to_owned()) };
    let email = &user.email;
    let intro = format!("Open your authenticator app and type the six digits shown for {app} ({email}).");
    ("Enter your code", intro, field)
}

fn recovery() -> (&'static str, String, GateField) {
    let field = GateField { name: "code", label: "Recovery code", kind: FieldKind::RecoveryCode, help: None };
    let intro = "Type one of the codes that you wrote down when you set up the second factor. Each is good once.";
    ("Use a recovery code", intro.to_owned(), field)
}
