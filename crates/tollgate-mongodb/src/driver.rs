//! The database: one client, whose pool of connections every request shares.

use crate::{
    cell::{Shown, documents},
    config::Config,
    connection::{connect, follow},
    error::in_time,
    migrate,
    operation::{Operation, STATEMENT_TIMEOUT},
    places::Places,
    query::is_one,
    rights::Rights,
    schema,
    session::{RETRY_TIMEOUT, TransactionSession, together},
    upsert::updates as upserts,
};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use mongodb::{
    Database as Documents,
    bson::{Document, RawDocumentBuf, doc},
    error::Result as Fallible,
    options::{ReadConcern, ReturnDocument},
};
use std::{
    ops::Range,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{runtime::Handle, time::timeout};
use tollgate_core::{LiveSecret, Secret, with_causes};
use tollgate_store::{
    Answer, Batch, Database, Driver, Each, Error, Expr, Kind, Lanes, LastWrite, Result, Select, Session, Table, Update,
    Upsert, Value,
    migrate::{Applied, Script},
};

/// Point reads are so quick that two groups under way keep a server busy. Of inserts, one that travels alone waits for
/// another's transaction in the server, in its lane for a moment, and the other lane remains.
const POINTS: usize = 2;
const INSERTS: usize = 2;

/// How long a write of one document waits for another's transaction, which is not as long as that may take.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a group of inserts does, because of one of them.
const GROUP_LOCK_TIMEOUT: Duration = Duration::from_millis(100);
/// How long the server may take to say that it is there.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection may take to show that it is one.
const ALIVE_TIMEOUT: Duration = Duration::from_secs(1);

/// Where the keys are counted: `{_id: collection, last: number}`.
pub(crate) const COUNTERS: &str = "tollgate_counters";

/// A MongoDB database, of a replica set or a sharded cluster.
pub struct MongoDb {
    config: Config,
    database: Arc<RwLock<Documents>>,
    places: Places,
    last: Arc<LastWrite>,
}

tollgate_core::debug_by_name!(MongoDb);

impl MongoDb {
    /// Opens the database at a URL, which [`Config`] describes, and looks whether it can be used. Connections are made
    /// when they are needed, and again after they were lost.
    ///
    /// # Errors
    /// One line that names what is wrong and the remedy, never the password: the URL is not understood, the server
    /// cannot be reached or lets this user not in, it is too old, or it has no transactions.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_live(&Secret::from(url).into()).await
    }

    /// The same with a URL that may be replaced while the app runs. One that will not do is logged, and the one before stays.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_live(url: &LiveSecret) -> Result<Self> {
        let (config, database) = connect(url.get(), url).await?;
        let database = Arc::new(RwLock::new(database));
        let (slot, runtime) = (Arc::downgrade(&database), Handle::current());
        url.on_replace(move |url| drop(runtime.spawn(follow(slot.clone(), url.clone()))));
        Ok(Self { places: Places::of(&config), config, database, last: Arc::default() })
    }

    /// The database in the official driver, for what this crate does not cover; not for long, because another takes its
    /// place when the URL changes.
    ///
    /// Nothing stands between it and every document: whoever asks here answers for the caller's rows.
    pub fn documents(&self) -> Documents {
        self.database.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers what a write says about the next one. A lost connection says nothing: it comes back.
    fn written<R>(&self, outcome: Result<R>) -> Result<R> {
        if !matches!(outcome, Err(Error::Unavailable(_))) {
            self.last.note(&outcome);
        }
        outcome
    }

    /// Changes rows: one by itself, several as often as others are in their way.
    async fn change<'d, R>(
        &self,
        database: &'d Documents,
        table: &Table,
        filter: &Expr,
        work: impl for<'s> Fn(Operation<'s, 'd>) -> BoxFuture<'s, Fallible<R>>,
    ) -> Result<R> {
        let _place = self.places.take().await?;
        let changed = if is_one(table, filter) {
            in_time(LOCK_TIMEOUT, Some(table), work(on(database))).await
        } else {
            together(database, table, RETRY_TIMEOUT, work).await
        };
        self.written(changed)
    }

    /// Inserts one row, or several as often as others are in their way, but for no longer than that.
    async fn insert_within(
        &self,
        turns: Duration,
        table: &'static Table,
        rows: Arc<dyn Batch>,
        range: Range<usize>,
    ) -> Result<Vec<Value<'static>>> {
        let _place = self.places.take().await?;
        let database = &self.documents();
        let keys = self.written(counted_keys(database, table, range.len()).await)?;
        let documents = &*documents(table, &*rows, range, &keys)?;
        let inserted = match documents {
            [] => Ok(()),
            [_] => match in_time(LOCK_TIMEOUT, Some(table), on(database).insert(table, documents)).await {
                Err(taken @ Error::Conflict { .. }) => {
                    until_kept(database, table).await;
                    Err(taken)
                }
                outcome => outcome,
            },
            _ => {
                let insert = together(database, table, turns, |mut at| {
                    Box::pin(async move { at.insert(table, documents).await })
                });
                insert.await
            }
        };
        self.written(inserted)?;
        Ok(keys)
    }
}

