//! The drivers against the suite, and what is each driver's own.

mod memory;
mod sqlite;
