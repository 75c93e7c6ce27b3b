//! Patients: who sees whom, and what follows from an observation.

use crate::process::{command, run, stdout};
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tempfile::tempdir;
use tollgate::{ManualClock, Timestamp, Uuid};
use tollgate_postgres::Postgres;
use tollgate_sqlite::Sqlite;
use tollgate_store::Database;
use tollgate_testing::{Client, TestApp, servers};

const START: &str = "2026-11-20T10:40:00Z";

/// The app on a clock that stands still, and a clinician with a patient.
pub(crate) async fn ward() -> (TestApp, ManualClock, Client) {
    let clock = ManualClock::at(START.parse::<Timestamp>().unwrap());
    let app = TestApp::with(lorem_ipsum::app()).clock(clock.clone()).start().await;
    let clio = app.actor("clio").role("clinician");
    admit(&clio, "P-1042", "Ines Okafor", "Harbour").await;
    (app, clock, clio)
}

pub(crate) async fn admit(clinician: &Client, id: &str, name: &str, place: &str) {
    let new = json!({ "patient_id": id, "name": name, "born": 1968, "place": place });
    let made = clinician.post("/patients", new).await;
    assert_eq!((made.status(), made.header("location")), (201, &*format!("/patients/{id}")), "{made}");
}

pub(crate) async fn observe(clinician: &Client, observation: Value) -> Value {
    let reply = clinician.post("/observations", observation).await;
    assert_eq!(reply.status(), 201, "{reply}");
    reply.json()
}

async fn total(who: &Client, path: &str) -> Value {
    let sign = if path.contains('?') { '&' } else { '?' };
    who.get(&format!("{path}{sign}total=true")).await.json()["total"].clone()
}

#[tokio::test]
async fn a_clinician_sees_own_patients_and_an_admin_all() {
    let (app, _, clio) = ward().await;
    let (other, admin) = (app.actor("theo").role("clinician"), app.actor("ada").role("admin"));
    admit(&other, "P-1017", "Leif Marandi", "Ferry").await;
    observe(&clio, json!({ "patient_id": "P-1042", "temperature": 39.2, "symptoms": ["Cough"] })).await;
    observe(&admin, json!({ "patient_id": "P-1017", "heart_rate": 130 })).await;
    for list in ["/patients", "/observations", "/alerts"] {
        let seen = [total(&clio, list).await, total(&other, list).await, total(&admin, list).await];
        let each = if list == "/alerts" { [2, 2, 4] } else { [1, 1, 2] };
        assert_eq!(seen, each, "{list}");
    }
    assert_eq!([total(&clio, "/cases").await, total(&other, "/cases").await], [1, 0]);
    assert_eq!(other.get("/patients/P-1042").await.status(), 404);
    assert_eq!(other.get("/patients/P-1042/trends").await.status(), 404);
    let foreign = other.post("/observations", json!({ "patient_id": "P-1042", "spo2": 91 })).await;
    assert_snapshot!(foreign, @r##"
    422 Unprocessable Entity
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Unprocessable Entity",
      "status": 422,
      "detail": "`errors` says what is wrong, and where",
      "instance": "/observations",
      "request_id": "…",
      "errors": [
        {
          "pointer": "#/patient_id",
          "detail": "there is none, or none that you may reach"
        }
      ]
    }
    "##);
    assert_eq!(app.actor("rea").role("reader").get("/patients").await.status(), 403);
}

#[tokio::test]
async fn the_last_values_are_those_of_the_patient() {
    let (_, clock, clio) = ward().await;
    let first = json!({ "patient_id": "P-1042", "temperature": 37.06, "heart_rate": 80, "systolic": 120, "diastolic": 80, "spo2": 97 });
    assert_eq!(observe(&clio, first).await, json!({ "observations": 1, "patients": 1, "opened": 0, "closed": 0 }));
    clock.advance(Duration::from_mins(1));
    observe(&clio, json!({ "patient_id": "P-1042", "heart_rate": 101, "place": "Ferry" })).await;
    let late = json!({ "patient_id": "P-1042", "heart_rate": 190, "at": "2026-11-20T10:00:00Z" });
    assert_eq!(observe(&clio, late).await["opened"], 0, "what is older says nothing about now");
    let patient = clio.get("/patients/P-1042").await.json();
    let expected = json!({
        "patient_id": "P-1042", "clinician": "clio", "name": "Ines Okafor", "born": 1968, "place": "Ferry",
        "discharged": null, "level": 1, "temperature": 37.1, "heart_rate": 101, "systolic": 120, "diastolic": 80,
        "spo2": 97, "seen": "2026-11-20T10:41:00Z",
    });
    assert_eq!(patient, expected);
    let sent = json!({ "level": 0 });
    assert_eq!(clio.patch("/patients/P-1042", sent).await.status(), 422, "nobody sends a state");
    let tomorrow = json!({ "patient_id": "P-1042", "heart_rate": 80, "at": "2026-11-21T10:00:00Z" });
    assert_eq!(clio.post("/observations", tomorrow).await.json()["errors"][0]["pointer"], "#/at");
}

