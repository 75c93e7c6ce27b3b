//! The one thread that writes. It takes everything that queued while the last commit reached the disk, gives
//! each piece of work a savepoint, commits once, and only then tells the callers. A transaction of several steps
//! has the thread to itself until it ends, or until nobody has asked anything of it for a while.

use crate::cell::tell;
use rusqlite::Connection;
use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};
use tokio::sync::oneshot;
use tollgate_store::{Error, Result};

/// The most pieces of work in one commit.
const GROUP: usize = 256;
/// How long a transaction may hold everybody up between two of its steps.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hands work to the thread, which ends with the last sender.
pub(crate) struct Writer(Sender<Job>);

enum Job {
    Once(Box<dyn Work>),
    Steps { steps: Receiver<Step>, started: oneshot::Sender<Result<()>> },
}

/// One step of a transaction.
pub(crate) enum Step {
    /// Something to do in it.
    Do(Box<dyn FnOnce(&Connection) + Send>),
    /// Its end: kept or not.
    End { keep: bool, reply: oneshot::Sender<Result<()>> },
}

/// Something to write, and someone to tell.
trait Work: Send {
    fn run(&mut self, db: &Connection);
    fn tell(self: Box<Self>, committed: Result<()>);
}

struct Task<F, R> {
    run: Option<F>,
    outcome: Result<R>,
    reply: oneshot::Sender<Result<R>>,
}

impl<F: FnOnce(&Connection) -> Result<R> + Send, R: Send> Work for Task<F, R> {
    /// Does nothing once SQLite has given up the transaction: its callers are told so together.
    fn run(&mut self, db: &Connection) {
        if let Some(run) = self.run.take().filter(|_| !db.is_autocommit()) {
            self.outcome = in_savepoint(db, run);
        }
    }

    fn tell(self: Box<Self>, committed: Result<()>) {
        let _ = self.reply.send(committed.and(self.outcome));
    }
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(db: Connection) -> Result<Self> {
        let (sender, jobs) = channel();
        let named = thread::Builder::new().name("sqlite-writer".into());
        named.spawn(move || serve(&db, &jobs)).map_err(|error| Error::Unavailable(std::sync::Arc::new(error)))?;
        Ok(Self(sender))
    }

    /// Runs the work in a transaction it may share with others; answers after the commit.
    pub(crate) async fn write<R: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let (reply, answer) = oneshot::channel();
        let task = Task { run: Some(run), outcome: Err(gone()), reply };
        self.0.send(Job::Once(Box::new(task))).map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Starts a transaction of several steps.
    pub(crate) async fn begin(&self) -> Result<Sender<Step>> {
        let ((sender, steps), (started, answer)) = (channel(), oneshot::channel());
        self.0.send(Job::Steps { steps, started }).map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))?;
        Ok(sender)
    }
}

fn gone() -> Error {
    Error::Unavailable(Error::source_of("the writer has stopped"))
}

fn serve(db: &Connection, jobs: &Receiver<Job>) {
    let mut waiting = None;
    while let Some(job) = waiting.take().or_else(|| jobs.recv().ok()) {
        match job {
            Job::Steps { steps, started } => serve_steps(db, &steps, started),
            Job::Once(first) => {
                let mut group = vec![first];
                while group.len() < GROUP && waiting.is_none() {
                    match jobs.try_recv() {
                        Ok(Job::Once(work)) => group.push(work),
                        Ok(steps) => waiting = Some(steps),
                        Err(_) => break,
                    }
                }
                let committed = in_transaction(db, || group.iter_mut().for_each(|work| work.run(db)));
                group.into_iter().for_each(|work| work.tell(committed.clone()));
            }
        }
    }
}

fn serve_steps(db: &Connection, steps: &Receiver<Step>, started: oneshot::Sender<Result<()>>) {
    let begun = execute(db, "BEGIN IMMEDIATE");
    let failed = begun.is_err();
    if started.send(begun).is_err() || failed {
        let _ = execute(db, "ROLLBACK");
        return;
    }
    loop {
        match steps.recv_timeout(PATIENCE) {
            Ok(Step::Do(run)) => run(db),
            Ok(Step::End { keep, reply }) => {
                let _ = reply.send(if keep { commit(db) } else { execute(db, "ROLLBACK") });
                return;
            }
            Err(_) => {
                let _ = execute(db, "ROLLBACK");
                return;
            }
        }
    }
}

fn execute(db: &Connection, sql: &str) -> Result<()> {
    db.execute_batch(sql).map_err(tell)
}

fn commit(db: &Connection) -> Result<()> {
    let committed = execute(db, "COMMIT");
    if committed.is_err() && !db.is_autocommit() {
        execute(db, "ROLLBACK")?;
    }
    committed
}

fn in_transaction(db: &Connection, run: impl FnOnce()) -> Result<()> {
    execute(db, "BEGIN IMMEDIATE")?;
    run();
    if db.is_autocommit() {
        return Err(Error::Full(Error::source_of("SQLite gave up the whole transaction")));
    }
    commit(db)
}

/// Keeps all of the work or, if it fails, nothing of it and everything before it.
pub(crate) fn in_savepoint<R>(db: &Connection, run: impl FnOnce(&Connection) -> Result<R>) -> Result<R> {
    let step = |sql: &str| db.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map_err(tell);
    step("SAVEPOINT work")?;
    let outcome = run(db);
    if db.is_autocommit() {
        // A full disk made SQLite roll back the whole transaction: there is no savepoint left.
        return outcome.and(Err(Error::Full(Error::source_of("SQLite gave up the whole transaction"))));
    }
    let undone = if outcome.is_err() { step("ROLLBACK TO work") } else { Ok(0) };
    step("RELEASE work").and(undone).and(outcome)
}
