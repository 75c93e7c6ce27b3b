//! What handlers use. Every method demands the permission for what it does, and stays within its rows:
//! another's row is as absent as one that never was.

mod recorded;

pub(crate) use recorded::{Seen, Touched, event};

use crate::{
    Cell, Database, Driver, Error, Expr, Filled, Filter, Find, Kind, Resource, Result, Select, Set, Stamp, To,
    Transaction, Update as Change, Value, Watch,
    batch::{Batcher, Limits},
    filter::is_foreign,
    find::into,
    group::{ALONE_TIMEOUT, commit, fetch},
    measures::{Measures, round_trip},
};
use std::{sync::Arc, time::Duration};
use tollgate_access::{Create, Delete, May, Read, Rows, Update};
use tollgate_core::Clock;
use tracing::Instrument;

/// The largest group, and how many callers may wait for one, and how long.
const GROUP: usize = 256;
const WAITING: usize = 4096;
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);

/// The rows of `T`. Cheap to clone.
///
/// Apps have no way past the rows of their permissions but [`raw`](Self::raw), which takes one for every row.
/// ```compile_fail,E0624
/// # use tollgate_store::{Resource, Store};
/// fn past<T: Resource>(store: &Store<T>) {
///     store.database();
/// }
/// ```
pub struct Store<T: Resource>(Arc<Inner<T>>);

impl<T: Resource> std::fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&T::PLURAL).finish()
    }
}

struct Inner<T: Resource> {
    database: Arc<dyn Database>,
    /// The database itself, or a transaction in it.
    driver: Arc<dyn Driver>,
    clock: Arc<dyn Clock>,
    watch: Option<Arc<dyn Watch>>,
    reader: Option<Arc<Batcher<T::Id, T>>>,
    /// Missing in a transaction: its writes are committed together anyway.
    writer: Option<Arc<Batcher<T, T>>>,
    membership: Option<Membership>,
}

/// What binds a store to a transaction.
struct Membership {
    transaction: Transaction,
    /// Whether those who use the store know nothing of it.
    joins: bool,
}

/// Where the rows of a store live: for what serves an app, which is not given it.
pub fn database_of<T: Resource>(store: &Store<T>) -> &Arc<dyn Database> {
    store.database()
}

impl<T: Resource> Clone for Store<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Resource> Store<T> {
    /// The rows of `T` in this database.
    pub fn new(database: Arc<dyn Database>, clock: Arc<dyn Clock>) -> Self {
        Self::watched(database, clock, None)
    }

    /// The rows of `T` in this database; whoever watches is told of each write through this store.
    pub fn watched(database: Arc<dyn Database>, clock: Arc<dyn Clock>, watch: Option<Arc<dyn Watch>>) -> Self {
        let driver: Arc<dyn Driver> = database.clone();
        let limits =
            |lanes| Limits { lanes, group: GROUP, waiting: WAITING, patience: QUEUE_TIMEOUT, alone: ALONE_TIMEOUT };
        let (fetcher, committer, lanes) = (Arc::clone(&driver), Arc::clone(&driver), driver.lanes());
        let fetch = move |group| fetch(Arc::clone(&fetcher), group);
        let told = watch.clone();
        let commit = move |group| commit(Arc::clone(&committer), told.clone(), group);
        let reader = lanes.reads.map(|lanes| Batcher::new(limits(lanes), Measures::of(T::PLURAL, "read"), fetch));
        let writer = lanes.writes.map(|lanes| Batcher::new(limits(lanes), Measures::of(T::PLURAL, "insert"), commit));
        Self(Arc::new(Inner { database, driver, clock, watch, reader, writer, membership: None }))
    }

    pub(crate) fn within(&self, transaction: &Transaction, joins: bool) -> Self {
        let (database, clock) = (Arc::clone(&self.0.database), Arc::clone(&self.0.clock));
        let (driver, transaction) = (transaction.session(), transaction.clone());
        let membership = Some(Membership { transaction, joins });
        let watch = self.0.watch.clone();
        Self(Arc::new(Inner { database, driver, clock, watch, reader: None, writer: None, membership }))
    }