#[tokio::test]
async fn an_alert_lasts_as_long_as_its_value() {
    let (_, clock, clio) = ward().await;
    let mut told = vec![];
    for temperature in [37.9, 38.0, 39.1, 38.9, 38.2, 37.0, 39.0] {
        clock.advance(Duration::from_mins(10));
        let recorded = observe(&clio, json!({ "patient_id": "P-1042", "temperature": temperature })).await;
        told.push((recorded["opened"].as_u64().unwrap(), recorded["closed"].as_u64().unwrap()));
    }
    assert_eq!(told, [(0, 0), (1, 0), (1, 0), (0, 1), (0, 0), (0, 1), (2, 0)]);
    let alerts = clio.get("/alerts?sort=opened,level").await.json();
    let alert =
        |alert: &Value| json!([alert["rule"], alert["level"], alert["value"], alert["opened"], alert["closed"]]);
    let alerts: Vec<_> = alerts["items"].as_array().unwrap().iter().map(alert).collect();
    let (watch, critical) = ("Temperature ≥ 38.0 °C", "Temperature ≥ 39.0 °C");
    let at = |minute: u32| json!(format!("2026-11-20T{}:{:02}:00Z", 10 + (40 + minute) / 60, (40 + minute) % 60));
    let expected = [
        json!([watch, 1, 38.0, at(20), at(60)]),
        json!([critical, 2, 39.1, at(30), at(40)]),
        json!([watch, 1, 39.0, at(70), null]),
        json!([critical, 2, 39.0, at(70), null]),
    ];
    assert_eq!(alerts, expected);
    assert_eq!(total(&clio, "/alerts?closed.is_null=true").await, 2);
}

#[tokio::test]
async fn a_case_is_counted_once_when_it_begins() {
    let (_, clock, clio) = ward().await;
    for (symptoms, temperature) in [(["Chills"], 38.4), (["Dry cough"], 37.9), (["Dry cough"], 38.4), (["cough"], 39.0)]
    {
        clock.advance(Duration::from_mins(10));
        observe(&clio, json!({ "patient_id": "P-1042", "temperature": temperature, "symptoms": symptoms })).await;
    }
    let cases = clio.get("/cases").await.json();
    let began =
        json!([{ "patient_id": "P-1042", "clinician": "clio", "place": "Harbour", "began": "2026-11-20T11:10:00Z" }]);
    assert_eq!(cases["items"], began);
}

#[tokio::test]
async fn trends_are_the_least_the_mean_and_the_greatest() {
    let (_, clock, clio) = ward().await;
    for (minutes, heart_rate) in [(10, 70), (10, 80), (130, 90)] {
        clock.advance(Duration::from_mins(minutes));
        observe(&clio, json!({ "patient_id": "P-1042", "heart_rate": heart_rate })).await;
    }
    let trends = clio.get("/patients/P-1042/trends?hours=4&steps=2").await.json();
    let of = |step: usize| [trends[step]["observations"].clone(), trends[step]["heart_rate"].clone()];
    assert_eq!(of(0), [json!(2), json!({ "low": 70.0, "mean": 75.0, "high": 80.0 })]);
    assert_eq!(of(1), [json!(1), json!({ "low": 90.0, "mean": 90.0, "high": 90.0 })]);
    assert_eq!((trends[0]["from"].clone(), trends[0]["spo2"].clone()), (json!("2026-11-20T09:10:00Z"), Value::Null));
    assert_eq!(clio.get("/patients/P-1042/trends").await.json().as_array().unwrap().len(), 72);
    assert_eq!(clio.get("/patients/P-1042/trends?hours=0").await.status(), 422);
}

#[tokio::test]
async fn a_patient_who_is_removed_takes_along_what_was_observed() {
    let (_, _, clio) = ward().await;
    observe(&clio, json!({ "patient_id": "P-1042", "spo2": 90 })).await;
    assert_eq!(clio.delete("/patients/P-1042").await.status(), 204);
    assert_eq!([total(&clio, "/observations").await, total(&clio, "/alerts").await], [0, 0]);
    assert_eq!(clio.delete("/patients/P-1042").await.status(), 404);
}

/// Observations of a hundred patients.
fn many(count: usize) -> Value {
    let one = |index: usize| {
        json!({
            "patient_id": format!("P-{}", index % 100), "at": format!("2026-11-19T{:02}:{:02}:00Z", index / 600, index / 10 % 60),
            "temperature": 36.5 + f64::from(u32::try_from(index % 30).unwrap()) / 10.0, "heart_rate": 60 + index % 70,
            "systolic": 120, "diastolic": 80, "spo2": 96, "symptoms": ["Cough"],
        })
    };
    json!({ "observations": (0..count).map(one).collect::<Vec<_>>() })
}

