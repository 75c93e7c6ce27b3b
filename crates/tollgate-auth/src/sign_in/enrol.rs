//! Setting up a second factor, and giving it up.
//!
//! For somebody who is signed in; or half way, where a role of theirs demands a second factor that they do not have yet.
//!
//! Whoever is signed in says the password once more, for this and for everything else here: a browser that was left alone,
//! or a stolen session, would otherwise shut its owner out. Who is half way has just said it.

use super::{
    LOGIN, Session,
    form::{Form, No, not_changed, with_return},
    refuse, see_other,
};
use crate::{
    accounts::{Proven, base32, totp_address},
    identity::Issuer,
    parameters::Parameters,
    users::User,
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use std::sync::Arc;
use tollgate_core::{Problem, Result, Secret};
use tollgate_http::pages::{FieldKind, GateField, GateForm, GatePage, Link, Scan};

/// Where the second factor is managed.
pub(super) const SECOND_FACTOR: &str = "/auth/second-factor";

/// Who is here, and whether with a session.
struct Here {
    user: User,
    session: Option<Session>,
}

pub(super) async fn page(State(issuer): State<Arc<Issuer>>, uri: Uri, headers: HeaderMap) -> Response {
    let shown = async {
        let asked = Parameters::read(uri.query().unwrap_or_default().as_bytes())?;
        let return_to = issuer.origins.return_to(asked.get("return_to"));
        match issuer.here(&headers).await? {
            Some(here) if here.user.second_factor => issuer.factor_page(&here.user, GatePage::default()).await,
            Some(here) => issuer.offer_page(&here, &return_to),
            None => Ok(see_other(&with_return(LOGIN, SECOND_FACTOR))),
        }
    };
    shown.await.unwrap_or_else(refuse)
}

pub(super) async fn change(State(issuer): State<Arc<Issuer>>, request: Request) -> Response {
    let changed = async {
        let form = issuer.form(request).await?;
        let Some(here) = issuer.here(&form.headers).await? else {
            return Ok(see_other(&with_return(LOGIN, SECOND_FACTOR)));
        };
        match (form.typed("do"), here.user.second_factor) {
            ("enrol", false) => issuer.enrol(&form, &here).await,
            ("codes" | "off", true) => issuer.renew_or_remove(&form, &here).await,
            _ => Ok(see_other(SECOND_FACTOR)),
        }
    };
    changed.await.unwrap_or_else(refuse)
}

impl Issuer {
    /// Whoever is half way has just said the password; a session may be left from somebody else who was here before.
    async fn here(&self, headers: &HeaderMap) -> Result<Option<Here>> {
        if let Some(user) = self.half_way(headers).await?.filter(|user| self.users.must_enrol(user)) {
            return Ok(Some(Here { user, session: None }));
        }
        let signed_in = self.signed_in(headers).await?;
        Ok(signed_in.map(|(session, user)| Here { user, session: Some(session) }))
    }

    async fn enrol(&self, form: &Form, here: &Here) -> Result<Response> {
        let (user, return_to) = (&here.user, self.origins.return_to(form.asked.get("return_to")));
        let factors = &self.accounts.0.factors;
        let Some(secret) = factors.offered(user.user_id, form.typed("offer")) else {
            return Err(Problem::bad_request().because("this was not offered to you: open the page again"));
        };
        let again = |no: No| -> Result<Response> {
            let page = self.offer_again(here, &return_to, form.typed("offer"), &secret, Some(no.text.clone()))?;
            Ok(no.on(page))
        };
        if let (Some(session), current) = (&here.session, Secret::from(form.typed("current")))
            && let Err(error) = self.accounts.check_again(user, current, Some(session)).await
        {
            return again(not_changed(error)?);
        }
        let code = form.typed("code").trim();
        let enrolled = self.accounts.enrol(user, &secret, code, here.session.as_ref()).await?;
        let Some((codes, user)) = enrolled else {
            return again(No::of("The code is wrong. Type the one that the app shows now."));
        };
        let mut response = self.codes_page(codes, &return_to)?;
        if here.session.is_none() {
            self.add_session(&mut response, &user, &form.headers, &form.from, Proven::Code.methods()).await?;
        }
        Ok(response)
    }

    async fn renew_or_remove(&self, form: &Form, here: &Here) -> Result<Response> {
        let user = &here.user;
        let password = form.asked.get("current").or(form.asked.get("password")).unwrap_or_default();
        if let Err(error) = self.accounts.check_again(user, Secret::from(password), here.session.as_ref()).await {
            let no = not_changed(error)?;
            let page = GatePage { error: Some(no.text.clone()), ..GatePage::default() };
            return Ok(no.on(self.factor_page(user, page).await?));
        }
        if form.typed("do") == "codes" {
            let codes = self.accounts.renew_codes(user).await?;
            return self.codes_page(codes, SECOND_FACTOR);
        }
        self.accounts.give_up_second_factor(user, here.session.as_ref()).await?;
        Ok(see_other(SECOND_FACTOR))
    }

    fn offer_page(&self, here: &Here, return_to: &str) -> Result<Response> {
        let (secret, offer) = self.accounts.0.factors.offer(here.user.user_id)?;
        self.offer_again(here, return_to, &offer, &secret, None)
    }

    fn offer_again(
        &self,
        here: &Here,
        return_to: &str,
        offer: &str,
        secret: &[u8; 20],
        error: Option<String>,
    ) -> Result<Response> {
        let hidden = [("do", "enrol"), ("offer", offer), ("return_to", return_to)];
        let user = &here.user;
        let current = here.session.is_some().then(|| current_password("current"));
        let code = GateField { name: "code", label: "Six-digit code", kind: FieldKind::Code, help: None };
        let form = GateForm {
            action: SECOND_FACTOR.to_owned(),
            hidden: hidden.map(|(name, value)| (name, value.to_owned())).to_vec(),
            fields: current.into_iter().chain([code]).collect(),
            button: "Turn it on".to_owned(),
            lesser: false,
        };
        let must = if self.users.must_enrol(user) { "Your role needs a second factor. " } else { "" };
        self.gate_page(GatePage {
            title: "Set up a second factor".to_owned(),
            intro: format!("{must}Scan this with an authenticator app, then type the code that it shows."),
            error,
            scan: Scan::of(&totp_address(secret, &self.accounts.0.title, &user.email), &base32(secret)),
            forms: vec![form],
            links: vec![Link::new("/", "Not now")],
            ..GatePage::default()
        })
    }

    fn codes_page(&self, codes: Vec<String>, next: &str) -> Result<Response> {
        self.gate_page(GatePage {
            title: "Keep these recovery codes".to_owned(),
            intro: "Each lets you in once when your phone is not at hand. They are not shown again.".to_owned(),
            notice: Some("Your second factor is on.".to_owned()),
            codes,
            links: vec![Link::new(next, "I have kept them: continue")],
            ..GatePage::default()
        })
    }

    /// The page of somebody who has a second factor, with what there is to say about the last try.
    async fn factor_page(&self, user: &User, page: GatePage) -> Result<Response> {
        let left = self.accounts.0.factors.left(user.user_id).await?;
        let form = |action: &str, name: &'static str, button: &str, lesser| GateForm {
            action: SECOND_FACTOR.to_owned(),
            hidden: vec![("do", action.to_owned())],
            fields: vec![current_password(name)],
            button: button.to_owned(),
            lesser,
        };
        let codes = form("codes", "current", "Make other recovery codes", false);
        let off = form("off", "password", "Turn it off", true);
        self.gate_page(GatePage {
            title: "Your second factor is on".to_owned(),
            intro: format!(
                "When you sign in, a code of your authenticator app is asked for. Recovery codes left: {left}."
            ),
            forms: vec![codes, off],
            links: vec![Link::new("/", "Home"), Link::new(super::password::PASSWORD, "Change password")],
            ..page
        })
    }
}

fn current_password(name: &'static str) -> GateField {
    GateField { name, label: "Password", kind: FieldKind::CurrentPassword, help: None }
}
