//! The database itself, for what the framework does not cover.

use super::fresh;
use crate::outages::{Entry, entry, may};
use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tollgate::{Resource, Store, SystemClock, Update};
use tollgate_core::LiveSecret;
use tollgate_mongodb::MongoDb;
use tollgate_sqlite::Sqlite;
use tollgate_store::{Database, Error};

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_are_those_of_the_database_that_the_url_names_by_then() {
    let ((url, name), (other_url, other_name)) = (fresh(), fresh());
    let url = LiveSecret::new(url.into(), || {});
    let database: Arc<dyn Database> = Arc::new(MongoDb::open_live(&url).await.unwrap());
    database.prepare(&[Entry::TABLE], true).await.unwrap();
    let entries = Store::<Entry>::new(database, Arc::new(SystemClock::default()));
    let may_update = may::<Update, Entry>();
    let other = entries.raw::<Sqlite, _>(&may_update).map(drop);
    assert!(matches!(&other, Err(Error::Internal(why)) if why.to_string().contains("in MongoDB at")), "{other:?}");
    let within = async |tx| entries.on(&tx)?.raw::<MongoDb, _>(&may_update).map(drop);
    assert!(matches!(entries.transaction(within).await, Err(Error::Internal(_))), "it would not be part of it");

    let new = ["a", "a", "b"].map(entry).into();
    entries.insert_many(&may(), new).await.unwrap();
    let mongodb = entries.raw::<MongoDb, _>(&may_update).unwrap();
    let group = vec![doc! { "$sortByCount": "$mark" }, doc! { "$limit": 1 }];
    let most = mongodb.documents().collection::<Document>("entries").aggregate(group).await.unwrap();
    assert_eq!(most.try_collect::<Vec<_>>().await.unwrap(), [doc! { "_id": "a", "count": 2 }]);

    assert_eq!(mongodb.documents().name(), name);
    url.replace(other_url.into());
    let start = Instant::now();
    while mongodb.documents().name() != other_name {
        assert!(start.elapsed() < Duration::from_secs(20), "the old one goes on");
        sleep(Duration::from_millis(50)).await;
    }
}
