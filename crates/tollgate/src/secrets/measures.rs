//! Are secrets that are kept elsewhere still found there?
//!
//! Labels are settings and words of this crate, never what a secret is or where it is kept.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use std::sync::LazyLock;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lookup {
    setting: String,
    result: &'static str,
}

static LOOKUPS: LazyLock<Family<Lookup, Counter>> = LazyLock::new(Family::default);

/// Adds the lookups of secrets to the metrics that are shown.
pub(crate) fn metrics(registry: &mut Registry) {
    let help = "Secrets looked up where they are kept; after a failure the last value stays";
    registry.register("tollgate_secret_lookups", help, LOOKUPS.clone());
}

/// The secret of a setting was looked up.
pub(super) fn looked_up(setting: &str, is_found: bool) {
    let count = |result| LOOKUPS.get_or_create_owned(&Lookup { setting: setting.to_owned(), result });
    let [success, failure] = ["success", "failure"].map(count);
    if is_found {
        success.inc()
    } else {
        failure.inc()
    };
}
