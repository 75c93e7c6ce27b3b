//! The database: a few connections that read, one that writes.

use crate::{
    cell::tell,
    config::Config,
    dialect::Sqlite as Dialect,
    limit, migrate, schema,
    session::TransactionSession,
    statement::{count, delete, insert_all, query, update, upsert_all},
    writer::Writer,
};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, config::DbConfig, vtab::array};
use std::{
    fmt,
    fs::{self, Permissions},
    io,
    ops::Range,
    os::unix::fs::PermissionsExt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    thread,
    time::{Duration, Instant},
};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use tollgate_store::{
    Answer, Batch, Database, Driver, Each, Error, Expr, Lanes, Result, Select, Session, SqlQuery, Table, Update,
    Upsert, Value,
    connections::{Counted, PoolMeasures},
    migrate::{Applied, Queue, Script},
    sql,
};

/// How many connections read: one of them for lookups alone.
const READERS: usize = 5;
const STATEMENTS: usize = 256;
/// How many rows are written in so short a time that others may share the transaction.
const FEW: usize = 500;
/// How long a lock of another process is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a list waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// An SQLite database.
pub struct Sqlite {
    config: Config,
    /// Each is opened when it is needed first.
    readers: [Mutex<Option<Connection>>; READERS],
    /// One for each connection that lists may take: they wait here, where it keeps no thread.
    lists: Semaphore,
    measures: PoolMeasures,
    writer: Writer,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sqlite").field(&self.config.path).finish()
    }
}

/// Those of the connection that writes and of the ones that lists take. Lookups are over before they could be counted.
fn measures(path: &Path) -> PoolMeasures {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let measures = PoolMeasures::of(&name, READERS);
    measures.idle.inc_by(i64::try_from(READERS).unwrap_or_default());
    measures
}

