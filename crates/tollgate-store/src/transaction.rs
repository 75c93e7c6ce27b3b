//! Several writes that happen together or not at all.

use crate::{
    Database, Error, Result, Session, Store,
    audit::Recorded,
    changes::{self, Pending},
    resource::Resource,
    watch::Written,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::runtime::Handle;

/// A transaction under way. Stores take part through [`Store::on`].
#[derive(Clone)]
pub struct Transaction {
    database: Arc<dyn Database>,
    session: Arc<dyn Session>,
    recorded: Recorded,
    written: Written,
    /// The rows among it that are followed.
    changes: Pending,
    /// Something in it was left half done: it is not committed any more.
    spoilt: Arc<AtomicBool>,
}

tollgate_core::debug_by_name!(Transaction);

/// A part of a transaction that is under way. Unless it is done, nothing of the transaction is kept: whoever leaves it
/// half way, a timeout for example, cannot know how much of it has happened.
pub(crate) struct Part<'a>(Option<&'a Transaction>);

impl<'a> Part<'a> {
    pub(crate) fn of(transaction: Option<&'a Transaction>) -> Self {
        Self(transaction)
    }

    pub(crate) fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if let Some(transaction) = self.0 {
            transaction.spoilt.store(true, Ordering::Release);
        }
    }
}

impl Transaction {
    pub(crate) fn session(&self) -> Arc<dyn Session> {
        Arc::clone(&self.session)
    }

    pub(crate) fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    pub(crate) fn written(&self) -> &Written {
        &self.written
    }

    pub(crate) fn changes(&self) -> &Pending {
        &self.changes
    }

    pub(crate) fn is_in(&self, database: &Arc<dyn Database>) -> bool {
        Arc::ptr_eq(&self.database, database)
    }
}

/// A transaction that whoever holds this ends. Dropped, by a panic or because a caller went away, it is rolled back,
/// even where others still hold a part of it.
pub struct OpenTransaction {
    transaction: Transaction,
    ended: bool,
}

tollgate_core::debug_by_name!(OpenTransaction);

impl OpenTransaction {
    /// Starts one.
    ///
    /// # Errors
    /// The database cannot be reached, or too many are under way.
    pub async fn begin(database: &Arc<dyn Database>) -> Result<Self> {
        let session = database.begin().await?;
        let (recorded, written) = (Recorded::default(), Written::default());
        let (database, changes, spoilt) = (Arc::clone(database), Pending::default(), Arc::default());
        Ok(Self { transaction: Transaction { database, session, recorded, written, changes, spoilt }, ended: false })
    }

    /// Where stores take part in it.
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// Keeps everything.
    ///
    /// # Errors
    /// What the commit says. After [`Error::Unavailable`] it is not known whether it happened. [`Error::Internal`] if a
    /// write or a transaction within it was left half way.
    pub async fn commit(mut self) -> Result<()> {
        if self.transaction.spoilt.load(Ordering::Acquire) {
            self.rollback().await?;
            return Err(Error::internal("a part of the transaction was left half way, so nothing of it is kept"));
        }
        let changes = self.transaction.changes.take();
        if !changes.is_empty()
            && let Err(error) = changes::log(&*self.transaction.session, changes).await
        {
            self.rollback().await?;
            return Err(error);
        }
        let tellings = self.transaction.written.tellings();
        let ended = self.transaction.session.commit().await;
        self.ended = true;
        for telling in tellings {
            telling.tell().await;
        }
        if ended.is_ok() {
            self.transaction.recorded.log();
        }
        ended
    }

    /// Keeps nothing.
    ///
    /// # Errors
    /// It was over already; then, too, nothing is kept.
    pub async fn rollback(mut self) -> Result<()> {
        let ended = self.transaction.session.rollback().await;
        self.ended = true;
        ended
    }
}

impl Drop for OpenTransaction {
    fn drop(&mut self) {
        if let (false, Ok(runtime)) = (self.ended, Handle::try_current()) {
            let session = self.transaction.session();
            runtime.spawn(async move { session.rollback().await });
        }
    }
}

impl<T: Resource> Store<T> {
    /// Does the work in one transaction: kept as a whole if the work succeeds, not at all if it fails, panics or
    /// is dropped. Other stores of the same database take part with [`on`](Self::on). A write that ends with
    /// [`Error::Conflict`] undoes itself alone, and the work may go on; what is left half way takes all of it along.
    ///
    /// What keeps others from changing what it reads differs: SQLite has one writer at a time, PostgreSQL locks the rows
    /// that are read (not those that are counted, or not there yet), MongoDB reads from one snapshot and locks what it
    /// writes. Where two at once must not both succeed, have both write to one row first, and they take turns.
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
        if let Some(outer) = self.joined() {
            return within(outer, work).await;
        }
        if self.is_in_transaction() {
            return Err(Error::internal("a transaction cannot start inside another").into());
        }
        let open = OpenTransaction::begin(self.database()).await?;
        let done = work(open.transaction().clone()).await;
        let ended = if done.is_ok() { open.commit().await } else { open.rollback().await };
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
            Ok(self.within(transaction, false))
        } else {
            Err(Error::internal(format!("`{}` is not in the database of this transaction", T::TABLE.name)))
        }
    }

    /// The same rows for work that knows nothing of the transaction around it: where its database is that of these rows,
    /// what it does is part of it, and so is a [`transaction`](Self::transaction) of its own.
    #[must_use]
    pub fn joining(&self, outer: &Transaction) -> Self {
        if outer.is_in(self.database()) { self.within(outer, true) } else { self.clone() }
    }
}

/// Work within the transaction that is there already. If it fails or is dropped, nothing of that is kept either: a part
/// cannot be taken back on every database.
async fn within<R, E>(outer: Transaction, work: impl AsyncFnOnce(Transaction) -> Result<R, E>) -> Result<R, E> {
    let part = Part::of(Some(&outer));
    let done = work(outer.clone()).await?;
    part.done();
    Ok(done)
}
