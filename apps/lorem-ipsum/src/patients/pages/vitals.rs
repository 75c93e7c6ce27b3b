//! What pages show of a value: its text, how serious it is, and what chart it has room in.

use super::charts::{shape, value};
use crate::patients::limits::{Level, Vital};
use tollgate::output;

impl Vital {
    /// From where to where a sparkline goes.
    pub(super) fn small_range(self) -> (f64, f64) {
        match self {
            Self::Temperature => (35.8, 39.8),
            Self::HeartRate => (42.0, 132.0),
            Self::Systolic => (84.0, 166.0),
            Self::Spo2 => (89.5, 99.8),
        }
    }

    /// From where to where a chart goes at least, and what is between two marks.
    pub(super) fn range(self) -> (f64, f64, f64) {
        match self {
            Self::Temperature => (36.0, 40.0, 1.0),
            Self::HeartRate | Self::Systolic => (60.0, 140.0, 20.0),
            Self::Spo2 => (88.0, 100.0, 4.0),
        }
    }

    /// The heading of a chart.
    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::Temperature => "Temperature",
            Self::HeartRate => "Heart rate",
            Self::Systolic => "Blood pressure",
            Self::Spo2 => "Oxygen saturation (SpO₂)",
        }
    }

    /// The heading where there is little room.
    pub(super) fn brief(self) -> &'static str {
        match self {
            Self::Temperature => "Temp °C",
            Self::HeartRate => "Heart /min",
            Self::Systolic => "BP mmHg",
            Self::Spo2 => "SpO₂ %",
        }
    }

    /// The unit, as it is read aloud.
    pub(super) fn spoken(self) -> &'static str {
        match self {
            Self::Temperature => "°C",
            Self::HeartRate => "per minute",
            Self::Systolic => "mmHg systolic",
            Self::Spo2 => "%",
        }
    }

    /// The name of its charts in ids.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Temperature => "temperature",
            Self::HeartRate => "heart",
            Self::Systolic => "pressure",
            Self::Spo2 => "spo2",
        }
    }
}

/// A value in a table.
#[output]
#[derive(Clone)]
pub(super) struct Shown {
    /// What it is called where columns have no heads.
    pub(super) name: &'static str,
    /// The value; nothing if there is none.
    pub(super) text: String,
    /// `stable`, `watch` or `critical`.
    pub(super) state: &'static str,
    /// The shape of that, as markup; nothing if it is stable.
    pub(super) mark: String,
    /// Its course, as markup.
    pub(super) spark: String,
    /// Whether it is two numbers.
    pub(super) wide: bool,
}

impl Shown {
    /// A value, and for the blood pressure the other one.
    pub(super) fn of(vital: Vital, one: Option<f64>, other: Option<i32>) -> Self {
        let level = one.map_or(Level::Stable, |one| vital.level(one));
        let text = one.map(|one| value(one, vital.decimals()));
        let pair = |text: String| match other.filter(|_| vital == Vital::Systolic) {
            Some(other) => format!("{text}/{other}"),
            None => text,
        };
        Self {
            name: vital.brief(),
            text: text.map(pair).unwrap_or_default(),
            state: level.name(),
            mark: if level == Level::Stable { String::new() } else { shape(level.name(), 8) },
            spark: String::new(),
            wide: vital == Vital::Systolic,
        }
    }
}
