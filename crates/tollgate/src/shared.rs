//! What the instances of an app share: a Redis, where one is configured.

use crate::{app::Failure, settings::Settings};
use std::sync::Arc;
use tollgate_http::{AnswerStore, SharedCounters};

/// Kept answers and counters that all instances reach.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) answers: Option<Arc<dyn AnswerStore>>,
    pub(crate) counters: Option<Arc<dyn SharedCounters>>,
}

impl Shared {
    #[cfg(feature = "redis")]
    pub(crate) fn open(name: &str, version: &str, settings: &Settings) -> Result<Self, Failure> {
        let Some(url) = &settings.redis.url else { return Ok(Self::default()) };
        let app = format!("{name}-{}", settings.env);
        let redis = tollgate_redis::Redis::open(url.reveal(), settings.redis.cluster, &app, version);
        let redis = Arc::new(redis.map_err(|error| Failure::of(&error))?);
        Ok(Self { answers: Some(Arc::clone(&redis) as _), counters: Some(redis) })
    }

    #[cfg(not(feature = "redis"))]
    pub(crate) fn open(_: &str, _: &str, settings: &Settings) -> Result<Self, Failure> {
        if settings.redis.url.is_none() {
            return Ok(Self::default());
        }
        let said = "`redis.url`: this app was built without Redis; turn on the feature `redis` of `tollgate`, as in cargo run \
                    --features redis";
        Err(Failure(said.into()))
    }
}
