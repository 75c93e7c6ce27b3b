//! Cases by place and week: where it began, and where it went.

use super::hexes::{Hex, hex_map};
use crate::patients::{model::Case, places::PLACES};
use std::{collections::BTreeMap, fmt::Write as _};
use tollgate::{Download, prelude::*};

const DAY: i64 = 86_400;
const WEEK: i64 = 7 * DAY;
/// 1970 began on a Thursday: so many days after a Monday.
const MONDAY: i64 = 3;
/// How many weeks are shown, and how many before decide what is expected.
const WEEKS: usize = 12;
const BEFORE: usize = 8;
/// Where the next colour begins.
const BOUNDS: [u32; 7] = [0, 1, 5, 10, 20, 40, 80];
const LABELS: [&str; 7] = ["0", "1–4", "5–9", "10–19", "20–39", "40–79", "80+"];

/// Which week is looked at: so many before this one.
#[input]
pub(super) struct Asked {
    #[garde(range(min = 0, max = 520))]
    back: Option<i32>,
}

#[output]
struct Cell {
    count: u32,
    heat: String,
    above: bool,
}

#[output]
struct Row {
    place: String,
    href: String,
    cells: Vec<Cell>,
}

#[output]
struct Week {
    number: String,
    current: bool,
}

#[output]
struct Legend {
    heat: String,
    label: &'static str,
}

#[output]
struct Places {
    week: String,
    days: String,
    earlier: i32,
    later: Option<i32>,
    total: u32,
    told: String,
    map: String,
    legend: Vec<Legend>,
    weeks: Vec<Week>,
    year: String,
    rows: Vec<Row>,
    totals: Vec<u32>,
    csv: String,
    any: bool,
}

/// Cases by place and week, as a map and a table.
pub(super) async fn monitor_places(
    may: May<Read, Case>,
    cases: Store<Case>,
    Query(asked): Query<Asked>,
    Now(now): Now,
    view: View,
) -> Result<Html> {
    let back = asked.back.unwrap_or(0);
    view.render("places.html", Counted::of(&cases, &may, now, back).await?.page(back))
}

/// Cases by place and week, to be kept.
pub(super) async fn monitor_places_csv(
    may: May<Read, Case>,
    cases: Store<Case>,
    Query(asked): Query<Asked>,
    Now(now): Now,
) -> Result<Download> {
    let content = Counted::of(&cases, &may, now, asked.back.unwrap_or(0)).await?.csv();
    Ok(Download::new("cases.csv", "text/csv", content))
}

/// How many cases began, in each place and week; the last of the weeks is the one that is looked at.
struct Counted {
    /// When the last week began, in seconds since 1970.
    monday: i64,
    places: BTreeMap<String, [u32; BEFORE + WEEKS]>,
    so_far: bool,
}

impl Counted {
    async fn of(cases: &Store<Case>, may: &May<Read, Case>, now: Timestamp, back: i32) -> Result<Self> {
        let day = now.as_second().div_euclid(DAY);
        let monday = (day - (day + MONDAY).rem_euclid(7)) * DAY - i64::from(back) * WEEK;
        let first = monday - WEEK * i64::try_from(BEFORE + WEEKS - 1).unwrap_or_default();
        let when = Case::BEGAN.gte(second(first)) & Case::BEGAN.lt(second(monday + WEEK));
        let mut places: BTreeMap<String, _> =
            PLACES.iter().map(|tile| (tile.name.to_owned(), [0; BEFORE + WEEKS])).collect();
        for case in cases.find(may, when).all().await? {
            let week = usize::try_from((case.began.as_second() - first) / WEEK).unwrap_or_default();
            places.entry(case.place).or_insert([0; BEFORE + WEEKS])[week] += 1;
        }
        Ok(Self { monday, places, so_far: back == 0 })
    }

    fn weeks(&self) -> impl Iterator<Item = Timestamp> {
        let last = self.monday;
        (0..WEEKS).rev().map(move |back| second(last - WEEK * i64::try_from(back).unwrap_or_default()))
    }

    /// The places, most cases in the last week first.
    fn ordered(&self) -> Vec<(&String, &[u32; BEFORE + WEEKS])> {
        let mut places: Vec<_> = self.places.iter().collect();
        places.sort_by_key(|(name, counts)| (std::cmp::Reverse(last(counts)), *name));
        places
    }

    fn total(&self, week: usize) -> u32 {
        self.places.values().map(|counts| counts[week]).sum()
    }

