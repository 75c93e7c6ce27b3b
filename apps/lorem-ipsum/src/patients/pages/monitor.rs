//! All patients that somebody watches, the most serious first.

use super::{
    charts::{shape, sparkline},
    vitals::Shown,
    ward::Ward,
    words::{ago, brief, moment, several, short, since, years},
};
use crate::patients::{
    Watching,
    limits::{Level, Values, Vital},
    model::{Observation, Patient},
    routes::observed,
    trends::{Observed, Period},
};
use std::{collections::BTreeSet, time::Duration};
use tollgate::prelude::*;

/// The most patients of one page, and of one person.
const ROWS: usize = 25;
const MOST: u32 = 2000;
/// Without any observation for so long, the whole page is old.
const STALE: Duration = Duration::from_mins(30);

/// What is asked of the page; what a form leaves empty asks nothing.
#[input]
pub(super) struct Asked {
    pub(super) state: Option<String>,
    pub(super) q: Option<String>,
    pub(super) place: Option<String>,
    pub(super) sort: Option<String>,
    #[garde(range(min = 1, max = 100_000))]
    pub(super) page: Option<i32>,
}

/// How somebody is, from the serious to the quiet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Critical,
    Watch,
    Silent,
    Stable,
}

impl State {
    const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Critical, "critical", "Critical"),
        (Self::Watch, "watch", "Watch"),
        (Self::Stable, "stable", "Stable"),
        (Self::Silent, "silent", "No data"),
    ];

    fn of(patient: &Patient, now: Timestamp, silent: Duration) -> Self {
        match (patient.seen, Level::of(patient.level)) {
            (None, _) => Self::Silent,
            (Some(seen), _) if since(seen, now) >= silent => Self::Silent,
            (_, Level::Critical) => Self::Critical,
            (_, Level::Watch) => Self::Watch,
            (_, Level::Stable) => Self::Stable,
        }
    }

    fn names(self) -> (&'static str, &'static str) {
        Self::ALL.iter().find(|(state, ..)| *state == self).map_or(("", ""), |(_, name, label)| (name, label))
    }
}

/// How a state is shown: its class, its shape and its word.
#[output]
pub(super) struct Badge {
    pub(super) class: &'static str,
    pub(super) shape: String,
    pub(super) label: &'static str,
}

/// How somebody is.
pub(super) fn badge(patient: &Patient, now: Timestamp, settings: &Watching) -> Badge {
    let (class, label) = State::of(patient, now, silent(settings)).names();
    Badge { class, shape: shape(class, 12), label }
}

fn silent(settings: &Watching) -> Duration {
    Duration::from_hours(settings.silent_hours.into())
}

#[output]
struct Choice {
    href: String,
    current: bool,
    state: &'static str,
    shape: String,
    label: &'static str,
    count: usize,
}

#[output]
struct Head {
    label: &'static str,
    href: String,
    sort: &'static str,
    number: bool,
}

#[output]
struct Row {
    href: String,
    name: String,
    id: String,
    age: i32,
    badge: Badge,
    vitals: Vec<Shown>,
    place: String,
    seen: String,
}

#[output]
struct Monitor {
    summary: String,
    stale: String,
    choices: Vec<Choice>,
    q: String,
    place: String,
    state: String,
    sort: String,
    places: BTreeSet<String>,
    heads: Vec<Head>,
    rows: Vec<Row>,
    watched: u64,
    told: String,
    previous: Option<String>,
    next: Option<String>,
}

/// The monitor: all patients, the most serious first.
pub(super) async fn monitor(
    (may, seen): (May<Read, Patient>, May<Read, Observation>),
    patients: Store<Patient>,
    observations: Store<Observation>,
    Query(asked): Query<Asked>,
    settings: Config<Watching>,
    Now(now): Now,
    view: View,
) -> Result<Html> {
    let ward = Ward::of(&patients, &may, &asked, MOST).await?;
    let list = Listed::of(&ward, asked, now, silent(&settings));
    let day = Period { until: now, step: Duration::from_mins(30), steps: 48 };
    let of_them = Observation::PATIENT_ID.in_(list.shown().map(|(patient, _)| patient.patient_id.clone()));
    let seen = observed(&observations, &seen, of_them, &day).await?;
    view.render("monitor.html", list.page(&seen, &day))
}

