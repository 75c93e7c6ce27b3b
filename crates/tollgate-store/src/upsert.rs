//! Upserts: rows that come, or change those that are there: counts, current states.
//!
//! One statement for any number of rows, on every database. Two who upsert the same rows at once take turns, in the
//! order of the keys, so that neither waits for the other forever and no addition is lost.
//!
//! ```
//! # use tollgate_store::{Field, Resource, Result, Store};
//! # use tollgate_access::{Create, May, Update};
//! # async fn count<Word: Resource>(words: Store<Word>, may: (May<Create, Word>, May<Update, Word>), seen: Vec<Word>)
//! # -> Result<()> {
//! let count: Field<Word, i64> = Field::at(1); // what `#[resource]` calls `Word::COUNT`
//! words.upsert(&may, seen, [count.added()]).await?;
//! # Ok(()) }
//! ```

use crate::{
    Cell, Error, Field, Filled, Kind, Resource, Result, Row, Store, Table, Value,
    measures::round_trip,
    store::{Touched, by_id, check, event},
};
use std::{marker::PhantomData, sync::Arc};
use tollgate_access::{Create, May, Rows, Update};
use tracing::Instrument;

/// What becomes of rows whose key is there already.
#[derive(Debug, Clone)]
pub struct Upsert {
    /// The table.
    pub table: &'static Table,
    /// Columns, and what becomes of each; the others stay. Empty to leave such rows as they are.
    pub columns: Vec<(usize, Resolution)>,
}

/// What becomes of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// What the new row holds.
    Taken,
    /// The sum of both.
    Added,
    /// One more than it is.
    Next,
}

/// A field of `T` and what becomes of it where a row is there: `Word::COUNT.added()`.
#[derive(Debug, Clone)]
#[must_use]
pub struct OnConflict<T> {
    column: usize,
    how: Resolution,
    of: PhantomData<fn() -> T>,
}

/// Numbers that can be added up.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be added up",
    note = "a sum is an `i32`, an `i64` or an `f64`"
)]
pub trait Summand: Cell {}
impl Summand for i32 {}
impl Summand for i64 {}
impl Summand for f64 {}

impl<T, V: Summand> Field<T, V> {
    /// In [`Store::upsert`]: the sum of what is there and what comes.
    pub fn added(self) -> OnConflict<T> {
        OnConflict { column: self.column(), how: Resolution::Added, of: PhantomData }
    }
}

impl<T, V: Cell> Field<T, V> {
    /// In [`Store::upsert`]: what comes.
    pub fn taken(self) -> OnConflict<T> {
        OnConflict { column: self.column(), how: Resolution::Taken, of: PhantomData }
    }
}

impl<T: Resource> Store<T> {
    /// Adds these rows, as they are but with the first version; of those whose key is there already, the named fields
    /// change and the others stay. The version counts that, and the time of the last change is that of the new row. All
    /// of it happens or nothing.
    ///
    /// Rows are the app's own here, not a caller's: both permissions must be for every row, as those of a
    /// [`System`](tollgate_access::System) are.
    ///
    /// # Errors
    /// [`Error::Unscoped`] if a permission is for some rows; [`Error::Internal`] if two of the rows have one key, the
    /// database counts the keys, or values of another field are unique; [`Error::Invalid`] or [`Error::Rejected`] if a
    /// value cannot be stored.
    #[doc(alias = "merge")]
    pub async fn upsert(
        &self,
        (create, update): &(May<Create, T>, May<Update, T>),
        mut rows: Vec<T>,
        fields: impl IntoIterator<Item = OnConflict<T>>,
    ) -> Result<()> {
        if !matches!((create.rows(), update.rows()), (Rows::All, Rows::All)) {
            let why = format!("rows of `{}` are upserted by those alone who may write every row", T::TABLE.name);
            return Err(Error::Unscoped(Error::source_of(why)));
        }
        let upsert = statement::<T>(fields)?;
        rows.sort_unstable_by_key(T::id);
        if rows.windows(2).any(|pair| pair[0].id() == pair[1].id()) {
            return Err(Error::internal("two of the rows to be upserted have one key"));
        }
        rows.iter().try_for_each(check)?;
        if rows.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = rows.into_iter().map(New).collect();
        let (upsert, rows) = (&upsert, &Arc::new(rows));
        let write = |here: Self, _| async move {
            here.driver().upsert(upsert, Arc::clone(rows) as _, 0..rows.len()).await?;
            Ok(Arc::clone(rows))
        };
        let ids = |rows: &Arc<Vec<New<T>>>| rows.iter().map(|row| row.0.id()).collect::<Vec<_>>();
        let events = |rows: &_| ids(rows).iter().map(|id| event(update, "upsert").of_row(id)).collect();
        let there = by_id::<T>(ids(rows));
        let touched = Touched { there: Some(&there), made: ids };
        self.recorded(update.actor(), touched, write, events).instrument(round_trip("upsert", T::TABLE)).await?;
        Ok(())
    }
}

/// A row as it is where none is there: not every database could begin with another version and count on.
struct New<T>(T);

impl<T: Resource> Row for New<T> {
    fn value(&self, column: usize) -> Result<Value<'_>> {
        match T::TABLE.columns.get(column) {
            Some(of) if of.filled == Filled::ByVersion => Ok(Value::Int(1)),
            _ => self.0.value(column),
        }
    }
}

fn statement<T: Resource>(fields: impl IntoIterator<Item = OnConflict<T>>) -> Result<Upsert> {
    let table = T::TABLE;
    let is_unique = table.columns.iter().enumerate().any(|(index, column)| column.unique && index != table.id);
    if table.counted || is_unique {
        return Err(Error::internal(format!("rows of `{}` are not known by a key that is theirs alone", table.name)));
    }
    let mut columns: Vec<_> = fields.into_iter().map(|field| (field.column, field.how)).collect();
    if columns.iter().any(|(column, _)| *column == table.id) {
        return Err(Error::internal("a key stays"));
    }
    if !columns.is_empty() {
        columns.extend(table.filled(Filled::ByUpdate).map(|column| (column, Resolution::Taken)));
        columns.extend(table.filled(Filled::ByVersion).map(|column| (column, Resolution::Next)));
    }
    Ok(Upsert { table, columns })
}

impl Resolution {
    /// What a column of that kind holds after the upsert.
    ///
    /// # Errors
    /// [`Error::Rejected`] if a sum is too large.
    pub fn of(self, kind: Kind, there: &Value<'static>, comes: Value<'static>) -> Result<Value<'static>> {
        let sum = match (self, there, comes) {
            (Self::Taken, _, comes) => return Ok(comes),
            (Self::Added, Value::Int(a), Value::Int(b)) => a.checked_add(b).map(Value::Int),
            (Self::Added, Value::Float(a), Value::Float(b)) => Some(Value::Float(a + b)),
            (Self::Next, Value::Int(a), _) => a.checked_add(1).map(Value::Int),
            (_, there, _) => return Ok(there.clone()),
        };
        let fits = |sum: &Value<'_>| match sum {
            Value::Int(sum) => kind != Kind::Int32 || i32::try_from(*sum).is_ok(),
            Value::Float(sum) => sum.is_finite(),
            _ => true,
        };
        sum.filter(fits).ok_or_else(|| Error::Rejected(Error::source_of("the sum is too large")))
    }
}
