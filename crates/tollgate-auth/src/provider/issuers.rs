//! All issuers at work: what the gate trusts, who their people are here, and whether there are keys.
//!
//! Somebody who comes with a token of the issuer `okta` has the id `okta|` and the subject that the token names. Names of
//! issuers have no `|`, and the ids of the embedded issuer's users are UUIDs: two people never share one, whatever their
//! providers call them.

use super::{At, KeySource, Provider, Published, Realm};
use crate::{
    Result,
    outgoing::Outgoing,
    token::{Algorithm, Gate, Health, Key, Keys, Limits, TrustedIssuer, Verified},
};
use serde_json::Value;
use std::{
    fmt::{self, Display},
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};
use tollgate_access::{Actor, Grants, Identity as Person, Roles};
use tollgate_core::{Clock, Secret, with_causes};

/// All issuers whose tokens are trusted, but for the embedded one. Clones share them.
#[derive(Clone, Default)]
pub struct Issuers(Arc<[Issuer]>);

/// One issuer at work.
pub struct Issuer {
    provider: Provider,
    keys: Keys,
    published: Option<Published>,
    roles: Arc<Roles>,
}

impl Issuers {
    /// Makes them ready, and begins to fetch their keys; nothing waits for that.
    ///
    /// # Errors
    /// A file of keys that cannot be read, a TLS library that does not start.
    pub fn start(providers: Vec<Provider>, roles: &Arc<Roles>, clock: &Arc<dyn Clock>) -> Result<Self> {
        if providers.is_empty() {
            return Ok(Self::default());
        }
        let outgoing = Outgoing::new()?;
        let start = |provider| Issuer::start(provider, Arc::clone(roles), &outgoing, clock);
        Ok(Self(providers.into_iter().map(start).collect::<Result<_>>()?))
    }

    /// Each of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Issuer> {
        self.0.iter()
    }

    /// A gate for their tokens alone that remembers about `most` of them.
    ///
    /// # Errors
    /// Two of them are the same issuer.
    pub fn gate(&self, clock: Arc<dyn Clock>, most: usize) -> Result<Gate> {
        Ok(Gate::new(self.trusted()?, clock, most)?)
    }

    /// What a gate trusts.
    pub(crate) fn trusted(&self) -> Result<Vec<TrustedIssuer>> {
        let mut trusted = vec![];
        for issuer in self.iter() {
            for realm in &issuer.provider.realms {
                trusted.push(issuer.trusted(realm)?);
            }
        }
        Ok(trusted)
    }

    /// The reasons why tokens of some issuers cannot be judged now: by name, none if all is well.
    pub fn without_keys(&self) -> Vec<(&str, String)> {
        self.iter().filter_map(|issuer| Some((issuer.name(), issuer.health().reason()?))).collect()
    }
}

impl Issuer {
    fn start(provider: Provider, roles: Arc<Roles>, outgoing: &Outgoing, clock: &Arc<dyn Clock>) -> Result<Self> {
        let at = At(&provider.name);
        let mut published = None;
        let keys = match &provider.keys {
            KeySource::Published { at: address, issuer, signers } => {
                let fetch = Published::new(&provider.name, (address, issuer, signers), outgoing, clock);
                let fetch = fetch.map_err(|why| at.wrong("issuer", format!("`{address}` {why}")))?;
                published = Some(fetch.clone());
                Keys::fetched(fetch, Arc::clone(clock), &provider.algorithms, Limits::default())
            }
            KeySource::File(file) => from_file(file, &provider.algorithms).map_err(|why| at.wrong("file", why))?,
            KeySource::Secret(secret) => from_secret(secret).map_err(|why| at.wrong("secret", why))?,
        };
        keys.touch();
        Ok(Self { provider, keys, published, roles })
    }

    /// Its name in the settings.
    pub fn name(&self) -> &str {
        &self.provider.name
    }

    /// What is known about it without asking.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Its keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What it says about itself, if it does.
    pub fn published(&self) -> Option<&Published> {
        self.published.as_ref()
    }

    /// How its keys are doing. They are asked for again if that is due.
    pub fn health(&self) -> Health {
        self.keys.touch();
        self.keys.health()
    }

    fn trusted(&self, realm: &Realm) -> Result<TrustedIssuer> {
        let Provider { name, audiences, algorithms, common, .. } = &self.provider;
        let audiences: Vec<&str> = audiences.iter().map(String::as_str).collect();
        let mut trusted =
            TrustedIssuer::new(&realm.name, &audiences, algorithms, realm.mapping.clone(), self.keys.clone())?;
        for alias in &realm.aliases {
            trusted = trusted.or_named(alias);
        }
        if let Some(seconds) = common.clock_skew_seconds {
            trusted = trusted.skew(Duration::from_secs(seconds))?;
        }
        let (name, limit, roles) = (name.clone(), common.limit(), Arc::clone(&self.roles));
        Ok(trusted.speaking(move |verified| person(&name, verified, &roles, limit.as_ref())))
    }
}

/// Whom a token of the issuer of that name speaks of: with what it grants and what its roles grant, up to the limit.
fn person(issuer: &str, verified: &Verified, roles: &Roles, limit: Option<&Grants>) -> Actor {
    let text = |name| verified.claims().get(name).and_then(Value::as_str).map(str::to_owned);
    let is_verified = verified.claims().get("email_verified").is_some_and(|is| is == true || is == "true");
    let granted = verified.scopes().iter().chain(verified.permissions()).map(String::as_str);
    let of_roles = roles.grants(verified.roles().iter().map(String::as_str));
    let granted = Grants::of(granted).and(&of_roles);
    let granted = limit.map_or_else(|| granted.clone(), |limit| granted.within(limit));
    let person = Person::new(format!("{issuer}|{}", verified.subject())).provider(issuer).named(text("name"));
    let person = person.email(text("email").filter(|_| is_verified));
    person.roles(verified.roles().iter().cloned().collect()).grants(&granted).grants(roles.anyone()).into()
}

fn from_file(file: &Path, algorithms: &[Algorithm]) -> Result<Keys, String> {
    let told = |error: &dyn Display| format!("`{}`: {error}", file.display());
    let set = fs::read(file).map_err(|error| told(&error))?;
    Keys::from_set(&set, algorithms).map_err(|error| told(&error))
}

fn from_secret(secret: &Secret) -> Result<Keys, String> {
    let key = Key::secret(None, Algorithm::HS256, secret.reveal().as_bytes()).map_err(|error| error.to_string())?;
    Ok(Keys::fixed(vec![key]))
}

impl Health {
    /// Why there are no keys; `None` if there are.
    pub fn reason(&self) -> Option<String> {
        let asked = || "they were not fetched yet".to_owned();
        (self.keys == 0).then(|| self.failure.as_ref().map_or_else(asked, |error| with_causes(error)))
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Issuer::name)).finish()
    }
}
