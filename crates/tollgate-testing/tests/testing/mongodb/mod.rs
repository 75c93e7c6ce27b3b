//! MongoDB: the suite, and what is its own.

mod dns;
mod faults;
mod limits;
mod migrations;
mod opening;
mod raw;
mod schema;
mod scripted;
mod tmpfs;

use std::{sync::Arc, time::SystemTime};
use tollgate_mongodb::MongoDb;
use tollgate_store::Database;
use tollgate_testing::servers::Mongo;

tollgate_testing::conformance!(empty);

pub(crate) async fn empty() -> (Arc<dyn Database>, ()) {
    (Arc::new(MongoDb::open(&fresh().0).await.unwrap()), ())
}

/// The URL of a database on the shared server that is not there yet, and its name.
pub(crate) fn fresh() -> (String, String) {
    let name = format!("test_{}", tollgate::Uuid::now_v7().simple());
    (Mongo::shared().replace("/?", &format!("/{name}?")), name)
}

#[tokio::test]
async fn the_server_tells_its_time() {
    let time = MongoDb::open(&fresh().0).await.unwrap().time().await.unwrap().unwrap();
    let apart = SystemTime::now().duration_since(time.into()).unwrap_or_else(|ahead| ahead.duration());
    assert!(apart.as_secs() < 60, "{time}");
}
