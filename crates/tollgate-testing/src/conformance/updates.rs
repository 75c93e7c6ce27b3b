//! Changes: what is said changes, what the server fills follows, and nothing else moves.

use super::resources::{
    NewTicket, Note, NotePatch, Sample, SamplePatch, Ticket, TicketPatch, Word, all, everything, marked, note, sample,
    store, store_at, word,
};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tollgate::{Change, Filter, ManualClock, May, Store, Timestamp, Update};
use tollgate_store::{Database, Error};

/// A patch that says nothing.
pub(super) fn untouched() -> NotePatch {
    NotePatch { body: Change::Keep, mark: Change::Keep, topic: Change::Keep, secret: Change::Keep }
}

pub(super) fn with_body(body: &str) -> NotePatch {
    NotePatch { body: Change::Set(body.into()), ..untouched() }
}

pub async fn a_patch_changes_what_it_says_and_nothing_else(database: Arc<dyn Database>) {
    let samples = store::<Sample>(&database).await;
    let others = samples.insert_many(&all(), vec![sample(0), sample(2)]).await.unwrap();
    let mut new = sample(1);
    new.maybe_text = Some("to be cleared".into());
    new.maybe_small = Some(5);
    let before = samples.insert(&all(), new).await.unwrap();
    let patch = SamplePatch {
        text: Change::Set("new".into()),
        maybe_text: Change::Set(None),
        maybe_flag: Change::Set(Some(true)),
        ..super::kinds::untouched()
    };
    let after = samples.update(&all(), 1, patch).await.unwrap();
    let expected = Sample { text: "new".into(), maybe_text: None, maybe_flag: Some(true), ..before };
    assert_eq!(after, expected);
    assert_eq!(samples.get(&all(), 1).await.unwrap(), expected);
    assert_eq!(everything(&samples).await, [others[0].clone(), expected, others[1].clone()]);
}

pub async fn a_patch_that_says_nothing_changes_nothing(database: Arc<dyn Database>) {
    let notes = store::<Note>(&database).await;
    let before = notes.insert(&all(), note("as it was")).await.unwrap();
    assert_eq!(notes.update(&all(), before.note_id, untouched()).await.unwrap(), before);
    assert_eq!(notes.get(&all(), before.note_id).await.unwrap(), before);
    let unknown = notes.update(&all(), before.note_id + 1, untouched()).await;
    assert!(matches!(unknown, Err(Error::NotFound)), "{unknown:?}");
    let stale = notes.update_if(&all(), before.note_id, Note::BODY.eq("other"), untouched()).await;
    assert!(matches!(stale, Err(Error::Stale)), "{stale:?}");
}

pub async fn a_replacement_keeps_what_the_server_fills(database: Arc<dyn Database>) {
    let notes = store::<Note>(&database).await;
    let before = notes.insert(&all(), marked("before")).await.unwrap();
    let after = notes.replace(&all(), before.note_id, note("after")).await.unwrap();
    let expected = Note { body: "after".into(), mark: None, version: 2, updated: after.updated, ..before };
    assert_eq!(after, expected);
    assert_eq!(notes.get(&all(), after.note_id).await.unwrap(), expected);
}

pub async fn a_replacement_with_another_key_is_refused(database: Arc<dyn Database>) {
    let words = store::<Word>(&database).await;
    let one = words.insert(&all(), word("one", 1)).await.unwrap();
    let refused = words.replace(&all(), "one".into(), word("two", 2)).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    assert_eq!(everything(&words).await, [one]);
    let replaced = words.replace(&all(), "one".into(), word("one", 2)).await.unwrap();
    assert_eq!(everything(&words).await, [replaced]);
}

pub async fn what_is_not_there_cannot_be_changed(database: Arc<dyn Database>) {
    let (tickets, words) = (store::<Ticket>(&database).await, store::<Word>(&database).await);
    let patch = || TicketPatch { title: Change::Set("x".into()) };
    assert!(matches!(tickets.update(&all(), 1, patch()).await, Err(Error::NotFound)));
    assert!(matches!(tickets.update_if(&all(), 1, Ticket::TITLE.eq("y"), patch()).await, Err(Error::NotFound)));
    assert!(matches!(words.replace(&all(), "one".into(), word("one", 1)).await, Err(Error::NotFound)));
    assert!(matches!(tickets.delete(&all(), 1).await, Err(Error::NotFound)));
    assert_eq!((everything(&tickets).await, everything(&words).await), (vec![], vec![]));
}

