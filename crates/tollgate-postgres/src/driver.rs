//! The database: lines for single statements, a pool for transactions.

use crate::{
    cell::{Bound, Shown},
    config::Config,
    connection::{Connector, Rows},
    dialect::{self, Postgres as Dialect},
    error::{tell, tell_reader, unblocked, unusable},
    iam::Role,
    line::{Again, Lines},
    migrate,
    pool::{Client, Pool},
    schema,
    session::TransactionSession,
    statement::{columns_of, counted, keys_of, show, show_asked},
    tls::Tls,
    waiting::Waiting,
};
use futures_util::future::join_all;
use jiff::Timestamp;
use std::{ops::Range, sync::Arc, time::Duration};
use tokio::{join, time::timeout};
use tollgate_core::{LiveSecret, Secret};
use tollgate_store::{
    Answer, Batch, Database, Driver, Each, Error, Expr, Lanes, LastWrite, Result, Row, Select, Session, SqlQuery,
    Table, Update, Upsert, Value,
    migrate::{Applied, Script},
    sql,
};

/// Point reads are so quick that two connections keep a server busy. One group of inserts travels after the other; their
/// other connections are for more at once, where they take long, and for when one is lost. Lists wait for no lock, so they
/// are kept from updates, deletes and inserts of one's own, which do: a moment where others follow, and then on a connection
/// to themselves.
pub(crate) const POINTS: usize = 2;
pub(crate) const INSERTS: usize = 3;
const GROUPS_OF_INSERTS: usize = 1;
pub(crate) const WAITING: usize = 4;

/// Lists, changes and SQL of the app's own have as many connections each as are configured.
pub(crate) const SHARED_KINDS: usize = 3;

/// Point reads keep one plan. The server would otherwise plan most groups anew: it finds its guess of ten keys
/// dearer than a group of three, again and again.
const ONE_PLAN: &str = " -c plan_cache_mode=force_generic_plan";

/// How long a group of inserts waits for another's lock: so long, those of every table wait with it, and as long again
/// for each of its pieces. Most transactions have ended by then; whoever still waits does so elsewhere.
const GROUP_LOCK_TIMEOUT: Duration = Duration::from_millis(25);
/// How long a change does: so long, those that were sent on the same connection after it wait with it. Changes of one row
/// take turns, so it is longer than a disk takes for eight of them.
const CHANGE_LOCK_TIMEOUT: Duration = Duration::from_millis(100);

/// SQL of an app's own only reads, functions included, and has connections to itself: nobody knows how slow it is.
const READ_ONLY: &str = " -c default_transaction_read_only=on";

/// The server's time in microseconds since 1970, while the statement runs.
const TIME: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8";

/// Servers before this one miss what is needed here, and fixes of their own.
const OLDEST: i64 = 13;

/// How long the server may take to say that it is there.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// A PostgreSQL database.
pub struct Postgres {
    config: Arc<Config>,
    points: Lines,
    inserts: Lines,
    others: Lines,
    changes: Lines,
    waiting: Waiting,
    queries: Lines,
    pool: Arc<Pool>,
    last: Arc<LastWrite>,
}

tollgate_core::debug_by_name!(Postgres);

