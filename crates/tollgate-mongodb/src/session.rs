//! A transaction: a session of its own, one step after the other.
//!
//! It reads from one snapshot. Where it changes what another has changed meanwhile, it fails as a whole and may be tried
//! again ([`Error::Overloaded`]), which its first step does by itself: whoever reads a number, adds one and writes it
//! back loses no other's addition. A step that the server refuses ends it, so what it would refuse as taken is found
//! out before (`taken.rs`).

use crate::{
    cell::documents,
    driver::{counted_keys, show, until_kept},
    error::{in_time, is_passing, late, tell},
    operation::{Operation, STATEMENT_TIMEOUT},
    upsert::updates,
};
use futures_util::future::BoxFuture;
use mongodb::{ClientSession, Database, error::Result as Fallible};
use std::{
    mem::replace,
    ops::Range,
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit},
    time::{Instant, sleep, timeout},
};
use tollgate_store::{
    Answer, Batch, Driver, Each, Error, Expr, Lanes, LastWrite, Result, Select, Session, Table, Update, Upsert, Value,
};

/// How long a transaction may do nothing, holding what it changed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one of ours is tried again where others are in the way.
pub(crate) const RETRY_TIMEOUT: Duration = Duration::from_secs(5);

/// A session in a transaction.
pub(crate) async fn begin(database: &Database) -> Fallible<ClientSession> {
    let mut session = database.client().start_session().await?;
    session.start_transaction().await?;
    Ok(session)
}

/// Does several things together, as often as others are in the way, but for no longer than that.
pub(crate) async fn together<'d, R>(
    database: &'d Database,
    table: &Table,
    turns: Duration,
    work: impl for<'s> Fn(Operation<'s, 'd>) -> BoxFuture<'s, Fallible<R>>,
) -> Result<R> {
    let start = Instant::now();
    let attempt = async || {
        let mut session = begin(database).await?;
        let done = work(Operation { database, session: Some(&mut session) }).await?;
        session.commit_transaction().await?;
        Ok(done)
    };
    loop {
        // Who is late may be late with the commit: then it is not known whether it happened.
        match timeout(STATEMENT_TIMEOUT, attempt()).await.map_err(late)? {
            Err(error) if is_passing(&error) && start.elapsed() < turns => sleep(Duration::from_millis(2)).await,
            outcome => return outcome.map_err(|error| tell(Some(table), &error)),
        }
    }
}

/// One transaction, until it has ended.
pub(crate) struct TransactionSession {
    database: Database,
    last: Arc<LastWrite>,
    _place: OwnedSemaphorePermit,
    /// Or what is said to who comes after its end.
    underway: Mutex<Result<Underway>>,
}

struct Underway {
    session: ClientSession,
    /// When its last step ended.
    used: Instant,
    /// Whether a step was done in it.
    begun: bool,
}

impl Underway {
    fn new(session: ClientSession, begun: bool) -> Self {
        Self { session, used: Instant::now(), begun }
    }
}

fn over() -> Error {
    Error::internal("the transaction has ended")
}

impl TransactionSession {
    /// Begins one, and sees to it that it does not idle forever.
    pub(crate) async fn begin(
        database: &Database,
        last: &Arc<LastWrite>,
        place: OwnedSemaphorePermit,
    ) -> Result<Arc<Self>> {
        let session = begin(database).await.map_err(|error| tell(None, &error))?;
        let underway = Mutex::new(Ok(Underway::new(session, false)));
        let steps = Arc::new(Self { database: database.clone(), last: Arc::clone(last), _place: place, underway });
        tokio::spawn(watch(Arc::downgrade(&steps)));
        Ok(steps)
    }