impl Sqlite {
    /// Opens the file, or creates it for its owner alone, and its folder; a commit is on disk before it is acknowledged.
    ///
    /// # Errors
    /// The file or its folder cannot be written, is locked by another process, or is no database.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(Config::at(path))
    }

    /// The same, with other limits.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(config: Config) -> Result<Self> {
        let path = &config.path.clone();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let made = folder.map_or(Ok(()), fs::create_dir_all);
        made.map_err(|error| unusable(path, &format_args!("its folder cannot be made: {error}"), WRITABLE))?;
        Self::connect(config).map_err(|error| match error {
            Error::Overloaded => unusable(path, &"another process has locked it", "wait until it is done"),
            Error::Unavailable(cause) | Error::Internal(cause) => unusable(path, &cause, WRITABLE),
            other => other,
        })
    }

    fn connect(config: Config) -> Result<Self> {
        let path = &*config.path;
        let is_new = !path.exists();
        let writer = connect(path, OpenFlags::default(), "PRAGMA synchronous = FULL;")?;
        if is_new {
            keep_private(path)?;
        }
        keep_log(&writer)?;
        match writer.execute_batch("BEGIN IMMEDIATE; COMMIT;").map_err(tell) {
            // Another process writes, so it can be written; whether that changes tables is found out when they are looked at.
            Err(Error::Overloaded) => (),
            outcome => outcome?,
        }
        let measures = measures(path);
        let writer = Writer::start(writer, config.statement_timeout, &measures)?;
        Ok(Self { config, readers: Default::default(), lists: Semaphore::new(READERS - 1), measures, writer })
    }

    /// For [`Store::raw`](tollgate_store::Store::raw): reads on one of the connections that cannot write.
    ///
    /// # Errors
    /// What the work says; [`Error::Overloaded`] if no connection was free in time, or a statement takes too long.
    pub async fn read<R>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<R>) -> Result<R> {
        self.list(|db| {
            let done = catch_unwind(AssertUnwindSafe(|| work(db)));
            // Left open, it would show the next ones what was true now.
            if !db.is_autocommit() {
                db.execute_batch("ROLLBACK").map_err(tell)?;
            }
            done.unwrap_or_else(|panic| resume_unwind(panic)).map_err(tell)
        })
        .await
    }

    /// For [`Store::raw`](tollgate_store::Store::raw): works on the connection that writes, in a transaction
    /// that it neither begins nor ends; durable when this returns, undone if the work fails.
    ///
    /// # Errors
    /// What the work says, and what the commit says; [`Error::Internal`] if it panics, for everybody's writes are on
    /// that thread; [`Error::Overloaded`] if a statement takes too long.
    pub async fn write<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R> {
        self.writer.write_alone(move |db| work(db).map_err(tell)).await
    }

    /// Changes tables, for as long as it takes, once no other process does.
    async fn change_schema<R: Send + 'static>(
        &self,
        run: impl Fn(&Connection) -> Result<R> + Send + Sync + 'static,
    ) -> Result<R> {
        let (run, mut queue) = (Arc::new(run), Queue::default());
        loop {
            let run = Arc::clone(&run);
            match self.writer.change_schema(move |db| run(db)).await {
                Err(Error::Overloaded) => queue.wait(self.config.path.display()).await,
                outcome => return outcome,
            }
        }
    }

    /// Writes so many rows, if that is known; with others, if they are few. What takes too long takes all others along.
    async fn write_rows<R: Send + 'static>(
        &self,
        rows: Option<usize>,
        run: impl FnOnce(&Connection) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        match rows {
            Some(..=FEW) => self.writer.write(run).await,
            _ => self.writer.write_alone(run).await,
        }
    }

    /// Reads what may take long on a connection of which there are a few; with patience, because all may be in use.
    async fn list<R>(&self, read: impl FnOnce(&Connection) -> Result<R>) -> Result<R> {
        let _turn = self.turn().await?;
        let _taken = self.measures.take();
        apart(|| limit::within(self.config.statement_timeout, || self.on_reader(false, read)))
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>> {
        if let Ok(free) = self.lists.try_acquire() {
            return Ok(free);
        }
        let pending = Counted::on(&self.measures.pending);
        let turn = timeout(ACQUIRE_TIMEOUT, self.lists.acquire()).await.map_err(|_| {
            self.measures.timeouts.inc();
            Error::Overloaded
        })?;
        drop(pending);
        turn.map_err(|error| Error::Internal(Arc::new(error)))
    }

    /// Reads on the first connection that is free: each that is used reads the schema once and keeps pages and statements of
    /// its own, so an app that is asked little has one.
    fn on_reader<R>(&self, is_lookup: bool, read: impl FnOnce(&Connection) -> Result<R>) -> Result<R> {
        let mut reader = self.reader(is_lookup);
        match &*reader {
            Some(db) => read(db),
            None => read(reader.insert(connect_reader(&self.config.path)?)),
        }
    }

    /// No number of lists takes the last one, so that a lookup, such as that of a session, never waits for a list.
    fn reader(&self, is_lookup: bool) -> MutexGuard<'_, Option<Connection>> {
        let open = if is_lookup { &self.readers[..] } else { &self.readers[..READERS - 1] };
        let free = open.iter().find_map(|reader| match reader.try_lock() {
            Ok(reader) => Some(reader),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        free.unwrap_or_else(|| open[open.len() - 1].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const WRITABLE: &str = "make it readable and writable for this user";

fn unusable(path: &Path, cause: &dyn std::fmt::Display, remedy: &str) -> Error {
    let other = "or set `database.url` to another file";
    Error::Unavailable(Error::source_of(format!("{}: {cause}; {remedy}, {other}", path.display())))
}

/// Before anything is in it: it will hold keys and hashes of passwords. SQLite gives the files beside it the same mode.
fn keep_private(path: &Path) -> Result<()> {
    match fs::set_permissions(path, Permissions::from_mode(0o600)) {
        // Some names mean no file to SQLite.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::Unavailable(Arc::new(error))),
        _ => Ok(()),
    }
}

/// Has the database keep a write-ahead log. Where several processes start at once on a new file, SQLite does not
/// wait for the one that is about to do the same.
fn keep_log(writer: &Connection) -> Result<()> {
    let start = Instant::now();
    let mode: String = loop {
        match writer.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(tell) {
            Err(Error::Overloaded) if start.elapsed() < BUSY_TIMEOUT => thread::sleep(Duration::from_millis(10)),
            done => break done?,
        }
    };
    let refused = |words: &str| Err(Error::Unavailable(Error::source_of(words)));
    match writer.is_readonly("main").map_err(tell)? {
        true => refused("it can only be read"),
        false if mode != "wal" => refused("it is kept in no file, or where no write-ahead log can be"),
        false => Ok(()),
    }
}

/// A connection that cannot write. A file that is gone is not made anew: the others still have the one that was there.
fn connect_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::default() - OpenFlags::SQLITE_OPEN_CREATE;
    connect(path, flags, "PRAGMA query_only = ON; PRAGMA mmap_size = 268435456;")
}

fn connect(path: &Path, flags: OpenFlags, pragmas: &str) -> Result<Connection> {
    let mut connection = Connection::open_with_flags(path, flags).map_err(tell)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(tell)?;
    connection.execute_batch(pragmas).map_err(tell)?;
    // A name in double quotes that is no column would otherwise be a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false).map_err(tell)?;
    array::load_module(&connection).map_err(tell)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    limit::watch(&mut connection)?;
    Ok(connection)
}

/// Runs what may take longer than a few microseconds where it holds up no other request.
fn apart<R>(run: impl FnOnce() -> R) -> R {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(run),
        _ => run(),
    }
}

impl Database for Sqlite {
    fn describe(&self) -> String {
        format!("SQLite in {}", self.config.path.display())
    }

    fn begin(&self) -> Answer<'_, Arc<dyn Session>> {
        Box::pin(async move {
            Ok(Arc::new(TransactionSession::new(
                self.writer.begin().await?,
                self.config.statement_timeout,
                self.writer.last(),
            )) as _)
        })
    }

    fn prepare<'a>(&'a self, tables: &'a [&'static Table], additive: bool) -> Answer<'a, Vec<String>> {
        let tables = tables.to_vec();
        Box::pin(self.change_schema(move |db| schema::prepare(db, &tables, additive)))
    }

    fn scripts(&self) -> Option<&'static str> {
        Some(migrate::SCRIPTS)
    }

    fn history(&self) -> Answer<'_, Vec<Applied>> {
        Box::pin(async move { self.on_reader(true, migrate::history) })
    }

    fn migrate<'a>(&'a self, scripts: &'a [Script], adopt: bool) -> Answer<'a, Vec<String>> {
        Box::pin(async move {
            let (scripts, mut done) = (Arc::<[Script]>::from(scripts), vec![]);
            loop {
                let scripts = Arc::clone(&scripts);
                match self.change_schema(move |db| migrate::next(db, &scripts, adopt)).await? {
                    Some(name) => done.push(name),
                    None => return Ok(done),
                }
            }
        })
    }

    fn time(&self) -> Answer<'_, Option<Timestamp>> {
        Box::pin(async { Ok(None) })
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let ask = |db: &Connection| db.execute_batch("SELECT count(*) FROM sqlite_schema").map_err(tell);
            self.on_reader(true, ask)?;
            self.writer.check()
        })
    }
}

