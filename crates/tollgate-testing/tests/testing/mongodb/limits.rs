//! Nothing is waited for forever, and nothing is said to have happened, or not, that may be otherwise.

use super::{faults::open, fresh};
use crate::{
    crowds,
    outages::{Entry, EntryPatch, entry, may},
};
use mongodb::{
    Client,
    bson::{Document, doc},
};
use std::{
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tollgate::{Change, Filter, Resource, Store, SystemClock};
use tollgate_mongodb::MongoDb;
use tollgate_store::{Database, Error};
use tollgate_testing::servers::Mongo;

/// A server that can be told to fail.
fn fallible() -> Mongo {
    let server = Mongo::start_with(|_| {
        ["--replSet", "rs0", "--setParameter", "enableTestCommands=1"].map(ToOwned::to_owned).to_vec()
    });
    server.initiate();
    server
}

/// Makes the server fail at some commands, as its own tests do.
async fn fail(server: &Mongo, times: i32, data: Document) {
    let client = Client::with_uri_str(server.url("")).await.unwrap();
    let failing = doc! { "configureFailPoint": "failCommand", "mode": { "times": times }, "data": data };
    client.database("admin").run_command(failing).await.unwrap();
}

fn marked(mark: &str) -> EntryPatch {
    EntryPatch { mark: Change::Set(mark.into()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_not_said_to_have_failed() {
    let server = fallible();
    let (_, entries) = open(&server).await;
    // The driver asks once more by itself.
    fail(&server, 2, doc! { "failCommands": ["commitTransaction"], "closeConnection": true }).await;
    let outcome = entries.insert_many(&may(), vec![entry("one"), entry("two")]).await;
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    fail(&server, 1, doc! { "failCommands": ["commitTransaction"], "closeConnection": true }).await;
    entries.insert_many(&may(), vec![entry("three"), entry("four")]).await.expect("asked once more, it is there");
    assert_eq!(entries.count(&may(), Entry::MARK.eq("three") | Entry::MARK.eq("four")).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_one_document_whose_answer_is_lost_happens_once() {
    let server = fallible();
    let (_, entries) = open(&server).await;
    for command in ["insert", "findAndModify", "delete"] {
        fail(&server, 1, doc! { "failCommands": [command], "closeConnection": true }).await;
        let kept = entries.insert(&may(), entry("new")).await.unwrap();
        entries.update(&may(), kept.entry_id, marked("changed")).await.unwrap();
        entries.delete(&may(), kept.entry_id).await.unwrap();
        assert_eq!(entries.count(&may(), Filter::every()).await.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_space_stops_writes_alone_and_is_not_ready() {
    let server = fallible();
    let (database, entries) = open(&server).await;
    let kept = entries.insert(&may(), entry("kept")).await.unwrap();
    database.ping().await.unwrap();
    for command in ["insert", "findAndModify", "delete"] {
        fail(&server, 1, doc! { "failCommands": [command], "errorCode": 14031 }).await;
        let refused = match command {
            "insert" => entries.insert(&may(), entry("new")).await.map(drop),
            "delete" => entries.delete(&may(), kept.entry_id).await,
            _ => entries.update(&may(), kept.entry_id, marked("changed")).await.map(drop),
        };
        assert!(matches!(refused, Err(Error::Full(_))), "{command}: {refused:?}");
        assert_eq!(entries.get(&may(), kept.entry_id).await.unwrap(), kept);
        assert!(matches!(database.ping().await, Err(Error::Full(_))), "it does not take what it is for");
    }
    fail(&server, 1, doc! { "failCommands": ["insert"], "errorCode": 14031 }).await;
    let inside = entries.transaction(async |tx| entries.on(&tx)?.insert(&may(), entry("new")).await);
    assert!(matches!(inside.await, Err(Error::Full(_))));
    entries.insert(&may(), entry("again")).await.unwrap();
    database.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_transaction_ends_but_not_a_slow_one() {
    let server = fallible();
    let (_, entries) = open(&server).await;
    let kept = entries.insert(&may(), entry("kept")).await.unwrap().entry_id;
    let idle = entries.transaction(async |tx| {
        let inside = entries.on(&tx)?;
        inside.update(&may(), kept, marked("changed")).await?;
        sleep(Duration::from_millis(6500)).await;
        entries.update(&may(), kept, marked("by another")).await.expect("it was let go");
        inside.insert(&may(), entry("late")).await
    });
    let idle = idle.await;
    assert!(matches!(idle, Err(Error::Unavailable(_))), "{idle:?}");

    let slow = doc! { "failCommands": ["find"], "blockConnection": true, "blockTimeMS": 6500 };
    let busy = entries.transaction(async |tx| {
        let inside = entries.on(&tx)?;
        inside.insert(&may(), entry("before")).await?;
        fail(&server, 1, slow).await;
        inside.get(&may(), kept).await?;
        sleep(Duration::from_millis(1500)).await;
        inside.insert(&may(), entry("after")).await
    });
    busy.await.unwrap();
    let mut marks: Vec<_> = entries.find(&may(), Filter::every()).all().await.unwrap();
    marks.sort_by(|one, other| one.mark.cmp(&other.mark));
    let marks: Vec<_> = marks.into_iter().map(|row| row.mark).collect();
    assert_eq!(marks, ["after", "before", "by another"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_not_committed_around_a_step_that_was_left() {
    let server = fallible();
    let (_, entries) = open(&server).await;
    let slow = doc! { "failCommands": ["find"], "blockConnection": true, "blockTimeMS": 1000 };
    let outcome = entries.transaction(async |tx| {
        let inside = entries.on(&tx)?;
        inside.insert(&may(), entry("new")).await?;
        fail(&server, 1, slow).await;
        let left = timeout(Duration::from_millis(200), inside.get(&may(), 1)).await;
        assert!(left.is_err(), "{left:?}");
        Ok::<_, Error>(())
    });
    let outcome = outcome.await;
    let stored = entries.count(&may(), Filter::every()).await.unwrap();
    assert_eq!((outcome.is_ok(), stored), (false, 0), "what is not kept is not acknowledged: {outcome:?}");
}

/// A server that is there and does nothing, until this is dropped.
struct Frozen(String);

impl Frozen {
    async fn new(server: &Mongo) -> Self {
        let client = Client::with_uri_str(server.url("")).await.unwrap();
        let status = client.database("admin").run_command(doc! { "serverStatus": 1 }).await.unwrap();
        let frozen = Self(status.get_i64("pid").unwrap().to_string());
        frozen.send("-STOP");
        frozen
    }

    fn send(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0]).status().unwrap().success());
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.send("-CONT");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_freezes_is_missed_in_seconds() {
    let server = Mongo::start();
    let (database, entries) = open(&server).await;
    let kept = entries.insert(&may(), entry("kept")).await.unwrap();
    let frozen = Frozen::new(&server).await;
    let start = Instant::now();
    let (ping, list, change) = (may(), may(), may());
    let (point, all, written, pinged) = tokio::join!(
        entries.get(&ping, kept.entry_id),
        entries.find(&list, Filter::every()).all(),
        entries.update(&change, kept.entry_id, marked("changed")),
        async { (database.ping().await, start.elapsed()) },
    );
    assert!(matches!(point, Err(Error::Unavailable(_))), "{point:?}");
    assert!(matches!(all, Err(Error::Unavailable(_))), "{all:?}");
    assert!(matches!(written, Err(Error::Unavailable(_))), "{written:?}");
    assert!(matches!(pinged.0, Err(Error::Unavailable(_))), "{pinged:?}");
    assert!(pinged.1 < Duration::from_secs(4) && start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    drop(frozen);
    let back = Instant::now();
    while entries.get(&may(), kept.entry_id).await.is_err() {
        assert!(back.elapsed() < Duration::from_secs(10), "not whole again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_insert_that_waits_holds_up_no_other() {
    let (database, ()) = super::empty().await;
    crowds::one_insert_that_waits_holds_up_no_other(database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inserts_that_wait_alone_hold_up_no_other() {
    let (database, ()) = super::empty().await;
    crowds::inserts_that_wait_alone_hold_up_no_other(database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_wants_one_key_holds_up_no_other() {
    let (database, ()) = super::empty().await;
    crowds::a_crowd_that_wants_one_key_holds_up_no_other(database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_does_not_fit_harms_nobody() {
    let server = Mongo::start();
    let (_, entries) = open(&server).await;
    let kept = entries.insert(&may(), entry("kept")).await.unwrap();
    let client = Client::with_uri_str(server.url("")).await.unwrap();
    let documents = client.database("films").collection::<Document>("entries");
    documents.insert_one(doc! { "_id": 100_i64, "mark": 5 }).bypass_document_validation(true).await.unwrap();
    let read = |index: i32| {
        let (entries, id) = (entries.clone(), if index % 2 == 0 { kept.entry_id } else { 100 });
        async move { (id, entries.get(&may(), id).await) }
    };
    for (id, outcome) in (0..100).map(read).collect::<JoinSet<_>>().join_all().await {
        match (id, outcome) {
            (100, Err(Error::Internal(why))) => assert!(why.to_string().contains("`mark`"), "{why}"),
            (_, outcome) => assert_eq!(outcome.unwrap(), kept),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_only_reads_is_not_ready() {
    let server = Mongo::start();
    let database =
        MongoDb::open(&server.url("films").replace("replicaSet=rs0", "directConnection=true")).await.unwrap();
    database.ping().await.unwrap();
    let client = Client::with_uri_str(server.url("")).await.unwrap();
    let step_down = doc! { "replSetStepDown": 60, "secondaryCatchUpPeriodSecs": 0, "force": true };
    client.database("admin").run_command(step_down).await.unwrap();
    let pinged = database.ping().await;
    assert!(matches!(pinged, Err(Error::Unavailable(_))), "{pinged:?}");
}

/// A database with few connections, for which others wait.
async fn narrow() -> (Arc<dyn Database>, Store<Entry>) {
    let database: Arc<dyn Database> = Arc::new(MongoDb::open(&(fresh().0 + "&maxPoolSize=8")).await.unwrap());
    database.prepare(&[Entry::TABLE], true).await.unwrap();
    (Arc::clone(&database), Store::new(database, Arc::new(SystemClock::default())))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_insert_that_waits_holds_up_no_other_where_connections_are_few() {
    let (database, _) = narrow().await;
    crowds::one_insert_that_waits_holds_up_no_other(database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_waits_for_one_row_is_told_in_time_and_leaves_point_reads_alone() {
    let (_, entries) = narrow().await;
    let kept = entries.insert(&may(), entry("kept")).await.unwrap();
    let holding = entries.transaction(async |tx| {
        entries.on(&tx)?.update(&may(), kept.entry_id, marked("held")).await?;
        let change = |_| {
            let entries = entries.clone();
            async move {
                let start = Instant::now();
                let outcome = entries.update(&may(), kept.entry_id, marked("changed")).await;
                (outcome.map(drop), start.elapsed())
            }
        };
        let crowd: JoinSet<_> = (0..40).map(change).collect();
        sleep(Duration::from_millis(500)).await;
        let start = Instant::now();
        assert_eq!(entries.get(&may(), kept.entry_id).await?, kept);
        // Those who change the row give up after five.
        assert!(start.elapsed() < Duration::from_secs(3), "it waited too: {:?}", start.elapsed());
        sleep(Duration::from_secs(2)).await;
        Ok::<_, Error>(crowd)
    });
    let outcomes = holding.await.unwrap().join_all().await;
    let told = outcomes.iter().filter(|(outcome, _)| matches!(outcome, Err(Error::Overloaded)));
    assert!(told.clone().count() >= 30, "{outcomes:?}");
    assert!(told.clone().any(|(_, waited)| *waited < Duration::from_secs(4)), "{outcomes:?}");
    assert!(outcomes.iter().any(|(outcome, _)| outcome.is_ok()), "who had a place goes on: {outcomes:?}");
}
