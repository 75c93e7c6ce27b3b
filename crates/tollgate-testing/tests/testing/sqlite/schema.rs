//! Tables follow the model where that is safe, and say what to do where it is not.

use crate::films::{self, BY_TITLE, DEMANDING, FIRST, GROWN, NUMBERED, OPTIONAL, OWNED, UNTITLED};
use rusqlite::Connection;
use std::path::Path;
use tempfile::TempDir;
use tollgate_sqlite::Sqlite;
use tollgate_store::Table;

async fn prepare(path: &Path, table: &'static Table, additive: bool) -> Result<Vec<String>, String> {
    films::prepare(&Sqlite::open(path).unwrap(), table, additive).await
}

/// A file in which somebody else has been at work.
fn file(sql: &str) -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    (folder, path)
}

fn texts(path: &Path, sql: &str) -> Vec<String> {
    let db = Connection::open(path).unwrap();
    let mut statement = db.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn indexes(path: &Path) -> Vec<String> {
    texts(path, "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name")
}

#[tokio::test]
async fn a_missing_table_is_created_with_its_indexes() {
    let (_folder, path) = file("");
    assert_eq!(prepare(&path, &GROWN, true).await.unwrap(), ["created the table `films`"]);
    assert_eq!(indexes(&path), ["films_code_key", "films_rating_idx", "films_title_key"]);
    assert_eq!(prepare(&path, &OWNED, true).await.unwrap(), ["created the table `reviews`"]);
    assert!(indexes(&path).contains(&"reviews_owner_idx".to_owned()), "owners are searched by in every query");
    let made = texts(&path, "SELECT sql FROM sqlite_schema WHERE name = 'reviews'").concat();
    assert!(made.contains("AUTOINCREMENT") && made.ends_with("STRICT"), "{made}");
}

#[tokio::test]
async fn columns_that_may_be_empty_and_indexes_are_added() {
    let (_folder, path) = file("");
    prepare(&path, &FIRST, true).await.unwrap();
    Connection::open(&path).unwrap().execute_batch("INSERT INTO films VALUES (1, 'Alien')").unwrap();
    assert_eq!(
        prepare(&path, &GROWN, true).await.unwrap(),
        [
            "added the column `rating` to `films`",
            "added the column `code` to `films`",
            "added an index on `title` to `films`",
            "added an index on `rating` to `films`",
            "added an index on `code` to `films`",
        ]
    );
    assert_eq!(indexes(&path), ["films_code_key", "films_rating_idx", "films_title_key"]);
    assert_eq!(texts(&path, "SELECT title FROM films WHERE rating IS NULL"), ["Alien"]);
}

#[tokio::test]
async fn two_indexes_of_one_name_are_refused() {
    let (_folder, path) = file("");
    films::namesakes_are_refused(&Sqlite::open(&path).unwrap()).await;
    assert_eq!(texts(&path, "SELECT name FROM sqlite_schema"), Vec::<String>::new(), "nothing is made of either");
}

#[tokio::test]
async fn preparing_twice_changes_nothing() {
    let (_folder, path) = file("");
    prepare(&path, &GROWN, true).await.unwrap();
    let schema = texts(&path, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL");
    for additive in [true, false] {
        assert_eq!(prepare(&path, &GROWN, additive).await.unwrap(), Vec::<String>::new());
    }
    assert_eq!(texts(&path, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"), schema);
}

#[tokio::test]
async fn somebody_elses_indexes_and_optional_columns_are_welcome() {
    let (_folder, path) = file(
        "CREATE TABLE films (film_id INTEGER PRIMARY KEY, title TEXT NOT NULL UNIQUE, rating REAL, code TEXT, \
         extra BLOB, filled INTEGER NOT NULL DEFAULT 7); \
         CREATE INDEX mine ON films (rating, extra); CREATE UNIQUE INDEX codes ON films (code);",
    );
    assert_eq!(prepare(&path, &GROWN, false).await.unwrap(), Vec::<String>::new());
    assert_eq!(prepare(&path, &GROWN, true).await.unwrap(), Vec::<String>::new());
    assert_eq!(indexes(&path), ["codes", "mine"]);
}

#[tokio::test]
async fn differences_that_need_a_decision_are_refused_with_table_column_and_remedy() {
    let columns = "film_id INTEGER NOT NULL PRIMARY KEY, title TEXT NOT NULL";
    let (_folder, path) = file(&format!("CREATE TABLE films ({columns}) STRICT"));
    let refusals: [(&'static Table, &str); 5] = [
        (&NUMBERED, "`title` is TEXT there and int64 here; change the field's type, or migrate the column"),
        (
            &OPTIONAL,
            "`title` may not be empty there and may here; make the field an `Option` or not, or migrate the column",
        ),
        (
            &DEMANDING,
            "`released` is missing there and may not be empty; make the field an `Option`; or write a migration that says \
             what its rows get, `migrate diff NAME --fill films.released=VALUE`, and apply it with `migrate run`; or remove \
             the table, where its rows may go",
        ),
        (&UNTITLED, "`title` must be filled there and is not in the model; add it to the struct, or drop it"),
        (&BY_TITLE, "`title` is the key here and not there; move `#[id]`, or migrate the table"),
    ];
    for (table, words) in refusals {
        let refused = prepare(&path, table, true).await.unwrap_err();
        assert_eq!(refused, format!("the table `films` differs from its model: {words}"));
    }
    assert_eq!(prepare(&path, &FIRST, false).await.unwrap(), Vec::<String>::new(), "nothing was changed meanwhile");
}

#[tokio::test]
async fn texts_that_are_equal_though_not_the_same_are_refused() {
    let (_folder, path) =
        file("CREATE TABLE films (film_id INTEGER NOT NULL PRIMARY KEY, title TEXT COLLATE NOCASE NOT NULL)");
    let refused = prepare(&path, &FIRST, true).await.unwrap_err();
    assert!(refused.contains("`title` is text COLLATE NOCASE there and text here"), "{refused}");
    let (_folder, path) = file(
        "CREATE TABLE films (film_id INTEGER NOT NULL PRIMARY KEY, title TEXT NOT NULL, rating REAL, code TEXT); \
         CREATE UNIQUE INDEX other ON films (title COLLATE NOCASE)",
    );
    let refused = prepare(&path, &GROWN, false).await.unwrap_err();
    assert!(refused.contains("`title` is not unique there"), "{refused}");
}

#[tokio::test]
async fn a_key_of_two_columns_is_not_that_of_the_model() {
    let (_folder, path) =
        file("CREATE TABLE films (film_id INTEGER, title TEXT NOT NULL, PRIMARY KEY (film_id, title))");
    let refused = prepare(&path, &FIRST, true).await.unwrap_err();
    assert!(refused.contains("`film_id` is the key here and not there"), "{refused}");
}

#[tokio::test]
async fn where_nothing_may_be_added_everything_missing_is_refused() {
    let remedy = "write a migration with `migrate diff` and apply it with `migrate run`, or allow additive changes with \
                  `database.additive = true`";
    let (_folder, path) = file("");
    let refused = prepare(&path, &FIRST, false).await.unwrap_err();
    assert_eq!(refused, format!("the table `films` is missing; {remedy}"));
    prepare(&path, &FIRST, true).await.unwrap();
    let refused = prepare(&path, &GROWN, false).await.unwrap_err();
    assert_eq!(refused, format!("the table `films` differs from its model: `rating` is missing there; {remedy}"));
    let db = Connection::open(&path).unwrap();
    db.execute_batch("ALTER TABLE films ADD rating REAL; ALTER TABLE films ADD code TEXT").unwrap();
    let refused = prepare(&path, &GROWN, false).await.unwrap_err();
    assert_eq!(refused, format!("the table `films` differs from its model: `title` is not unique there; {remedy}"));
    assert_eq!(indexes(&path), Vec::<String>::new());
}

#[tokio::test]
async fn a_column_with_duplicates_does_not_become_unique() {
    let (_folder, path) = file("");
    prepare(&path, &FIRST, true).await.unwrap();
    let db = Connection::open(&path).unwrap();
    db.execute_batch("INSERT INTO films VALUES (1, 'Alien'), (2, 'Alien')").unwrap();
    let refused = prepare(&path, &GROWN, true).await.unwrap_err();
    assert!(refused.contains("`films`") && refused.contains("`title` has the same value in several rows"), "{refused}");
    assert_eq!(
        texts(&path, "SELECT name FROM pragma_table_info('films')"),
        ["film_id", "title"],
        "nothing is half done"
    );
}

#[tokio::test]
async fn an_index_whose_name_another_table_has_is_not_passed_over() {
    let (_folder, path) = file("CREATE TABLE films (title TEXT); CREATE UNIQUE INDEX films_title_key ON films (title)");
    let db = Connection::open(&path).unwrap();
    db.execute_batch("ALTER TABLE films RENAME TO old_films").unwrap();
    let refused = prepare(&path, &GROWN, true).await.unwrap_err();
    let words = "`title` cannot be indexed, for there is something else with the index's name, `films_title_key`";
    assert!(refused.contains(words), "{refused}");
    db.execute_batch("DROP INDEX films_title_key").unwrap();
    prepare(&path, &GROWN, true).await.unwrap();
    assert_eq!(prepare(&path, &GROWN, false).await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_start_at_once_prepare_once() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let start = |_| {
            let path = folder.path().join("app.db");
            tokio::spawn(async move { prepare(&path, &GROWN, true).await.unwrap() })
        };
        let mut said = vec![];
        for task in (0..8).map(start).collect::<Vec<_>>() {
            said.extend(task.await.unwrap());
        }
        assert_eq!(said, ["created the table `films`"]);
    }
}
