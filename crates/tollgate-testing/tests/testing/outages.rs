//! A server goes away and comes back: whoever asks is told, and no one has to start the app again. For every server that
//! a driver speaks to. That nothing acknowledged is lost is shown with the whole application, in the crate `faults`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::block_in_place, time::sleep};
use tollgate::{Action, Change, May, Resource, Store, System, resource};
use tollgate_store::{Database, Error, Result};
use tollgate_testing::servers::{Mongo, Postgres};

/// What can be done to a server.
pub(crate) trait Server {
    fn stop(&mut self);
    fn resume(&mut self);
}

macro_rules! servers {
    ($($server:ident)+) => {$(
        impl Server for $server {
            fn stop(&mut self) {
                self.stop();
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
        let (mut clean, mut whole) = (0, Duration::MAX);
        // Lines come back one by one: whole is who does everything several times in a row, and that from the first of them
        // on. How long the others take is the disk's.
        while clean < 8 {
            clean = if use_all(&entries, kept).await.is_ok() { clean + 1 } else { 0 };
            whole = if clean > 1 { whole } else { back.elapsed() };
            assert!(whole < Duration::from_secs(3), "not whole after {whole:?}");
        }
    }
    over.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }
    assert!(failures.load(Ordering::Relaxed) > 0, "nobody noticed");
}
