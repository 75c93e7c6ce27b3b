//! Another password, for somebody who is signed in and knows the one until now.

use super::{form::not_changed, refuse};
use crate::identity::Issuer;
use axum::{
    extract::{Request, State},
    http::HeaderMap,
    response::Response,
};
use std::sync::Arc;
use tollgate_core::{Result, Secret};
use tollgate_http::pages::{FieldKind, GateField, GateForm, GatePage, Link};

/// Where passwords are changed.
pub(super) const PASSWORD: &str = "/auth/password";

pub(super) async fn page(State(issuer): State<Arc<Issuer>>, headers: HeaderMap) -> Response {
    let shown = async {
        match issuer.must_be_signed_in(&headers, PASSWORD).await? {
            Ok(_) => issuer.password_page(GatePage::default()),
            Err(sign_in) => Ok(sign_in),
        }
    };
    shown.await.unwrap_or_else(refuse)
}

pub(super) async fn change(State(issuer): State<Arc<Issuer>>, request: Request) -> Response {
    let changed = async {
        let form = issuer.form(request).await?;
        let (session, user) = match issuer.must_be_signed_in(&form.headers, PASSWORD).await? {
            Ok(signed_in) => signed_in,
            Err(sign_in) => return Ok(sign_in),
        };
        let [current, new] = ["current", "new"].map(|name| Secret::from(form.typed(name)));
        match issuer.accounts.change_password(&user, current, new, Some(&session)).await {
            Ok(()) => {
                let notice = "Your password was changed, and you were signed out everywhere else.";
                issuer.password_page(GatePage { notice: Some(notice.to_owned()), ..GatePage::default() })
            }
            Err(error) => {
                let no = not_changed(error)?;
                let page = issuer.password_page(GatePage { error: Some(no.text.clone()), ..GatePage::default() })?;
                Ok(no.on(page))
            }
        }
    };
    changed.await.unwrap_or_else(refuse)
}

/// The field for a new password, with its rule.
pub(super) fn new_password(shortest: usize) -> GateField {
    let help = format!("At least {shortest} characters, of any kind. Three or four words of your own are good.");
    GateField { name: "new", label: "New password", kind: FieldKind::NewPassword, help: Some(help) }
}

impl Issuer {
    /// The page, with what there is to say about the last try.
    fn password_page(&self, page: GatePage) -> Result<Response> {
        let current =
            GateField { name: "current", label: "Current password", kind: FieldKind::CurrentPassword, help: None };
        let fields = vec![current, new_password(self.accounts.0.shortest)];
        let (action, button) = (PASSWORD.to_owned(), "Change password".to_owned());
        let form = GateForm { action, fields, button, ..GateForm::default() };
        self.gate_page(GatePage {
            title: "Change your password".to_owned(),
            intro: "Everywhere else, in other browsers and in applications, you will be signed out.".to_owned(),
            forms: if page.notice.is_none() { vec![form] } else { vec![] },
            links: vec![Link::new("/", "Home"), Link::new(super::enrol::SECOND_FACTOR, "Second factor")],
            ..page
        })
    }
}
