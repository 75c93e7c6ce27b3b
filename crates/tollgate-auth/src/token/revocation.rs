//! Which tokens ended before they expired?
//!
//! A token is named by its `jti`, not by its bytes: an ECDSA signature has a twin, so the same token can be written
//! in two ways. The list carries a version, so that a remembered token is held against it once per change and not
//! once per request. Nothing is forgotten that could still let a token in.

use super::{Verified, trusted::MOST_SKEW};
use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// Tokens that ended before they expired.
#[derive(Default)]
pub struct Revocations {
    version: AtomicU64,
    lists: RwLock<Lists>,
}

#[derive(Default)]
struct Lists {
    /// `(issuer, jti)` until when it must be remembered.
    tokens: HashMap<(String, String), u64>,
    /// `(issuer, sub)`: tokens issued up to the first moment are dead; remembered until the second.
    subjects: HashMap<(String, String), (u64, u64)>,
}

impl Revocations {
    /// Ends one token, named by its `jti`; remembered until it has expired.
    pub fn revoke_token(&self, issuer: &str, id: &str, expires: u64) {
        self.change(|lists| {
            let until = lists.tokens.entry((issuer.to_owned(), id.to_owned())).or_default();
            *until = expires.max(*until);
        });
    }

    /// Ends all tokens of a subject issued up to and including that second; remembered until the second from which
    /// none of them can be alive.
    pub fn revoke_subject(&self, issuer: &str, subject: &str, issued_until: u64, remember_until: u64) {
        self.change(|lists| {
            let known = lists.subjects.entry((issuer.to_owned(), subject.to_owned())).or_default();
            *known = (issued_until.max(known.0), remember_until.max(known.1));
        });
    }

    /// Forgets what concerns only tokens that were dead at `now` anyway, whatever skew their issuer is allowed.
    pub fn purge(&self, now: u64) {
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        lists.tokens.retain(|_, until| *until + MOST_SKEW > now);
        lists.subjects.retain(|_, (_, until)| *until + MOST_SKEW > now);
    }

    /// First the list, then the version: who sees the new version sees the new list.
    fn change(&self, change: impl FnOnce(&mut Lists)) {
        change(&mut self.lists.write().unwrap_or_else(PoisonError::into_inner));
        self.version.fetch_add(1, Ordering::Release);
    }

    /// To be read before the lists are asked.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// A token without `iat` may be as old as any revocation.
    pub(crate) fn is_revoked(&self, token: &Verified) -> bool {
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        let name = |text: &str| (token.issuer.clone(), text.to_owned());
        let by_id = token.id().is_some_and(|id| !lists.tokens.is_empty() && lists.tokens.contains_key(&name(id)));
        let ended = || lists.subjects.get(&name(token.subject()));
        by_id || ended().is_some_and(|(issued, _)| token.issued.unwrap_or(0) <= *issued)
    }
}
