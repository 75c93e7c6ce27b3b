//! Two rows never share a key or a unique value, and whoever is refused changes nothing.

use super::resources::{
    NewTicket, Note, NotePatch, Sample, Ticket, Word, WordPatch, all, everything, marked, note, sample, store, word,
};
use std::sync::Arc;
use tollgate::Change;
use tollgate_store::{Database, Error, Result};

fn assert_conflict<T: std::fmt::Debug>(outcome: &Result<T>, column: &str) {
    match outcome {
        Err(Error::Conflict { column: Some(said) }) => assert_eq!(said, column),
        other => panic!("a conflict in `{column}` was due: {other:?}"),
    }
}

pub async fn a_value_that_is_taken_is_a_conflict_that_names_its_column(database: Arc<dyn Database>) {
    let (words, notes) = (store::<Word>(&database).await, store::<Note>(&database).await);
    words.insert(&all(), word("one", 1)).await.unwrap();
    assert_conflict(&words.insert(&all(), word("uno", 1)).await, "number");
    notes.insert(&all(), marked("x")).await.unwrap();
    assert_conflict(&notes.insert(&all(), marked("x")).await, "mark");
    notes.insert(&all(), marked("X")).await.expect("case and all");
    assert_eq!((everything(&words).await.len(), everything(&notes).await.len()), (1, 2));
}

pub async fn a_key_that_is_taken_is_a_conflict_that_names_it(database: Arc<dyn Database>) {
    let (words, samples) = (store::<Word>(&database).await, store::<Sample>(&database).await);
    words.insert(&all(), word("one", 1)).await.unwrap();
    assert_conflict(&words.insert(&all(), word("one", 2)).await, "word");
    samples.insert(&all(), sample(7)).await.unwrap();
    assert_conflict(&samples.insert(&all(), sample(7)).await, "sample_id");
    assert_conflict(&samples.insert_many(&all(), vec![sample(8), sample(8)]).await, "sample_id");
}

pub async fn empty_cells_are_not_equal(database: Arc<dyn Database>) {
    let notes = store::<Note>(&database).await;
    for _ in 0..3 {
        notes.insert(&all(), note("no mark")).await.unwrap();
    }
    let count = notes.count(&all(), Note::MARK.is_null()).await.unwrap();
    assert_eq!(count, 3);
}

pub async fn a_change_into_a_taken_value_changes_nothing(database: Arc<dyn Database>) {
    let (words, notes) = (store::<Word>(&database).await, store::<Note>(&database).await);
    words.insert_many(&all(), vec![word("one", 1), word("two", 2)]).await.unwrap();
    assert_conflict(&words.update(&all(), "two".into(), WordPatch { number: Change::Set(1) }).await, "number");
    assert_conflict(&words.replace(&all(), "two".into(), word("two", 1)).await, "number");
    assert_eq!(words.get(&all(), "two".into()).await.unwrap().number, 2);
    words.replace(&all(), "two".into(), word("two", 2)).await.expect("a row is not in its own way");

    let first = notes.insert(&all(), marked("first")).await.unwrap();
    let second = notes.insert(&all(), marked("second")).await.unwrap();
    let patch = NotePatch { mark: Change::Set(first.mark), ..super::updates::untouched() };
    assert_conflict(&notes.update(&all(), second.note_id, patch).await, "mark");
    assert_eq!(notes.get(&all(), second.note_id).await.unwrap(), second, "version and moment are as before too");
}

pub async fn a_value_is_free_again_once_its_row_is_gone(database: Arc<dyn Database>) {
    let words = store::<Word>(&database).await;
    words.insert_many(&all(), vec![word("one", 1), word("two", 2)]).await.unwrap();
    words.delete(&all(), "one".into()).await.unwrap();
    words.update(&all(), "two".into(), WordPatch { number: Change::Set(3) }).await.unwrap();
    words.insert_many(&all(), vec![word("one", 1), word("deux", 2)]).await.unwrap();
    assert_eq!(everything(&words).await.len(), 3);
}

pub async fn insert_many_adds_all_rows_or_none(database: Arc<dyn Database>) {
    let (words, tickets) = (store::<Word>(&database).await, store::<Ticket>(&database).await);
    words.insert(&all(), word("taken", 500)).await.unwrap();
    let mut many: Vec<_> = (0..1000).map(|number| word(&format!("word {number}"), number)).collect();
    assert_conflict(&words.insert_many(&all(), many.clone()).await, "number");
    assert_eq!(everything(&words).await.len(), 1, "nothing is half done");
    many.remove(500);
    let added = words.insert_many(&all(), many).await.unwrap();
    assert_eq!(added.len(), 999);
    assert!(added.iter().zip(0..).take(500).all(|(row, number)| row.number == number), "in the order they came");
    assert_eq!(everything(&words).await.len(), 1000);
    assert_eq!(words.insert_many(&all(), vec![]).await.unwrap(), []);
    let none: Vec<NewTicket> = vec![];
    assert_eq!(tickets.insert_many(&all(), none).await.unwrap(), []);
}
