//! Every route × every kind of caller, on every driver.

use serde_json::json;
use std::sync::Arc;
use tempfile::tempdir;
use tollgate::Uuid;
use tollgate_mongodb::MongoDb;
use tollgate_postgres::Postgres;
use tollgate_sqlite::Sqlite;
use tollgate_testing::{Matrix, TestApp, servers};

fn matrix() -> Matrix {
    Matrix::of(lorem_ipsum::app)
        .parameter("number", 1)
        .row("/movies", |n| json!({ "movie_id": n, "title": "Alien", "released": 1979, "rating": 8.5 }))
        .row("/books", |n| json!({ "author": "Livia", "title": format!("Volume {n}"), "text": ["Mare"] }))
        .row("/patients", |n| json!({ "patient_id": format!("P-{n}"), "name": "Ines", "born": 1968, "place": "Ferry" }))
        .row("/messages", |n| json!({ "text": format!("Hello, for the {n}th time") }))
}

#[tokio::test]
async fn every_route_lets_in_whom_its_signature_says() {
    let routes = TestApp::new(lorem_ipsum::app()).await.routes().len();
    assert_eq!(matrix().check().await, 7 * routes);
}

#[tokio::test]
async fn every_route_lets_in_the_same_on_sqlite() {
    let folder = tempdir().unwrap();
    let database = Sqlite::open(&folder.path().join("app.db")).unwrap();
    matrix().on(Arc::new(database)).check().await;
}

#[tokio::test]
async fn every_route_lets_in_the_same_on_postgres() {
    let schema = format!("matrix_{}", Uuid::now_v7().simple());
    let database = Postgres::open(&format!("{}?schema={schema}", servers::Postgres::shared())).await.unwrap();
    matrix().on(Arc::new(database)).check().await;
}

#[tokio::test]
async fn every_route_lets_in_the_same_on_mongodb() {
    let name = format!("matrix_{}", Uuid::now_v7().simple());
    let database = MongoDb::open(&servers::Mongo::shared().replace("/?", &format!("/{name}?"))).await.unwrap();
    matrix().on(Arc::new(database)).check().await;
}
