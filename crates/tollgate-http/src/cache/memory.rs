//! Answers that are kept in this process. What other instances write is not seen here: an answer may be as old as its
//! route says.

use super::{AnswerKey, AnswerStore, Found, Kept, Later, Stamp};
use moka::sync::Cache;
use std::{
    collections::HashMap,
    future::ready,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tollgate_core::Clock;
use tollgate_store::Table;

/// Kept answers, as many as fit.
pub struct InMemory {
    kept: Cache<AnswerKey, Entry>,
    /// How often each table was written.
    generations: RwLock<HashMap<&'static str, u64>>,
    clock: Arc<dyn Clock>,
}

tollgate_core::debug_by_name!(InMemory);

#[derive(Clone)]
struct Entry {
    kept: Arc<Kept>,
    stamp: Stamp,
    /// In the time of the stopwatch, which no change of the calendar moves.
    until: Duration,
}

impl InMemory {
    /// Room for that many bytes.
    pub fn new(bytes: u64, clock: Arc<dyn Clock>) -> Self {
        let size = |_: &AnswerKey, entry: &Entry| u32::try_from(entry.kept.size()).unwrap_or(u32::MAX);
        let kept = Cache::builder().max_capacity(bytes).weigher(size).build();
        Self { kept, generations: RwLock::default(), clock }
    }

    fn stamp(&self, tables: &[&'static Table]) -> Stamp {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        tables.iter().map(|table| generations.get(table.name).copied().unwrap_or_default()).collect()
    }
}

impl AnswerStore for InMemory {
    fn find<'a>(&'a self, key: &'a AnswerKey, tables: &'a [&'static Table]) -> Later<'a, Found> {
        let (stamp, now) = (self.stamp(tables), self.clock.uptime());
        let kept = self.kept.get(key).filter(|entry| entry.stamp == stamp && now < entry.until);
        Box::pin(ready(Found { stamp: Some(stamp), kept: kept.map(|entry| entry.kept) }))
    }

    fn keep<'a>(&'a self, key: &'a AnswerKey, stamp: Stamp, kept: Arc<Kept>, lifetime: Duration) -> Later<'a, ()> {
        self.kept.insert(*key, Entry { kept, stamp, until: self.clock.uptime() + lifetime });
        Box::pin(ready(()))
    }

    fn changed(&self, table: &'static Table) -> Later<'_, ()> {
        let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
        *generations.entry(table.name).or_default() += 1;
        Box::pin(ready(()))
    }
}
