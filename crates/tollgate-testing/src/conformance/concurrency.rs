//! Who travels together shares the way, not the misfortune.

use super::resources::{
    NewTicket, Note, Peak, Sample, Ticket, WIDE_PEAKS, Word, all, everything, marked, may, note, person, sample, store,
    word,
};
use super::updates::with_body;
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::sleep};
use tollgate_core::SystemClock;
use tollgate_store::{Database, Error, OpenTransaction, Store, Value};

pub async fn of_equal_rows_one_is_stored_and_each_other_fails_alone(database: Arc<dyn Database>) {
    let notes = store::<Note>(&database).await;
    let ann = person("ann");
    let insert = |index: i32| {
        let (notes, may) = (notes.clone(), may(&ann));
        tokio::spawn(async move { notes.insert(&may, marked(&format!("mark {}", index % 190))).await })
    };
    let (mut stored, mut conflicts) = (vec![], 0);
    for task in (0..200).map(insert).collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(note) => stored.push(note),
            Err(Error::Conflict { column }) => {
                assert_eq!(column.as_deref(), Some("mark"));
                conflicts += 1;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!((stored.len(), conflicts), (190, 10));
    stored.sort_by_key(|note| note.note_id);
    assert_eq!(everything(&notes).await, stored, "each was answered its own row");
}

/// Each with a store of their own, as instances of an app have.
pub async fn who_is_told_that_a_key_is_taken_finds_its_row(database: Arc<dyn Database>) {
    let mut instances = vec![];
    for _ in 0..6 {
        instances.push(store::<Word>(&database).await);
    }
    for round in 0..30 {
        let insert = |words: &Store<Word>| {
            let (words, key) = (words.clone(), format!("key {round}"));
            async move {
                match words.insert(&all(), word(&key, round)).await {
                    Err(Error::Conflict { .. }) => words.get(&all(), key).await,
                    outcome => outcome,
                }
            }
        };
        let found = instances.iter().map(insert).collect::<JoinSet<_>>().join_all().await;
        assert!(found.iter().all(|found| found.as_ref().is_ok_and(|found| found.number == round)), "{found:?}");
    }
}

pub async fn parallel_inserts_are_answered_their_own_keys(database: Arc<dyn Database>) {
    let tickets = store::<Ticket>(&database).await;
    let insert = |index: i32| {
        let tickets = tickets.clone();
        tokio::spawn(async move {
            let title = format!("ticket {index}");
            let answered = tickets.insert(&all(), NewTicket { title: title.clone() }).await.unwrap();
            assert_eq!(answered.title, title);
            assert_eq!(tickets.get(&all(), answered.ticket_id).await.unwrap(), answered);
        })
    };
    for task in (0..300).map(insert).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(everything(&tickets).await.len(), 300);
}

pub async fn parallel_reads_answer_each_their_own_row(database: Arc<dyn Database>) {
    let (samples, notes) = (store::<Sample>(&database).await, store::<Note>(&database).await);
    let rows = samples.insert_many(&all(), (0..100).map(sample).collect()).await.unwrap();
    let (ann, bob) = (person("ann"), person("bob"));
    let hers = notes.insert(&may(&ann), note("hers")).await.unwrap();
    let read = |index: i32| {
        let (samples, notes, id) = (samples.clone(), notes.clone(), hers.note_id);
        let may = may(if index % 2 == 0 { &ann } else { &bob });
        tokio::spawn(async move { (samples.get(&all(), index % 101).await, notes.get(&may, id).await) })
    };
    for (index, task) in (0..500).map(|index| (index, read(index))).collect::<Vec<_>>() {
        let (sample, note) = task.await.unwrap();
        match rows.get(index as usize % 101) {
            Some(row) => assert_eq!(&sample.unwrap(), row),
            None => assert!(matches!(sample, Err(Error::NotFound))),
        }
        match index % 2 {
            0 => assert_eq!(note.unwrap(), hers),
            _ => assert!(matches!(note, Err(Error::NotFound)), "in one group, each sees their own rows only"),
        }
    }
}

pub async fn a_key_that_no_row_can_have_harms_nobody(database: Arc<dyn Database>) {
    let words = store::<Word>(&database).await;
    let one = words.insert(&all(), word("one", 1)).await.unwrap();
    let read = |index: i32| {
        let words = words.clone();
        tokio::spawn(async move {
            let key = if index % 5 == 0 { "o\0ne" } else { "one" };
            (index % 5 == 0, words.get(&all(), key.into()).await)
        })
    };
    for task in (0..100).map(read).collect::<Vec<_>>() {
        match task.await.unwrap() {
            (true, outcome) => assert!(matches!(outcome, Err(Error::NotFound)), "{outcome:?}"),
            (false, outcome) => assert_eq!(outcome.unwrap(), one),
        }
    }
    assert!(matches!(words.delete(&all(), "o\0ne".into()).await, Err(Error::NotFound)));
}

pub async fn a_row_that_cannot_be_read_harms_nobody(database: Arc<dyn Database>) {
    database.prepare(&[&WIDE_PEAKS], true).await.unwrap();
    let peaks = Store::<Peak>::new(Arc::clone(&database), Arc::new(SystemClock::default()));
    let row = |id: i64| vec![Value::Int(id), Value::Int(if id == 7 { i64::MAX } else { id * 100 })];
    database.insert(&WIDE_PEAKS, Arc::new((0..20).map(row).collect::<Vec<_>>()), 0..20).await.unwrap();
    let read = |index: i32| {
        let peaks = peaks.clone();
        async move { (index % 20, peaks.get(&all(), index % 20).await) }
    };
    for (id, outcome) in (0..200).map(read).collect::<JoinSet<_>>().join_all().await {
        match id {
            7 => assert!(matches!(outcome, Err(Error::Internal(_))), "{outcome:?}"),
            _ => assert_eq!(outcome.unwrap().meters, id * 100),
        }
    }
}

pub async fn who_waits_for_a_transaction_fails_no_other(database: Arc<dyn Database>) {
    let words = store::<Word>(&database).await;
    let open = OpenTransaction::begin(&database).await.unwrap();
    words.on(open.transaction()).unwrap().insert(&all(), word("taken", -1)).await.unwrap();
    let insert = |number: i32| {
        let (words, name) = (words.clone(), if number == 50 { "taken".into() } else { format!("word {number}") });
        async move { (number, words.insert(&all(), word(&name, number)).await) }
    };
    let inserts = (0..200).map(insert).collect::<JoinSet<_>>().join_all();
    let (outcomes, ended) = tokio::join!(inserts, async {
        sleep(Duration::from_secs(3)).await;
        open.rollback().await
    });
    ended.unwrap();
    for (number, outcome) in outcomes {
        assert!(number == 50 || outcome.is_ok(), "{number}: {outcome:?}");
        assert!(matches!(outcome, Ok(_) | Err(Error::Overloaded)), "{outcome:?}");
    }
}

pub async fn of_parallel_changes_of_one_version_one_wins(database: Arc<dyn Database>) {
    let notes = store::<Note>(&database).await;
    let id = notes.insert(&all(), note("new")).await.unwrap().note_id;
    for version in 1..=5 {
        let change = |index: i32| {
            let notes = notes.clone();
            let patch = with_body(&format!("by {index}"));
            tokio::spawn(async move { notes.update_if(&all(), id, Note::VERSION.eq(version), patch).await })
        };
        let mut winners = vec![];
        for task in (0..20).map(change).collect::<Vec<_>>() {
            match task.await.unwrap() {
                Ok(note) => winners.push(note),
                Err(error) => assert!(matches!(error, Error::Stale), "{error:?}"),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(winners[0].version, version + 1);
        assert_eq!(notes.get(&all(), id).await.unwrap(), winners[0]);
    }
}

pub async fn who_leaves_takes_nobody_along(database: Arc<dyn Database>) {
    let notes = store::<Note>(&database).await;
    let write = |index: i32| {
        let notes = notes.clone();
        tokio::spawn(async move {
            let mark = format!("mark {index}");
            let stored = notes.insert(&all(), marked(&mark)).await?;
            notes.get(&all(), stored.note_id).await
        })
    };
    let tasks: Vec<_> = (0..200).map(write).collect();
    sleep(Duration::from_millis(1)).await;
    for task in tasks.iter().step_by(2) {
        task.abort();
    }
    for (index, task) in tasks.into_iter().enumerate().filter(|(index, _)| index % 2 == 1) {
        let kept = task.await.unwrap().unwrap();
        assert_eq!(kept.mark.as_deref(), Some(format!("mark {index}").as_str()));
    }
    notes.insert(&all(), marked("afterwards")).await.unwrap();
    let rows = everything(&notes).await;
    assert!((101..=201).contains(&rows.len()), "{}", rows.len());
}
