//! The resources of an app, without their types: which tables there are, where their stores come from, and how a
//! file is loaded into one.

use crate::{KeyedRequest, json::from_value};
use serde_json::Value;
use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
};
use tollgate_access::{Actor, Create, Denied, May, System};
use tollgate_core::{Clock, Problem};
use tollgate_store::{
    Answer, Database, Error, Filter, Resource, Store, Table, Transaction, Watch, audit::NewAuditEvent,
};

/// How many rows go to the database at once.
const CHUNK: usize = 500;
/// How many bad rows are told of.
const TOLD: usize = 20;

/// A resource whose type is not known here.
pub trait AnyResource: Send + Sync {
    /// Its table.
    fn table(&self) -> &'static Table;
    /// Which type it is.
    fn type_id(&self) -> TypeId;
    /// The name of that type.
    fn type_name(&self) -> &'static str;
    /// A `Store` of it.
    fn store(
        &self,
        database: Arc<dyn Database>,
        clock: Arc<dyn Clock>,
        watch: Option<Arc<dyn Watch>>,
    ) -> Box<dyn Any + Send + Sync>;
    /// Adds the first rows to its store, unless it has some, in one transaction with the `claim`: it says whether nobody
    /// has done so before, and takes note that it is done.
    fn seed<'a>(&self, stores: &'a Stores, rows: Vec<Value>, claim: Claim<'a>) -> Loading<'a>;
    /// Adds all rows to its store, or none; tells how many are done after each portion. They are made by that actor, within
    /// what they may, or by an operator.
    fn load<'a>(
        &self,
        stores: &'a Stores,
        rows: Vec<Value>,
        by: Option<&'a Actor>,
        done: &'a (dyn Fn(usize) + Sync),
    ) -> Loading<'a>;
}

/// Whether something is ours to do, asked within a transaction.
pub type Claim<'a> = &'a (dyn Fn(Transaction) -> Answer<'a, bool> + Send + Sync);

/// How many rows were loaded, some time later.
pub type Loading<'a> = Pin<Box<dyn Future<Output = Result<usize, LoadError>> + Send + 'a>>;

/// Why nothing was loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Rows that are not good: the first of them, and how many there are.
    #[error("{} of the rows are not good", .1)]
    Rows(Vec<BadRow>, usize),
    /// Whoever makes them may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The database refused.
    #[error("the database refused")]
    Store(#[from] Error),
}

/// A row that is not good, counted from 1, and why: with the fields that are to blame.
#[derive(Debug)]
pub struct BadRow {
    /// Which row.
    pub row: usize,
    /// Why.
    pub problem: Problem,
}

/// The resource `R`.
pub(crate) struct Of<R>(PhantomData<fn() -> R>);

impl<R> Default for Of<R> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<R: Resource> AnyResource for Of<R> {
    fn table(&self) -> &'static Table {
        R::TABLE
    }

    fn type_id(&self) -> TypeId {
        TypeId::of::<R>()
    }

    fn type_name(&self) -> &'static str {
        std::any::type_name::<R>()
    }

    fn store(
        &self,
        database: Arc<dyn Database>,
        clock: Arc<dyn Clock>,
        watch: Option<Arc<dyn Watch>>,
    ) -> Box<dyn Any + Send + Sync> {
        Box::new(Store::<R>::watched(database, clock, watch))
    }

    fn seed<'a>(&self, stores: &'a Stores, rows: Vec<Value>, claim: Claim<'a>) -> Loading<'a> {
        Box::pin(async move {
            let store = stores.of::<R>()?;
            let new = read_rows::<R>(rows, None)?;
            let system = System::because("a new table may need its first rows");
            let load = async |tx: Transaction| {
                let is_ours = claim(tx.clone()).await?;
                let store = store.on(&tx)?;
                if !is_ours || store.find(&system.may(), Filter::every()).first().await?.is_some() {
                    return Ok(0);
                }
                insert_all(&store, &system.may(), &new, &|_| (), None).await.map(|()| new.len())
            };
            match store.transaction(load).await {
                Err(error) if error.blames_a_row() => Err(blame(&store, &system.may(), &new, error).await),
                loaded => Ok(loaded?),
            }
        })
    }

    fn load<'a>(
        &self,
        stores: &'a Stores,
        rows: Vec<Value>,
        by: Option<&'a Actor>,
        done: &'a (dyn Fn(usize) + Sync),
    ) -> Loading<'a> {
        Box::pin(async move {
            let store = stores.of::<R>()?;
            let may = by.map_or_else(|| Ok(System::because("an operator loads a file").may()), Actor::may)?;
            load_rows(&store, &may, rows, done, None).await
        })
    }
}

/// What a resource asks of rows that are loaded, and records of each, beyond what every one does.
pub struct Care<'a, R: Resource> {
    /// Why a row is not good, if it is not.
    pub check: &'a (dyn Fn(&R::New) -> Result<(), Problem> + Sync),
    /// What is recorded of a row that was added, in the same transaction.
    pub event: &'a (dyn Fn(&R) -> NewAuditEvent + Sync),
}

