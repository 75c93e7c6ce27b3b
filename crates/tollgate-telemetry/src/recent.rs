//! What did the last requests do, step by step? For a developer who looks on.
//!
//! A layer that hears the steps of requests (spans of the target `tollgate::trace`) and what the edge says of each at its
//! end (`answered`, `refused`). It keeps the last few, and counts all of the last quarter of an hour. Nothing of it is
//! there unless a developer's console is: otherwise steps cost a comparison.
//!
//! Invariant: its memory is bounded, whatever is sent: texts are cut, and each collection has a limit.

use crate::{Layered, Scope, redact::redact};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, filter_fn},
    layer::Context,
    registry::LookupSpan,
};

/// How many requests are kept, and how many problems.
const KEPT: usize = 200;
/// How long a point of a chart is, and how many there are: a quarter of an hour.
const POINT: Duration = Duration::from_secs(15);
const POINTS: usize = 60;
/// How many durations of a point are kept, for its percentiles.
const SAMPLES: usize = 500;
/// How many steps of a request are kept, and how many characters of a text.
const STEPS: usize = 100;
const LONGEST: usize = 300;
/// How many routes are counted. What has no route is not.
const ROUTES: usize = 2_000;

/// A step of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `token`, `permission`, `store` or `call`.
    pub name: &'static str,
    /// When it began, after the request did.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    /// How much of that it waited, until its group departed.
    pub waited: Duration,
    /// What is said of it, by the names of OpenTelemetry: `db.operation.batch.size`.
    pub facts: Facts,
}

impl Step {
    /// How many travelled to the database together, if they do.
    pub fn group(&self) -> Option<u32> {
        self.facts.get(GROUP)?.parse().ok().filter(|size| *size > 0)
    }
}

/// The fact that says how many travel together; it is told when they depart.
const GROUP: &str = "db.operation.batch.size";

/// What is said of something, by name.
pub type Facts = BTreeMap<&'static str, String>;

/// A request that was answered.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Seen {
    /// When it came.
    pub at: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// What is said of it: `request_id`, `method`, `path`, `route`, `status`, `actor`; of a refusal `problem`, `cause` and
    /// `raised`; and whatever events of the target `tollgate::trace` say.
    pub facts: Facts,
    /// Its steps, in the order in which they ended.
    pub steps: Vec<Step>,
}

impl Seen {
    /// What is said of it under that name; empty if nothing is.
    pub fn fact(&self, name: &str) -> &str {
        self.facts.get(name).map_or("", String::as_str)
    }

    /// The status of its answer.
    pub fn status(&self) -> u16 {
        self.fact("status").parse().unwrap_or_default()
    }
}

/// A few seconds of all requests.
#[derive(Debug, Clone, Default)]
pub struct Point {
    /// Requests.
    pub requests: u32,
    /// Those that were refused or failed: 400 and above.
    pub problems: u32,
    /// Durations of some of them, in no order.
    pub durations: Vec<Duration>,
    /// Of reads and of inserts that travel in groups: how many, and in how many round trips.
    pub groups: [(u32, f64); 2],
}

/// What was seen. Clones see the same.
#[derive(Clone, Debug)]
pub struct Recent {
    kept: Arc<Mutex<Kept>>,
    scope: Scope,
    is_shown: fn(&str) -> bool,
    since: SystemTime,
}

#[derive(Debug, Default)]
struct Kept {
    seen: VecDeque<Arc<Seen>>,
    problems: VecDeque<Arc<Seen>>,
    points: VecDeque<Point>,
    calls: BTreeMap<(String, String), u64>,
    last: u64,
    began: Option<Instant>,
}

impl Recent {
    /// Nothing yet. `scope` tells whose request is at hand, `is_shown` of which paths they are seen.
    #[must_use]
    pub fn new(scope: Scope, is_shown: fn(&str) -> bool) -> Self {
        Self { kept: Arc::default(), scope, is_shown, since: SystemTime::now() }
    }

    /// Since when it looks on.
    pub fn since(&self) -> SystemTime {
        self.since
    }

    /// What hears it all.
    #[must_use]
    pub fn layer(&self) -> Layered {
        let is_heard = |metadata: &Metadata<'_>| {
            if metadata.is_span() { metadata.target() == "tollgate::trace" } else { is_told(metadata) }
        };
        let hear: Layered = Box::new(Hear(self.clone()));
        hear.with_filter(filter_fn(is_heard).with_max_level_hint(LevelFilter::DEBUG)).boxed()
    }

    /// The last requests, the newest first.
    pub fn requests(&self) -> Vec<Arc<Seen>> {
        self.kept().seen.iter().rev().cloned().collect()
    }

    /// The last problems, the newest first.
    pub fn problems(&self) -> Vec<Arc<Seen>> {
        self.kept().problems.iter().rev().cloned().collect()
    }

    /// The last quarter of an hour, the newest last.
    pub fn points(&self) -> Vec<Point> {
        let mut kept = self.kept();
        kept.now();
        kept.points.iter().cloned().collect()
    }

    /// How often each route was called, by its method and its template.
    pub fn calls(&self) -> BTreeMap<(String, String), u64> {
        self.kept().calls.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, building: Building) {
        let Building { at, took: Some(took), facts, steps, .. } = building else { return };
        let seen = Arc::new(Seen { at, took, facts, steps });
        if (self.is_shown)(seen.fact("path")) {
            self.kept().add(&seen);
        }
    }
}

