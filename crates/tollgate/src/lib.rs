//! Authenticated data APIs, where permission is a value.

pub use tollgate_access::{Act, Action, Actor, Create, Delete, May, Policy, Public, Read, Rows, System, Update};
pub use tollgate_core::{Change, Clock, Fault, ManualClock, Problem, Result, Secret};
pub use tollgate_macros::{input, output, resource, service};
pub use tollgate_store::{Field, Filter, Find, Memory, Resource, Slice, Store, Transaction};

/// A moment, in UTC.
pub use jiff::Timestamp;
/// For `#[garde(custom(…))]`: what a rule of your own says.
pub use tollgate_store::__private::garde as rules;
/// A UUID (RFC 9562).
pub use uuid::Uuid;

#[doc(hidden)]
pub use tollgate_store::__private;
