//! Which tokens ended before they expired?
//!
//! A token is named by its `jti`, not by its bytes: an ECDSA signature has a twin, so the same token can be written
//! in two ways; or by the grant it came from, by what that was given under, by whom it speaks of, or by the
//! client it was given to. The list carries a version, so that a remembered token is held against it once per change and
//! not once per request. Nothing is forgotten that could still let a token in.

use super::{Verified, trusted::MOST_SKEW};
use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};
use tollgate_access::Actor;

/// Tokens that ended before they expired.
#[derive(Default)]
pub struct Revocations {
    version: AtomicU64,
    lists: RwLock<Lists>,
}

tollgate_core::debug_by_name!(Revocations);

/// The claim that names the grant which a token of ours came from: the refresh family.
const GRANT: &str = "grant_id";
/// The claim that names what it was given under: a session, or what somebody allowed.
const UNDER: &str = "given_under";
/// The claim that says from which version of its user's row, or of a client's own tokens, it was made.
const VERSION: &str = "user_version";

#[derive(Default)]
struct Lists {
    /// `(issuer, jti)` until when it must be remembered.
    tokens: Ids,
    /// `(issuer, grant)`, likewise.
    grants: Ids,
    /// `(issuer, sub)`: tokens made from that version of the user's row, or an earlier one, are dead; until when that must
    /// be remembered.
    subjects: Cuts,
    /// `(issuer, client)`: tokens issued up to that second are dead; likewise.
    clients: Cuts,
    /// API keys by id, until when each must be remembered.
    keys: HashMap<String, u64>,
    /// People of providers by the id of their actor: whether they are kept out, and up to when tokens are dead anyway.
    people: HashMap<String, (bool, Timestamp)>,
    /// Counts how often everything was said.
    round: u64,
}

/// Until when it must be remembered, and in which round it was said last.
type Ids = HashMap<(String, String), (u64, u64)>;
type Cuts = HashMap<(String, String), (u64, u64)>;

impl Revocations {
    /// Ends one token, named by its `jti`; remembered until it has expired.
    pub fn revoke_token(&self, issuer: &str, id: &str, expires: u64) {
        self.change(|lists| later(&mut lists.tokens, lists.round, (issuer, id), expires));
    }

    /// Ends all tokens of a grant, whenever issued; remembered until the second from which none of them can be alive.
    pub fn revoke_grant(&self, issuer: &str, grant: &str, remember_until: u64) {
        self.change(|lists| later(&mut lists.grants, lists.round, (issuer, grant), remember_until));
    }

    /// Ends all tokens of a subject that were made from that version of its row, or an earlier one; remembered until the
    /// second from which none of them can be alive. A token that names no version is older than all.
    pub fn revoke_subject(&self, issuer: &str, subject: &str, version: u64, remember_until: u64) {
        self.change(|lists| cut(&mut lists.subjects, issuer, subject, (version, remember_until)));
    }

    /// Ends all tokens that were given to a client up to and including that second, likewise.
    pub fn revoke_client(&self, issuer: &str, client: &str, issued_until: u64, remember_until: u64) {
        self.change(|lists| cut(&mut lists.clients, issuer, client, (issued_until, remember_until)));
    }

    /// Ends an API key; remembered for as long as somebody may hold it for good without asking.
    pub(crate) fn revoke_key(&self, key: &str, remember_until: u64) {
        self.change(|lists| match lists.keys.insert(key.to_owned(), remember_until) {
            Some(known) => remember_until > known,
            None => true,
        });
    }

    /// Keeps somebody of a provider out, or lets in again with tokens that are issued after that second. What was said
    /// before that moment does not count any more, what was said later stands.
    pub(crate) fn rule(&self, person: &str, is_out: bool, since: Timestamp) {
        self.change(|lists| {
            let known = lists.people.get(person);
            let is_news = known.is_none_or(|&(_, known)| known < since);
            if is_news {
                lists.people.insert(person.to_owned(), (is_out, since));
            }
            is_news
        });
    }

    /// Whether anything was revoked that may concern an API key: the key itself, or whom it speaks for.
    pub(crate) fn concerns(&self, key: &str, issuer: &str, subject: &str) -> bool {
        let lists = self.read();
        lists.keys.contains_key(key) || lists.subjects.contains_key(&(issuer.to_owned(), subject.to_owned()))
    }

    /// Forgets what concerns only tokens that were dead at `now` anyway, whatever skew their issuer is allowed.
    pub fn purge(&self, now: u64) {
        let mut lists = self.write();
        let Lists { tokens, grants, subjects, clients, keys, people: _, round: _ } = &mut *lists;
        let matters = |until: u64| until + MOST_SKEW > now;
        for ids in [tokens, grants] {
            ids.retain(|_, (until, _)| matters(*until));
        }
        keys.retain(|_, until| matters(*until));
        for cuts in [subjects, clients] {
            cuts.retain(|_, (_, until)| matters(*until));
        }
    }

