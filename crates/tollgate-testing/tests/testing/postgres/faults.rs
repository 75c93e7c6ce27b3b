//! The server goes away and comes back, changes under us, or dies while it writes: whoever asks is told, nothing
//! acknowledged is lost, and no one has to start the app again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    task::block_in_place,
    time::sleep,
};
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
pub(super) struct Page {
    #[id]
    pub name: String,
    pub text: String,
}

pub(super) fn may<A: Action, T: Resource>() -> May<A, T> {
    System::because("tests").may()
}

fn entry(mark: impl Into<String>) -> NewEntry {
    NewEntry { mark: mark.into() }
}

pub(super) fn page(name: &str) -> NewPage {
    NewPage { name: name.into(), text: "text".into() }
}

pub(super) async fn open<T: Resource>(url: &str) -> (Arc<dyn Database>, Store<T>) {
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

/// A way to the server on which so many answers are lost, and their connections with them.
async fn way_to(server: &servers::Postgres, losses: &Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (here, there, losses) = (listener.local_addr().unwrap().port(), server.port(), Arc::clone(losses));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let losses = Arc::clone(&losses);
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", there)).await.unwrap();
                let (mut asks, mut hears) = client.into_split();
                let (mut answers, mut is_asked) = server.into_split();
                let asking = tokio::spawn(async move { copy(&mut asks, &mut is_asked).await });
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = answers.read(&mut bytes).await {
                    let lose = |left: usize| left.checked_sub(1);
                    let is_lost = losses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lose).is_ok();
                    if is_lost || hears.write_all(&bytes[..count]).await.is_err() {
                        break;
                    }
                }
                asking.abort();
            });
        }
    });
    here
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_whose_answer_is_lost_is_repeated_and_a_write_is_not() {
    let (server, losses) = (servers::Postgres::start(), Arc::new(AtomicUsize::new(0)));
    let way = way_to(&server, &losses).await;
    let (_, entries) = open::<Entry>(&format!("postgres://postgres@127.0.0.1:{way}/postgres")).await;
    let change = |mark: &str| EntryPatch { mark: Change::Set(mark.into()) };
    let id = entries.insert(&may(), entry("one")).await.unwrap().entry_id;
    entries.update(&may(), id, change("one")).await.unwrap();

    losses.store(1, Ordering::Relaxed);
    let inserted = entries.insert(&may(), entry("two")).await;
    assert!(matches!(inserted, Err(Error::Unavailable(_))), "{inserted:?}");
    losses.store(1, Ordering::Relaxed);
    let updated = entries.update(&may(), id, change("changed")).await;
    assert!(matches!(updated, Err(Error::Unavailable(_))), "{updated:?}");
    let ask = "SELECT string_agg(mark, ' ' ORDER BY mark) FROM public.entries";
    let marks = block_in_place(|| psql(&server.url(), ask));
    assert_eq!(marks.trim(), "changed two", "both happened, once");

    entries.get(&may(), id).await.unwrap();
    losses.store(1, Ordering::Relaxed);
    assert_eq!(entries.get(&may(), id).await.unwrap().mark, "changed");
    assert_eq!(losses.load(Ordering::Relaxed), 0, "the first answer was lost");
}
