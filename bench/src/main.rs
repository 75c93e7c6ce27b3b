//! Ours and its peers, side by side: each job runs on one server after the other, several rounds in the same run, and
//! the medians and their ratios go to `bench/REPORT.md` and `bench/report.json`.
//!
//! ```sh
//! cargo run --release -p bench            # needs wrk, PostgreSQL with pgbench, and Python; builds the peer with Loco
//!                                         # first; then about twelve minutes
//! cargo run --release -p bench --features otlp -- P6  # with traces where everything is on
//! cargo run --release -p bench -- P5 P11  # some of them; writes no report
//! cargo run --release -p bench -- --storm # P7, ten thousand RS256 tokens (three minutes); the others likewise:
//!                                 --overload    P8, twice as much as can be served (half a minute)
//!                                 --footprint   P10, memory and size (a minute)
//!                                 --live        500 readers of changes (half a minute)
//!                                 --lambda      P9, how long a function of AWS Lambda takes to start (a minute)
//!                                 --observations  10,000 observations of patients at once (a minute; needs
//!                                               `cargo build --release -p lorem-ipsum`)
//!                                 --login       whether the time of a sign-in tells who has an account (two minutes)
//! ```

mod footprint;
mod jobs;
mod lambda;
mod live;
mod load;
mod login;
mod observations;
mod overload;
mod report;
mod section;
mod servers;
mod storm;

use jobs::{Job, Other, jobs};
use report::{Measured, Report};
use servers::{Servers, Under};
use std::{env, error::Error, process::ExitCode};

/// One job at one number of connections: ours beside each of the others, in the same rounds.
fn measure(servers: &Servers, job: &Job, connections: u32) -> Result<Vec<Measured>, Box<dyn Error>> {
    let wanted = |other: &Other| other.targets.iter().find(|(at, _)| *at == connections).map(|(_, target)| *target);
    let others: Vec<_> = job.others.iter().filter_map(|other| Some((other, wanted(other)?))).collect();
    let mut ours = vec![];
    let mut theirs = vec![vec![]; others.len()];
    for _ in 0..job.unit.rounds().0 {
        ours.extend(servers.run(&job.ours, connections, job.unit)?);
        for ((other, _), values) in others.iter().zip(&mut theirs) {
            values.extend(servers.run(&other.run, connections, job.unit)?);
        }
    }
    let ours = median(ours).ok_or("ours is missing")?;
    let beside = |((other, target), values): (&(&Other, f64), Vec<f64>)| {
        let peer = median(values)?;
        let (id, job, ratio) = (job.id, job.title, job.unit.ratio(ours, peer));
        Some(Measured { id, job, connections, ours, peer, peer_name: other.name, ratio, target: *target })
    };
    Ok(others.iter().zip(theirs).filter_map(beside).collect())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The jobs with these ids, or all.
fn run(ids: &[String]) -> Result<(), Box<dyn Error>> {
    let mut report = Report::default();
    for under in [Under::Sqlite, Under::Postgres] {
        let asked = |job: &Job| ids.is_empty() || ids.iter().any(|id| id == job.id);
        let jobs: Vec<_> = jobs(under).into_iter().filter(asked).collect();
        if jobs.is_empty() {
            continue;
        }
        let servers = Servers::start(under)?;
        servers.missing.iter().for_each(|missing| eprintln!("left out: {missing}"));
        for job in &jobs {
            for connections in job.unit.connections() {
                let measured = measure(&servers, job, *connections)?;
                for measured in &measured {
                    println!("{measured}");
                }
                report.measured.extend(measured);
            }
        }
        report.repeats += servers.repeats.get();
        report.missing.extend(servers.missing);
    }
    if ids.is_empty() { report.write(servers::time_to_first_answer(11)?) } else { Ok(()) }
}

fn main() -> ExitCode {
    let asked: Vec<_> = env::args().skip(1).collect();
    let done = match asked.first().map(String::as_str) {
        Some("--storm") => storm::run(),
        Some("--overload") => overload::run(),
        Some("--footprint") => footprint::run(),
        Some("--live") => live::run(),
        Some("--lambda") => lambda::run(),
        Some("--login") => login::run(),
        Some("--observations") => observations::run(),
        _ => run(&asked),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
