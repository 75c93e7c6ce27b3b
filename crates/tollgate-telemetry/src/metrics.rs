//! What is shown to Prometheus: every metric of the process, in the text format that it asks for.

use crate::process;
use prometheus_client::{encoding::text::encode, metrics::info::Info, registry::Registry};

/// `OpenMetrics` 1.0, the standard that the text format of Prometheus became.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All that is shown.
#[derive(Debug, Default)]
pub struct Metrics(Registry);

impl Metrics {
    /// Those of the process, and one that says which app it is.
    pub fn of(app: &str, version: &str, environment: &str) -> Self {
        let mut registry = Registry::default();
        let labels = vec![("name", app.to_owned()), ("version", version.into()), ("environment", environment.into())];
        registry.register("tollgate_app", "Which app this is", Info::new(labels));
        registry.register_collector(Box::new(process::Process::started_now()));
        crate::log::metrics(&mut registry);
        #[cfg(feature = "otlp")]
        crate::otlp::metrics(&mut registry);
        Self(registry)
    }

    /// The same, with those that a function adds.
    #[must_use]
    pub fn with(mut self, add: impl FnOnce(&mut Registry)) -> Self {
        add(&mut self.0);
        self
    }

    /// All of them as they are now, in [that format](CONTENT_TYPE).
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        // To write to a `String` cannot fail.
        let _ = encode(&mut text, &self.0);
        text
    }
}
