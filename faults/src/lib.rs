//! What does the framework promise when something breaks, and does it hold?
//!
//! Each [`Fault`] starts the reference application as a process of its own, puts it under load, breaks something, and
//! compares what clients were told with what is stored. The long form (`cargo xtask faults`) is kept in `REPORT.md`
//! and `report.json`; the short form, which is the same code with smaller numbers, is among the application's tests.
//!
//! An acknowledgement is a 2xx whose body was read whole. Load is bounded in count and time and stays on loopback.

mod app;
mod client;
mod database;
mod faults;
mod finding;
mod function;
pub mod http2;
mod load;
mod oauth;
mod open_loop;
mod provider;
mod raw;
mod report;
mod stage;
mod strangers;

pub use faults::{FAULTS, Fault};
pub use finding::Finding;
pub use report::keep;
pub use stage::{Form, Stage};

/// What went wrong is text for whoever reads the report, nothing to match on.
type Failure = Box<dyn std::error::Error + Send + Sync>;
type Result<T = ()> = std::result::Result<T, Failure>;
