//! SQL of the app's own, and fields that only the app sets, as callers meet them.

use crate::ground::Log;
use serde_json::json;
use std::sync::Arc;
use tempfile::TempDir;
use tollgate::{Memory, SystemClock, prelude::*, raw::Sqlite};
use tollgate_testing::{Client, TestApp};

/// A book that somebody writes.
#[resource(plural = "books")]
pub(crate) struct Book {
    #[id(generated)]
    pub book_id: i64,
    #[owner]
    pub author: String,
    pub title: String,
    /// How long it is.
    #[read_only]
    pub words: i64,
    #[version]
    pub version: i64,
}

/// How much was written.
#[output(row)]
pub(crate) struct Written {
    pub author: String,
    pub books: i64,
    pub words: Option<f64>,
}

/// Who wrote how much.
async fn written(may: May<Read, Book>, books: Store<Book>) -> Result<Json<Vec<Written>>> {
    let text = "SELECT author, count(*) AS books, avg(words) AS words FROM {books} GROUP BY author ORDER BY author";
    Ok(Json(books.sql(&may, text, params![]).all_as().await?))
}

/// What an app holds is printed, and names no more than what was asked.
#[test]
fn what_was_asked_is_shown_when_a_test_fails() {
    #[derive(Debug)]
    struct Shelf {
        books: Store<Book>,
    }
    let shelf = Shelf { books: Store::new(Arc::new(Memory::default()), Arc::new(SystemClock::default())) };
    assert_eq!(format!("{shelf:?}"), r#"Shelf { books: Store("books") }"#);
    assert_eq!(format!("{:?}", shelf.books), r#"Store("books")"#);
    assert!(format!("{:?}", Book::TITLE.eq("Alien")).contains("Alien"));
}

/// Counts the books of everybody.
async fn count(may: May<Read, Book>, books: Store<Book>) -> Result<Json<Vec<i64>>> {
    Ok(Json(books.sql(&may, "SELECT count(*) FROM books", params![]).all_as().await?))
}

/// Is mistaken about SQL.
async fn mistaken(may: May<Read, Book>, books: Store<Book>) -> Result<Json<Vec<Book>>> {
    Ok(Json(books.sql(&may, "SELECT secrets FROM {books} WHERE", params![]).all().await?))
}

/// Counts the words of a book anew.
async fn recount(may: May<Update, Book>, books: Store<Book>, Path(id): Path<i64>) -> Result<Json<Book>> {
    Ok(Json(books.set(&may, id, Book::WORDS.to(70_000)).await?))
}

async fn library() -> (TestApp, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let database = Arc::new(Sqlite::open(&folder.path().join("app.db")).unwrap());
    let service = Service::new("books").crud::<Book>("/books").get("/written", written).get("/count", count);
    let service = service.get("/mistaken", mistaken).post("/books/{book_id}/recount", recount);
    (TestApp::with(App::new("library").service(service)).database(database).start().await, folder)
}

fn author(app: &TestApp, id: &str) -> Client {
    app.actor(id).may("read:books create:books update:books")
}

#[tokio::test]
async fn sql_of_the_apps_own_answers_the_rows_of_the_caller() {
    let (app, _folder) = library().await;
    let (ann, bob) = (author(&app, "ann"), author(&app, "bob"));
    for (writer, title) in [(&ann, "One"), (&ann, "Two"), (&bob, "Three")] {
        assert_eq!(writer.post("/books", json!({ "title": title })).await.status(), 201);
    }
    assert_eq!(bob.get("/written").await.json(), json!([{ "author": "bob", "books": 1, "words": 0.0 }]));
    let all = app.actor("eve").may("read:books:any").get("/written").await.json();
    assert_eq!(all.as_array().unwrap().len(), 2, "{all}");
}

#[tokio::test]
async fn sql_that_passes_the_rows_of_the_caller_is_a_403() {
    let (app, _folder) = library().await;
    assert_eq!(app.actor("eve").may("read:books:any").get("/count").await.json(), json!([0]));
    let (log, refused) = Log::of(author(&app, "bob").get("/count")).await;
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.json()["detail"], "this reaches every row, and you may reach only some");
    assert!(log.contains("write `{books}` where the SQL reads them") && log.contains("read:books:any"), "{log}");
}

#[tokio::test]
async fn a_mistake_in_sql_is_a_500_and_its_cause_is_in_the_log_alone() {
    let (app, _folder) = library().await;
    let (log, failed) = Log::of(author(&app, "bob").get("/mistaken")).await;
    assert_eq!(failed.status(), 500);
    assert!(!failed.text().contains("secrets") && !failed.text().contains("syntax"), "{}", failed.text());
    assert!(log.contains("syntax error") && log.contains("SELECT secrets"), "{log}");
}

#[tokio::test]
async fn what_only_the_app_sets_is_answered_and_never_taken() {
    let (app, _folder) = library().await;
    let (ann, bob) = (author(&app, "ann"), author(&app, "bob"));
    let refused = ann.post("/books", json!({ "title": "One", "words": 1 })).await;
    assert_eq!(refused.status(), 422, "{}", refused.text());
    let made = ann.post("/books", json!({ "title": "One" })).await.json();
    assert_eq!(made["words"], 0);
    let path = format!("/books/{}", made["book_id"]);
    assert_eq!(ann.patch(&path, json!({ "words": 1 })).await.status(), 422);
    assert_eq!(ann.put(&path, json!({ "title": "One", "words": 1 })).await.status(), 422);
    assert_eq!(bob.post(&format!("{path}/recount"), json!(null)).await.status(), 404);
    let counted = ann.post(&format!("{path}/recount"), json!(null)).await.json();
    assert_eq!((&counted["words"], &counted["version"]), (&json!(70_000), &json!(2)));
    assert_eq!(ann.put(&path, json!({ "title": "Two" })).await.json()["words"], 70_000);
    let schemas = &app.document()["components"]["schemas"];
    let has = |name: &str| !schemas[name]["properties"]["words"].is_null();
    assert!(has("Book") && !has("NewBook") && !has("BookPatch"), "{schemas}");
}
