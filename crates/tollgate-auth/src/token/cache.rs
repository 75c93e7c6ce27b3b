//! Tokens seen before: a second look costs one short hash.
//!
//! What is remembered is what was signed and a hash of the signature, which makes a token of it: the memory holds none, and
//! the longer part of each is compared, not hashed. The entry knows everything that could end it early: of a token that are
//! its times, for a calendar may be put back, the key that verified it, and the revocations it was checked against.
//!
//! It is bounded by two generations: what is used moves to the young one; when that is full, the old one is forgotten whole.
//! Only tokens that verified get in, so a flood of garbage pushes nobody out.
//!
//! Invariant: an entry is answered only while it [is good](Remembered::is_good).

use super::{Hash, Key, Keys, Verified};
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    mem,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic::AtomicU64},
};
use tollgate_access::Actor;

const SHARDS: usize = 16;

/// A verified token, and what could end it. It is shared whole, so that hits on different tokens do not meet in
/// the counters of the key they have in common.
pub(super) struct Entry {
    /// The token up to its signature, of which the entry's name is the hash.
    pub(super) signed: Box<[u8]>,
    pub(super) verified: Arc<Verified>,
    /// Whom it speaks of.
    pub(super) actor: Actor,
    pub(super) key: Arc<Key>,
    pub(super) keys: Keys,
    /// The version of the revocations it was checked against.
    pub(super) checked: AtomicU64,
}

/// What is remembered under the hash of a secret.
pub(crate) trait Remembered {
    /// Whether it may be answered in that second.
    fn is_good(&self, now: u64) -> bool;
}

impl Remembered for Entry {
    fn is_good(&self, now: u64) -> bool {
        (self.verified.starts..self.verified.expires).contains(&now) && self.key.is_live()
    }
}

/// Entries by the hash of what was shown for them.
pub(crate) struct Cache<E> {
    shards: [RwLock<Shard<E>>; SHARDS],
    /// How many entries a generation of a shard holds.
    generation: usize,
}

struct Shard<E> {
    young: Entries<E>,
    old: Entries<E>,
}

type Entries<E> = HashMap<Hash, Arc<E>, BuildHasherDefault<Uniform>>;

// A derive would ask that an entry has a default.
impl<E> Default for Shard<E> {
    fn default() -> Self {
        Self { young: Entries::default(), old: Entries::default() }
    }
}

impl<E: Remembered> Cache<E> {
    /// Holds at most about `most` entries.
    pub(crate) fn new(most: usize) -> Self {
        Self { shards: Default::default(), generation: most.div_ceil(2 * SHARDS).max(1) }
    }

    pub(crate) fn get(&self, token: &Hash, now: u64) -> Option<Arc<E>> {
        let young = self.read(token).young.get(token).cloned();
        let entry = young.or_else(|| self.rejuvenate(token))?;
        if entry.is_good(now) {
            return Some(entry);
        }
        self.forget(token);
        None
    }

    pub(crate) fn put(&self, token: Hash, entry: Arc<E>) {
        self.write(&token).put(token, entry, self.generation);
    }

    pub(crate) fn forget(&self, token: &Hash) {
        let mut shard = self.write(token);
        shard.young.remove(token);
        shard.old.remove(token);
    }

    pub(crate) fn len(&self) -> usize {
        let len = |shard: &RwLock<Shard<E>>| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(len).sum()
    }

    fn rejuvenate(&self, token: &Hash) -> Option<Arc<E>> {
        if !self.read(token).old.contains_key(token) {
            return None;
        }
        let mut shard = self.write(token);
        let entry = shard.old.remove(token)?;
        shard.put(*token, Arc::clone(&entry), self.generation);
        Some(entry)
    }

    fn shard(&self, token: &Hash) -> &RwLock<Shard<E>> {
        &self.shards[(token.spread() >> 32) as usize % SHARDS]
    }

    fn read(&self, token: &Hash) -> RwLockReadGuard<'_, Shard<E>> {
        self.shard(token).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, token: &Hash) -> RwLockWriteGuard<'_, Shard<E>> {
        self.shard(token).write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E> Shard<E> {
    fn put(&mut self, token: Hash, entry: Arc<E>, generation: usize) {
        if self.young.len() >= generation && !self.young.contains_key(&token) {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(token, entry);
    }
}

/// A SHA-256 is spread well already.
#[derive(Default)]
struct Uniform(u64);

impl Hasher for Uniform {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_be_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}
}
