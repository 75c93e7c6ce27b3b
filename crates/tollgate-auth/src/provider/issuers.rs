//! All issuers at work: what the gate trusts, who their people are here, and whether there are keys.
//!
//! Somebody who comes with a token of the issuer `okta` has the id `okta|` and the subject that the token names. Names of
//! issuers have no `|`, and the ids of the embedded issuer's users are UUIDs: two people never share one, whatever their
//! providers call them.

use super::{At, KeySource, Mapping, Provider, Published, Realm, Told, people::People};
use crate::{
    Result,
    outgoing::Outgoing,
    random::check_secret,
    token::{Algorithm, Gate, Health, Key, Keys, Limits, TrustedIssuer, Verified},
};
use std::{
    fmt::{self, Display},
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};
use tollgate_access::{Actor, Grants, Roles};
use tollgate_core::{Clock, LiveSecret, Secret, with_causes};

/// All issuers whose tokens are trusted, but for the embedded one. Clones share them.
#[derive(Clone, Default)]
pub struct Issuers(Arc<[Issuer]>);

/// One issuer at work.
pub struct Issuer {
    provider: Provider,
    keys: Keys,
    published: Option<Published>,
    client_secret: Option<LiveSecret>,
    outgoing: Outgoing,
    people: Arc<People>,
}

tollgate_core::debug_by_name!(Issuer);

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
        let start = |provider| Issuer::start(provider, roles, &outgoing, clock);
        Ok(Self(providers.into_iter().map(start).collect::<Result<_>>()?))
    }

    /// Takes over a secret that was rotated: `secret` or `client_secret` of the issuer of that name; whether it did.
    /// Tokens that were made with the old `secret` are refused from now on.
    ///
    /// # Errors
    /// The new one will not do; the old one stays.
    pub fn renew(&self, name: &str, setting: &str, new: &Secret) -> Result<bool> {
        let Some(issuer) = self.iter().find(|issuer| issuer.name() == name) else { return Ok(false) };
        match (setting, &issuer.provider.keys, &issuer.client_secret) {
            ("secret", KeySource::Secret(_), _) => {
                let at = At { name, signs_in: false };
                let key = check_secret(new.reveal()).map_err(str::to_owned).and_then(|()| secret_key(new));
                issuer.keys.replace(vec![key.map_err(|why| at.wrong("secret", why))?]);
            }
            ("client_secret", _, Some(live)) => live.replace(new.clone()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Renews their keys where that is due, in the [background](tollgate_store::background).
    pub fn touch(&self) {
        self.iter().for_each(|issuer| issuer.keys.touch());
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
            let has_audience = !issuer.provider.audiences.is_empty();
            for realm in issuer.provider.realms.iter().filter(|_| has_audience) {
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
    fn start(provider: Provider, roles: &Arc<Roles>, outgoing: &Outgoing, clock: &Arc<dyn Clock>) -> Result<Self> {
        let at = At { name: &provider.name, signs_in: false };
        if let Some(role) = provider.common.roles.iter().find(|role| !roles.has(role)) {
            return Err(at.wrong("roles", format!("names `{role}`, which is not in [access.roles]")));
        }
        let mut published = None;
        let keys = match &provider.keys {
            KeySource::Published { at: address, issuer } => {
                let fetch = Published::new(&provider.name, (address, issuer), outgoing, clock);
                let fetch = fetch.map_err(|why| at.wrong("issuer", format!("`{address}` {why}")))?;
                published = Some(fetch.clone());
                Keys::fetched(fetch, Arc::clone(clock), &provider.algorithms, Limits::default())
            }
            KeySource::File(file) => from_file(file, &provider.algorithms).map_err(|why| at.wrong("file", why))?,
            KeySource::Secret(secret) => from_secret(secret).map_err(|why| at.wrong("secret", why))?,
        };
        keys.touch();
        let people = Arc::new(People::new(&provider.name, &provider.common, roles));
        let client_secret = provider.common.client_secret.clone().map(LiveSecret::from);
        Ok(Self { provider, keys, published, client_secret, outgoing: outgoing.clone(), people })
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

    /// What this app proves itself with there, by now.
    pub(crate) fn client_secret(&self) -> Option<LiveSecret> {
        self.client_secret.clone()
    }

    /// Calls it.
    pub(crate) fn outgoing(&self) -> &Outgoing {
        &self.outgoing
    }

    /// A gate for the ID tokens that it gives to that client.
    pub(crate) fn id_tokens(&self, client: &str, clock: &Arc<dyn Clock>) -> Result<Gate> {
        let of = |realm: &Realm| self.trust(realm, &[client], realm.mapping.of_id_tokens(&realm.id_tokens));
        let trusted = self.provider.realms.iter().map(of).collect::<Result<_>>()?;
        Ok(Gate::new(trusted, Arc::clone(clock), 1)?)
    }

    /// What an ID token says about somebody.
    pub(crate) fn told(&self, verified: &Verified) -> Told {
        self.people.told(verified)
    }

    /// Somebody who signed in: with what their roles grant.
    pub(crate) fn signed_in(&self, told: Told) -> Actor {
        self.people.actor(told, Grants::default())
    }

    fn trusted(&self, realm: &Realm) -> Result<TrustedIssuer> {
        let audiences: Vec<&str> = self.provider.audiences.iter().map(String::as_str).collect();
        let people = Arc::clone(&self.people);
        let trusted = self.trust(realm, &audiences, realm.mapping.clone())?;
        Ok(trusted.speaking(move |verified| people.bearer(verified)))
    }

    fn trust(&self, realm: &Realm, audiences: &[&str], mapping: Mapping) -> Result<TrustedIssuer> {
        let Provider { algorithms, common, .. } = &self.provider;
        let mut trusted = TrustedIssuer::new(&realm.name, audiences, algorithms, mapping, self.keys.clone())?;
        for alias in &realm.aliases {
            trusted = trusted.or_named(alias);
        }
        for signer in &realm.signers {
            trusted = trusted.or_signed_by(signer);
        }
        match common.clock_skew_seconds {
            Some(seconds) => Ok(trusted.skew(Duration::from_secs(seconds))?),
            None => Ok(trusted),
        }
    }
}

fn from_file(file: &Path, algorithms: &[Algorithm]) -> Result<Keys, String> {
    let told = |error: &dyn Display| format!("`{}`: {error}", file.display());
    let set = fs::read(file).map_err(|error| told(&error))?;
    Keys::from_set(&set, algorithms).map_err(|error| told(&error))
}

fn from_secret(secret: &Secret) -> Result<Keys, String> {
    Ok(Keys::fixed(vec![secret_key(secret)?]))
}

fn secret_key(secret: &Secret) -> Result<Key, String> {
    Key::secret(None, Algorithm::HS256, secret.reveal().as_bytes()).map_err(|error| error.to_string())
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
