//! What a change says of a row that comes while it is looked for.

use super::*;
use crate::{
    Answer, Batch, Each, Lanes, Memory, Row, Session, Table, Told, Upsert,
    changes::{ChangeLog, Follower, LoggedChange},
};
use jiff::Timestamp;
use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tollgate_access::{Actor, Identity};
use tollgate_core::{Change as Wanted, SystemClock};

/// A note of somebody.
#[tollgate_macros::resource(plural = "notes")]
struct Note {
    #[id]
    note_id: i64,
    #[owner]
    writer: String,
    text: String,
}

/// A database in which a note comes between a change that did not find it and whoever asks why.
struct Late {
    memory: Arc<Memory>,
    note: Mutex<Option<NewNote>>,
}

fn ann() -> Actor {
    Identity::new("ann").granted(["*:notes"]).into()
}

fn notes(database: Arc<dyn Database>) -> Store<Note> {
    Store::new(database, Arc::new(SystemClock::default()))
}

impl Database for Late {
    fn describe(&self) -> String {
        self.memory.describe()
    }

    fn begin(&self) -> Answer<'_, Arc<dyn Session>> {
        self.memory.begin()
    }

    fn prepare<'a>(&'a self, tables: &'a [&'static Table], additive: bool) -> Answer<'a, Vec<String>> {
        self.memory.prepare(tables, additive)
    }

    fn time(&self) -> Answer<'_, Option<Timestamp>> {
        self.memory.time()
    }

    fn ping(&self) -> Answer<'_, ()> {
        self.memory.ping()
    }
}

impl Driver for Late {
    fn lanes(&self) -> Lanes {
        self.memory.lanes()
    }

    fn select<'a>(&'a self, select: &'a Select, each: Each<'a>) -> Answer<'a, ()> {
        self.memory.select(select, each)
    }

    fn count<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        self.memory.count(table, filter)
    }

    fn insert<'a>(
        &'a self,
        table: &'static Table,
        rows: Arc<dyn Batch>,
        range: Range<usize>,
    ) -> Answer<'a, Vec<Value<'static>>> {
        self.memory.insert(table, rows, range)
    }

    fn upsert<'a>(&'a self, upsert: &'a Upsert, rows: Arc<dyn Batch>, range: Range<usize>) -> Answer<'a, ()> {
        self.memory.upsert(upsert, rows, range)
    }

    fn update<'a>(&'a self, update: &'a Change, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            self.memory.update(update, each).await?;
            let Some(note) = self.note.lock().unwrap().take() else { return Ok(()) };
            notes(self.memory.clone()).insert(&ann().may().unwrap(), note).await.map(drop)
        })
    }

    fn delete<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        self.memory.delete(table, filter)
    }
}

#[tokio::test]
async fn a_row_that_came_meanwhile_was_not_there_and_is_none_out_of_reach() {
    let note = NewNote { note_id: 1, text: "new".into() };
    let notes = notes(Arc::new(Late { memory: Arc::default(), note: Mutex::new(Some(note)) }));
    let patch = || NotePatch { text: Wanted::Set("changed".into()) };
    let changed = notes.update(&ann().may().unwrap(), 1, patch()).await;
    assert!(matches!(changed, Err(Error::NotFound)), "{changed:?}");
    let changed = notes.update(&ann().may().unwrap(), 1, patch()).await;
    assert_eq!(changed.unwrap().text, "changed", "it is there by now");
}

/// A database, or a transaction, in which a note comes once others were looked for, and some changes find others in their
/// way.
struct Busy<D: ?Sized> {
    of: Arc<D>,
    late: Arc<Mutex<Vec<Note>>>,
    refusals: Arc<AtomicUsize>,
    /// Whether those that are refused have waited.
    waits: bool,
    /// How many notes were read.
    read: Arc<AtomicUsize>,
}

impl Database for Busy<Memory> {
    fn describe(&self) -> String {
        self.of.describe()
    }

    fn begin(&self) -> Answer<'_, Arc<dyn Session>> {
        Box::pin(async {
            let (of, late, refusals) = (self.of.begin().await?, Arc::clone(&self.late), Arc::clone(&self.refusals));
            Ok(Arc::new(Busy { of, late, refusals, waits: self.waits, read: Arc::clone(&self.read) }) as _)
        })
    }

    fn prepare<'a>(&'a self, tables: &'a [&'static Table], additive: bool) -> Answer<'a, Vec<String>> {
        self.of.prepare(tables, additive)
    }

    fn time(&self) -> Answer<'_, Option<Timestamp>> {
        self.of.time()
    }

    fn ping(&self) -> Answer<'_, ()> {
        self.of.ping()
    }
}

impl Session for Busy<dyn Session> {
    fn commit(&self) -> Answer<'_, ()> {
        self.of.commit()
    }

    fn rollback(&self) -> Answer<'_, ()> {
        self.of.rollback()
    }
}

impl<D: Driver + ?Sized> Driver for Busy<D> {
    fn lanes(&self) -> Lanes {
        Lanes { waits: self.waits, ..self.of.lanes() }
    }