impl<R: Resource> fmt::Debug for Care<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Care")
    }
}

/// Adds all rows, or none; answers how many, and tells after each portion.
///
/// # Errors
/// The rows that are not good, or what the database says.
pub async fn load_rows<R: Resource>(
    store: &Store<R>,
    may: &May<Create, R>,
    rows: Vec<Value>,
    done: &(dyn Fn(usize) + Sync),
    care: Option<&Care<'_, R>>,
) -> Result<usize, LoadError> {
    let new = read_rows::<R>(rows, care)?;
    match store.transaction(async |tx| insert_all(&store.on(&tx)?, may, &new, done, care).await).await {
        Ok(()) => Ok(new.len()),
        Err(error) if error.blames_a_row() => Err(blame(store, may, &new, error).await),
        Err(error) => Err(error.into()),
    }
}

fn read_rows<R: Resource>(rows: Vec<Value>, care: Option<&Care<'_, R>>) -> Result<Vec<R::New>, LoadError> {
    let check = |row: R::New| care.map_or(Ok(()), |care| (care.check)(&row)).map(|()| row);
    let (mut good, mut bad, mut count) = (vec![], vec![], 0);
    for (index, row) in rows.into_iter().enumerate() {
        match from_value::<R::New>(row).and_then(check) {
            Ok(row) => good.push(row),
            Err(problem) => {
                count += 1;
                bad.extend((count <= TOLD).then_some(BadRow { row: index + 1, problem }));
            }
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(LoadError::Rows(bad, count)) }
}

async fn insert_all<R: Resource>(
    store: &Store<R>,
    may: &May<Create, R>,
    new: &[R::New],
    done: &(dyn Fn(usize) + Sync),
    care: Option<&Care<'_, R>>,
) -> Result<(), Error> {
    for chunk in new.chunks(CHUNK) {
        let added = store.insert_many(may, chunk.to_vec()).await?;
        if let Some(care) = care {
            store.record_all(may.actor(), added.iter().map(care.event).collect()).await?;
        }
        done(chunk.len());
    }
    Ok(())
}

/// The row that the database refused, found by adding one after the other to a transaction that is not kept.
async fn blame<R: Resource>(store: &Store<R>, may: &May<Create, R>, new: &[R::New], error: Error) -> LoadError {
    let find = async |tx| {
        let store = store.on(&tx)?;
        for (index, row) in new.iter().enumerate() {
            if let Err(error) = store.insert(may, row.clone()).await {
                let problem = error.into();
                return Err(LoadError::Rows(vec![BadRow { row: index + 1, problem }], 1));
            }
        }
        Err::<(), _>(LoadError::Store(error))
    };
    match store.transaction(find).await {
        Err(found) => found,
        Ok(()) => LoadError::Store(Error::internal("what was refused before is not refused now")),
    }
}

/// The stores of all resources of an app.
#[derive(Default)]
pub struct Stores {
    by_type: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
    default_database: Option<Arc<dyn Database>>,
}

tollgate_core::debug_by_name!(Stores);

impl Stores {
    /// A store for each resource, in the database it names.
    pub fn new<'a>(
        resources: impl IntoIterator<Item = &'a Arc<dyn AnyResource>>,
        database: impl Fn(&Table) -> Arc<dyn Database>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        Self::watched(resources, database, clock, |_| None)
    }

    /// The same, where somebody is told of each write of certain tables.
    pub fn watched<'a>(
        resources: impl IntoIterator<Item = &'a Arc<dyn AnyResource>>,
        database: impl Fn(&Table) -> Arc<dyn Database>,
        clock: &Arc<dyn Clock>,
        watch: impl Fn(&Table) -> Option<Arc<dyn Watch>>,
    ) -> Self {
        let stores = resources.into_iter().map(|resource| {
            let table = resource.table();
            let store = resource.store(database(table), Arc::clone(clock), watch(table));
            (resource.as_ref().type_id(), store)
        });
        Self { by_type: stores.collect(), default_database: Some(database(KeyedRequest::TABLE)) }
    }

    /// The database of whatever names none; there is one, unless there are no stores at all.
    pub(crate) fn default_database(&self) -> Option<&Arc<dyn Database>> {
        self.default_database.as_ref()
    }

    /// The store of `R`.
    ///
    /// # Errors
    /// [`Error::Internal`] if nothing in the app's signatures mentions `R`; `Service::resource` adds it then.
    pub fn of<R: Resource>(&self) -> Result<Store<R>, Error> {
        let store = self.by_type.get(&TypeId::of::<R>()).and_then(|store| store.downcast_ref::<Store<R>>());
        store.cloned().ok_or_else(|| Error::internal(format!("there is no store of `{}`", R::PLURAL)))
    }
}
