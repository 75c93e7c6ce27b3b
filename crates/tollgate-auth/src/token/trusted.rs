//! An issuer we trust: whom its tokens may be for, how they are signed, what their claims must say.
//!
//! The signature says that a token is the issuer's. Whether it is for us, for now, and an access token at all,
//! is decided here, after the signature, so that every reason in the log is one the issuer signed.

use super::{Algorithm, Key, Keys, Missing, Object, Refusal, Type, Verified, read::Unverified};
use crate::provider::{Demand, Mapping, Path};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use thiserror::Error;
use tollgate_access::{Actor, Identity};

/// The last second of the year 9999: a later date is a mistake.
const END: u64 = 253_402_300_799;

/// How far clocks may differ at most, in seconds.
pub(crate) const MOST_SKEW: u64 = 120;

/// An issuer we trust.
pub struct TrustedIssuer {
    name: String,
    aliases: Vec<String>,
    signers: Vec<String>,
    audiences: Vec<String>,
    algorithms: Vec<Algorithm>,
    skew: u64,
    mapping: Mapping,
    keys: Keys,
    speaking: Box<Speaking>,
}

tollgate_core::debug_by_name!(TrustedIssuer);

/// Tells whom a verified token speaks of.
type Speaking = dyn Fn(&Verified) -> Actor + Send + Sync;

/// Why an issuer cannot be trusted like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// Every token of the issuer would be for us.
    #[error("an issuer needs a name and an audience")]
    Audience,
    /// None, or secrets and public keys together.
    #[error("an issuer needs algorithms, all symmetric or all asymmetric")]
    Algorithms,
    /// Two issuers of one name.
    #[error("an issuer is named twice")]
    Twice,
    /// More than 120 seconds.
    #[error("the clocks may differ by 120 seconds at most")]
    Skew,
}

impl TrustedIssuer {
    /// Trusts the issuer of that exact name, for tokens to one of the audiences, signed with one of the algorithms.
    /// Its clock may differ from ours by 30 seconds.
    ///
    /// # Errors
    /// No name, no audience, no algorithm, or secrets and public keys together.
    pub fn new(
        name: &str,
        audiences: &[&str],
        algorithms: &[Algorithm],
        mapping: Mapping,
        keys: Keys,
    ) -> Result<Self, IssuerError> {
        if name.is_empty() || audiences.is_empty() || audiences.iter().any(|audience| audience.is_empty()) {
            return Err(IssuerError::Audience);
        }
        let symmetric = algorithms.iter().filter(|algorithm| algorithm.is_symmetric()).count();
        if algorithms.is_empty() || (symmetric != 0 && symmetric != algorithms.len()) {
            return Err(IssuerError::Algorithms);
        }
        let audiences = audiences.iter().map(|&audience| audience.to_owned()).collect();
        Ok(Self {
            name: name.to_owned(),
            aliases: Vec::new(),
            signers: Vec::new(),
            audiences,
            algorithms: algorithms.to_vec(),
            skew: 30,
            mapping,
            keys,
            speaking: Box::new(subject),
        })
    }

    /// Another name of the same issuer; Google has two.
    #[must_use]
    pub fn or_named(mut self, alias: &str) -> Self {
        self.aliases.push(alias.to_owned());
        self
    }

    /// Another mark of keys that are its own. Without one, keys that are marked with an issuer sign for that alone: Entra ID
    /// publishes those of several in one set.
    #[must_use]
    pub fn or_signed_by(mut self, signer: &str) -> Self {
        self.signers.push(signer.to_owned());
        self
    }

    /// Who the caller is, in the words of [`Identity`]. Without it, somebody named by issuer and subject, who may do
    /// what scopes and permissions say.
    #[must_use]
    pub fn speaking(mut self, actor: impl Fn(&Verified) -> Actor + Send + Sync + 'static) -> Self {
        self.speaking = Box::new(actor);
        self
    }

    /// How far the clocks may differ, 120 seconds at most.
    ///
    /// # Errors
    /// [`IssuerError::Skew`] for more.
    pub fn skew(mut self, skew: Duration) -> Result<Self, IssuerError> {
        if skew > Duration::from_secs(MOST_SKEW) {
            return Err(IssuerError::Skew);
        }
        self.skew = skew.as_secs();
        Ok(self)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        [&self.name].into_iter().chain(&self.aliases)
    }