/// The patients that match, in order.
struct Listed<'a> {
    ward: &'a Ward,
    asked: Asked,
    now: Timestamp,
    silent: Duration,
    found: Vec<(&'a Patient, State)>,
}

pub(super) fn said(text: Option<&String>) -> &str {
    text.map(|text| text.trim()).unwrap_or_default()
}

impl<'a> Listed<'a> {
    fn of(ward: &'a Ward, asked: Asked, now: Timestamp, silent: Duration) -> Self {
        let mut list = Self { ward, asked, now, silent, found: vec![] };
        let wanted = said(list.asked.state.as_ref());
        let known = State::ALL.iter().any(|(_, name, _)| *name == wanted);
        list.found = list.matching().filter(|(_, state)| !known || state.names().0 == wanted).collect();
        list.sort();
        list
    }

    /// Those that match but for their state.
    fn matching(&self) -> impl Iterator<Item = (&'a Patient, State)> + use<'a, '_> {
        let (text, place) = (said(self.asked.q.as_ref()).to_lowercase(), said(self.asked.place.as_ref()));
        let fits = move |patient: &&Patient| {
            let named =
                patient.name.to_lowercase().contains(&text) || patient.patient_id.to_lowercase().contains(&text);
            named && (place.is_empty() || patient.place == place)
        };
        self.ward.patients.iter().filter(fits).map(|patient| (patient, State::of(patient, self.now, self.silent)))
    }

