//! Who the people of an issuer are here, and what they may do.

use super::Common;
use crate::token::Verified;
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};
use tollgate_access::{Actor, Grants, Identity as Person, Roles};

/// What a provider says about somebody.
pub(crate) struct Told {
    /// The name of the issuer and its subject, as in `okta|00u1`.
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    /// Only an address that it has verified.
    pub(crate) email: Option<String>,
    pub(crate) roles: Vec<String>,
    /// When they showed the provider who they are (`auth_time`), in seconds since 1970.
    pub(crate) signed_in_at: Option<u64>,
}

/// Makes callers of an issuer's people.
pub(super) struct People {
    issuer: String,
    limit: Option<Grants>,
    always: Vec<String>,
    roles: Arc<Roles>,
}

impl People {
    pub(super) fn new(issuer: &str, common: &Common, roles: &Arc<Roles>) -> Self {
        Self {
            issuer: issuer.to_owned(),
            limit: common.limit(),
            always: common.roles.clone(),
            roles: Arc::clone(roles),
        }
    }

    /// Whom a token speaks of.
    pub(super) fn told(&self, verified: &Verified) -> Told {
        let text = |name| verified.claims().get(name).and_then(Value::as_str).map(str::to_owned);
        let is_verified = verified.claims().get("email_verified").is_some_and(|is| is == true || is == "true");
        Told {
            id: format!("{}|{}", self.issuer, verified.subject()),
            // As names of our own users, it is shown to operators and on pages.
            name: text("name").filter(|name| !name.contains(char::is_control)),
            email: text("email").filter(|_| is_verified),
            roles: verified.roles().iter().cloned().collect(),
            signed_in_at: verified.claims().get("auth_time").and_then(Value::as_u64),
        }
    }

    /// The bearer of a token: with what it grants and what their roles grant, up to the limit.
    pub(super) fn bearer(&self, verified: &Verified) -> Actor {
        let granted = verified.scopes().iter().chain(verified.permissions()).map(String::as_str);
        self.actor(self.told(verified), Grants::of(granted))
    }

    /// Somebody, with that and what their roles grant, up to the limit.
    pub(super) fn actor(&self, told: Told, granted: Grants) -> Actor {
        let roles: BTreeSet<_> = told.roles.into_iter().chain(self.always.iter().cloned()).collect();
        let granted = granted.and(&self.roles.grants(roles.iter().map(String::as_str)));
        let granted = self.limit.as_ref().map_or_else(|| granted.clone(), |limit| granted.within(limit));
        let person = Person::new(told.id).provider(&self.issuer).named(told.name).email(told.email);
        let person = person.signed_in_at(told.signed_in_at);
        person.roles(roles.into_iter().collect()).grants(&granted).grants(self.roles.anyone()).into()
    }
}
