//! PostgreSQL: the suite, and what is its own.

use std::sync::Arc;
use tollgate_postgres::Postgres;
use tollgate_store::Database;
use tollgate_testing::servers;

tollgate_testing::conformance!(empty);

/// A schema of its own on the shared server.
fn schema() -> String {
    format!("{}?schema=test_{}", servers::Postgres::shared(), tollgate::Uuid::now_v7().simple())
}

async fn empty() -> (Arc<dyn Database>, ()) {
    (Arc::new(Postgres::open(&schema()).await.unwrap()), ())
}
