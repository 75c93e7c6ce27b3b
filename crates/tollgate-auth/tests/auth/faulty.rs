//! A database in memory whose writes fail, or wait, when a test says so.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::Notify;
use tollgate_store::{
    Answer, Batch, Database, Driver, Each, Error, Expr, Lanes, Memory, Result, Select, Session, Table, Update, Value,
};

/// What becomes of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not done.
    Refused,
    /// It is done, and nobody learns of it.
    AnswerLost,
}

/// What begins a transaction.
pub(crate) const BEGIN: &str = "begin";

/// A write that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failed {
    /// It is a part of something.
    Part,
    /// A commit.
    Commit,
}

/// Such a database.
#[derive(Default)]
pub(crate) struct Faulty {
    memory: Memory,
    plan: Arc<Plan>,
}

#[derive(Default)]
struct Plan {
    /// How many writes follow until one fails, and how.
    fault: Mutex<Option<(usize, Fault)>>,
    failed: Mutex<Option<Failed>>,
    held: Mutex<Option<(&'static str, Arc<Held>)>>,
    unreadable: AtomicBool,
}

/// An insert, or the beginning of a transaction, that waits.
#[derive(Default)]
pub(crate) struct Held {
    reached: Notify,
    released: Notify,
}

impl Held {
    /// Waits until the insert waits.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets the insert go on.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }
}

impl Faulty {
    /// Lets the nth write from here fail; a commit is one.
    pub(crate) fn fail(&self, nth: usize, how: Fault) {
        *self.plan.fault.lock().unwrap() = Some((nth, how));
    }

    /// Ends that; what failed.
    pub(crate) fn mend(&self) -> Option<Failed> {
        *self.plan.fault.lock().unwrap() = None;
        self.plan.failed.lock().unwrap().take()
    }

    /// Lets the next insert into a table wait; or the next transaction, where that is [`BEGIN`].
    pub(crate) fn hold(&self, table: &'static str) -> Arc<Held> {
        let held = Arc::new(Held::default());
        *self.plan.held.lock().unwrap() = Some((table, Arc::clone(&held)));
        held
    }

    /// Whether reading fails from here on.
    pub(crate) fn unreadable(&self, is: bool) {
        self.plan.unreadable.store(is, Ordering::SeqCst);
    }
}

impl Plan {
    fn fails(&self, what: Failed) -> Option<Fault> {
        let mut fault = self.fault.lock().unwrap();
        let (left, how) = fault.as_mut()?;
        *left -= 1;
        let how = (*left == 0).then_some(*how)?;
        *fault = None;
        *self.failed.lock().unwrap() = Some(what);
        Some(how)
    }

    async fn write<R>(&self, what: Failed, write: Answer<'_, R>) -> Result<R> {
        match self.fails(what) {
            Some(Fault::Refused) => Err(lost()),
            Some(Fault::AnswerLost) => {
                write.await?;
                Err(lost())
            }
            None => write.await,
        }
    }

    async fn wait(&self, at: &str) {
        let held = self.held.lock().unwrap().take_if(|(held, _)| *held == at);
        if let Some((_, held)) = held {
            held.reached.notify_one();
            held.released.notified().await;
        }
    }

    async fn read<R>(&self, read: Answer<'_, R>) -> Result<R> {
        if self.unreadable.load(Ordering::SeqCst) { Err(lost()) } else { read.await }
    }
}

fn lost() -> Error {
    Error::Unavailable(Error::source_of("a test cut the line"))
}

/// A transaction in it.
struct Part {
    session: Arc<dyn Session>,
    plan: Arc<Plan>,
}

impl Session for Part {
    fn commit(&self) -> Answer<'_, ()> {
        Box::pin(self.plan.write(Failed::Commit, self.session.commit()))
    }

    fn rollback(&self) -> Answer<'_, ()> {
        self.session.rollback()
    }
}

impl Database for Faulty {
    fn describe(&self) -> String {
        "faulty memory".into()
    }

    fn begin(&self) -> Answer<'_, Arc<dyn Session>> {
        Box::pin(async {
            self.plan.wait(BEGIN).await;
            let part = Part { session: self.memory.begin().await?, plan: Arc::clone(&self.plan) };
            Ok(Arc::new(part) as _)
        })
    }

    fn prepare<'a>(&'a self, tables: &'a [&'static Table], additive: bool) -> Answer<'a, Vec<String>> {
        self.memory.prepare(tables, additive)
    }

    fn ping(&self) -> Answer<'_, ()> {
        self.memory.ping()
    }
}

macro_rules! driver {
    ($type:ty, $inner:ident) => {
        impl Driver for $type {
            fn lanes(&self) -> Lanes {
                self.$inner.lanes()
            }

            fn select<'a>(&'a self, select: &'a Select, each: Each<'a>) -> Answer<'a, ()> {
                Box::pin(self.plan.read(self.$inner.select(select, each)))
            }

            fn count<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
                Box::pin(self.plan.read(self.$inner.count(table, filter)))
            }

            fn insert<'a>(
                &'a self,
                table: &'static Table,
                rows: Arc<dyn Batch>,
                range: Range<usize>,
            ) -> Answer<'a, Vec<Value<'static>>> {
                Box::pin(async move {
                    self.plan.wait(table.name).await;
                    self.plan.write(Failed::Part, self.$inner.insert(table, rows, range)).await
                })
            }

            fn update<'a>(&'a self, update: &'a Update, each: Each<'a>) -> Answer<'a, ()> {
                Box::pin(self.plan.write(Failed::Part, self.$inner.update(update, each)))
            }

            fn delete<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
                Box::pin(self.plan.write(Failed::Part, self.$inner.delete(table, filter)))
            }
        }
    };
}

driver!(Faulty, memory);
driver!(Part, session);
