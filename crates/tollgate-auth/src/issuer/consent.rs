//! `GET /oauth/authorize`, `POST /oauth/consent`: may a client have that?
//!
//! Where it is somebody else's, people are asked the first time, and again whenever it wants more. What they allow is what
//! the page showed: if the client, or the person, may more by the time the answer comes, or if it is another person who
//! has signed in meanwhile in another tab, the page is shown again.
//!
//! An app on a device cannot show that it is itself: another one may listen at its address, also at that of an app of our
//! own. Its people are asked each time (RFC 8252, 8.6), unless it answers at an `https` address, which is its own. What they
//! allow an app of ours is not kept: it ends with their session, as whatever its clients are given.

use super::{
    authorize::{AUTHORIZE, Request, origin_of},
    client::Client,
    denied::{Code, Denied},
    prompt::Prompt,
    scope,
};
use crate::{
    accounts::patiently,
    error,
    identity::Issuer,
    parameters::Parameters,
    sign_in::{LOGIN, refuse},
    users::User,
};
use axum::{
    extract::{Request as HttpRequest, State},
    http::header,
    response::Response,
};
use std::sync::Arc;
use tollgate_core::Result;
use tollgate_http::pages::{ConsentPage, Want, html};

/// Where the answer is sent.
pub(crate) const CONSENT: &str = "/oauth/consent";
/// Where people withdraw it.
pub(crate) const APPS: &str = "/auth/apps";

/// What somebody said on the page.
pub(super) struct Said {
    allow: bool,
    /// The id of the user whom the page asked.
    user: String,
    /// The scopes that the page showed.
    seen: String,
}

pub(crate) async fn consent(State(issuer): State<Arc<Issuer>>, request: HttpRequest) -> Response {
    issuer.consent(request).await.unwrap_or_else(refuse)
}

impl Issuer {
    async fn consent(&self, request: HttpRequest) -> Result<Response> {
        let form = self.form(request).await?;
        let [user, seen] = ["user", "scope"].map(|name| form.typed(name).to_owned());
        let said = Said { allow: form.typed("answer") == "allow", user, seen };
        let asked = Parameters::read(form.typed("request").as_bytes())?;
        Ok(self.authorize(&asked, &form.headers, Some(&said)).await)
    }

    /// Whether that may be given without asking, or was just allowed.
    pub(super) async fn is_allowed(
        &self,
        request: &Request<'_>,
        prompt: &Prompt,
        (user, scope): (&User, &str),
        said: Option<&Said>,
    ) -> Result<bool, Denied> {
        let client = request.client;
        match said {
            Some(said) if said.user != user.user_id.to_string() => Ok(false),
            Some(said) if !said.allow => Err(Denied::new(Code::AccessDenied, "the user does not allow it")),
            Some(said) if scope::covers(&said.seen, scope) => {
                patiently(|| self.allow(client, user, scope)).await?;
                Ok(true)
            }
            Some(_) => Ok(false),
            None if prompt.consent => Ok(false),
            None if client.may_be_another_at(request.redirect_uri) => Ok(false),
            None if !client.third_party => Ok(true),
            None => {
                let allowed = self.consents.find(user.user_id, &client.id).await?;
                Ok(allowed.is_some_and(|allowed| scope::covers(&allowed.scope, scope)))
            }
        }
    }

    /// Keeps what was allowed, where that is kept, and the record of it.
    async fn allow(&self, client: &Client, user: &User, scope: &str) -> error::Result<()> {
        let said = format!("{}: {scope}", client.id);
        let allowed = self.users.store().transaction(async |tx| {
            if client.third_party {
                self.consents.allow(user.user_id, &client.id, scope, &tx).await?;
            }
            self.accounts.record_own_in(&tx, user, "allow_client", Some(&said)).await
        });
        allowed.await
    }

