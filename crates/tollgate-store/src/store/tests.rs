//! What a change says of a row that comes while it is looked for.

use super::*;
use crate::{Answer, Batch, Each, Lanes, Memory, Session, Table};
use std::{ops::Range, sync::Mutex};
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