    fn sort(&mut self) {
        match said(self.asked.sort.as_ref()) {
            "name" => self.found.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name)),
            "place" => self.found.sort_by(|(a, x), (b, y)| (&a.place, x, &a.name).cmp(&(&b.place, y, &b.name))),
            "seen" => self.found.sort_by_key(|(patient, _)| std::cmp::Reverse(patient.seen)),
            _ => self.found.sort_by_key(|(patient, state)| (*state, std::cmp::Reverse(patient.seen))),
        }
    }

    fn page_number(&self) -> usize {
        let last = self.found.len().div_ceil(ROWS).max(1);
        usize::try_from(self.asked.page.unwrap_or(1)).unwrap_or(1).clamp(1, last)
    }

    fn shown(&self) -> impl Iterator<Item = (&'a Patient, State)> + use<'a, '_> {
        self.found.iter().skip((self.page_number() - 1) * ROWS).take(ROWS).copied()
    }

    /// The address of this page with one thing changed.
    fn with(&self, name: &str, value: &str) -> String {
        let own = [
            ("state", said(self.asked.state.as_ref())),
            ("q", said(self.asked.q.as_ref())),
            ("place", said(self.asked.place.as_ref())),
            ("sort", said(self.asked.sort.as_ref())),
        ];
        let kept = own.into_iter().filter(|(own, _)| *own != name).chain([(name, value)]);
        let kept: Vec<_> = kept
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, it)| format!("{name}={}", query_value(it)))
            .collect();
        if kept.is_empty() { "/monitor".into() } else { format!("/monitor?{}", kept.join("&")) }
    }

    fn choices(&self) -> Vec<Choice> {
        let (matching, wanted) = (self.matching().collect::<Vec<_>>(), said(self.asked.state.as_ref()));
        let choice = |(state, name, label): (State, &'static str, &'static str)| Choice {
            href: self.with("state", name),
            current: wanted == name,
            state: name,
            shape: shape(name, 12),
            label,
            count: matching.iter().filter(|(_, its)| *its == state).count(),
        };
        let choices: Vec<_> = State::ALL.into_iter().map(choice).collect();
        let current = choices.iter().all(|choice| !choice.current);
        let all = Choice {
            href: self.with("state", ""),
            current,
            state: "",
            shape: String::new(),
            label: "All",
            count: matching.len(),
        };
        std::iter::once(all).chain(choices).collect()
    }

    fn heads(&self) -> Vec<Head> {
        let by = match said(self.asked.sort.as_ref()) {
            sort @ ("name" | "place" | "seen") => sort,
            _ => "state",
        };
        let head = |label, sort: &str, number| {
            let href = if sort.is_empty() {
                String::new()
            } else {
                self.with("sort", if sort == "state" { "" } else { sort })
            };
            let direction = if sort == "state" || sort == "seen" { "descending" } else { "ascending" };
            Head { label, href, sort: if sort == by { direction } else { "none" }, number }
        };
        vec![
            head("Patient", "name", false),
            head("State", "state", false),
            head("Temperature °C", "", true),
            head("Heart rate /min", "", true),
            head("Blood pressure mmHg", "", true),
            head("SpO₂ %", "", true),
            head("Place", "place", false),
            head("Seen", "seen", true),
        ]
    }

    fn row(&self, (patient, state): (&Patient, State), seen: &[Observation], day: &Period) -> Row {
        let own: Vec<Observation> = seen.iter().filter(|one| one.patient_id == patient.patient_id).cloned().collect();
        let is_silent = state == State::Silent;
        let vital = |vital: Vital| {
            let value = patient.value(vital).filter(|_| !is_silent);
            let course = day.course(&own, |one| one.value(vital));
            let course: Vec<_> = course.into_iter().map(|one| one.map(|(_, value)| value)).collect();
            let name = format!("{}-{}", patient.patient_id, vital.id());
            let unit = (vital.spoken(), vital.decimals());
            let spark = sparkline(&name, &course, vital.limits(), vital.small_range(), unit);
            let spark = if is_silent { String::new() } else { spark };
            Shown { spark, ..Shown::of(vital, value, patient.diastolic) }
        };
        let (class, label) = state.names();
        Row {
            href: format!("/monitor/patients/{}", patient.patient_id),
            name: patient.name.clone(),
            id: patient.patient_id.clone(),
            age: years(patient.born, self.now),
            badge: Badge { class, shape: shape(class, 12), label },
            vitals: Vital::ALL.into_iter().map(vital).collect(),
            place: patient.place.clone(),
            seen: patient.seen.map_or_else(|| "never".into(), |seen| brief(since(seen, self.now))),
        }
    }

    fn summary(&self, places: usize, seen: &Observed) -> String {
        let (count, places) = (several(self.ward.patients.len(), "patient"), several(places, "place"));
        let who = if self.ward.is_whole() {
            format!("{count} in {places}.")
        } else {
            let all = self.ward.watched;
            format!("{all} patients: here are the most serious {MOST}, and of all of them who you search for.")
        };
        let from = seen.whole_since.map_or_else(|| "the last 24 hours".into(), |at| format!("all since {}", short(at)));
        format!("{who} As of {} UTC; sparklines show {from}.", moment(self.now))
    }

    fn page(&self, seen: &Observed, day: &Period) -> Monitor {
        let all = &self.ward.patients;
        let places: BTreeSet<String> = all.iter().map(|patient| patient.place.clone()).collect();
        let rows: Vec<_> = self.shown().map(|one| self.row(one, &seen.all, day)).collect();
        let page = self.page_number();
        let last = all.iter().filter_map(|patient| patient.seen).max();
        let old = last.filter(|last| since(*last, self.now) >= STALE);
        let told = |last| format!("The last observation came {}.", ago(since(last, self.now)));
        let turn = |page: usize| self.with("page", &page.to_string());
        Monitor {
            summary: self.summary(places.len(), seen),
            stale: old.map(told).unwrap_or_default(),
            choices: self.choices(),
            q: said(self.asked.q.as_ref()).into(),
            place: said(self.asked.place.as_ref()).into(),
            state: said(self.asked.state.as_ref()).into(),
            sort: said(self.asked.sort.as_ref()).into(),
            places,
            heads: self.heads(),
            watched: self.ward.watched,
            told: format!("{} of {}", rows.len(), several(self.found.len(), "patient")),
            previous: (page > 1).then(|| turn(page - 1)),
            next: (page * ROWS < self.found.len()).then(|| turn(page + 1)),
            rows,
        }
    }
}

/// A value as it stands in a query.
pub(super) fn query_value(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let each = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(each).collect()
}
