//! How values went: the least, the mean and the greatest of each stretch of time.

use super::{
    limits::{Values, Vital},
    model::Observation,
};
use std::time::Duration;
use tollgate::prelude::*;

/// A stretch of time.
#[output]
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// When it begins.
    pub from: Timestamp,
    /// How many observations are in it.
    pub observations: u64,
    /// Body temperature, °C.
    pub temperature: Option<Spread>,
    /// Heart rate, per minute.
    pub heart_rate: Option<Spread>,
    /// Systolic blood pressure, mmHg.
    pub systolic: Option<Spread>,
    /// Diastolic blood pressure, mmHg.
    pub diastolic: Option<Spread>,
    /// Oxygen saturation, %.
    pub spo2: Option<Spread>,
}

/// Values of one kind.
#[output]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The least.
    pub low: f64,
    /// The mean.
    pub mean: f64,
    /// The greatest.
    pub high: f64,
}

impl Spread {
    #[expect(clippy::cast_precision_loss, reason = "that many observations fit in no memory")]
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (mut low, mut high, mut sum, mut count) = (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0_usize);
        for value in values {
            (low, high, sum, count) = (low.min(value), high.max(value), sum + value, count + 1);
        }
        (count > 0).then(|| Self { low, mean: sum / count as f64, high })
    }
}

/// What was observed in a period, in the order of time.
pub(crate) struct Observed {
    pub(crate) all: Vec<Observation>,
    /// Since when that is all there was, if there was more than is read.
    pub(crate) whole_since: Option<Timestamp>,
    period: Period,
}

impl Observed {
    /// The newest come first, and no more than `most`.
    pub(crate) fn of(mut newest: Vec<Observation>, period: Period, most: u32) -> Self {
        newest.reverse();
        let whole_since = newest.first().filter(|_| newest.len() >= most as usize).map(|oldest| oldest.at);
        Self { all: newest, whole_since, period }
    }

    /// The course of all values, where they are whole.
    pub(crate) fn trends(&self) -> Vec<Trend> {
        let mut trends = self.period.trends(&self.all);
        trends.retain(|trend| self.whole_since.is_none_or(|since| trend.from >= since));
        trends
    }
}

/// A row of stretches of the same length, the last of which ends now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Period {
    pub(crate) until: Timestamp,
    pub(crate) step: Duration,
    pub(crate) steps: u32,
}

impl Period {
    pub(crate) fn from(&self) -> Timestamp {
        self.until - self.step * self.steps
    }

    /// The moment at which a stretch begins.
    pub(crate) fn begin(&self, step: u32) -> Timestamp {
        self.from() + self.step * step
    }

    /// Which stretch a moment is in: one that it ends, or comes before the end of.
    fn step_of(&self, at: Timestamp) -> Option<usize> {
        let since = at.as_millisecond() - self.from().as_millisecond();
        let step = i64::try_from(self.step.as_millis()).ok()?.max(1);
        usize::try_from((since - 1).div_euclid(step)).ok().filter(|index| *index < self.steps as usize)
    }

    /// The observations of each stretch; they come in the order of their times.
    pub(crate) fn divided<'o>(&self, observations: &'o [Observation]) -> Vec<Vec<&'o Observation>> {
        let mut steps = vec![vec![]; self.steps as usize];
        for observation in observations {
            if let Some(step) = self.step_of(observation.at) {
                steps[step].push(observation);
            }
        }
        steps
    }

    /// The course of all values.
    fn trends(&self, observations: &[Observation]) -> Vec<Trend> {
        let steps = self.divided(observations);
        let trend = |(step, within): (u32, Vec<&Observation>)| {
            let spread = |vital: Vital| Spread::of(within.iter().filter_map(|one| one.value(vital)));
            Trend {
                from: self.begin(step),
                observations: within.len() as u64,
                temperature: spread(Vital::Temperature),
                heart_rate: spread(Vital::HeartRate),
                systolic: spread(Vital::Systolic),
                diastolic: Spread::of(within.iter().filter_map(|one| one.diastolic.map(f64::from))),
                spo2: spread(Vital::Spo2),
            }
        };
        (0..).zip(steps).map(trend).collect()
    }

    /// The last value of each stretch, and when that was.
    pub(crate) fn course(
        &self,
        observations: &[Observation],
        value: impl Fn(&Observation) -> Option<f64>,
    ) -> Vec<Option<(Timestamp, f64)>> {
        let last = |within: Vec<&Observation>| within.into_iter().rev().find_map(|one| Some((one.at, value(one)?)));
        self.divided(observations).into_iter().map(last).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Observation {
        Observation {
            observation_id: second,
            patient_id: "P-1".into(),
            clinician: "clio".into(),
            at: Timestamp::from_second(second).unwrap(),
            place: "Harbour".into(),
            temperature: None,
            heart_rate: Some(60),
            systolic: None,
            diastolic: None,
            spo2: None,
            symptoms: vec![],
        }
    }

    #[test]
    fn of_more_than_is_read_the_newest_count_and_no_stretch_is_half() {
        let until = Timestamp::from_second(400).unwrap();
        let period = Period { until, step: Duration::from_secs(100), steps: 4 };
        let counts = |most| {
            let newest = [390, 310, 290, 210, 190, 110].into_iter().take(most as usize).map(at).collect();
            let trends = Observed::of(newest, period, most).trends();
            trends.iter().map(|trend| (trend.from.as_second(), trend.observations)).collect::<Vec<_>>()
        };
        assert_eq!(counts(100), [(0, 0), (100, 2), (200, 2), (300, 2)]);
        assert_eq!(counts(4), [(300, 2)], "of the third there may have been more");
        assert_eq!(counts(5), [(200, 2), (300, 2)]);
    }
}