    pub(crate) fn driver(&self) -> Arc<dyn Driver> {
        Arc::clone(&self.0.driver)
    }

    /// Where the rows live.
    pub(crate) fn database(&self) -> &Arc<dyn Database> {
        &self.0.database
    }

    pub(crate) fn joined(&self) -> Option<Transaction> {
        self.0.membership.as_ref().filter(|it| it.joins).map(|it| it.transaction.clone())
    }

    pub(crate) fn is_in_transaction(&self) -> bool {
        self.0.membership.is_some()
    }

    /// The row with this key.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none among the caller's rows.
    pub async fn get(&self, may: &May<Read, T>, id: T::Id) -> Result<T> {
        let row = match &self.0.reader {
            Some(reader) => reader.submit(id).await?,
            None => self.one(by_id::<T>([id])).await?,
        };
        if admits(may.rows(), &row)? { Ok(row) } else { Err(Error::NotFound) }
    }

    /// The rows that match: `movies.find(&may, wanted).sort(Movie::RATING.desc()).limit(20).all().await?`.
    pub fn find(&self, may: &May<Read, T>, filter: Filter<T>) -> Find<T> {
        Find::new(Arc::clone(&self.0.driver), scope(may.rows()).and(filter.expr))
    }

    /// How many rows match.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn count(&self, may: &May<Read, T>, filter: Filter<T>) -> Result<u64> {
        let filter = scope(may.rows()).and(filter.expr);
        self.0.driver.count(T::TABLE, &filter).instrument(round_trip("count", T::TABLE)).await
    }

    /// Adds a row. It is durable when this returns; in a transaction, when that is committed.
    ///
    /// # Errors
    /// [`Error::Outside`] if the row would not be the caller's, [`Error::Conflict`] if another has its key or a
    /// unique value, [`Error::Invalid`] or [`Error::Rejected`] if a value cannot be stored.
    pub async fn insert(&self, may: &May<Create, T>, new: T::New) -> Result<T> {
        let row = self.make(may, new)?;
        if let Some(writer) = self.0.writer.as_ref().filter(|_| !T::TABLE.audited && !self.is_followed()) {
            return writer.submit(row).await;
        }
        let mut rows = self.insert_rows(may, vec![row]).await?;
        rows.pop().ok_or_else(|| Error::internal("no row came back"))
    }

    /// Adds all these rows, or none.
    ///
    /// # Errors
    /// As [`insert`](Self::insert), for any of them.
    pub async fn insert_many(&self, may: &May<Create, T>, new: Vec<T::New>) -> Result<Vec<T>> {
        let rows = new.into_iter().map(|new| self.make(may, new)).collect::<Result<_>>()?;
        self.insert_rows(may, rows).await
    }

    /// Changes part of a row; before and after, it must be one of the caller's.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not, [`Error::Outside`] if it would no longer be, and as
    /// [`insert`](Self::insert).
    pub async fn update(&self, may: &May<Update, T>, id: T::Id, patch: T::Patch) -> Result<T> {
        self.change(may, id, Expr::EVERY, T::patch(patch)).await
    }

    /// Replaces everything that a caller may write in a row.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the new row has another key, and as [`update`](Self::update).
    pub async fn replace(&self, may: &May<Update, T>, id: T::Id, new: T::New) -> Result<T> {
        self.put(may, id, Expr::EVERY, new).await
    }

    pub(crate) async fn put(&self, may: &May<Update, T>, id: T::Id, only: Expr, new: T::New) -> Result<T> {
        let (key, set) = T::replace(new);
        if key.is_some_and(|key| key != id) {
            let name = T::TABLE.columns[T::TABLE.id].name;
            return Err(Error::invalid(format!("`{name}` is not that of the row to be replaced")));
        }
        self.change(may, id, only, set).await
    }

    /// Removes a row.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none among the caller's rows.
    pub async fn delete(&self, may: &May<Delete, T>, id: T::Id) -> Result<()> {
        self.remove(may, id, Expr::EVERY).await
    }

    pub(crate) async fn remove(&self, may: &May<Delete, T>, id: T::Id, only: Expr) -> Result<()> {
        let mine = by_id::<T>([id.clone()]).and(scope(may.rows()));
        let wanted = mine.clone().and(only.clone());
        let (mine, wanted, only) = (&mine, &wanted, &only);
        let delete = |here: Self, seen: Seen| async move {
            match here.0.driver.delete(T::TABLE, &seen.of(wanted)).await? {
                0 if *only == Expr::EVERY => Err(Error::NotFound),
                0 => Err(here.why_not(mine, wanted, &Expr::EVERY).await?),
                _ => Ok(()),
            }
        };
        let events = |(): &()| vec![event(may, "delete").of_row(&id)];
        self.recorded(may.actor(), Touched::there(wanted), delete, events)
            .instrument(round_trip("delete", T::TABLE))
            .await
    }

    /// Removes all rows that match; answers how many there were.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn delete_all(&self, may: &May<Delete, T>, filter: Filter<T>) -> Result<u64> {
        let mine = &scope(may.rows()).and(filter.expr);
        let delete = |here: Self, seen: Seen| async move { here.0.driver.delete(T::TABLE, &seen.of(mine)).await };
        let removed = |count: &u64| event(may, "delete").because(format!("{count} rows, by a filter"));
        let events = |count: &u64| (*count > 0).then(|| removed(count)).into_iter().collect();
        self.recorded(may.actor(), Touched::there(mine), delete, events)
            .instrument(round_trip("delete", T::TABLE))
            .await
    }

    /// The row as it will be stored, if it may be.
    fn make(&self, may: &May<Create, T>, new: T::New) -> Result<T> {
        let row = T::create(new, &Stamp { actor: may.actor(), now: self.0.clock.now() });
        check(&row)?;
        if admits(may.rows(), &row)? { as_stored(row) } else { Err(Error::Outside) }
    }

    async fn insert_rows(&self, may: &May<Create, T>, rows: Vec<T>) -> Result<Vec<T>> {
        let rows = &Arc::new(rows);
        let insert = |here: Self, _| async move {
            let keys = here.0.driver.insert(T::TABLE, Arc::clone(rows) as _, 0..rows.len()).await?;
            let mut keys = keys.into_iter();
            rows.iter().map(|row| keyed(row.clone(), keys.next())).collect()
        };
        let event = |row: &T| event(may, "create").of_row(&row.id());
        let events = |rows: &Vec<T>| rows.iter().map(event).collect();
        let touched = Touched { there: None, made: |rows: &Vec<T>| rows.iter().map(T::id).collect() };
        self.recorded(may.actor(), touched, insert, events).instrument(round_trip("insert", T::TABLE)).await
    }

    pub(crate) async fn change(&self, may: &May<Update, T>, id: T::Id, only: Expr, mut set: Vec<Set>) -> Result<T> {
        let scope = scope(may.rows());
        let mine = by_id::<T>([id]).and(scope.clone());
        let (wanted, mut stays) = (mine.clone().and(only), Expr::EVERY);
        let found = if set.is_empty() {
            self.some(wanted.clone()).await?
        } else {
            set.iter().try_for_each(|set| match &set.to {
                To::Value(value) => value.check(T::TABLE.columns[set.column].kind),
                To::Next => Ok(()),
            })?;
            set.extend(self.touched());
            stays = scope.given(&set);
            let filter = wanted.clone().and(stays.clone());
            let change = &Change { table: T::TABLE, set, filter };
            let update = |here: Self, seen: Seen| async move {
                let mut rows = Vec::new();
                here.0.driver.update(&seen.change(change), &mut into(&mut rows)).await?;
                Ok(rows.pop())
            };
            let events = |row: &Option<T>| row.iter().map(|row| event(may, "update").of_row(&row.id())).collect();
            let touched = Touched::there(&change.filter);
            self.recorded(may.actor(), touched, update, events).instrument(round_trip("update", T::TABLE)).await?
        };
        match found {
            Some(row) => Ok(row),
            None => Err(self.why_not(&mine, &wanted, &stays).await?),
        }
    }

    /// What the server says about a change: when, and how often.
    fn touched(&self) -> impl Iterator<Item = Set> {
        let now = self.0.clock.now();
        let when = T::TABLE.filled(Filled::ByUpdate).map(|column| Set::field(column, &now));
        let count = T::TABLE.filled(Filled::ByVersion).map(|column| Set { column, to: To::Next });
        when.into_iter().chain(count)
    }

    /// Nothing was changed: not there, not as believed, or it would not stay the caller's.
    async fn why_not(&self, mine: &Expr, wanted: &Expr, stays: &Expr) -> Result<Error> {
        let is_there = async |filter: &Expr| Ok::<_, Error>(self.0.driver.count(T::TABLE, filter).await? > 0);
        Ok(if !is_there(mine).await? {
            Error::NotFound
        } else if !is_there(wanted).await? {
            Error::Stale
        } else if is_there(&wanted.clone().and(Expr::Not(Box::new(stays.clone())))).await? {
            Error::Outside
        } else {
            // It has come meanwhile.
            Error::NotFound
        })
    }

    async fn some(&self, filter: Expr) -> Result<Option<T>> {
        let select = Select { table: T::TABLE, filter, order: Vec::new(), limit: None };
        let mut found = Vec::with_capacity(1);
        self.0.driver.select(&select, &mut into(&mut found)).instrument(round_trip("select", T::TABLE)).await?;
        Ok(found.pop())
    }

    pub(crate) async fn one(&self, filter: Expr) -> Result<T> {
        self.some(filter).await?.ok_or(Error::NotFound)
    }
}

