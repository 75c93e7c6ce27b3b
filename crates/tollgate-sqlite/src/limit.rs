//! How long a statement may take: SQLite asks every now and then whether to go on.
//!
//! A statement runs on the thread that asks for it, so its end is kept by the thread and not by the connection; where
//! none is set, as for lookups, there is nothing to pay for.

use crate::cell::tell;
use rusqlite::Connection;
use std::{
    cell::Cell,
    time::{Duration, Instant},
};
use tollgate_store::Result;

/// After how many instructions SQLite asks again: some tens of microseconds.
const INSTRUCTIONS: i32 = 1000;

thread_local! {
    static END: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Lets work on this connection be [limited](within).
pub(crate) fn watch(db: &mut Connection) -> Result<()> {
    let is_over = || END.get().is_some_and(|end| Instant::now() >= end);
    db.progress_handler(INSTRUCTIONS, Some(is_over)).map_err(tell)
}

/// Does the work, whose statements are given up after that long.
pub(crate) fn within<R>(limit: Duration, work: impl FnOnce() -> R) -> R {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            END.set(None);
        }
    }
    END.set(Some(Instant::now() + limit));
    let _reset = Reset;
    work()
}
