//! SQLite: the suite, and what is its own.

mod limits;
mod load;
mod opening;
mod processes;
mod queries;
mod rules;
mod schema;
mod tmpfs;

use std::sync::Arc;
use tempfile::TempDir;
use tollgate_sqlite::{Config, Sqlite};
use tollgate_store::Database;

tollgate_testing::conformance!(empty);
tollgate_testing::sql_conformance!(empty);

pub(crate) async fn empty() -> (Arc<dyn Database>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Arc::new(Sqlite::open(&folder.path().join("app.db")).unwrap()), folder)
}

/// A new database, with these parameters.
fn open(parameters: &str) -> (Arc<Sqlite>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (open_at(&format!("{}{parameters}", folder.path().join("app.db").display())), folder)
}

fn open_at(place: &str) -> Arc<Sqlite> {
    Arc::new(Sqlite::open_with(Config::parse(place).unwrap()).unwrap())
}
