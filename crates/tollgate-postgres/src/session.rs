//! A transaction: a connection of its own, one step after the other.
//!
//! What it reads, it locks until its end: whoever reads a number, adds one and writes it back loses no other's
//! addition, as on a database with one writer. A step that fails undoes itself alone.

use crate::{
    cell::Bound,
    config::Config,
    connection::{Connection, Rows},
    dialect::{self, Postgres as Dialect, select_and_lock},
    error::{is_lost, is_stale, tell},
    pool::Borrowed,
    statement::{columns_of, counted, keys_of, show, show_asked},
};
use std::{ops::Range, sync::Arc};
use tokio::{join, sync::Mutex};
use tollgate_store::{
    Answer, Batch, Driver, Each, Error, Expr, Lanes, LastWrite, Result, Select, Session, SqlQuery, Table, Update,
    Upsert, Value, sql,
};

/// One transaction, until it has ended.
pub(crate) struct TransactionSession {
    borrowed: Mutex<Option<Borrowed>>,
    config: Arc<Config>,
    last: Arc<LastWrite>,
}

fn over() -> Error {
    Error::internal("the transaction has ended")
}

impl TransactionSession {
    pub(crate) fn new(borrowed: Borrowed, config: &Arc<Config>, last: &Arc<LastWrite>) -> Self {
        Self { borrowed: Mutex::new(Some(borrowed)), config: Arc::clone(config), last: Arc::clone(last) }
    }

    /// One step.
    async fn run(&self, sql: &str, params: &[Bound<'_>]) -> Result<Rows> {
        let mut slot = self.borrowed.lock().await;
        let connection = &slot.as_ref().ok_or_else(over)?.connection;
        let outcome = self.config.in_time(step_again(connection, sql, params)).await;
        if !matches!(&outcome, Ok(answer) if !answer.as_ref().is_err_and(is_lost)) {
            *slot = None;
        }
        let outcome = outcome?.map_err(|error| tell(&error));
        if matches!(outcome, Err(Error::Full(_))) {
            self.last.note(&outcome);
        }
        outcome
    }

    async fn end(&self, how: &str) -> Result<()> {
        let borrowed = self.borrowed.lock().await.take().ok_or_else(over)?;
        self.config.in_time(borrowed.connection.execute(how)).await?.map_err(|error| tell(&error))?;
        borrowed.give_back();
        Ok(())
    }

    fn dialect(&self) -> Dialect<'_> {
        Dialect(&self.config.schema)
    }
}

/// A step; once more if it must be prepared again.
async fn step_again(connection: &Connection, sql: &str, params: &[Bound<'_>]) -> Result<Rows, tokio_postgres::Error> {
    match step(connection, sql, params).await {
        Err(error) if is_stale(&error) => step(connection, sql, params).await,
        outcome => outcome,
    }
}

/// Between a savepoint and its release. All three are sent at once; if the step fails, so does the release, and the
/// savepoint is still there to go back to.
async fn step(connection: &Connection, sql: &str, params: &[Bound<'_>]) -> Result<Rows, tokio_postgres::Error> {
    connection.get_ready(sql).await?;
    let (_, outcome, _) = join!(
        connection.execute("SAVEPOINT step"),
        connection.query_once(sql, params),
        connection.execute("RELEASE step")
    );
    if outcome.is_err() {
        connection.execute("ROLLBACK TO step; RELEASE step").await?;
    }
    outcome
}

impl Session for TransactionSession {
    /// The server "commits" a transaction that has failed by rolling it back, without an error. Any statement
    /// before tells.
    fn commit(&self) -> Answer<'_, ()> {
        Box::pin(self.end("SELECT; COMMIT"))
    }

    fn rollback(&self) -> Answer<'_, ()> {
        Box::pin(self.end("ROLLBACK"))
    }
}

impl Driver for TransactionSession {
    fn lanes(&self) -> Lanes {
        Lanes { reads: None, writes: None, waits: true }
    }

    fn select<'a>(&'a self, select: &'a Select, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let sql = select_and_lock(self.dialect(), select);
            show(&self.run(&sql.text, &Bound::all(&sql.params)).await?, each)
        })
    }

    fn query<'a>(&'a self, query: &'a SqlQuery, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let sql = sql::query(self.dialect(), query);
            show_asked(&self.run(&sql.text, &Bound::all(&sql.params)).await?, &query.shape, each)
        })
    }

    fn count<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        Box::pin(async move {
            let sql = sql::count(self.dialect(), table, filter);
            counted(&self.run(&sql.text, &Bound::all(&sql.params)).await?)
        })
    }

    fn insert<'a>(
        &'a self,
        table: &'static Table,
        rows: Arc<dyn Batch>,
        range: Range<usize>,
    ) -> Answer<'a, Vec<Value<'static>>> {
        Box::pin(async move {
            let sql = dialect::insert(self.dialect(), table);
            keys_of(&self.run(&sql, &columns_of(table, &*rows, &range)).await?)
        })
    }

    fn upsert<'a>(&'a self, upsert: &'a Upsert, rows: Arc<dyn Batch>, range: Range<usize>) -> Answer<'a, ()> {
        Box::pin(async move {
            let sql = dialect::upsert(self.dialect(), upsert);
            self.run(&sql, &columns_of(upsert.table, &*rows, &range)).await.map(drop)
        })
    }

    fn update<'a>(&'a self, update: &'a Update, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let sql = sql::update(self.dialect(), update);
            show(&self.run(&sql.text, &Bound::all(&sql.params)).await?, each)
        })
    }

    fn delete<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        Box::pin(async move {
            let sql = sql::delete(self.dialect(), table, filter);
            Ok(self.run(&sql.text, &Bound::all(&sql.params)).await?.count)
        })
    }
}
