//! What is said to those who look after the app.

use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};
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
    /// Where `GET /metrics` shows Prometheus how the app is doing: an address of its own, since whoever reaches it may read,
    /// or `off`. Default: `127.0.0.1:9464`, `off` in `dev`.
    pub metrics: Option<MetricsAt>,
    /// Where traces are sent over OTLP, as in `http://127.0.0.1:4318/v1/traces`. Takes the feature `otlp`. Default: nowhere.
    pub traces: Option<String>,
    /// Headers that the receiver of traces asks for, as in `{ x-api-key = "…" }`; in a variable, as JSON. Default: none.
    pub traces_headers: BTreeMap<String, Secret>,
    /// How many of the traces that begin here are sent, from 0 to 1; of those that begin elsewhere, behind a proxy, all that
    /// are sent there. Default: 1.
    pub traces_sampled: f64,
}

/// Where metrics are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
#[non_exhaustive]
pub enum MetricsAt {
    /// Nowhere.
    Off,
    /// At an address of their own.
    Address(SocketAddr),
}

impl MetricsAt {
    /// Where Prometheus looks if nobody tells it otherwise: on this machine, at the port that exporters of OpenTelemetry have.
    pub(crate) const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);
}

impl TryFrom<String> for MetricsAt {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "off" => Ok(Self::Off),
            text => {
                text.parse().map(Self::Address).map_err(|_| "this is no address such as `127.0.0.1:9464`, nor `off`")
            }
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { metrics: None, traces: None, traces_headers: BTreeMap::new(), traces_sampled: 1.0 }
    }
}
