//! Connections for transactions: a few, each with one of them at a time, kept for the next.

use crate::{
    connection::{Backoff, Connection, Connector},
    error::{is_lost, tell},
};
use futures_util::future::join_all;
use std::{
    iter,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex as Lock, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tollgate_store::{
    Error, Result,
    connections::{Counted, PoolMeasures},
};

/// The connections.
pub(crate) struct Pool {
    connector: Connector,
    backoff: Mutex<Backoff>,
    idle: Lock<Vec<Connection>>,
    places: Arc<Semaphore>,
    acquire_timeout: Duration,
    measures: PoolMeasures,
}

/// A connection for one transaction. Dropped, it is closed, and the server rolls back.
pub(crate) struct Borrowed {
    pub(crate) connection: Connection,
    pool: Arc<Pool>,
    _place: OwnedSemaphorePermit,
    _used: Counted,
}

impl Pool {
    /// At most `size` connections, each waited for no longer than `acquire_timeout`.
    pub(crate) fn new(connector: Connector, size: usize, acquire_timeout: Duration) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(size));
        let measures = PoolMeasures::of(connector.config.database(), size);
        Arc::new(Self {
            connector,
            backoff: Mutex::default(),
            idle: Lock::default(),
            places,
            acquire_timeout,
            measures,
        })
    }

    /// A connection on which a transaction has begun.
    pub(crate) async fn begin(self: &Arc<Self>, begin: &str) -> Result<Borrowed> {
        let place = self.place().await?;
        let used = Counted::on(&self.measures.used);
        let borrowed = |connection| Borrowed { connection, pool: Arc::clone(self), _place: place, _used: used };
        while let Some(connection) = self.pop() {
            match connection.execute(begin).await {
                // It was lost while nobody looked; nothing has happened on it yet.
                Err(error) if is_lost(&error) => (),
                outcome => return outcome.map(|()| borrowed(connection)).map_err(|error| tell(&error)),
            }
        }
        let connection = self.backoff.lock().await.connect(&self.connector).await?;
        connection.execute(begin).await.map_err(|error| tell(&error))?;
        Ok(borrowed(connection))
    }

    /// A place in the pool, in time.
    async fn place(&self) -> Result<OwnedSemaphorePermit> {
        let _pending = Counted::on(&self.measures.pending);
        let place = timeout(self.acquire_timeout, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|_| {
            self.measures.timeouts.inc();
            Error::Overloaded
        })?;
        place.map_err(|error| Error::Internal(Arc::new(error)))
    }

    fn pop(&self) -> Option<Connection> {
        let connection = self.idle().pop()?;
        self.measures.idle.dec();
        Some(connection)
    }

    /// Keeps those idle connections that were not cut off. Each has a place meanwhile, so that none too many is made.
    pub(crate) async fn awake(self: &Arc<Self>) {
        let take = || {
            let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
            let (connection, used) = (self.pop()?, Counted::on(&self.measures.used));
            Some(Borrowed { connection, pool: Arc::clone(self), _place: place, _used: used })
        };
        let idle: Vec<_> = iter::from_fn(take).collect();
        join_all(idle.into_iter().map(Borrowed::give_back_alive)).await;
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Borrowed {
    /// Gives the connection back if it was not cut off.
    async fn give_back_alive(self) {
        if self.connection.is_alive().await {
            self.give_back();
        }
    }

    /// Gives the connection back: its transaction has ended.
    pub(crate) fn give_back(self) {
        if !self.connection.is_closed() {
            let Self { connection, pool, _place, _used } = self;
            pool.measures.idle.inc();
            pool.idle().push(connection);
        }
    }
}

/// A connection that is used as `tokio-postgres` offers it, until it is dropped.
pub struct Client(pub(crate) Borrowed);

tollgate_core::debug_by_name!(Client);

impl Deref for Client {
    type Target = tokio_postgres::Client;
    fn deref(&self) -> &Self::Target {
        self.0.connection.client()
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.0.connection.client_mut()
    }
}
