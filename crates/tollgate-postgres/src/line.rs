//! Connections that are shared, and come back: whoever needs one after it was lost makes it anew.
//!
//! Statements are pipelined: each is sent at once, and answered in order. A line takes a bounded number of them.

use crate::{
    cell::Bound,
    connection::{Backoff, Connection, Connector, Rows},
    error::{is_lost, tell, tell_reader, unblocked, writes},
    measures::statements,
};
use futures_util::future::join_all;
use prometheus_client::metrics::gauge::Gauge;
use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{runtime::Handle, sync::Mutex};
use tokio_postgres::Error as Failure;
use tollgate_store::{Error, Result, connections::Counted};

/// How many statements may be under way on a line.
const DEPTH: usize = 256;

/// So many short statements are answered on another line, one after the other, by the time a new one has answered: to agree
/// on TLS, to sign in, to prepare the statement, and to send it.
const TO_CONNECT: usize = 4;

/// Whether a statement may be sent again when it is unknown whether it was carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It only reads.
    Yes,
    /// It writes.
    No,
}

impl Again {
    /// A server that refuses a write has become a standby, unless the statement was only to read.
    fn is_lost(self, error: &Failure) -> bool {
        is_lost(error) && !(self == Self::Yes && writes(error))
    }

    fn tell(self, error: &Failure) -> Error {
        if self == Self::Yes { tell_reader(error) } else { tell(error) }
    }
}

/// Several lines; a statement takes the one with the least to do, because a connection answers in order. One that was lost
/// is made anew while those that are there do its work.
pub(crate) struct Lines {
    lines: Vec<Arc<Line>>,
    /// With fewer statements than these, a line is as good as one that has none, and no connection.
    few: usize,
    statements: Gauge,
}

impl Lines {
    /// So many lines for that purpose, as the metrics call it.
    pub(crate) fn new(connector: Connector, purpose: &'static str, count: usize) -> Self {
        let statements = statements(connector.config.database(), purpose);
        let connector = Arc::new(connector);
        let lines = (0..count).map(|_| Arc::new(Line::new(Arc::clone(&connector)))).collect();
        Self { lines, few: 1, statements }
    }

