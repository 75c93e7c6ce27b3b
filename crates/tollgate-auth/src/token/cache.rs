//! Tokens seen before: a second look costs one hash.
//!
//! What is remembered is a hash, so the memory holds no token, and an `Entry` that knows everything that could
//! end it early: its `exp`, the key that verified it, and the revocations it was checked against. It is bounded by
//! two generations: what is used moves to the young one; when that is full the old one is forgotten whole. Only
//! tokens that verified get in, so a flood of garbage pushes nobody out.
//!
//! Invariant: an entry is answered only before `exp`, while its key is live, and not after its revocation.

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
    pub(super) verified: Arc<Verified>,
    /// Whom it speaks of.
    pub(super) actor: Actor,
    pub(super) key: Arc<Key>,
    pub(super) keys: Keys,
    /// The version of the revocations it was checked against.
    pub(super) checked: AtomicU64,
}

impl Entry {
    fn is_good(&self, now: u64) -> bool {
        now < self.verified.expires && self.key.is_live()
    }
}

/// The verified-token cache.
pub(super) struct Cache {
    shards: [RwLock<Shard>; SHARDS],
    /// How many entries a generation of a shard holds.
    generation: usize,
}

#[derive(Default)]
struct Shard {
    young: Entries,
    old: Entries,
}

type Entries = HashMap<Hash, Arc<Entry>, BuildHasherDefault<Uniform>>;

impl Cache {
    /// Holds at most about `most` entries.
    pub(super) fn new(most: usize) -> Self {
        Self { shards: Default::default(), generation: most.div_ceil(2 * SHARDS).max(1) }
    }

    pub(super) fn get(&self, token: &Hash, now: u64) -> Option<Arc<Entry>> {
        let young = self.read(token).young.get(token).cloned();
        let entry = young.or_else(|| self.rejuvenate(token))?;
        if entry.is_good(now) {
            return Some(entry);
        }
        self.forget(token);
        None
    }

    pub(super) fn put(&self, token: Hash, entry: Arc<Entry>) {
        self.write(&token).put(token, entry, self.generation);
    }

    pub(super) fn forget(&self, token: &Hash) {
        let mut shard = self.write(token);
        shard.young.remove(token);
        shard.old.remove(token);
    }

    pub(super) fn len(&self) -> usize {
        let len = |shard: &RwLock<Shard>| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(len).sum()
    }

    fn rejuvenate(&self, token: &Hash) -> Option<Arc<Entry>> {
        if !self.read(token).old.contains_key(token) {
            return None;
        }
        let mut shard = self.write(token);
        let entry = shard.old.remove(token)?;
        shard.put(*token, Arc::clone(&entry), self.generation);
        Some(entry)
    }

    fn shard(&self, token: &Hash) -> &RwLock<Shard> {
        &self.shards[(token.spread() >> 32) as usize % SHARDS]
    }

    fn read(&self, token: &Hash) -> RwLockReadGuard<'_, Shard> {
        self.shard(token).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, token: &Hash) -> RwLockWriteGuard<'_, Shard> {
        self.shard(token).write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn put(&mut self, token: Hash, entry: Arc<Entry>, generation: usize) {
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
