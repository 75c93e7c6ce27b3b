//! One patient: how each value went, what it set off, and what was observed last.

use super::{
    charts::{Chart, Event, Point, Tick, described, shape, value as shown_value},
    monitor::{Badge, badge},
    vitals::Shown,
    words::{ago, brief, lasts, moment, short, since, years},
};
use crate::patients::{
    Watching,
    limits::{Level, Values, Vital},
    model::{Alert, Observation, Patient},
    routes::observed,
    trends::{Observed, Period},
};
use std::time::Duration;
use tollgate::prelude::*;

const HOUR: Duration = Duration::from_hours(1);
const DAY: i64 = 86_400;
/// How many hours back, how long each stretch of that is in hours, and what it is called.
const PERIODS: [(i32, u32, &str, &str); 4] = [
    (24, 1, "24 h", "24 hours"),
    (72, 1, "72 h", "72 hours"),
    (168, 3, "7 days", "7 days"),
    (720, 6, "30 days", "30 days"),
];
/// How many alerts and observations are listed.
const ALERTS: usize = 10;
const RECENT: usize = 6;

/// How far back the page goes.
#[input]
pub(super) struct Asked {
    hours: Option<i32>,
}

#[output]
struct Choice {
    href: String,
    label: &'static str,
    current: bool,
}

#[output]
struct Figure {
    heading: &'static str,
    value: String,
    unit: &'static str,
    state: &'static str,
    chart: String,
}

#[output]
struct Told {
    state: &'static str,
    shape: String,
    rule: String,
    how_long: String,
    when: String,
}

#[output]
struct Seen {
    when: String,
    vitals: Vec<Shown>,
    symptoms: String,
}

/// What everything of a period looks like.
#[output]
struct OnePatient {
    name: String,
    about: String,
    id: String,
    badge: Badge,
    stale: String,
    period: &'static str,
    periods: Vec<Choice>,
    figures: Vec<Figure>,
    gaps: String,
    table: Vec<Vec<String>>,
    open: usize,
    alerts: Vec<Told>,
    observations: usize,
    recent: Vec<Seen>,
}

/// The monitor of one patient: charts, alerts, observations.
pub(super) async fn monitor_one(
    (may, seen, alerted): (May<Read, Patient>, May<Read, Observation>, May<Read, Alert>),
    patients: Store<Patient>,
    (observations, alerts): (Store<Observation>, Store<Alert>),
    (Path(id), Query(asked)): (Path<String>, Query<Asked>),
    settings: Config<Watching>,
    Now(now): Now,
    view: View,
) -> Result<Html> {
    let patient = patients.get(&may, id.clone()).await?;
    let (hours, each, ..) = *PERIODS.iter().find(|(hours, ..)| Some(*hours) == asked.hours).unwrap_or(&PERIODS[1]);
    let period = Period { until: now, step: HOUR * each, steps: hours.unsigned_abs() / each };
    let seen = observed(&observations, &seen, Observation::PATIENT_ID.eq(id.clone()), &period).await?;
    let lasted = Alert::CLOSED.is_null() | Alert::CLOSED.gte(period.from());
    let told = alerts.find(&alerted, Alert::PATIENT_ID.eq(id) & lasted).sort(Alert::OPENED.desc()).all().await?;
    let page = Drawn { patient, period, hours, seen, alerts: told, settings: &settings, now }.page();
    view.render("patient.html", page)
}

/// What a page is made of.
struct Drawn<'a> {
    patient: Patient,
    period: Period,
    hours: i32,
    seen: Observed,
    alerts: Vec<Alert>,
    settings: &'a Watching,
    now: Timestamp,
}

