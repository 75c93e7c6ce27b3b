//! Several writes that happen together or not at all.

use crate::{Database, Error, Result, Session, Store, resource::Resource};
use std::sync::Arc;
use tokio::runtime::Handle;

/// A transaction under way. Stores take part through [`Store::on`].
#[derive(Clone)]
pub struct Transaction {
    database: Arc<dyn Database>,
    session: Arc<dyn Session>,
}

impl Transaction {
    pub(crate) fn session(&self) -> Arc<dyn Session> {
        Arc::clone(&self.session)
    }

    pub(crate) fn is_in(&self, database: &Arc<dyn Database>) -> bool {
        Arc::ptr_eq(&self.database, database)
    }
}

/// Rolls back what was left by a panic, or by a caller who went away; others may still hold a part of it.
struct Left(Option<Arc<dyn Session>>);

impl Drop for Left {
    fn drop(&mut self) {
        if let (Some(session), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(async move { session.rollback().await });
        }
    }
}

impl<T: Resource> Store<T> {
    /// Does the work in one transaction: kept as a whole if the work succeeds, not at all if it fails, panics or
    /// is dropped. Other stores of the same database take part with [`on`](Self::on).
    ///
    /// ```
    /// # use tollgate_store::{Store, Resource, Error};
    /// # use tollgate_access::{May, Create, Delete};
    /// # async fn move_it<T: Resource>(from: Store<T>, may: (May<Delete, T>, May<Create, T>), id: T::Id, new: T::New)
    /// # -> Result<T, Error> {
    /// let moved = from.transaction(async |tx| {
    ///     let from = from.on(&tx)?;
    ///     from.delete(&may.0, id).await?;
    ///     from.insert(&may.1, new).await
    /// }).await?;
    /// # Ok(moved) }
    /// ```
    ///
    /// # Errors
    /// What the work says, and what the commit says. After [`Error::Unavailable`] from the commit it is not
    /// known whether it happened.
    pub async fn transaction<R, E: From<Error>>(
        &self,
        work: impl AsyncFnOnce(Transaction) -> Result<R, E>,
    ) -> Result<R, E> {
        if self.is_in_transaction() {
            return Err(Error::internal("a transaction cannot start inside another").into());
        }
        let database = Arc::clone(self.database());
        let session = database.begin().await?;
        let mut left = Left(Some(Arc::clone(&session)));
        let done = work(Transaction { database, session: Arc::clone(&session) }).await;
        let ended = if done.is_ok() { session.commit().await } else { session.rollback().await };
        left.0 = None;
        // Why the work failed matters more than whether the transaction was over already.
        if done.is_ok() {
            ended?;
        }
        done
    }

    /// The same rows, as part of a transaction in the same database.
    ///
    /// # Errors
    /// The transaction is in another database.
    pub fn on(&self, transaction: &Transaction) -> Result<Self> {
        if transaction.is_in(self.database()) {
            Ok(self.within(transaction.session()))
        } else {
            Err(Error::internal(format!("`{}` is not in the database of this transaction", T::TABLE.name)))
        }
    }
}
