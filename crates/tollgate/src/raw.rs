//! The databases themselves, for what the framework does not cover.
//!
//! [`Store::raw`](crate::Store::raw) gives the database of a store to whoever may reach every row. From there on, the
//! client is the app's and so is the question of rows: no scope, no permission and no rule of the model holds behind it,
//! it reaches every table of the database, and what it writes counts no `#[version]`.
//!
//! ```no_run
//! use tollgate::{prelude::*, raw::Sqlite};
//!
//! # #[resource(plural = "movies")] struct Movie { #[id] movie_id: i32 }
//! /// Has SQLite look at its tables anew.
//! async fn analyze(may: May<Update, Movie>, movies: Store<Movie>) -> Result<NoContent> {
//!     movies.raw::<Sqlite, _>(&may)?.write(|db| db.execute_batch("ANALYZE")).await?;
//!     Ok(NoContent)
//! }
//! ```
#![cfg_attr(
    feature = "postgres",
    doc = r#"
```no_run
use tollgate::{prelude::*, raw::Postgres};

# #[resource(plural = "movies")] struct Movie { #[id] movie_id: i32 }
/// Tells whoever listens.
async fn announce(may: May<Update, Movie>, movies: Store<Movie>) -> Result<NoContent> {
    let client = movies.raw::<Postgres, _>(&may)?.client().await?;
    client.batch_execute("NOTIFY movies").await.map_err(|error| Problem::internal().caused_by(error))?;
    Ok(NoContent)
}
```"#
)]
#![cfg_attr(
    feature = "mongodb",
    doc = r#"
The documents of MongoDB are asked for each time: another client takes their place when the URL changes, as with a password.
```no_run
use tollgate::{prelude::*, raw::MongoDb};

# #[resource(plural = "movies")] struct Movie { #[id] movie_id: i32 }
/// About how many there are, at once.
async fn estimate(may: May<Read, Movie>, movies: Store<Movie>) -> Result<Json<u64>> {
    let documents = movies.raw::<MongoDb, _>(&may)?.documents().collection::<()>("movies");
    documents.estimated_document_count().await.map(Json).map_err(|error| Problem::internal().caused_by(error))
}
```"#
)]

#[cfg(feature = "mongodb")]
pub use tollgate_mongodb::MongoDb;
#[cfg(feature = "postgres")]
pub use tollgate_postgres::{Client, Postgres};
pub use tollgate_sqlite::Sqlite;
