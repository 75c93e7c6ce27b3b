//! Ours and its peers, side by side: each job runs on one server after the other, several rounds in the same run, and
//! the medians and their ratios go to `bench/REPORT.md` and `bench/report.json`.
//!
//! ```sh
//! cargo run --release -p bench        # needs wrk; about three minutes
//! ```

mod report;
mod servers;

use report::Measured;
use servers::{Load, Servers};
use std::{error::Error, process::ExitCode};

/// How often each job is measured on each server.
const ROUNDS: usize = 5;
/// How long each measurement takes, in seconds.
const SECONDS: u32 = 3;

/// One job on ours, and what it is compared with.
struct Job {
    id: &'static str,
    title: &'static str,
    ours: Load,
    peer: Load,
    peer_name: &'static str,
    connections: u32,
    target: f64,
}

fn jobs() -> Vec<Job> {
    let read = || Load { path: "/movies/1", script: Some("movies.lua"), token: true };
    let add = || Load { path: "/notes", script: Some("notes.lua"), token: true };
    let fixed = || Load { path: "/fixed", script: None, token: false };
    let hello = || Load { path: "/hello", script: None, token: true };
    let mut jobs = vec![];
    for connections in [32, 128] {
        let mut job = |id, title, ours, peer, peer_name, target| {
            jobs.push(Job { id, title, ours, peer, peer_name, connections, target });
        };
        job("P5", "authenticated point read", read(), fixed(), "bare axum, fixed JSON, no token", 0.75);
        job("P5", "authenticated point read", read(), read(), "axum + rusqlite by hand", 1.0);
        job("P5", "authenticated durable insert", add(), add(), "axum + rusqlite by hand, one transaction each", 10.0);
        job("P6", "authenticated, without database", hello(), fixed(), "bare axum, fixed JSON, no token", 0.92);
    }
    jobs
}

fn measure(servers: &Servers, job: &Job) -> Result<Measured, Box<dyn Error>> {
    let (mut ours, mut peer) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        ours.push(servers.ours.run(&job.ours, job.connections, SECONDS)?);
        peer.push(servers.peer.run(&job.peer, job.connections, SECONDS)?);
    }
    let Job { id, title, peer_name, connections, target, .. } = *job;
    let (ours, peer) = (median(ours), median(peer));
    Ok(Measured { id, job: title, connections, ours, peer, peer_name, ratio: ours / peer, target })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn run() -> Result<(), Box<dyn Error>> {
    let servers = Servers::start()?;
    let mut all = vec![];
    for job in jobs() {
        let measured = measure(&servers, &job)?;
        println!("{measured}");
        all.push(measured);
    }
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
