//! The keys of an issuer: which key has this name, without making anybody wait for it?
//!
//! A key that is known is answered at once, whatever its age and whatever the provider is doing; the set is
//! renewed behind the requests, well before anyone needs it. Only a request with an unknown `kid` may wait, and
//! only for one flight. Flights are rare by construction: one at a time, a pause after each, a longer pause
//! after a failure. So neither an outage nor a storm of invented names turns us into the provider's attacker.
//!
//! A key that leaves the set is retired: every token it verified is dead in the cache from that
//! moment. A cache that only hits would never notice, so hits must [`touch`](Keys::touch) the set as well.
//!
//! Invariant: two fetches of one issuer never overlap, and start at least [`Limits::cooldown`] apart.

use super::{Algorithm, Fetch, FetchError, Fetched, Key, LEVELS, Limits};
use crate::measures;
use serde_json::Value;
use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Handle, sync::watch, time::timeout};
use tollgate_core::{Clock, strict, with_causes};
use tollgate_store::background;

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The issuer has no such key.
    Unknown,
    /// The issuer has that key, for another algorithm.
    Algorithm,
    /// No key of the issuer is known.
    NoKeys,
}

/// The keys of one issuer. Clones share them.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

tollgate_core::debug_by_name!(Keys);

struct Inner {
    source: Option<Source>,
    state: watch::Sender<State>,
    /// Uptime in milliseconds from which a touch has something to do.
    due: AtomicU64,
}

struct Source {
    fetch: Box<dyn Fetch>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    allowed: Vec<Algorithm>,
}

#[derive(Default)]
struct State {
    keys: Vec<Arc<Key>>,
    fetched: Option<Duration>,
    started: Option<Duration>,
    landings: u64,
    flying: bool,
    failure: Option<FetchError>,
}

/// How a set is doing, for `/readyz`.
#[derive(Debug, Clone)]
pub struct Health {
    /// How many keys are known.
    pub keys: usize,
    /// What went wrong last, if the last fetch failed.
    pub failure: Option<FetchError>,
}

impl Keys {
    /// Keys that nobody publishes: a shared secret, a static key set, our own signing keys.
    pub fn fixed(keys: Vec<Key>) -> Self {
        let keys = keys.into_iter().map(Arc::new).collect();
        Self::new(None, State { keys, ..State::default() }, u64::MAX)
    }

    /// The keys of a key set (RFC 7517) that somebody wrote down: those that fit an `allowed` algorithm.
    ///
    /// # Errors
    /// [`FetchError::Garbage`] or [`FetchError::Empty`].
    pub fn from_set(document: &[u8], allowed: &[Algorithm]) -> Result<Self, FetchError> {
        let keys = usable(published(document)?.iter(), allowed);
        if keys.is_empty() { Err(FetchError::Empty) } else { Ok(Self::fixed(keys)) }
    }

    /// Keys that the issuer publishes. Only those for an `allowed` algorithm are used, never a symmetric one.
    pub fn fetched(fetch: impl Fetch, clock: Arc<dyn Clock>, allowed: &[Algorithm], limits: Limits) -> Self {
        let allowed = allowed.iter().copied().filter(|algorithm| !algorithm.is_symmetric()).collect();
        fetch.whose().into_iter().for_each(measures::will_fetch);
        Self::new(Some(Source { fetch: Box::new(fetch), clock, limits, allowed }), State::default(), 0)
    }

    fn new(source: Option<Source>, state: State, due: u64) -> Self {
        Self(Arc::new(Inner { source, state: watch::Sender::new(state), due: due.into() }))
    }

    /// The key of that name and algorithm. Waits only if the name is unknown and asking the issuer is due.
    pub async fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, Missing> {
        self.touch();
        let found = self.known(kid, algorithm);
        if !matches!(found, Err(Missing::Unknown | Missing::NoKeys)) {
            return found;
        }
        if let Some((mut landings, seen)) = self.join() {
            let _ = landings.wait_for(|state| state.landings != seen).await;
        }
        self.known(kid, algorithm)
    }

    /// How the set is doing once there is one, or a fetch has failed.
    pub async fn arrived(&self) -> Health {
        if self.health().keys == 0
            && let Some((mut landings, seen)) = self.join()
        {
            let _ = landings.wait_for(|state| state.landings != seen).await;
        }
        self.health()
    }

    /// Renews the set in the background if that is due. Costs one atomic read if not.
    pub fn touch(&self) {
        let Some(source) = &self.0.source else { return };
        let now = source.clock.uptime();
        if millis(now) < self.0.due.load(Ordering::Acquire) {
            return;
        }
        let outlived =
            |state: &State| state.fetched.is_some_and(|at| now.saturating_sub(at) >= source.limits.discard_after);
        if outlived(&self.0.state.borrow()) {
            self.0.state.send_modify(|state| state.replace(Vec::new()));
        }
        self.depart(source, now);
    }

    /// Takes over another set: for keys of our own that rotate. What a key verified that is not in it is dead from
    /// now on. A published set is good only until its next fetch.
    pub fn replace(&self, keys: Vec<Key>) {
        self.0.state.send_modify(|state| state.replace(keys));
    }

    /// How the set is doing.
    pub fn health(&self) -> Health {
        let state = self.0.state.borrow();
        Health { keys: state.keys.len(), failure: state.failure.clone() }
    }

