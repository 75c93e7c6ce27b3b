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
use tollgate_testing::{
    conformance,
    servers::{self, psql},
};

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

#[tokio::test(flavor = "multi_thread")]
async fn moments_are_the_same_wherever_the_server_is() {
    let there = || async {
        let url = fresh().0 + "&options=-c%20TimeZone%3DAsia/Kolkata%20-c%20DateStyle%3DGerman,DMY";
        Arc::new(Postgres::open(&url).await.unwrap()) as Arc<dyn Database>
    };
    conformance::the_least_and_the_greatest_values_are_kept(there().await).await;
    conformance::moments_are_kept_to_the_microsecond(there().await).await;
    conformance::moments_that_are_too_early_are_asked_for_and_not_stored(there().await).await;
    conformance::every_change_is_counted_and_dated(there().await).await;
    conformance::parameters_of_every_kind_are_bound(there().await).await;
    assert!(there().await.time().await.unwrap().is_some());
}

#[tokio::test]
async fn the_server_tells_its_time() {
    let time = Postgres::open(&fresh().0).await.unwrap().time().await.unwrap().unwrap();
    let apart = SystemTime::now().duration_since(time.into()).unwrap_or_else(|ahead| ahead.duration());
    assert!(apart.as_secs() < 60, "{time}");
}
