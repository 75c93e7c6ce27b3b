//! SQLite: the suite, and what is its own.

mod load;
mod opening;
mod queries;
mod rules;
mod schema;

use std::sync::Arc;
use tempfile::TempDir;
use tollgate_sqlite::Sqlite;
use tollgate_store::Database;

tollgate_testing::conformance!(empty);
tollgate_testing::sql_conformance!(empty);

async fn empty() -> (Arc<dyn Database>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Arc::new(Sqlite::open(&folder.path().join("app.db")).unwrap()), folder)
}
