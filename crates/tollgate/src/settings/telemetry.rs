//! What is said to those who look after the app.

use schemars::JsonSchema;
use serde::Deserialize;
use std::{collections::BTreeMap, net::SocketAddr};
use tollgate_core::Secret;

/// What a line of the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// For people.
    Text,
    /// For programs: one JSON object.
    Json,
}

/// What is measured and traced.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Telemetry {
    /// Where `GET /metrics` shows Prometheus how the app is doing, as in `127.0.0.1:9464`: an address of its own, since
    /// whoever reaches it may read. Default: nowhere.
    pub metrics: Option<SocketAddr>,
    /// Where traces are sent over OTLP, as in `http://127.0.0.1:4318/v1/traces`. Takes the feature `otlp`. Default: nowhere.
    pub traces: Option<String>,
    /// Headers that the receiver of traces asks for. Default: none.
    pub traces_headers: BTreeMap<String, Secret>,
    /// How many of the traces that begin here are sent, from 0 to 1; of those that begin elsewhere, all that are sent there.
    /// Default: 1.
    pub traces_sampled: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { metrics: None, traces: None, traces_headers: BTreeMap::new(), traces_sampled: 1.0 }
    }
}
