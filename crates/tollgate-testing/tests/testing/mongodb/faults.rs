//! The server goes away and comes back.

use crate::outages::{self, Entry, entry, may};
use std::sync::Arc;
use tokio::task::block_in_place;
use tollgate::{Filter, Resource, Store};
use tollgate_core::SystemClock;
use tollgate_mongodb::MongoDb;
use tollgate_store::Database;
use tollgate_testing::servers::Mongo;

pub(super) async fn open(server: &Mongo) -> (Arc<dyn Database>, Store<Entry>) {
    let database: Arc<dyn Database> = Arc::new(MongoDb::open(&server.url("films")).await.unwrap());
    database.prepare(&[Entry::TABLE], true).await.unwrap();
    (Arc::clone(&database), Store::new(database, Arc::new(SystemClock::default())))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_nobody_noticed_costs_readers_nothing() {
    let mut server = Mongo::start();
    let (_, entries) = open(&server).await;
    let kept = entries.insert(&may(), entry("before")).await.unwrap();
    for how in [Mongo::stop, Mongo::kill] {
        block_in_place(|| {
            how(&mut server);
            server.resume();
        });
        assert_eq!(entries.get(&may(), kept.entry_id).await.unwrap(), kept);
    }
    assert_eq!(entries.count(&may(), Filter::every()).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_is_missed_and_found_again() {
    let mut server = Mongo::start();
    let (database, entries) = open(&server).await;
    outages::is_missed_and_found_again(&mut server, database, entries).await;
}
