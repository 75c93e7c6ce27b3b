//! What the page says: everything as text and numbers, for its template.

use super::{
    Console, PATH,
    charts::{Chart, charts, clock, table},
    people::{Person, anyone, people},
    routes::{Group, groups},
    waterfall::{Part, bar, millis, parts, permission},
};
use crate::settings::MetricsAt;
use jiff::Timestamp;
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tollgate_http::pages::{Frame, Link};
use tollgate_telemetry::Seen;

/// How many requests are listed, of those that are kept, and how many problems.
const LISTED: usize = 40;
const PROBLEMS: usize = 20;
/// How many parts of one request are listed.
const PARTS: usize = 40;
const RECENT: Duration = Duration::from_mins(15);

#[derive(Serialize)]
pub(super) struct Page {
    frame: Frame,
    since: String,
    charts: [Chart; 4],
    table: Vec<[String; 7]>,
    /// The middle and the end of the scale of the waterfalls, in milliseconds.
    scale: [String; 2],
    requests: Vec<Row>,
    selected: Option<Selected>,
    /// Whether a request was asked for that is kept no more.
    is_gone: bool,
    problems: Vec<Problem>,
    people: Vec<Person>,
    routes: Vec<Group>,
    route_count: usize,
    links: Vec<Link>,
    /// A command that makes a request, where there is none yet.
    example: String,
}

#[derive(Serialize)]
struct Row {
    href: String,
    current: bool,
    time: String,
    method: String,
    path: String,
    status: u16,
    who: String,
    bar: String,
    took: String,
    group: Option<u32>,
}

/// One request in full.
#[derive(Serialize)]
struct Selected {
    method: String,
    path: String,
    status: u16,
    took: String,
    permissions: Vec<String>,
    facts: Vec<(&'static str, String)>,
    parts: Vec<Shown>,
    /// How many parts are not listed.
    more: usize,
}

#[derive(Serialize)]
struct Shown {
    part: Part,
    bar: String,
    took: String,
}

/// Problems that were raised at one place.
#[derive(Serialize)]
struct Problem {
    is_ours: bool,
    status: u16,
    title: String,
    cause: String,
    place: String,
    count: usize,
    last: String,
    href: String,
}

impl Console {
    /// The page, with that request in full; with the last one if none is asked for.
    pub(super) fn page(&self, frame: Frame, asked: Option<&str>) -> Page {
        let now = Timestamp::now();
        let (all, points) = (self.recent.requests(), self.recent.points());
        let problems = self.recent.problems();
        let mut known = all.iter().chain(&problems);
        let one = asked.map_or_else(|| all.first(), |id| known.find(|seen| seen.fact("request_id") == id));
        let listed = &all[..all.len().min(LISTED)];
        let scale = scale(listed);
        let current = one.map_or("", |one| one.fact("request_id"));
        let routes = groups(&self.running.design.built.routes, &self.recent.calls());
        Page {
            frame,
            since: time(self.recent.since(), "%H:%M"),
            charts: charts(&points, now),
            table: table(&points, now),
            scale: [scale / 2.0, scale].map(figure),
            requests: listed.iter().map(|seen| row(seen, scale, current)).collect(),
            selected: one.map(|seen| self.selected(seen)),
            is_gone: asked.is_some() && one.is_none(),
            problems: grouped(&problems, now),
            people: people(&all, now),
            route_count: routes.iter().map(Group::len).sum(),
            routes,
            links: self.links(),
            example: format!("curl -i {}/api/me", self.running.design.settings.public_url()),
        }
    }

    fn links(&self) -> Vec<Link> {
        let own = [("/docs", "API docs"), ("/openapi.json", "openapi.json"), ("/readyz", "Health")];
        let metrics = match self.running.design.settings.telemetry.metrics {
            Some(MetricsAt::Address(address)) if address.port() != 0 => {
                Some(Link::new(format!("http://{address}/metrics"), "Metrics"))
            }
            _ => None,
        };
        own.map(|(href, label)| Link::new(href, label)).into_iter().chain(metrics).collect()
    }

    fn selected(&self, seen: &Seen) -> Selected {
        let took = millis(seen.took);
        let parts = parts(seen);
        let more = parts.len().saturating_sub(PARTS);
        let shown = |part: Part| Shown { bar: bar(std::slice::from_ref(&part), took), took: figure(part.takes), part };
        let mut permissions: Vec<String> = seen.steps.iter().filter_map(permission).collect();
        permissions.dedup();
        Selected {
            method: seen.fact("method").into(),
            path: path(seen),
            status: seen.status(),
            took: figure(took),
            permissions,
            facts: self.facts(seen),
            parts: parts.into_iter().take(PARTS).map(shown).collect(),
            more,
        }
    }

