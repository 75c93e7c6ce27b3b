//! What is measured, beside what, and what is wanted.

use crate::{
    load::{Caller, Load},
    servers::Under,
};

/// A job that ours and others do in turn.
pub(crate) struct Job {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    pub(crate) ours: Run,
    pub(crate) others: Vec<Other>,
}

/// Who does the same, under which name, and which ratio is wanted at which numbers of connections.
pub(crate) struct Other {
    pub(crate) name: &'static str,
    pub(crate) run: Run,
    pub(crate) targets: Targets,
}

/// Connections, and the ratio that is wanted.
type Targets = &'static [(u32, f64)];

/// Who does what.
pub(crate) enum Run {
    Ours(Load),
    /// With everything on that production has: metrics shown, a line of JSON for each request, one of a hundred traces
    /// sent, and limits by address and by caller.
    OursWatched(Load),
    ByHand(Load),
    Python(Load),
    Loco(Load),
    /// A script of `pgbench`.
    Pgbench(&'static str),
}

/// What is measured.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Unit {
    /// Requests per second.
    Rate,
    /// How long half of the requests take at most, in microseconds.
    Median,
}

impl Unit {
    pub(crate) fn connections(self) -> &'static [u32] {
        match self {
            Self::Rate => &[32, 128],
            Self::Median => &[1],
        }
    }

    /// How often, and for how many seconds each time. Latencies drift, so they are measured in shorter turns.
    pub(crate) fn rounds(self) -> (usize, u32) {
        match self {
            Self::Rate => (5, 3),
            Self::Median => (11, 1),
        }
    }

    /// How many times as good ours is.
    pub(crate) fn ratio(self, ours: f64, other: f64) -> f64 {
        match self {
            Self::Rate => ours / other,
            Self::Median => other / ours,
        }
    }
}

const FIXED: &str = "bare axum, fixed JSON, no token";
/// p50 within 10 % of the other's.
const AS_SOON: Targets = &[(1, 0.91)];

const fn read(caller: Caller) -> Load {
    Load { path: "/movies/", script: Some("movies.lua"), caller }
}

const fn note(caller: Caller) -> Load {
    Load { path: "/notes/", script: Some("note.lua"), caller }
}

const EVERYTHING: &str = if cfg!(feature = "otlp") {
    "everything on: metrics, access log, traces, limits by address and caller"
} else {
    "everything on but traces: metrics, access log, limits by address and caller"
};

pub(crate) const READ: Load = read(Caller::Own);
const ADD: Load = Load { path: "/notes", script: Some("notes.lua"), caller: Caller::Own };
pub(crate) const LIST: Load =
    Load { path: "/movies?released.gte=1990&sort=-rating&limit=50", script: None, caller: Caller::Own };
const HELLO: Load = Load { path: "/hello", script: None, caller: Caller::Own };

fn other(name: &'static str, run: Run, targets: Targets) -> Other {
    Other { name, run, targets }
}

/// Fixed JSON: no server does more than that. It gets the same requests, or the load would cost less to make.
fn fixed(script: Option<&'static str>, targets: Targets) -> Other {
    other(FIXED, Run::ByHand(Load { path: "/fixed/", script, caller: Caller::Nobody }), targets)
}

fn job(id: &'static str, title: &'static str, unit: Unit, load: Load, others: Vec<Other>) -> Job {
    Job { id, title, unit, ours: Run::Ours(load), others }
}

pub(crate) fn jobs(under: Under) -> Vec<Job> {
    match under {
        Under::Sqlite => on_sqlite(),
        Under::Postgres => on_postgres(),
    }
}

fn on_sqlite() -> Vec<Job> {
    let by_hand = |load, targets| other("axum + rusqlite by hand", Run::ByHand(load), targets);
    let reads = vec![fixed(READ.script, &[(32, 0.75), (128, 0.75)]), by_hand(READ, &[(32, 1.0), (128, 1.0)])];
    vec![
        job("P5", "authenticated point read, SQLite", Unit::Rate, READ, reads),
        job(
            "P5",
            "authenticated durable insert, SQLite",
            Unit::Rate,
            ADD,
            vec![by_hand(ADD, &[(32, 10.0), (128, 10.0)])],
        ),
        job(
            "P6",
            "authenticated, without database",
            Unit::Rate,
            HELLO,
            vec![fixed(HELLO.script, &[(32, 0.92), (128, 0.92)])],
        ),
        Job {
            id: "P6",
            title: EVERYTHING,
            unit: Unit::Rate,
            ours: Run::OursWatched(HELLO),
            others: vec![fixed(HELLO.script, &[(32, 0.92), (128, 0.92)])],
        },
        job("P11", "p50 of a point read in µs, SQLite", Unit::Median, READ, vec![by_hand(READ, AS_SOON)]),
    ]
}

fn on_postgres() -> Vec<Job> {
    let by_hand = |load, targets| other("axum + deadpool-postgres by hand", Run::ByHand(load), targets);
    let pgbench = |script, targets| other("pgbench -M prepared, no HTTP, no token", Run::Pgbench(script), targets);
    let python = other("FastAPI + asyncpg, one process per core", Run::Python(READ), &[(32, 14.0), (128, 14.0)]);
    let loco = other("Loco + SeaORM, as it comes", Run::Loco(READ), &[(32, 4.0), (128, 4.0)]);
    let any = other("ours with :any", Run::Ours(note(Caller::Any)), &[(32, 0.95), (128, 0.95)]);
    let reads = vec![
        by_hand(READ, &[(32, 1.8), (128, 2.2)]),
        fixed(READ.script, &[(128, 0.7)]),
        pgbench("movies.sql", &[(32, 1.3), (128, 1.3)]),
        python,
        loco,
    ];
    let inserts = vec![by_hand(ADD, &[(32, 2.2), (128, 3.2)]), pgbench("notes.sql", &[(32, 1.0), (128, 1.0)])];
    vec![
        job("P1", "authenticated point read, PostgreSQL", Unit::Rate, READ, reads),
        job("P2", "the same, owner-scoped", Unit::Rate, note(Caller::Own), vec![any]),
        job("P3", "authenticated durable insert, PostgreSQL", Unit::Rate, ADD, inserts),
        job(
            "P4",
            "list of 50 with filter and sort, PostgreSQL",
            Unit::Rate,
            LIST,
            vec![by_hand(LIST, &[(32, 1.0), (128, 1.0)])],
        ),
        job("P11", "p50 of a point read in µs, PostgreSQL", Unit::Median, READ, vec![by_hand(READ, AS_SOON)]),
    ]
}
