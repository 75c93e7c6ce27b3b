//! Several processes on one file: this one, and itself once more.

use super::open_at;
use crate::films::{FIRST, GROWN};
use rusqlite::Connection;
use std::{
    env,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::{JoinSet, block_in_place};
use tollgate_sqlite::Sqlite;
use tollgate_store::{Batch, Database, Driver, Error, Expr, Value};

const TOLD: &str = "SECOND_PROCESS";

/// Another process that does something with the file, and says when it has begun.
struct Second(Child);

impl Second {
    fn start(what: &str, path: &Path) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["sqlite::processes::two_processes_use_one_file_at_once", "--exact", "--nocapture"]);
        let command = command.env(TOLD, format!("{what} {}", path.display()));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert!(said.map_while(Result::ok).any(|line| line.ends_with("begun")), "it did not begin");
        Self(child)
    }

    /// Waits for its end, which closing its input brings about.
    fn end(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn row(id: i64) -> Arc<dyn Batch> {
    Arc::new(vec![vec![Value::Int(id), Value::Text(format!("row {id}").into())]])
}

/// What the second process does.
async fn be_the_second(told: &str) {
    let (what, path) = told.split_once(' ').unwrap();
    let until_told = || block_in_place(|| std::io::stdin().read_to_end(&mut vec![]).unwrap());
    if what == "write" {
        println!("begun");
        let sqlite = open_at(path);
        for id in 1000..1200 {
            sqlite.insert(&FIRST, row(id), 0..1).await.unwrap();
        }
        until_told();
    } else {
        let other = Connection::open(path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE; INSERT INTO films VALUES (1000, 'theirs')").unwrap();
        println!("begun");
        until_told();
        other.execute_batch("COMMIT").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_use_one_file_at_once() {
    if let Ok(told) = env::var(TOLD) {
        return be_the_second(&told).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let sqlite = open_at(&path.display().to_string());
    sqlite.prepare(&[&FIRST], true).await.unwrap();
    let second = Second::start("write", &path);
    let write = |id: i64| {
        let sqlite = Arc::clone(&sqlite);
        async move { sqlite.insert(&FIRST, row(id), 0..1).await.map(drop) }
    };
    for written in (0..200).map(write).collect::<JoinSet<_>>().join_all().await {
        written.unwrap();
    }
    block_in_place(|| second.end());
    assert_eq!(sqlite.count(&FIRST, &Expr::EVERY).await.unwrap(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_meets_another_process_waits_but_not_forever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let sqlite = open_at(&path.display().to_string());
    sqlite.prepare(&[&FIRST], true).await.unwrap();

    let second = Second::start("hold", &path);
    let start = Instant::now();
    let refused = sqlite.insert(&FIRST, row(1), 0..1).await;
    assert!(matches!(refused, Err(Error::Overloaded)), "{refused:?}");
    assert!((4..15).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!(sqlite.count(&FIRST, &Expr::EVERY).await.unwrap(), 0, "reads go on, and see what was committed");

    let database = Arc::clone(&sqlite);
    let waiting = tokio::spawn(async move { database.insert(&FIRST, row(1), 0..1).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished());
    block_in_place(|| second.end());
    waiting.await.unwrap().expect("its turn came");
    assert_eq!(sqlite.count(&FIRST, &Expr::EVERY).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_starts_while_another_process_changes_tables_waits_as_long_as_that_takes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    open_at(&path.display().to_string()).prepare(&[&FIRST], true).await.unwrap();
    let second = Second::start("hold", &path);
    let starts = tokio::spawn(async move {
        let sqlite = Sqlite::open(&path)?;
        sqlite.prepare(&[&GROWN], true).await
    });
    // Longer than a write waits for another process.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(!starts.is_finished(), "{:?}", starts.await);
    block_in_place(|| second.end());
    assert_eq!(starts.await.unwrap().unwrap().len(), 5, "what was missing is there");
}