    /// Their statements are short and wait for nobody.
    pub(crate) fn of_short_ones(self) -> Self {
        Self { few: TO_CONNECT, ..self }
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(crate) async fn query(&self, sql: &str, params: &[Bound<'_>], again: Again) -> Result<Rows> {
        self.outcome(sql, params, again).await?.map_err(|error| again.tell(&error))
    }

    /// Writes; nothing if another's transaction was in the way.
    pub(crate) async fn write_unblocked(&self, sql: &str, params: &[Bound<'_>]) -> Result<Option<Rows>> {
        unblocked(self.outcome(sql, params, Again::No).await?)
    }

    /// The inner error is what the question met, the outer one that there is nobody to ask.
    async fn outcome(&self, sql: &str, params: &[Bound<'_>], again: Again) -> Result<Result<Rows, Failure>> {
        let _counted = Counted::on(&self.statements);
        let mut turn = self.enter().await?;
        match turn.ask(sql, params, again).await? {
            Err(error) if again == Again::Yes && again.is_lost(&error) => turn.ask(sql, params, again).await,
            outcome => Ok(outcome),
        }
    }

    /// Has the next statements sent on new connections.
    pub(crate) fn discard(&self) {
        for line in &self.lines {
            line.current().iter().for_each(|live| line.discard(live));
        }
    }

    /// Has the next statements sent on new connections where the old ones were cut off.
    pub(crate) async fn awake(&self) {
        join_all(self.lines.iter().map(|line| line.awake())).await;
    }

    /// A place on a line with a connection; who would be answered later on those that are there waits until one is made.
    /// Where the server takes no more of them, those have to do.
    async fn enter(&self) -> Result<Turn<'_>> {
        let free = self.lines.iter().min_by_key(|line| line.busy()).ok_or(Error::Overloaded)?;
        if free.current().is_some() {
            return free.enter();
        }
        let there = self.lines.iter().filter(|line| line.current().is_some()).min_by_key(|line| line.busy());
        if let Some(there) = there.filter(|there| there.busy() < free.busy() + self.few) {
            free.begin_anew();
            return there.enter();
        }
        let turn = free.enter()?;
        let Err(error) = free.live().await else { return Ok(turn) };
        there.ok_or(error)?.enter()
    }
}

struct Line {
    connector: Arc<Connector>,
    live: RwLock<Option<Arc<Connection>>>,
    backoff: Mutex<Backoff>,
    busy: Arc<AtomicUsize>,
}

/// A place on a line, until the statement is answered or given up.
struct Turn<'a> {
    line: &'a Line,
    waits_for: Option<Arc<Connection>>,
}

impl Turn<'_> {
    /// Asks once.
    async fn ask(&mut self, sql: &str, params: &[Bound<'_>], again: Again) -> Result<Result<Rows, Failure>> {
        let line = self.line;
        let connection = line.live().await?;
        self.waits_for = Some(Arc::clone(&connection));
        let answered = line.connector.config.in_time(connection.query(sql, params)).await;
        self.waits_for = None;
        let outcome = answered.inspect_err(|_| line.discard(&connection))?;
        if outcome.as_ref().is_err_and(|error| again.is_lost(error)) {
            line.discard(&connection);
        }
        Ok(outcome)
    }
}

impl Drop for Turn<'_> {
    /// Who leaves early leaves their statement behind; the place is free once the server is done with it, or should be.
    fn drop(&mut self) {
        let busy = Arc::clone(&self.line.busy);
        match (self.waits_for.take(), Handle::try_current()) {
            (Some(connection), Ok(runtime)) => {
                let config = Arc::clone(&self.line.connector.config);
                runtime.spawn(async move {
                    let _ = config.in_time(connection.execute("")).await;
                    busy.fetch_sub(1, Ordering::Relaxed);
                });
            }
            _ => {
                busy.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

impl Line {
    fn new(connector: Arc<Connector>) -> Self {
        Self { connector, live: RwLock::default(), backoff: Mutex::default(), busy: Arc::default() }
    }

    fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    fn enter(&self) -> Result<Turn<'_>> {
        let ahead = self.busy.fetch_add(1, Ordering::Relaxed);
        let turn = Turn { line: self, waits_for: None };
        if ahead < DEPTH { Ok(turn) } else { Err(Error::Overloaded) }
    }

    /// The connection, made anew if there is none.
    async fn live(&self) -> Result<Arc<Connection>> {
        if let Some(live) = self.current() {
            return Ok(live);
        }
        let mut backoff = self.backoff.lock().await;
        // Somebody else was faster.
        if let Some(live) = self.current() {
            return Ok(live);
        }
        let live = Arc::new(backoff.connect(&self.connector).await?);
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&live));
        Ok(live)
    }

    /// Makes the connection anew, unless that is being done; why it cannot be is told to whoever needs it.
    fn begin_anew(self: &Arc<Self>) {
        if self.backoff.try_lock().is_ok() {
            let line = Arc::clone(self);
            tokio::spawn(async move { line.live().await.map(drop) });
        }
    }

    async fn awake(&self) {
        if let Some(live) = self.current()
            && !live.is_alive().await
        {
            self.discard(&live);
        }
    }

    fn current(&self) -> Option<Arc<Connection>> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.as_ref().filter(|live| !live.is_closed()).map(Arc::clone)
    }

    /// Forgets this connection, unless someone already made a new one.
    fn discard(&self, lost: &Arc<Connection>) {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        if live.as_ref().is_some_and(|live| Arc::ptr_eq(live, lost)) {
            *live = None;
        }
    }
}
