//! One connection: how it is made, and the statements that are prepared on it.

use crate::{
    cell::Bound,
    config::Config,
    error::{is_stale, is_stranger, refused, tell, unusable},
    iam::Role,
    tls::Tls,
};
use futures_util::TryStreamExt;
use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};
use tokio_postgres::{Client, Error as Failure, Row, RowStream, Statement};
use tollgate_core::{LiveSecret, with_causes};
use tollgate_store::{Error, Result};

/// How many statements a connection keeps prepared. Their texts depend on the shape of questions alone.
const STATEMENTS: usize = 512;

/// The pauses between attempts to connect: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How long an idle connection may take to show that it is one. Nothing tells one that somebody on the way has forgotten.
const ALIVE_TIMEOUT: Duration = Duration::from_secs(1);

/// Makes connections.
pub(crate) struct Connector {
    pub(crate) config: Arc<Config>,
    session: tokio_postgres::Config,
    tls: Tls,
    role: Option<Arc<Role>>,
    url: LiveSecret,
}

impl Connector {
    /// Sessions are told `more` at their start, as in ` -c NAME=VALUE`. With a role, its tokens are the passwords;
    /// without, user and password are those that the URL names by then.
    pub(crate) fn new(config: &Arc<Config>, tls: &Tls, role: Option<&Arc<Role>>, url: &LiveSecret, more: &str) -> Self {
        let (config, session) = (Arc::clone(config), config.session(more));
        Self { config, session, tls: tls.clone(), role: role.cloned(), url: url.clone() }
    }

    /// A new connection. The one place where a password is used.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        let session = self.session().await?;
        let made = self.in_time(session.connect(self.tls.clone()), "check host and port in `database.url`").await?;
        if made.as_ref().is_err_and(is_stranger) {
            match &self.role {
                Some(role) => role.forget().await,
                None => self.url.doubt(),
            }
        }
        let (client, connection) = made.map_err(|error| refused(&self.config, &error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = with_causes(&tell(&error)), "a connection to PostgreSQL ended");
            }
        });
        let statements = (!self.config.pgbouncer).then(Mutex::default);
        Ok(Connection { client, statements })
    }

    /// How to connect: with a token, if that is how the app signs in, else with the password of today.
    async fn session(&self) -> Result<tokio_postgres::Config> {
        const REMEDY: &str = "give the app an AWS role, and let it `rds-db:connect`";
        let Some(role) = &self.role else { return self.signed_in() };
        let token = self.in_time(role.token(), REMEDY).await?;
        let token = token.map_err(|why| unusable(&self.config, &format!("no token for `iam`: {why}"), REMEDY))?;
        let mut session = self.session.clone();
        session.password(token);
        Ok(session)
    }

    fn signed_in(&self) -> Result<tokio_postgres::Config> {
        let (mut session, now) = (self.session.clone(), Config::parse(self.url.get().reveal())?.server);
        now.get_user().map(|user| session.user(user));
        now.get_password().map(|password| session.password(password));
        Ok(session)
    }

    async fn in_time<T>(&self, waited_for: impl Future<Output = T>, remedy: &str) -> Result<T> {
        let limit = self.config.connect_timeout();
        let late = |_| unusable(&self.config, &format!("no answer within {} s", limit.as_secs()), remedy);
        timeout(limit, waited_for).await.map_err(late)
    }
}

/// Keeps those who want to connect from trying all the time.
#[derive(Default)]
pub(crate) struct Backoff {
    failures: u32,
    last: Option<(Instant, Error)>,
}

impl Backoff {
    /// A new connection; during a pause, what the last attempt said.
    pub(crate) async fn connect(&mut self, connector: &Connector) -> Result<Connection> {
        if let Some((_, error)) = self.last.as_ref().filter(|(until, _)| Instant::now() < *until) {
            return Err(error.clone());
        }
        // Boxed, because it is rare, and would make the future of every statement large.
        let made = Box::pin(connector.connect()).await;
        match &made {
            Ok(_) => *self = Self::default(),
            Err(error) => {
                self.last = Some((Instant::now() + pause(self.failures, rand()), error.clone()));
                self.failures += 1;
            }
        }
        made
    }
}

/// Twice as long after each failure; up to half of it left out, so that instances do not come back all at once.
fn pause(failures: u32, part: f64) -> Duration {
    let (first, longest) = PAUSES;
    let full = first.saturating_mul(2_u32.saturating_pow(failures)).min(longest);
    full.mul_f64(1.0 - part / 2.0)
}

/// From 0 to 1.
fn rand() -> f64 {
    f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX)
}

