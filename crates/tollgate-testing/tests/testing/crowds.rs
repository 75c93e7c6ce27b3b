//! Where others do not have to wait for a transaction, they do not wait for whoever does.

use crate::outages::may;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tollgate::{Store, resource};
use tollgate_core::SystemClock;
use tollgate_store::{Database, Error, OpenTransaction, Resource};

/// A seat that one can have.
#[resource(plural = "seats")]
struct Seat {
    #[id]
    name: String,
}

/// A hat in the cloak-room.
#[resource(plural = "hats")]
struct Hat {
    #[id]
    name: String,
}

/// A row that another's transaction holds is waited for by who wants it; no insert beside it, of this table or another,
/// takes as long as that.
pub(crate) async fn one_insert_that_waits_holds_up_no_other(database: Arc<dyn Database>) {
    database.prepare(&[Seat::TABLE, Hat::TABLE], true).await.unwrap();
    let clock = Arc::new(SystemClock::default());
    let seats = Store::<Seat>::new(Arc::clone(&database), clock.clone());
    let hats = Store::<Hat>::new(Arc::clone(&database), clock);
    let sit = |name: &str| {
        let (seats, new) = (seats.clone(), NewSeat { name: name.into() });
        async move { seats.insert(&may(), new).await }
    };
    sit("warm").await.unwrap();
    let open = OpenTransaction::begin(&database).await.unwrap();
    seats.on(open.transaction()).unwrap().insert(&may(), NewSeat { name: "taken".into() }).await.unwrap();

    let mut others = JoinSet::new();
    let mut waiting = JoinSet::new();
    for number in 0..300 {
        match number {
            10 | 150 => drop(waiting.spawn(sit("taken"))),
            _ => drop(others.spawn(sit(&format!("seat {number}")))),
        }
    }
    let (hats, new) = (hats.clone(), NewHat { name: "bowler".into() });
    others.spawn(async move { hats.insert(&may(), new).await.map(|hat| Seat { name: hat.name }) });
    // Locks are waited for for two seconds on PostgreSQL, and failed then, and for five on MongoDB.
    let all = timeout(Duration::from_secs(4), others.join_all()).await.expect("others waited too");
    for one in all {
        one.unwrap();
    }
    open.commit().await.unwrap();
    for outcome in waiting.join_all().await {
        assert!(matches!(outcome, Err(Error::Conflict { .. })), "{outcome:?}");
    }
}

/// Inserts that come one by one, so that each leaves alone, and wait for another's transaction: however many there are, the
/// next is answered.
pub(crate) async fn inserts_that_wait_alone_hold_up_no_other(database: Arc<dyn Database>) {
    database.prepare(&[Seat::TABLE], true).await.unwrap();
    let seats = Store::<Seat>::new(Arc::clone(&database), Arc::new(SystemClock::default()));
    let sit = |name: String| {
        let seats = seats.clone();
        async move { seats.insert(&may(), NewSeat { name }).await }
    };
    sit("warm".into()).await.unwrap();
    let open = OpenTransaction::begin(&database).await.unwrap();
    let mut waiting = JoinSet::new();
    for number in 0..4 {
        let name = format!("taken {number}");
        seats.on(open.transaction()).unwrap().insert(&may(), NewSeat { name: name.clone() }).await.unwrap();
        waiting.spawn(sit(name));
        sleep(Duration::from_millis(20)).await;
    }
    for number in 0..4 {
        let asked = Instant::now();
        sit(format!("seat {number}")).await.unwrap();
        assert!(asked.elapsed() < Duration::from_secs(1), "an insert waited too: {:?}", asked.elapsed());
    }
    assert!(waiting.try_join_next().is_none(), "they wait");
    open.commit().await.unwrap();
    for outcome in waiting.join_all().await {
        assert!(matches!(outcome, Err(Error::Conflict { .. })), "{outcome:?}");
    }
}

/// A crowd that wants one key, which another's transaction holds, holds up nobody of another table, and the database is
/// no less ready for it.
pub(crate) async fn a_crowd_that_wants_one_key_holds_up_no_other(database: Arc<dyn Database>) {
    const LONGEST: Duration = Duration::from_secs(1);
    database.prepare(&[Seat::TABLE, Hat::TABLE], true).await.unwrap();
    let clock = Arc::new(SystemClock::default());
    let seats = Store::<Seat>::new(Arc::clone(&database), clock.clone());
    let hats = Store::<Hat>::new(Arc::clone(&database), clock);
    hats.insert(&may(), NewHat { name: "first".into() }).await.unwrap();
    let open = OpenTransaction::begin(&database).await.unwrap();
    seats.on(open.transaction()).unwrap().insert(&may(), NewSeat { name: "taken".into() }).await.unwrap();

    let sit = |_| {
        let seats = seats.clone();
        async move { seats.insert(&may(), NewSeat { name: "taken".into() }).await }
    };
    let crowd: JoinSet<_> = (0..200).map(sit).collect();
    let start = Instant::now();
    let mut number = 0;
    while start.elapsed() < Duration::from_secs(3) {
        sleep(Duration::from_millis(50)).await;
        number += 1;
        let asked = Instant::now();
        hats.insert(&may(), NewHat { name: format!("hat {number}") }).await.unwrap();
        assert!(asked.elapsed() < LONGEST, "an insert waited too: {:?}", asked.elapsed());
        let asked = Instant::now();
        hats.delete(&may(), format!("hat {number}")).await.unwrap();
        assert!(asked.elapsed() < LONGEST, "a change waited too: {:?}", asked.elapsed());
        let asked = Instant::now();
        database.ping().await.unwrap();
        assert!(asked.elapsed() < LONGEST, "readiness waited too: {:?}", asked.elapsed());
    }
    open.commit().await.unwrap();
    for outcome in crowd.join_all().await {
        assert!(matches!(outcome, Err(Error::Conflict { .. } | Error::Overloaded)), "{outcome:?}");
    }
}
