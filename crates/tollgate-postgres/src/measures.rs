//! How many statements are under way? By what their lines are for; the pool for transactions is counted as every driver's.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use std::sync::LazyLock;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLines {
    db_client_connection_pool_name: String,
    lines: &'static str,
}

static STATEMENTS: LazyLock<Family<OfLines, Gauge>> = LazyLock::new(Family::default);

/// Adds the metrics of PostgreSQL to those that are shown.
pub fn metrics(registry: &mut Registry) {
    let help = "Statements under way on shared connections";
    registry.register("tollgate_postgres_statements", help, STATEMENTS.clone());
}

/// The statements under way on lines of that purpose.
pub(crate) fn statements(database: &str, lines: &'static str) -> Gauge {
    STATEMENTS.get_or_create_owned(&OfLines { db_client_connection_pool_name: database.to_owned(), lines })
}
