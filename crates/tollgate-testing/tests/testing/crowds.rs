//! Where others do not have to wait for a transaction, they do not wait for whoever does.

use crate::outages::may;
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::timeout};
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
