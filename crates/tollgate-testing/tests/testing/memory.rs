//! The database for tests keeps every promise of a real one.

use std::sync::Arc;
use tollgate_store::{Database, Memory};

tollgate_testing::conformance!(empty);

#[expect(clippy::unused_async, reason = "a server's database takes time to make")]
async fn empty() -> (Arc<dyn Database>, ()) {
    (Arc::new(Memory::default()), ())
}
