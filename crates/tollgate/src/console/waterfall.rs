//! Where did a request's time go? Its steps one after the other, and what lies between them.

use serde::Serialize;
use std::fmt::Write as _;
use tollgate_telemetry::{Seen, Step};

/// A part of a request's time, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Part {
    /// `token`, `permission`, `wait`, `store`, `call` or `other`.
    pub(super) stage: &'static str,
    pub(super) name: &'static str,
    /// What it was about.
    pub(super) about: String,
    pub(super) starts: f64,
    pub(super) takes: f64,
}

/// What is shorter than that, in milliseconds, is not worth a part of its own.
const LEAST: f64 = 0.005;

/// The parts of a request, in order. Of what happened at once, the first is shown.
pub(super) fn parts(seen: &Seen) -> Vec<Part> {
    let mut steps: Vec<&Step> = seen.steps.iter().collect();
    steps.sort_by_key(|step| step.began);
    let (mut parts, mut edge) = (vec![], 0.0);
    for step in steps {
        let (began, ends) = (millis(step.began), millis(step.began + step.took));
        if ends <= edge && ends > 0.0 {
            continue;
        }
        let first = parts.is_empty();
        gap(
            &mut parts,
            edge,
            began,
            if first { ("Pipeline", "id, limits, route") } else { ("Work", "handler and framework") },
        );
        let start = began.max(edge);
        let departs = (began + millis(step.waited)).clamp(start, ends);
        if departs - start > LEAST {
            let about = "until its group departed".to_owned();
            parts.push(Part { stage: "wait", name: "Waiting", about, starts: start, takes: departs - start });
        }
        let (stage, name) = stage(step);
        let starts = if departs - start > LEAST { departs } else { start };
        parts.push(Part { stage, name, about: about(step), starts, takes: ends - starts });
        edge = ends;
    }
    let name = if parts.is_empty() { ("Everything", "no step of it is known") } else { ("Answer", "body and headers") };
    gap(&mut parts, edge, millis(seen.took), name);
    parts
}

fn gap(parts: &mut Vec<Part>, from: f64, to: f64, (name, about): (&'static str, &str)) {
    if to - from > LEAST {
        parts.push(Part { stage: "other", name, about: about.to_owned(), starts: from, takes: to - from });
    }
}

fn stage(step: &Step) -> (&'static str, &'static str) {
    match step.name {
        "token" => ("token", "Token"),
        "permission" => ("permission", "Permission"),
        "store" => ("store", "Store"),
        "call" => ("call", "Call"),
        _ => ("other", "Step"),
    }
}

fn about(step: &Step) -> String {
    let fact = |name: &str| step.facts.get(name).map_or("", String::as_str);
    match step.name {
        "token" => "who it is".into(),
        "permission" => permission(step).unwrap_or_default(),
        "store" => {
            let of = format!("{} of {}", fact("db.operation.name"), fact("db.collection.name"));
            match step.group() {
                Some(1) => format!("{of}, alone"),
                Some(size) => format!("{of}, {size} in one round trip"),
                None => of,
            }
        }
        "call" => ["server.address", "url.full"].map(fact).concat(),
        other => other.into(),
    }
}

/// The permission that a step was about, as in `read:movies`.
pub(super) fn permission(step: &Step) -> Option<String> {
    Some(format!("{}:{}", step.facts.get("action")?, step.facts.get("resource")?))
}

pub(super) fn millis(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The parts as one bar on a scale of so many milliseconds. Slivers get a least width and push the rest.
pub(super) fn bar(parts: &[Part], scale: f64) -> String {
    const LEAST_WIDTH: f64 = 1.3;
    const GAP: f64 = 0.35;
    let (mut svg, mut edge) = (String::new(), 0.0_f64);
    for Part { stage, starts, takes, .. } in parts {
        let (x, width) = ((starts / scale * 100.0).max(edge), (takes / scale * 100.0 - GAP).max(LEAST_WIDTH));
        // What took longer than the scale goes to its end.
        let shown = width.min(100.0 - x);
        if shown > 0.0 {
            let _ = write!(svg, r#"<rect class="stage-{stage}" x="{x:.2}%" width="{shown:.2}%" height="10" rx="1"/>"#);
        }
        edge = x + width + GAP;
    }
    format!(r#"<svg width="100%" height="10" aria-hidden="true">{svg}</svg>"#)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tollgate_telemetry::Recent;
    use tracing_subscriber::{Registry, layer::SubscriberExt};

    #[test]
    fn waiting_for_a_group_is_told_from_the_round_trip() {
        let recent = Recent::new(|_| (), |_| true);
        tracing::subscriber::with_default(Registry::default().with(recent.layer()), || {
            let request = tracing::debug_span!(target: "tollgate::trace", "request");
            let _within = request.enter();
            std::thread::sleep(Duration::from_millis(2));
            let store = tracing::debug_span!(
                target: "tollgate::trace", "store", db.operation.name = "read", db.collection.name = "films",
                db.operation.batch.size = tracing::field::Empty
            );
            std::thread::sleep(Duration::from_millis(2));
            store.record("db.operation.batch.size", 3);
            std::thread::sleep(Duration::from_millis(2));
            drop(store);
            tracing::info!(target: "tollgate::request", path = "/films/1", status = 200, "answered");
        });
        let seen = &recent.requests()[0];
        let parts = parts(seen);
        let stages: Vec<_> = parts.iter().map(|part| part.stage).collect();
        assert_eq!(stages[..3], ["other", "wait", "store"]);
        assert_eq!(parts[2].about, "read of films, 3 in one round trip");
        assert!(parts.iter().all(|part| part.takes > 0.0) && parts[1].takes >= 2.0 && parts[2].takes >= 2.0);
        let sum: f64 = parts.iter().map(|part| part.takes).sum();
        assert!((sum - millis(seen.took)).abs() < 0.1, "{sum}: {parts:?}");
    }
}
