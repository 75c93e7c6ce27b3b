//! The store: where rows live, and the only way to them.
//!
//! ```text
//! one cell             value.rs      a Value, the kinds of columns, the types that fit in one
//!                      decimal.rs  object_id.rs  nested.rs                            types of our own
//! a struct that is one resource.rs   what #[resource] says about a type
//! which rows           filter.rs     one small tree for Rust, HTTP, SQL and memory    position.rs  where a page ends
//! what handlers use    store.rs      every method demands a May, and stays within its rows
//!                      find.rs  transaction.rs  conditional.rs  batch.rs  group.rs  assignment.rs  upsert.rs
//! past the model       query.rs      SQL of the app's own, within the same rows       text.rs
//! what databases do    driver.rs     a few methods, object-safe      sql.rs  schema.rs  memory.rs  last_write.rs
//! when the model changes migrate.rs  what is different, as scripts
//! what was done        audit.rs      who did what to which row, kept with what they did
//! how it is doing      measures.rs   metrics, steps of a trace    connections.rs  how busy those of a driver are
//!                      watch.rs      told to who keeps answers    fingerprint.rs
//!                      changes.rs    which rows, in an order that instances share
//! behind the requests  background.rs  what goes on for a moment more
//! every "no"           error.rs      told by what the caller can do about it
//! ```
//!
//! Between store and driver sits the batcher: concurrent point reads of one type travel as one statement, and
//! concurrent inserts are committed together. Nothing ever waits for a timer.
//!
//! Invariant: the wrong permission is a type error.
//! ```compile_fail,E0308
//! # use {tollgate_access::{May, Delete}, tollgate_store::{Store, Resource, Result}};
//! async fn peek<T: Resource>(store: Store<T>, may: &May<Delete, T>, id: T::Id) -> Result<T> {
//!     store.get(may, id).await
//! }
//! ```

// `#[resource]` names its helpers as an application would.
extern crate self as tollgate;

mod assignment;
pub mod audit;
pub mod background;
mod batch;
pub mod changes;
mod conditional;
pub mod connections;
mod decimal;
mod driver;
mod error;
mod field;
mod filter;
mod find;
mod fingerprint;
mod group;
mod kind;
mod last_write;
mod measures;
mod memory;
pub mod migrate;
pub mod nested;
mod object_id;
mod position;
mod query;
mod resource;
pub mod schema;
pub mod sql;
mod store;
mod text;
mod transaction;
mod upsert;
mod value;
mod watch;

pub use assignment::Assignment;
pub use decimal::{Decimal, NotDecimal};
pub use driver::{Answer, Batch, Database, Driver, Each, Lanes, Select, Session, Update};
pub use error::{Error, Result};
pub use field::{Field, Sort};
pub use filter::{Expr, Filter, Op, Order};
pub use find::{Find, Slice};
pub use kind::NotKind;
pub use last_write::LastWrite;
pub use measures::{GroupSizes, metrics};
pub use memory::Memory;
pub use nested::Nested;
pub use object_id::{NotObjectId, ObjectId};
pub use position::Position;
pub use query::{FromRow, Shape, Sql, SqlQuery};
pub use resource::{Column, Filled, GeneratedId, Key, OwnerId, Resource, Set, Stamp, Table, To};
pub use store::{Store, database_of};
pub use text::Piece;
pub use transaction::{OpenTransaction, Transaction};
pub use upsert::{OnConflict, Resolution, Summand, Upsert};
pub use value::{Cell, FIRST_MOMENT, Kind, Ordered, Row, Value, missing};
pub use watch::{Told, Watch};

/// What the macros write `use` for. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use crate::value::{check_sent, sent};
    pub use crate::{
        Cell, Column, Error, Field, Filled, Filter, FromRow, GeneratedId, Kind, Ordered, OwnerId, Resource, Result,
        Row, Set, Stamp, Table, To, Value, missing,
    };
    pub use garde;
    pub use schemars;
    pub use serde;
    pub use serde_json;
    pub use tollgate_access::{Act, Actor, Policy, Protected, Rows};
    pub use tollgate_core::{
        At, Change, Faults, Input, Items, Length, Misfits, ObjectOnly, Output, Probe, Range, is_from_a_row,
    };
}

/// What an error says, with its cause.
#[cfg(test)]
pub(crate) fn error_text(error: &Error) -> String {
    tollgate_core::with_causes(error)
}
