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
                for work in group {
                    work.tell(committed.clone());
                }
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
            Ok(Step::Do(run)) => {
                run(db);
                if db.is_autocommit() {
                    // SQLite gave up the transaction; another step would be kept by itself.
                    return;
                }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A database with one table and hardly any space.
    fn small() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE rows (text TEXT); PRAGMA max_page_count = 8;").unwrap();
        db
    }

    fn insert(length: usize) -> impl FnOnce(&Connection) -> Result<usize> + Send + 'static {
        move |db| db.execute("INSERT INTO rows VALUES (?)", ["x".repeat(length)]).map_err(tell)
    }

    fn count(db: &Connection) -> Result<i64> {
        db.query_row("SELECT count(*) FROM rows", [], |row| row.get(0)).map_err(tell)
    }

    #[tokio::test]
    async fn no_space_left_is_told_and_whoever_comes_later_has_what_there_is() {
        let writer = Writer::start(small()).unwrap();
        writer.write(insert(10)).await.unwrap();
        let refused = writer.write(insert(100_000)).await;
        assert!(matches!(refused, Err(Error::Full(_))), "{refused:?}");
        writer.write(insert(10)).await.unwrap();
        assert_eq!(writer.write(count).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_transaction_that_sqlite_gave_up_keeps_none_of_its_later_steps() {
        let writer = Writer::start(small()).unwrap();
        let steps = writer.begin().await.unwrap();
        for length in [10, 100_000, 10] {
            let step = move |db: &Connection| drop(in_savepoint(db, insert(length)));
            let _ = steps.send(Step::Do(Box::new(step)));
        }
        let (reply, answer) = oneshot::channel();
        let _ = steps.send(Step::End { keep: true, reply });
        assert!(!matches!(answer.await, Ok(Ok(()))), "a commit of nothing is no commit");
        assert_eq!(writer.write(count).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_failure_in_a_group_undoes_itself_alone() {
        let writer = Writer::start(small()).unwrap();
        let fails = |db: &Connection| {
            insert(10)(db)?;
            Err::<usize, _>(Error::NotFound)
        };
        let (one, none, two) = tokio::join!(writer.write(insert(10)), writer.write(fails), writer.write(insert(10)));
        assert!(one.is_ok() && matches!(none, Err(Error::NotFound)) && two.is_ok());
        assert_eq!(writer.write(count).await.unwrap(), 2);
    }
}
