//! How full is an app, and how often does it answer with what it kept? Looked at when somebody asks.
//!
//! Places and kept answers count for themselves; this shows what they counted, so a request pays nothing for it.

use crate::{AnswerCache, Load};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};
use std::{fmt, sync::Arc};

/// What the places and the kept answers of an app come to.
pub struct Counts {
    load: Arc<Load>,
    cache: AnswerCache,
}

impl Counts {
    /// Those of an app.
    pub fn of(load: Arc<Load>, cache: AnswerCache) -> Self {
        Self { load, cache }
    }
}

impl Collector for Counts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (load, to) = (self.load.counts(), &mut encoder);
        let gauge = |number: usize| ConstGauge::new(i64::try_from(number).unwrap_or(i64::MAX));
        write(to, "tollgate_requests_in_flight", "Requests that have a place", &gauge(load.in_flight))?;
        write(to, "tollgate_requests_queued", "Requests that wait for a place", &gauge(load.queued))?;
        write(to, "tollgate_requests_places", "Requests that may run at once", &gauge(load.most))?;
        let help = "Requests sent away with 503, because there was no place for them";
        write(to, "tollgate_requests_shed", help, &ConstCounter::new(load.shed))?;
        let kept = self.cache.counts();
        let results = [("hit", kept.hits.saturating_sub(kept.waits)), ("waited", kept.waits), ("miss", kept.misses)];
        let help = "Requests to cached routes: answered with what was kept, with what another computed, or computed";
        let mut family = to.encode_descriptor("tollgate_cache_requests", help, None, MetricType::Counter)?;
        results.into_iter().try_for_each(|(result, count)| {
            ConstCounter::new(count).encode(family.encode_family(&[("result", result)])?)
        })
    }
}

fn write(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counts")
    }
}