/// Refuses what not every database can keep.
pub(crate) fn check<T: Resource>(row: &T) -> Result<()> {
    let columns = T::TABLE.columns.iter().enumerate();
    columns.into_iter().try_for_each(|(index, column)| row.value(index)?.check(column.kind))
}

/// Whether a scope has that row.
///
/// # Errors
/// The row has no such column.
pub fn admits<T: Resource>(rows: &Rows<T>, row: &T) -> Result<bool> {
    match rows {
        Rows::All => Ok(true),
        Rows::None => Ok(false),
        Rows::Where(filter) => filter.matches(row),
    }
}

pub(crate) fn scope<T: Resource>(rows: &Rows<T>) -> Expr {
    match rows {
        Rows::All => Expr::EVERY,
        Rows::None => Expr::NONE,
        Rows::Where(filter) => filter.expr.clone(),
    }
}

/// A key that no database knows is left out: it would fail all who ask along with it.
pub(crate) fn by_id<T: Resource>(ids: impl IntoIterator<Item = T::Id>) -> Expr {
    let values = ids.into_iter().map(|id| id.show().into_owned());
    Expr::In(T::TABLE.id, values.filter(|value| !is_foreign(value)).collect())
}

/// The row as it comes back later: moments lose what is finer than a microsecond, zeros their sign.
fn as_stored<T: Resource>(row: T) -> Result<T> {
    if T::TABLE.columns.iter().any(|column| matches!(column.kind, Kind::Time | Kind::Float)) {
        T::read(&row)
    } else {
        Ok(row)
    }
}

/// The row with the key the database counted for it, if it counts.
pub(crate) fn keyed<T: Resource>(mut row: T, key: Option<Value<'static>>) -> Result<T> {
    if T::TABLE.counted {
        row.set_id(key.and_then(T::Id::read).ok_or_else(|| Error::internal("no key came back"))?);
    }
    Ok(row)
}

#[cfg(test)]
mod tests;
