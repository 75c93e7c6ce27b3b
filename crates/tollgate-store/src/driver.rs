//! What a database must be able to do. Object-safe: a driver is a crate of its own and knows no resource type.

use crate::{
    Error, Expr, Order, Result, Row, Set, SqlQuery, Table, Upsert, Value,
    migrate::{Applied, Script},
};
use jiff::Timestamp;
use std::{any::Any, future::Future, ops::Range, pin::Pin, sync::Arc};

/// A driver's answer, some time later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Sees the rows of an answer, one by one. An error may follow rows that were seen.
pub type Each<'a> = &'a mut (dyn FnMut(&dyn Row) -> Result<()> + Send);

/// Which rows of a table, in which order.
#[derive(Debug, Clone)]
pub struct Select {
    /// The table.
    pub table: &'static Table,
    /// Which rows.
    pub filter: Expr,
    /// In which order.
    pub order: Vec<Order>,
    /// At most how many.
    pub limit: Option<u32>,
}

impl Select {
    /// True if this asks for rows by their key: quick to answer, so it must not queue behind a scan.
    pub fn is_point(&self) -> bool {
        matches!(self.filter, Expr::In(column, _) if column == self.table.id)
    }
}

/// What to change in which rows.
#[derive(Debug, Clone)]
pub struct Update {
    /// The table.
    pub table: &'static Table,
    /// Columns and what they become; never empty.
    pub set: Vec<Set>,
    /// Which rows.
    pub filter: Expr,
}

/// Rows to be inserted together. Shared, so that a driver may hand them to another thread.
pub trait Batch: Send + Sync {
    /// The row with this index.
    fn row(&self, index: usize) -> &dyn Row;
}

impl<T: Row + Send + Sync> Batch for Vec<T> {
    fn row(&self, index: usize) -> &dyn Row {
        &self[index]
    }
}

/// How many groups a driver likes to have under way at once.
#[derive(Debug, Clone, Copy)]
pub struct Lanes {
    /// For point reads; `None` if a read is so quick that grouping would only cost.
    pub reads: Option<usize>,
    /// For inserts; `None` if the database groups them by itself.
    pub writes: Option<usize>,
    /// Whether a step of a transaction waits for another that is in its way. Else it fails at once
    /// ([`Error::Overloaded`]), and the transaction is worth being tried again.
    pub waits: bool,
}

/// Moves rows in and out of a database, or of one transaction in it.
pub trait Driver: Send + Sync + 'static {
    /// How it likes to be used.
    fn lanes(&self) -> Lanes;

    /// Shows the selected rows.
    fn select<'a>(&'a self, select: &'a Select, each: Each<'a>) -> Answer<'a, ()>;

    /// Shows what SQL of the app's own answers, as [`sql::query`](crate::sql::query) puts it. It only reads.
    ///
    /// # Errors
    /// The database speaks no SQL.
    fn query<'a>(&'a self, _: &'a SqlQuery, _: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async { Err(Error::internal("this database speaks no SQL: ask it with `find`, or for its client")) })
    }

    /// Counts the rows that match.
    fn count<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64>;

    /// Inserts all rows of the range or none; returns the keys, in order, if the database makes them.
    /// Answers only after the commit.
    fn insert<'a>(
        &'a self,
        table: &'static Table,
        rows: Arc<dyn Batch>,
        range: Range<usize>,
    ) -> Answer<'a, Vec<Value<'static>>>;

    /// Inserts the rows of several callers, all or none, as [`insert`](Self::insert). The answer is `None`, and nothing
    /// was kept, if another's transaction was in the way for longer than all of them should wait because of one.
    fn insert_group<'a>(
        &'a self,
        table: &'static Table,
        rows: Arc<dyn Batch>,
        range: Range<usize>,
    ) -> Answer<'a, Option<Vec<Value<'static>>>> {
        Box::pin(async move { self.insert(table, rows, range).await.map(Some) })
    }

    /// Inserts the rows of the range, and changes those that are there with their key; all or nothing. No two have one
    /// key, and they come in the order of their keys. Answers only after the commit.
    fn upsert<'a>(&'a self, upsert: &'a Upsert, rows: Arc<dyn Batch>, range: Range<usize>) -> Answer<'a, ()>;

    /// Changes the rows that match and shows them as they are now.
    fn update<'a>(&'a self, update: &'a Update, each: Each<'a>) -> Answer<'a, ()>;

    /// Deletes the rows that match; returns how many.
    fn delete<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64>;
}

/// A database.
pub trait Database: Driver + Any {
    /// What it is and where, for people: `SQLite in ./data/app.db`. Never with a password.
    fn describe(&self) -> String;

    /// Starts a transaction.
    fn begin(&self) -> Answer<'_, Arc<dyn Session>>;

    /// Makes sure that these tables are there and as the model says; says what it did about it.
    ///
    /// Where `additive` is set, missing tables, columns that may be empty, and indexes are added.
    ///
    /// # Errors
    /// A difference that needs a decision, with table, column and remedy.
    fn prepare<'a>(&'a self, tables: &'a [&'static Table], additive: bool) -> Answer<'a, Vec<String>>;

    /// What its migration scripts end with, as in `sqlite.sql`; nothing if it takes none.
    fn scripts(&self) -> Option<&'static str> {
        None
    }

    /// The migrations it has seen, in order.
    fn history(&self) -> Answer<'_, Vec<Applied>> {
        Box::pin(async { Ok(vec![]) })
    }

    /// Applies the scripts that it has not seen, in order, and says which those were. Each happens as a whole, where the
    /// database can do that, and is remembered with it; instances that start together take turns. With `adopt` they are
    /// remembered and not run: what they do was done in another way.
    ///
    /// # Errors
    /// [`Error::Schema`](crate::Error::Schema): where a script stopped, and whether anything of it was kept, or what does
    /// not fit its history. What was kept does not keep it from being run again.
    fn migrate<'a>(&'a self, scripts: &'a [Script], adopt: bool) -> Answer<'a, Vec<String>> {
        let _ = (scripts, adopt);
        Box::pin(async { Err(crate::Error::internal("this database takes no migrations")) })
    }

    /// What time it is there: the same for all instances, whose own clocks may differ. Nothing where there is one
    /// machine, and so one clock.
    fn time(&self) -> Answer<'_, Option<Timestamp>>;

    /// Answers if the database does.
    fn ping(&self) -> Answer<'_, ()>;

    /// Looks after the connections it has, once nobody looked for a while: those that were cut off meanwhile are made
    /// anew before anything is sent on them. Takes no longer than a second or two, whatever the database does.
    fn awake(&self) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// One transaction: sees its own writes, and nobody else does until it is committed. Dropped, it rolls back.
pub trait Session: Driver {
    /// Keeps everything. Answers once it is durable.
    fn commit(&self) -> Answer<'_, ()>;

    /// Keeps nothing.
    fn rollback(&self) -> Answer<'_, ()>;
}
