//! Observations that come in: kept, and what follows from them, in one transaction.
//!
//! What follows is a matter of a patient's row, of their open alerts and of the observations, in the order of their
//! times, and is worked out here ([`Ward`]) before anything is written. So a batch of any size is a handful of
//! statements, and a row that is wrong leaves nothing behind.

use super::{
    limits::{Level, Values, Vital},
    model::{Alert, Case, NewObservation, Observation, Patient, Reading, Recorded},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tollgate::{Fault, prelude::*};

/// How far a clock that sends observations may be ahead of ours.
const AHEAD: Duration = Duration::from_mins(5);

/// Where what follows from observations is kept.
pub(crate) struct Records {
    pub(crate) patients: Store<Patient>,
    pub(crate) observations: Store<Observation>,
    pub(crate) alerts: Store<Alert>,
    pub(crate) cases: Store<Case>,
}

fn follows() -> System {
    System::because("what is observed of a patient changes their state, their alerts and the count of cases")
}

impl Records {
    /// Keeps observations of patients that the caller may see. `place` says where the reading of that index stands in what
    /// was sent, as in `#/observations/17`.
    ///
    /// # Errors
    /// 422 with the place of each reading that is of nobody, or of a moment that has not come.
    pub(crate) async fn record(
        &self,
        may: &May<Read, Patient>,
        readings: Vec<Reading>,
        now: Timestamp,
        place: impl Fn(usize) -> String,
    ) -> Result<Recorded> {
        self.patients
            .transaction(async |tx| {
                let ids: BTreeSet<_> = readings.iter().map(|reading| reading.patient_id.clone()).collect();
                let mine = Patient::PATIENT_ID.in_(ids.iter().cloned());
                // In the order of their keys, so that two who send at once wait for each other and not forever.
                let patients = self.patients.on(&tx)?;
                let patients = patients.find(may, mine).sort(Patient::PATIENT_ID.asc()).all().await?;
                check(&readings, &patients, now, place)?;
                let open = Alert::PATIENT_ID.in_(ids) & Alert::CLOSED.is_null();
                let open = self.alerts.on(&tx)?.find(&follows().may(), open).all().await?;
                let mut ward = Ward::of(patients, open);
                let rows = ward.take(readings, now);
                self.keep(&tx, rows, ward).await
            })
            .await
    }

    async fn keep(&self, tx: &tollgate::Transaction, rows: Vec<NewObservation>, ward: Ward) -> Result<Recorded> {
        let recorded = Recorded { observations: rows.len() as u64, ..ward.told() };
        let system = follows();
        self.observations.on(tx)?.insert_many(&system.may(), rows).await?;
        let states = [
            Patient::PLACE.taken(),
            Patient::LEVEL.taken(),
            Patient::TEMPERATURE.taken(),
            Patient::HEART_RATE.taken(),
            Patient::SYSTOLIC.taken(),
            Patient::DIASTOLIC.taken(),
            Patient::SPO2.taken(),
            Patient::SEEN.taken(),
        ];
        let (patients, alerts, cases) = ward.rows();
        self.patients.on(tx)?.upsert(&(system.may(), system.may()), patients, states).await?;
        self.alerts.on(tx)?.upsert(&(system.may(), system.may()), alerts, [Alert::CLOSED.taken()]).await?;
        // Who is counted is not counted again.
        self.cases.on(tx)?.upsert(&(system.may(), system.may()), cases, []).await?;
        Ok(recorded)
    }
}

fn check(readings: &[Reading], patients: &[Patient], now: Timestamp, place: impl Fn(usize) -> String) -> Result<()> {
    let known: BTreeSet<&str> = patients.iter().map(|patient| patient.patient_id.as_str()).collect();
    let latest = now + AHEAD;
    let mut faults = vec![];
    for (index, reading) in readings.iter().enumerate() {
        if !known.contains(reading.patient_id.as_str()) {
            faults.push(Fault::at(format!("{}/patient_id", place(index)), "there is none, or none that you may reach"));
        }
        if reading.at.is_some_and(|at| at > latest) {
            faults.push(Fault::at(format!("{}/at", place(index)), "that moment has not come"));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}

/// Patients, with what changes when they are observed.
struct Ward {
    beds: BTreeMap<String, Bed>,
}

/// A patient.
struct Bed {
    patient: Patient,
    /// Those that were open, and those that came; ended ones too.
    alerts: Vec<Alert>,
    changed: BTreeSet<Uuid>,
    opened: u64,
    closed: u64,
    case: Option<Case>,
}

impl Ward {
    fn of(patients: Vec<Patient>, open: Vec<Alert>) -> Self {
        let bed = |patient: Patient| {
            let bed = Bed { patient, alerts: vec![], changed: BTreeSet::new(), opened: 0, closed: 0, case: None };
            (bed.patient.patient_id.clone(), bed)
        };
        let mut beds: BTreeMap<_, _> = patients.into_iter().map(bed).collect();
        for alert in open {
            if let Some(bed) = beds.get_mut(&alert.patient_id) {
                bed.alerts.push(alert);
            }
        }
        Self { beds }
    }

    /// Takes in observations, in the order of their times; answers the rows they are kept as, in the order they came.
    fn take(&mut self, readings: Vec<Reading>, now: Timestamp) -> Vec<NewObservation> {
        let row = |reading: Reading| self.beds.get(&reading.patient_id).map(|bed| bed.row(reading, now));
        let rows: Vec<NewObservation> = readings.into_iter().filter_map(row).collect();
        let mut in_order: Vec<&NewObservation> = rows.iter().collect();
        in_order.sort_by_key(|row| row.at);
        for row in in_order {
            if let Some(bed) = self.beds.get_mut(&row.patient_id) {
                bed.observe(row);
            }
        }
        rows
    }

    fn told(&self) -> Recorded {
        let sum = |count: fn(&Bed) -> u64| self.beds.values().map(count).sum();
        let (opened, closed) = (sum(|bed| bed.opened), sum(|bed| bed.closed));
        Recorded { observations: 0, patients: self.beds.len() as u64, opened, closed }
    }

    /// What is written.
    fn rows(self) -> (Vec<Patient>, Vec<Alert>, Vec<Case>) {
        let (mut patients, mut alerts, mut cases) = (vec![], vec![], vec![]);
        for bed in self.beds.into_values() {
            patients.push(bed.patient);
            alerts.extend(bed.alerts.into_iter().filter(|alert| bed.changed.contains(&alert.alert_id)));
            cases.extend(bed.case);
        }
        (patients, alerts, cases)
    }
}

impl Bed {
    fn row(&self, reading: Reading, now: Timestamp) -> NewObservation {
        let Reading { patient_id, at, place, temperature, heart_rate, systolic, diastolic, spo2, symptoms } = reading;
        NewObservation {
            patient_id,
            clinician: self.patient.clinician.clone(),
            at: at.unwrap_or(now),
            place: place.unwrap_or_else(|| self.patient.place.clone()),
            temperature: temperature.map(|value| (value * 10.0).round() / 10.0),
            heart_rate,
            systolic,
            diastolic,
            spo2,
            symptoms,
        }
    }

    /// An observation that is older than the last one says nothing about now; a case it may be.
    fn observe(&mut self, row: &NewObservation) {
        let has_cough = row.symptoms.iter().any(|symptom| symptom.to_lowercase().contains("cough"));
        if has_cough && row.temperature.is_some_and(|value| value >= 38.0) && self.case.is_none() {
            let Patient { patient_id, clinician, .. } = self.patient.clone();
            self.case = Some(Case { patient_id, clinician, place: row.place.clone(), began: row.at });
        }
        if self.patient.seen.is_some_and(|seen| row.at < seen) {
            return;
        }
        let patient = &mut self.patient;
        patient.seen = Some(row.at);
        patient.place.clone_from(&row.place);
        patient.temperature = row.temperature.or(patient.temperature);
        patient.heart_rate = row.heart_rate.or(patient.heart_rate);
        patient.systolic = row.systolic.or(patient.systolic);
        patient.diastolic = row.diastolic.or(patient.diastolic);
        patient.spo2 = row.spo2.or(patient.spo2);
        patient.level = patient.level().number();
        self.judge(row.at);
    }

    /// Begins and ends alerts, by the values as they are now.
    fn judge(&mut self, at: Timestamp) {
        for vital in Vital::ALL {
            let Some(value) = self.patient.value(vital) else { continue };
            for limit in vital.limits() {
                let rule = vital.rule(limit);
                let open = self.alerts.iter_mut().find(|alert| alert.closed.is_none() && alert.rule == rule);
                match (open, limit.is_passed(value)) {
                    (None, true) => self.open(rule, limit.level, value, at),
                    (Some(alert), false) => {
                        alert.closed = Some(at);
                        self.changed.insert(alert.alert_id);
                        self.closed += 1;
                    }
                    _ => {}
                }
            }
        }
    }

    fn open(&mut self, rule: String, level: Level, value: f64, opened: Timestamp) {
        let Patient { patient_id, clinician, .. } = self.patient.clone();
        let (alert_id, level, closed, told) = (Uuid::now_v7(), level.number(), None, None);
        self.alerts.push(Alert { alert_id, patient_id, clinician, rule, level, value, opened, closed, told });
        self.changed.insert(alert_id);
        self.opened += 1;
    }
}
