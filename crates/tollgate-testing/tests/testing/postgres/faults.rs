//! The server goes away and comes back, changes under us, dies while it writes, or is too slow: whoever asks is told
//! in time, nothing acknowledged is lost, and no one has to start the app again.

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
use tollgate_core::SystemClock;
use tollgate_postgres::Postgres;
use tollgate_store::{Database, Error, Result};
use tollgate_testing::servers::{self, psql};

/// A line of a log.
#[resource(plural = "entries")]
struct Entry {
    #[id(generated)]
    entry_id: i64,
    #[index]
    mark: String,
}

/// A text with a name nobody else has.
#[resource(plural = "pages")]
struct Page {
    #[id]
    name: String,
    text: String,
}

fn may<A: Action, T: Resource>() -> May<A, T> {
    System::because("tests").may()
}

fn entry(mark: impl Into<String>) -> NewEntry {
    NewEntry { mark: mark.into() }
}

fn page(name: &str) -> NewPage {
    NewPage { name: name.into(), text: "text".into() }
}

async fn open<T: Resource>(url: &str) -> (Arc<dyn Database>, Store<T>) {
    let database: Arc<dyn Database> = Arc::new(Postgres::open(url).await.unwrap());
    database.prepare(&[T::TABLE], true).await.unwrap();
    (Arc::clone(&database), Store::new(database, Arc::new(SystemClock::default())))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_nobody_noticed_costs_nothing() {
    let mut server = servers::Postgres::start();
    let (_, entries) = open::<Entry>(&server.url()).await;
    let kept = entries.insert(&may(), entry("before")).await.unwrap();
    entries.get(&may(), kept.entry_id).await.unwrap();
    for how in [servers::Postgres::stop, servers::Postgres::kill] {
        block_in_place(|| {
            how(&mut server);
            server.resume();
        });
        assert_eq!(entries.get(&may(), kept.entry_id).await.unwrap(), kept);
        entries.insert(&may(), entry("after")).await.unwrap();
        let inside = entries.transaction(async |tx| entries.on(&tx)?.insert(&may(), entry("inside")).await);
        inside.await.unwrap();
    }
    assert_eq!(entries.count(&may(), Filter::every()).await.unwrap(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_ended_cost_readers_nothing() {
    let server = servers::Postgres::start();
    let (_, entries) = open::<Entry>(&server.url()).await;
    let kept = entries.insert(&may(), entry("kept")).await.unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let read = |_| {
        let (entries, over, kept) = (entries.clone(), Arc::clone(&over), kept.clone());
        tokio::spawn(async move {
            let mut reads = 0;
            while !over.load(Ordering::Relaxed) {
                assert_eq!(entries.get(&may(), kept.entry_id).await.unwrap(), kept);
                assert_eq!(entries.find(&may(), Entry::MARK.eq("kept")).all().await.unwrap().len(), 1);
                reads += 1;
            }
            reads
        })
    };
    let readers: Vec<_> = (0..8).map(read).collect();
    for _ in 0..10 {
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'tollgate'";
        block_in_place(|| psql(&server.url(), end));
        sleep(Duration::from_millis(100)).await;
    }
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.unwrap() > 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_prepared_again_when_a_table_changes() {
    let server = servers::Postgres::start();
    let (_, pages) = open::<Page>(&server.url()).await;
    pages.insert(&may(), page("one")).await.unwrap();
    let patch = || PagePatch { text: Change::Set("new".into()) };
    let inside = async || {
        let change = pages.transaction(async |tx| {
            let pages = pages.on(&tx)?;
            pages.get(&may(), "one".into()).await?;
            pages.update(&may(), "one".into(), patch()).await
        });
        change.await.unwrap();
    };
    for change in ["ALTER COLUMN text TYPE varchar(99)", "ADD COLUMN more int", "ALTER COLUMN text TYPE text"] {
        inside().await;
        block_in_place(|| psql(&server.url(), &format!("ALTER TABLE public.pages {change}")));
        assert_eq!(pages.get(&may(), "one".into()).await.unwrap().name, "one");
        assert_eq!(pages.update(&may(), "one".into(), patch()).await.unwrap().text, "new");
        pages.insert(&may(), page(change)).await.unwrap();
    }
    inside().await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_is_missed_and_found_again() {
    let mut server = servers::Postgres::start();
    let (database, entries) = open::<Entry>(&format!("{}?transactions=32", server.url())).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_crash_once() {
    const ENOUGH: usize = 20_000;
    const LIMIT: Duration = Duration::from_mins(1);
    let mut server = servers::Postgres::start();
    let (_, entries) = open::<Entry>(&server.url()).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn statements_and_locks_are_waited_for_only_so_long() {
    let server = servers::Postgres::start();
    let (_, pages) = open::<Page>(&format!("{}?statement_timeout=1&lock_timeout=1", server.url())).await;
    pages.insert(&may(), page("one")).await.unwrap();
    let holding = pages.transaction(async |tx| {
        let inside = pages.on(&tx)?;
        inside.insert(&may(), page("two")).await?;
        inside.get(&may(), "one".into()).await?;
        let start = Instant::now();
        let patch = PagePatch { text: Change::Set("new".into()) };
        let (create, change) = (may(), may());
        let insert = pages.insert(&create, page("two"));
        let (inserted, updated) = tokio::join!(insert, pages.update(&change, "one".into(), patch));
        assert!(matches!(inserted, Err(Error::Overloaded)), "{inserted:?}");
        assert!(matches!(updated, Err(Error::Overloaded)), "{updated:?}");
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        pages.insert(&may(), page("three")).await
    });
    holding.await.unwrap();
    assert_eq!(pages.count(&may(), Filter::every()).await.unwrap(), 3);

    let sleepy = "CREATE FUNCTION slow(text) RETURNS text LANGUAGE sql AS 'SELECT $1 FROM pg_sleep(5)';
                  ALTER TABLE public.pages RENAME TO fast;
                  CREATE VIEW public.pages AS SELECT slow(name) AS name, text FROM public.fast";
    block_in_place(|| psql(&server.url(), sleepy));
    let outcome = pages.find(&may(), Filter::every()).all().await;
    assert!(matches!(outcome, Err(Error::Overloaded)), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_pool_is_told_after_a_while() {
    let server = servers::Postgres::start();
    let (database, pages) = open::<Page>(&format!("{}?transactions=2&acquire_timeout=1", server.url())).await;
    let held = (database.begin().await.unwrap(), database.begin().await.unwrap());
    let start = Instant::now();
    let refused = pages.transaction(async |tx| pages.on(&tx)?.insert(&may(), page("one")).await).await;
    assert!(matches!(refused, Err(Error::Overloaded)), "{refused:?}");
    assert!((1..3).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    pages.insert(&may(), page("two")).await.expect("who needs no transaction needs no place");
    drop(held.0);
    pages.transaction(async |tx| pages.on(&tx)?.insert(&may(), page("one")).await).await.unwrap();
    held.1.rollback().await.unwrap();
    assert_eq!(pages.count(&may(), Filter::every()).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_transaction_ends_and_lets_its_locks_go() {
    let server = servers::Postgres::start();
    let (database, pages) = open::<Page>(&format!("{}?lock_timeout=9", server.url())).await;
    pages.insert(&may(), page("one")).await.unwrap();
    let outcome = pages.transaction(async |tx| {
        let inside = pages.on(&tx)?;
        inside.get(&may(), "one".into()).await?;
        pages.delete(&may(), "one".into()).await.expect("the lock was let go");
        inside.insert(&may(), page("two")).await
    });
    let outcome = outcome.await;
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    assert_eq!(pages.count(&may(), Filter::every()).await.unwrap(), 0);
    database.begin().await.unwrap().commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_not_committed_around_a_step_that_failed_unseen() {
    let server = servers::Postgres::start();
    let (_, pages) = open::<Page>(&format!("{}?lock_timeout=1", server.url())).await;
    pages.insert(&may(), page("locked")).await.unwrap();
    let (locked, free) = tokio::sync::oneshot::channel();
    let (holder, holding) = (pages.clone(), tokio::sync::oneshot::channel());
    let other = tokio::spawn(async move {
        let hold = holder.transaction(async |tx| {
            holder.on(&tx)?.get(&may(), "locked".into()).await?;
            let _ = holding.0.send(());
            let _ = free.await;
            Ok::<_, Error>(())
        });
        hold.await
    });
    holding.1.await.unwrap();
    let outcome = pages.transaction(async |tx| {
        let inside = pages.on(&tx)?;
        inside.insert(&may(), page("new")).await?;
        let given_up = tokio::time::timeout(Duration::from_millis(100), inside.get(&may(), "locked".into())).await;
        assert!(given_up.is_err(), "{given_up:?}");
        Ok::<_, Error>(())
    });
    let outcome = outcome.await;
    locked.send(()).unwrap();
    other.await.unwrap().unwrap();
    let stored = pages.count(&may(), Page::NAME.eq("new")).await.unwrap();
    assert_eq!((outcome.is_ok(), stored), (false, 0), "what is not kept is not acknowledged: {outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_frees_a_place_only_when_the_server_is_done() {
    let server = servers::Postgres::start();
    let (_, pages) = open::<Page>(&format!("{}?shared_connections=1", server.url())).await;
    pages.insert(&may(), page("one")).await.unwrap();
    let slow = "ALTER TABLE public.pages RENAME TO fast;
                CREATE VIEW public.pages AS SELECT name, text FROM public.fast, pg_sleep(1.5)";
    block_in_place(|| psql(&server.url(), slow));
    let ask = |_| {
        let pages = pages.clone();
        tokio::spawn(async move { pages.find(&may(), Filter::every()).all().await })
    };
    let asking: Vec<_> = (0..256).map(ask).collect();
    sleep(Duration::from_millis(500)).await;
    asking.iter().for_each(tokio::task::JoinHandle::abort);
    let refused = pages.find(&may(), Filter::every()).all().await;
    assert!(matches!(refused, Err(Error::Overloaded)), "what was left behind still has to be answered: {refused:?}");
}
