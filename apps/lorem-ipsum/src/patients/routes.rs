//! What is sent and asked: patients, their observations and alerts, cases, trends.

use super::{
    model::{Alert, Case, NewPatient, Observation, Patient, PatientPatch, Reading, Readings, Recorded},
    record::Records,
    tell::tell,
    trends::{Observed, Period, Trend},
};
use std::time::Duration;
use tollgate::{Background, prelude::*};

/// The longest body of a batch, in bytes: ten thousand observations with all their values and some symptoms.
const BODY_LIMIT: usize = 8 * 1024 * 1024;
/// The most observations of a patient that a course is made of: the newest.
const MOST: u32 = 100_000;

/// Who sends observations: of patients that they may see.
type MayRecord = (May<Create, Observation>, May<Read, Patient>);

/// Lists patients, with the values that were observed last.
///
/// `?level=2` are the critical ones, `?discharged.is_null=true` those who are watched.
async fn list(may: May<Read, Patient>, patients: Store<Patient>, wanted: List<Patient>) -> Result<Page<Patient>> {
    wanted.page(&patients, &may).await
}

/// Adds a patient, to be looked after by whoever adds them.
async fn add(
    may: May<Create, Patient>,
    patients: Store<Patient>,
    Json(new): Json<NewPatient>,
) -> Result<Located<Patient>> {
    let made = patients.insert(&may, new).await?;
    let location = format!("/patients/{}", made.patient_id);
    Ok(Created(made).at(location))
}

/// Reads a patient.
async fn read(may: May<Read, Patient>, patients: Store<Patient>, Path(id): Path<String>) -> Result<Tagged<Patient>> {
    Ok(Tagged(patients.get(&may, id).await?))
}

/// Changes what is said of a patient, or discharges them.
async fn update(
    may: May<Update, Patient>,
    patients: Store<Patient>,
    Path(id): Path<String>,
    only: Preconditions,
    Json(patch): Json<PatientPatch>,
) -> Result<Tagged<Patient>> {
    Ok(Tagged(only.update(&patients, &may, id, patch).await?))
}

/// Removes a patient and all that was observed of them. That they were a case stays counted.
async fn remove(
    may: May<Delete, Patient>,
    patients: Store<Patient>,
    observations: Store<Observation>,
    alerts: Store<Alert>,
    Path(id): Path<String>,
) -> Result<NoContent> {
    let system = System::because("what was observed of a patient goes with them");
    patients
        .transaction(async |tx| {
            patients.on(&tx)?.delete(&may, id.clone()).await?;
            observations.on(&tx)?.delete_all(&system.may(), Observation::PATIENT_ID.eq(id.clone())).await?;
            alerts.on(&tx)?.delete_all(&system.may(), Alert::PATIENT_ID.eq(id)).await?;
            Ok::<_, Problem>(NoContent)
        })
        .await
}

/// How a course is divided.
#[input]
struct Divided {
    /// How many hours back it goes, 72 if nothing is said.
    #[garde(range(min = 1, max = 2160))]
    hours: Option<i32>,
    /// Into how many stretches it is divided, one an hour if nothing is said.
    #[garde(range(min = 1, max = 2160))]
    steps: Option<i32>,
}

/// How the values of a patient went: the least, the mean and the greatest of each stretch of time.
///
/// It is made of the newest 100,000 observations: stretches that were longer ago are left out.
async fn trends(
    (may, seen): (May<Read, Patient>, May<Read, Observation>),
    patients: Store<Patient>,
    observations: Store<Observation>,
    Path(id): Path<String>,
    Query(divided): Query<Divided>,
    Now(now): Now,
) -> Result<Json<Vec<Trend>>> {
    patients.get(&may, id.clone()).await?;
    let hours = divided.hours.unwrap_or(72).unsigned_abs();
    let steps = divided.steps.map_or(hours, i32::unsigned_abs);
    let period = Period { until: now, step: Duration::from_hours(1) * hours / steps, steps };
    Ok(Json(observed(&observations, &seen, Observation::PATIENT_ID.eq(id), &period).await?.trends()))
}

/// What was observed of some patients in a period.
pub(super) async fn observed(
    observations: &Store<Observation>,
    may: &May<Read, Observation>,
    of_whom: Filter<Observation>,
    period: &Period,
) -> Result<Observed> {
    let when = Observation::AT.gte(period.from()) & Observation::AT.lte(period.until);
    let newest = observations.find(may, of_whom & when).sort(Observation::AT.desc()).limit(MOST).all().await?;
    Ok(Observed::of(newest, *period, MOST))
}

/// Lists observations.
///
/// `?patient_id=P-1042&sort=-at` are those of a patient, the newest first.
async fn list_observations(
    may: May<Read, Observation>,
    observations: Store<Observation>,
    wanted: List<Observation>,
) -> Result<Page<Observation>> {
    wanted.page(&observations, &may).await
}

/// Keeps an observation, and what follows from it.
async fn observe(
    (_, may): MayRecord,
    patients: Store<Patient>,
    observations: Store<Observation>,
    alerts: Store<Alert>,
    cases: Store<Case>,
    (Now(now), background): (Now, Background),
    Json(reading): Json<Reading>,
) -> Result<Created<Recorded>> {
    let records = Records { patients, observations, alerts, cases };
    let recorded = records.record(&may, vec![reading], now, |_| "#".into()).await?;
    if recorded.opened > 0 {
        background.spawn(tell);
    }
    Ok(Created(recorded))
}

/// Keeps many observations, at most 10,000, and what follows from them: all, or none.
///
/// 422 says which of them are wrong, and how.
async fn observe_many(
    (_, may): MayRecord,
    patients: Store<Patient>,
    observations: Store<Observation>,
    alerts: Store<Alert>,
    cases: Store<Case>,
    (Now(now), background): (Now, Background),
    Json(readings): Json<Readings>,
) -> Result<Created<Recorded>> {
    let records = Records { patients, observations, alerts, cases };
    let place = |index| format!("#/observations/{index}");
    let recorded = records.record(&may, readings.observations, now, place).await?;
    if recorded.opened > 0 {
        background.spawn(tell);
    }
    Ok(Created(recorded))
}

/// Lists alerts.
///
/// `?closed.is_null=true&sort=-opened` are those that last, the newest first.
async fn list_alerts(may: May<Read, Alert>, alerts: Store<Alert>, wanted: List<Alert>) -> Result<Page<Alert>> {
    wanted.page(&alerts, &may).await
}

/// Lists cases: who had a fever and a cough, and when and where that began.
async fn list_cases(may: May<Read, Case>, cases: Store<Case>, wanted: List<Case>) -> Result<Page<Case>> {
    wanted.page(&cases, &may).await
}

pub(super) fn add_to(service: Service) -> Service {
    service
        .get("/patients", list)
        .post("/patients", add)
        .get("/patients/{patient_id}", read)
        .patch("/patients/{patient_id}", update)
        .delete("/patients/{patient_id}", remove)
        .get("/patients/{patient_id}/trends", trends)
        .live::<Patient>("/patients/live")
        .get("/observations", list_observations)
        .post("/observations", observe)
        .post("/observations/batch", observe_many)
        .body_limit(BODY_LIMIT)
        .get("/alerts", list_alerts)
        .live::<Alert>("/alerts/live")
        .get("/cases", list_cases)
}