/// Ten thousand at once, or none of them.
async fn a_batch_is_kept_or_refused_as_a_whole(database: Arc<dyn Database>) {
    let clock = ManualClock::at(START.parse::<Timestamp>().unwrap());
    let app = TestApp::with(lorem_ipsum::app()).clock(clock).database(database).start().await;
    let clio = app.actor("clio").role("clinician");
    for number in 0..100 {
        admit(&clio, &format!("P-{number}"), "Somebody", "Ferry").await;
    }
    let mut wrong = many(10_000);
    wrong["observations"][17]["patient_id"] = json!("P-999");
    wrong["observations"][9_999]["at"] = json!("2026-12-24T00:00:00Z");
    let refused = clio.post("/observations/batch", wrong).await;
    let pointers: Vec<_> =
        refused.json()["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(
        (refused.status(), pointers),
        (422, vec![json!("#/observations/17/patient_id"), json!("#/observations/9999/at")])
    );
    let mut wrong = many(10_000);
    wrong["observations"][4_711]["spo2"] = json!(101);
    let refused = clio.post("/observations/batch", wrong).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "#/observations/4711/spo2");
    assert_eq!(clio.post("/observations/batch", many(10_001)).await.status(), 422);
    assert_eq!([total(&clio, "/observations").await, total(&clio, "/alerts").await], [0, 0], "nothing of it was kept");

    let start = std::time::Instant::now();
    let kept = clio.post("/observations/batch", many(10_000)).await;
    eprintln!("10,000 observations in {:?}", start.elapsed());
    assert_eq!(
        (kept.status(), kept.json()["observations"].clone(), kept.json()["patients"].clone()),
        (201, json!(10_000), json!(100))
    );
    assert_eq!([total(&clio, "/observations").await, total(&clio, "/cases").await], [json!(10_000), json!(100)]);
    let alerts = kept.json()["opened"].as_u64().unwrap();
    assert_eq!(total(&clio, "/alerts").await, alerts);
    assert_eq!(total(&clio, "/alerts?closed.is_null=true").await, alerts - kept.json()["closed"].as_u64().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_kept_or_refused_as_a_whole_on_sqlite() {
    let folder = tempdir().unwrap();
    a_batch_is_kept_or_refused_as_a_whole(Arc::new(Sqlite::open(&folder.path().join("app.db")).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_kept_or_refused_as_a_whole_on_postgres() {
    let schema = format!("patients_{}", Uuid::now_v7().simple());
    let database = Postgres::open(&format!("{}?schema={schema}", servers::Postgres::shared())).await.unwrap();
    a_batch_is_kept_or_refused_as_a_whole(Arc::new(database)).await;
}

#[tokio::test]
async fn made_up_patients_are_the_users_that_the_settings_name() {
    let folder = tempdir().unwrap();
    let job = |email: &str| {
        command(folder.path(), &["job", "patients_demo"]).env("LOREM_IPSUM_PATIENTS__DEMO", email).output().unwrap()
    };
    let said = stdout(&run(folder.path(), &["job"]));
    assert!(said.contains("patients_demo") && said.contains("patients_forget"), "{said}");
    assert!(!job("nobody@example.test").status.success(), "there is no such user");
    let new = [
        "create-user",
        "--name",
        "Clio",
        "--email",
        "clio@example.test",
        "--password",
        "four words in a row",
        "--role",
        "clinician",
    ];
    stdout(&run(folder.path(), &new));
    stdout(&job(""));
    stdout(&job("clio@example.test"));
    stdout(&job("clio@example.test"));
    let database: Arc<dyn Database> = Arc::new(Sqlite::open(&folder.path().join("data/lorem-ipsum.db")).unwrap());
    let app = TestApp::with(lorem_ipsum::app()).database(database).start().await;
    let admin = app.actor("ada").role("admin");
    assert_eq!(total(&admin, "/patients?discharged.is_null=true").await, 48);
    let there = total(&admin, "/observations").await.as_u64().unwrap();
    assert!(there > 10_000 && total(&admin, "/cases").await.as_u64().unwrap() > 500);
    // The second time, two were observed; what is old is not kept.
    let short =
        command(folder.path(), &["job", "patients_forget"]).env("LOREM_IPSUM_PATIENTS__KEEP_DAYS", "10").output();
    stdout(&short.unwrap());
    let left = total(&admin, "/observations").await.as_u64().unwrap();
    assert!((1_000..there).contains(&left), "{left} of {there}");
}

#[tokio::test]
async fn observations_are_kept_for_ninety_days() {
    let (app, clock, clio) = ward().await;
    observe(&clio, json!({ "patient_id": "P-1042", "temperature": 36.5 })).await;
    clock.advance(Duration::from_hours(91 * 24));
    observe(&clio, json!({ "patient_id": "P-1042", "temperature": 36.6 })).await;
    assert_eq!(total(&clio, "/observations").await, 2);
    app.job("patients_forget").await.unwrap();
    assert_eq!(total(&clio, "/observations").await, 1);
}