    /// Everything that an issuer remembers was said again: its single tokens and grants that were not, for two rounds, have
    /// ended with something larger. One that was said since is kept, whether or not whoever said everything knew it.
    pub(crate) fn forget_unsaid(&self, issuer: &str) {
        let mut lists = self.write();
        let Lists { tokens, grants, round, .. } = &mut *lists;
        for ids in [tokens, grants] {
            ids.retain(|(of, _), (_, said)| of != issuer || *said + 1 >= *round);
        }
        *round += 1;
    }

    /// Up to which version the tokens of a subject have ended, if any have.
    pub(crate) fn ended_version(&self, issuer: &str, subject: &str) -> Option<u64> {
        let lists = self.read();
        lists.subjects.get(&(issuer.to_owned(), subject.to_owned())).map(|(version, _)| *version)
    }

    /// How many single tokens and grants are remembered.
    pub(crate) fn len(&self) -> usize {
        let lists = self.read();
        lists.tokens.len() + lists.grants.len()
    }

    /// First the list, then the version: who sees the new version sees the new list. What was known before costs nobody
    /// another look.
    fn change(&self, change: impl FnOnce(&mut Lists) -> bool) {
        if change(&mut self.write()) {
            self.version.fetch_add(1, Ordering::Release);
        }
    }

    /// To be read before the lists are asked.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// A token without `iat` may be as old as any revocation.
    pub(crate) fn is_revoked(&self, token: &Verified, actor: &Actor) -> bool {
        let lists = self.read();
        let name = |text: &str| (token.issuer.clone(), text.to_owned());
        let claim = |claim| token.claims.get(claim).and_then(serde_json::Value::as_str);
        let listed = |ids: &Ids, id: Option<&str>| id.is_some_and(|id| !ids.is_empty() && ids.contains_key(&name(id)));
        let issued = token.issued.unwrap_or(0);
        let cut = |cuts: &Cuts, named: Option<&str>, at: u64| {
            let until = named.filter(|_| !cuts.is_empty()).and_then(|named| cuts.get(&name(named)));
            until.is_some_and(|(until, _)| at <= *until)
        };
        let ruled = |(is_out, since): &(bool, Timestamp)| {
            *is_out || i64::try_from(issued).is_ok_and(|at| at <= since.as_second())
        };
        let version = || token.claims.get(VERSION).and_then(serde_json::Value::as_u64).unwrap_or(0);
        listed(&lists.tokens, token.id())
            || listed(&lists.grants, claim(GRANT))
            || listed(&lists.grants, claim(UNDER))
            || cut(&lists.subjects, Some(token.subject()), version())
            || cut(&lists.clients, claim("client_id"), issued)
            || lists.people.get(actor.id()).is_some_and(ruled)
    }

    fn read(&self) -> RwLockReadGuard<'_, Lists> {
        self.lists.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Lists> {
        self.lists.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether that is news.
fn later(ids: &mut Ids, round: u64, (issuer, id): (&str, &str), until: u64) -> bool {
    let known = ids.entry((issuer.to_owned(), id.to_owned())).or_default();
    let news = until > known.0;
    *known = (until.max(known.0), round);
    news
}

/// Whether that is news.
fn cut(cuts: &mut Cuts, issuer: &str, named: &str, (before, until): (u64, u64)) -> bool {
    let known = cuts.entry((issuer.to_owned(), named.to_owned())).or_default();
    let old = *known;
    *known = (before.max(old.0), until.max(old.1));
    *known != old
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_said_again_is_forgotten_and_what_was_said_since_is_not() {
        let list = Revocations::default();
        let is_known = |id: &str| list.read().tokens.contains_key(&("us".to_owned(), id.to_owned()));
        list.revoke_token("us", "folded", 100);
        list.revoke_token("us", "kept", 100);
        list.revoke_token("others", "theirs", 100);
        for round in 0..3 {
            // Everything was read, and meanwhile something else has ended that the reader did not see.
            list.revoke_token("us", "kept", 100);
            list.revoke_token("us", &format!("new in {round}"), 100);
            list.forget_unsaid("us");
            assert!(is_known("kept") && is_known(&format!("new in {round}")));
            assert_eq!(is_known("folded"), round < 2, "whoever reads it late has a round for it: {round}");
        }
        assert!(list.read().tokens.contains_key(&("others".to_owned(), "theirs".to_owned())));
    }
}