/// One connection.
pub(crate) struct Connection {
    client: Client,
    /// Missing where a pooler hands each transaction another session: nothing is prepared then.
    statements: Option<Statements>,
}

/// What a statement brought.
pub(crate) struct Rows {
    pub(crate) rows: Vec<Row>,
    /// How many rows it touched.
    pub(crate) count: u64,
}

impl Connection {
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Whether the server still answers on it, at once.
    pub(crate) async fn is_alive(&self) -> bool {
        matches!(timeout(ALIVE_TIMEOUT, self.execute("")).await, Ok(Ok(())))
    }

    /// Carries out a statement. One that must be prepared again was not begun, and is tried again.
    pub(crate) async fn query(&self, sql: &str, params: &[Bound<'_>]) -> Result<Rows, Failure> {
        match self.query_once(sql, params).await {
            Err(error) if is_stale(&error) => self.query_once(sql, params).await,
            outcome => outcome,
        }
    }

    /// Carries out a statement. If it must be prepared again, the next time it will be.
    pub(crate) async fn query_once(&self, sql: &str, params: &[Bound<'_>]) -> Result<Rows, Failure> {
        let Some(statements) = &self.statements else {
            let typed = params.iter().map(|param| (param, param.type_()));
            return collect(self.client.query_typed_raw(sql, typed).await?).await;
        };
        let statement = self.prepare(statements, sql).await?;
        let outcome = async { collect(self.client.query_raw(&statement, params).await?).await }.await;
        if outcome.as_ref().is_err_and(is_stale) {
            lock(statements).remove(sql);
        }
        outcome
    }

    /// Makes sure that nothing but the statement itself will be sent for it.
    pub(crate) async fn get_ready(&self, sql: &str) -> Result<(), Failure> {
        match &self.statements {
            Some(statements) => self.prepare(statements, sql).await.map(drop),
            None => Ok(()),
        }
    }

    /// Statements without parameters, one after the other; for control, not for rows.
    pub(crate) async fn execute(&self, sql: &str) -> Result<(), Failure> {
        self.client.batch_execute(sql).await
    }

    /// Prepared about once: many who ask the same at once on a new connection each do so, because none waits for another,
    /// who may have stopped to listen.
    async fn prepare(&self, statements: &Statements, sql: &str) -> Result<Statement, Failure> {
        if let Some(statement) = lock(statements).get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        let mut statements = lock(statements);
        if statements.len() >= STATEMENTS {
            // Any will do: callers choose the shapes, so the oldest need not be the least used.
            let one = statements.keys().next().cloned();
            one.and_then(|one| statements.remove(&one));
        }
        statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

type Statements = Mutex<HashMap<String, Statement>>;

fn lock(statements: &Statements) -> MutexGuard<'_, HashMap<String, Statement>> {
    statements.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn collect(stream: RowStream) -> Result<Rows, Failure> {
    let mut stream = pin!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    Ok(Rows { rows, count: stream.rows_affected().unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_two_seconds_and_are_never_equal_for_all() {
        let millis = |failures, part| pause(failures, part).as_millis();
        assert_eq!([0, 1, 2, 5, 6, 40].map(|failures| millis(failures, 0.0)), [50, 100, 200, 1600, 2000, 2000]);
        assert_eq!(millis(6, 1.0), 1000);
        assert!((0..100).map(|_| rand()).all(|part| (0.0..=1.0).contains(&part)));
    }

    #[tokio::test]
    async fn during_a_pause_nobody_tries_to_connect() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let tried = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = Arc::clone(&tried);
        // Who answers nothing and hangs up.
        tokio::spawn(async move {
            while let Ok(hung_up) = server.accept().await {
                counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                drop(hung_up);
            }
        });
        let tried = || tried.load(std::sync::atomic::Ordering::SeqCst);
        let url = format!("postgres://app@127.0.0.1:{port}/films?sslmode=disable");
        let config = Arc::new(Config::parse(&url).unwrap());
        let tls = Tls::new(&config).unwrap();
        let connector = Connector::new(&config, &tls, None, &tollgate_core::Secret::from(url.as_str()).into(), "");
        // The fifth pause takes 400 ms at least.
        let mut backoff = Backoff { failures: 4, last: None };
        for _ in 0..100 {
            assert!(matches!(backoff.connect(&connector).await, Err(Error::Unavailable(_))));
        }
        assert_eq!(tried(), 1);
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert!(backoff.connect(&connector).await.is_err());
        assert_eq!(tried(), 2);
    }
}
