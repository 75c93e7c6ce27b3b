//! What only the app sets: fields that no caller sends, and those that change without one.
//!
//! ```
//! # use tollgate_store::{Field, Resource, Result, Store};
//! # use tollgate_access::{May, Update};
//! # async fn counted<Book: Resource>(books: Store<Book>, may: May<Update, Book>, id: Book::Id) -> Result<Book> {
//! let words: Field<Book, i64> = Field::at(2); // what `#[resource]` calls `Book::WORDS`
//! let book = books.set(&may, id, [words.to(70_000)]).await?;
//! # Ok(book) }
//! ```

use crate::{Cell, Error, Field, Filled, Filter, Resource, Result, Set, Store};
use std::{iter, marker::PhantomData};
use tollgate_access::{May, Update};

/// A field of `T` and what it becomes: `Book::WORDS.to(70_000)`.
#[derive(Debug, Clone)]
#[must_use]
pub struct Assignment<T> {
    set: Set,
    of: PhantomData<fn() -> T>,
}

/// One is a list of one: `books.set(&may, id, Book::WORDS.to(70_000))`.
impl<T> IntoIterator for Assignment<T> {
    type Item = Self;
    type IntoIter = iter::Once<Self>;

    fn into_iter(self) -> Self::IntoIter {
        iter::once(self)
    }
}

impl<T, V: Cell> Field<T, V> {
    /// What it becomes, in [`Store::set`].
    pub fn to(self, value: impl Into<V>) -> Assignment<T> {
        Assignment { set: Set::field(self.column(), &value.into()), of: PhantomData }
    }
}

impl<T: Resource> Store<T> {
    /// Sets fields of a row, those that callers never send too: `#[read_only]`, `#[owner]`. Before and after, it must be
    /// one of the caller's; the version counts it and the time of the last change is now. The rules of a field are for
    /// what callers send, and are not looked at.
    ///
    /// # Errors
    /// [`Error::Internal`] for a field that the server keeps itself (key, times, version), and as
    /// [`update`](Self::update).
    pub async fn set(
        &self,
        may: &May<Update, T>,
        id: T::Id,
        fields: impl IntoIterator<Item = Assignment<T>>,
    ) -> Result<T> {
        self.set_if(may, id, Filter::every(), fields).await
    }

    /// Sets fields of a row only if it still matches: `Book::VERSION.eq(7)`.
    ///
    /// # Errors
    /// [`Error::Stale`] if it does not match, and as [`set`](Self::set).
    pub async fn set_if(
        &self,
        may: &May<Update, T>,
        id: T::Id,
        only: Filter<T>,
        fields: impl IntoIterator<Item = Assignment<T>>,
    ) -> Result<T> {
        let mut set: Vec<Set> = Vec::new();
        for Assignment { set: one, .. } in fields {
            // Databases differ in what they make of a column that is set twice.
            set.retain(|before| before.column != one.column);
            set.push(one);
        }
        match set.iter().find(|set| is_kept::<T>(set.column)) {
            Some(set) => {
                Err(Error::internal(format!("the server keeps `{}` itself", T::TABLE.columns[set.column].name)))
            }
            None => self.change(may, id, only.expr, set).await,
        }
    }
}

fn is_kept<T: Resource>(column: usize) -> bool {
    match T::TABLE.columns[column].filled {
        Filled::ByGenerator | Filled::ByCreation | Filled::ByUpdate | Filled::ByVersion => true,
        Filled::ByCaller | Filled::ByOwner | Filled::ByApp => column == T::TABLE.id,
    }
}