    fn facts(&self, seen: &Seen) -> Vec<(&'static str, String)> {
        let who = match (seen.fact("who"), seen.fact("through")) {
            ("", _) => anyone(seen.fact("actor")).to_owned(),
            (who, through) => format!("{who}, through {through}"),
        };
        let is_of = |route: &&tollgate_http::RouteInfo| {
            route.path == seen.fact("route") && route.method.as_str() == seen.fact("method")
        };
        let handler =
            self.running.design.built.routes.iter().find(is_of).map(|route| super::routes::handler(route.handler));
        let group = group(seen).map(|size| format!("{size} in one round trip"));
        let fact = |name| seen.fact(name).to_owned();
        let facts = [
            ("Request", fact("request_id")),
            ("When", format!("{} (UTC)", time(seen.at, "%H:%M:%S%.3f"))),
            ("Who", who),
            ("Roles", fact("roles")),
            ("Route", fact("route")),
            ("Handler", handler.unwrap_or_default()),
            ("Group", group.unwrap_or_default()),
            ("Problem", fact("problem")),
            ("Cause", fact("cause")),
            ("Raised", if seen.status() >= 400 { fact("raised") } else { String::new() }),
        ];
        facts.into_iter().filter(|(_, fact)| !fact.is_empty() && fact != "-").collect()
    }
}

/// Where the time of nine in ten ends; the others go beyond the end.
fn scale(listed: &[Arc<Seen>]) -> f64 {
    let mut took: Vec<f64> = listed.iter().map(|seen| millis(seen.took)).collect();
    took.sort_by(f64::total_cmp);
    took.get(took.len().saturating_sub(1) * 9 / 10).copied().unwrap_or(1.0).max(0.1) * 1.02
}

fn row(seen: &Seen, scale: f64, current: &str) -> Row {
    let id = seen.fact("request_id");
    Row {
        href: href(id),
        current: id == current,
        time: time(seen.at, "%H:%M:%S%.3f"),
        method: seen.fact("method").into(),
        path: path(seen),
        status: seen.status(),
        who: who(seen),
        bar: bar(&parts(seen), scale),
        took: figure(millis(seen.took)),
        group: group(seen),
    }
}

/// An id that is in a path is one of ours, or of a proxy, and has letters, digits, `-` and `_`.
fn href(id: &str) -> String {
    format!("{PATH}?request={id}#request")
}

fn path(seen: &Seen) -> String {
    let query = seen.fact("query");
    format!("{}{}{query}", seen.fact("path"), if query.is_empty() { "" } else { "?" })
}

/// The beginning of an address or an id.
fn who(seen: &Seen) -> String {
    let who = if seen.fact("who").is_empty() { anyone(seen.fact("actor")) } else { seen.fact("who") };
    who.split('@').next().unwrap_or(who).chars().take(16).collect()
}

/// The largest group that the request travelled in.
fn group(seen: &Seen) -> Option<u32> {
    seen.steps.iter().filter_map(tollgate_telemetry::Step::group).max()
}

/// The problems of the last quarter of an hour by where they were raised, the last one first.
fn grouped(problems: &[Arc<Seen>], now: Timestamp) -> Vec<Problem> {
    let mut groups: BTreeMap<(u16, &str), (usize, &Seen)> = BTreeMap::new();
    let is_recent = |seen: &&Arc<Seen>| seen.at.elapsed().is_ok_and(|ago| ago < RECENT);
    for seen in problems.iter().filter(is_recent) {
        let place = if seen.fact("raised").is_empty() { seen.fact("route") } else { seen.fact("raised") };
        groups.entry((seen.status(), place)).or_insert((0, seen)).0 += 1;
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, (_, seen))| std::cmp::Reverse(seen.at));
    let problem = |((status, place), (count, seen)): ((u16, &str), (usize, &Seen))| Problem {
        is_ours: status >= 500,
        status,
        title: title(seen, status),
        cause: seen.fact("cause").into(),
        place: if place == "-" { "no route".into() } else { place.into() },
        count,
        last: ago(seen, now),
        href: href(seen.fact("request_id")),
    };
    groups.into_iter().take(PROBLEMS).map(problem).collect()
}

/// The problem's own words; of an answer that is none, what was asked.
fn title(seen: &Seen, status: u16) -> String {
    let said = seen.fact("problem");
    let words = said.strip_prefix(&status.to_string()).unwrap_or(said).trim_start();
    if words.is_empty() { format!("{} {}", seen.fact("method"), seen.fact("path")) } else { words.to_owned() }
}

/// When it was: a time of day, or that it was just now.
pub(super) fn ago(seen: &Seen, now: Timestamp) -> String {
    match seen.at.elapsed().map(|ago| ago.as_secs()).unwrap_or_default() {
        0..60 => "now".into(),
        seconds => clock(now, -i64::try_from(seconds).unwrap_or_default()),
    }
}

fn time(at: std::time::SystemTime, format: &str) -> String {
    Timestamp::try_from(at).map(|at| at.strftime(format).to_string()).unwrap_or_default()
}

/// Milliseconds as they are read.
fn figure(millis: f64) -> String {
    match millis {
        0.0..1.0 => format!("{millis:.2}"),
        1.0..100.0 => format!("{millis:.1}"),
        _ => format!("{millis:.0}"),
    }
}
