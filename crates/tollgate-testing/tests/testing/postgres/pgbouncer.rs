//! Through a pooler in transaction mode, where each statement may meet another session: the same suite.

use super::{
    faults::{Page, may, page},
    fresh, on,
};
use crate::crowds;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::block_in_place,
};
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

/// A way to the server at that URL, and how often it was taken.
async fn counted(url: &str) -> (String, Arc<AtomicUsize>) {
    let (place, database) = url.strip_prefix("postgres://postgres@").unwrap().split_once('/').unwrap();
    let (place, way) = (place.to_owned(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let url = format!("postgres://postgres@{}/{database}", way.local_addr().unwrap());
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = way.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut server = TcpStream::connect(&place).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    (url, taken)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_costs_no_connection() {
    let pooler = PgBouncer::start(&servers::Postgres::shared(), 8);
    let (url, taken) = counted(&pooler.url()).await;
    let url = format!("{url}?pgbouncer=true&schema={}", fresh().1);
    let database: Arc<dyn Database> = Arc::new(Postgres::open(&url).await.unwrap());
    database.prepare(&[Page::TABLE], true).await.unwrap();
    let pages = Store::<Page>::new(database, Arc::new(SystemClock::default()));
    pages.insert(&may(), page("taken")).await.unwrap();
    pages.sql(&may(), "SELECT count(*) FROM {pages}", params![]).all_as::<i64>().await.unwrap();
    let before = taken.load(Ordering::SeqCst);
    for _ in 0..10 {
        let refused = pages.insert(&may(), page("taken")).await;
        assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
        let refused = pages.sql(&may(), "SELECT 1 / (SELECT 0)", params![]).all_as::<i32>().await;
        assert!(matches!(refused, Err(Error::Internal(_))), "{refused:?}");
    }
    assert_eq!(taken.load(Ordering::SeqCst), before);
}
