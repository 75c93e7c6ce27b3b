//! Words shared by all crates of Tollgate.
//!
//! ```text
//! every "no"           problem.rs   RFC 9457, one type for the whole framework
//! what comes and goes  data.rs      inputs, outputs, their checks      strict.rs  JSON that means one thing
//!                      misfits.rs   why a body is not the input it should be
//!                      rules.rs     what a rule means to the type of a field
//! what stays hidden    secret.rs    values that cannot be printed      seal.rs    values that cannot be forged
//! when                 clock.rs     calendar and stopwatch
//! as configured        config/      defaults, files, environment → one typed value
//! across programs      trace_id.rs  which trace a request is part of
//! said to people       words.rs     errors with their causes, names that were meant
//! ```
//!
//! Nothing here knows HTTP servers, permissions or databases; everything else depends on it.

mod clock;
pub mod config;
mod data;
mod misfits;
mod problem;
mod rules;
mod seal;
mod secret;
pub mod strict;
mod trace_id;
mod words;

pub use clock::{Clock, FrozenClock, ManualClock, SystemClock};
pub use data::{At, Change, Faults, Input, ObjectOnly, Output, from_a_row, is_from_a_row};
pub use misfits::{DAY, MOMENT, Misfit, Misfits, Probe, blamed_field, no_moment};
pub use problem::{Cause, Fault, Problem};
pub use rules::{Items, Length, Range};
pub use seal::Seal;
pub use secret::{LiveSecret, Secret};
pub use trace_id::TraceId;
pub use words::{capitalized, nearest, with_causes};

/// What a handler answers: a value, or a [`Problem`].
pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// `Debug` for what has more to hide than to show: its name alone.
#[doc(hidden)]
#[macro_export]
macro_rules! debug_by_name {
    ($name:ident $(<$parameter:ident>)?) => {
        impl$(<$parameter>)? ::std::fmt::Debug for $name$(<$parameter>)? {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}
