//! Who called? Those behind the requests that are kept.

use super::page::ago;
use jiff::Timestamp;
use serde::Serialize;
use std::{collections::HashSet, sync::Arc};
use tollgate_telemetry::Seen;

/// Somebody who was recognised.
#[derive(Serialize)]
pub(super) struct Person {
    who: String,
    through: String,
    roles: String,
    last: String,
    count: usize,
}

/// Those who called, the last one first.
pub(super) fn people(seen: &[Arc<Seen>], now: Timestamp) -> Vec<Person> {
    let is_known = |one: &&Arc<Seen>| anyone(one.fact("actor")) != "anyone" && !one.fact("who").is_empty();
    let known: Vec<_> = seen.iter().filter(is_known).collect();
    let mut told = HashSet::new();
    let firsts = known.iter().filter(|one| told.insert(one.fact("actor").to_owned()));
    let person = |one: &&Arc<Seen>| Person {
        who: one.fact("who").into(),
        through: one.fact("through").into(),
        roles: one.fact("roles").into(),
        last: ago(one, now),
        count: known.iter().filter(|other| other.fact("actor") == one.fact("actor")).count(),
    };
    firsts.map(person).collect()
}

/// An actor's id, or that there is none.
pub(super) fn anyone(actor: &str) -> &str {
    if ["", "-"].contains(&actor) { "anyone" } else { actor }
}
