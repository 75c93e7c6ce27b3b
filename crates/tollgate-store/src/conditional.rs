//! Writes that happen only if the row is as the caller believes it to be, with nothing in between.
//!
//! Where a column can tell, such as a `#[version]`, the condition is part of the statement that writes. Where only the
//! row as a whole can, it is read in the transaction that writes, which keeps others from changing it.

use crate::{
    Error, Expr, Filter, Resource, Result, Store,
    store::{by_id, scope},
};
use tollgate_access::{Delete, May, Update};

impl<T: Resource> Store<T> {
    /// Changes part of a row only if it still matches: `Job::STATE.eq("waiting")`, `Book::VERSION.eq(7)`.
    ///
    /// # Errors
    /// [`Error::Stale`] if it does not match, and as [`update`](Self::update).
    pub async fn update_if(&self, may: &May<Update, T>, id: T::Id, only: Filter<T>, patch: T::Patch) -> Result<T> {
        self.change(may, id, only.into(), T::patch(patch)).await
    }

    /// Replaces a row only if it still matches.
    ///
    /// # Errors
    /// [`Error::Stale`] if it does not match, and as [`replace`](Self::replace).
    pub async fn replace_if(&self, may: &May<Update, T>, id: T::Id, only: Filter<T>, new: T::New) -> Result<T> {
        self.put(may, id, only.into(), new).await
    }

    /// Removes a row only if it still matches.
    ///
    /// # Errors
    /// [`Error::Stale`] if it does not match, and as [`delete`](Self::delete).
    pub async fn delete_if(&self, may: &May<Delete, T>, id: T::Id, only: Filter<T>) -> Result<()> {
        self.remove(may, id, only.into()).await
    }

    /// Does a write only if the row is as it should be: `write` gets this store within the transaction in which that was
    /// looked at.
    ///
    /// # Errors
    /// [`Error::Stale`] if it is not, [`Error::NotFound`] if there is none among the caller's rows, and what the write
    /// says. [`Error::Overloaded`] from MongoDB if another changes the row at this moment.
    pub async fn when<A, R>(
        &self,
        may: &May<A, T>,
        id: &T::Id,
        is_wanted: impl Fn(&T) -> bool,
        write: impl AsyncFnOnce(Self) -> Result<R>,
    ) -> Result<R> {
        let mine: Expr = by_id::<T>([id.clone()]).and(scope(may.rows()));
        self.transaction(async |tx| {
            let here = self.on(&tx)?;
            let row = here.one(mine).await?;
            if is_wanted(&row) { write(here).await } else { Err(Error::Stale) }
        })
        .await
    }
}
