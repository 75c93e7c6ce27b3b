//! The last quarter of an hour as charts: SVG without script and without inline style.
//!
//! `x` is in percent and `y` in pixels, as in all charts of Tollgate: the plot stretches with its column while text and
//! strokes keep their size.

use super::waterfall::millis;
use jiff::{Span, Timestamp};
use serde::Serialize;
use std::fmt::Write as _;
use tollgate_telemetry::Point;

const HEIGHT: f64 = 112.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = HEIGHT - 22.0;
/// How long a point is, in seconds.
const SECONDS: f64 = 15.0;

/// A chart with what its heading says.
#[derive(Serialize)]
pub(super) struct Chart {
    title: &'static str,
    values: Vec<Value>,
    svg: String,
}

/// A value, and how its line is drawn.
#[derive(Serialize)]
struct Value {
    value: String,
    unit: &'static str,
    /// The class of its line, where there is more than one.
    line: Option<&'static str>,
}

/// Values over time, one for each point.
type Series = Vec<Option<f64>>;

enum Kind {
    Area,
    Lines,
    Bars,
}

struct Drawing<'a> {
    name: &'static str,
    title: &'static str,
    kind: Kind,
    series: [&'a [Option<f64>]; 2],
    digits: usize,
    now: Timestamp,
}

pub(super) fn charts(points: &[Point], now: Timestamp) -> [Chart; 4] {
    let each = |value: &dyn Fn(&Point) -> Option<f64>| points.iter().map(value).collect::<Series>();
    let (rate, bad) = (each(&|it| Some(rate(it, SECONDS))), each(&|it| Some(f64::from(it.problems))));
    let (p50, p99) = (each(&|it| percentile(it, 0.5)), each(&|it| percentile(it, 0.99)));
    let (reads, inserts) = (each(&|it| rows(it, 0)), each(&|it| rows(it, 1)));
    let draw = |name, title, kind, series, digits| Drawing { name, title, kind, series, digits, now }.draw();
    let two = |a: &[Option<f64>], b: &[Option<f64>], units: [&'static str; 2], digits| {
        [(a, units[0], "chart-line"), (b, units[1], "chart-line chart-second")]
            .map(|(series, unit, line)| Value { value: last(series, digits), unit, line: Some(line) })
            .into()
    };
    let one = |value: String, unit| vec![Value { value, unit, line: None }];
    let problems = points.iter().map(|point| point.problems).sum::<u32>().to_string();
    [
        Chart {
            title: "Requests",
            values: one(last(&rate, 1), "per second"),
            svg: draw("rate", "Requests per second", Kind::Area, [&rate, &[]], 1),
        },
        Chart {
            title: "Duration",
            values: two(&p50, &p99, ["ms p50", "p99"], 1),
            svg: draw("duration", "Duration in milliseconds, p50 and p99", Kind::Lines, [&p50, &p99], 1),
        },
        Chart {
            title: "Rows per trip",
            values: two(&reads, &inserts, ["reads", "writes"], 1),
            svg: draw("group", "Rows per round trip, reads and writes", Kind::Lines, [&reads, &inserts], 1),
        },
        Chart {
            title: "Problems",
            values: one(problems, "in 15 minutes"),
            svg: draw("problems", "Problems in 15 seconds", Kind::Bars, [&bad, &[]], 0),
        },
    ]
}

/// The figures of the charts, minute by minute, the newest first: time, requests a second, p50, p99, rows of a read and of
/// an insert, problems.
pub(super) fn table(points: &[Point], now: Timestamp) -> Vec<[String; 7]> {
    let minutes = points.rchunks(4).map(|chunk| {
        chunk.iter().fold(Point::default(), |mut sum, point| {
            sum.requests += point.requests;
            sum.problems += point.problems;
            sum.durations.extend(&point.durations);
            for (sum, more) in sum.groups.iter_mut().zip(point.groups) {
                *sum = (sum.0 + more.0, sum.1 + more.1);
            }
            sum
        })
    });
    let row = |(minute, point): (i64, Point)| {
        let figures = [percentile(&point, 0.5), percentile(&point, 0.99), rows(&point, 0), rows(&point, 1)];
        let [p50, p99, reads, inserts] = figures.map(|figure| shown(figure, 1));
        let rate = shown(Some(rate(&point, 4.0 * SECONDS)), 1);
        [clock(now, -60 * minute), rate, p50, p99, reads, inserts, point.problems.to_string()]
    };
    (0..).zip(minutes).map(row).collect()
}

fn rate(point: &Point, seconds: f64) -> f64 {
    f64::from(point.requests) / seconds
}

