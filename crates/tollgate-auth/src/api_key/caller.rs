//! A key is shown: who calls?
//!
//! ```text
//! bytes ─ whole, and of this app? ─ seen before, and nothing revoked? ─────────────────── yes → Actor
//!                                     │ no
//!                                   its row → its hash → not expired → its user, if any → Actor
//! ```

use super::{
    ApiKeys,
    error::Wrong,
    key::{ApiKey, ApiKeyPatch},
    keys::{Inner, hash, is_service},
    text::MARK,
};
use crate::{
    authenticate::{SCHEME, bearer},
    token::{Hash, Remembered},
    users::PROVIDER,
};
use axum::http::{HeaderMap, header, request::Parts};
use jiff::{SignedDuration, Timestamp};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tollgate_access::{Actor, Grants, Identity as Person, System};
use tollgate_core::{Change, Result, with_causes};
use tollgate_http::{Authenticate, Identified};
use tollgate_store::background;
use uuid::Uuid;

/// After so many seconds a key is looked up again, whatever is known.
const FRESH: u64 = 60;
/// How often it is noted that a key was used.
const NOTED: SignedDuration = SignedDuration::from_mins(10);

/// A key that was looked up, and what could end it.
pub(super) struct Known {
    key: String,
    subject: String,
    actor: Actor,
    /// When it was looked up, and until when that is good, in seconds since 1970: a calendar may be put back.
    good: Range<u64>,
    /// The version of the revocations it was checked against.
    checked: AtomicU64,
}

impl Remembered for Known {
    fn is_good(&self, now: u64) -> bool {
        self.good.contains(&now)
    }
}

/// Whether what is brought begins like a key. Whatever does not is looked through once, by those who take it.
fn may_bring_key(headers: &HeaderMap) -> bool {
    let brought = headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().get(SCHEME.len()..));
    brought.is_some_and(|brought| brought.starts_with(MARK.as_bytes()))
}

/// Recognises keys, and leaves everything else to another.
struct KeysFirst {
    keys: ApiKeys,
    others: Arc<dyn Authenticate>,
}

impl Authenticate for KeysFirst {
    fn identify<'a>(&'a self, head: &'a Parts) -> Identified<'a> {
        if may_bring_key(&head.headers)
            && let Ok(Some(key)) = bearer(&head.headers)
        {
            return Box::pin(self.keys.0.caller(key));
        }
        self.others.identify(head)
    }
}

impl ApiKeys {
    /// Recognises keys, and leaves everything else to `others`.
    pub fn authenticator(&self, others: Arc<dyn Authenticate>) -> Arc<dyn Authenticate> {
        Arc::new(KeysFirst { keys: self.clone(), others })
    }
}

impl Inner {
    async fn caller(&self, key: &[u8]) -> Result<Actor> {
        let (id, name) = (self.brand.id(key)?, hash(key));
        if let Some(actor) = self.recall(&name) {
            return Ok(actor);
        }
        // Before the row is read: what is revoked from here on is seen at the next look.
        let checked = self.revoked.list().version();
        let (row, now) = (self.row(id, &name).await?, self.clock.unix());
        let actor = self.speaker(&row).await?;
        let is_first = self.cache.get(&name, now).is_none();
        let good = now..row.expires.map_or(u64::MAX, seconds).min(now + FRESH);
        let (key, subject) = (row.key_id.clone(), row.subject.clone());
        self.cache.put(name, Arc::new(Known { key, subject, actor: actor.clone(), good, checked: checked.into() }));
        if is_first {
            self.note_use(row);
        }
        Ok(actor)
    }

    fn recall(&self, name: &Hash) -> Option<Actor> {
        let known = self.cache.get(name, self.clock.unix())?;
        let (list, version) = (self.revoked.list(), self.revoked.list().version());
        if known.checked.load(Ordering::Acquire) != version {
            if list.concerns(&known.key, self.revoked.issuer(), &known.subject) {
                self.cache.forget(name);
                return None;
            }
            known.checked.store(version, Ordering::Release);
        }
        Some(known.actor.clone())
    }

    async fn row(&self, id: &str, name: &Hash) -> Result<ApiKey> {
        let may = System::because("a caller shows an API key").may();
        let row = match self.keys.get(&may, id.to_owned()).await {
            Err(tollgate_store::Error::NotFound) => return Err(Wrong::Unknown.into()),
            other => other?,
        };
        if !Hash::try_from(row.hash.clone()).is_ok_and(|kept| kept.is(name)) {
            return Err(Wrong::Unknown.into());
        }
        match row.expires.filter(|expires| *expires <= self.clock.now()) {
            Some(_) => Err(Wrong::Expired.into()),
            None => Ok(row),
        }
    }

    /// For a user it is never more than they still may.
    async fn speaker(&self, row: &ApiKey) -> Result<Actor> {
        let scopes = row.scopes.iter().map(String::as_str);
        if is_service(&row.subject) {
            let service = Person::service(&row.subject).provider(PROVIDER).named(Some(row.name.clone()));
            return Ok(service.granted(scopes).grants(self.roles.anyone()).by_key(&row.key_id).into());
        }
        let (id, identity) = (Uuid::parse_str(&row.subject).ok(), self.identity.as_ref());
        let (Some(id), Some(identity)) = (id, identity) else { return Err(Wrong::NoUser.into()) };
        let user = identity.0.users.active(id).await?.ok_or(Wrong::NoUser)?;
        let most = identity.0.users.actor(&user);
        let granted = Grants::of(scopes).within(most.grants());
        let person = Person::new(&row.subject).provider(PROVIDER).roles(most.roles().to_vec());
        let person = person.named(Some(user.name)).email(Some(user.email));
        Ok(person.grants(&granted).grants(self.roles.anyone()).by_key(&row.key_id).into())
    }

    /// Beside the request, and seldom: it is for people who wonder whether a key can go.
    fn note_use(&self, row: ApiKey) {
        let now = self.clock.now();
        if row.last_used.is_some_and(|last| now.duration_since(last) < NOTED) {
            return;
        }
        let keys = self.keys.clone();
        background::spawn(async move {
            let may = System::because("an API key was used").may();
            let patch = ApiKeyPatch { last_used: Change::Set(Some(now)), ..ApiKeyPatch::default() };
            match keys.update(&may, row.key_id, patch).await {
                Ok(_) | Err(tollgate_store::Error::NotFound) => {}
                Err(error) => tracing::debug!(cause = with_causes(&error), "the last use of an API key was not noted"),
            }
        });
    }
}

fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_second()).unwrap_or(0)
}
