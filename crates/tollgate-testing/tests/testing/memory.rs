//! The database for tests keeps every promise of a real one.

use std::sync::Arc;
use tollgate::{Store, System, SystemClock, params, resource};
use tollgate_store::{Database, Error, Memory};

tollgate_testing::conformance!(empty);

#[expect(clippy::unused_async, reason = "a server's database takes time to make")]
async fn empty() -> (Arc<dyn Database>, ()) {
    (Arc::new(Memory::default()), ())
}

/// With nothing planned, the database whose writes fail keeps the same promises.
mod faulty {
    use std::sync::Arc;
    use tollgate_store::Database;
    use tollgate_testing::Faulty;

    tollgate_testing::conformance!(empty);

    #[expect(clippy::unused_async, reason = "a server's database takes time to make")]
    async fn empty() -> (Arc<dyn Database>, ()) {
        (Arc::new(Faulty::default()), ())
    }
}

/// A page.
#[resource(plural = "pages")]
struct Page {
    #[id]
    name: String,
}

#[tokio::test]
async fn it_speaks_no_sql_and_says_so() {
    let pages = Store::<Page>::new(Arc::new(Memory::default()), Arc::new(SystemClock::default()));
    let may = System::because("a test asks").may();
    let asked = [
        pages.sql(&may, "SELECT * FROM {pages}", params![]).all().await.map(|rows| rows.len()),
        pages.sql(&may, "SELECT 1", params![]).all_as::<i32>().await.map(|rows| rows.len()),
    ];
    for refused in asked {
        let Err(Error::Internal(why)) = refused else { panic!("{refused:?}") };
        assert!(why.to_string().contains("no SQL"), "{why}");
    }
}
