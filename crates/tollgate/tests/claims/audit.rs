//! Who did what to which row, and who was not let.

use super::ground::Log;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;
use tollgate::prelude::*;
use tollgate_core::ManualClock;
use tollgate_testing::{Client, TestApp};

/// What was prescribed.
#[resource(plural = "prescriptions", audited)]
struct Prescription {
    #[id(generated)]
    prescription_id: i64,
    #[owner]
    doctor: String,
    text: String,
}

fn clinic() -> App {
    App::new("clinic").service(Service::new("prescriptions").crud::<Prescription>("/prescriptions"))
}

async fn start() -> TestApp {
    TestApp::new(clinic()).await
}

fn doctor(app: &TestApp, id: &str) -> Client {
    app.actor(id).may("read:prescriptions create:prescriptions update:prescriptions")
}

async fn events(app: &TestApp, wanted: &str) -> Vec<Value> {
    let auditor = app.actor("eve").may("read:audit_events");
    let page = auditor.get(&format!("/audit?sort=event_id&{wanted}")).await;
    assert_eq!(page.status(), 200, "{}", page.text());
    page.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_write_is_recorded_with_its_request() {
    let app = TestApp::new(clinic().settings("[server]\nproxies = 1")).await;
    let ann = doctor(&app, "ann").header("x-request-id", "request-of-ann");
    let made = ann.post("/prescriptions", json!({ "text": "rest" })).await.json();
    let path = format!("/prescriptions/{}", made["prescription_id"]);
    ann.get(&path).await;
    ann.patch(&path, json!({ "text": "tea" })).await;
    let events = events(&app, "").await;
    let id = made["prescription_id"].to_string();
    for (event, action) in events.iter().zip(["create", "update"]) {
        let expected = json!({ "event_id": event["event_id"], "at": event["at"], "actor": "ann", "via": "test",
            "action": action, "resource": "prescriptions", "row_id": id, "allowed": true, "detail": null,
            "address": null, "request_id": "request-of-ann" });
        assert_eq!(*event, expected);
    }
    assert_eq!(events.len(), 2);
}

/// The first event that is recorded of something that was not done: it is written beside the answer.
async fn first_refused(app: &TestApp) -> Vec<Value> {
    loop {
        let events = events(app, "allowed=false").await;
        if !events.is_empty() {
            return events;
        }
        sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn who_asks_for_a_row_that_is_not_there_for_them_is_recorded() {
    let app = start().await;
    let made = doctor(&app, "ann").post("/prescriptions", json!({ "text": "rest" })).await.json();
    let path = format!("/prescriptions/{}", made["prescription_id"]);
    assert_eq!(doctor(&app, "bob").get(&path).await.status(), 404);
    let refused = first_refused(&app).await;
    let told = ["actor", "action", "resource", "row_id", "detail"].map(|name| refused[0][name].clone());
    let (row, why) = (made["prescription_id"].to_string(), "404 Not Found: there is none, or none that you may reach");
    assert_eq!(told, [json!("bob"), json!("read"), json!("prescriptions"), json!(row), json!(why)]);
}

#[tokio::test]
async fn what_is_recorded_says_from_where_it_was_sent() {
    let app = TestApp::new(clinic().settings("[server]\nproxies = 1")).await;
    let ann = doctor(&app, "ann").header("x-forwarded-for", "203.0.113.9, 198.51.100.7");
    ann.post("/prescriptions", json!({ "text": "rest" })).await;
    ann.delete("/prescriptions/1").await;
    first_refused(&app).await;
    let addresses: Vec<_> = events(&app, "").await.iter().map(|event| event["address"].clone()).collect();
    assert_eq!(addresses, ["198.51.100.7", "198.51.100.7"], "as the one proxy that we know saw it");
}

#[tokio::test]
async fn who_is_not_let_is_recorded() {
    let app = start().await;
    assert_eq!(doctor(&app, "ann").delete("/prescriptions/1").await.status(), 403);
    assert_eq!(app.anyone().delete("/prescriptions/1").await.status(), 401);
    let refused = first_refused(&app).await;
    let told = ["actor", "action", "resource", "row_id", "detail"].map(|name| refused[0][name].clone());
    let why = "403 Forbidden: this needs `delete:prescriptions`";
    assert_eq!(told, [json!("ann"), json!("delete"), json!("prescriptions"), json!("1"), json!(why)]);
    assert_eq!(refused.len(), 1, "who is nobody is in the log alone");
}

#[tokio::test]
async fn events_are_read_by_those_who_may_and_written_by_nobody() {
    let app = start().await;
    doctor(&app, "ann").post("/prescriptions", json!({ "text": "rest" })).await;
    assert_eq!(doctor(&app, "ann").get("/audit").await.status(), 403);
    assert_eq!(app.anyone().get("/audit").await.status(), 401);
    let all = app.actor("root").may("*");
    let event = events(&app, "").await.remove(0);
    let path = format!("/audit/{}", event["event_id"]);
    assert_eq!(all.get(&path).await.json(), event);
    assert_eq!(all.post("/audit", event.clone()).await.status(), 405);
    for reply in [all.put(&path, event.clone()).await, all.patch(&path, json!({})).await, all.delete(&path).await] {
        assert_eq!(reply.status(), 405);
    }
}

#[tokio::test]
async fn an_event_is_a_line_of_the_log_once_it_is_kept() {
    let app = start().await;
    let ann = doctor(&app, "ann");
    let (log, made) = Log::of(ann.post("/prescriptions", json!({ "text": "private matters" }))).await;
    assert_eq!(made.status(), 201);
    assert!(log.contains("tollgate::audit") && log.contains("ann") && !log.contains("private"), "{log}");
    assert!(!log.contains("=\"\""), "what is not known is not said: {log}");
    let (log, refused) = Log::of(ann.post("/prescriptions", json!({ "text": "\0" }))).await;
    assert_eq!((refused.status(), log.contains("tollgate::audit")), (422, false), "{log}");
}

#[tokio::test]
async fn old_events_go_where_that_is_set() {
    let clock = ManualClock::at("2026-05-01T12:00:00Z".parse().unwrap());
    let app = |keep: &'static str| {
        let service = Service::new("prescriptions").crud::<Prescription>("/prescriptions");
        App::new("clinic").settings(keep).service(service)
    };
    let database = std::sync::Arc::new(tollgate::Memory::default());
    let start =
        async |settings| TestApp::with(app(settings)).database(database.clone()).clock(clock.clone()).start().await;
    let first = start("").await;
    doctor(&first, "ann").post("/prescriptions", json!({ "text": "rest" })).await;
    clock.advance(Duration::from_secs(30 * 24 * 60 * 60 + 1));
    assert_eq!(events(&start("[audit]\nkeep_days = 31").await, "").await.len(), 1);
    let swept = start("[audit]\nkeep_days = 30").await;
    while !events(&swept, "").await.is_empty() {
        sleep(Duration::from_millis(2)).await;
    }
}
