//! What happens at the worst moment: sessions that are killed between any two steps, servers that freeze, take no more
//! connections or become standbys, transactions that wait for each other.

use super::{
    faults::{Page, PagePatch, may, open, page},
    fresh,
};
use crate::outages::{self, Entry, Server};
use std::{
    process::Command,
    time::{Duration, Instant},
};
use tokio::{
    join,
    sync::Barrier,
    task::block_in_place,
    time::{sleep, timeout},
};
use tollgate::{Change, Filter};
use tollgate_store::Error;
use tollgate_testing::servers::{self, PgBouncer, Postgres, psql};

fn patch(text: &str) -> PagePatch {
    PagePatch { text: Change::Set(text.into()) }
}

/// Ends every session that the driver has on that server.
fn end_sessions(url: &str) {
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'tollgate'";
    block_in_place(|| psql(url, end));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_loses_its_session_at_any_step_leaves_nothing() {
    let server = Postgres::start();
    let (_, pages) = open::<Page>(&server.url()).await;
    pages.insert(&may(), page("kept")).await.unwrap();
    for ended_before in 0..=4 {
        let end = |step| (step == ended_before).then(|| end_sessions(&server.url()));
        let outcome = pages.transaction(async |tx| {
            let pages = pages.on(&tx)?;
            end(0);
            pages.insert(&may(), page("new")).await?;
            end(1);
            pages.get(&may(), "kept".into()).await?;
            end(2);
            pages.update(&may(), "kept".into(), patch("changed")).await?;
            end(3);
            pages.delete(&may(), "new".into()).await?;
            end(4);
            Ok::<_, Error>(())
        });
        let outcome = outcome.await;
        assert!(matches!(outcome, Err(Error::Unavailable(_))), "ended before step {ended_before}: {outcome:?}");
        assert_eq!(pages.count(&may(), Filter::every()).await.unwrap(), 1);
        assert_eq!(pages.get(&may(), "kept".into()).await.unwrap().text, "text");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_session_ends_while_it_waits_is_refused_and_not_done() {
    let server = Postgres::start();
    let (_, pages) = open::<Page>(&format!("{}?lock_timeout=30", server.url())).await;
    pages.insert(&may(), page("one")).await.unwrap();
    let mut locker = tollgate_postgres::tokio_postgres::Config::new();
    let locker = locker.host("127.0.0.1").port(server.port()).user("postgres").application_name("locker");
    let (locker, connection) = locker.connect(tollgate_postgres::tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    locker.batch_execute("BEGIN; LOCK TABLE pages IN SHARE MODE").await.unwrap();
    let (create, update, delete) = (may(), may(), may());
    let writes = async {
        join!(
            pages.insert(&create, page("two")),
            pages.update(&update, "one".into(), patch("new")),
            pages.delete(&delete, "one".into())
        )
    };
    let ending = async {
        sleep(Duration::from_millis(500)).await;
        end_sessions(&server.url());
    };
    let ((inserted, updated, deleted), ()) = join!(writes, ending);
    assert!(matches!(inserted, Err(Error::Unavailable(_))), "{inserted:?}");
    assert!(matches!(updated, Err(Error::Unavailable(_))), "{updated:?}");
    assert!(matches!(deleted, Err(Error::Unavailable(_))), "{deleted:?}");
    locker.batch_execute("ROLLBACK").await.unwrap();
    let found = pages.find(&may(), Filter::every()).all().await.unwrap();
    assert_eq!(found.iter().map(|page| page.text.as_str()).collect::<Vec<_>>(), ["text"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_transactions_that_wait_for_each_other_one_goes_on() {
    let (_, pages) = open::<Page>(&format!("{}&lock_timeout=30", fresh().0)).await;
    for name in ["one", "two"] {
        pages.insert(&may(), page(name)).await.unwrap();
    }
    let both_hold = Barrier::new(2);
    let change = async |first: &str, second: &str| {
        let outcome = pages.transaction(async |tx| {
            let pages = pages.on(&tx)?;
            pages.update(&may(), first.into(), patch(first)).await?;
            both_hold.wait().await;
            pages.update(&may(), second.into(), patch(first)).await
        });
        outcome.await
    };
    let outcomes = join!(change("one", "two"), change("two", "one"));
    let (winner, loser) = match outcomes {
        (Ok(_), loser) => ("one", loser),
        (loser, Ok(_)) => ("two", loser),
        neither => panic!("{neither:?}"),
    };
    assert!(matches!(loser, Err(Error::Overloaded)), "{loser:?}");
    let found = pages.find(&may(), Filter::every()).all().await.unwrap();
    assert!(found.iter().all(|page| page.text == winner), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_wait_for_a_lock_hold_up_no_list() {
    let (database, pages) = open::<Page>(&fresh().0).await;
    pages.insert(&may(), page("one")).await.unwrap();
    let holding = pages.transaction(async |tx| {
        pages.on(&tx)?.get(&may(), "one".into()).await?;
        let change = |_| {
            let pages = pages.clone();
            tokio::spawn(async move { pages.update(&may(), "one".into(), patch("new")).await })
        };
        let changes: Vec<_> = (0..32).map(change).collect();
        sleep(Duration::from_millis(200)).await;
        let start = Instant::now();
        for _ in 0..8 {
            assert_eq!(pages.find(&may(), Filter::every()).all().await?.len(), 1);
            database.ping().await?;
        }
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        assert!(changes.iter().all(|change| !change.is_finished()), "they were to wait");
        Ok::<_, Error>(changes)
    });
    for change in holding.await.unwrap() {
        change.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_more_connections_serves_those_it_has() {
    let server = Postgres::start();
    let limit = |count: i32| {
        let limit = format!("ALTER ROLE app CONNECTION LIMIT {count}");
        block_in_place(|| psql(&server.url(), &limit));
    };
    let user = "CREATE ROLE app LOGIN PASSWORD 'app'; GRANT ALL ON SCHEMA public TO app";
    block_in_place(|| psql(&server.url(), user));
    let (_, pages) = open::<Page>(&format!("postgres://app:app@127.0.0.1:{}/postgres", server.port())).await;
    pages.insert(&may(), page("one")).await.unwrap();
    pages.get(&may(), "one".into()).await.unwrap();
    limit(1);
    let list = |_| {
        let pages = pages.clone();
        tokio::spawn(async move { pages.find(&may(), Filter::every()).all().await })
    };
    for listed in (0..32).map(list).collect::<Vec<_>>() {
        assert_eq!(listed.await.unwrap().unwrap().len(), 1);
    }
    let refused = pages.update(&may(), "one".into(), patch("new")).await;
    let Err(Error::Unavailable(why)) = refused else { panic!("{refused:?}") };
    assert!(why.to_string().contains("raise its `max_connections`, or ask for fewer"), "{why}");
    limit(-1);
    let start = Instant::now();
    while pages.update(&may(), "one".into(), patch("new")).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(3));
        sleep(Duration::from_millis(20)).await;
    }
}

/// The sessions that the driver has: they do nothing until this is dropped, because what is frozen cannot be stopped.
struct Frozen(String);

impl Frozen {
    fn new(server: &Postgres) -> Self {
        let pids = "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE application_name = 'tollgate'";
        let frozen = Self(block_in_place(|| psql(&server.url(), pids)));
        frozen.tell("-STOP");
        frozen
    }

    fn tell(&self, signal: &str) {
        assert!(Command::new("kill").arg(signal).args(self.0.split_whitespace()).status().unwrap().success());
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.tell("-CONT");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn places_on_a_session_that_froze_are_free_again() {
    let server = Postgres::start();
    let (_, pages) = open::<Page>(&format!("{}?statement_timeout=1&shared_connections=1", server.url())).await;
    for leave in [false, true] {
        assert_eq!(pages.find(&may(), Filter::every()).all().await.unwrap().len(), 0);
        let _frozen = Frozen::new(&server);
        let list = |_| {
            let pages = pages.clone();
            tokio::spawn(async move { pages.find(&may(), Filter::every()).all().await })
        };
        let lists: Vec<_> = (0..256).map(list).collect();
        sleep(Duration::from_millis(500)).await;
        assert!(matches!(pages.find(&may(), Filter::every()).all().await, Err(Error::Overloaded)), "all are taken");
        for list in lists {
            if leave {
                list.abort();
            } else {
                assert!(matches!(list.await.unwrap(), Err(Error::Unavailable(_))));
            }
        }
        let start = Instant::now();
        // The first to come may wait for those that are frozen, and finds that out.
        while pages.find(&may(), Filter::every()).all().await.is_err() {
            assert!(start.elapsed() < Duration::from_secs(12), "places are lost for ever");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_freezes_is_waited_for_only_so_long() {
    let server = Postgres::start();
    let (database, pages) = open::<Page>(&format!("{}?statement_timeout=1", server.url())).await;
    pages.insert(&may(), page("one")).await.unwrap();
    pages.update(&may(), "one".into(), patch("new")).await.unwrap();
    pages.get(&may(), "one".into()).await.unwrap();
    let session = database.begin().await.unwrap();
    let frozen = Frozen::new(&server);
    let start = Instant::now();
    let (read, create, change) = (may(), may(), may());
    let (got, inserted, updated, committed) = join!(
        pages.get(&read, "one".into()),
        pages.insert(&create, page("two")),
        pages.update(&change, "one".into(), patch("newer")),
        session.commit()
    );
    let waited = start.elapsed();
    let again = timeout(Duration::from_secs(3), pages.get(&may(), "one".into())).await;
    drop(frozen);
    assert!(matches!(got, Err(Error::Unavailable(_))), "{got:?}");
    assert!(matches!(inserted, Err(Error::Unavailable(_))), "{inserted:?}");
    assert!(matches!(updated, Err(Error::Unavailable(_))), "{updated:?}");
    assert!(matches!(committed, Err(Error::Unavailable(_))), "{committed:?}");
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    assert_eq!(again.unwrap().unwrap().name, "one", "on a connection that is not frozen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_becomes_a_standby_is_read_and_written_again_once_it_is_promoted() {
    let mut server = Postgres::start();
    let (database, pages) = open::<Page>(&server.url()).await;
    pages.insert(&may(), page("one")).await.unwrap();
    block_in_place(|| {
        server.stop();
        std::fs::write(server.data().join("standby.signal"), "").unwrap();
        server.resume();
    });
    let start = Instant::now();
    while pages.get(&may(), "one".into()).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(3));
        sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..3 {
        let inserted = pages.insert(&may(), page("two")).await;
        assert!(matches!(inserted, Err(Error::Unavailable(_))), "{inserted:?}");
        let inside = pages.transaction(async |tx| pages.on(&tx)?.insert(&may(), page("three")).await).await;
        assert!(matches!(inside, Err(Error::Unavailable(_))), "{inside:?}");
        assert!(matches!(database.ping().await, Err(Error::Unavailable(_))), "who cannot write is not ready");
        sleep(Duration::from_millis(300)).await;
    }
    block_in_place(|| psql(&server.url(), "SELECT pg_promote()"));
    let start = Instant::now();
    let write = async || {
        pages.insert(&may(), page("two")).await?;
        pages.transaction(async |tx| pages.on(&tx)?.insert(&may(), page("three")).await).await
    };
    while write().await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(3));
        let _ = pages.delete(&may(), "two".into()).await;
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(pages.count(&may(), Filter::every()).await.unwrap(), 3);
    database.ping().await.unwrap();
}

impl Server for PgBouncer {
    fn stop(&mut self) {
        self.stop();
    }
    fn resume(&mut self) {
        self.resume();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_stops_is_missed_and_found_again() {
    let mut pooler = PgBouncer::start(&servers::Postgres::shared(), 8);
    let (_, schema) = fresh();
    let url = format!("{}?pgbouncer=true&transactions=32&schema={schema}", pooler.url());
    let (database, entries) = open::<Entry>(&url).await;
    outages::is_missed_and_found_again(&mut pooler, database, entries).await;
}
