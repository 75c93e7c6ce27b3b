//! Which tokens ended before they expired?
//!
//! A token is named by its `jti`, not by its bytes: an ECDSA signature has a twin, so the same token can be written
//! in two ways; or by the grant it came from, by whom it speaks of, or by the client it was given to. The list carries a
//! version, so that a remembered token is held against it once per change and not once per request. Nothing is forgotten that could still let a token in.

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

/// The claim that names the grant which a token of ours came from: the refresh family.
const GRANT: &str = "grant_id";

#[derive(Default)]
struct Lists {
    /// `(issuer, jti)` until when it must be remembered.
    tokens: Ids,
    /// `(issuer, grant)`, likewise.
    grants: Ids,
    /// `(issuer, sub)`: tokens issued up to the first moment are dead; remembered until the second.
    subjects: Cuts,
    /// `(issuer, client)`, likewise.
    clients: Cuts,
    /// API keys by id, until when each must be remembered.
    keys: HashMap<String, u64>,
    /// People of providers by the id of their actor: whether they are kept out, and up to when tokens are dead anyway.
    people: HashMap<String, (bool, Timestamp)>,
}

type Ids = HashMap<(String, String), u64>;
type Cuts = HashMap<(String, String), (u64, u64)>;

impl Revocations {
    /// Ends one token, named by its `jti`; remembered until it has expired.
    pub fn revoke_token(&self, issuer: &str, id: &str, expires: u64) {
        self.change(|lists| later(&mut lists.tokens, issuer, id, expires));
    }

    /// Ends all tokens of a grant, whenever issued; remembered until the second from which none of them can be alive.
    pub fn revoke_grant(&self, issuer: &str, grant: &str, remember_until: u64) {
        self.change(|lists| later(&mut lists.grants, issuer, grant, remember_until));
    }

    /// Ends all tokens of a subject issued up to and including that second; remembered until the second from which
    /// none of them can be alive.
    pub fn revoke_subject(&self, issuer: &str, subject: &str, issued_until: u64, remember_until: u64) {
        self.change(|lists| cut(&mut lists.subjects, issuer, subject, (issued_until, remember_until)));
    }

    /// The same for all tokens that were given to a client.
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
        let Lists { tokens, grants, subjects, clients, keys, people: _ } = &mut *lists;
        let matters = |until: u64| until + MOST_SKEW > now;
        for ids in [tokens, grants] {
            ids.retain(|_, until| matters(*until));
        }
        keys.retain(|_, until| matters(*until));
        for cuts in [subjects, clients] {
            cuts.retain(|_, (_, until)| matters(*until));
        }
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
        let cut = |cuts: &Cuts, named: Option<&str>| {
            let until = named.filter(|_| !cuts.is_empty()).and_then(|named| cuts.get(&name(named)));
            until.is_some_and(|(until, _)| issued <= *until)
        };
        let ruled = |(is_out, since): &(bool, Timestamp)| {
            *is_out || i64::try_from(issued).is_ok_and(|at| at <= since.as_second())
        };
        listed(&lists.tokens, token.id())
            || listed(&lists.grants, claim(GRANT))
            || cut(&lists.subjects, Some(token.subject()))
            || cut(&lists.clients, claim("client_id"))
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
fn later(ids: &mut Ids, issuer: &str, id: &str, until: u64) -> bool {
    let known = ids.entry((issuer.to_owned(), id.to_owned())).or_default();
    let news = until > *known;
    *known = until.max(*known);
    news
}

/// Whether that is news.
fn cut(cuts: &mut Cuts, issuer: &str, named: &str, (before, until): (u64, u64)) -> bool {
    let known = cuts.entry((issuer.to_owned(), named.to_owned())).or_default();
    let old = *known;
    *known = (before.max(old.0), until.max(old.1));
    *known != old
}
