//! Through a pooler in transaction mode, where each statement may meet another session: the same suite.

use super::{
    faults::{Page, may},
    fresh, on,
};
use crate::crowds;
use std::sync::Arc;
use tokio::task::block_in_place;
use tollgate::{Resource, Store, SystemClock, params};
use tollgate_postgres::Postgres;
use tollgate_store::{Database, Error};
use tollgate_testing::servers::{self, PgBouncer};

tollgate_testing::conformance!(pooled);
tollgate_testing::sql_conformance!(pooled);

async fn pooled() -> (Arc<dyn Database>, PgBouncer) {
    let pooler = PgBouncer::start(&servers::Postgres::shared(), 8);
    let (_, schema) = fresh();
    let url = format!("{}?pgbouncer=true&schema={schema}", pooler.url());
    (Arc::new(Postgres::open(&url).await.unwrap()), pooler)
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_that_writes_is_refused_behind_a_pooler_too() {
    let pooler = PgBouncer::start(&servers::Postgres::shared(), 8);
    let (_, schema) = fresh();
    block_in_place(|| on(&schema, "CREATE SEQUENCE numbers"));
    let url = format!("{}?pgbouncer=true&schema={schema}&transactions=1", pooler.url());
    let database: Arc<dyn Database> = Arc::new(Postgres::open(&url).await.unwrap());
    database.prepare(&[Page::TABLE], true).await.unwrap();
    let pages = Store::<Page>::new(database, Arc::new(SystemClock::default()));
    let count = format!("SELECT nextval('{schema}.numbers')").leak();
    for _ in 0..3 {
        let refused = pages.sql(&may(), count, params![]).all_as::<i64>().await;
        assert!(matches!(&refused, Err(Error::Internal(why)) if why.to_string().contains("read-only")), "{refused:?}");
        assert_eq!(pages.sql(&may(), "SELECT count(*) FROM {pages}", params![]).all_as::<i64>().await.unwrap(), [0]);
    }
    assert_eq!(block_in_place(|| on(&schema, "SELECT is_called FROM numbers")), "f");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_insert_that_waits_holds_up_no_other() {
    let (database, _pooler) = pooled().await;
    crowds::one_insert_that_waits_holds_up_no_other(database).await;
}
