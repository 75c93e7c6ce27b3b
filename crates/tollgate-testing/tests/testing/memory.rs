//! The database for tests keeps every promise of a real one.

use std::sync::Arc;
use tollgate_store::{Database, Memory};

tollgate_testing::conformance!(empty);

async fn empty() -> (Arc<dyn Database>, ()) {
    (Arc::new(Memory::default()), ())
}
