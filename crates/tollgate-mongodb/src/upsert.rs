//! Documents that come, or change those that are there: one command with an upsert for each.

use crate::{
    cell::{bson, name},
    error::Refused,
    operation::Operation,
};
use mongodb::{
    bson::{Bson, Document, doc},
    error::{Error as Failure, Result as Fallible},
};
use std::ops::Range;
use tollgate_store::{Batch, Resolution, Result, Row, Table, Upsert, Value};

/// How many of them one command holds; the server takes ten times as many.
const CHUNK: usize = 10_000;

/// What is asked of each document.
pub(crate) fn updates(upsert: &Upsert, rows: &dyn Batch, range: Range<usize>) -> Result<Vec<Document>> {
    range.map(|index| update(upsert, rows.row(index))).collect()
}

fn update(upsert: &Upsert, row: &dyn Row) -> Result<Document> {
    let (table, mut change) = (upsert.table, Change::default());
    for (index, column) in table.columns.iter().enumerate().filter(|(index, _)| *index != table.id) {
        let how = upsert.columns.iter().find(|(column, _)| *column == index).map(|(_, how)| *how);
        change.say(how, name(table, index), &row.value(index)?, |value| bson(column.kind, value));
    }
    let key = bson(table.columns[table.id].kind, &row.value(table.id)?);
    Ok(doc! { "q": { "_id": { "$eq": key } }, "u": change.finish(), "upsert": true })
}

#[derive(Default)]
struct Change {
    inserted: Document,
    taken: Document,
    emptied: Document,
    added: Document,
}

impl Change {
    fn say(&mut self, how: Option<Resolution>, name: &str, value: &Value<'_>, kept: impl Fn(&Value<'_>) -> Bson) {
        match (how, value) {
            (None, Value::Null) => {}
            (None, value) => drop(self.inserted.insert(name, kept(value))),
            (Some(Resolution::Taken), Value::Null) => drop(self.emptied.insert(name, "")),
            (Some(Resolution::Taken), value) => drop(self.taken.insert(name, kept(value))),
            (Some(Resolution::Added), value) => drop(self.added.insert(name, kept(value))),
            // One that was not there begins at 1.
            (Some(Resolution::Next), _) => drop(self.added.insert(name, kept(&Value::Int(1)))),
        }
    }

    fn finish(self) -> Document {
        let all =
            [("$setOnInsert", self.inserted), ("$set", self.taken), ("$unset", self.emptied), ("$inc", self.added)];
        all.into_iter()
            .filter(|(_, part)| !part.is_empty())
            .map(|(name, part)| (name.to_owned(), part.into()))
            .collect()
    }
}

impl Operation<'_, '_> {
    /// Several documents only in a transaction: otherwise some could be kept and others not.
    pub(crate) async fn upsert(&mut self, table: &Table, updates: &[Document]) -> Fallible<()> {
        for some in updates.chunks(CHUNK) {
            let command = self.database.run_command(doc! { "update": table.name, "updates": some });
            let answer = match self.session.as_deref_mut() {
                None => command.await?,
                Some(session) => command.session(session).await?,
            };
            // The command has "succeeded" even then.
            let refused = answer.get_array("writeErrors").ok().and_then(|errors| errors.first()?.as_document());
            refused.map_or(Ok(()), |error| Err(Failure::custom(Refused::of(error))))?;
        }
        Ok(())
    }
}
