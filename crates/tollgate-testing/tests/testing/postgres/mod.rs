//! PostgreSQL: the suite, and what is its own.

mod faults;
mod hostile;
mod limits;
mod opening;
mod pgbouncer;
mod queries;
mod schema;
mod tls;
mod tmpfs;

use std::{sync::Arc, time::SystemTime};
use tollgate_postgres::Postgres;
use tollgate_store::Database;
use tollgate_testing::servers::{self, psql};

tollgate_testing::conformance!(empty);
tollgate_testing::sql_conformance!(empty);

pub(crate) async fn empty() -> (Arc<dyn Database>, ()) {
    (Arc::new(Postgres::open(&fresh().0).await.unwrap()), ())
}

/// The URL of a schema on the shared server that is not there yet, and its name.
pub(crate) fn fresh() -> (String, String) {
    let schema = format!("test_{}", tollgate::Uuid::now_v7().simple());
    (format!("{}?schema={schema}", servers::Postgres::shared()), schema)
}

/// Statements behind the back of the driver, in a schema of the shared server; what they answer.
pub(crate) fn on(schema: &str, sql: &str) -> String {
    let said = psql(
        &servers::Postgres::shared(),
        &format!("CREATE SCHEMA IF NOT EXISTS {schema}; SET search_path = {schema}; {sql}"),
    );
    said.trim().to_owned()
}

#[tokio::test]
async fn the_server_tells_its_time() {
    let time = Postgres::open(&fresh().0).await.unwrap().time().await.unwrap().unwrap();
    let apart = SystemTime::now().duration_since(time.into()).unwrap_or_else(|ahead| ahead.duration());
    assert!(apart.as_secs() < 60, "{time}");
}