    fn select<'a>(&'a self, select: &'a Select, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let is_of_notes = select.table.name == Note::TABLE.name;
            let mut counted = |row: &dyn Row| {
                self.read.fetch_add(is_of_notes.into(), Ordering::Relaxed);
                each(row)
            };
            self.of.select(select, &mut counted).await?;
            let late = if is_of_notes { std::mem::take(&mut *self.late.lock().unwrap()) } else { vec![] };
            let count = late.len();
            self.of.insert(Note::TABLE, Arc::new(late), 0..count).await.map(drop)
        })
    }

    fn count<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        self.of.count(table, filter)
    }

    fn insert<'a>(
        &'a self,
        table: &'static Table,
        rows: Arc<dyn Batch>,
        range: Range<usize>,
    ) -> Answer<'a, Vec<Value<'static>>> {
        self.of.insert(table, rows, range)
    }

    fn upsert<'a>(&'a self, upsert: &'a Upsert, rows: Arc<dyn Batch>, range: Range<usize>) -> Answer<'a, ()> {
        self.of.upsert(upsert, rows, range)
    }

    fn update<'a>(&'a self, update: &'a Change, each: Each<'a>) -> Answer<'a, ()> {
        let refuse = |left: usize| left.checked_sub(1);
        match self.refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, refuse) {
            Ok(_) => Box::pin(async { Err(Error::Overloaded) }),
            Err(_) => self.of.update(update, each),
        }
    }

    fn delete<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        self.of.delete(table, filter)
    }
}

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

fn note(note_id: i64) -> Note {
    Note { note_id, writer: ann().id().to_string(), text: "a note".into() }
}

/// What comes late, in a database that refuses so often.
async fn busy(late: &[Note], refusals: usize) -> (Store<Note>, Follower) {
    let (late, refusals) = (Arc::new(Mutex::new(late.to_vec())), Arc::new(AtomicUsize::new(refusals)));
    followed(Busy { of: Arc::default(), late, refusals, waits: false, read: Arc::default() }).await
}

async fn followed(database: Busy<Memory>) -> (Store<Note>, Follower) {
    let database: Arc<dyn Database> = Arc::new(database);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let follower = Follower::begin(ChangeLog::of(&database, &clock)).await.unwrap();
    (Store::watched(database, clock, Some(Arc::new(Following))), follower)
}

async fn logged(follower: &mut Follower) -> Vec<Vec<i64>> {
    let keys = |entry: &LoggedChange| entry.rows::<Note>().unwrap().iter().map(|row| row.id).collect();
    follower.next().await.unwrap().iter().map(keys).collect()
}

#[tokio::test]
async fn a_followed_write_leaves_alone_what_came_after_it_was_looked_for() {
    let (notes, mut follower) = busy(&[note(2)], 0).await;
    let (create, delete) = (ann().may().unwrap(), ann().may().unwrap());
    notes.insert(&create, NewNote { note_id: 1, text: "a note".into() }).await.unwrap();
    assert_eq!(notes.delete_all(&delete, Filter::every()).await.unwrap(), 1);
    assert_eq!(logged(&mut follower).await, [vec![1], vec![1]]);
    assert_eq!(notes.count(&ann().may().unwrap(), Filter::every()).await.unwrap(), 1, "the late one is there");
    let (notes, mut follower) = busy(&[note(3)], 0).await;
    let patch = || NotePatch { text: Wanted::Set("changed".into()) };
    let changed = notes.update(&ann().may().unwrap(), 3, patch()).await;
    assert!(matches!(changed, Err(Error::NotFound)), "{changed:?}");
    assert_eq!(logged(&mut follower).await, [[0; 0]; 0]);
}

#[tokio::test]
async fn a_followed_write_waits_until_its_turn_comes_but_one_of_a_larger_transaction_does_not() {
    let (notes, mut follower) = busy(&[], 3).await;
    let patch = || NotePatch { text: Wanted::Set("changed".into()) };
    notes.insert(&ann().may().unwrap(), NewNote { note_id: 1, text: "a note".into() }).await.unwrap();
    assert_eq!(notes.update(&ann().may().unwrap(), 1, patch()).await.unwrap().text, "changed");
    assert_eq!(logged(&mut follower).await, [[1], [1]], "and is logged once");
    let (notes, _) = busy(&[note(1)], 1).await;
    let larger = notes.transaction(async |tx| notes.on(&tx)?.update(&ann().may().unwrap(), 1, patch()).await);
    assert!(matches!(larger.await, Err(Error::Overloaded)), "what else it did is not known here");
}

#[tokio::test]
async fn a_followed_write_that_has_waited_does_not_wait_again() {
    let refusals = Arc::new(AtomicUsize::new(1));
    let busy = Busy { of: Arc::default(), late: Arc::default(), refusals, waits: true, read: Arc::default() };
    let (notes, _) = followed(busy).await;
    notes.insert(&ann().may().unwrap(), NewNote { note_id: 1, text: "a note".into() }).await.unwrap();
    let patch = NotePatch { text: Wanted::Set("changed".into()) };
    let refused = notes.update(&ann().may().unwrap(), 1, patch).await;
    assert!(matches!(refused, Err(Error::Overloaded)), "{refused:?}");
}

#[tokio::test]
async fn of_rows_that_are_too_large_to_be_told_no_more_are_read_than_that_takes() {
    let read = Arc::new(AtomicUsize::new(0));
    let busy = Busy {
        of: Arc::default(),
        late: Arc::default(),
        refusals: Arc::default(),
        waits: true,
        read: Arc::clone(&read),
    };
    let (notes, mut follower) = followed(busy).await;
    let large = |note_id| NewNote { note_id, text: "x".repeat(100_000) };
    notes.insert_many(&ann().may().unwrap(), (0..1000).map(large).collect()).await.unwrap();
    follower.next().await.unwrap();
    assert_eq!(notes.delete_all(&ann().may().unwrap(), Filter::every()).await.unwrap(), 1000);
    assert!((160..=600).contains(&read.load(Ordering::Relaxed)), "{read:?} of them");
    let told = follower.next().await.unwrap();
    assert!(told.iter().all(|entry| entry.rows::<Note>().is_none()), "everything");
}
