//! A transaction: a session of its own, one step after the other.
//!
//! It reads from one snapshot. Where it changes what another has changed meanwhile, it fails as a whole and may be tried
//! again ([`Error::Overloaded`]): whoever reads a number, adds one and writes it back loses no other's addition. A step
//! that fails ends it.

use crate::{
    cell::documents,
    driver::{counted_keys, show},
    error::{is_passing, tell},
    operation::Operation,
};
use futures_util::future::BoxFuture;
use mongodb::{ClientSession, Database, error::Result as Fallible};
use std::{
    ops::Range,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout_at},
};
use tollgate_store::{Answer, Batch, Driver, Each, Error, Expr, Lanes, Result, Select, Session, Table, Update, Value};

/// How long a transaction may do nothing, holding what it changed.
const IDLE: Duration = Duration::from_secs(5);
/// How long one of ours is tried again where others are in the way.
const TURNS: Duration = Duration::from_secs(5);

/// A session in a transaction.
pub(crate) async fn begin(database: &Database) -> Fallible<ClientSession> {
    let mut session = database.client().start_session().await?;
    session.start_transaction().await?;
    Ok(session)
}

/// Does several things together, as often as others are in the way.
pub(crate) async fn together<'d, R>(
    database: &'d Database,
    table: &Table,
    work: impl for<'s> Fn(Operation<'s, 'd>) -> BoxFuture<'s, Fallible<R>>,
) -> Result<R> {
    let end = Instant::now() + TURNS;
    let attempt = async || {
        let mut session = begin(database).await?;
        let done = work(Operation { database, session: Some(&mut session) }).await?;
        session.commit_transaction().await?;
        Ok(done)
    };
    loop {
        match timeout_at(end, attempt()).await {
            Ok(Err(error)) if is_passing(&error) => sleep(Duration::from_millis(2)).await,
            Ok(outcome) => return outcome.map_err(|error| tell(Some(table), &error)),
            Err(_) => return Err(Error::Overloaded),
        }
    }
}

/// One transaction, until it has ended.
pub(crate) struct Steps {
    database: Database,
    session: Mutex<Option<ClientSession>>,
    used: RwLock<Instant>,
}

fn over() -> Error {
    Error::internal("the transaction has ended")
}

impl Steps {
    /// Begins one, and sees to it that it does not idle forever.
    pub(crate) async fn begin(database: &Database) -> Result<Arc<Self>> {
        let session = begin(database).await.map_err(|error| tell(None, &error))?;
        let used = RwLock::new(Instant::now());
        let steps = Arc::new(Self { database: database.clone(), session: Mutex::new(Some(session)), used });
        let watched = Arc::downgrade(&steps);
        tokio::spawn(async move {
            while let Some(steps) = watched.upgrade() {
                if steps.idle() >= IDLE {
                    steps.session.lock().await.take();
                    return;
                }
                drop(steps);
                sleep(IDLE / 5).await;
            }
        });
        Ok(steps)
    }

    fn idle(&self) -> Duration {
        self.used.read().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    fn touch(&self) {
        *self.used.write().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// One step. The server has ended a transaction of which a step failed.
    async fn run<'d, R>(
        &'d self,
        table: &Table,
        work: impl for<'s> FnOnce(Operation<'s, 'd>) -> BoxFuture<'s, Fallible<R>>,
    ) -> Result<R> {
        let mut slot = self.session.lock().await;
        let session = slot.as_mut().ok_or_else(over)?;
        let done = work(Operation { database: &self.database, session: Some(session) }).await;
        self.touch();
        done.map_err(|error| {
            *slot = None;
            tell(Some(table), &error)
        })
    }

    async fn take(&self) -> Result<ClientSession> {
        self.session.lock().await.take().ok_or_else(over)
    }
}

impl Session for Steps {
    fn commit(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut session = self.take().await?;
            session.commit_transaction().await.map_err(|error| tell(None, &error))
        })
    }

    fn rollback(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut session = self.take().await?;
            session.abort_transaction().await.map_err(|error| tell(None, &error))
        })
    }
}

impl Driver for Steps {
    fn lanes(&self) -> Lanes {
        Lanes { reads: None, writes: 1 }
    }

    fn select<'a>(&'a self, select: &'a Select, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let found = self.run(select.table, |mut at| Box::pin(async move { at.select(select).await })).await?;
            show(select.table, &found, each)
        })
    }

    fn count<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        Box::pin(self.run(table, move |mut at| Box::pin(async move { at.count(table, filter).await })))
    }

    fn insert<'a>(
        &'a self,
        table: &'static Table,
        rows: Arc<dyn Batch>,
        range: Range<usize>,
    ) -> Answer<'a, Vec<Value<'static>>> {
        Box::pin(async move {
            let keys = counted_keys(&self.database, table, range.len()).await?;
            let documents = &documents(table, &*rows, range, &keys)?;
            if !documents.is_empty() {
                self.run(table, |mut at| Box::pin(async move { at.insert(table, documents).await })).await?;
            }
            Ok(keys)
        })
    }

    fn update<'a>(&'a self, update: &'a Update, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let changed = self.run(update.table, |mut at| Box::pin(async move { at.update(update).await })).await?;
            show(update.table, &changed, each)
        })
    }

    fn delete<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        Box::pin(self.run(table, move |mut at| Box::pin(async move { at.delete(table, filter).await })))
    }
}
