//! A new password for somebody who has forgotten theirs, by a link.
//!
//! The page that sends links says the same whether or not anybody has the address, and at once: what there is to do is done
//! afterwards.

use super::{
    LOGIN,
    form::{No, not_changed},
    password::new_password,
    refuse, see_other,
};
use crate::{accounts::UserError, identity::Issuer, parameters::Parameters};
use axum::{
    extract::{Request, State},
    http::Uri,
    response::Response,
};
use std::sync::Arc;
use tollgate_core::{Problem, Result, Secret};
use tollgate_http::pages::{FieldKind, GateField, GateForm, GatePage, Link};

/// Where links are asked for.
pub(super) const FORGOT: &str = "/auth/forgot";
/// Where they lead.
pub(super) const RESET: &str = "/auth/reset";

pub(super) async fn forgot_page(State(issuer): State<Arc<Issuer>>) -> Response {
    issuer.forgot_page(None).unwrap_or_else(refuse)
}

pub(super) async fn forgot(State(issuer): State<Arc<Issuer>>, request: Request) -> Response {
    let sent = async {
        let form = issuer.form(request).await?;
        let email = form.typed("email");
        let sent = format!("If there is an account with the address {email}, a link is on its way. It lasts an hour.");
        let page = issuer.forgot_page(Some(sent))?;
        issuer.accounts.send_link(email, &form.from);
        Ok(page)
    };
    sent.await.unwrap_or_else(refuse)
}

pub(super) async fn page(State(issuer): State<Arc<Issuer>>, uri: Uri) -> Response {
    let shown = async {
        let asked = Parameters::read(uri.query().unwrap_or_default().as_bytes())?;
        let link = asked.get("link").unwrap_or_default();
        match issuer.accounts.by_link(link).await {
            Ok(user) => issuer.reset_page(link, &user.email, None),
            Err(error) => issuer.no_link(error),
        }
    };
    shown.await.unwrap_or_else(refuse)
}

pub(super) async fn reset(State(issuer): State<Arc<Issuer>>, request: Request) -> Response {
    let changed = async {
        let form = issuer.form(request).await?;
        let link = form.typed("link");
        match issuer.accounts.reset_password(link, Secret::from(form.typed("new"))).await {
            Ok(()) => Ok(see_other(&format!("{LOGIN}?done=1"))),
            Err(UserError::Password(unfit)) => {
                let email = issuer.accounts.by_link(link).await?.email;
                let no = not_changed(unfit.into())?;
                let page = issuer.reset_page(link, &email, Some(no.text.clone()))?;
                Ok(no.on(page))
            }
            Err(error) => issuer.no_link(error),
        }
    };
    changed.await.unwrap_or_else(refuse)
}

impl Issuer {
    fn forgot_page(&self, sent: Option<String>) -> Result<Response> {
        if !self.accounts.sends_mail() {
            return Err(Problem::not_found().because("this app sends no mail: ask who runs it for a link"));
        }
        let email = GateField { name: "email", label: "E-mail", kind: FieldKind::Email, help: None };
        let (action, button) = (FORGOT.to_owned(), "Send a link".to_owned());
        let form = GateForm { action, fields: vec![email], button, ..GateForm::default() };
        self.gate_page(GatePage {
            title: "Choose a new password".to_owned(),
            intro: "A link to do so will be sent to your address.".to_owned(),
            forms: if sent.is_none() { vec![form] } else { vec![] },
            notice: sent,
            links: vec![Link::new(LOGIN, "Back to sign-in")],
            ..GatePage::default()
        })
    }

    fn reset_page(&self, link: &str, email: &str, error: Option<String>) -> Result<Response> {
        let form = GateForm {
            action: RESET.to_owned(),
            hidden: vec![("link", link.to_owned())],
            fields: vec![new_password(self.accounts.0.shortest)],
            button: "Set password".to_owned(),
            lesser: false,
        };
        self.gate_page(GatePage {
            title: "Choose a new password".to_owned(),
            intro: format!("For {email}. You will be signed out everywhere."),
            error,
            forms: vec![form],
            ..GatePage::default()
        })
    }

    fn no_link(&self, error: UserError) -> Result<Response> {
        let no: No = not_changed(error)?;
        let page = self.gate_page(GatePage {
            title: "This link is no longer good".to_owned(),
            intro: "A link is good once, and for an hour.".to_owned(),
            error: Some(no.text.clone()),
            links: vec![Link::new(LOGIN, "Sign in")],
            ..GatePage::default()
        })?;
        Ok(no.on(page))
    }
}
