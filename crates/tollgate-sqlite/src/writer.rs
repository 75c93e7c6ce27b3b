//! The one thread that writes. It takes everything that queued while the last commit reached the disk, gives
//! each piece of work a savepoint, commits once, and only then tells the callers. What may take long, and would then
//! take all others along, has a transaction of its own. One of several steps has the thread to itself until it ends, or
//! until nobody has asked anything of it for a while.

mod thread;

pub(crate) use thread::in_savepoint;

use crate::limit;
use rusqlite::Connection;
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;
use tollgate_store::{
    Error, LastWrite, Result,
    connections::{Counted, PoolMeasures},
};
use tracing::Span;

/// The most pieces of work that may wait for a commit.
const WAITING: usize = 4096;
/// How long a piece of work may wait until it is begun.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);

/// Hands work to the thread, which ends with the last sender.
pub(crate) struct Writer {
    jobs: SyncSender<Job>,
    thread: JoinHandle<()>,
    last: Arc<LastWrite>,
    statement_timeout: Duration,
    measures: PoolMeasures,
}

/// What is to be done, and when that was said.
struct Job {
    since: Instant,
    what: What,
    _pending: Counted,
}

enum What {
    /// In a transaction with others.
    Shared(Box<dyn Work>),
    /// In one of its own.
    Alone(Box<dyn Work>),
    /// In one of its own, in which rows may refer to what is not there: where tables are made anew.
    Schema(Box<dyn Work>),
    Transaction {
        steps: Receiver<SessionStep>,
        started: oneshot::Sender<Result<()>>,
    },
}

/// One step of a transaction.
pub(crate) enum SessionStep {
    /// Something to do in it.
    Do(Box<dyn FnOnce(&Connection) + Send>),
    /// Its end: kept or not.
    End { keep: bool, reply: oneshot::Sender<Result<()>> },
}

/// Something to write, and someone to tell.
trait Work: Send {
    /// Does it. The error, which is everybody's, is why SQLite gave up the whole transaction.
    fn run(&mut self, db: &Connection) -> Result<()>;
    fn tell(self: Box<Self>, committed: Result<()>);
    fn is_left(&self) -> bool;
    fn span(&self) -> &Span;
}

struct Task<F, R> {
    run: Option<F>,
    outcome: Option<Result<R>>,
    reply: oneshot::Sender<Result<R>>,
    /// The round trip in the caller's trace.
    span: Span,
}

impl<F: FnOnce(&Connection) -> Result<R> + Send, R: Send> Work for Task<F, R> {
    fn run(&mut self, db: &Connection) -> Result<()> {
        if let Some(run) = self.run.take() {
            self.outcome = Some(in_savepoint(db, run));
        }
        match &self.outcome {
            _ if !db.is_autocommit() => Ok(()),
            Some(Err(why)) => Err(why.clone()),
            _ => Err(given_up()),
        }
    }

    fn tell(self: Box<Self>, committed: Result<()>) {
        let outcome = self.outcome.unwrap_or_else(|| Err(gone()));
        let _ = self.reply.send(committed.and(outcome));
    }

    fn is_left(&self) -> bool {
        self.reply.is_closed()
    }

    fn span(&self) -> &Span {
        &self.span
    }
}

impl Job {
    /// Unless nobody waits for it any more, or for too long.
    fn in_time(self, measures: &PoolMeasures) -> Option<What> {
        let is_late = self.since.elapsed() > QUEUE_TIMEOUT;
        measures.timeouts.inc_by(is_late.into());
        match self.what {
            What::Shared(work) | What::Alone(work) | What::Schema(work) if is_late || work.is_left() => {
                work.tell(Err(Error::Overloaded));
            }
            What::Transaction { started, .. } if is_late || started.is_closed() => {
                drop(started.send(Err(Error::Overloaded)));
            }
            what => return Some(what),
        }
        None
    }
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(db: Connection, statement_timeout: Duration, measures: &PoolMeasures) -> Result<Self> {
        let (sender, jobs) = sync_channel(WAITING);
        let named = Builder::new().name("sqlite-writer".into());
        let thread = named
            .spawn({
                let measures = measures.clone();
                move || thread::serve(&db, &jobs, &measures)
            })
            .map_err(|error| Error::Unavailable(Arc::new(error)))?;
        Ok(Self { jobs: sender, thread, last: Arc::default(), statement_timeout, measures: measures.clone() })
    }