    fn known(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, Missing> {
        self.0.state.borrow().find(kid, algorithm)
    }

    /// The flight to wait for, and how many landed before it.
    fn join(&self) -> Option<(watch::Receiver<State>, u64)> {
        let source = self.0.source.as_ref()?;
        if self.0.state.receiver_count() >= source.limits.waiters {
            return None;
        }
        self.depart(source, source.clock.uptime());
        let landings = self.0.state.subscribe();
        let (flying, seen) = {
            let state = landings.borrow();
            (state.flying, state.landings)
        };
        flying.then_some((landings, seen))
    }

    /// Starts a flight unless one is under way or the last is too recent.
    fn depart(&self, source: &Source, now: Duration) {
        if Handle::try_current().is_err() || !self.0.state.borrow().may_depart(now, &source.limits) {
            return;
        }
        let mut departs = false;
        self.0.state.send_if_modified(|state| {
            departs = state.may_depart(now, &source.limits);
            if departs {
                (state.flying, state.started) = (true, Some(now));
            }
            false
        });
        if departs {
            background::spawn(Flight { keys: self.clone(), outcome: Err(FetchError::Lost) }.fly());
        }
    }

    fn land(&self, outcome: Result<Landed, FetchError>) {
        let Some(source) = &self.0.source else { return };
        let now = source.clock.uptime();
        if let Some(issuer) = source.fetch.whose() {
            measures::fetched(issuer, outcome.as_ref().ok().map(|landed| landed.keys.len()));
        }
        let next = match &outcome {
            Ok(landed) => source.limits.age(landed.fresh),
            Err(error) => {
                // A command ends before they come, which is nothing to warn of; a panic has said so itself.
                if !matches!(error, FetchError::Lost) {
                    tracing::warn!(issuer = source.fetch.whose(), error = with_causes(error), "keys were not renewed");
                }
                source.limits.cooldown_after_failure
            }
        };
        self.0.due.store(millis(now + next), Ordering::Release);
        self.0.state.send_modify(|state| {
            (state.flying, state.landings) = (false, state.landings + 1);
            match outcome {
                Ok(landed) => {
                    state.replace(landed.keys);
                    (state.fetched, state.failure) = (Some(now), None);
                }
                Err(failure) => state.failure = Some(failure),
            }
        });
    }
}

impl State {
    /// Without a name there must be exactly one key of that algorithm: guessing would let a token choose.
    fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, Missing> {
        let mut named = self.keys.iter().filter(|key| key.answers_to(kid)).peekable();
        let missing = match (self.keys.is_empty(), named.peek()) {
            (true, _) => Missing::NoKeys,
            (_, None) => Missing::Unknown,
            (_, Some(_)) => Missing::Algorithm,
        };
        let mut fitting = named.filter(|key| key.algorithm() == algorithm);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(Arc::clone(key)),
            (Some(_), Some(_)) => Err(Missing::Unknown),
            (None, _) => Err(missing),
        }
    }

    fn may_depart(&self, now: Duration, limits: &Limits) -> bool {
        let pause = if self.failure.is_some() { limits.cooldown_after_failure } else { limits.cooldown };
        !self.flying && self.started.is_none_or(|at| now.saturating_sub(at) >= pause)
    }

    /// Takes over a new set. A key that stays is the same key; one that goes is retired.
    fn replace(&mut self, new: Vec<Key>) {
        let old = mem::take(&mut self.keys);
        self.keys = new.into_iter().map(|key| kept(&old, &key).unwrap_or_else(|| Arc::new(key))).collect();
        for key in old.iter().filter(|key| kept(&self.keys, key).is_none()) {
            key.retire();
        }
    }
}

fn kept(keys: &[Arc<Key>], wanted: &Key) -> Option<Arc<Key>> {
    keys.iter().find(|key| key.is_same(wanted)).map(Arc::clone)
}

/// What a flight brought.
struct Landed {
    keys: Vec<Key>,
    fresh: Option<Duration>,
}

/// A fetch under way. It lands whatever happens to it, also a panic.
struct Flight {
    keys: Keys,
    outcome: Result<Landed, FetchError>,
}

impl Flight {
    async fn fly(mut self) {
        if let Some(source) = &self.keys.0.source {
            let fetched = timeout(source.limits.timeout, source.fetch.fetch(source.limits.document_bytes)).await;
            self.outcome = match fetched {
                Err(_) => Err(FetchError::Late),
                Ok(Err(error)) => Err(FetchError::Fetch(error.into())),
                Ok(Ok(Fetched { document, fresh })) => source.read(&document).map(|keys| Landed { keys, fresh }),
            };
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.keys.land(mem::replace(&mut self.outcome, Err(FetchError::Lost)));
    }
}

impl Source {
    /// The usable keys of a document. One that has none is a failure: an emptied set is a mishap more often than a
    /// message, and the keys we have stay good until [`Limits::discard_after`].
    fn read(&self, document: &[u8]) -> Result<Vec<Key>, FetchError> {
        if document.len() > self.limits.document_bytes {
            return Err(FetchError::TooLarge);
        }
        let published = published(document)?;
        if published.len() > self.limits.keys {
            return Err(FetchError::TooLarge);
        }
        let keys = usable(published.iter(), &self.allowed);
        if keys.is_empty() { Err(FetchError::Empty) } else { Ok(keys) }
    }
}

/// The members of a key set (RFC 7517, 5).
fn published(document: &[u8]) -> Result<Vec<Value>, FetchError> {
    let mut set = strict::object(document, LEVELS).map_err(|_| FetchError::Garbage)?;
    match set.remove("keys") {
        Some(Value::Array(keys)) => Ok(keys),
        _ => Err(FetchError::Garbage),
    }
}

fn usable<'j>(published: impl Iterator<Item = &'j Value>, allowed: &[Algorithm]) -> Vec<Key> {
    published.filter_map(|jwk| Key::from_jwk(jwk.as_object()?, allowed).ok()).flatten().collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