impl Drawn<'_> {
    fn page(self) -> OnePatient {
        let Self { patient, now, hours, .. } = &self;
        let (id, seen) = (&patient.patient_id, patient.seen.map(|seen| since(seen, *now)));
        let last = seen.map_or_else(|| "never observed".into(), |seen| format!("last observation {}", ago(seen)));
        let left = patient.discharged.map(|at| format!(" · discharged {}", moment(at))).unwrap_or_default();
        let choice = |(its, _, label, _): &(i32, u32, &'static str, &str)| Choice {
            href: format!("/monitor/patients/{id}?hours={its}"),
            label,
            current: its == hours,
        };
        let silent = Duration::from_hours(self.settings.silent_hours.into());
        let old = seen.filter(|seen| *seen >= silent && patient.discharged.is_none());
        OnePatient {
            name: patient.name.clone(),
            about: format!("{} years · {} · {last}{left}", years(patient.born, *now), patient.place),
            id: id.clone(),
            badge: badge(patient, *now, self.settings),
            stale: old
                .map(|seen| format!("Nothing was observed for {}: the values are the last ones.", brief(seen)))
                .unwrap_or_default(),
            period: PERIODS.iter().find(|(its, ..)| its == hours).map_or("", |(.., words)| words),
            periods: PERIODS.iter().map(choice).collect(),
            figures: if self.seen.all.is_empty() { vec![] } else { Vital::ALL.map(|vital| self.figure(vital)).into() },
            gaps: self.seen.whole_since.map_or_else(|| self.gaps(), |at| format!("All values since {}", short(at))),
            table: self.table(),
            open: self.alerts.iter().filter(|alert| alert.closed.is_none()).count(),
            alerts: self.told(),
            observations: self.seen.all.len(),
            recent: self.recent(),
        }
    }

    /// Where a moment stands, from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a month has few milliseconds")]
    fn place(&self, at: Timestamp) -> f64 {
        let (from, until) = (self.period.from().as_millisecond(), self.period.until.as_millisecond());
        (at.as_millisecond() - from) as f64 / (until - from) as f64
    }

    /// The moment that stands there.
    fn label(&self, at: f64) -> String {
        let whole = self.period.step * self.period.steps;
        // A share is not exact, and a minute ends where another begins.
        short(self.period.from() + whole.mul_f64(at.clamp(0.0, 1.0)) + Duration::from_millis(500))
    }

    fn course(&self, value: impl Fn(&Observation) -> Option<f64>) -> Vec<Point> {
        let (values, steps) = (self.period.course(&self.seen.all, value), f64::from(self.period.steps));
        let none = |step: u32| (f64::from(step) / steps, None);
        let point = |(step, one): (u32, Option<(Timestamp, f64)>)| {
            one.map_or_else(|| none(step), |(at, value)| (self.place(at), Some(value)))
        };
        (1_u32..).zip(values).map(point).collect()
    }

    fn figure(&self, vital: Vital) -> Figure {
        let shown = Shown::of(vital, self.patient.value(vital), self.patient.diastolic);
        Figure {
            heading: vital.heading(),
            value: if shown.text.is_empty() { "–".into() } else { shown.text },
            unit: vital.unit(),
            state: shown.state,
            chart: self.chart(vital),
        }
    }

    fn chart(&self, vital: Vital) -> String {
        let line = self.course(|one| one.value(vital));
        let diastolic = |one: &Observation| one.diastolic.map(f64::from);
        let below = (vital == Vital::Systolic).then(|| self.course(diastolic));
        let (range, marks) = range(vital, line.iter().chain(below.iter().flatten()).filter_map(|(_, value)| *value));
        let (breaks, ticks) = self.ticks();
        let label = |at: f64| self.label(at);
        let about = self.about(vital, &line, below.as_deref());
        let title = format!(
            "{}, last {}",
            vital.heading(),
            PERIODS.iter().find(|(its, ..)| *its == self.hours).map_or("", |(.., words)| words)
        );
        let chart = Chart {
            name: vital.id(),
            title,
            about,
            line: &line,
            below: below.as_deref(),
            range,
            marks: &marks,
            ticks: &ticks,
            breaks: &breaks,
            limits: vital.limits(),
            events: &self.events(vital),
            unit: vital.unit(),
            decimals: vital.decimals(),
            label: &label,
        };
        chart.draw()
    }

    fn of_vital(&self, vital: Vital) -> impl Iterator<Item = &Alert> {
        let is_its = move |alert: &&Alert| vital.limits().iter().any(|limit| vital.rule(limit) == alert.rule);
        self.alerts.iter().filter(is_its)
    }

    fn events(&self, vital: Vital) -> Vec<Event> {
        let event =
            |alert: &Alert| Event { at: self.place(alert.opened), level: Level::of(alert.level), value: alert.value };
        self.of_vital(vital).map(event).filter(|event| event.at >= 0.0).collect()
    }

    fn about(&self, vital: Vital, line: &[Point], below: Option<&[Point]>) -> String {
        let said = |points: &[Point]| described(points, vital.unit(), vital.decimals(), &|at| self.label(at));
        let both =
            below.map_or_else(|| said(line), |below| format!("Systolic: {} Diastolic: {}", said(line), said(below)));
        let open = self.of_vital(vital).filter(|alert| alert.closed.is_none());
        let alert = |alert: &Alert| {
            format!(" Alert, {}: {} since {}.", Level::of(alert.level).name(), alert.rule, short(alert.opened))
        };
        both + &open.map(alert).collect::<String>()
    }

    /// Where days begin, and what stands below.
    fn ticks(&self) -> (Vec<f64>, Vec<Tick>) {
        let (from, until) = (self.period.from().as_second(), self.period.until.as_second());
        // How far apart moments are that are named, and how many days apart those that are named in full.
        let (step, days) = match self.hours {
            24 => (DAY / 4, 1),
            72 => (DAY / 2, 1),
            168 => (DAY, 2),
            _ => (DAY, 5),
        };
        let (mut breaks, mut ticks) = (vec![], vec![]);
        let mut second = from.div_euclid(step) * step + step;
        while second < until {
            let Ok(at) = Timestamp::from_second(second) else { break };
            let (place, day) = (self.place(at), second.div_euclid(DAY));
            let is_midnight = second % DAY == 0;
            if is_midnight && day % days == 0 {
                breaks.push(place);
            }
            let text = if !is_midnight {
                at.strftime("%H:%M").to_string()
            } else if self.hours <= 72 {
                at.strftime("%a %-d %b").to_string()
            } else {
                at.strftime("%-d %b").to_string()
            };
            if (0.02..0.94).contains(&place) && (!is_midnight || day % days == 0) {
                ticks.push(Tick { at: place, text, minor: !is_midnight });
            }
            second += step;
        }
        ticks.push(Tick { at: 1.0, text: self.now.strftime("%H:%M").to_string(), minor: true });
        (breaks, ticks)
    }

    /// The longest stretch between two values in which there are none.
    fn gaps(&self) -> String {
        let steps = self.period.divided(&self.seen.all);
        let is_known = |step: usize| !steps[step].is_empty();
        let (Some(first), Some(last)) =
            ((0..steps.len()).find(|at| is_known(*at)), (0..steps.len()).rfind(|at| is_known(*at)))
        else {
            return String::new();
        };
        let (mut longest, mut run) = (0..0, first..first);
        for step in first..=last {
            run = if is_known(step) { step + 1..step + 1 } else { run.start..step + 1 };
            longest = if run.len() > longest.len() { run.clone() } else { longest };
        }
        let begin = |step: usize| short(self.period.begin(u32::try_from(step).unwrap_or_default()));
        if longest.is_empty() {
            return String::new();
        }
        format!("No values {} to {}", begin(longest.start), begin(longest.end))
    }

    fn table(&self) -> Vec<Vec<String>> {
        let shown =
            |value: Option<f64>, decimals| value.map_or_else(|| "no value".into(), |it| shown_value(it, decimals));
        let columns = [
            (1, self.course(|one| one.temperature)),
            (0, self.course(|one| one.value(Vital::HeartRate))),
            (0, self.course(|one| one.value(Vital::Systolic))),
            (0, self.course(|one| one.diastolic.map(f64::from))),
            (0, self.course(|one| one.value(Vital::Spo2))),
        ];
        let row = |step: usize| {
            let values = columns.iter().map(|(decimals, points)| shown(points[step].1, *decimals));
            std::iter::once(self.label(columns[0].1[step].0)).chain(values).collect()
        };
        (0..columns[0].1.len()).rev().map(row).collect()
    }

    fn told(&self) -> Vec<Told> {
        let (open, closed): (Vec<_>, Vec<_>) = self.alerts.iter().partition(|alert| alert.closed.is_none());
        let told = |alert: &Alert| {
            let state = if alert.closed.is_none() { Level::of(alert.level).name() } else { "stable" };
            let until = alert.closed.map(|closed| format!(", until {}", short(closed))).unwrap_or_default();
            Told {
                state,
                shape: shape(state, 12),
                rule: alert.rule.clone(),
                how_long: if alert.closed.is_some() { "closed".into() } else { lasts(since(alert.opened, self.now)) },
                when: format!("since {}{until}", short(alert.opened)),
            }
        };
        open.into_iter().chain(closed).take(ALERTS).map(told).collect()
    }

    fn recent(&self) -> Vec<Seen> {
        let seen = |one: &Observation| Seen {
            when: short(one.at),
            vitals: Vital::ALL.map(|vital| Shown::of(vital, one.value(vital), one.diastolic)).into(),
            symptoms: one.symptoms.join(", "),
        };
        self.seen.all.iter().rev().take(RECENT).map(seen).collect()
    }
}

/// From where to where a chart goes, so that everything is in it, and its marks.
fn range(vital: Vital, values: impl Iterator<Item = f64>) -> ((f64, f64), Vec<f64>) {
    let (mut low, mut high, step) = vital.range();
    for value in values {
        while value < low {
            low -= step;
        }
        while value > high {
            high += step;
        }
    }
    let count = ((high - low) / step).round();
    let every = if count > 6.0 { 2.0 * step } else { step };
    let marks = std::iter::successors(Some(low), |mark| Some(mark + every)).take_while(|mark| *mark <= high);
    ((low, high), marks.collect())
}

#[cfg(test)]
mod tests {
    use super::{Vital, range};

    #[test]
    fn a_chart_grows_until_everything_is_in_it() {
        assert_eq!(range(Vital::Temperature, [36.5, 38.0].into_iter()).0, (36.0, 40.0));
        let ((low, high), marks) = range(Vital::Temperature, [33.2, 41.7].into_iter());
        assert_eq!((low, high, marks), (33.0, 42.0, vec![33.0, 35.0, 37.0, 39.0, 41.0]));
    }
}
