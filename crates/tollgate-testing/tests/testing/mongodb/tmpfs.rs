//! The disk is full. Where MongoDB cannot make a file, it refuses the write; where it cannot go on with one, it ends. No
//! write that was acknowledged is lost, and the app finds the server again once there is space and somebody starts it.

use super::faults::open;
use crate::outages::{Entry, entry, may};
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, Instant},
};
use tokio::task::block_in_place;
use tollgate::{Filter, Store};
use tollgate_store::Error;
use tollgate_testing::servers::{Mongo, Tmpfs};

/// A server takes two hundred mebibytes for its journal alone.
const DISK: u32 = 320;

/// A server whose data are there.
fn server_on(disk: &Tmpfs) -> Mongo {
    let server = Mongo::start_with(|data| {
        fs::remove_dir(data).unwrap();
        symlink(disk.folder(), data).unwrap();
        ["--replSet", "rs0", "--oplogSize", "8"].map(ToOwned::to_owned).to_vec()
    });
    server.initiate();
    server
}

/// Takes all space but a little; it stops where there is none.
fn take_space(ballast: &Path) {
    let _ = fs::write(ballast, vec![0; (DISK as usize) << 20]);
}

/// Inserts until it cannot; how many were acknowledged, and why no more.
async fn fill(entries: &Store<Entry>) -> (u64, Error) {
    let mut written = 0;
    loop {
        match entries.insert(&may(), entry("x".repeat(200_000))).await {
            Ok(_) => written += 1,
            Err(why) => return (written, why),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_loses_nothing() {
    let disk = Tmpfs::mount(DISK);
    let ballast = disk.folder().join("ballast");
    let mut server = server_on(&disk);
    let (database, entries) = open(&server).await;

    // The first row takes the file in which keys are counted.
    take_space(&ballast);
    let refused = entries.insert(&may(), entry("first")).await;
    assert!(matches!(refused, Err(Error::Full(_))), "{refused:?}");
    assert!(matches!(database.ping().await, Err(Error::Full(_))), "it does not take what it is for");
    assert_eq!(entries.count(&may(), Filter::every()).await.unwrap(), 0, "reads go on");
    fs::remove_file(&ballast).unwrap();
    entries.insert(&may(), entry("first")).await.unwrap();
    database.ping().await.unwrap();

    take_space(&ballast);
    let (written, why) = fill(&entries).await;
    assert!(matches!(why, Error::Unavailable(_) | Error::Full(_)), "{why:?}");
    let full = Instant::now();
    while !matches!(database.ping().await, Err(Error::Unavailable(_))) {
        let _ = entries.insert(&may(), entry("more")).await;
        assert!(full.elapsed() < Duration::from_mins(2), "it is as ready as before");
    }
    fs::remove_file(&ballast).unwrap();
    block_in_place(|| {
        server.kill();
        server.resume();
    });
    let found = entries.count(&may(), Filter::every()).await.unwrap();
    assert!(found > written, "{written} and the first were acknowledged, {found} are there");
    entries.insert(&may(), entry("again")).await.unwrap();
    database.ping().await.unwrap();
}
