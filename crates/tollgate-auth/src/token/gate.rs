//! The gate: bytes of a bearer token in, a verified caller or a refusal out.
//!
//! ```text
//! bytes ─ seen before? ────────────────────────────────────── yes → Verified
//!           │ no
//!         read strictly → issuer by `iss` → its key → signature → claims → not revoked → Verified
//! ```
//! The unverified `iss` chooses whose keys are tried, and only those are: a token that lies about its issuer is
//! held against keys that did not sign it.

use super::{
    Hash, IssuerError, Refusal, Revocations, TrustedIssuer, Verified,
    cache::{Cache, Entry},
    read::{Unverified, check_length},
};
use crate::measures;
use memchr::memrchr;
use serde_json::Value;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, atomic::Ordering},
};
use tollgate_access::Actor;
use tollgate_core::Clock;

/// Lets tokens of trusted issuers pass.
pub struct Gate {
    issuers: HashMap<String, Arc<TrustedIssuer>>,
    cache: Cache<Entry>,
    revocations: Arc<Revocations>,
    clock: Arc<dyn Clock>,
}

impl Gate {
    /// A gate for those issuers that remembers about `most` verified tokens.
    ///
    /// # Errors
    /// [`IssuerError::Twice`]: whose keys would be tried?
    pub fn new(issuers: Vec<TrustedIssuer>, clock: Arc<dyn Clock>, most: usize) -> Result<Self, IssuerError> {
        let mut by_name = HashMap::new();
        for issuer in issuers.into_iter().map(Arc::new) {
            for name in issuer.names() {
                if by_name.insert(name.clone(), Arc::clone(&issuer)).is_some() {
                    return Err(IssuerError::Twice);
                }
            }
        }
        Ok(Self { issuers: by_name, cache: Cache::new(most), revocations: Arc::default(), clock })
    }

    /// The same, with what was revoked in that list.
    #[must_use]
    pub fn with(self, revocations: &Arc<Revocations>) -> Self {
        Self { revocations: Arc::clone(revocations), ..self }
    }

    /// Where tokens are revoked.
    pub fn revocations(&self) -> &Arc<Revocations> {
        &self.revocations
    }

    /// How many tokens are remembered.
    pub fn remembered(&self) -> usize {
        self.cache.len()
    }

    /// What does the token say? The reason of a refusal is for the log; a [`Problem`](tollgate_core::Problem) made of
    /// it is what the caller may read: 503 for [`Refusal::NoKeys`], 401 for any other.
    pub async fn check(&self, token: &[u8]) -> Result<Arc<Verified>, Refusal> {
        Ok(Arc::clone(&self.enter(token).await?.verified))
    }

    /// Who is calling, as the issuer's [`speaking`](TrustedIssuer::speaking) tells? Made once per token and remembered
    /// with it. Refuses as [`check`](Self::check) does.
    pub async fn actor(&self, token: &[u8]) -> Result<Actor, Refusal> {
        Ok(self.enter(token).await?.actor.clone())
    }

    async fn enter(&self, token: &[u8]) -> Result<Arc<Entry>, Refusal> {
        let entered = self.recall_or_verify(token).await;
        entered.inspect_err(|why| measures::token_refused(*why))
    }

    async fn recall_or_verify(&self, token: &[u8]) -> Result<Arc<Entry>, Refusal> {
        check_length(token)?;
        let now = self.clock.unix();
        let (signed, signature) = token.split_at(memrchr(b'.', token).unwrap_or_default());
        let name = Hash::of_one(signature);
        if let Some(remembered) = self.recall(&name, signed, now) {
            measures::token_remembered();
            return remembered;
        }
        measures::token_new();
        // Boxed, because it is rare, and would make the future of every request large.
        Box::pin(self.verify(name, signed, token, now)).await
    }

    /// A hit keeps the key set fresh: otherwise nobody would notice that its key has gone.
    fn recall(&self, name: &Hash, signed: &[u8], now: u64) -> Option<Result<Arc<Entry>, Refusal>> {
        let entry = self.cache.get(name, now).filter(|entry| *entry.signed == *signed)?;
        entry.keys.touch();
        let version = self.revocations.version();
        if entry.checked.load(Ordering::Acquire) != version {
            if self.revocations.is_revoked(&entry.verified, &entry.actor) {
                self.cache.forget(name);
                return Some(Err(Refusal::Revoked));
            }
            entry.checked.store(version, Ordering::Release);
        }
        Some(Ok(entry))
    }

    async fn verify(&self, name: Hash, signed: &[u8], token: &[u8], now: u64) -> Result<Arc<Entry>, Refusal> {
        let token = Unverified::read(token)?;
        let issuer = token.claims.get("iss").and_then(Value::as_str).and_then(|name| self.issuers.get(name));
        let issuer = issuer.ok_or(Refusal::Issuer)?;
        let key = issuer.check_signature(&token).await?;
        let verified = Arc::new(issuer.check_claims(token.kind, token.claims, now)?);
        let (actor, checked) = (issuer.actor(&verified), self.revocations.version());
        if self.revocations.is_revoked(&verified, &actor) {
            return Err(Refusal::Revoked);
        }
        let entry =
            Entry { signed: signed.into(), verified, actor, key, keys: issuer.keys().clone(), checked: checked.into() };
        let entry = Arc::new(entry);
        self.cache.put(name, Arc::clone(&entry));
        Ok(entry)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("issuers", &self.issuers.keys()).finish_non_exhaustive()
    }
}
