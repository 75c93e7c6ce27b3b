//! Random upserts and changes: the database keeps what Rust computes.

use super::{
    agreement::{chance, seed},
    resources::{Tally, all, everything, store},
    upserting::both,
};
use proptest::{collection::vec, option, prelude::*};
use std::{collections::BTreeMap, sync::Arc};
use tokio::{runtime::Handle, task::block_in_place};
use tollgate::{Filter, Store, Timestamp};
use tollgate_store::{Database, Error};

const CASES: u32 = 20;

type Rows = BTreeMap<String, Tally>;

/// A write, and what it does.
#[derive(Debug, Clone)]
enum Write {
    /// Of rows with different keys; which of their fields are added, and which are taken.
    Upsert {
        rows: Rows,
        added: [bool; 3],
        taken: bool,
    },
    /// What is counted, and said last, of the row with that key.
    Set(String, i64, Option<String>),
    Delete(String),
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(&["", "a", "A", "é", "b c"][..]).prop_map(str::to_owned)
}

fn count() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -3_i64..4, 1 => Just(i64::MAX), 1 => Just(i64::MIN)]
}

fn pieces() -> impl Strategy<Value = i32> {
    prop_oneof![4 => -3..4, 1 => Just(i32::MAX), 1 => Just(i32::MIN)]
}

fn share() -> impl Strategy<Value = f64> {
    prop_oneof![4 => (-8..9).prop_map(|eighths| f64::from(eighths) / 8.0), 1 => Just(f64::MAX), 1 => Just(f64::MIN)]
}

fn row() -> impl Strategy<Value = Tally> {
    (word(), count(), option::of(word()), share(), pieces(), 1_i64..9).prop_map(
        |(word, count, last, share, pieces, version)| {
            let seen = Timestamp::from_second(version).unwrap();
            Tally { word, count, last, share, pieces, version, seen }
        },
    )
}

fn write() -> impl Strategy<Value = Write> {
    let rows = vec(row(), 1..4).prop_map(|rows| rows.into_iter().map(|row| (row.word.clone(), row)).collect());
    let upsert = (rows, any::<[bool; 3]>(), any::<bool>());
    prop_oneof![
        8 => upsert.prop_map(|(rows, added, taken)| Write::Upsert { rows, added, taken }),
        2 => (word(), count(), option::of(word())).prop_map(|(word, count, last)| Write::Set(word, count, last)),
        1 => word().prop_map(Write::Delete),
    ]
}

/// What a row becomes; nothing if a sum is too large.
fn upserted(there: Option<&Tally>, comes: Tally, added: [bool; 3], taken: bool) -> Option<Tally> {
    let Some(there) = there else { return Some(Tally { version: 1, ..comes }) };
    let mut row = there.clone();
    if added[0] {
        row.count = row.count.checked_add(comes.count)?;
    }
    if added[1] {
        row.pieces = row.pieces.checked_add(comes.pieces)?;
    }
    if added[2] {
        row.share = Some(row.share + comes.share).filter(|sum| sum.is_finite())?;
    }
    if taken {
        row.last = comes.last;
    }
    if taken || added.contains(&true) {
        row.version += 1;
        row.seen = comes.seen;
    }
    Some(row)
}

/// What a write leaves; nothing if it is refused.
fn computed(before: &Rows, write: &Write) -> Option<Rows> {
    let mut rows = before.clone();
    match write.clone() {
        Write::Upsert { rows: coming, added, taken } => {
            for (word, comes) in coming {
                let row = upserted(rows.get(&word), comes, added, taken)?;
                rows.insert(word, row);
            }
        }
        Write::Set(word, count, last) => {
            let there = rows.get_mut(&word)?;
            *there = Tally { count, last, version: there.version + 1, ..there.clone() };
        }
        Write::Delete(word) => drop(rows.remove(&word)?),
    }
    Some(rows)
}

async fn done(tallies: &Store<Tally>, write: &Write) -> Result<(), Error> {
    match write.clone() {
        Write::Upsert { rows, added, taken } => {
            let each = [Tally::COUNT.added(), Tally::PIECES.added(), Tally::SHARE.added()];
            let fields = each.into_iter().zip(added).filter(|(_, is)| *is).map(|(field, _)| field);
            let fields = fields.chain(taken.then(|| Tally::LAST.taken()));
            tallies.upsert(&both(), rows.into_values().collect(), fields).await
        }
        Write::Set(word, count, last) => {
            tallies.set(&all(), word, [Tally::COUNT.to(count), Tally::LAST.to(last)]).await.map(drop)
        }
        Write::Delete(word) => tallies.delete(&all(), word).await,
    }
}

/// Does a write, and says what is kept then.
async fn agree(tallies: &Store<Tally>, rows: Rows, write: &Write) -> Result<Rows, TestCaseError> {
    let (computed, outcome) = (computed(&rows, write), done(tallies, write).await);
    let is_expected = matches!(
        (&outcome, write, &computed),
        (Ok(()), _, Some(_))
            | (Err(Error::Rejected(_)), Write::Upsert { .. }, None)
            | (Err(Error::NotFound), Write::Set(..) | Write::Delete(_), None)
    );
    prop_assert!(is_expected, "{:?} in {:?} is told {:?}", write, rows, outcome);
    let kept: Rows = everything(tallies).await.into_iter().map(|row| (row.word.clone(), row)).collect();
    let mut rows = computed.unwrap_or(rows);
    // When it was set nobody computes.
    if let Write::Set(word, ..) = write
        && let (Some(row), Some(kept)) = (rows.get_mut(word), kept.get(word))
    {
        row.seen = kept.seen;
    }
    prop_assert_eq!(&kept, &rows, "after {:?}", write);
    Ok(rows)
}

async fn all_agree(tallies: &Store<Tally>, writes: Vec<Write>) -> Result<(), TestCaseError> {
    tallies.delete_all(&all(), Filter::every()).await.unwrap();
    let mut rows = Rows::new();
    for write in writes {
        rows = agree(tallies, rows, &write).await?;
    }
    Ok(())
}

pub async fn the_database_keeps_what_random_writes_come_to(database: Arc<dyn Database>) {
    let tallies = store::<Tally>(&database).await;
    let (runtime, seed) = (Handle::current(), seed());
    let run = |writes| runtime.block_on(all_agree(&tallies, writes));
    let outcome = block_in_place(|| chance(seed, CASES).run(&vec(write(), 1..20), run));
    if let Err(failure) = outcome {
        panic!("TOLLGATE_SEED={seed}: {failure}");
    }
}
