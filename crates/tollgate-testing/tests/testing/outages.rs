//! A server goes away and comes back, or dies while it writes: whoever asks is told, nothing acknowledged is lost, and no
//! one has to start the app again. For every server that a driver speaks to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::block_in_place, time::sleep};
use tollgate::{Action, Change, Filter, May, Resource, Store, System, resource};
use tollgate_store::{Database, Error, Result};
use tollgate_testing::servers::{Mongo, Postgres};

/// What can be done to a server.
pub(crate) trait Server {
    fn stop(&mut self);
    fn kill(&mut self);
    fn resume(&mut self);
}

macro_rules! servers {
    ($($server:ident)+) => {$(
        impl Server for $server {
            fn stop(&mut self) {
                self.stop();
            }
            fn kill(&mut self) {
                self.kill();
            }
            fn resume(&mut self) {
                self.resume();
            }
        }
    )+};
}
servers!(Postgres Mongo);

/// A line of a log.
#[resource(plural = "entries")]
pub(crate) struct Entry {
    #[id(generated)]
    pub entry_id: i64,
    #[index]
    pub mark: String,
}

pub(crate) fn may<A: Action, T: Resource>() -> May<A, T> {
    System::because("tests").may()
}

pub(crate) fn entry(mark: impl Into<String>) -> NewEntry {
    NewEntry { mark: mark.into() }
}

/// Does everything a store can do, once.
async fn use_all(entries: &Store<Entry>, kept: i64) -> Result<()> {
    entries.get(&may(), kept).await?;
    let new = entries.insert(&may(), entry("load")).await?;
    entries.find(&may(), Entry::MARK.eq("kept")).limit(5).all().await?;
    entries.update(&may(), new.entry_id, EntryPatch { mark: Change::Set("changed".into()) }).await?;
    entries.delete(&may(), new.entry_id).await?;
    entries.transaction(async |tx| entries.on(&tx)?.insert(&may(), entry("load")).await).await.map(drop)
}

/// Workers see nothing but [`Error::Unavailable`] while the server is stopped, and all is whole soon after it is back.
pub(crate) async fn is_missed_and_found_again(
    server: &mut impl Server,
    database: Arc<dyn Database>,
    entries: Store<Entry>,
) {
    let kept = entries.insert(&may(), entry("kept")).await.unwrap().entry_id;
    let over = Arc::new(AtomicBool::new(false));
    let failures = Arc::new(AtomicUsize::new(0));
    let work = |_| {
        let (entries, over, failures) = (entries.clone(), Arc::clone(&over), Arc::clone(&failures));
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                match use_all(&entries, kept).await {
                    Ok(()) => (),
                    Err(Error::Unavailable(_)) => {
                        failures.fetch_add(1, Ordering::Relaxed);
                        sleep(Duration::from_millis(5)).await;
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
        })
    };
    let workers: Vec<_> = (0..20).map(work).collect();
    for pause in [0, 2500] {
        sleep(Duration::from_millis(300)).await;
        block_in_place(|| server.stop());
        assert!(matches!(database.ping().await, Err(Error::Unavailable(_))));
        sleep(Duration::from_millis(pause)).await;
        block_in_place(|| server.resume());
        let back = Instant::now();
        let mut clean = 0;
        // Lines come back one by one: whole is who does everything several times in a row.
        while clean < 8 {
            clean = if use_all(&entries, kept).await.is_ok() { clean + 1 } else { 0 };
            assert!(back.elapsed() < Duration::from_secs(3), "not whole after {:?}", back.elapsed());
        }
    }
    over.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }
    assert!(failures.load(Ordering::Relaxed) > 0, "nobody noticed");
}

/// Fifty writers, a server that is killed three times: each acknowledged row is there, once.
pub(crate) async fn acknowledged_survives(server: &mut impl Server, entries: Store<Entry>) {
    const ENOUGH: usize = 20_000;
    const LIMIT: Duration = Duration::from_mins(1);
    let (acknowledged, count) = (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(AtomicUsize::new(0)));
    let start = Instant::now();
    let write = |writer: usize| {
        let (entries, acknowledged, count) = (entries.clone(), Arc::clone(&acknowledged), Arc::clone(&count));
        tokio::spawn(async move {
            let mut mine = vec![];
            for number in 0.. {
                if count.load(Ordering::Relaxed) >= ENOUGH || start.elapsed() > LIMIT {
                    break;
                }
                match entries.insert(&may(), entry(format!("{writer}-{number}"))).await {
                    Ok(stored) => {
                        mine.push(stored.mark);
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(Error::Unavailable(_)) => sleep(Duration::from_millis(5)).await,
                    Err(error) => panic!("{error:?}"),
                }
            }
            acknowledged.lock().unwrap().extend(mine);
        })
    };
    let writers: Vec<_> = (0..50).map(write).collect();
    for crash in 1..=3 {
        while count.load(Ordering::Relaxed) < crash * ENOUGH / 4 {
            assert!(start.elapsed() < LIMIT, "too slow");
            sleep(Duration::from_millis(1)).await;
        }
        block_in_place(|| {
            server.kill();
            server.resume();
        });
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let mut stored = BTreeMap::new();
    for row in entries.find(&may(), Filter::every()).all().await.unwrap() {
        *stored.entry(row.mark).or_insert(0) += 1;
    }
    let acknowledged = acknowledged.lock().unwrap();
    assert!(acknowledged.len() >= ENOUGH, "{} acknowledged", acknowledged.len());
    let lost: Vec<_> = acknowledged.iter().filter(|mark| !stored.contains_key(*mark)).collect();
    let doubled: Vec<_> = stored.iter().filter(|(_, count)| **count > 1).collect();
    assert!(lost.is_empty() && doubled.is_empty(), "lost {lost:?}, doubled {doubled:?}");
}
