//! What do groups cost, and what do they save?
//!
//! How many callers travelled together, how many wait, and how many were turned away; and what tells a trace that a
//! caller's round trip was shared. Each batcher holds its own counters: nothing is looked up when a group departs.

use crate::Table;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::sync::LazyLock;
use tracing::{Level, Span, field::Empty};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    resource: &'static str,
    work: &'static str,
}

static SIZES: LazyLock<Family<Labels, Histogram>> =
    LazyLock::new(|| Family::new_with_constructor(|| Histogram::new([1., 2., 4., 8., 16., 32., 64., 128., 256.])));
static WAITING: LazyLock<Family<Labels, Gauge>> = LazyLock::new(Family::default);
static REFUSED: LazyLock<Family<Labels, Counter>> = LazyLock::new(Family::default);

/// Adds the store's metrics to those that are shown.
pub fn metrics(registry: &mut Registry) {
    crate::connections::metrics(registry);
    let sizes = "Callers whose reads or inserts travelled to the database as one statement; SQLite: all whose writes shared a commit";
    registry.register("tollgate_group_size", sizes, SIZES.clone());
    registry.register("tollgate_group_waiting", "Callers who wait for the next group", WAITING.clone());
    let refused = "Callers turned away because too many waited, or for too long";
    registry.register("tollgate_group_refused", refused, REFUSED.clone());
}

/// How many travel together, counted when they depart.
#[derive(Debug)]
pub struct GroupSizes(Histogram);

impl GroupSizes {
    /// Of whatever is written, where a database groups it by itself.
    #[must_use]
    pub fn of_commits() -> Self {
        Self(SIZES.get_or_create_owned(&Labels { resource: "*", work: "commit" }))
    }

    /// These round trips are one; each trace is told how many travelled with its caller.
    pub fn depart<'a>(&self, spans: impl ExactSizeIterator<Item = &'a Span>) {
        let size = spans.len();
        #[expect(clippy::cast_precision_loss, reason = "a group has 256 callers at most")]
        self.0.observe(size as f64);
        for span in spans {
            span.record("db.operation.batch.size", i64::try_from(size).unwrap_or(i64::MAX));
        }
    }
}

/// The counters of one batcher.
pub(crate) struct Measures {
    labels: Labels,
    pub(crate) sizes: GroupSizes,
    pub(crate) waiting: Gauge,
    pub(crate) refused: Counter,
}

impl Measures {
    /// Those of a table: `work` is `read` or `insert`.
    pub(crate) fn of(resource: &'static str, work: &'static str) -> Self {
        let labels = Labels { resource, work };
        let (sizes, waiting) = (SIZES.get_or_create_owned(&labels), WAITING.get_or_create_owned(&labels));
        Self { sizes: GroupSizes(sizes), waiting, refused: REFUSED.get_or_create_owned(&labels), labels }
    }

    /// A caller's round trip, for its trace; the size of the group is told when it departs.
    pub(crate) fn span(&self) -> Span {
        span(self.labels.work, self.labels.resource)
    }
}

/// A round trip to the database, for a trace: without a receiver of traces it costs nothing.
pub(crate) fn round_trip(work: &'static str, table: &Table) -> Span {
    span(work, table.name)
}

/// Work that is no step of anything, as what looks for news twice a second, begins no trace.
fn span(work: &'static str, resource: &'static str) -> Span {
    if !tracing::span_enabled!(target: "tollgate::trace", Level::DEBUG) || Span::current().is_none() {
        return Span::none();
    }
    tracing::debug_span!(
        target: "tollgate::trace",
        "store",
        otel.kind = "client",
        db.operation.name = work,
        db.collection.name = resource,
        db.operation.batch.size = Empty
    )
}
