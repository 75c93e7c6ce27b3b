//! The disk is full: writes are refused, reads go on, and nothing that was acknowledged is lost.

use super::faults::{may, open};
use crate::outages::{Entry, EntryPatch, entry};
use std::{
    fs,
    time::{Duration, Instant},
};
use tokio::{
    task::{JoinSet, block_in_place},
    time::sleep,
};
use tollgate::{Change, Filter, Store};
use tollgate_store::Error;
use tollgate_testing::servers::{Postgres, Tmpfs, psql};

/// Inserts until there is no space left; how many were acknowledged.
async fn fill(entries: &Store<Entry>) -> u64 {
    let write = |_| {
        let entries = entries.clone();
        async move {
            let mut written = 0;
            loop {
                match entries.insert(&may(), entry("x".repeat(2000))).await {
                    Ok(_) => written += 1,
                    Err(Error::Full(_)) => return written,
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
    };
    (0..8).map(write).collect::<JoinSet<_>>().join_all().await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_writes_alone_and_loses_nothing() {
    let (server, disk) = (Postgres::start(), Tmpfs::mount(4));
    let ballast = disk.folder().join("ballast");
    fs::write(&ballast, vec![0; 1 << 20]).unwrap();
    let data = disk.folder().join("data").display().to_string();
    block_in_place(|| {
        psql(&server.url(), &format!("COPY (SELECT) TO PROGRAM 'mkdir {data}'"));
        psql(&server.url(), &format!("CREATE TABLESPACE small LOCATION '{data}'"));
    });
    let url = format!("{}?options=-cdefault_tablespace%3Dsmall", server.url());
    let (database, entries) = open::<Entry>(&url).await;
    let kept = entries.insert(&may(), entry("kept")).await.unwrap();

    let filled = fill(&entries).await;
    assert!(filled > 100, "{filled}");
    let inside = entries.transaction(async |tx| {
        let entries = entries.on(&tx)?;
        loop {
            entries.insert(&may(), entry("x".repeat(2000))).await?;
        }
    });
    let inside: Result<(), Error> = inside.await;
    assert!(matches!(inside, Err(Error::Full(_))), "{inside:?}");
    assert_eq!(entries.get(&may(), kept.entry_id).await.unwrap(), kept);
    assert_eq!(entries.find(&may(), Entry::MARK.eq("kept")).all().await.unwrap().len(), 1);
    assert_eq!(entries.count(&may(), Filter::every()).await.unwrap(), filled + 1);
    assert!(matches!(database.ping().await, Err(Error::Full(_))), "it does not take what it is for");

    fs::remove_file(ballast).unwrap();
    let back = Instant::now();
    let patch = || EntryPatch { mark: Change::Set("kept and changed".into()) };
    while let Err(error) = entries.update(&may(), kept.entry_id, patch()).await {
        assert!(matches!(error, Error::Full(_)) && back.elapsed() < Duration::from_secs(1), "{error:?}");
        sleep(Duration::from_millis(5)).await;
    }
    database.ping().await.unwrap();
    let again = fill(&entries).await;
    assert!(again > 100, "{again}");
    assert_eq!(entries.count(&may(), Filter::every()).await.unwrap(), filled + again + 1);
}
