//! How busy are the connections?
//!
//! The names are those of OpenTelemetry's semantic conventions, as Prometheus writes them. A database has one pool for
//! transactions, named as the database is; statements on shared connections are counted by what the lines are for.

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

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLines {
    db_client_connection_pool_name: String,
    lines: &'static str,
}

static MOST: LazyLock<Family<OfPool, Gauge>> = LazyLock::new(Family::default);
static CONNECTIONS: LazyLock<Family<OfState, Gauge>> = LazyLock::new(Family::default);
static PENDING: LazyLock<Family<OfPool, Gauge>> = LazyLock::new(Family::default);
static TIMEOUTS: LazyLock<Family<OfPool, Counter>> = LazyLock::new(Family::default);
static STATEMENTS: LazyLock<Family<OfLines, Gauge>> = LazyLock::new(Family::default);

/// Adds the metrics of PostgreSQL to those that are shown.
pub fn metrics(registry: &mut Registry) {
    registry.register("db_client_connection_max", "Transactions that may be under way", MOST.clone());
    let help = "Connections of the pool for transactions";
    registry.register("db_client_connection_count", help, CONNECTIONS.clone());
    registry.register("db_client_connection_pending_requests", "Who waits for a transaction", PENDING.clone());
    registry.register("db_client_connection_timeouts", "Who waited for a transaction in vain", TIMEOUTS.clone());
    let help = "Statements under way on shared connections";
    registry.register("tollgate_postgres_statements", help, STATEMENTS.clone());
}

/// The counters of one pool.
pub(crate) struct PoolMeasures {
    pub(crate) used: Gauge,
    pub(crate) idle: Gauge,
    pub(crate) pending: Gauge,
    pub(crate) timeouts: Counter,
}

impl PoolMeasures {
    /// Those of a database, of so many connections.
    pub(crate) fn of(database: &str, most: usize) -> Self {
        let of_pool = OfPool { db_client_connection_pool_name: database.to_owned() };
        let state = |db_client_connection_state| {
            let db_client_connection_pool_name = database.to_owned();
            CONNECTIONS.get_or_create_owned(&OfState { db_client_connection_pool_name, db_client_connection_state })
        };
        MOST.get_or_create(&of_pool).set(i64::try_from(most).unwrap_or(i64::MAX));
        let (pending, timeouts) = (PENDING.get_or_create_owned(&of_pool), TIMEOUTS.get_or_create_owned(&of_pool));
        Self { used: state("used"), idle: state("idle"), pending, timeouts }
    }
}

/// The statements under way on lines of that purpose.
pub(crate) fn statements(database: &str, lines: &'static str) -> Gauge {
    STATEMENTS.get_or_create_owned(&OfLines { db_client_connection_pool_name: database.to_owned(), lines })
}

/// One more, for as long as this lives.
pub(crate) struct Counted(Gauge);

impl Counted {
    pub(crate) fn on(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
