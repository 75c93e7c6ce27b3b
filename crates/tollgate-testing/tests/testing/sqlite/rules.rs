//! Rules that somebody else gave a table: what breaks one is refused, and the rule stays in the log.

use rusqlite::Connection;
use serde_json::json;
use std::sync::Arc;
use tollgate::prelude::*;
use tollgate_sqlite::Sqlite;
use tollgate_testing::TestApp;

/// A film.
#[resource(plural = "films")]
struct Film {
    #[id]
    film_id: i32,
    title: String,
}

#[tokio::test]
async fn a_rule_of_the_database_is_kept_and_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let rule =
        "CREATE TABLE films (film_id INTEGER NOT NULL PRIMARY KEY, title TEXT NOT NULL CHECK (title <> 'x')) STRICT";
    Connection::open(&path).unwrap().execute_batch(rule).unwrap();
    let app = App::new("films").service(Service::new("films").crud::<Film>("/films"));
    let app = TestApp::with(app).database(Arc::new(Sqlite::open(&path).unwrap())).start().await;
    let curator = app.actor("cur").may("create:films");
    assert_eq!(curator.post("/films", json!({ "film_id": 1, "title": "Alien" })).await.status(), 201);
    let refused = curator.post("/films", json!({ "film_id": 2, "title": "x" })).await;
    assert_eq!(refused.status(), 422);
    assert_eq!(refused.json()["detail"], "the database does not take these values");
    assert!(!refused.text().contains("CHECK") && !refused.text().contains("<>"), "{}", refused.text());
}
