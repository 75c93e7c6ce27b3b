//! Charts as SVG, without script and without inline style.
//!
//! `x` is in percent and `y` in pixels: the plot stretches with its column while text, dots and strokes keep their
//! size. Lines sit in a nested `svg` whose view box stretches, with strokes that do not (`vector-effect`, in the style
//! sheet). What is out of range is the same path drawn again inside a clip. Ids begin with the name of the chart,
//! because they must be unique in the page.
//!
//! Texts are the app's own words and numbers; what somebody sent goes through [`escaped`].

use crate::patients::limits::{Level, Limit};
use std::fmt::Write as _;

/// A moment, from 0 to 1, and a value.
pub(super) type Point = (f64, Option<f64>);

/// Where an alert began.
pub(super) struct Event {
    pub(super) at: f64,
    pub(super) level: Level,
    pub(super) value: f64,
}

/// A moment that is named below the plot.
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) text: String,
    /// Left out where there is little room.
    pub(super) minor: bool,
}

/// One value over time, or two that belong together.
pub(super) struct Chart<'a> {
    pub(super) name: &'a str,
    pub(super) title: String,
    /// What a screen reader says.
    pub(super) about: String,
    pub(super) line: &'a [Point],
    /// A second line below, with what is between filled.
    pub(super) below: Option<&'a [Point]>,
    pub(super) range: (f64, f64),
    pub(super) marks: &'a [f64],
    pub(super) ticks: &'a [Tick],
    /// Where days begin.
    pub(super) breaks: &'a [f64],
    pub(super) limits: &'static [Limit],
    pub(super) events: &'a [Event],
    pub(super) unit: &'static str,
    pub(super) decimals: usize,
    /// Names a moment.
    pub(super) label: &'a dyn Fn(f64) -> String,
}

const HEIGHT: f64 = 136.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = HEIGHT - 22.0;
/// The width of the stretched view box.
const WIDE: f64 = 1000.0;

/// A strip of the plot in which a line has the colour of its state.
struct Zone {
    top: f64,
    height: f64,
    level: Level,
}

/// Text as it stands in markup.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A number without zeros that say nothing.
pub(super) fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A value as people read it.
pub(super) fn value(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}").replace('-', "−")
}

/// The shape of a state, which tells it without colour.
pub(super) fn shape(state: &str, size: u32) -> String {
    let inner = match state {
        "critical" => r#"<path d="M7 .7 13.3 7 7 13.3.7 7Z" fill="currentColor"/>"#,
        "watch" => r#"<path d="M7 1.2 13.4 12.4H.6Z" fill="currentColor"/>"#,
        "stable" => r#"<circle cx="7" cy="7" r="4" fill="none" stroke="currentColor" stroke-width="1.6"/>"#,
        _ => {
            r#"<circle cx="7" cy="7" r="4" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2 2.2"/>"#
        }
    };
    format!(r#"<svg width="{size}" height="{size}" viewBox="0 0 14 14" aria-hidden="true">{inner}</svg>"#)
}

fn class(level: Level) -> &'static str {
    match level {
        Level::Stable => "",
        Level::Watch => " is-watch",
        Level::Critical => " is-critical",
    }
}

/// What a value is, at that height: what its limits say, of which those that lie beyond are passed.
fn zones(limits: &[Limit], y: impl Fn(f64) -> f64, top: f64, bottom: f64) -> Vec<Zone> {
    let mut edges: Vec<f64> = limits.iter().map(|limit| y(limit.value).clamp(top, bottom)).collect();
    edges.extend([top, bottom]);
    edges.sort_by(f64::total_cmp);
    let strips = edges.windows(2).filter(|pair| pair[1] - pair[0] >= 0.01);
    let zone = |pair: &[f64]| {
        let middle = f64::midpoint(pair[0], pair[1]);
        let passed = limits.iter().filter(|limit| (middle < y(limit.value)) == limit.upper);
        Zone {
            top: pair[0],
            height: pair[1] - pair[0],
            level: passed.map(|limit| limit.level).max().unwrap_or(Level::Stable),
        }
    };
    strips.map(zone).collect()
}

/// A line with a gap where there is no value.
fn path(points: impl IntoIterator<Item = Point>, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let (mut path, mut pen) = (String::new(), 'M');
    for (at, value) in points {
        match value {
            None => pen = 'M',
            Some(value) => {
                let _ = write!(path, "{pen}{} {}", number(x(at), 1), number(y(value), 1));
                pen = 'L';
            }
        }
    }
    path
}