    /// One step. The server has ended a transaction of which a step failed; nor is one committed of which a step was
    /// left half way, so it is put back only when the step is done.
    async fn run<'d, R>(
        &'d self,
        table: &Table,
        work: impl for<'s> FnOnce(Operation<'s, 'd>) -> BoxFuture<'s, Fallible<R>>,
    ) -> Result<R> {
        let mut slot = self.underway.lock().await;
        let mut session = replace(&mut *slot, Err(over()))?.session;
        let step = work(Operation { database: &self.database, session: Some(&mut session) });
        let done = in_time(STATEMENT_TIMEOUT, Some(table), step).await?;
        *slot = Ok(Underway::new(session, true));
        Ok(done)
    }

    /// A write. If it is the first step, and others are in its way, the transaction begins anew until its turn comes: of
    /// what it read so far nobody knows.
    async fn write<R, F>(&self, step: impl Fn() -> F) -> Result<R>
    where
        F: Future<Output = Result<R>>,
    {
        let start = Instant::now();
        let is_first = self.underway.lock().await.as_ref().is_ok_and(|underway| !underway.begun);
        loop {
            match step().await {
                Err(Error::Overloaded) if is_first && start.elapsed() < RETRY_TIMEOUT => {
                    sleep(Duration::from_millis(2)).await;
                    let session = begin(&self.database).await.map_err(|error| tell(None, &error))?;
                    *self.underway.lock().await = Ok(Underway::new(session, false));
                }
                outcome => {
                    if matches!(outcome, Err(Error::Full(_))) {
                        self.last.note(&outcome);
                    }
                    return outcome;
                }
            }
        }
    }

    /// Waits until what is in the way is read by whoever is told of it.
    pub(crate) async fn until_kept(&self, table: &Table) {
        until_kept(&self.database, table).await;
    }

    async fn take(&self) -> Result<ClientSession> {
        Ok(replace(&mut *self.underway.lock().await, Err(over()))?.session)
    }
}

/// Ends a transaction that idles. One step at a time holds the lock, so none is under way here.
async fn watch(steps: Weak<TransactionSession>) {
    while let Some(steps) = steps.upgrade() {
        let mut slot = steps.underway.lock().await;
        match &*slot {
            Ok(underway) if underway.used.elapsed() >= IDLE_TIMEOUT => {
                *slot = Err(Error::Unavailable(Error::source_of("the transaction did nothing for too long")));
                return;
            }
            // Ended, or about to begin anew.
            Ok(_) | Err(_) => (),
        }
        drop(slot);
        drop(steps);
        sleep(IDLE_TIMEOUT / 5).await;
    }
}

impl Session for TransactionSession {
    fn commit(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut session = self.take().await?;
            in_time(STATEMENT_TIMEOUT, None, async move { session.commit_transaction().await }).await
        })
    }

    fn rollback(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut session = self.take().await?;
            in_time(STATEMENT_TIMEOUT, None, async move { session.abort_transaction().await }).await
        })
    }
}

impl Driver for TransactionSession {
    fn lanes(&self) -> Lanes {
        Lanes { reads: None, writes: None, waits: false }
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
            let insert = async |range: Range<usize>| {
                self.check_rows(table, &*rows, range.clone()).await?;
                let keys = counted_keys(&self.database, table, range.len()).await?;
                let documents = &documents(table, &*rows, range, &keys)?;
                if !documents.is_empty() {
                    self.run(table, |mut at| Box::pin(async move { at.insert(table, documents).await })).await?;
                }
                Ok(keys)
            };
            self.write(|| insert(range.clone())).await
        })
    }

    fn upsert<'a>(&'a self, upsert: &'a Upsert, rows: Arc<dyn Batch>, range: Range<usize>) -> Answer<'a, ()> {
        Box::pin(async move {
            let updates = &updates(upsert, &*rows, range)?;
            let step = async || {
                self.run(upsert.table, move |mut at| Box::pin(async move { at.upsert(upsert.table, updates).await }))
                    .await
            };
            self.write(step).await
        })
    }

    fn update<'a>(&'a self, update: &'a Update, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let change = async || {
                self.check_update(update).await?;
                self.run(update.table, |mut at| Box::pin(async move { at.update(update).await })).await
            };
            show(update.table, &self.write(change).await?, each)
        })
    }

    fn delete<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        Box::pin(async move {
            let delete =
                async || self.run(table, move |mut at| Box::pin(async move { at.delete(table, filter).await })).await;
            self.write(delete).await
        })
    }
}
