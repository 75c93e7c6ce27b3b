//! How many connections are there, and how many requests were refused before any route was asked?

use axum::http::StatusCode;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::sync::LazyLock;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    reason: &'static str,
}

static OPEN: LazyLock<Gauge> = LazyLock::new(Gauge::default);
static REFUSED: LazyLock<Family<Refused, Counter>> = LazyLock::new(Family::default);

/// What a status says at this place, where few are given.
const REASONS: [(StatusCode, &str); 5] = [
    (StatusCode::SERVICE_UNAVAILABLE, "full"),
    (StatusCode::REQUEST_TIMEOUT, "slow"),
    (StatusCode::URI_TOO_LONG, "large"),
    (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "large"),
    (StatusCode::BAD_REQUEST, "malformed"),
];

/// Adds the metrics of connections to those that are shown.
pub(crate) fn metrics(registry: &mut Registry) {
    // Shown from the start: a counter that appears with its first refusal hides that one.
    for (_, reason) in REASONS {
        drop(REFUSED.get_or_create(&Refused { reason }));
    }
    registry.register("tollgate_connections_open", "Connections that are open", OPEN.clone());
    let help = "Requests that came to no route: too many connections (full, 503), a head that came too slowly (slow, 408), \
                was too large (large, 414 and 431) or is no HTTP (malformed, 400)";
    registry.register("tollgate_connection_refusals", help, REFUSED.clone());
}

/// A request was refused before any route was asked.
pub(super) fn refused(status: StatusCode) {
    let reason = REASONS.iter().find(|(known, _)| *known == status).map_or("malformed", |(_, reason)| reason);
    REFUSED.get_or_create(&Refused { reason }).inc();
}

/// A connection, for as long as it is open.
pub(super) struct Counted(());

impl Counted {
    pub(super) fn begin() -> Self {
        OPEN.inc();
        Self(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        OPEN.dec();
    }
}