fn on(database: &Documents) -> Operation<'_, '_> {
    Operation { database, session: None }
}

/// Waits until most members have what this one has. A key is taken as soon as the one that writes has another's document,
/// and what most have not kept yet is not read: who was told of a conflict would look for that document in vain.
pub(crate) async fn until_kept(database: &Documents, table: &Table) {
    let rows = database.collection::<Document>(table.name);
    let latest = rows.find_one(doc! {});
    let latest = latest.read_concern(ReadConcern::linearizable()).max_time(GROUP_LOCK_TIMEOUT * 10);
    if let Err(error) = in_time(LOCK_TIMEOUT, Some(table), latest).await {
        tracing::debug!(error = with_causes(&error), "it is not known whether most members have what is in the way");
    }
}

/// Shows each document of an answer.
pub(crate) fn show(table: &Table, found: &[RawDocumentBuf], each: Each<'_>) -> Result<()> {
    found.iter().try_for_each(|document| each(&Shown::new(table, document)?))
}

/// Keys that no row has had, if the database counts them. Not part of a transaction: a key that was counted is never
/// given again.
pub(crate) async fn counted_keys(
    database: &Documents,
    table: &'static Table,
    number: usize,
) -> Result<Vec<Value<'static>>> {
    if !table.counted || number == 0 {
        return Ok(vec![]);
    }
    let number = i64::try_from(number).map_err(|error| Error::internal(error.to_string()))?;
    let counters = database.collection::<Document>(COUNTERS);
    let count = counters.find_one_and_update(doc! { "_id": table.name }, doc! { "$inc": { "last": number } });
    let count = count.upsert(true).return_document(ReturnDocument::After);
    let last = in_time(LOCK_TIMEOUT, None, count).await?.and_then(|counter| counter.get_i64("last").ok());
    let last = last.ok_or_else(|| Error::internal("no key came back"))?;
    if table.columns[table.id].kind == Kind::Int32 && i32::try_from(last).is_err() {
        return Err(Error::internal(format!("every key of `{}` has been used", table.name)));
    }
    Ok((last - number + 1..=last).map(Value::Int).collect())
}

impl Database for MongoDb {
    fn describe(&self) -> String {
        format!("MongoDB at {}", self.config)
    }

