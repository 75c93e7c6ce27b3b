//! Nothing is waited for forever, and nothing is queued without an end.

use super::open;
use crate::films::FIRST;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::sleep,
};
use tollgate_sqlite::{Sqlite, rusqlite};
use tollgate_store::{Batch, Database, Driver, Error, Expr, Value};

/// A number that is never reached.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

fn row(id: i64) -> Arc<dyn Batch> {
    Arc::new(vec![vec![Value::Int(id), Value::Text(format!("row {id}").into())]])
}

/// Has the connection that writes do nothing else until it is told to go on.
async fn hold(sqlite: &Arc<Sqlite>) -> (std::sync::mpsc::Sender<()>, JoinHandle<Result<(), Error>>) {
    let ((go_on, told), (begun, reached)) = (std::sync::mpsc::channel(), oneshot::channel());
    let writing = Arc::clone(sqlite);
    let held = tokio::spawn(async move {
        let wait = move |_: &rusqlite::Connection| {
            let _ = begun.send(());
            let _ = told.recv();
            Ok(())
        };
        writing.write(wait).await
    });
    reached.await.unwrap();
    (go_on, held)
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_given_up_in_time() {
    let (sqlite, _folder) = open("?statement_timeout=1");
    sqlite.prepare(&[&FIRST], true).await.unwrap();
    let start = Instant::now();
    let read = sqlite.read(|db| db.query_row(ENDLESS, [], |row| row.get::<_, i64>(0))).await;
    assert!(matches!(read, Err(Error::Overloaded)), "{read:?}");
    assert!((1..9).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());

    let write = sqlite.write(|db| db.execute(&format!("INSERT INTO films SELECT 1, ({ENDLESS})"), [])).await;
    assert!(matches!(write, Err(Error::Overloaded)), "{write:?}");
    sqlite.insert(&FIRST, row(2), 0..1).await.expect("the next one has its time");
    sqlite.read(|db| db.query_row("SELECT count(*) FROM films", [], |row| row.get::<_, i64>(0))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_given_up_takes_nobody_along() {
    let (sqlite, _folder) = open("?statement_timeout=1");
    sqlite.prepare(&[&FIRST], true).await.unwrap();
    let (go_on, held) = hold(&sqlite).await;
    let insert = |id| {
        let sqlite = Arc::clone(&sqlite);
        async move { sqlite.insert(&FIRST, row(id), 0..1).await }
    };
    let before: JoinSet<_> = (0..20).map(insert).collect();
    sleep(Duration::from_millis(50)).await;
    let slow = Arc::clone(&sqlite);
    let slow = tokio::spawn(async move {
        slow.write(|db| db.execute(&format!("INSERT INTO films SELECT 99, ({ENDLESS})"), [])).await
    });
    sleep(Duration::from_millis(50)).await;
    let after: JoinSet<_> = (20..40).map(insert).collect();
    sleep(Duration::from_millis(50)).await;
    go_on.send(()).unwrap();
    held.await.unwrap().unwrap();
    assert!(matches!(slow.await.unwrap(), Err(Error::Overloaded)));
    for inserted in [before.join_all().await, after.join_all().await].concat() {
        inserted.unwrap();
    }
    assert_eq!(sqlite.count(&FIRST, &Expr::EVERY).await.unwrap(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_of_writes_says_so_at_once() {
    let (sqlite, _folder) = open("");
    sqlite.prepare(&[&FIRST], true).await.unwrap();
    let (go_on, held) = hold(&sqlite).await;
    let refused = Arc::new(AtomicUsize::new(0));
    let write = |id| {
        let (sqlite, refused) = (Arc::clone(&sqlite), Arc::clone(&refused));
        async move {
            match sqlite.insert(&FIRST, row(id), 0..1).await {
                Err(Error::Overloaded) => drop(refused.fetch_add(1, Ordering::SeqCst)),
                outcome => drop(outcome.unwrap()),
            }
        }
    };
    let writes: JoinSet<_> = (0..4200).map(write).collect();
    while refused.load(Ordering::SeqCst) < 4200 - 4096 {
        sleep(Duration::from_millis(5)).await;
    }
    go_on.send(()).unwrap();
    held.await.unwrap().unwrap();
    writes.join_all().await;
    assert_eq!(sqlite.count(&FIRST, &Expr::EVERY).await.unwrap(), 4096);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_nobody_waits_for_is_not_begun() {
    let (sqlite, _folder) = open("");
    sqlite.prepare(&[&FIRST], true).await.unwrap();
    let (go_on, held) = hold(&sqlite).await;
    let writing = Arc::clone(&sqlite);
    let left = tokio::spawn(async move { writing.insert(&FIRST, row(1), 0..1).await });
    sleep(Duration::from_millis(100)).await;
    left.abort();
    assert!(left.await.unwrap_err().is_cancelled());
    go_on.send(()).unwrap();
    held.await.unwrap().unwrap();
    sqlite.insert(&FIRST, row(2), 0..1).await.unwrap();
    assert_eq!(sqlite.count(&FIRST, &Expr::EVERY).await.unwrap(), 1);
}

#[tokio::test]
async fn what_is_acknowledged_is_on_disk() {
    let (sqlite, _folder) = open("");
    let pragma = |name: &'static str| {
        let ask = move |db: &rusqlite::Connection| {
            db.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
        };
        sqlite.write(ask)
    };
    let (mode, synchronous) = (pragma("journal_mode").await.unwrap(), pragma("synchronous").await.unwrap());
    assert_eq!((mode, synchronous), ("wal".to_owned().into(), 2.into()), "2 is FULL");
}
