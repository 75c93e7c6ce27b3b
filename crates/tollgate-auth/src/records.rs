//! Rows of our own: the tables that identity keeps, with the permissions to them, taken once and for a reason.

use jiff::Timestamp;
use std::sync::Arc;
use tollgate_access::{Create, Delete, May, Read, System, Update};
use tollgate_core::Clock;
use tollgate_store::{Database, Error, Filter, Resource, Result, Store, Transaction};

/// The rows of one of our tables.
pub(crate) struct Records<T: Resource> {
    store: Store<T>,
    may: Arc<Permissions<T>>,
    clock: Arc<dyn Clock>,
}

struct Permissions<T: Resource> {
    read: May<Read, T>,
    create: May<Create, T>,
    update: May<Update, T>,
    delete: May<Delete, T>,
}

impl<T: Resource> Records<T> {
    pub(crate) fn new(database: &Arc<dyn Database>, clock: &Arc<dyn Clock>, reason: &'static str) -> Self {
        let system = System::because(reason);
        let may = Permissions { read: system.may(), create: system.may(), update: system.may(), delete: system.may() };
        let store = Store::new(Arc::clone(database), Arc::clone(clock));
        Self { store, may: Arc::new(may), clock: Arc::clone(clock) }
    }

    /// The same rows, as part of a transaction.
    pub(crate) fn on(&self, transaction: &Transaction) -> Result<Self> {
        let (may, clock) = (Arc::clone(&self.may), Arc::clone(&self.clock));
        Ok(Self { store: self.store.on(transaction)?, may, clock })
    }

    /// What time it is in the database, the same for all instances.
    pub(crate) async fn time(&self) -> Result<Timestamp> {
        Ok(tollgate_store::database_of(&self.store).time().await?.unwrap_or_else(|| self.clock.now()))
    }

    /// The rows, for whoever has a permission.
    pub(crate) fn store(&self) -> &Store<T> {
        &self.store
    }

    pub(crate) async fn get(&self, id: T::Id) -> Result<Option<T>> {
        match self.store.get(&self.may.read, id).await {
            Ok(row) => Ok(Some(row)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn find(&self, wanted: Filter<T>) -> Result<Vec<T>> {
        self.store.find(&self.may.read, wanted).all().await
    }

    pub(crate) async fn count(&self, wanted: Filter<T>) -> Result<u64> {
        self.store.count(&self.may.read, wanted).await
    }

    pub(crate) async fn insert(&self, new: T::New) -> Result<T> {
        self.store.insert(&self.may.create, new).await
    }

    pub(crate) async fn insert_many(&self, new: Vec<T::New>) -> Result<Vec<T>> {
        self.store.insert_many(&self.may.create, new).await
    }

    /// Changes a row if it matches; answers whether it was there and did.
    pub(crate) async fn change(&self, id: T::Id, only: Filter<T>, patch: T::Patch) -> Result<bool> {
        match self.store.update_if(&self.may.update, id, only, patch).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound | Error::Stale) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes a row; answers whether it was there.
    pub(crate) async fn remove(&self, id: T::Id) -> Result<bool> {
        match self.store.delete(&self.may.delete, id).await {
            Ok(()) => Ok(true),
            Err(Error::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn delete(&self, wanted: Filter<T>) -> Result<u64> {
        self.store.delete_all(&self.may.delete, wanted).await
    }
}