    /// The page that asks.
    pub(super) async fn consent_page(&self, request: &Request<'_>, user: &User, scope: String) -> Result<Response> {
        // Whoever was here recently enough may take their time to answer.
        let query = request.asked.changed(&["max_age"], None);
        let path = format!("{AUTHORIZE}?{query}");
        let another = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", &path).finish();
        let withheld = scope::withheld(request.scope(), self.users.actor(user).grants());
        let page = ConsentPage {
            client: request.client.name.clone(),
            email: user.email.clone(),
            user: user.user_id.to_string(),
            another: format!("{LOGIN}?{another}"),
            wants: self.wants(request.client, &scope, &withheld),
            to: origin_of(request.redirect_uri).unwrap_or_default(),
            apps: request.client.third_party.then(|| APPS.to_owned()),
            registered: registered(request.client),
            action: CONSENT.to_owned(),
            request: query,
            scope,
        };
        let mut response = html(self.pages.render(ConsentPage::TEMPLATE, page)?);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, self.policy_of(&path).await?);
        Ok(response)
    }

    fn wants(&self, client: &Client, granted: &str, withheld: &[&str]) -> Vec<Want> {
        let end = if client.third_party { "you withdraw it" } else { "you sign out" };
        let who: Vec<_> = scope::words(granted).filter(|word| ["openid", "profile", "email"].contains(word)).collect();
        let mut wants = vec![];
        if !who.is_empty() {
            wants.push(want("See who you are".into(), &who.join(" "), about_you(&who)));
        }
        let mut rest: Vec<_> = scope::words(granted).filter(|word| !who.contains(word)).collect();
        rest.sort_by_key(|word| *word == scope::OFFLINE);
        for word in rest {
            wants.push(match word {
                scope::OFFLINE => {
                    let days = self.config.refresh_lifetime.as_secs().div_ceil(24 * 60 * 60);
                    let about = format!("Until {end}, at most {days} days.");
                    want("Stay signed in".into(), word, about)
                }
                word => want(in_words(word), word, "No more than you may do yourself.".into()),
            });
        }
        let about = || "Asked for, but you may not do it yourself.".into();
        wants.extend(withheld.iter().map(|word| Want { withheld: true, ..want(in_words(word), word, about()) }));
        wants
    }
}

fn want(title: String, scope: &str, about: String) -> Want {
    Want { title, scope: scope.to_owned(), about, withheld: false }
}

fn about_you(scopes: &[&str]) -> String {
    let about = match (scopes.contains(&"profile"), scopes.contains(&"email")) {
        (true, true) => "Your name and e-mail address.",
        (true, false) => "Your name.",
        (false, true) => "Your e-mail address.",
        (false, false) => "That it is you, and not your name.",
    };
    about.to_owned()
}

/// A permission for people: `read:patients:any` → `Read patients, those of others too`.
fn in_words(permission: &str) -> String {
    let mut parts = permission.split(':');
    let mut part = |every: &str| match parts.next() {
        None | Some("*") => every.to_owned(),
        Some(name) => name.replace(['_', '-'], " "),
    };
    let (action, resource) = (part("do everything with"), part("everything"));
    let others = if permission.ends_with(":any") { ", those of others too" } else { "" };
    let (first, rest) = action.split_at(action.chars().next().map_or(0, char::len_utf8));
    format!("{}{rest} {resource}{others}", first.to_uppercase())
}

fn registered(client: &Client) -> String {
    match client.added {
        Some(added) => format!("Registered on {}", added.strftime("%-d %b %Y")),
        None => "Registered in the settings of this app".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_put_in_words() {
        for (permission, words) in [
            ("read:patients", "Read patients"),
            ("create:audit_events", "Create audit events"),
            ("read:*", "Read everything"),
            ("*:movies", "Do everything with movies"),
            ("*", "Do everything with everything"),
            ("read:patients:any", "Read patients, those of others too"),
        ] {
            assert_eq!(in_words(permission), words);
        }
    }
}
