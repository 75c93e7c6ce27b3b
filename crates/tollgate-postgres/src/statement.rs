//! What a statement binds, and what its answer says.

use crate::{
    cell::{Asked, Bound, Shown},
    connection::Rows,
};
use std::ops::Range;
use tollgate_store::{Batch, Each, Error, Result, Shape, Table, Value};

/// Shows each row of an answer.
pub(crate) fn show(answer: &Rows, each: Each<'_>) -> Result<()> {
    answer.rows.iter().try_for_each(|row| each(&Shown(row)))
}

/// Shows each row of an answer to SQL of the app's own.
pub(crate) fn show_asked(answer: &Rows, shape: &Shape, each: Each<'_>) -> Result<()> {
    answer.rows.iter().try_for_each(|row| each(&Asked { row: Shown(row), shape }))
}

/// The number in an answer to `SELECT count(*)`.
pub(crate) fn counted(answer: &Rows) -> Result<u64> {
    match answer.rows.first().map(|row| Shown(row).cell(0)) {
        Some(Ok(Value::Int(count))) => Ok(count.unsigned_abs()),
        _ => Err(Error::internal("a count is no number")),
    }
}

/// The keys in an answer to an insert, if the database counts them.
pub(crate) fn keys_of(answer: &Rows) -> Result<Vec<Value<'static>>> {
    answer.rows.iter().map(|row| Shown(row).cell(0).map(Value::into_owned)).collect()
}

/// What an insert binds.
pub(crate) fn columns_of<'a>(table: &Table, rows: &'a dyn Batch, range: &Range<usize>) -> Vec<Bound<'a>> {
    let column = |(index, column): (usize, &tollgate_store::Column)| Bound::Column {
        rows,
        column: index,
        kind: column.kind,
        range: range.clone(),
    };
    table.written().map(column).collect()
}
