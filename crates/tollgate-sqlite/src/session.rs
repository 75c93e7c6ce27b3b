//! A transaction: each of its steps is done by the writer's thread, in order.

use crate::{
    dialect::Sqlite as Dialect,
    limit,
    statement::{collect, count, delete, insert_all, update, upsert_all},
    writer::{SessionStep, in_savepoint},
};
use rusqlite::Connection;
use std::{
    ops::Range,
    sync::{Arc, mpsc::Sender},
    time::Duration,
};
use tokio::sync::oneshot;
use tollgate_store::{
    Answer, Batch, Driver, Each, Error, Expr, Lanes, LastWrite, Result, Select, Session, SqlQuery, Table, Update,
    Upsert, Value, sql,
};

/// One transaction. Dropped, its sender is gone, and the writer rolls back.
pub(crate) struct TransactionSession {
    steps: Sender<SessionStep>,
    statement_timeout: Duration,
    last: Arc<LastWrite>,
}

fn over() -> Error {
    Error::internal("the transaction has ended, or took too long between two steps")
}

impl TransactionSession {
    pub(crate) fn new(steps: Sender<SessionStep>, statement_timeout: Duration, last: Arc<LastWrite>) -> Self {
        Self { steps, statement_timeout, last }
    }

    async fn run<R: Send + 'static>(&self, run: impl FnOnce(&Connection) -> Result<R> + Send + 'static) -> Result<R> {
        let ((reply, answer), limit) = (oneshot::channel(), self.statement_timeout);
        let run = move |db: &Connection| limit::within(limit, || run(db));
        let step = move |db: &Connection| drop(reply.send(in_savepoint(db, run)));
        self.steps.send(SessionStep::Do(Box::new(step))).map_err(|_| over())?;
        let outcome = answer.await.unwrap_or_else(|_| Err(over()));
        if outcome.is_err() {
            self.last.note(&outcome);
        }
        outcome
    }

    async fn end(&self, keep: bool) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.steps.send(SessionStep::End { keep, reply }).map_err(|_| over())?;
        answer.await.unwrap_or_else(|_| Err(over()))
    }
}

impl Session for TransactionSession {
    fn commit(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let committed = self.end(true).await;
            self.last.note(&committed);
            committed
        })
    }

    fn rollback(&self) -> Answer<'_, ()> {
        Box::pin(self.end(false))
    }
}

impl Driver for TransactionSession {
    fn lanes(&self) -> Lanes {
        Lanes { reads: None, writes: None, waits: true }
    }

    fn select<'a>(&'a self, select: &'a Select, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let select = select.clone();
            let rows = self.run(move |db| collect(db, &sql::select(Dialect, &select))).await?;
            rows.iter().try_for_each(|row| each(row))
        })
    }

    fn query<'a>(&'a self, query: &'a SqlQuery, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let query = query.clone();
            let rows = self.run(move |db| collect(db, &sql::query(Dialect, &query))).await?;
            rows.iter().try_for_each(|row| each(row))
        })
    }

    fn count<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        let filter = filter.clone();
        Box::pin(self.run(move |db| count(db, table, &filter)))
    }

    fn insert<'a>(
        &'a self,
        table: &'static Table,
        rows: Arc<dyn Batch>,
        range: Range<usize>,
    ) -> Answer<'a, Vec<Value<'static>>> {
        Box::pin(self.run(move |db| insert_all(db, table, &*rows, range)))
    }

    fn upsert<'a>(&'a self, upsert: &'a Upsert, rows: Arc<dyn Batch>, range: Range<usize>) -> Answer<'a, ()> {
        let upsert = upsert.clone();
        Box::pin(self.run(move |db| upsert_all(db, &upsert, &*rows, range)))
    }

    fn update<'a>(&'a self, change: &'a Update, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let change = change.clone();
            let rows = self.run(move |db| update(db, &change)).await?;
            rows.iter().try_for_each(|row| each(row))
        })
    }

    fn delete<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        let filter = filter.clone();
        Box::pin(self.run(move |db| delete(db, table, &filter)))
    }
}
