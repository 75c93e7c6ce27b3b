//! When does a value stop being normal? The rules that alerts, states and charts share.
//!
//! The value that is shown is the value that is judged: round first, then compare.

use super::model::Patient;

/// How serious something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Stable,
    Watch,
    Critical,
}

impl Level {
    /// As it is kept.
    pub(crate) fn number(self) -> i32 {
        self as i32
    }

    /// As it was kept.
    pub(crate) fn of(number: i32) -> Self {
        match number {
            i32::MIN..=0 => Self::Stable,
            1 => Self::Watch,
            _ => Self::Critical,
        }
    }

    /// Its class in the style sheet, and in words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Watch => "watch",
            Self::Critical => "critical",
        }
    }
}

/// A value that is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vital {
    Temperature,
    HeartRate,
    Systolic,
    Spo2,
}

/// One limit of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    pub(crate) value: f64,
    /// Whether it is passed upwards: by what is at least this, not by what is below.
    pub(crate) upper: bool,
    pub(crate) level: Level,
}

impl Limit {
    const fn at_least(value: f64, level: Level) -> Self {
        Self { value, upper: true, level }
    }

    const fn below(value: f64, level: Level) -> Self {
        Self { value, upper: false, level }
    }

    /// Whether a value passes it.
    pub(crate) fn is_passed(&self, value: f64) -> bool {
        if self.upper { value >= self.value } else { value < self.value }
    }
}

use Level::{Critical, Watch};

impl Vital {
    pub(crate) const ALL: [Self; 4] = [Self::Temperature, Self::HeartRate, Self::Systolic, Self::Spo2];

    /// The limits, from the highest.
    pub(crate) fn limits(self) -> &'static [Limit] {
        const TEMPERATURE: [Limit; 4] = [
            Limit::at_least(39.0, Critical),
            Limit::at_least(38.0, Watch),
            Limit::below(35.5, Watch),
            Limit::below(35.0, Critical),
        ];
        const HEART_RATE: [Limit; 4] = [
            Limit::at_least(120.0, Critical),
            Limit::at_least(100.0, Watch),
            Limit::below(50.0, Watch),
            Limit::below(40.0, Critical),
        ];
        const SYSTOLIC: [Limit; 4] = [
            Limit::at_least(180.0, Critical),
            Limit::at_least(150.0, Watch),
            Limit::below(100.0, Watch),
            Limit::below(90.0, Critical),
        ];
        const SPO2: [Limit; 2] = [Limit::below(94.0, Watch), Limit::below(92.0, Critical)];
        match self {
            Self::Temperature => &TEMPERATURE,
            Self::HeartRate => &HEART_RATE,
            Self::Systolic => &SYSTOLIC,
            Self::Spo2 => &SPO2,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Temperature => "Temperature",
            Self::HeartRate => "Heart rate",
            Self::Systolic => "Systolic",
            Self::Spo2 => "SpO₂",
        }
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Temperature => "°C",
            Self::HeartRate => "/min",
            Self::Systolic => "mmHg",
            Self::Spo2 => "%",
        }
    }

    pub(crate) fn decimals(self) -> usize {
        usize::from(self == Self::Temperature)
    }

    /// A limit in words: `Temperature ≥ 39.0 °C`.
    pub(crate) fn rule(self, limit: &Limit) -> String {
        let (sign, decimals) = (if limit.upper { '≥' } else { '<' }, self.decimals());
        format!("{} {sign} {:.decimals$} {}", self.name(), limit.value, self.unit())
    }

    /// How serious a value is.
    pub(crate) fn level(self, value: f64) -> Level {
        let passed = self.limits().iter().filter(|limit| limit.is_passed(value));
        passed.map(|limit| limit.level).max().unwrap_or(Level::Stable)
    }
}

/// Values that were observed together.
pub(crate) trait Values {
    fn value(&self, vital: Vital) -> Option<f64>;

    /// How serious the worst of them is.
    fn level(&self) -> Level {
        let levels = Vital::ALL.into_iter().filter_map(|vital| self.value(vital).map(|value| vital.level(value)));
        levels.max().unwrap_or(Level::Stable)
    }
}

macro_rules! values {
    ($($type:ty)*) => {$(
        impl Values for $type {
            fn value(&self, vital: Vital) -> Option<f64> {
                match vital {
                    Vital::Temperature => self.temperature,
                    Vital::HeartRate => self.heart_rate.map(f64::from),
                    Vital::Systolic => self.systolic.map(f64::from),
                    Vital::Spo2 => self.spo2.map(f64::from),
                }
            }
        }
    )*};
}
values!(Patient super::model::Observation super::model::Reading);

#[cfg(test)]
mod tests {
    use super::{Level, Vital};

    #[test]
    fn a_value_is_as_serious_as_the_worst_limit_it_passes() {
        use Level::{Critical, Stable, Watch};
        let levels = [34.9, 35.0, 35.5, 37.9, 38.0, 38.9, 39.0].map(|value| Vital::Temperature.level(value));
        assert_eq!(levels, [Critical, Watch, Stable, Stable, Watch, Watch, Critical]);
        assert_eq!([91.0, 92.0, 94.0].map(|value| Vital::Spo2.level(value)), [Critical, Watch, Stable]);
    }

    #[test]
    fn a_rule_says_its_limit() {
        let rules: Vec<_> = Vital::Temperature.limits().iter().map(|limit| Vital::Temperature.rule(limit)).collect();
        let expected =
            ["Temperature ≥ 39.0 °C", "Temperature ≥ 38.0 °C", "Temperature < 35.5 °C", "Temperature < 35.0 °C"];
        assert_eq!(rules, expected);
    }
}
