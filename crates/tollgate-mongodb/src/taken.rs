//! Has another document this value already? In a transaction that is asked before: the server ends the whole at the
//! first step that it refuses, while on other databases a conflict undoes itself alone.
//!
//! A document that was not there when the transaction began, the server itself notices: then the whole fails and may be
//! tried again.

use crate::session::TransactionSession;
use std::ops::Range;
use tollgate_store::{Batch, Driver, Error, Expr, Op, Result, Table, To, Update, Value};

impl TransactionSession {
    /// Refuses rows of which a unique value is taken, by a document or by another of them.
    pub(crate) async fn check_rows(&self, table: &'static Table, rows: &dyn Batch, range: Range<usize>) -> Result<()> {
        for column in unique(table).filter(|column| !(table.counted && *column == table.id)) {
            let values = range.clone().map(|index| Ok(rows.row(index).value(column)?.into_owned()));
            let mut values: Vec<_> = values.collect::<Result<_>>()?;
            values.retain(|value| *value != Value::Null);
            values.sort_unstable_by(Value::order);
            if values.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(conflict(table, column));
            }
            self.check(table, column, Expr::In(column, values)).await?;
        }
        Ok(())
    }

    /// Refuses a change to a unique value that a document has which is not changed itself.
    pub(crate) async fn check_update(&self, update: &Update) -> Result<()> {
        for set in update.set.iter().filter(|set| unique(update.table).any(|column| column == set.column)) {
            let To::Value(value) = &set.to else { continue };
            let others = Expr::Not(Box::new(update.filter.clone()));
            let taken = Expr::Compare(set.column, Op::Eq, value.clone()).and(others);
            if *value != Value::Null && self.count(update.table, &update.filter).await? > 0 {
                self.check(update.table, set.column, taken).await?;
            }
        }
        Ok(())
    }

    async fn check(&self, table: &'static Table, column: usize, taken: Expr) -> Result<()> {
        if self.count(table, &taken).await? == 0 {
            return Ok(());
        }
        self.until_kept(table).await;
        Err(conflict(table, column))
    }
}

/// The columns whose values differ in all documents.
fn unique(table: &'static Table) -> impl Iterator<Item = usize> {
    let columns = table.columns.iter().enumerate();
    columns.filter(|(index, column)| *index == table.id || column.unique).map(|(index, _)| index)
}

fn conflict(table: &'static Table, column: usize) -> Error {
    Error::Conflict { column: Some(table.columns[column].name.to_owned()) }
}
