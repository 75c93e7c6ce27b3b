//! Who travels together shares the way, not the misfortune.

use super::resources::{
    NewTicket, Note, Sample, Ticket, Word, all, everything, marked, may, note, person, sample, store, word,
};
use super::updates::with_body;
use std::{sync::Arc, time::Duration};
use tollgate_store::{Database, Error};

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
    tokio::time::sleep(Duration::from_millis(1)).await;
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
