//! A file that cannot be used is refused at once, in one line that names the file and what to do.

use crate::films::FIRST;
use rusqlite::Connection;
use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tollgate_sqlite::Sqlite;
use tollgate_store::{Database, Driver, Error, Expr, Value};

/// What opening that path says, in time, in one line, with the remedy.
pub(super) fn refusal(path: &Path) -> String {
    let start = Instant::now();
    let Err(Error::Unavailable(why)) = Sqlite::open(path).map(drop) else { panic!("{} was opened", path.display()) };
    let why = why.to_string();
    assert!(start.elapsed() < Duration::from_secs(7), "{:?}: {why}", start.elapsed());
    assert!(!why.contains('\n'), "{why}");
    assert!(why.starts_with(&format!("{}: ", path.display())), "{why}");
    assert!(why.ends_with("or set `database.url` to another file"), "{why}");
    why
}

#[test]
fn missing_folders_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/c.db");
    let database = Sqlite::open(&path).unwrap();
    assert_eq!(database.describe(), format!("SQLite in {}", path.display()));
    assert!(path.is_file());
}

#[test]
fn a_path_below_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let why = refusal(&file.join("app.db"));
    assert!(why.contains("its folder cannot be made"), "{why}");
    refusal(&file.join("deeper/app.db"));
}

#[test]
fn a_folder_is_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let why = refusal(folder.path());
    assert!(why.contains("unable to open database file"), "{why}");
}

#[test]
fn a_file_of_something_else_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "Dear diary, this is not a database. ".repeat(100);
    fs::write(&path, &text).unwrap();
    let why = refusal(&path);
    assert!(why.contains("file is not a database"), "{why}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_file_that_another_process_has_locked_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA journal_mode = DELETE; CREATE TABLE theirs (it); BEGIN EXCLUSIVE").unwrap();
    let why = refusal(&path);
    assert!(why.contains("another process has locked it"), "{why}");
    other.execute_batch("COMMIT").unwrap();
    Sqlite::open(&path).unwrap();
}

#[test]
fn names_that_mean_no_file_to_sqlite_are_refused() {
    for name in [":memory:", ""] {
        let Err(Error::Unavailable(why)) = Sqlite::open(Path::new(name)).map(drop) else {
            panic!("{name:?} was opened")
        };
        assert!(why.to_string().contains("is kept in no file"), "{why}");
    }
}

fn row(id: i64) -> Vec<Vec<Value<'static>>> {
    vec![vec![Value::Int(id), Value::Text(format!("row {id}").into())]]
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_that_reads_is_opened_when_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(folder.path()).unwrap().join("app.db");
    let database = Sqlite::open(&path).unwrap();
    database.prepare(&[&FIRST], true).await.unwrap();
    let open = || {
        let files = fs::read_dir("/proc/self/fd").unwrap().flatten();
        files.filter(|file| fs::read_link(file.path()).is_ok_and(|target| target == path)).count()
    };
    assert_eq!(open(), 1, "the one that writes");
    for _ in 0..3 {
        database.count(&FIRST, &Expr::EVERY).await.unwrap();
        database.ping().await.unwrap();
        assert_eq!(open(), 2, "lists and lookups share one while nobody needs two");
    }
}

#[tokio::test]
async fn a_file_that_is_gone_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let database = Sqlite::open(&path).unwrap();
    database.prepare(&[&FIRST], true).await.unwrap();
    fs::remove_file(&path).unwrap();
    let read = database.count(&FIRST, &Expr::EVERY).await;
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    assert!(!path.exists());
}

#[tokio::test]
async fn what_was_stored_is_there_when_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    for round in 1..=3 {
        let database = Sqlite::open(&path).unwrap();
        database.prepare(&[&FIRST], true).await.unwrap();
        database.insert(&FIRST, Arc::new(row(round)), 0..1).await.unwrap();
        assert_eq!(database.count(&FIRST, &Expr::EVERY).await.unwrap(), round.unsigned_abs());
    }
}
