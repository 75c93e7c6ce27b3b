//! Counters of one process, in bounded memory and by the stopwatch: no change of the calendar gives or takes anything.
//!
//! Of each caller one number is kept: when all of their quota will be there again. Who has all of it is as good as unknown.
//! Where there is no room left, whoever has the most of it among some is forgotten; that gives away the least, and takes
//! no longer however many come.

use super::Quota;
use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tollgate_core::Clock;

const SHARDS: usize = 16;
/// How many callers a shard knows.
const MOST: usize = 8192;
/// Among how many of them one is chosen to be forgotten.
const LOOKED_AT: usize = 16;

/// By the hash of who is counted: the key of the hash is random, so that nobody picks two with the same, or who is next to
/// whom.
type Shard = Mutex<BTreeMap<u64, Duration>>;

pub(super) struct Counters {
    shards: [Shard; SHARDS],
    hash: RandomState,
    clock: Arc<dyn Clock>,
}

impl Counters {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { shards: Default::default(), hash: RandomState::new(), clock }
    }

    /// Counts a request: how long it takes until all of the quota is there again. One that is over is not counted.
    pub(super) fn count(&self, who: (&str, &str), quota: Quota) -> Duration {
        let (hash, now) = (self.hash.hash_one(who), self.clock.uptime());
        #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are as good as any")]
        let shard = &self.shards[hash as usize % SHARDS];
        let mut whole_at = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let next = whole_at.get(&hash).map_or(now, |at| now.max(*at)) + quota.interval();
        let debt = next.saturating_sub(now);
        if debt <= quota.window() {
            if whole_at.len() >= MOST && !whole_at.contains_key(&hash) {
                make_room(&mut whole_at, hash);
            }
            whole_at.insert(hash, next);
        }
        debt
    }
}

/// Forgets one of those whose hashes follow that one, which are any.
fn make_room(whole_at: &mut BTreeMap<u64, Duration>, hash: u64) {
    let some = whole_at.range(hash..).chain(whole_at.range(..hash)).take(LOOKED_AT);
    let least = some.min_by_key(|(_, at)| **at).map(|(who, _)| *who);
    least.and_then(|who| whole_at.remove(&who));
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::ManualClock;

    #[test]
    fn what_was_taken_comes_back_evenly() {
        let clock = ManualClock::at(jiff::Timestamp::UNIX_EPOCH);
        let (counters, quota) = (Counters::new(Arc::new(clock.clone())), "10 per second".parse::<Quota>().unwrap());
        let is_free = |who| counters.count(("test", who), quota) <= quota.window();
        assert_eq!((0..20).filter(|_| is_free("ann")).count(), 10);
        assert!(is_free("bob"), "another's quota is another");
        clock.advance(Duration::from_millis(99));
        assert!(!is_free("ann"));
        clock.advance(Duration::from_millis(1));
        assert_eq!((0..20).filter(|_| is_free("ann")).count(), 1);
        clock.advance(Duration::from_hours(1));
        assert_eq!((0..20).filter(|_| is_free("ann")).count(), 10, "no more than all of it comes back");
    }

    #[test]
    fn many_addresses_take_bounded_memory() {
        let clock = ManualClock::at(jiff::Timestamp::UNIX_EPOCH);
        let (counters, quota) = (Counters::new(Arc::new(clock.clone())), "2 per day".parse::<Quota>().unwrap());
        for number in 0..3 * SHARDS * MOST {
            counters.count(("address", &number.to_string()), quota);
        }
        let known: usize = counters.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(known <= SHARDS * MOST, "{known}");
    }
}
