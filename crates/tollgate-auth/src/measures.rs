//! How is recognising callers going?
//!
//! Counters of this process. Labels are names of the settings and words of this crate, never what somebody sent.

use crate::token::Refusal;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::{
    sync::LazyLock,
    time::{SystemTime, UNIX_EPOCH},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfIssuer {
    issuer: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Fetch {
    issuer: String,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Login {
    way: String,
    result: &'static str,
}

static REMEMBERED: LazyLock<Family<Outcome, Counter>> = LazyLock::new(Family::default);
static HITS: LazyLock<Counter> = LazyLock::new(|| REMEMBERED.get_or_create_owned(&Outcome { result: "hit" }));
static MISSES: LazyLock<Counter> = LazyLock::new(|| REMEMBERED.get_or_create_owned(&Outcome { result: "miss" }));
static REFUSED: LazyLock<Family<Reason, Counter>> = LazyLock::new(Family::default);
static FETCHES: LazyLock<Family<Fetch, Counter>> = LazyLock::new(Family::default);
static FETCHED: LazyLock<Family<OfIssuer, Gauge>> = LazyLock::new(Family::default);
static KEYS: LazyLock<Family<OfIssuer, Gauge>> = LazyLock::new(Family::default);
static LOGINS: LazyLock<Family<Login, Counter>> = LazyLock::new(Family::default);

/// Adds the metrics of identity to those that are shown.
pub fn metrics(registry: &mut Registry) {
    LazyLock::force(&HITS);
    LazyLock::force(&MISSES);
    for way in ["password", "code"] {
        for result in ["success", "failure", "throttled"] {
            drop(LOGINS.get_or_create(&Login { way: way.to_owned(), result }));
        }
    }
    let help = "Access tokens looked up among those that were verified before";
    registry.register("tollgate_token_cache_requests", help, REMEMBERED.clone());
    registry.register("tollgate_token_refusals", "Access tokens refused", REFUSED.clone());
    registry.register("tollgate_jwks_fetches", "Key sets asked for", FETCHES.clone());
    let help = "When the key set in use was fetched, in seconds since 1970";
    registry.register("tollgate_jwks_fetched_timestamp_seconds", help, FETCHED.clone());
    registry.register("tollgate_jwks_keys", "Usable keys of an issuer", KEYS.clone());
    let help = "Sign-ins tried, by a password or a provider; after a password, codes of a second factor";
    registry.register("tollgate_logins", help, LOGINS.clone());
}

pub(crate) fn token_remembered() {
    HITS.inc();
}

pub(crate) fn token_new() {
    MISSES.inc();
}

pub(crate) fn token_refused(why: Refusal) {
    REFUSED.get_or_create(&Reason { reason: why.word() }).inc();
}

/// The key set of an issuer arrived, with so many usable keys, or did not.
pub(crate) fn fetched(issuer: &str, keys: Option<usize>) {
    let result = if keys.is_some() { "success" } else { "failure" };
    FETCHES.get_or_create(&Fetch { issuer: issuer.to_owned(), result }).inc();
    if let Some(keys) = keys {
        let of = OfIssuer { issuer: issuer.to_owned() };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        FETCHED.get_or_create(&of).set(i64::try_from(now).unwrap_or(i64::MAX));
        KEYS.get_or_create(&of).set(i64::try_from(keys).unwrap_or(i64::MAX));
    }
}

/// An issuer whose keys will be asked for: it is shown before it is.
pub(crate) fn will_fetch(issuer: &str) {
    for result in ["success", "failure"] {
        drop(FETCHES.get_or_create(&Fetch { issuer: issuer.to_owned(), result }));
    }
}

/// Somebody tried to sign in by a `password`, by the `code` that comes after it, or by the provider of that name in the
/// settings.
pub(crate) fn login(way: &str, result: &'static str) {
    LOGINS.get_or_create(&Login { way: way.to_owned(), result }).inc();
}
