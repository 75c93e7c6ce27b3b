//! The disk is full: reads go on, and the app says that it is not ready. It can only be read: the app does not start.

use super::opening::refusal;
use rusqlite::Connection;
use serde_json::json;
use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tollgate::prelude::*;
use tollgate_sqlite::Sqlite;
use tollgate_testing::{TestApp, servers::Tmpfs};

/// A scroll.
#[resource(plural = "scrolls")]
struct Scroll {
    #[id(generated)]
    scroll_id: i64,
    text: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_without_space_is_not_ready_until_it_writes_again() {
    let disk = Tmpfs::mount(4);
    let ballast = disk.folder().join("ballast");
    fs::write(&ballast, vec![0; 1 << 20]).unwrap();
    let sqlite = Sqlite::open(&disk.folder().join("app.db")).unwrap();
    let app = App::new("scrolls").service(Service::new("scrolls").crud::<Scroll>("/scrolls"));
    let app = TestApp::with(app).database(Arc::new(sqlite)).start().await;
    let scribe = app.actor("scribe").may("create:scrolls").may("read:scrolls");
    let ready = async || app.anyone().get("/readyz").await.status();
    let write = async || scribe.post("/scrolls", json!({ "text": "x".repeat(50_000) })).await.status();
    assert_eq!(ready().await, 200);

    let written = async {
        let mut written = 0;
        while write().await == 201 {
            written += 1;
        }
        written
    };
    assert!(written.await > 10);
    assert_eq!(write().await, 507);
    let full = Instant::now();
    // What was found out is good for a moment.
    while ready().await != 503 {
        assert!(full.elapsed() < Duration::from_secs(10));
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(scribe.get("/scrolls?limit=1").await.status(), 200);

    fs::remove_file(ballast).unwrap();
    let start = Instant::now();
    while write().await != 201 {
        assert!(start.elapsed() < Duration::from_secs(5));
        sleep(Duration::from_millis(20)).await;
    }
    while ready().await != 200 {
        assert!(start.elapsed() < Duration::from_secs(10));
        sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_file_that_can_only_be_read_is_refused_at_once_whatever_its_journal() {
    let disk = Tmpfs::mount(1);
    let made = |mode: &str| {
        let path = disk.folder().join(format!("{mode}.db"));
        let make = format!("PRAGMA journal_mode = {mode}; CREATE TABLE theirs (it)");
        Connection::open(&path).unwrap().execute_batch(&make).unwrap();
        path
    };
    let paths = ["delete", "wal"].map(made);
    disk.set_read_only();
    for path in paths {
        let start = Instant::now();
        let why = refusal(&path);
        assert!(why.contains("make it readable and writable for this user"), "{why}");
        assert!(start.elapsed() < Duration::from_secs(2), "it was tried again and again: {:?}", start.elapsed());
    }
}
