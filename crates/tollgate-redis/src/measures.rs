//! How does Redis answer?
//!
//! Counters of this process, found once: a call adds to two of them.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
use std::sync::LazyLock;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

/// From a tenth of a millisecond, which one on this machine takes, to all the time that a call has.
const SECONDS: [f64; 8] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05];

static CALLS: LazyLock<Family<Outcome, Counter>> = LazyLock::new(Family::default);
static DURATIONS: LazyLock<Histogram> = LazyLock::new(|| Histogram::new(SECONDS));

/// What became of calls.
pub(crate) struct Measures {
    /// Answered.
    pub(crate) answered: Counter,
    /// Answered with a "no": it is full, for example.
    pub(crate) refused: Counter,
    /// Without an answer: none in time, or no connection.
    pub(crate) lost: Counter,
    /// Not asked at all, because a call was lost a moment before.
    pub(crate) spared: Counter,
    /// How long those took that were asked.
    pub(crate) durations: Histogram,
}

pub(crate) static MEASURES: LazyLock<Measures> = LazyLock::new(|| {
    let of = |result| CALLS.get_or_create_owned(&Outcome { result });
    let (answered, refused, lost, spared) = (of("answered"), of("refused"), of("lost"), of("spared"));
    Measures { answered, refused, lost, spared, durations: DURATIONS.clone() }
});

/// Adds the metrics of Redis to those that are shown.
pub fn metrics(registry: &mut Registry) {
    LazyLock::force(&MEASURES);
    let help = "Calls to Redis: answered, refused, lost, or spared for a second after one was lost";
    registry.register("tollgate_redis_calls", help, CALLS.clone());
    registry.register("tollgate_redis_call_duration_seconds", "How long calls to Redis took", DURATIONS.clone());
}