    pub(crate) fn actor(&self, verified: &Verified) -> Actor {
        (self.speaking)(verified)
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Checks that the issuer signed the token. Answers the key it used.
    pub(crate) async fn check_signature(&self, token: &Unverified<'_>) -> Result<Arc<Key>, Refusal> {
        if !self.algorithms.contains(&token.algorithm) {
            return Err(Refusal::Algorithm);
        }
        if !self.mapping.types.contains(&token.kind) {
            return Err(Refusal::Type);
        }
        let key = self.keys.find(token.kid.as_deref(), token.algorithm).await.map_err(|missing| match missing {
            Missing::Unknown => Refusal::UnknownKey,
            Missing::Algorithm => Refusal::Algorithm,
            Missing::NoKeys => Refusal::NoKeys,
        })?;
        if key.issuer().is_some_and(|of| !self.names().chain(&self.signers).any(|signer| signer == of)) {
            return Err(Refusal::UnknownKey);
        }
        if key.verifies(token.signed, &token.signature) { Ok(key) } else { Err(Refusal::Signature) }
    }

    /// Checks what the issuer says, and puts it into our words.
    pub(crate) fn check_claims(&self, kind: Type, claims: Object, now: u64) -> Result<Verified, Refusal> {
        let expires = time(&claims, "exp")?.ok_or(Refusal::Claim("exp"))?;
        let (issued, starts) = (time(&claims, "iat")?, time(&claims, "nbf")?);
        check_times(now, self.skew, expires, issued, starts)?;
        check_kind(kind, &claims, &self.mapping)?;
        let audience = texts(&claims, &self.mapping.audience).map_err(|()| Refusal::Claim("aud"))?;
        if !audience.iter().any(|audience| self.audiences.contains(audience)) {
            return Err(Refusal::Audience);
        }
        let subject = subject_of(&claims, &self.mapping.subject).ok_or(Refusal::Claim("sub"))?;
        Ok(Verified {
            issuer: self.name.clone(),
            subject,
            audience,
            starts: issued.max(starts).unwrap_or(0),
            expires,
            issued,
            id: text(&claims, "jti")?,
            scopes: words(&claims, &self.mapping).map_err(|()| Refusal::Claim("scope"))?,
            permissions: all(&claims, &self.mapping.permissions).map_err(|()| Refusal::Claim("permissions"))?,
            roles: all(&claims, &self.mapping.roles).map_err(|()| Refusal::Claim("roles"))?,
            claims,
        })
    }
}

/// A subject is unique only together with its issuer.
fn subject(verified: &Verified) -> Actor {
    let granted = verified.scopes().iter().chain(verified.permissions()).map(String::as_str);
    let id = format!("{} {}", verified.issuer(), verified.subject());
    let identity = Identity::new(id).provider(verified.issuer()).granted(granted);
    identity.roles(verified.roles().iter().cloned().collect()).into()
}

/// At `exp` plus skew a token is dead (RFC 7519: "on or after"); before `nbf` or `iat` less skew it is not born.
fn check_times(now: u64, skew: u64, expires: u64, issued: Option<u64>, starts: Option<u64>) -> Result<(), Refusal> {
    if now >= expires + skew {
        return Err(Refusal::Expired);
    }
    let early = |moment: Option<u64>| moment.is_some_and(|moment| moment > now + skew);
    if early(issued) || early(starts) {
        return Err(Refusal::NotYet);
    }
    let backwards = |moment: Option<u64>| moment.is_some_and(|moment| moment >= expires);
    if backwards(issued) || backwards(starts) { Err(Refusal::Claim("exp")) } else { Ok(()) }
}

fn check_kind(kind: Type, claims: &Object, mapping: &Mapping) -> Result<(), Refusal> {
    let met = |demand: &Demand| {
        let text = demand.claims.iter().find_map(|path| claim(claims, path)).and_then(Value::as_str);
        let fits = |text: &str| demand.values.is_empty() || demand.values.iter().any(|value| value == text);
        text.is_some_and(fits)
    };
    let foreign = mapping.foreign.iter().any(|name| claims.contains_key(name));
    let has_mark = || mapping.marks.iter().any(|path| claim(claims, path).is_some());
    let is_marked = mapping.marks.is_empty() || kind == Type::AccessToken || has_mark();
    if is_marked && !foreign && mapping.demands.iter().all(met) { Ok(()) } else { Err(Refusal::Kind) }
}

/// The most that a subject may be (OpenID Connect Core, 2), in bytes.
const LONGEST_SUBJECT: usize = 255;

/// The claims that name the subject, joined. It becomes part of ids, which are kept and shown: no control characters.
fn subject_of(claims: &Object, parts: &[Vec<Path>]) -> Option<String> {
    let good = |text: &&str| !text.is_empty() && text.len() <= LONGEST_SUBJECT && !text.contains(char::is_control);
    let first = |paths: &Vec<Path>| paths.iter().find_map(|path| claim(claims, path));
    let part = |paths| first(paths).and_then(Value::as_str).filter(good);
    Some(parts.iter().map(part).collect::<Option<Vec<_>>>()?.join("|"))
}

/// A moment in whole seconds, if the claim is there.
fn time(claims: &Object, name: &'static str) -> Result<Option<u64>, Refusal> {
    let in_range = |value: &Value| value.as_u64().filter(|seconds| (1..=END).contains(seconds));
    claims.get(name).map(|value| in_range(value).ok_or(Refusal::Claim(name))).transpose()
}

fn text(claims: &Object, name: &'static str) -> Result<Option<String>, Refusal> {
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(Refusal::Claim(name));
    claims.get(name).map(text).transpose()
}

fn claim<'c>(claims: &'c Object, path: &[String]) -> Option<&'c Value> {
    let (last, way) = path.split_last()?;
    way.iter().try_fold(claims, |object, key| object.get(key)?.as_object())?.get(last)
}

/// One string or a list of strings; nothing where there is no claim; an error for anything else.
fn texts(claims: &Object, path: &[String]) -> Result<Vec<String>, ()> {
    match claim(claims, path) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>().ok_or(())
        }
        Some(_) => Err(()),
    }
}

/// Roles and permissions are taken whole: "not admin" is no admin.
fn all(claims: &Object, paths: &[Path]) -> Result<BTreeSet<String>, ()> {
    paths.iter().try_fold(BTreeSet::new(), |mut all, path| {
        all.extend(texts(claims, path)?);
        Ok(all)
    })
}

/// Scopes are words (RFC 6749, 3.3).
fn words(claims: &Object, mapping: &Mapping) -> Result<BTreeSet<String>, ()> {
    let bare = |word: &str| word.strip_prefix(&mapping.scope_prefix).unwrap_or(word).to_owned();
    let split = |text: &String| text.split(' ').filter(|word| !word.is_empty()).map(bare).collect::<Vec<_>>();
    Ok(all(claims, &mapping.scopes)?.iter().flat_map(split).collect())
}
