//! SQLite for Tollgate
