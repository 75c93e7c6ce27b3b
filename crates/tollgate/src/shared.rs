//! What requests share: kept answers, and counters of how often callers ask, within an instance or in a Redis that all of
//! them reach; and who is told of writes.

use crate::app::{Design, Failure};
use std::sync::Arc;
use tollgate_core::Clock;
use tollgate_http::{AnswerCache, AnswerStore, Later, Limits, Live, SharedCounters, Stop, Unwell};
use tollgate_store::{Table, Told, Watch};

/// Kept answers, and limits where there are any.
pub(crate) struct Shared {
    pub(crate) cache: AnswerCache,
    pub(crate) limits: Option<Arc<Limits>>,
    /// Asks the Redis, if there is one.
    pub(crate) redis: Option<Ping>,
    pub(crate) live: Live,
    watched: Vec<&'static Table>,
    followed: Vec<&'static Table>,
}

/// Asks whether it is there.
pub(crate) type Ping = Arc<dyn Fn() -> Later<'static, Result<(), Unwell>> + Send + Sync>;

/// Where all instances reach them.
type Elsewhere = (Arc<dyn AnswerStore>, Arc<dyn SharedCounters>, Ping);

impl Shared {
    pub(crate) fn open(design: &Design, clock: &Arc<dyn Clock>, stop: &Stop) -> Result<Self, Failure> {
        let (answers, counters, redis) = match elsewhere(design)? {
            Some((answers, counters, ping)) => (Some(answers), Some(counters), Some(ping)),
            None => (None, None, None),
        };
        let bytes = u64::from(design.settings.cache.mebibytes) << 20;
        let here = || AnswerCache::in_memory(bytes, Arc::clone(clock));
        let cache = answers.map_or_else(here, AnswerCache::new);
        let limits = Limits::new(design.settings.limits.quotas(), Arc::clone(clock), counters);
        let live = Live::new(design.live_limits(), stop.clone(), Arc::clone(clock));
        let (watched, followed) = (design.built.cached_tables.clone(), design.built.live_tables.clone());
        Ok(Self { cache, limits, redis, live, watched, followed })
    }

    /// Who is told of the writes of that table.
    pub(crate) fn watch(&self, table: &Table) -> Option<Arc<dyn Watch>> {
        let cache = self.watched.contains(&table).then(|| self.cache.clone());
        match (self.followed.contains(&table), cache) {
            (true, cache) => Some(Arc::new(Followed { live: self.live.clone(), cache })),
            (false, cache) => cache.map(|cache| Arc::new(cache) as _),
        }
    }
}

/// Those who follow the rows of a table, after what was kept of them is gone.
struct Followed {
    live: Live,
    cache: Option<AnswerCache>,
}

impl Watch for Followed {
    fn changed(&self, table: &'static Table) -> Told<'_> {
        Box::pin(async move {
            if let Some(cache) = &self.cache {
                cache.changed(table).await;
            }
            self.live.wake();
        })
    }

    fn follows_rows(&self) -> bool {
        true
    }
}

#[cfg(feature = "redis")]
fn elsewhere(design: &Design) -> Result<Option<Elsewhere>, Failure> {
    let Design { name, version, settings, .. } = design;
    let Some(url) = &settings.redis.url else { return Ok(None) };
    let app = format!("{name}-{}", settings.env);
    let crate::settings::Redis { cluster, ca, .. } = &settings.redis;
    let config = tollgate_redis::Config { url, cluster: *cluster, authorities: ca.as_deref() };
    let redis = tollgate_redis::Redis::open(&config, &app, &crate::edition::of(version));
    let redis = Arc::new(redis.map_err(|error| Failure::of(&error))?);
    let asked = Arc::clone(&redis);
    let ping = move || -> Later<'static, Result<(), Unwell>> {
        let redis = Arc::clone(&asked);
        Box::pin(async move { redis.ping().await.map_err(away) })
    };
    Ok(Some((Arc::clone(&redis) as _, redis, Arc::new(ping))))
}

#[cfg(feature = "redis")]
fn away(why: tollgate_redis::Unavailable) -> Unwell {
    let words = "it does not answer: each instance keeps answers and counts by itself".into();
    Unwell { words, cause: Some(why.into()) }
}

#[cfg(not(feature = "redis"))]
fn elsewhere(design: &Design) -> Result<Option<Elsewhere>, Failure> {
    if design.settings.redis.url.is_none() {
        return Ok(None);
    }
    let said = "`redis.url`: this app was built without Redis; turn on the feature `redis` of `tollgate`: cargo add \
                tollgate --features redis";
    Err(Failure(said.into()))
}