impl Driver for Sqlite {
    fn lanes(&self) -> Lanes {
        Lanes { reads: None, writes: None, waits: true }
    }

    fn select<'a>(&'a self, select: &'a Select, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let sql = sql::select(Dialect, select);
            if select.is_point() {
                self.on_reader(true, |db| query(db, &sql, each))
            } else {
                self.list(|db| query(db, &sql, each)).await
            }
        })
    }

    fn query<'a>(&'a self, asked: &'a SqlQuery, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(self.list(move |db| query(db, &sql::query(Dialect, asked), each)))
    }

    fn count<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        Box::pin(self.list(move |db| count(db, table, filter)))
    }

    fn insert<'a>(
        &'a self,
        table: &'static Table,
        rows: Arc<dyn Batch>,
        range: Range<usize>,
    ) -> Answer<'a, Vec<Value<'static>>> {
        Box::pin(self.write_rows(Some(range.len()), move |db| insert_all(db, table, &*rows, range)))
    }

    fn upsert<'a>(&'a self, upsert: &'a Upsert, rows: Arc<dyn Batch>, range: Range<usize>) -> Answer<'a, ()> {
        let upsert = upsert.clone();
        Box::pin(self.write_rows(Some(range.len()), move |db| upsert_all(db, &upsert, &*rows, range)))
    }

    fn update<'a>(&'a self, change: &'a Update, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let (change, keys) = (change.clone(), change.filter.keys(change.table).map(<[_]>::len));
            let rows = self.write_rows(keys, move |db| update(db, &change)).await?;
            rows.iter().try_for_each(|row| each(row))
        })
    }

    fn delete<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        let (filter, keys) = (filter.clone(), filter.keys(table).map(<[_]>::len));
        Box::pin(self.write_rows(keys, move |db| delete(db, table, &filter)))
    }
}
