//! What the thread does: groups, commits, savepoints.

use super::{Job, SessionStep, What, Work, given_up};
use crate::cell::tell;
use rusqlite::{Connection, config::DbConfig};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::Receiver,
    time::Duration,
};
use tokio::sync::oneshot;
use tollgate_store::{Error, GroupSizes, Result, connections::PoolMeasures};

/// The most pieces of work in one commit.
const GROUP: usize = 256;
/// How long a transaction may hold everybody up between two of its steps.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn serve(db: &Connection, jobs: &Receiver<Job>, measures: &PoolMeasures) {
    let (in_time, sizes) = (|job: Job| job.in_time(measures), GroupSizes::of_commits());
    let mut waiting = None;
    while let Some(what) = waiting.take().or_else(|| jobs.recv().ok().map(in_time)) {
        let _taken = measures.take();
        match what {
            None => (),
            Some(What::Transaction { steps, started }) => serve_steps(db, &steps, started),
            Some(What::Alone(work)) => serve_group(db, vec![work]),
            Some(What::Schema(work)) => {
                let _ = db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false);
                serve_group(db, vec![work]);
                let _ = db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true);
            }
            Some(What::Shared(first)) => {
                let mut group = vec![first];
                while group.len() < GROUP && waiting.is_none() {
                    match jobs.try_recv().map(in_time) {
                        Ok(Some(What::Shared(work))) => group.push(work),
                        Ok(None) => (),
                        Ok(other) => waiting = Some(other),
                        Err(_) => break,
                    }
                }
                sizes.depart(group.iter().map(|work| work.span()));
                serve_group(db, group);
            }
        }
    }
}

fn serve_group(db: &Connection, mut group: Vec<Box<dyn Work>>) {
    let committed = in_transaction(db, || group.iter_mut().try_for_each(|work| work.run(db)));
    for work in group {
        work.tell(committed.clone());
    }
}

fn serve_steps(db: &Connection, steps: &Receiver<SessionStep>, started: oneshot::Sender<Result<()>>) {
    let begun = execute(db, "BEGIN IMMEDIATE");
    let failed = begun.is_err();
    if started.send(begun).is_err() || failed {
        let _ = execute(db, "ROLLBACK");
        return;
    }
    loop {
        match steps.recv_timeout(IDLE_TIMEOUT) {
            Ok(SessionStep::Do(run)) => {
                run(db);
                if db.is_autocommit() {
                    // SQLite gave up the transaction; another step would be kept by itself.
                    return;
                }
            }
            Ok(SessionStep::End { keep, reply }) => {
                let _ = reply.send(if keep { commit(db) } else { execute(db, "ROLLBACK") });
                return;
            }
            Err(_) => {
                let _ = execute(db, "ROLLBACK");
                return;
            }
        }
    }
}

pub(super) fn execute(db: &Connection, sql: &str) -> Result<()> {
    db.execute_batch(sql).map_err(tell)
}

fn commit(db: &Connection) -> Result<()> {
    let committed = execute(db, "COMMIT");
    if committed.is_err() && !db.is_autocommit() {
        execute(db, "ROLLBACK")?;
    }
    committed
}

fn in_transaction(db: &Connection, run: impl FnOnce() -> Result<()>) -> Result<()> {
    execute(db, "BEGIN IMMEDIATE")?;
    run()?;
    commit(db)
}

/// Keeps all of the work or, if it fails or panics, nothing of it and everything before it.
pub(crate) fn in_savepoint<R>(db: &Connection, run: impl FnOnce(&Connection) -> Result<R>) -> Result<R> {
    let step = |sql: &str| db.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map_err(tell);
    step("SAVEPOINT work")?;
    let panicked = |_| Err(Error::internal("work on the connection that writes has panicked"));
    let outcome = catch_unwind(AssertUnwindSafe(|| run(db))).unwrap_or_else(panicked);
    if db.is_autocommit() {
        // A full disk, say, made SQLite roll back the whole transaction: there is no savepoint left.
        return outcome.and(Err(given_up()));
    }
    let undone = if outcome.is_err() { step("ROLLBACK TO work") } else { Ok(0) };
    step("RELEASE work").and(undone).and(outcome)
}
