//! Fields with their types: what conditions and orders are written with.
//!
//! ```
//! # use tollgate_store::{Field, Filter};
//! # struct Movie;
//! # impl Movie { const RELEASED: Field<Movie, i32> = Field::at(2); const RATING: Field<Movie, f64> = Field::at(3); }
//! let wanted: Filter<Movie> = Movie::RELEASED.gte(1990) & Movie::RATING.gte(8.0);
//! ```
//!
//! The names are the same over HTTP: `?released.gte=1990&rating.gte=8.0`.

use crate::{Cell, Expr, Filter, Op, Order, Ordered, filter::is_foreign};
use std::{fmt, marker::PhantomData};

/// A field of `T` that holds a `V`, by the index of its column.
pub struct Field<T, V> {
    column: usize,
    of: PhantomData<fn() -> (T, V)>,
}

impl<T, V> fmt::Debug for Field<T, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field").field("column", &self.column).finish_non_exhaustive()
    }
}

impl<T, V> Clone for Field<T, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, V> Copy for Field<T, V> {}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident => $op:ident;)+) => {$(
        $(#[$doc])*
        pub fn $name(self, value: impl Into<V::Plain>) -> Filter<T> {
            self.compare(Op::$op, &value.into())
        }
    )+};
}

impl<T, V> Field<T, V> {
    /// The field of the column with this index.
    pub const fn at(column: usize) -> Self {
        Self { column, of: PhantomData }
    }

    pub(crate) fn column(self) -> usize {
        self.column
    }
}

impl<T, V: Cell<Plain: Ordered>> Field<T, V> {
    comparisons! {
        /// Equal to the value.
        eq => Eq;
        /// Less than the value.
        lt => Lt;
        /// At most the value.
        lte => Lte;
        /// Greater than the value.
        gt => Gt;
        /// At least the value.
        gte => Gte;
    }

    fn compare(self, op: Op, value: &V::Plain) -> Filter<T> {
        let value = value.show().into_owned();
        if is_foreign(&value) { Expr::NONE.into() } else { Expr::Compare(self.column, op, value).into() }
    }

    /// Different from the value; an empty cell is.
    pub fn ne(self, value: impl Into<V::Plain>) -> Filter<T> {
        !self.eq(value)
    }

    /// Equal to one of the values.
    pub fn in_(self, values: impl IntoIterator<Item = V::Plain>) -> Filter<T> {
        let values = values.into_iter().map(|value| value.show().into_owned());
        Expr::In(self.column, values.filter(|value| !is_foreign(value)).collect()).into()
    }

    /// From the least to the greatest.
    pub fn asc(self) -> Sort<T> {
        Sort { order: Order { column: self.column, descending: false }, of: PhantomData }
    }

    /// From the greatest to the least.
    pub fn desc(self) -> Sort<T> {
        Sort { order: Order { column: self.column, descending: true }, of: PhantomData }
    }
}

impl<T, V: Cell> Field<T, Option<V>>
where
    Option<V>: Cell,
{
    /// Empty.
    pub fn is_null(self) -> Filter<T> {
        Expr::IsNull(self.column).into()
    }
}

impl<T, V: Cell<Plain = String>> Field<T, V> {
    /// Contains the text, case and all.
    pub fn contains(self, text: impl Into<String>) -> Filter<T> {
        self.search(text.into(), Expr::Contains)
    }

    /// Starts with the text.
    pub fn starts_with(self, text: impl Into<String>) -> Filter<T> {
        self.search(text.into(), Expr::StartsWith)
    }

    fn search(self, text: String, how: fn(usize, String) -> Expr) -> Filter<T> {
        if text.contains('\0') { Expr::NONE.into() } else { how(self.column, text).into() }
    }
}

impl<T, V: Cell<Plain = Vec<String>>> Field<T, V> {
    /// Has this text, case and all, among others.
    pub fn has(self, text: impl Into<String>) -> Filter<T> {
        let text = text.into();
        if text.contains('\0') { Expr::NONE.into() } else { Expr::Has(self.column, text).into() }
    }
}

/// An order of the rows of `T`.
pub struct Sort<T> {
    pub(crate) order: Order,
    of: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for Sort<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sort").field(&self.order).finish()
    }
}

impl<T> From<Order> for Sort<T> {
    fn from(order: Order) -> Self {
        Self { order, of: PhantomData }
    }
}