    fn page(&self, back: i32) -> Places {
        let (week, end) = (second(self.monday), second(self.monday + WEEK - DAY));
        let so_far = if self.so_far { ", so far" } else { "" };
        let (total, before) = (self.total(BEFORE + WEEKS - 1), self.total(BEFORE + WEEKS - 2));
        let most: Vec<_> = self.ordered().into_iter().filter(|(_, counts)| last(counts) > 0).take(3).collect();
        let most = most.iter().map(|(name, counts)| format!("{name} {}", last(counts))).collect::<Vec<_>>().join(", ");
        let than = if total >= before { "more" } else { "fewer" };
        let most_of_all = if most.is_empty() { String::new() } else { format!(" Most: {most}.") };
        let number = week.strftime("%V").to_string();
        Places {
            days: format!("{} to {}{so_far}", begin(week, end), end.strftime("%-d %b")),
            earlier: back + 1,
            later: (back > 0).then_some(back - 1),
            total,
            told: format!(
                "cases, {} {than} than the week before.{most_of_all}{}",
                total.abs_diff(before),
                self.off_map()
            ),
            map: self.map(&number, &most_of_all),
            legend: (0..).zip(LABELS).map(|(step, label)| Legend { heat: format!("heat-{step}"), label }).collect(),
            weeks: self.weeks().map(|at| Week { number: at.strftime("%V").to_string(), current: at == week }).collect(),
            year: week.strftime("%G").to_string(),
            rows: self.ordered().into_iter().map(row).collect(),
            totals: (BEFORE..BEFORE + WEEKS).map(|week| self.total(week)).collect(),
            csv: if back > 0 { format!("/monitor/places.csv?back={back}") } else { "/monitor/places.csv".into() },
            any: (BEFORE..BEFORE + WEEKS).any(|week| self.total(week) > 0),
            week: number,
        }
    }

    /// Cases of places that have no tile.
    fn off_map(&self) -> String {
        let on_map = |name: &str| PLACES.iter().any(|tile| tile.name == name);
        match self.places.iter().filter(|(name, _)| !on_map(name)).map(|(_, counts)| last(counts)).sum() {
            0_u32 => String::new(),
            cases => format!(" Not on the map, but in the table: {cases}."),
        }
    }

    fn map(&self, week: &str, most: &str) -> String {
        let hex = |tile: &'static crate::patients::places::Tile| {
            let counts = &self.places[tile.name];
            let (count, above) = (last(counts), is_above(counts, BEFORE + WEEKS - 1));
            Hex { name: tile.name, column: tile.column, row: tile.row, count, heat: heat(count), above }
        };
        let tiles: Vec<_> = PLACES.iter().map(hex).collect();
        let about = format!(
            "Nineteen tiles, one for each place, near each other as the places are.{most} All figures are in the table \
             beside it."
        );
        hex_map(&tiles, &format!("Cases in week {week} by place"), &about)
    }

    fn csv(&self) -> String {
        let weeks: Vec<_> = self.weeks().map(|at| at.strftime("%G-W%V").to_string()).collect();
        let mut csv = format!("place,{}\r\n", weeks.join(","));
        for (place, counts) in &self.places {
            let counts: Vec<_> = counts[BEFORE..].iter().map(ToString::to_string).collect();
            let _ = write!(csv, "\"{}\",{}\r\n", as_text(place).replace('"', "\"\""), counts.join(","));
        }
        csv
    }
}

/// A name that a spreadsheet would take for a formula is text with a `'` before it.
fn as_text(place: &str) -> String {
    if place.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{place}") } else { place.to_owned() }
}

/// `16`, or `30 Nov` where the week ends in another month.
fn begin(week: Timestamp, end: Timestamp) -> String {
    let month = |at: Timestamp| at.strftime("%b").to_string();
    week.strftime(if month(week) == month(end) { "%-d" } else { "%-d %b" }).to_string()
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn last(counts: &[u32; BEFORE + WEEKS]) -> u32 {
    counts[BEFORE + WEEKS - 1]
}

fn row((place, counts): (&String, &[u32; BEFORE + WEEKS])) -> Row {
    let cell = |week: usize| Cell { count: counts[week], heat: heat(counts[week]), above: is_above(counts, week) };
    let href = format!("/monitor?place={}", super::monitor::query_value(place));
    Row { place: place.clone(), href, cells: (BEFORE..BEFORE + WEEKS).map(cell).collect() }
}

fn heat(count: u32) -> String {
    format!("heat-{}", BOUNDS.iter().rposition(|bound| count >= *bound).unwrap_or_default())
}

/// More than the mean of the eight weeks before plus three deviations, and at least ten.
fn is_above(counts: &[u32; BEFORE + WEEKS], week: usize) -> bool {
    let before: Vec<f64> = counts[week - BEFORE..week].iter().map(|count| f64::from(*count)).collect();
    let weeks = f64::from(u32::try_from(BEFORE).unwrap_or(1));
    let mean = before.iter().sum::<f64>() / weeks;
    let variance = before.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / weeks;
    counts[week] >= 10 && f64::from(counts[week]) > mean + 3.0 * variance.max(1.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_than_expected_is_told_from_the_weeks_before() {
        let mut counts = [1; BEFORE + WEEKS];
        counts[BEFORE] = 9;
        counts[BEFORE + 1] = 13;
        counts[BEFORE + 2] = 13;
        assert!(!is_above(&counts, BEFORE), "fewer than ten");
        assert!(is_above(&counts, BEFORE + 1));
        assert!(!is_above(&counts, BEFORE + 2), "by then it was to be expected");
    }

    #[test]
    fn a_place_is_no_formula() {
        assert_eq!(["=1+1", "@SUM(A1)", "Mill Lane"].map(as_text), ["'=1+1", "'@SUM(A1)", "Mill Lane"]);
    }

    #[test]
    fn a_count_has_the_colour_of_its_step() {
        assert_eq!(
            [0, 1, 4, 5, 79, 80, 1000].map(heat),
            ["heat-0", "heat-1", "heat-1", "heat-2", "heat-5", "heat-6", "heat-6"]
        );
    }
}
