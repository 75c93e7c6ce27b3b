//! Nothing is waited for forever: statements, locks, places, and those who left.

use super::{
    faults::{NewPage, Page, PagePatch, may, open, page},
    fresh,
};
use crate::crowds;
use std::{
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};
use tokio::{
    sync::oneshot,
    task::{JoinSet, block_in_place},
    time::{sleep, timeout},
};
use tollgate::{Change, Filter, Resource, Store, SystemClock, resource};
use tollgate_store::{Error, OpenTransaction, audit::AuditEvent};
use tollgate_testing::servers::{self, psql};

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
    let (locked, free) = oneshot::channel();
    let (holder, holding) = (pages.clone(), oneshot::channel());
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
        let given_up = timeout(Duration::from_millis(100), inside.get(&may(), "locked".into())).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn one_insert_that_waits_holds_up_no_other() {
    let (database, ()) = super::empty().await;
    crowds::one_insert_that_waits_holds_up_no_other(database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inserts_that_wait_alone_hold_up_no_other() {
    let (database, ()) = super::empty().await;
    crowds::inserts_that_wait_alone_hold_up_no_other(database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_wants_one_key_holds_up_no_other() {
    let (database, ()) = super::empty().await;
    crowds::a_crowd_that_wants_one_key_holds_up_no_other(database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_nobody_takes_in_holds_up_no_other() {
    let (_, pages) = open::<Page>(&format!("{}&shared_connections=1", fresh().0)).await;
    let large = |number| NewPage { name: format!("page {number}"), text: "x".repeat(10_000) };
    pages.insert_many(&may(), (0..500).map(large).collect()).await.unwrap();
    assert_eq!(pages.find(&may(), Filter::every()).all().await.unwrap().len(), 500, "the statement is prepared");

    let mut left = pin!(pages.find(&may(), Filter::every()).all());
    let waits = poll_fn(|context| Poll::Ready(left.as_mut().poll(context).is_pending())).await;
    assert!(waits, "asked, and then something else is done");
    let other = timeout(Duration::from_secs(5), pages.find(&may(), Page::NAME.eq("page 7")).all()).await;
    assert_eq!(other.expect("it waited for who does not wait").unwrap().len(), 1);
    assert_eq!(left.await.unwrap().len(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_waits_for_one_row_holds_up_no_change_of_another_and_is_told_in_time() {
    let (database, pages) = open::<Page>(&format!("{}&lock_timeout=1&acquire_timeout=1", fresh().0)).await;
    pages.insert_many(&may(), vec![page("one"), page("two")]).await.unwrap();
    let holding = OpenTransaction::begin(&database).await.unwrap();
    pages.on(holding.transaction()).unwrap().get(&may(), "one".into()).await.unwrap();
    let patch = || PagePatch { text: Change::Set("new".into()) };
    let change = |_| {
        let pages = pages.clone();
        async move {
            let start = Instant::now();
            (pages.update(&may(), "one".into(), patch()).await, start.elapsed())
        }
    };
    let crowd: JoinSet<_> = (0..40).map(change).collect();
    sleep(Duration::from_millis(20)).await;
    let start = Instant::now();
    pages.update(&may(), "two".into(), patch()).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(1), "it waited too: {:?}", start.elapsed());
    for (outcome, waited) in crowd.join_all().await {
        assert!(matches!(outcome, Err(Error::Overloaded)), "{outcome:?}");
        assert!(waited < Duration::from_secs(4), "a place, and the lock: {waited:?}");
    }

    let waiting: JoinSet<_> = (0..8).map(change).collect();
    sleep(Duration::from_millis(400)).await;
    holding.rollback().await.unwrap();
    for (outcome, _) in waiting.join_all().await {
        assert_eq!(outcome.unwrap().text, "new", "who waits gets it");
    }
}

/// A page of which it is recorded who changed it.
#[resource(plural = "deeds", audited)]
struct Deed {
    #[id]
    name: String,
    text: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_change_waits_for_a_lock_once() {
    let (database, deeds) = open::<Deed>(&format!("{}&lock_timeout=1", fresh().0)).await;
    database.prepare(&[AuditEvent::TABLE], true).await.unwrap();
    deeds.insert(&may(), NewDeed { name: "one".into(), text: "text".into() }).await.unwrap();
    let holding = OpenTransaction::begin(&database).await.unwrap();
    deeds.on(holding.transaction()).unwrap().get(&may(), "one".into()).await.unwrap();
    let start = Instant::now();
    let refused = deeds.update(&may(), "one".into(), DeedPatch { text: Change::Set("new".into()) }).await;
    assert!(matches!(refused, Err(Error::Overloaded)), "{refused:?}");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    holding.rollback().await.unwrap();
    let events = Store::<AuditEvent>::new(database, Arc::new(SystemClock::default()));
    assert_eq!(events.count(&may(), Filter::every()).await.unwrap(), 1, "what did not happen is not recorded");
}
