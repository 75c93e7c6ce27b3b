use super::*;
use crate::Memory;
use std::time::Duration;
use tollgate_access::{Actor, Identity};
use tollgate_core::{ManualClock, SystemClock};

/// A thing.
#[resource(plural = "things")]
struct Thing {
    #[id]
    thing_id: i64,
    name: Option<String>,
}

/// The same in the next version of the app.
#[resource(plural = "others")]
struct Other {
    #[id]
    thing_id: i64,
    title: Option<String>,
}

fn entries(before: &[Thing], made: Vec<i64>) -> Vec<LoggedChange> {
    let (pending, actor) = (Pending::default(), Actor::from(Identity::anyone()));
    let stamp = Stamp { actor: &actor, now: SystemClock::default().now() };
    pending.add(Some(before), made, &stamp).unwrap();
    pending.take()
}

fn thing(thing_id: i64) -> Thing {
    Thing { thing_id, name: (thing_id % 2 == 0).then(|| "a name".into()) }
}

#[test]
fn rows_come_back_as_they_were_and_those_that_were_there_are_not_new() {
    let before: Vec<_> = (1..=70).map(thing).collect();
    let found = entries(&before, (60..=120).collect());
    assert_eq!(found.len(), 3, "120 rows, 50 each");
    let rows: Vec<_> = found.iter().flat_map(|entry| entry.rows::<Thing>().unwrap()).collect();
    let names = |row: &Written<Thing>| (row.id, row.before.as_ref().map(|thing| thing.name.clone()));
    let wanted = (1..=120).map(|id| (id, (id <= 70).then(|| thing(id).name)));
    assert_eq!(rows.iter().map(names).collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_told_is_no_rows() {
    let [entry] = &entries(&[], (0..=10_000).collect())[..] else { panic!("one for all") };
    assert!(entry.rows::<Thing>().is_none());
    assert!(entries(&[thing(1)], vec![])[0].rows::<Other>().is_none(), "with other columns it is another row");
    assert!(entries(&[], vec![]).is_empty());
}

fn log(clock: &ManualClock) -> ChangeLog {
    let database: Arc<dyn Database> = Arc::new(Memory::default());
    ChangeLog::of(&database, &(Arc::new(clock.clone()) as _))
}

#[test]
fn what_is_too_large_to_be_told_is_no_rows() {
    let large = |thing_id, bytes| Thing { thing_id, name: Some("x".repeat(bytes)) };
    let found = entries(&(1..=40).map(|id| large(id, 100 << 10)).collect::<Vec<_>>(), vec![]);
    assert_eq!(found.len(), 20, "as many in an entry as it has room for");
    assert!(found.iter().all(|entry| entry.rows.len() < 300 << 10 && entry.rows::<Thing>().unwrap().len() == 2));
    let found = entries(&[large(1, 300 << 10), large(2, 300 << 10)], vec![3]);
    assert_eq!(found.iter().map(|entry| entry.rows::<Thing>().unwrap().len()).collect::<Vec<_>>(), [1, 1, 1]);
    for too_much in [vec![large(1, 1), large(2, 1 << 20)], (1..=20).map(|id| large(id, 1000 << 10)).collect()] {
        let [entry] = &entries(&too_much, vec![])[..] else { panic!("one for all") };
        assert!(entry.rows::<Thing>().is_none());
    }
}

#[tokio::test]
async fn whoever_was_away_gets_all_of_it_or_is_told_that_it_is_not_there() {
    let clock = ManualClock::at(SystemClock::default().now());
    let log = log(&clock);
    let known = async |number| log.since(number, "things", 10).await.unwrap().map(|found| found.len());
    assert_eq!((known(0).await, known(1).await), (Some(0), None), "nothing is missed of an empty log");
    let add = async || {
        let new = NewLoggedChange { resource: "things".into(), columns: String::new(), rows: String::new() };
        log.0.insert(&system().may(), new).await.unwrap();
    };
    for _ in 0..4 {
        add().await;
        clock.advance(Duration::from_mins(1));
    }
    assert_eq!([known(0).await, known(3).await, known(4).await, known(5).await], [Some(4), Some(1), Some(0), None]);
    log.forget(clock.now() - Duration::from_mins(2)).await.unwrap();
    assert_eq!([known(0).await, known(1).await, known(2).await], [None, None, Some(2)]);
    log.forget(clock.now()).await.unwrap();
    assert_eq!([known(2).await, known(3).await, known(4).await], [None, Some(1), Some(0)], "the newest stays");
    for _ in 0..11 {
        add().await;
    }
    assert_eq!(known(4).await, None, "more than are asked for");
}

#[tokio::test]
async fn whoever_missed_too_many_bytes_is_told_so() {
    let log = log(&ManualClock::at(SystemClock::default().now()));
    let large = || NewLoggedChange { resource: "things".into(), columns: String::new(), rows: "x".repeat(1 << 20) };
    for _ in 0..8 {
        log.0.insert(&system().may(), large()).await.unwrap();
    }
    assert_eq!(log.since(0, "things", 10).await.unwrap().map(|found| found.len()), Some(8));
    log.0.insert(&system().may(), large()).await.unwrap();
    assert!(log.since(0, "things", 10).await.unwrap().is_none());
}

#[tokio::test]
async fn of_what_is_old_no_rows_are_kept() {
    let clock = ManualClock::at(SystemClock::default().now());
    let log = log(&clock);
    let [erased] = &entries(&[thing(2)], vec![])[..] else { panic!("one") };
    let new =
        || NewLoggedChange { resource: "things".into(), columns: erased.columns.clone(), rows: erased.rows.clone() };
    for _ in 0..3 {
        log.0.insert(&system().may(), new()).await.unwrap();
    }
    log.forget(clock.now() - Duration::from_mins(1)).await.unwrap();
    assert_eq!(log.newest().await.unwrap().unwrap().rows, erased.rows, "it is not old");
    clock.advance(Duration::from_mins(1));
    log.forget(clock.now()).await.unwrap();
    let behind = log.since(2, "things", 10).await.unwrap().unwrap();
    assert_eq!((behind.len(), behind[0].rows::<Thing>().is_none()), (1, true), "who is one behind reads anew");
}
