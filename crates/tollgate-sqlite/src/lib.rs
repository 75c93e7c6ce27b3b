//! SQLite: reads happen in place, on one of a few read connections, because a point read takes less time than
//! handing it to another thread; one writer thread commits everything that came in while it was busy.
//!
//! ```text
//! driver.rs   the methods         session.rs  a transaction      writer.rs  the one thread that writes
//! dialect.rs  SQLite's SQL        cell.rs     cells, both ways   schema.rs  tables as the model says
//! config.rs   where it is         limit.rs    how long           migrate.rs changes as scripts, and scripts applied
//! statement.rs  what is carried out on any connection
//! ```
//!
//! The file is in WAL mode with `synchronous = FULL`: what was acknowledged survives a crash of process or
//! machine. Several processes may share a file.

mod cell;
mod config;
mod dialect;
mod driver;
mod limit;
mod migrate;
mod schema;
mod session;
mod statement;
mod writer;

pub use config::Config;
pub use driver::Sqlite;
pub use migrate::{SCRIPTS, script};
/// For [`Sqlite::read`] and [`Sqlite::write`].
pub use rusqlite;
