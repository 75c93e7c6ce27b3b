//! What is kept of patients, and what callers send.

use tollgate::{Act, Policy, Rows, prelude::*};

/// A patient, and the values that were observed last.
///
/// Whoever adds one looks after them, and sees their own alone.
// Not `audited`: the state changes with each observation, by the app itself, so that what clinicians did would be a few
// records among thousands. Who wants both keeps the state in a resource of its own, and audits the person.
#[resource(plural = "patients")]
pub struct Patient {
    /// The number on the wristband, as in `P-1042`.
    #[id]
    #[garde(length(min = 1, max = 20), pattern("^[A-Z0-9-]+$"))]
    pub patient_id: String,
    /// Who looks after them.
    #[owner]
    pub clinician: String,
    /// How they are called.
    #[garde(length(min = 1, max = 120))]
    pub name: String,
    /// Year of birth.
    #[garde(range(min = 1900, max = 2100))]
    pub born: i32,
    /// Where they are.
    #[index]
    #[garde(length(min = 1, max = 60))]
    pub place: String,
    /// When they left; nobody watches them any more.
    #[index]
    pub discharged: Option<Timestamp>,
    /// How serious the last values are: 0 stable, 1 watch, 2 critical.
    #[read_only]
    pub level: i32,
    /// Body temperature, °C.
    #[read_only]
    pub temperature: Option<f64>,
    /// Heart rate, per minute.
    #[read_only]
    pub heart_rate: Option<i32>,
    /// Systolic blood pressure, mmHg.
    #[read_only]
    pub systolic: Option<i32>,
    /// Diastolic blood pressure, mmHg.
    #[read_only]
    pub diastolic: Option<i32>,
    /// Oxygen saturation, %.
    #[read_only]
    pub spo2: Option<i32>,
    /// When they were last observed.
    #[read_only]
    pub seen: Option<Timestamp>,
}

/// What was observed of a patient at one moment.
#[resource(plural = "observations", policy)]
pub struct Observation {
    /// Counts the observations.
    #[id(generated)]
    pub observation_id: i64,
    /// Whose they are.
    #[index]
    pub patient_id: String,
    /// Who looks after the patient.
    #[index]
    pub clinician: String,
    /// When.
    #[index]
    pub at: Timestamp,
    /// Where.
    pub place: String,
    /// Body temperature, °C.
    pub temperature: Option<f64>,
    /// Heart rate, per minute.
    pub heart_rate: Option<i32>,
    /// Systolic blood pressure, mmHg.
    pub systolic: Option<i32>,
    /// Diastolic blood pressure, mmHg.
    pub diastolic: Option<i32>,
    /// Oxygen saturation, %.
    pub spo2: Option<i32>,
    /// What the patient complains of.
    pub symptoms: Vec<String>,
}

/// A value that stopped being normal, until it is again.
#[resource(plural = "alerts", policy)]
pub struct Alert {
    /// Names the alert.
    #[id(generated)]
    pub alert_id: Uuid,
    /// Whose value it is.
    #[index]
    pub patient_id: String,
    /// Who looks after the patient.
    #[index]
    pub clinician: String,
    /// The limit that was passed, as in `Temperature ≥ 39.0 °C`.
    pub rule: String,
    /// How serious that is: 1 watch, 2 critical.
    pub level: i32,
    /// The value that passed it.
    pub value: f64,
    /// Since when.
    #[index]
    pub opened: Timestamp,
    /// Until when; not there while it lasts.
    pub closed: Option<Timestamp>,
    /// When the pager was told; not there if it was not.
    pub told: Option<Timestamp>,
}

/// A patient who had a temperature of 38.0 °C or more and a cough: counted once, when it began.
#[resource(plural = "cases", policy)]
pub struct Case {
    /// Who.
    #[id]
    pub patient_id: String,
    /// Who looks after the patient.
    #[index]
    pub clinician: String,
    /// Where they were.
    pub place: String,
    /// When it began.
    #[index]
    pub began: Timestamp,
}

/// What belongs to a patient is seen by who looks after them.
macro_rules! with_the_patient {
    ($($resource:ident)*) => {$(
        impl Policy for $resource {
            fn rows(actor: &Actor, _: Act) -> Rows<Self> {
                Rows::Where(Self::CLINICIAN.eq(actor.id()))
            }
        }
    )*};
}
with_the_patient!(Observation Alert Case);

/// An observation, as it is sent.
#[input]
#[derive(Clone)]
pub struct Reading {
    /// Whose.
    #[garde(length(min = 1, max = 20))]
    pub patient_id: String,
    /// When; now if nothing is said.
    pub at: Option<Timestamp>,
    /// Where; where the patient is if nothing is said.
    #[garde(length(min = 1, max = 60))]
    pub place: Option<String>,
    /// Body temperature, °C. Kept to one decimal.
    #[garde(range(min = 20.0, max = 50.0))]
    pub temperature: Option<f64>,
    /// Heart rate, per minute.
    #[garde(range(min = 0, max = 400))]
    pub heart_rate: Option<i32>,
    /// Systolic blood pressure, mmHg.
    #[garde(range(min = 0, max = 400))]
    pub systolic: Option<i32>,
    /// Diastolic blood pressure, mmHg.
    #[garde(range(min = 0, max = 400))]
    pub diastolic: Option<i32>,
    /// Oxygen saturation, %.
    #[garde(range(min = 0, max = 100))]
    pub spo2: Option<i32>,
    /// What the patient complains of.
    #[serde(default)]
    #[garde(length(max = 20), inner(length(min = 1, max = 60)))]
    pub symptoms: Vec<String>,
}

/// Many observations: all of them are kept, or none.
#[input]
pub struct Readings {
    /// They may be of many patients, in any order.
    #[garde(length(min = 1, max = 10_000), dive)]
    pub observations: Vec<Reading>,
}

/// What became of observations.
#[output]
#[derive(Debug, Default, PartialEq)]
pub struct Recorded {
    /// How many were kept.
    pub observations: u64,
    /// Of how many patients.
    pub patients: u64,
    /// How many alerts began.
    pub opened: u64,
    /// How many alerts ended.
    pub closed: u64,
}