impl Kept {
    fn add(&mut self, seen: &Arc<Seen>) {
        let is_problem = seen.status() >= 400;
        self.now().add(seen, is_problem);
        let key = (seen.fact("method").to_owned(), seen.fact("route").to_owned());
        if seen.fact("route").starts_with('/') && (self.calls.len() < ROUTES || self.calls.contains_key(&key)) {
            *self.calls.entry(key).or_default() += 1;
        }
        keep(&mut self.seen, seen);
        if is_problem {
            keep(&mut self.problems, seen);
        }
    }

    /// The point of now; those between, in which nothing came, are empty.
    fn now(&mut self) -> &mut Point {
        let began = *self.began.get_or_insert_with(Instant::now);
        let now = began.elapsed().as_secs() / POINT.as_secs();
        let missing = if self.points.is_empty() { POINTS as u64 } else { (now - self.last).min(POINTS as u64) };
        for _ in 0..missing {
            self.points.push_back(Point::default());
        }
        self.last = now;
        while self.points.len() > POINTS {
            self.points.pop_front();
        }
        let last = self.points.len() - 1;
        &mut self.points[last]
    }
}

fn keep(all: &mut VecDeque<Arc<Seen>>, one: &Arc<Seen>) {
    all.push_back(Arc::clone(one));
    if all.len() > KEPT {
        all.pop_front();
    }
}

impl Point {
    fn add(&mut self, seen: &Seen, is_problem: bool) {
        self.requests += 1;
        self.problems += u32::from(is_problem);
        if self.durations.len() < SAMPLES {
            self.durations.push(seen.took);
        }
        for step in seen.steps.iter().filter(|step| step.name == "store") {
            // Each of those that travelled together says how many they were.
            let Some(size) = step.group() else { continue };
            let is_read = step.facts.get("db.operation.name").is_some_and(|work| work == "read");
            let (rows, trips) = &mut self.groups[usize::from(!is_read)];
            (*rows, *trips) = (*rows + 1, *trips + 1.0 / f64::from(size));
        }
    }
}

/// A request on its way.
struct Building {
    at: SystemTime,
    begun: Instant,
    /// Known when it is answered.
    took: Option<Duration>,
    facts: Facts,
    steps: Vec<Step>,
}

/// A step on its way.
struct Open {
    begun: Instant,
    /// When its group departed.
    departed: Option<Instant>,
    facts: Facts,
}

/// The step that a request is.
const REQUEST: &str = "request";

struct Hear(Recent);

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Hear {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut facts = Gathered::default();
        attributes.record(&mut facts);
        let (begun, facts) = (Instant::now(), facts.0);
        if span.name() == REQUEST {
            let building = Building { at: SystemTime::now(), begun, took: None, facts, steps: vec![] };
            span.extensions_mut().insert(building);
        } else {
            span.extensions_mut().insert(Open { begun, departed: None, facts });
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut more = Gathered::default();
        values.record(&mut more);
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            if more.0.contains_key(GROUP) {
                open.departed = Some(Instant::now());
            }
            open.facts.append(&mut more.0);
        }
    }

    /// The edge says what it knows at the end, within the request.
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let scope = context.event_scope(event);
        let Some(request) = scope.and_then(|mut scope| scope.find(|span| span.name() == REQUEST)) else { return };
        let mut said = Gathered::default();
        event.record(&mut said);
        (self.0.scope)(&mut |name, value| {
            said.0.entry(name).or_insert_with(|| shown(&value.to_string()));
        });
        if let Some(building) = request.extensions_mut().get_mut::<Building>() {
            if said.0.contains_key("status") {
                building.took = Some(building.begun.elapsed());
            }
            building.facts.append(&mut said.0);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        // Statements of their own, because each holds a lock to its end.
        let building = span.extensions_mut().remove::<Building>();
        let open = span.extensions_mut().remove::<Open>();
        if let Some(building) = building {
            self.0.end(building);
        }
        let Some(open) = open else { return };
        let Some(request) = span.scope().find(|span| span.name() == REQUEST) else { return };
        if let Some(building) = request.extensions_mut().get_mut::<Building>()
            && building.steps.len() < STEPS
        {
            building.steps.push(open.end(span.name(), building.begun));
        }
    }
}

impl Open {
    fn end(self, name: &'static str, request: Instant) -> Step {
        let since = |earlier| self.begun.saturating_duration_since(earlier);
        let waited = self.departed.map_or(Duration::ZERO, |departed| departed.saturating_duration_since(self.begun));
        Step { name, began: since(request), took: self.begun.elapsed(), waited, facts: self.facts }
    }
}

/// Whether somebody tells of a request.
fn is_told(metadata: &Metadata<'_>) -> bool {
    ["tollgate::request", "tollgate_http::refusal", "tollgate::trace"].contains(&metadata.target())
}

/// As it is shown: without what looks like a secret, and not too long.
fn shown(text: &str) -> String {
    let clean = redact(text);
    match clean.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean.into_owned(),
    }
}

#[derive(Default)]
struct Gathered(Facts);

impl Visit for Gathered {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), shown(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), shown(&format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests;