/// What a screen reader says of the course of a day, of which less than `little` is steady.
fn about_a_day(known: &[(f64, f64)], rise: f64, little: f64, (unit, decimals): (&str, usize)) -> String {
    let values = known.iter().map(|(_, value)| *value);
    let (bottom, top) = values.fold((f64::MAX, f64::MIN), |(bottom, top), it| (bottom.min(it), top.max(it)));
    let trend = match rise {
        rise if rise > little => "rising",
        rise if rise < -little => "falling",
        _ => "steady",
    };
    format!("24 hours: {} to {} {unit}, {trend}", value(bottom, decimals), value(top, decimals))
}

/// A small chart beside a value: the course of a day.
pub(super) fn sparkline(
    name: &str,
    values: &[Option<f64>],
    limits: &[Limit],
    (low, high): (f64, f64),
    (unit, decimals): (&str, usize),
) -> String {
    const WIDTH: f64 = 96.0;
    const HEIGHT: f64 = 28.0;
    let known: Vec<(f64, f64)> = (0_u32..).zip(values).filter_map(|(at, it)| Some((f64::from(at), (*it)?))).collect();
    let (Some(first), Some(last)) = (known.first(), known.last()) else { return String::new() };
    let steps = f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX).saturating_sub(1).max(1));
    let x = |at: f64| 2.0 + (WIDTH - 6.0) * at / steps;
    let y = |value: f64| 2.0 + (HEIGHT - 4.0) * (1.0 - (value.clamp(low, high) - low) / (high - low));
    // So short a line has no room for a gap.
    let line = path(known.iter().map(|(at, value)| (*at, Some(*value))), x, y);
    let about = about_a_day(&known, last.1 - first.1, (high - low) * 0.05, (unit, decimals));
    let mut svg = format!(
        r#"<svg class="spark" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{about}">"#
    );
    for limit in limits.iter().filter(|limit| limit.level == Level::Watch && low < limit.value && limit.value < high) {
        let y = number(y(limit.value).round() + 0.5, 1);
        let _ = write!(svg, r#"<line class="spark-limit" x2="{WIDTH}" y1="{y}" y2="{y}"/>"#);
    }
    for (index, zone) in zones(limits, y, 0.0, HEIGHT).iter().enumerate() {
        if known.iter().any(|(_, value)| (zone.top..=zone.top + zone.height).contains(&y(*value))) {
            let (top, height) = (number(zone.top, 1), number(zone.height, 1));
            let _ = write!(
                svg,
                r#"<clipPath id="{name}-{index}"><rect y="{top}" width="{WIDTH}" height="{height}"/></clipPath><path class="spark-line{}" clip-path="url(#{name}-{index})" d="{line}"/>"#,
                class(zone.level)
            );
        }
    }
    let level = limits.iter().filter(|limit| limit.is_passed(last.1)).map(|limit| limit.level).max();
    let (end, x, y) = (class(level.unwrap_or(Level::Stable)), number(x(last.0), 1), number(y(last.1), 1));
    let _ = write!(svg, r#"<circle class="spark-end{end}" cx="{x}" cy="{y}" r="2.25"/></svg>"#);
    svg
}

impl Chart<'_> {
    /// The chart: axis, plot, and the limits named at the right.
    pub(super) fn draw(&self) -> String {
        let Self { name, .. } = self;
        let mut plot = String::new();
        self.ground(&mut plot);
        self.lines(&mut plot);
        self.dots(&mut plot);
        self.moments(&mut plot);
        self.hits(&mut plot);
        format!(
            r#"<div class="chart-frame">{}<svg class="chart-plot" height="{HEIGHT}" role="img" aria-labelledby="{name}-title" aria-describedby="{name}-desc">{plot}</svg>{}</div>"#,
            self.axis(),
            self.named_limits()
        )
    }

    fn y(&self, value: f64) -> f64 {
        let (low, high) = self.range;
        TOP + (BOTTOM - TOP) * (1.0 - (value - low) / (high - low))
    }

    fn zones(&self) -> Vec<Zone> {
        zones(self.limits, |value| self.y(value), TOP - 8.0, BOTTOM + 8.0)
    }

    fn shown_limits(&self) -> impl Iterator<Item = &Limit> {
        self.limits.iter().filter(|limit| (self.range.0..=self.range.1).contains(&limit.value))
    }

    fn level(&self, value: f64) -> Level {
        let passed = self.limits.iter().filter(|limit| limit.is_passed(value));
        passed.map(|limit| limit.level).max().unwrap_or(Level::Stable)
    }

    /// What lies behind the lines.
    fn ground(&self, out: &mut String) {
        let Self { name, title, about, .. } = self;
        let (title, about) = (escaped(title), escaped(about));
        let _ = write!(out, r#"<title id="{name}-title">{title}</title><desc id="{name}-desc">{about}</desc>"#);
        if let Some(normal) = self.zones().iter().find(|zone| zone.level == Level::Stable) {
            let (top, height) = (number(normal.top, 1), number(normal.height, 1));
            let _ = write!(out, r#"<rect class="chart-normal" width="100%" y="{top}" height="{height}"/>"#);
        }
        let level = |out: &mut String, class: &str, value: f64| {
            let y = number(self.y(value), 0);
            let _ = write!(out, r#"<line class="{class}" x1="0" x2="100%" y1="{y}" y2="{y}"/>"#);
        };
        for mark in self.marks {
            level(out, "chart-grid", *mark);
        }
        let moment = |out: &mut String, class: &str, at: f64| {
            let (x, top) = (number(at * 100.0, 2), TOP - 4.0);
            let _ = write!(out, r#"<line class="{class}" x1="{x}%" x2="{x}%" y1="{top}" y2="{BOTTOM}"/>"#);
        };
        for at in self.breaks {
            moment(out, "chart-grid", *at);
        }
        for limit in self.shown_limits() {
            level(out, &format!("chart-limit{}", class(limit.level)), limit.value);
        }
        for event in self.events {
            let watch = if event.level == Level::Watch { " chart-event-watch" } else { "" };
            moment(out, &format!("chart-event{watch}"), event.at);
        }
    }

    fn lines(&self, out: &mut String) {
        let Self { name, .. } = self;
        let (x, y) = (|at: f64| WIDE * at, |value: f64| self.y(value));
        let _ = write!(
            out,
            r#"<svg width="100%" height="{HEIGHT}" viewBox="0 0 {WIDE} {HEIGHT}" preserveAspectRatio="none">"#
        );
        if let Some(below) = self.below {
            let _ = write!(out, r#"<path class="chart-area" d="{}"/>"#, self.area(below));
            let _ = write!(out, r#"<path class="chart-line" d="{}"/>"#, path(below.iter().copied(), x, y));
        }
        let line = path(self.line.iter().copied(), x, y);
        let reaches =
            |zone: &Zone, value: f64| (zone.top - 3.0..=zone.top + zone.height + 3.0).contains(&self.y(value));
        for (index, zone) in self.zones().iter().enumerate() {
            if self.line.iter().filter_map(|(_, value)| *value).any(|value| reaches(zone, value)) {
                let (top, height) = (number(zone.top, 1), number(zone.height, 1));
                let _ = write!(
                    out,
                    r#"<clipPath id="{name}-zone-{index}"><rect y="{top}" width="{WIDE}" height="{height}"/></clipPath><path class="chart-line{}" clip-path="url(#{name}-zone-{index})" d="{line}"/>"#,
                    class(zone.level)
                );
            }
        }
        out.push_str("</svg>");
    }

    /// What is between the two lines, where both have values.
    fn area(&self, below: &[Point]) -> String {
        let (x, y) = (|at: f64| WIDE * at, |value: f64| self.y(value));
        let (mut area, mut run) = (String::new(), Vec::<(Point, Point)>::new());
        let ends = std::iter::once(((0.0, None), (0.0, None)));
        for (upper, lower) in self.line.iter().copied().zip(below.iter().copied()).chain(ends) {
            if upper.1.is_some() && lower.1.is_some() {
                run.push((upper, lower));
            } else if !run.is_empty() {
                let back = path(run.iter().rev().map(|(_, lower)| *lower), x, y);
                let _ = write!(area, "{}L{}Z", path(run.iter().map(|(upper, _)| *upper), x, y), &back[1..]);
                run.clear();
            }
        }
        area
    }

    /// The last value, and where alerts began.
    fn dots(&self, out: &mut String) {
        if let Some((at, value)) = self.line.iter().rev().find_map(|(at, value)| Some((*at, (*value)?))) {
            let class = match self.level(value) {
                Level::Stable => "chart-dot",
                Level::Watch => "mark-watch",
                Level::Critical => "mark-critical",
            };
            let (x, y) = (number(at * 100.0, 2), number(self.y(value), 1));
            let _ = write!(out, r#"<circle class="{class}" cx="{x}%" cy="{y}" r="4.5"/>"#);
        }
        for Event { at, level, value } in self.events {
            let mark = match level {
                Level::Critical => r#"<path class="mark-critical" d="M0-6.5 6.5 0 0 6.5-6.5 0Z"/>"#,
                _ => r#"<path class="mark-watch" d="M0-6.5 6.5 5H-6.5Z"/>"#,
            };
            let (x, y) = (number(at * 100.0, 2), number(self.y(value.clamp(self.range.0, self.range.1)), 1));
            let _ = write!(out, r#"<svg x="{x}%" y="{y}">{mark}</svg>"#);
        }
    }

    fn moments(&self, out: &mut String) {
        for Tick { at, text, minor } in self.ticks {
            let class = if *minor { "tick-minor" } else { "tick" };
            let anchor = if *at < 0.02 {
                "start"
            } else if *at > 0.98 {
                "end"
            } else {
                "middle"
            };
            let (x, y, text) = (number(at * 100.0, 2), HEIGHT - 4.0, escaped(text));
            let _ = write!(out, r#"<text class="{class}" x="{x}%" y="{y}" text-anchor="{anchor}">{text}</text>"#);
        }
    }

    /// What a pointer finds: each value with its moment.
    fn hits(&self, out: &mut String) {
        let step = 1.0 / f64::from(u32::try_from(self.line.len().max(1)).unwrap_or(u32::MAX));
        for (index, (at, upper)) in self.line.iter().enumerate() {
            let Some(upper) = *upper else { continue };
            let lower = self.below.and_then(|below| below.get(index)?.1);
            let values = std::iter::once(upper).chain(lower).map(|it| value(it, self.decimals));
            let values = values.collect::<Vec<_>>().join("/");
            let text = escaped(&format!("{} · {values} {}", (self.label)(*at), self.unit));
            let side = if *at < 0.5 { r#"text-anchor="start" dx="8""# } else { r#"text-anchor="end" dx="-8""# };
            let (from, wide) = (number((at - step / 2.0).max(0.0) * 100.0, 2), number(step * 100.0, 2));
            let (x, y, top, middle) = (number(at * 100.0, 2), number(self.y(upper), 1), TOP - 4.0, TOP + 4.0);
            let _ = write!(
                out,
                r#"<g class="chart-hit"><rect x="{from}%" width="{wide}%" y="0" height="{BOTTOM}"/><line x1="{x}%" x2="{x}%" y1="{top}" y2="{BOTTOM}"/><circle cx="{x}%" cy="{y}" r="4"/><text x="{x}%" y="{middle}" {side}>{text}</text></g>"#
            );
        }
    }

    fn axis(&self) -> String {
        let mark = |mark: &f64| {
            let y = number(self.y(*mark) + 4.0, 0);
            format!(r#"<text x="20" y="{y}" text-anchor="end">{}</text>"#, number(*mark, 1))
        };
        let marks: String = self.marks.iter().map(mark).collect();
        format!(r#"<svg class="chart-axis" width="28" height="{HEIGHT}" aria-hidden="true">{marks}</svg>"#)
    }

    fn named_limits(&self) -> String {
        let name = |limit: &Limit| {
            let (sign, y) = (if limit.upper { "≥" } else { "&lt;" }, number(self.y(limit.value) + 4.0, 0));
            let (level, limit) = (limit.level.name(), number(limit.value, 1));
            format!(r#"<text class="text-{level}" x="8" y="{y}">{sign} {limit}</text>"#)
        };
        let names: String = self.shown_limits().map(name).collect();
        format!(r#"<svg class="chart-axis" width="46" height="{HEIGHT}" aria-hidden="true">{names}</svg>"#)
    }
}

/// In words what a line shows, made from its points so that it cannot be wrong.
pub(super) fn described(points: &[Point], unit: &str, decimals: usize, label: &dyn Fn(f64) -> String) -> String {
    let known: Vec<(f64, f64)> = points.iter().filter_map(|(at, value)| Some((*at, (*value)?))).collect();
    let (Some(first), Some(last)) = (known.first(), known.last()) else { return "No values.".into() };
    let lowest = known.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(first);
    let highest = known.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(first);
    let shown = |point: &(f64, f64)| value(point.1, decimals);
    format!(
        "Starts at {} {unit} and is {} now. Lowest {} at {}, highest {} at {}.",
        shown(first),
        shown(last),
        shown(lowest),
        label(lowest.0),
        shown(highest),
        label(highest.0)
    )
}