impl Postgres {
    /// Opens the database at a URL, which [`Config`] describes, and looks whether it can be used. Further connections
    /// are made when they are needed, and again after they were lost.
    ///
    /// # Errors
    /// One line that names what is wrong and the remedy, never the password: the URL is not understood, the server
    /// cannot be reached or lets this user not in, there is no such database, or it is too old or read-only.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_live(&Secret::from(url).into()).await
    }

    /// The same at a URL that may change while the app runs: who signs in next does so as the user, and with the
    /// password, that it names then. The rest of it is read once.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_live(url: &LiveSecret) -> Result<Self> {
        let database = Self::new(Config::parse(url.get().reveal())?, url)?;
        database.check().await?;
        Ok(database)
    }

    fn new(config: Config, url: &LiveSecret) -> Result<Self> {
        let tls = Tls::new(&config)?;
        let role = Role::of(&config)?.map(Arc::new);
        let config = Arc::new(config);
        let connector = |more: &str| Connector::new(&config, &tls, role.as_ref(), url, more);
        let waits = |time: Duration| format!(" -c lock_timeout={}", time.as_millis());
        Ok(Self {
            points: Lines::new(connector(ONE_PLAN), "points", POINTS).of_short_ones(),
            inserts: Lines::new(connector(&waits(GROUP_LOCK_TIMEOUT)), "inserts", INSERTS).of_short_ones(),
            others: Lines::new(connector(""), "lists", config.shared),
            changes: Lines::new(connector(&waits(CHANGE_LOCK_TIMEOUT)), "changes", config.shared),
            waiting: Waiting::new(Lines::new(connector(""), "waiting", WAITING), config.acquire_timeout),
            queries: Lines::new(connector(READ_ONLY), "queries", config.shared),
            pool: Pool::new(connector(""), config.transactions, config.acquire_timeout),
            last: Arc::default(),
            config,
        })
    }

    async fn check(&self) -> Result<()> {
        const ASK: &str = "SELECT current_setting('server_version_num')::int8 / 10000,
            current_setting('transaction_read_only')::bool";
        let answer = self.others.query(ASK, &[], Again::Yes).await?;
        let row = Shown(answer.rows.first().ok_or_else(|| Error::internal("no row came back"))?);
        let row: &dyn Row = &row;
        let (version, read_only) = (row.read::<i64>(0)?, row.read::<bool>(1)?);
        if version < OLDEST {
            let why = format!("it is version {version}; {OLDEST} is the oldest that will do");
            return Err(unusable(&self.config, &why, "upgrade it, or set `database.url` to another server"));
        }
        if read_only {
            let remedy = "set `database.url` to the primary server, and to a user who may write";
            return Err(unusable(&self.config, "it can only be read", remedy));
        }
        Ok(())
    }

    /// For [`Store::raw`](tollgate_store::Store::raw): a connection of one's own, one of those for transactions. It is
    /// closed when it is dropped, so that nothing that was set on it, or not finished, meets anyone else.
    ///
    /// # Errors
    /// [`Error::Overloaded`] if none was free in time; [`Error::Unavailable`] if the server cannot be reached, or does
    /// not answer in time.
    pub async fn client(&self) -> Result<Client> {
        self.config.in_time(self.pool.begin("")).await?.map(Client)
    }

    async fn read(&self, sql: &str, params: &[Bound<'_>]) -> Result<Rows> {
        if self.config.pgbouncer {
            return self.config.in_time(self.read_in_transaction(sql, params)).await?;
        }
        self.queries.query(sql, params, Again::Yes).await
    }

    /// Through a pooler a session cannot be told that it only reads; a transaction can. Its end is that of one that has
    /// failed, too.
    async fn read_in_transaction(&self, sql: &str, params: &[Bound<'_>]) -> Result<Rows> {
        let borrowed = self.pool.begin(&format!("{}; SET TRANSACTION READ ONLY", self.config.begin())).await?;
        let answer = borrowed.connection.query(sql, params).await;
        let ended = borrowed.connection.execute("COMMIT").await.map(|()| borrowed.give_back());
        let answer = answer.map_err(|error| tell_reader(&error))?;
        ended.map_err(|error| tell(&error)).map(|()| answer)
    }

    async fn write_unblocked(&self, sql: &str, params: &[Bound<'_>]) -> Result<Option<Rows>> {
        if self.config.pgbouncer {
            return self.config.in_time(self.write_in_transaction(sql, params)).await?;
        }
        self.inserts.write_unblocked(sql, params).await
    }

    /// Nor can it be told that it waits for locks only a moment. Statement and end are sent at once; a transaction that has
    /// failed is rolled back by it.
    async fn write_in_transaction(&self, sql: &str, params: &[Bound<'_>]) -> Result<Option<Rows>> {
        let moment = GROUP_LOCK_TIMEOUT.as_millis();
        let borrowed = self.pool.begin(&format!("{}; SET LOCAL lock_timeout = {moment}", self.config.begin())).await?;
        let connection = &borrowed.connection;
        let (outcome, ended) = join!(connection.query_once(sql, params), connection.execute("COMMIT"));
        let ended = ended.map(|()| borrowed.give_back());
        let outcome = unblocked(outcome)?;
        ended.map_err(|error| tell(&error)).map(|()| outcome)
    }

    /// A change waits for another's lock only a moment where others wait behind it, and then, as nothing of it has happened,
    /// by itself. Sessions of a pooler cannot be told so.
    async fn change(&self, sql: &str, params: &[Bound<'_>]) -> Result<Rows> {
        if self.config.pgbouncer {
            return self.written(self.changes.query(sql, params, Again::No).await);
        }
        let changed = match self.changes.write_unblocked(sql, params).await {
            // Boxed, because it is rare, and would make the future of every change large.
            Ok(None) => Box::pin(self.waiting.query(sql, params)).await,
            Ok(Some(rows)) => Ok(rows),
            Err(error) => Err(error),
        };
        self.written(changed)
    }

    /// Remembers what a write says about the next one. A lost connection says nothing: it comes back.
    fn written<R>(&self, outcome: Result<R>) -> Result<R> {
        if !matches!(outcome, Err(Error::Unavailable(_))) {
            self.last.note(&outcome);
        }
        outcome
    }

    fn dialect(&self) -> Dialect<'_> {
        Dialect(&self.config.schema)
    }
}

fn unavailable(why: &str) -> Error {
    Error::Unavailable(Error::source_of(why))
}

impl Database for Postgres {
    fn describe(&self) -> String {
        match &*self.config.schema {
            "public" => format!("PostgreSQL at {}", self.config),
            schema => format!("PostgreSQL at {}, schema {schema}", self.config),
        }
    }

    fn begin(&self) -> Answer<'_, Arc<dyn Session>> {
        Box::pin(async move {
            let borrowed = self.config.in_time(self.pool.begin(&self.config.begin())).await??;
            Ok(Arc::new(TransactionSession::new(borrowed, &self.config, &self.last)) as _)
        })
    }

    fn prepare<'a>(&'a self, tables: &'a [&'static Table], additive: bool) -> Answer<'a, Vec<String>> {
        Box::pin(async move {
            let borrowed = schema::begin(&self.pool, &self.config).await?;
            let schema = schema::Schema { connection: &borrowed.connection, config: &self.config };
            let done = schema.prepare(tables, additive).await?;
            borrowed.give_back();
            Ok(done)
        })
    }

    fn scripts(&self) -> Option<&'static str> {
        Some(migrate::SCRIPTS)
    }

    fn history(&self) -> Answer<'_, Vec<Applied>> {
        Box::pin(async move {
            let borrowed = self.config.in_time(self.pool.begin("BEGIN")).await??;
            let history = migrate::history(&borrowed.connection, &self.config).await?;
            borrowed.connection.execute("ROLLBACK").await.map_err(|error| tell(&error))?;
            borrowed.give_back();
            Ok(history)
        })
    }

    fn migrate<'a>(&'a self, scripts: &'a [Script], adopt: bool) -> Answer<'a, Vec<String>> {
        Box::pin(async move {
            let mut done = vec![];
            while let Some(name) = migrate::next(&self.pool, &self.config, scripts, adopt).await? {
                done.push(name);
            }
            Ok(done)
        })
    }

    fn time(&self) -> Answer<'_, Option<Timestamp>> {
        Box::pin(async move {
            let rows = timeout(PING_TIMEOUT, self.points.query(TIME, &[], Again::Yes)).await;
            let rows = rows.map_err(|_| unavailable("it does not answer in time"))??;
            let micros = rows
                .rows
                .first()
                .and_then(|row| row.try_get(0).ok())
                .and_then(|micros| Timestamp::from_microsecond(micros).ok());
            micros.map(Some).ok_or_else(|| Error::internal("the server tells no time"))
        })
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            const ASK: &str = "SELECT current_setting('transaction_read_only')::bool";
            // Not where writes are: those of one table may wait there for a lock.
            let asked = timeout(PING_TIMEOUT, self.points.query(ASK, &[], Again::Yes)).await;
            let answer = asked.map_err(|_| unavailable("it does not answer in time"))??;
            let row = Shown(answer.rows.first().ok_or_else(|| Error::internal("no row came back"))?);
            let row: &dyn Row = &row;
            if row.read::<bool>(0)? {
                // Another server may have taken over, and a new connection find it.
                self.points.discard();
                self.inserts.discard();
                return Err(unavailable("it can only be read"));
            }
            self.last.check()
        })
    }

    fn awake(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let Self { points, inserts, others, changes, waiting, queries, pool, .. } = self;
            let lines = join_all([points, inserts, others, changes, waiting.lines(), queries].map(Lines::awake));
            join!(lines, pool.awake());
            Ok(())
        })
    }
}

