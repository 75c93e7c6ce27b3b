//! What an app does when its database does not: writes that fail, answers that are lost, calls that wait.
//!
//! [`Faulty`] is the database in memory with a plan of what goes wrong, which a test changes while the app runs. Counting
//! writes is the point of it: a test that lets the first fail, then the second, and so on until none is left, has seen
//! every place where something could have been left half done.
//!
//! Invariant: what was not planned is done as [`Memory`] does it.

use std::{
    fmt,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::sleep};
use tollgate::Timestamp;
use tollgate_store::{
    Answer, Batch, Database, Driver, Each, Error, Expr, Lanes, Memory, Result, Select, Session, Table, Update, Upsert,
    Value,
};

/// What becomes of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is not done.
    Refused,
    /// It is done, and nobody learns of it.
    AnswerLost,
}

/// A write that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failed {
    /// A statement, by itself or in a transaction.
    Statement,
    /// The commit of a transaction.
    Commit,
}

/// A database in memory whose writes fail, or wait, when a test says so. What fails is
/// [`Error::Unavailable`], which an app answers with 503.
///
/// ```
/// # use tollgate::prelude::*;
/// # /// A note.
/// # #[resource(plural = "notes")]
/// # pub struct Note { #[id(generated)] pub note_id: i64, pub text: String }
/// # fn app() -> App { App::new("notes").service(Service::new("notes").crud::<Note>("/notes")) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use std::sync::Arc;
/// use tollgate_testing::{Fault, Faulty, TestApp};
///
/// let database = Arc::new(Faulty::default());
/// let app = TestApp::with(app()).database(database.clone()).start().await;
/// let writer = app.actor("ann").may("create:notes");
/// database.fail(1, Fault::Refused);
/// let note = serde_json::json!({ "text": "Hello" });
/// assert_eq!(writer.post("/notes", note.clone()).await.status(), 503);
/// assert_eq!(writer.post("/notes", note).await.status(), 201);
/// # });
/// ```
#[derive(Default)]
pub struct Faulty {
    memory: Memory,
    plan: Arc<Plan>,
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("planned", &*locked(&self.plan.fault)).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Plan {
    /// How many writes follow until one fails, and how.
    fault: Mutex<Option<(usize, Fault)>>,
    failed: Mutex<Option<Failed>>,
    held: Mutex<Option<(At, Arc<Held>)>>,
    unreadable: AtomicBool,
    slow_millis: AtomicU64,
}

/// Where somebody is held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Insert(&'static str),
    Begin,
}

/// An insert, or the beginning of a transaction, that waits.
#[derive(Default)]
pub struct Held {
    reached: Notify,
    released: Notify,
}

tollgate_core::debug_by_name!(Held);

impl Held {
    /// Waits until somebody waits there.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets them go on.
    pub fn release(&self) {
        self.released.notify_one();
    }
}

impl Faulty {
    /// Lets the nth write from here fail, counted from 1; a commit is one. Those after it are done.
    pub fn fail(&self, nth: usize, how: Fault) {
        *locked(&self.plan.fault) = Some((nth, how));
    }

    /// Ends that. Says what failed; `None` if there were fewer writes.
    pub fn mend(&self) -> Option<Failed> {
        *locked(&self.plan.fault) = None;
        locked(&self.plan.failed).take()
    }

    /// Lets the next insert into that table wait; an upsert is one.
    pub fn hold(&self, table: &'static str) -> Arc<Held> {
        self.hold_at(At::Insert(table))
    }

    /// Lets the next transaction wait before it begins.
    pub fn hold_transaction(&self) -> Arc<Held> {
        self.hold_at(At::Begin)
    }

    fn hold_at(&self, at: At) -> Arc<Held> {
        let held = Arc::new(Held::default());
        *locked(&self.plan.held) = Some((at, Arc::clone(&held)));
        held
    }

    /// Whether reads fail from here on.
    pub fn unreadable(&self, is: bool) {
        self.plan.unreadable.store(is, Ordering::SeqCst);
    }

    /// How long each read and write takes from here on, to the millisecond; zero ends that.
    pub fn slow(&self, by: Duration) {
        self.plan.slow_millis.store(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

/// A test that failed while it held the lock is told by its own panic.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Plan {
    fn fails(&self, what: Failed) -> Option<Fault> {
        let mut fault = locked(&self.fault);
        let (left, how) = fault.as_mut()?;
        *left -= 1;
        let how = (*left == 0).then_some(*how)?;
        *fault = None;
        *locked(&self.failed) = Some(what);
        Some(how)
    }

    async fn write<R>(&self, what: Failed, write: Answer<'_, R>) -> Result<R> {
        self.delay().await;
        match self.fails(what) {
            Some(Fault::Refused) => Err(lost()),
            Some(Fault::AnswerLost) => {
                write.await?;
                Err(lost())
            }
            None => write.await,
        }
    }

    async fn delay(&self) {
        let millis = self.slow_millis.load(Ordering::SeqCst);
        if millis > 0 {
            sleep(Duration::from_millis(millis)).await;
        }
    }

    async fn wait(&self, at: At) {
        let held = locked(&self.held).take_if(|(held, _)| *held == at);
        if let Some((_, held)) = held {
            held.reached.notify_one();
            held.released.notified().await;
        }
    }

    async fn read<R>(&self, read: Answer<'_, R>) -> Result<R> {
        self.delay().await;
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
            self.plan.wait(At::Begin).await;
            let part = Part { session: self.memory.begin().await?, plan: Arc::clone(&self.plan) };
            Ok(Arc::new(part) as _)
        })
    }

    fn prepare<'a>(&'a self, tables: &'a [&'static Table], additive: bool) -> Answer<'a, Vec<String>> {
        self.memory.prepare(tables, additive)
    }

    fn time(&self) -> Answer<'_, Option<Timestamp>> {
        self.memory.time()
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
                    self.plan.wait(At::Insert(table.name)).await;
                    self.plan.write(Failed::Statement, self.$inner.insert(table, rows, range)).await
                })
            }

            fn upsert<'a>(&'a self, upsert: &'a Upsert, rows: Arc<dyn Batch>, range: Range<usize>) -> Answer<'a, ()> {
                Box::pin(async move {
                    self.plan.wait(At::Insert(upsert.table.name)).await;
                    self.plan.write(Failed::Statement, self.$inner.upsert(upsert, rows, range)).await
                })
            }

            fn update<'a>(&'a self, update: &'a Update, each: Each<'a>) -> Answer<'a, ()> {
                Box::pin(self.plan.write(Failed::Statement, self.$inner.update(update, each)))
            }

            fn delete<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
                Box::pin(self.plan.write(Failed::Statement, self.$inner.delete(table, filter)))
            }
        }
    };
}

driver!(Faulty, memory);
driver!(Part, session);
