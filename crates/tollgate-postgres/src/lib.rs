//! PostgreSQL: a few shared connections, each pipelining what it is given; nothing is checked out.
//!
//! ```text
//! driver.rs      the methods               session.rs     a transaction
//! line.rs        a connection that is shared, and comes back after it was lost
//! pool.rs        connections for transactions            waiting.rs  for those that wait for a lock
//! connection.rs  one, and its prepared statements         statement.rs  what one binds, and what its answer says
//! dialect.rs     PostgreSQL's SQL          schema.rs      tables as the model says
//! cell.rs        cells, both ways          numeric.rs     decimals on the wire
//! config.rs      all of the URL            tls.rs         with whom we speak
//! error.rs       what the server's "no" means             iam.rs  tokens of AWS as passwords
//! migrate.rs     changes as scripts, and scripts applied  measures.rs  statements under way
//! ```
//!
//! A connection answers in order, so point reads, inserts and all the rest have lines of their own: a slow list holds up
//! no point read, an update that waits for a lock no insert, and no other update for long. What was acknowledged was
//! committed. When a connection is lost, reads are asked once more on a new one; whether a write happened is unknown
//! then, and the caller is told so.

mod cell;
mod config;
mod connection;
mod dialect;
mod driver;
mod error;
mod iam;
mod line;
mod measures;
mod migrate;
mod numeric;
mod pool;
mod schema;
mod session;
mod statement;
mod tls;
mod waiting;

pub use config::Config;
pub use driver::Postgres;
pub use measures::metrics;
pub use migrate::{SCRIPTS, script};
pub use pool::Client;
/// For [`Postgres::client`].
pub use tokio_postgres;
