//! What is kept of answers, how often callers may ask, and what instances share of both.

use schemars::JsonSchema;
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};
use tollgate_core::Secret;
use tollgate_http::{Quota, Quotas};

/// Answers that are kept for others.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Cache {
    /// How much memory the answers of cached routes may take in each instance, in MiB; where there is a Redis, they are kept
    /// there. Default: 32.
    pub mebibytes: u32,
}

impl Default for Cache {
    fn default() -> Self {
        Self { mebibytes: 32 }
    }
}

/// How often callers may ask, as in `100 per minute`; the unit is `second`, `minute`, `hour` or `day`. They may come at once,
/// and come back evenly. Each instance counts by itself, and all together where there is a Redis. Default: as often as they like.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Of an IPv4 address, or a /64 network of IPv6, for everything that the app answers.
    #[schemars(with = "Option<String>")]
    pub address: Option<Quota>,
    /// Of somebody who is signed in.
    #[schemars(with = "Option<String>")]
    pub actor: Option<Quota>,
    /// Of an API key.
    #[schemars(with = "Option<String>")]
    pub key: Option<Quota>,
    /// Of a caller on one route, as in `"POST /movies" = "10 per minute"`.
    #[schemars(with = "BTreeMap<String, String>")]
    pub routes: BTreeMap<String, Quota>,
}

impl Limits {
    pub(crate) fn quotas(&self) -> Quotas {
        let Self { address, actor, key, routes } = self.clone();
        Quotas { address, actor, key, routes }
    }
}

/// What the instances share: answers of cached routes, and counters of requests. It may be lost: answers are then computed,
/// and each instance counts by itself.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Redis {
    /// As in `redis://user:password@host:6379/0`, or `rediss://` for TLS; needs the feature `redis`. Default: none.
    pub url: Option<Secret>,
    /// Whether it is a cluster: the URL then names one or several of its nodes, separated by commas. Default: no.
    pub cluster: bool,
    /// With TLS: a PEM file with certificates of the authorities that it may be certified by. Default: those of the system.
    pub ca: Option<PathBuf>,
}