pub async fn a_conditional_change_happens_only_as_believed(database: Arc<dyn Database>) {
    let notes = store::<Note>(&database).await;
    let before = notes.insert(&all(), note("one")).await.unwrap();
    let id = before.note_id;
    let stale = notes.update_if(&all(), id, Note::VERSION.eq(7), with_body("two")).await;
    assert!(matches!(stale, Err(Error::Stale)), "{stale:?}");
    assert_eq!(notes.get(&all(), id).await.unwrap(), before);
    let two = notes.update_if(&all(), id, Note::VERSION.eq(1), with_body("two")).await.unwrap();
    assert_eq!((two.body.as_str(), two.version), ("two", 2));
    let again = notes.update_if(&all(), id, Note::VERSION.eq(1), with_body("three")).await;
    assert!(matches!(again, Err(Error::Stale)), "{again:?}");
    let four = notes.update_if(&all(), id, Note::BODY.eq("two") & Note::MARK.is_null(), with_body("four")).await;
    assert_eq!(four.unwrap().version, 3, "the condition speaks of the row before the change");
}

pub async fn a_row_is_replaced_or_removed_only_as_believed(database: Arc<dyn Database>) {
    let notes = store::<Note>(&database).await;
    let id = notes.insert(&all(), note("one")).await.unwrap().note_id;
    let stale = notes.replace_if(&all(), id, Note::VERSION.eq(7), note("two")).await;
    assert!(matches!(stale, Err(Error::Stale)), "{stale:?}");
    let two = notes.replace_if(&all(), id, Note::VERSION.eq(1), note("two")).await.unwrap();
    assert_eq!((two.body.as_str(), two.version), ("two", 2));
    let stale = notes.delete_if(&all(), id, Note::VERSION.eq(1)).await;
    assert!(matches!(stale, Err(Error::Stale)), "{stale:?}");
    assert_eq!(notes.get(&all(), id).await.unwrap(), two);
    notes.delete_if(&all(), id, Note::VERSION.eq(2)).await.unwrap();
    let gone = notes.delete_if(&all(), id, Note::VERSION.eq(2)).await;
    assert!(matches!(gone, Err(Error::NotFound)), "{gone:?}");
}

pub async fn of_many_who_saw_the_same_row_one_writes(database: Arc<dyn Database>) {
    let notes = store::<Note>(&database).await;
    let seen = notes.insert(&all(), note("seen")).await.unwrap();
    let mut all_of_them = JoinSet::new();
    for number in 0..10 {
        let (notes, seen) = (notes.clone(), seen.clone());
        all_of_them.spawn(async move {
            let write =
                async |notes: Store<Note>| notes.update(&all(), seen.note_id, with_body(&number.to_string())).await;
            let may: May<Update, Note> = all();
            notes.when(&may, &seen.note_id, |row| *row == seen, write).await
        });
    }
    let (done, refused): (Vec<_>, Vec<_>) = all_of_them.join_all().await.into_iter().partition(Result::is_ok);
    assert!(refused.iter().all(|no| matches!(no, Err(Error::Stale | Error::Overloaded))), "{refused:?}");
    assert_eq!(done.len(), 1, "{done:?}");
    assert_eq!(notes.get(&all(), seen.note_id).await.unwrap().version, 2);
}

pub async fn every_change_is_counted_and_dated(database: Arc<dyn Database>) {
    let start: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
    let clock = ManualClock::at(start);
    let notes = store_at::<Note>(&database, Arc::new(clock.clone())).await;
    let new = notes.insert(&all(), note("one")).await.unwrap();
    assert_eq!((new.version, new.created, new.updated), (1, start, start));
    let other = notes.insert(&all(), note("other")).await.unwrap();
    for round in 1..=3 {
        clock.advance(Duration::from_millis(1500));
        let now = start + Duration::from_millis(1500) * round;
        let changed = match round {
            1 => notes.update(&all(), new.note_id, with_body("one")).await,
            2 => notes.replace(&all(), new.note_id, note("two")).await,
            _ => notes.update_if(&all(), new.note_id, Note::VERSION.eq(3), with_body("three")).await,
        };
        let changed = changed.unwrap();
        assert_eq!((changed.version, changed.created, changed.updated), (i64::from(round) + 1, start, now));
        assert_eq!(notes.get(&all(), new.note_id).await.unwrap(), changed);
    }
    assert_eq!(notes.get(&all(), other.note_id).await.unwrap(), other, "another row stays as it is");
    let late = notes.insert(&all(), note("late")).await.unwrap();
    assert_eq!((late.created, late.updated), (clock_now(&clock), clock_now(&clock)));
}

