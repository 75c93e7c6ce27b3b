//! Ours and its peers, side by side: each job runs on one server after the other, several rounds in the same run, and
//! the medians and their ratios go to `bench/REPORT.md` and `bench/report.json`.
//!
//! ```sh
//! cargo run --release -p bench        # needs wrk and PostgreSQL; about ten minutes
//! ```

mod report;
mod servers;

use report::Measured;
use servers::{Load, Servers, Under, Who};
use std::{error::Error, process::ExitCode};

/// How often each job is measured on each server.
const ROUNDS: usize = 3;
/// How long each measurement takes, in seconds.
const SECONDS: u32 = 3;

/// What a job is compared with.
enum Other {
    Peer(Load),
    Ours(Load),
}

fn read(who: Who) -> Load {
    Load { path: "/movies/1", script: Some("movies.lua"), who }
}

fn note(who: Who) -> Load {
    Load { path: "/notes/1", script: Some("note.lua"), who }
}

fn add() -> Load {
    Load { path: "/notes", script: Some("notes.lua"), who: Who::Own }
}

fn list() -> Load {
    Load { path: "/movies?released.gte=1990&sort=-rating&limit=50", script: None, who: Who::Own }
}

fn fixed() -> Other {
    Other::Peer(Load { path: "/fixed", script: None, who: Who::Nobody })
}

fn hello() -> Load {
    Load { path: "/hello", script: None, who: Who::Own }
}

/// Id, job, connections, ours, the other, its name, the target.
type Row = (&'static str, &'static str, u32, Load, Other, &'static str, f64);

fn sqlite_jobs(connections: u32) -> [Row; 4] {
    let (own, bare) = (Who::Own, "bare axum, fixed JSON, no token");
    let by_hand = "axum + rusqlite by hand";
    [
        ("P5", "authenticated point read, SQLite", connections, read(own), fixed(), bare, 0.75),
        ("P5", "authenticated point read, SQLite", connections, read(own), Other::Peer(read(own)), by_hand, 1.0),
        ("P5", "authenticated durable insert, SQLite", connections, add(), Other::Peer(add()), by_hand, 10.0),
        ("P6", "authenticated, without database", connections, hello(), fixed(), bare, 0.92),
    ]
}

fn postgres_jobs(connections: u32) -> [Row; 5] {
    let many = connections > 32;
    let (own, by_hand) = (Who::Own, "axum + deadpool-postgres by hand");
    let (reads, inserts) = if many { (2.2, 3.2) } else { (1.8, 2.2) };
    [
        ("P1", "authenticated point read, PostgreSQL", connections, read(own), Other::Peer(read(own)), by_hand, reads),
        (
            "P1",
            "authenticated point read, PostgreSQL",
            connections,
            read(own),
            fixed(),
            "bare axum, fixed JSON, no token",
            0.7,
        ),
        ("P2", "the same, owner-scoped", connections, note(own), Other::Ours(note(Who::Any)), "ours with :any", 0.95),
        ("P3", "authenticated durable insert, PostgreSQL", connections, add(), Other::Peer(add()), by_hand, inserts),
        ("P4", "list of 50 with filter and sort, PostgreSQL", connections, list(), Other::Peer(list()), by_hand, 1.0),
    ]
}

fn measure(servers: &Servers, job: Row) -> Result<Measured, Box<dyn Error>> {
    let (id, title, connections, load, other, peer_name, target) = job;
    let (mut ours, mut peer) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        ours.push(servers.ours.run(&load, connections, SECONDS)?);
        peer.push(match &other {
            Other::Peer(load) => servers.peer.run(load, connections, SECONDS)?,
            Other::Ours(load) => servers.ours.run(load, connections, SECONDS)?,
        });
    }
    let (ours, peer) = (median(ours), median(peer));
    Ok(Measured { id, job: title, connections, ours, peer, peer_name, ratio: ours / peer, target })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut all = vec![];
    let mut measure_all = |under, jobs: fn(u32) -> Vec<Row>| {
        let servers = Servers::start(under)?;
        for job in [32, 128].into_iter().flat_map(jobs) {
            let measured = measure(&servers, job)?;
            println!("{measured}");
            all.push(measured);
        }
        Ok::<_, Box<dyn Error>>(())
    };
    measure_all(Under::Sqlite, |connections| sqlite_jobs(connections).into())?;
    measure_all(Under::Postgres, |connections| postgres_jobs(connections).into())?;
    let start = servers::time_to_first_answer(11)?;
    println!("start to first answer, with 10,000 rows: {:.1} ms", start.as_secs_f64() * 1000.0);
    report::write(&all, start)?;
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
