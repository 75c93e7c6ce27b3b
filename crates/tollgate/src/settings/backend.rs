//! Other APIs that the app asks.

use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_core::Secret;

/// Another API that the app asks: `[backends.weather]` is the one that it calls `weather`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BackendSettings {
    /// Where it is, as in `https://api.weather.example/v1`; `http` only on this machine, or with `insecure`.
    pub url: String,
    /// Whether `http` may go beyond this machine, as within a cluster whose mesh encrypts. Default: no.
    #[serde(default)]
    pub insecure: bool,
    /// A bearer token that is sent along. Default: none.
    pub token: Option<Secret>,
    /// How long an answer may take, all tries together, in milliseconds. Default: 2000.
    #[serde(default = "timeout_milliseconds")]
    pub timeout_milliseconds: u32,
    /// How often a request that may be repeated is tried. All together, one in ten requests is tried again. Default: 3.
    #[serde(default = "tries")]
    pub tries: u8,
    /// The largest answer that is taken, in KiB. Default: 1024.
    #[serde(default = "response_kibibytes")]
    pub response_kibibytes: u32,
    /// A path that answers a success while the API is well, as in `/health`: `/readyz` then shows it. It has no say in
    /// whether the app is ready. Default: none.
    pub health: Option<String>,
}

fn timeout_milliseconds() -> u32 {
    2000
}

fn tries() -> u8 {
    3
}

fn response_kibibytes() -> u32 {
    1024
}
