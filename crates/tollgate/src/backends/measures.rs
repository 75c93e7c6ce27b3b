//! How are the APIs doing that the app asks? Labels are names of the settings and words of this module.

use super::{ErrorKind, Response};
use std::{sync::LazyLock, time::Duration};
use tollgate_telemetry::{
    Registry,
    prometheus_client::metrics::{counter::Counter, family::Family, histogram::Histogram},
};

/// Bounds of the durations, in seconds.
const SECONDS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 2.5];

type Labels<const N: usize> = [(&'static str, &'static str); N];

static DURATIONS: LazyLock<Family<Labels<2>, Histogram>> =
    LazyLock::new(|| Family::new_with_constructor(|| Histogram::new(SECONDS)));
static RETRIES: LazyLock<Family<Labels<1>, Counter>> = LazyLock::new(Family::default);

/// Adds the metrics of other APIs to those that are shown.
pub(crate) fn metrics(registry: &mut Registry) {
    let help = "How long other APIs took to answer, all tries of a request together";
    registry.register("tollgate_backend_request_duration_seconds", help, DURATIONS.clone());
    registry.register("tollgate_backend_retries", "Requests to other APIs that were tried again", RETRIES.clone());
}

pub(super) fn asked(backend: &'static str, result: &Result<Response, ErrorKind>, took: Duration) {
    let result = match result {
        Ok(response) if response.status.is_success() => "success",
        Ok(response) if response.status.is_client_error() => "refused",
        Ok(_) => "failed",
        Err(kind) => kind.word(),
    };
    DURATIONS.get_or_create(&[("backend", backend), ("result", result)]).observe(took.as_secs_f64());
}

pub(super) fn tried_again(backend: &'static str) {
    RETRIES.get_or_create(&[("backend", backend)]).inc();
}
