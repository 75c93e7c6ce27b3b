//! How many read, what they are sent, and why they ended.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::sync::LazyLock;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    resource: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    why: &'static str,
}

static READERS: LazyLock<Family<Of, Gauge>> = LazyLock::new(Family::default);
static EVENTS: LazyLock<Family<Of, Counter>> = LazyLock::new(Family::default);
static ENDED: LazyLock<Family<Why, Counter>> = LazyLock::new(Family::default);

/// Adds those to the metrics that are shown.
pub(crate) fn metrics(registry: &mut Registry) {
    for why in ["left", "slow", "refused", "scope", "unsure", "stop"] {
        drop(ENDED.get_or_create(&Why { why }));
    }
    registry.register("tollgate_live_readers", "Streams of changes that are open", READERS.clone());
    registry.register("tollgate_live_events", "Changes that were sent to readers", EVENTS.clone());
    let help = "Streams of changes that ended: the reader left or was too slow, is not let in any more, reaches other rows, \
                could not be recognised for a minute, or the process ends";
    registry.register("tollgate_live_ended", help, ENDED.clone());
}

/// Shows a resource that somebody may follow, before anybody does.
pub(super) fn known(resource: &'static str) {
    drop((READERS.get_or_create_owned(&Of { resource }), EVENTS.get_or_create_owned(&Of { resource })));
}

/// Counts one reader as long as it lives, and why it ended.
pub(super) struct Measured {
    readers: Gauge,
    events: Counter,
    why: &'static str,
}

impl Measured {
    pub(super) fn of(resource: &'static str) -> Self {
        let of = Of { resource };
        let (readers, events) = (READERS.get_or_create_owned(&of), EVENTS.get_or_create_owned(&of));
        readers.inc();
        Self { readers, events, why: "left" }
    }

    pub(super) fn sent(&self, events: usize) {
        self.events.inc_by(events as u64);
    }

    pub(super) fn ends(&mut self, why: &'static str) {
        self.why = why;
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.readers.dec();
        ENDED.get_or_create(&Why { why: self.why }).inc();
    }
}