/// In milliseconds.
fn percentile(point: &Point, share: f64) -> Option<f64> {
    let mut durations = point.durations.clone();
    durations.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a few hundred"
    )]
    let at = ((durations.len() as f64 * share).ceil() as usize).saturating_sub(1);
    durations.get(at).copied().map(millis)
}

fn rows(point: &Point, of: usize) -> Option<f64> {
    let (rows, trips) = point.groups[of];
    (rows > 0).then(|| f64::from(rows) / trips)
}

/// The time of day, so many seconds from now (UTC).
pub(super) fn clock(now: Timestamp, seconds: i64) -> String {
    let then = now.checked_add(Span::new().seconds(seconds)).unwrap_or(now);
    then.strftime("%H:%M").to_string()
}

fn last(series: &[Option<f64>], digits: usize) -> String {
    shown(series.iter().rev().find_map(|value| *value), digits)
}

fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(
        || "–".into(),
        |value| if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.digits$}") },
    )
}

/// A round number that is not less: the top of an axis.
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(0.1).log10().floor());
    let steps = [1.0, 2.0, 4.0, 6.0, 10.0];
    steps.iter().map(|step| step * power).find(|step| *step >= value * 0.999).unwrap_or(10.0 * power)
}

impl Drawing<'_> {
    fn draw(&self) -> String {
        let values = self.series.iter().copied().flatten().flatten();
        let least = if self.digits == 0 { 2.0 } else { 1.0 };
        let high = nice(values.fold(least, |high, value| f64::max(high, *value)));
        let mut plot = format!("<title id=\"{0}-title\">{1}, last 15 minutes</title>", self.name, self.title);
        let _ = write!(plot, "<desc id=\"{}-desc\">{}</desc>", self.name, self.described());
        let mut axis = String::new();
        for mark in [0.0, high / 2.0, high] {
            let y = y(mark, high).round();
            let _ = write!(plot, r#"<line class="chart-grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>"#);
            let _ = write!(axis, r#"<text x="24" y="{}" text-anchor="end">{mark}</text>"#, y + 4.0);
        }
        self.values(&mut plot, high);
        for (x, anchor, text) in [("0", "start", clock(self.now, -900)), ("100%", "end", clock(self.now, 0))] {
            let _ =
                write!(plot, r#"<text class="tick" x="{x}" y="{}" text-anchor="{anchor}">{text}</text>"#, HEIGHT - 4.0);
        }
        self.hits(&mut plot, high);
        format!(
            r#"<div class="chart-frame"><svg class="chart-axis" width="32" height="{HEIGHT}" aria-hidden="true">{axis}</svg><svg class="chart-plot" height="{HEIGHT}" role="img" aria-labelledby="{0}-title" aria-describedby="{0}-desc">{plot}</svg></div>"#,
            self.name
        )
    }

    fn values(&self, plot: &mut String, high: f64) {
        if matches!(self.kind, Kind::Bars) {
            for (at, value) in places(self.series[0]).filter(|(_, value)| *value > 0.0) {
                let (x, width, y) = (at * 100.0 + 0.2, 100.0 / count(self.series[0]) - 0.4, y(value, high));
                let height = BOTTOM - y;
                let _ = write!(
                    plot,
                    r#"<rect class="chart-bar" x="{x:.2}%" width="{width:.2}%" y="{y:.1}" height="{height:.1}" rx="1"/>"#
                );
            }
            return;
        }
        let (mut lines, mut dots) = (String::new(), String::new());
        for (series, class) in self.series.iter().zip(["chart-line", "chart-line chart-second"]) {
            let path = path(series, high);
            for (at, value) in alone(series) {
                let _ = write!(
                    dots,
                    r#"<circle class="chart-dot" cx="{:.2}%" cy="{:.1}" r="3.5"/>"#,
                    at * 100.0,
                    y(value, high)
                );
            }
            if matches!(self.kind, Kind::Area) && !path.is_empty() {
                let _ = write!(lines, r#"<path class="chart-area" d="{path}L1000 {BOTTOM}L0 {BOTTOM}Z"/>"#);
            }
            let _ = write!(lines, r#"<path class="{class}" d="{path}"/>"#);
        }
        let _ = write!(
            plot,
            r#"<svg width="100%" height="{HEIGHT}" viewBox="0 0 1000 {HEIGHT}" preserveAspectRatio="none">{lines}</svg>{dots}"#
        );
    }

    /// What a pointer finds: each value with its moment.
    fn hits(&self, plot: &mut String, high: f64) {
        let width = 100.0 / count(self.series[0]);
        for (index, value) in self.series[0].iter().enumerate() {
            let Some(value) = *value else { continue };
            let other = self.series[1].get(index).copied().flatten();
            let values: Vec<_> =
                [Some(value), other].into_iter().flatten().map(|it| shown(Some(it), self.digits)).collect();
            let from = position(index, self.series[0].len()) * 100.0;
            let (x, top, y) = (from + width / 2.0, TOP - 4.0, y(value, high));
            let side = if from < 50.0 { r#"text-anchor="start" dx="8""# } else { r#"text-anchor="end" dx="-8""# };
            let text = format!("{} · {}", self.moment(index), values.join(" / "));
            let _ = write!(
                plot,
                r#"<g class="chart-hit"><rect x="{from:.2}%" width="{width:.2}%" y="0" height="{BOTTOM}"/><line x1="{x:.2}%" x2="{x:.2}%" y1="{top}" y2="{BOTTOM}"/><circle cx="{x:.2}%" cy="{y:.1}" r="4"/><text x="{x:.2}%" y="{}" {side}>{text}</text></g>"#,
                TOP + 4.0
            );
        }
    }

    fn moment(&self, index: usize) -> String {
        let ago = i64::try_from(self.series[0].len() - index - 1).unwrap_or_default() * 15;
        clock(self.now, -ago)
    }

    /// In words what is shown, made from its points so that it cannot be wrong.
    fn described(&self) -> String {
        let known = || self.series[0].iter().enumerate().filter_map(|(at, value)| Some((at, (*value)?)));
        let lowest = known().min_by(|a, b| a.1.total_cmp(&b.1));
        let (Some(lowest), Some(highest)) = (lowest, known().max_by(|a, b| a.1.total_cmp(&b.1))) else {
            return "No values yet.".into();
        };
        let [low, high] =
            [lowest, highest].map(|(at, value)| format!("{} at {}", shown(Some(value), self.digits), self.moment(at)));
        format!("{} now. Lowest {low}, highest {high}.", last(self.series[0], self.digits))
    }
}

fn y(value: f64, high: f64) -> f64 {
    TOP + (BOTTOM - TOP) * (1.0 - value / high)
}

fn count(series: &[Option<f64>]) -> f64 {
    f64::from(u32::try_from(series.len()).unwrap_or(u32::MAX)).max(1.0)
}

/// Where a point begins, from 0 to 1.
fn position(index: usize, of: usize) -> f64 {
    let [index, of] = [index, of.max(1)].map(|number| f64::from(u32::try_from(number).unwrap_or(u32::MAX)));
    index / of
}

fn places(series: &[Option<f64>]) -> impl Iterator<Item = (f64, f64)> {
    series.iter().enumerate().filter_map(|(index, value)| Some((position(index, series.len()), (*value)?)))
}

/// Those without a neighbour, which are no line.
fn alone(series: &[Option<f64>]) -> impl Iterator<Item = (f64, f64)> {
    let is_there = |index: Option<usize>| index.and_then(|index| *series.get(index)?).is_some();
    let alone = move |index: &usize| !is_there(index.checked_sub(1)) && !is_there(index.checked_add(1));
    (0..series.len()).filter(alone).filter_map(|index| Some((position(index, series.len() - 1), series[index]?)))
}

/// A line with a gap where there is no value.
fn path(series: &[Option<f64>], high: f64) -> String {
    let (mut path, mut pen) = (String::new(), 'M');
    for (index, value) in series.iter().enumerate() {
        let Some(value) = *value else {
            pen = 'M';
            continue;
        };
        let _ = write!(path, "{pen}{:.1} {:.1}", position(index, series.len() - 1) * 1000.0, y(value, high));
        pen = 'L';
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_a_chart_says_is_what_was_seen() {
        let mut points = vec![Point::default(); 60];
        points[59].requests = 30;
        points[59].problems = 3;
        points[59].durations = vec![Duration::from_millis(2), Duration::from_millis(9), Duration::from_millis(4)];
        points[59].groups[0] = (14, 2.0);
        let now: Timestamp = "2026-11-20T10:40:12Z".parse().unwrap();
        let charts = charts(&points, now);
        let values = |chart: &Chart| chart.values.iter().map(|it| it.value.clone()).collect::<Vec<_>>().join(" ");
        assert_eq!(charts.each_ref().map(values), ["2.0", "4.0 9.0", "7.0 –", "3"]);
        assert!(charts[0].svg.contains("2.0 now. Lowest 0.0 at 10:25, highest 2.0 at 10:40."), "{}", charts[0].svg);
        assert_eq!(table(&points, now)[0], ["10:40", "0.5", "4.0", "9.0", "7.0", "–", "3"]);
        assert_eq!(table(&points, now).len(), 15);
    }

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!(
            [0.2, 0.9, 3.0, 57.0, 640.0].map(|top| shown(Some(nice(top)), 1)),
            ["0.2", "1.0", "4.0", "60.0", "1000"]
        );
    }
}
