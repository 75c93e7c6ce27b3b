//! A map of tiles: a hexagon for each place, near each other as the places are.

use super::charts::{escaped, number};

/// A tile of a map.
pub(super) struct Hex<'a> {
    pub(super) name: &'a str,
    pub(super) column: i32,
    pub(super) row: i32,
    pub(super) count: u32,
    /// Its class: how much that is.
    pub(super) heat: String,
    /// Outlined.
    pub(super) above: bool,
}

const RADIUS: f64 = 44.0;

impl Hex<'_> {
    /// Where its middle is: odd rows are shifted by half a tile.
    fn middle(&self) -> (f64, f64) {
        let shift = if self.row % 2 == 0 { 0.0 } else { 0.5 };
        let (wide, high) = (RADIUS * 3_f64.sqrt(), RADIUS * 1.5);
        (RADIUS + wide * (f64::from(self.column) + shift), RADIUS + high * f64::from(self.row))
    }

    fn outline(&self, radius: f64) -> String {
        let (x, y) = self.middle();
        let corner = |index: u32| {
            let (sine, cosine) = (f64::from(index) * 60.0).to_radians().sin_cos();
            format!("{} {}", number(x + radius * sine, 1), number(y - radius * cosine, 1))
        };
        format!("M{}Z", (0..6).map(corner).collect::<Vec<_>>().join("L"))
    }

    fn draw(&self) -> String {
        let ((x, y), lines) = (self.middle(), self.name.split(' ').collect::<Vec<_>>());
        let (lifted, first) = if lines.len() > 1 { (3.0, 12.0) } else { (0.0, 16.0) };
        let above = if self.above {
            format!(r#"<path class="hex-above" d="{}"/>"#, self.outline(RADIUS - 3.5))
        } else {
            String::new()
        };
        let (x_text, y_text) = (number(x, 1), number(y - lifted, 1));
        let line = |(index, line): (u32, &&str)| {
            let y = number(y + first + 12.0 * f64::from(index), 1);
            format!(r#"<text class="hex-name" x="{x_text}" y="{y}">{}</text>"#, escaped(line))
        };
        let names: String = (0..).zip(&lines).map(line).collect();
        let (heat, outline, count) = (&self.heat, self.outline(RADIUS - 2.0), self.count);
        format!(
            r#"<g class="{heat}"><path class="hex" d="{outline}"/>{above}<text class="hex-count" x="{x_text}" y="{y_text}">{count}</text>{names}</g>"#
        )
    }
}

/// A map of tiles.
pub(super) fn hex_map(tiles: &[Hex<'_>], title: &str, about: &str) -> String {
    let half = RADIUS * 3_f64.sqrt() / 2.0 + 3.0;
    let (mut left, mut right, mut top, mut bottom) = (f64::MAX, f64::MIN, f64::MAX, f64::MIN);
    for (x, y) in tiles.iter().map(Hex::middle) {
        (left, right) = (left.min(x - half), right.max(x + half));
        (top, bottom) = (top.min(y - RADIUS - 3.0), bottom.max(y + RADIUS + 3.0));
    }
    let view = [left, top, right - left, bottom - top].map(|it| number(it, 0)).join(" ");
    let (title, about) = (escaped(title), escaped(about));
    let drawn: String = tiles.iter().map(Hex::draw).collect();
    format!(
        r#"<svg class="hex-map" viewBox="{view}" width="100%" role="img" aria-labelledby="hex-title" aria-describedby="hex-desc"><title id="hex-title">{title}</title><desc id="hex-desc">{about}</desc>{drawn}</svg>"#
    )
}
