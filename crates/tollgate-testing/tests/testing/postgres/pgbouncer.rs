//! Through a pooler in transaction mode, where each statement may meet another session: the same suite.

use super::fresh;
use std::sync::Arc;
use tollgate_postgres::Postgres;
use tollgate_store::Database;
use tollgate_testing::servers::{self, PgBouncer};

tollgate_testing::conformance!(pooled);

async fn pooled() -> (Arc<dyn Database>, PgBouncer) {
    let pooler = PgBouncer::start(&servers::Postgres::shared(), 8);
    let (_, schema) = fresh();
    let url = format!("{}?pgbouncer=true&schema={schema}", pooler.url());
    (Arc::new(Postgres::open(&url).await.unwrap()), pooler)
}
