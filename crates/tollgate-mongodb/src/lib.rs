//! MongoDB through the official driver: a resource is a collection, a row a document, the key its `_id`.
//!
//! ```text
//! driver.rs     the six methods         session.rs   a transaction
//! operation.rs  each of them, in a transaction or not
//! query.rs      filters and orders      cell.rs      cells, both ways    schema.rs  collections as the model says
//! config.rs     all of the URL          connection.rs  a client, another where the URL changes
//! error.rs      what the server's "no" means
//! rights.rs     whether the user may    nested.rs    decimals, lists, nested values
//! migrate.rs    changes as scripts, and scripts applied              taken.rs     unique values in a transaction
//! ```
//!
//! What a caller sends is only ever a BSON value to compare with or to keep, never a document, an operator or the name
//! of a field: those come from the model alone. An empty cell is a field that is not there, which is what sparse
//! indexes leave out.
//!
//! What was acknowledged is on the disks of most members (`w: majority, j: true`). What must happen together happens in
//! a transaction, so a server that has none, because it is no member of a replica set, is refused at the start.

mod cell;
mod config;
mod connection;
mod driver;
mod error;
mod migrate;
mod nested;
mod operation;
mod places;
mod query;
mod rights;
mod schema;
mod session;
mod taken;
mod upsert;

pub use config::Config;
pub use driver::MongoDb;
pub use migrate::{SCRIPTS, script};