impl Driver for Postgres {
    fn lanes(&self) -> Lanes {
        Lanes { reads: Some(self.points.len()), writes: Some(GROUPS_OF_INSERTS), waits: true }
    }

    fn select<'a>(&'a self, select: &'a Select, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let lines = if select.is_point() { &self.points } else { &self.others };
            let sql = sql::select(self.dialect(), select);
            show(&lines.query(&sql.text, &Bound::all(&sql.params), Again::Yes).await?, each)
        })
    }

    fn query<'a>(&'a self, query: &'a SqlQuery, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let sql = sql::query(self.dialect(), query);
            show_asked(&self.read(&sql.text, &Bound::all(&sql.params)).await?, &query.shape, each)
        })
    }

    fn count<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        Box::pin(async move {
            let sql = sql::count(self.dialect(), table, filter);
            counted(&self.others.query(&sql.text, &Bound::all(&sql.params), Again::Yes).await?)
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
            let columns = columns_of(table, &*rows, &range);
            // Rows of a group of which one waits come here, each by itself: behind a pooler the others would stand behind it.
            if self.config.pgbouncer
                && let Some(inserted) = self.written(self.write_unblocked(&sql, &columns).await)?
            {
                return keys_of(&inserted);
            }
            keys_of(&self.change(&sql, &columns).await?)
        })
    }

    fn insert_group<'a>(
        &'a self,
        table: &'static Table,
        rows: Arc<dyn Batch>,
        range: Range<usize>,
    ) -> Answer<'a, Option<Vec<Value<'static>>>> {
        Box::pin(async move {
            let sql = dialect::insert(self.dialect(), table);
            let inserted = self.write_unblocked(&sql, &columns_of(table, &*rows, &range)).await;
            self.written(inserted)?.as_ref().map(keys_of).transpose()
        })
    }

    fn upsert<'a>(&'a self, upsert: &'a Upsert, rows: Arc<dyn Batch>, range: Range<usize>) -> Answer<'a, ()> {
        Box::pin(async move {
            let sql = dialect::upsert(self.dialect(), upsert);
            self.change(&sql, &columns_of(upsert.table, &*rows, &range)).await.map(drop)
        })
    }

    fn update<'a>(&'a self, update: &'a Update, each: Each<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let sql = sql::update(self.dialect(), update);
            show(&self.change(&sql.text, &Bound::all(&sql.params)).await?, each)
        })
    }

    fn delete<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        Box::pin(async move {
            let sql = sql::delete(self.dialect(), table, filter);
            Ok(self.change(&sql.text, &Bound::all(&sql.params)).await?.count)
        })
    }
}
