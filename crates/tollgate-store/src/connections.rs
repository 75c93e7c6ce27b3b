//! How busy are the connections to a database? The same for every driver.
//!
//! The names are those of OpenTelemetry's semantic conventions, as Prometheus writes them. A database has one pool, named as
//! the database is; the driver says what goes through it.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::sync::LazyLock;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPool {
    db_client_connection_pool_name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    db_client_connection_pool_name: String,
    db_client_connection_state: &'static str,
}

static MOST: LazyLock<Family<OfPool, Gauge>> = LazyLock::new(Family::default);
static CONNECTIONS: LazyLock<Family<OfState, Gauge>> = LazyLock::new(Family::default);
static PENDING: LazyLock<Family<OfPool, Gauge>> = LazyLock::new(Family::default);
static TIMEOUTS: LazyLock<Family<OfPool, Counter>> = LazyLock::new(Family::default);

pub(crate) fn metrics(registry: &mut Registry) {
    registry.register("db_client_connection_max", "Connections that a pool may have", MOST.clone());
    registry.register("db_client_connection_count", "Connections of a pool", CONNECTIONS.clone());
    registry.register("db_client_connection_pending_requests", "Who waits for a connection", PENDING.clone());
    registry.register("db_client_connection_timeouts", "Who waited for a connection in vain", TIMEOUTS.clone());
}

/// The counters of one pool. Clones count together.
#[derive(Debug, Clone)]
pub struct PoolMeasures {
    /// Connections at work.
    pub used: Gauge,
    /// Connections that wait for work.
    pub idle: Gauge,
    /// Who waits for a connection.
    pub pending: Gauge,
    /// Who waited in vain.
    pub timeouts: Counter,
}

impl PoolMeasures {
    /// Those of a database, of so many connections.
    pub fn of(database: &str, most: usize) -> Self {
        let of_pool = OfPool { db_client_connection_pool_name: database.to_owned() };
        let state = |db_client_connection_state| {
            let db_client_connection_pool_name = database.to_owned();
            CONNECTIONS.get_or_create_owned(&OfState { db_client_connection_pool_name, db_client_connection_state })
        };
        MOST.get_or_create(&of_pool).set(i64::try_from(most).unwrap_or(i64::MAX));
        let (pending, timeouts) = (PENDING.get_or_create_owned(&of_pool), TIMEOUTS.get_or_create_owned(&of_pool));
        Self { used: state("used"), idle: state("idle"), pending, timeouts }
    }

    /// One that was idle is at work, for as long as this lives.
    pub fn take(&self) -> Taken {
        self.idle.dec();
        Taken { _used: Counted::on(&self.used), idle: self.idle.clone() }
    }
}

/// A connection at work.
#[derive(Debug)]
pub struct Taken {
    _used: Counted,
    idle: Gauge,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.idle.inc();
    }
}

/// One more, for as long as this lives.
#[derive(Debug)]
pub struct Counted(Gauge);

impl Counted {
    /// On that gauge.
    pub fn on(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
