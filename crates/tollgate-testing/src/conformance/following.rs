//! Following: what is kept is in the log with how it was before, what is not kept is not, and who follows misses nothing.

use super::resources::{NewVisit, Tally, Visit, VisitPatch, all, everything, store};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tollgate::{Change, Filter, Resource, Store, SystemClock, Timestamp};
use tollgate_core::Clock;
use tollgate_store::{
    Database, Error, Table, Told, Watch,
    changes::{ChangeLog, Follower, LoggedChange},
};

/// Wants to know which rows.
struct Following;

impl Watch for Following {
    fn changed(&self, _: &'static Table) -> Told<'_> {
        Box::pin(async {})
    }

    fn follows_rows(&self) -> bool {
        true
    }
}

async fn followed<T: Resource>(database: &Arc<dyn Database>) -> (Store<T>, Follower) {
    drop(store::<LoggedChange>(database).await);
    drop(store::<T>(database).await);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let log = ChangeLog::of(database, &clock);
    let rows = Store::watched(Arc::clone(database), clock, Some(Arc::new(Following)));
    (rows, Follower::begin(log).await.unwrap())
}

/// What was logged since: each row with how it was.
async fn logged<T: Resource>(follower: &mut Follower) -> Vec<(T::Id, Option<T>)> {
    let entries = follower.next().await.unwrap();
    assert!(entries.iter().all(|entry| entry.resource == T::TABLE.name));
    let rows = entries.iter().flat_map(|entry| entry.rows::<T>().unwrap());
    rows.map(|row| (row.id, row.before)).collect()
}

fn at(place: &str) -> NewVisit {
    NewVisit { place: place.into() }
}

pub async fn each_write_of_a_followed_resource_is_logged_with_how_it_was(database: Arc<dyn Database>) {
    let (visits, mut follower) = followed::<Visit>(&database).await;
    let follower = &mut follower;
    let one = visits.insert(&all(), at("Ferry")).await.unwrap();
    assert_eq!(logged::<Visit>(follower).await, [(one.visit_id, None)]);
    let set = VisitPatch { place: Change::Set("Mill".into()) };
    let two = visits.update(&all(), one.visit_id, set).await.unwrap();
    assert_eq!(logged::<Visit>(follower).await, [(one.visit_id, Some(one.clone()))]);
    visits.set(&all(), one.visit_id, Visit::PLACE.to("Harbour")).await.unwrap();
    assert_eq!(logged::<Visit>(follower).await, [(one.visit_id, Some(two))]);
    let there = visits.get(&all(), one.visit_id).await.unwrap();
    visits.delete(&all(), one.visit_id).await.unwrap();
    assert_eq!(logged::<Visit>(follower).await, [(one.visit_id, Some(there))]);
    let mut many = visits.insert_many(&all(), (0..120).map(|n| at(&n.to_string())).collect()).await.unwrap();
    assert_eq!(logged::<Visit>(follower).await.len(), 120);
    visits.delete_all(&all(), Filter::every()).await.unwrap();
    many.sort_by_key(Visit::id);
    let gone: Vec<_> = many.into_iter().map(|row| (row.visit_id, Some(row))).collect();
    assert_eq!(logged::<Visit>(follower).await, gone);
    assert_eq!(logged::<Visit>(follower).await, []);
}

fn tally(word: &str) -> Tally {
    Tally { word: word.into(), count: 1, last: None, share: 0.5, pieces: 0, version: 1, seen: Timestamp::UNIX_EPOCH }
}

pub async fn an_upsert_is_logged_with_what_was_there(database: Arc<dyn Database>) {
    let (tallies, mut follower) = followed::<Tally>(&database).await;
    tallies.upsert(&(all(), all()), vec![tally("a")], [Tally::COUNT.added()]).await.unwrap();
    assert_eq!(logged::<Tally>(&mut follower).await, [("a".into(), None)]);
    tallies.upsert(&(all(), all()), vec![tally("b"), tally("a")], [Tally::COUNT.added()]).await.unwrap();
    let rows = logged::<Tally>(&mut follower).await;
    assert_eq!(rows, [("a".into(), Some(tally("a"))), ("b".into(), None)]);
}

pub async fn what_did_not_happen_is_not_logged(database: Arc<dyn Database>) {
    let (visits, mut follower) = followed::<Visit>(&database).await;
    let nobody = visits.delete(&all(), tollgate::Uuid::nil()).await;
    assert!(matches!(nobody, Err(Error::NotFound)));
    let taken_back = visits.transaction(async |tx| {
        visits.on(&tx)?.insert(&all(), at("Ferry")).await?;
        Err::<(), _>(Error::Stale)
    });
    assert!(matches!(taken_back.await, Err(Error::Stale)));
    assert_eq!(logged::<Visit>(&mut follower).await, []);
    let kept = visits.transaction(async |tx| {
        let visits = visits.on(&tx)?;
        visits.insert(&all(), at("Ferry")).await?;
        visits.insert(&all(), at("Mill")).await
    });
    kept.await.unwrap();
    assert_eq!(logged::<Visit>(&mut follower).await.len(), 2);
}

/// Each of them commits when it likes, so entries do not appear in the order of their numbers.
pub async fn who_follows_parallel_writers_misses_nothing(database: Arc<dyn Database>) {
    let (visits, mut follower) = followed::<Visit>(&database).await;
    let mut writers = JoinSet::new();
    for writer in 0..8_u64 {
        let visits = visits.clone();
        writers.spawn(async move {
            for round in 0..10 {
                let add = visits.transaction(async |tx| {
                    let made = visits.on(&tx)?.insert(&all(), at("Ferry")).await;
                    sleep(Duration::from_millis((writer * 7 + round * 3) % 5)).await;
                    made
                });
                add.await.unwrap();
            }
        });
    }
    let (mut seen, start) = (BTreeSet::new(), Instant::now());
    while seen.len() < 80 && start.elapsed() < Duration::from_mins(1) {
        for (id, _) in logged::<Visit>(&mut follower).await {
            assert!(seen.insert(id), "each once");
        }
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    assert_eq!(seen, everything(&visits).await.iter().map(Visit::id).collect());
    let again = ChangeLog::of(&database, &(Arc::new(SystemClock::default()) as _));
    let missed = again.since(0, "visits", 200).await.unwrap().unwrap();
    assert_eq!(missed.len(), 80, "who comes back to the beginning finds all of it");
}

/// Each reads how the row was before it writes, and none is sent away for that.
pub async fn writers_of_one_followed_row_all_get_their_turn(database: Arc<dyn Database>) {
    let (tallies, mut follower) = followed::<Tally>(&database).await;
    tallies.upsert(&(all(), all()), vec![tally("a")], [Tally::COUNT.added()]).await.unwrap();
    assert_eq!(logged::<Tally>(&mut follower).await.len(), 1);
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let tallies = tallies.clone();
        writers.spawn(async move {
            for _ in 0..5 {
                let done = tallies.upsert(&(all(), all()), vec![tally("a")], [Tally::COUNT.added()]).await;
                done.unwrap_or_else(|error| panic!("writer {writer}: {error:?}"));
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    let befores = logged::<Tally>(&mut follower).await.into_iter().map(|(_, before)| before.unwrap().count);
    assert_eq!(befores.collect::<BTreeSet<_>>(), (1..=40).collect(), "each as the one before left it");
}
