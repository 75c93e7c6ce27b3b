//! Library: books that are lent.
//!
//! Whoever returns one late pays.

use tollgate::prelude::*;

mod routes;

/// Lends a `book`
/// to somebody.
///
/// Answers 204.
///
/// * at most ten
///   * or fewer
async fn lend(_: Public) -> NoContent {
    NoContent
}

async fn give_back_in_time(_: Public) -> NoContent {
    NoContent
}

mod inside {
    use tollgate::prelude::*;

    /// Says how many are lent.
    pub(super) async fn count(_: Public) -> Json<u32> {
        Json(0)
    }
}

/// The service, told by its comments.
pub(super) fn service() -> Service {
    service!("library")
        .post("/lend", lend)
        .post("/back", give_back_in_time)
        .get("/count", inside::count)
        .get("/shelf", routes::shelf)
        .get("/find", routes::shelf)
        .named("find", "Finds a book.\n\nBy its title.")
}
