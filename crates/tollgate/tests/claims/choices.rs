//! Choices and days, as callers send, find and read about them.

use crate::ground::why;
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate::prelude::*;
use tollgate_sqlite::Sqlite;
use tollgate_testing::{Client, TestApp};

/// How ill somebody is.
#[choice]
#[serde(rename_all = "snake_case")]
#[derive(Default)]
enum Level {
    #[default]
    Stable,
    Watch,
    #[serde(rename = "!")]
    VeryCritical,
}

/// Somebody ill.
#[resource(plural = "patients")]
struct Patient {
    #[id]
    patient_id: i32,
    #[index]
    level: Level,
    before: Option<Level>,
    #[read_only]
    seen: Level,
    born: Date,
    left: Option<Date>,
}

/// Who is asked for.
#[input]
struct Asked {
    level: Level,
    born_before: Date,
}

async fn asked(
    may: May<Read, Patient>,
    patients: Store<Patient>,
    Query(asked): Query<Asked>,
) -> Result<Json<Vec<Patient>>> {
    let wanted = Patient::LEVEL.in_([asked.level, Level::VeryCritical]) & Patient::BORN.lt(asked.born_before);
    Ok(Json(patients.find(&may, wanted).sort(Patient::BORN.desc()).all().await?))
}

fn app() -> App {
    App::new("ward").service(Service::new("all").crud::<Patient>("/patients").get("/asked", asked))
}

/// In memory and on a disk, with three patients.
async fn wards() -> Vec<(TestApp, Client)> {
    let folder = tempfile::tempdir().unwrap().keep();
    let sqlite = Arc::new(Sqlite::open(&folder.join("claims.db")).unwrap());
    let mut wards = vec![];
    for app in [TestApp::new(app()).await, TestApp::with(app()).database(sqlite).start().await] {
        let ann = app.actor("ann").may("*");
        for (id, level, before, born) in [
            (1, "stable", json!(null), "1970-01-01"),
            (2, "watch", json!("stable"), "0999-12-31"),
            (3, "!", json!("watch"), "2024-02-29"),
        ] {
            let sent = json!({ "patient_id": id, "level": level, "before": before, "born": born, "left": null });
            let made = ann.post("/patients", sent.clone()).await;
            let mut kept = sent;
            kept["seen"] = json!("stable");
            assert_eq!((made.status(), made.json()), (201, kept));
        }
        wards.push((app, ann));
    }
    wards
}

async fn ids(client: &Client, path: &str) -> Vec<i64> {
    let found = client.get(path).await.json();
    let rows = found["items"].as_array().or(found.as_array()).unwrap_or_else(|| panic!("{path}: {found}")).clone();
    rows.iter().map(|row| row["patient_id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn rows_are_found_and_sorted_by_choices_and_days() {
    for (_, ann) in wards().await {
        for (query, found) in [
            ("level=watch", vec![2]),
            ("level.ne=watch", vec![1, 3]),
            ("level.in=stable,!", vec![1, 3]),
            ("before.is_null=true", vec![1]),
            ("before.ne=watch&sort=-patient_id", vec![2, 1]),
            ("sort=level", vec![3, 1, 2]),
            ("sort=-before,patient_id", vec![3, 2, 1]),
            ("born=2024-02-29", vec![3]),
            ("born.gt=1000-01-01&sort=-born", vec![3, 1]),
            ("left.is_null=false", vec![]),
        ] {
            assert_eq!(ids(&ann, &format!("/patients?{query}")).await, found, "{query}");
        }
        let first = ann.get("/patients?sort=born,level&limit=1").await.json();
        let next = format!("/patients?sort=born,level&limit=1&cursor={}", first["next"].as_str().unwrap());
        assert_eq!(ids(&ann, &next).await, [1], "a page goes on behind a day and a choice");
        assert_eq!(ids(&ann, "/asked?level=watch&born_before=2030-01-01").await, [3, 2]);
    }
}

#[tokio::test]
async fn what_is_no_choice_and_no_day_is_refused_in_words() {
    let wards = wards().await;
    let (_, ann) = &wards[0];
    let asked = async |path: &str| why(&ann.get(path).await);
    assert_eq!(asked("/patients?level=Watch").await, "422 level: `Watch` is not one of `stable`, `watch`, `!`");
    assert_eq!(asked("/patients?born=29.2.2024").await, "422 born: `29.2.2024` is not a day such as `2026-11-20`");
    for query in ["level.gt=stable", "level.contains=s", "born.contains=2", "born=-000001-01-01", "born=2023-02-29"] {
        assert!(asked(&format!("/patients?{query}")).await.starts_with("422"), "{query}");
    }
    let said = asked("/asked?level=ill&born_before=2023-02-29").await;
    assert!(said.contains("level: ") && said.contains("born_before: expected a day such as `2026-11-20`"), "{said}");
    let sent = json!({ "level": "Watch", "born": "29.2.2024", "left": "2023-02-29" });
    let said = why(&ann.patch("/patients/1", sent).await);
    assert!(said.contains("#/level: ") && said.contains("`stable`, `watch`, `!`"), "{said}");
    assert!(said.contains("#/born: expected a day such as `2026-11-20`"), "{said}");
    assert!(said.contains("#/left: expected a day such as `2026-11-20`"), "{said}");
    let early = why(&ann.patch("/patients/1", json!({ "born": "-000001-01-01" })).await);
    assert_eq!(early, "422 a day before the year 0 cannot be stored");
    assert!(why(&ann.patch("/patients/1", json!({ "level": null })).await).starts_with("422 #/level"));
}

#[tokio::test]
async fn the_document_names_the_choices_and_the_format_of_a_day() {
    let wards = wards().await;
    let document = wards[0].0.anyone().get("/openapi.json").await.json();
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Level"]["enum"], json!(["stable", "watch", "!"]));
    assert_eq!(schemas["NewPatient"]["properties"]["born"], json!({ "type": "string", "format": "date" }));
    let parameters = document["paths"]["/patients"]["get"]["parameters"].as_array().unwrap();
    let named = |name: &str| -> Value {
        let found = parameters.iter().find(|parameter| parameter["name"] == name);
        found.map_or(Value::Null, |parameter| parameter["schema"].clone())
    };
    assert_eq!(named("before")["enum"], json!(["stable", "watch", "!"]));
    assert_eq!(named("level.in")["items"]["enum"], json!(["stable", "watch", "!"]));
    assert_eq!(named("left.gte")["format"], "date");
    assert_eq!(named("level.gt"), Value::Null);
}