    /// Runs work that is quickly done, in a transaction it shares with others; answers after the commit.
    pub(crate) async fn write<R: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let limit = self.statement_timeout;
        self.done(What::Shared, move |db| limit::within(limit, || run(db))).await
    }

    /// The same in a transaction of its own, for work whose length is not known.
    pub(crate) async fn write_alone<R: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let limit = self.statement_timeout;
        self.done(What::Alone, move |db| limit::within(limit, || run(db))).await
    }

    /// Changes tables, for as long as it takes.
    pub(crate) async fn change_schema<R: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        self.done(What::Schema, run).await
    }

    async fn done<R: Send + 'static>(
        &self,
        how: fn(Box<dyn Work>) -> What,
        run: impl FnOnce(&Connection) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let (reply, answer) = oneshot::channel();
        self.send(how(Box::new(Task { run: Some(run), outcome: None, reply, span: Span::current() })))?;
        let outcome = answer.await.unwrap_or_else(|_| Err(gone()));
        self.last.note(&outcome);
        outcome
    }

    /// Starts a transaction of several steps.
    pub(crate) async fn begin(&self) -> Result<Sender<SessionStep>> {
        let ((sender, steps), (started, answer)) = (channel(), oneshot::channel());
        self.send(What::Transaction { steps, started })?;
        answer.await.unwrap_or_else(|_| Err(gone()))?;
        Ok(sender)
    }

    /// What is remembered of the last write, for those that are made in a transaction.
    pub(crate) fn last(&self) -> Arc<LastWrite> {
        Arc::clone(&self.last)
    }

    /// Whether it writes, as far as is known.
    pub(crate) fn check(&self) -> Result<()> {
        if self.thread.is_finished() { Err(gone()) } else { self.last.check() }
    }

    fn send(&self, what: What) -> Result<()> {
        let job = Job { since: Instant::now(), what, _pending: Counted::on(&self.measures.pending) };
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => {
                self.measures.timeouts.inc();
                Error::Overloaded
            }
            TrySendError::Disconnected(_) => gone(),
        })
    }
}

fn gone() -> Error {
    Error::Unavailable(Error::source_of("the writer has stopped"))
}

fn given_up() -> Error {
    Error::Unavailable(Error::source_of("SQLite gave up the whole transaction"))
}

#[cfg(test)]
mod tests {
    use super::{thread::execute, *};
    use crate::cell::tell;

    const LIMIT: Duration = Duration::from_secs(30);

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
        let writer = Writer::start(small(), LIMIT, &PoolMeasures::of("test", 1)).unwrap();
        writer.write(insert(10)).await.unwrap();
        let refused = writer.write(insert(100_000)).await;
        assert!(matches!(refused, Err(Error::Full(_))), "{refused:?}");
        writer.write(insert(10)).await.unwrap();
        assert_eq!(writer.write(count).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_transaction_that_sqlite_gave_up_keeps_none_of_its_later_steps() {
        let writer = Writer::start(small(), LIMIT, &PoolMeasures::of("test", 1)).unwrap();
        let steps = writer.begin().await.unwrap();
        for length in [10, 100_000, 10] {
            let step = move |db: &Connection| drop(in_savepoint(db, insert(length)));
            let _ = steps.send(SessionStep::Do(Box::new(step)));
        }
        let (reply, answer) = oneshot::channel();
        let _ = steps.send(SessionStep::End { keep: true, reply });
        assert!(!matches!(answer.await, Ok(Ok(()))), "a commit of nothing is no commit");
        assert_eq!(writer.write(count).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_failure_in_a_group_undoes_itself_alone() {
        let writer = Writer::start(small(), LIMIT, &PoolMeasures::of("test", 1)).unwrap();
        let fails = |db: &Connection| {
            insert(10)(db)?;
            Err::<usize, _>(Error::NotFound)
        };
        let (one, none, two) = tokio::join!(writer.write(insert(10)), writer.write(fails), writer.write(insert(10)));
        assert!(one.is_ok() && matches!(none, Err(Error::NotFound)) && two.is_ok());
        assert_eq!(writer.write(count).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_panic_undoes_itself_and_ends_nothing() {
        let writer = Writer::start(small(), LIMIT, &PoolMeasures::of("test", 1)).unwrap();
        let panics = |db: &Connection| -> Result<usize> {
            insert(10)(db)?;
            std::panic::resume_unwind(Box::new("on purpose"))
        };
        let (one, none, two) = tokio::join!(writer.write(insert(10)), writer.write(panics), writer.write(insert(10)));
        assert!(one.is_ok() && matches!(none, Err(Error::Internal(_))) && two.is_ok());
        assert_eq!(writer.write(count).await.unwrap(), 2);
        writer.check().unwrap();
    }

    #[tokio::test]
    async fn everybody_is_told_why_sqlite_gave_up_their_transaction() {
        let writer = Writer::start(small(), LIMIT, &PoolMeasures::of("test", 1)).unwrap();
        let gives_up = |db: &Connection| -> Result<usize> {
            execute(db, "ROLLBACK")?;
            Err(Error::internal("the first cause"))
        };
        let steps = writer.begin().await.unwrap();
        let told = tokio::join!(writer.write(insert(10)), writer.write(gives_up), writer.write(insert(10)), async {
            let (reply, answer) = oneshot::channel();
            steps.send(SessionStep::End { keep: false, reply }).unwrap();
            answer.await.unwrap()
        });
        told.3.unwrap();
        for outcome in [told.0, told.1, told.2] {
            assert!(
                matches!(&outcome, Err(Error::Internal(why)) if why.to_string() == "the first cause"),
                "{outcome:?}"
            );
        }
        writer.write(insert(10)).await.unwrap();
    }
}