    fn begin(&self) -> Answer<'_, Arc<dyn Session>> {
        Box::pin(async move {
            let place = self.places.keep().await?;
            Ok(TransactionSession::begin(&self.documents(), &self.last, place).await? as _)
        })
    }

    fn prepare<'a>(&'a self, tables: &'a [&'static Table], additive: bool) -> Answer<'a, Vec<String>> {
        Box::pin(async move {
            let database = &self.documents();
            let rights = Rights::of_user(database).await?;
            let mut done = vec![];
            for table in tables {
                rights.check(database, table)?;
                done.extend(if rights.see(database) {
                    schema::prepare(database, table, additive).await?
                } else {
                    schema::prepare_unseen(database, table, additive).await?
                });
            }
            Ok(done)
        })
    }

    fn scripts(&self) -> Option<&'static str> {
        Some(migrate::SCRIPTS)
    }

    fn history(&self) -> Answer<'_, Vec<Applied>> {
        Box::pin(async move { migrate::history(&self.documents()).await })
    }

    fn migrate<'a>(&'a self, scripts: &'a [Script], adopt: bool) -> Answer<'a, Vec<String>> {
        Box::pin(async move { migrate::migrate(&self.documents(), scripts, adopt).await })
    }

    fn time(&self) -> Answer<'_, Option<Timestamp>> {
        Box::pin(async move {
            let said = in_time(PING_TIMEOUT, None, self.documents().run_command(doc! { "hello": 1 })).await?;
            let millis = said.get_datetime("localTime").map(|time| time.timestamp_millis());
            let time = millis.ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
            time.map(Some).ok_or_else(|| Error::internal("the server tells no time"))
        })
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let hello = in_time(PING_TIMEOUT, None, self.documents().run_command(doc! { "hello": 1 })).await?;
            // Along `directConnection`, or a primary that is about to step down, one that only reads may answer.
            match hello.get_bool("isWritablePrimary") {
                Ok(true) => self.last.check(),
                _ => Err(Error::Unavailable(Error::source_of("it can only be read"))),
            }
        })
    }

    /// One failure is enough for the driver to leave all connections of that time.
    fn awake(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let documents = self.documents();
            let ping = || timeout(ALIVE_TIMEOUT, documents.run_command(doc! { "ping": 1 }));
            let is_alive = matches!(ping().await, Ok(Ok(_)));
            if !is_alive {
                let _ = ping().await;
            }
            Ok(())
        })
    }
}

impl Driver for MongoDb {
    fn lanes(&self) -> Lanes {
        Lanes { reads: Some(POINTS), writes: Some(INSERTS), waits: false }
    }

    fn select<'a>(&'a self, select: &'a Select, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let _place = if select.is_point() { None } else { Some(self.places.take().await?) };
            let found = in_time(STATEMENT_TIMEOUT, Some(select.table), on(&self.documents()).select(select)).await?;
            show(select.table, &found, each)
        })
    }

    fn count<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        Box::pin(async move {
            let _place = self.places.take().await?;
            in_time(STATEMENT_TIMEOUT, Some(table), on(&self.documents()).count(table, filter)).await
        })
    }

    fn insert<'a>(
        &'a self,
        table: &'static Table,
        rows: Arc<dyn Batch>,
        range: Range<usize>,
    ) -> Answer<'a, Vec<Value<'static>>> {
        Box::pin(async move {
            // One row comes here because its group would have had to wait for it.
            let _waits = if range.len() == 1 { Some(self.places.wait().await?) } else { None };
            self.insert_within(RETRY_TIMEOUT, table, rows, range).await
        })
    }

    fn insert_group<'a>(
        &'a self,
        table: &'static Table,
        rows: Arc<dyn Batch>,
        range: Range<usize>,
    ) -> Answer<'a, Option<Vec<Value<'static>>>> {
        Box::pin(async move {
            match self.insert_within(GROUP_LOCK_TIMEOUT, table, rows, range).await {
                Err(Error::Overloaded) => Ok(None),
                outcome => outcome.map(Some),
            }
        })
    }

    fn upsert<'a>(&'a self, upsert: &'a Upsert, rows: Arc<dyn Batch>, range: Range<usize>) -> Answer<'a, ()> {
        Box::pin(async move {
            let _place = self.places.take().await?;
            let (database, updates) = (&self.documents(), &upserts(upsert, &*rows, range)?);
            let upserted = together(database, upsert.table, RETRY_TIMEOUT, |mut at| {
                Box::pin(async move { at.upsert(upsert.table, updates).await })
            });
            self.written(upserted.await)
        })
    }

    fn update<'a>(&'a self, update: &'a Update, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let (database, table) = (&self.documents(), update.table);
            let changed =
                self.change(database, table, &update.filter, |mut at| Box::pin(async move { at.update(update).await }));
            show(table, &changed.await?, each)
        })
    }

    fn delete<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        Box::pin(async move {
            let database = &self.documents();
            let deleted =
                self.change(database, table, filter, |mut at| Box::pin(async move { at.delete(table, filter).await }));
            deleted.await
        })
    }
}
