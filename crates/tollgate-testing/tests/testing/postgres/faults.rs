//! The server goes away and comes back, or changes under us: whoever asks is told, and no one has to start the app again.

pub(super) use crate::outages::may;
use crate::outages::{self, Entry, EntryPatch, entry};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{join, task::block_in_place, time::sleep};
use tollgate::{Change, Filter, Resource, Store, resource};
use tollgate_core::SystemClock;
use tollgate_postgres::Postgres;
use tollgate_store::{Database, Error};
use tollgate_testing::{
    FaultProxy,
    servers::{self, psql},
};

/// A text with a name nobody else has.
#[resource(plural = "pages")]
pub(super) struct Page {
    #[id]
    pub name: String,
    pub text: String,
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

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_is_missed_and_found_again() {
    let mut server = servers::Postgres::start();
    let (database, entries) = open::<Entry>(&format!("{}?transactions=32", server.url())).await;
    outages::is_missed_and_found_again(&mut server, database, entries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_whose_answer_is_lost_is_repeated_and_a_write_is_not() {
    let (server, losses) = (servers::Postgres::start(), Arc::new(AtomicUsize::new(0)));
    let left = Arc::clone(&losses);
    let is_lost =
        move |_: &[u8]| left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
    let way = FaultProxy::to(server.port(), is_lost).await;
    let (_, entries) = open::<Entry>(&format!("postgres://postgres@127.0.0.1:{}/postgres", way.port())).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_made_anew_while_others_do_its_work() {
    let (server, millis, losses) = (servers::Postgres::start(), Arc::new(AtomicU64::new(20)), AtomicUsize::new(0));
    let (late, losses) = (Arc::clone(&millis), Arc::new(losses));
    let left = Arc::clone(&losses);
    let is_lost =
        move |_: &[u8]| left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
    let late = move || Duration::from_millis(late.load(Ordering::Relaxed));
    let way = FaultProxy::slow(server.port(), late, is_lost).await;
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres?shared_connections=2", way.port());
    let (_, pages) = open::<Page>(&url).await;
    let change = async |name: &str| {
        let patch = PagePatch { text: Change::Set("new".into()) };
        pages.update(&may(), name.into(), patch).await
    };
    for name in ["one", "two"] {
        pages.insert(&may(), page(name)).await.unwrap();
    }
    for _ in 0..9 {
        let (one, two) = join!(change("one"), change("two"));
        one.and(two).unwrap();
    }

    millis.store(300, Ordering::Relaxed);
    losses.store(1, Ordering::Relaxed);
    assert!(matches!(change("one").await, Err(Error::Unavailable(_))));
    let begun = Instant::now();
    change("one").await.unwrap();
    // To connect, and to prepare the statement, takes three times as long before it is even sent.
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_prepared_once_on_a_connection() {
    let (server, prepared) = (servers::Postgres::start(), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&prepared);
    let count = move |answer: &[u8]| {
        // ParseComplete.
        let parsed = answer.windows(5).filter(|bytes| bytes == b"1\0\0\0\x04").count();
        seen.fetch_add(parsed, Ordering::Relaxed);
        false
    };
    let way = FaultProxy::to(server.port(), count).await;
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres?shared_connections=1&transactions=1", way.port());
    let (_, entries) = open::<Entry>(&url).await;
    let use_all = async || {
        let id = entries.insert(&may(), entry("new")).await.unwrap().entry_id;
        // There are two lines for point reads.
        tokio::join!(async { entries.get(&may(), id).await.unwrap() }, async {
            entries.get(&may(), id).await.unwrap()
        });
        entries.find(&may(), Entry::MARK.eq("new")).limit(5).all().await.unwrap();
        entries.update(&may(), id, EntryPatch { mark: Change::Set("changed".into()) }).await.unwrap();
        let inside = entries.transaction(async |tx| entries.on(&tx)?.delete(&may(), id).await);
        inside.await.unwrap();
    };
    for _ in 0..5 {
        use_all().await;
    }
    let warm = prepared.load(Ordering::Relaxed);
    assert!(warm >= 5, "{warm}");
    for _ in 0..20 {
        use_all().await;
    }
    let again = prepared.load(Ordering::Relaxed) - warm;
    // The second line for point reads is made beside them, and may come only now, with its one statement.
    assert!(again <= 1, "prepared again: {again}");
}