fn clock_now(clock: &ManualClock) -> Timestamp {
    tollgate::Clock::now(clock)
}

pub async fn what_only_the_app_sets_no_caller_sends(database: Arc<dyn Database>) {
    let start: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
    let clock = ManualClock::at(start);
    let notes = store_at::<Note>(&database, Arc::new(clock.clone())).await;
    let new = notes.insert(&all(), note("one")).await.unwrap();
    assert_eq!(new.rank, None, "until it is set");
    clock.advance(Duration::from_secs(1));
    let ranked = notes.set(&all(), new.note_id, [Note::RANK.to(7), Note::TOPIC.to(1), Note::RANK.to(8)]).await.unwrap();
    let expected = Note { rank: Some(8), topic: Some(1), version: 2, updated: clock_now(&clock), ..new };
    assert_eq!(ranked, expected, "the last word counts");
    let replaced = notes.replace(&all(), ranked.note_id, note("two")).await.unwrap();
    assert_eq!(replaced.rank, Some(8), "no caller takes it away");
    let stale = notes.set_if(&all(), ranked.note_id, Note::RANK.eq(7), [Note::RANK.to(9)]).await;
    assert!(matches!(stale, Err(Error::Stale)), "{stale:?}");
    let ranked = notes.set_if(&all(), ranked.note_id, Note::RANK.eq(8), [Note::TOPIC.to(1)]).await.unwrap();
    let cleared = notes.set(&all(), ranked.note_id, [Note::RANK.to(None)]).await.unwrap();
    assert_eq!((cleared.rank, cleared.version), (None, 5));
    let unknown = notes.set(&all(), ranked.note_id + 1, [Note::RANK.to(1)]).await;
    assert!(matches!(unknown, Err(Error::NotFound)), "{unknown:?}");
    let foreign = notes.set(&all(), ranked.note_id, [Note::BODY.to("\0")]).await;
    assert!(matches!(foreign, Err(Error::Invalid(_))), "{foreign:?}");
}

pub async fn the_app_sets_no_field_that_the_server_keeps(database: Arc<dyn Database>) {
    let (notes, words) = (store::<Note>(&database).await, store::<Word>(&database).await);
    let before = notes.insert(&all(), note("one")).await.unwrap();
    let now = before.created;
    for field in [Note::NOTE_ID.to(9), Note::VERSION.to(9), Note::CREATED.to(now), Note::UPDATED.to(now)] {
        let refused = notes.set(&all(), before.note_id, [Note::RANK.to(1), field]).await;
        assert!(matches!(refused, Err(Error::Internal(_))), "{refused:?}");
    }
    let one = words.insert(&all(), word("one", 1)).await.unwrap();
    let refused = words.set(&all(), "one".into(), [Word::WORD.to("two")]).await;
    assert!(matches!(refused, Err(Error::Internal(_))), "a key stays: {refused:?}");
    assert_eq!((everything(&notes).await, everything(&words).await), (vec![before], vec![one]));
}

pub async fn what_is_deleted_is_gone(database: Arc<dyn Database>) {
    let tickets = store::<Ticket>(&database).await;
    let many = (0..10).map(|number| NewTicket { title: number.to_string() }).collect();
    let rows = tickets.insert_many(&all(), many).await.unwrap();
    tickets.delete(&all(), rows[3].ticket_id).await.unwrap();
    assert!(matches!(tickets.get(&all(), rows[3].ticket_id).await, Err(Error::NotFound)));
    assert!(matches!(tickets.delete(&all(), rows[3].ticket_id).await, Err(Error::NotFound)));
    assert_eq!(tickets.delete_all(&all(), Ticket::TITLE.in_(["3".into(), "4".into(), "5".into()])).await.unwrap(), 2);
    assert_eq!(tickets.delete_all(&all(), Ticket::TITLE.eq("none")).await.unwrap(), 0);
    assert_eq!(everything(&tickets).await.len(), 7);
    assert_eq!(tickets.delete_all(&all(), Filter::every()).await.unwrap(), 7);
    assert_eq!(everything(&tickets).await, []);
}
