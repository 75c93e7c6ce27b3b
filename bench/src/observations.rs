//! `--observations`: how long do ten thousand observations of patients take, sent to the reference application at once?
//!
//! One request, from its first byte to the whole answer: checked, kept with the states, alerts and cases that follow from
//! them, in one transaction. The result is kept in `bench/OBSERVATIONS.md`, which is a part of the report.

use crate::{
    median,
    report::machine,
    section,
    servers::{Server, Under, binary, post, started},
};
use serde_json::{Value, json};
use std::{error::Error, fmt::Write as _, path::Path, process::Command, time::Instant};
use tempfile::TempDir;
use tollgate_testing::servers::{Postgres, free_port};

const OBSERVATIONS: usize = 10_000;
const PATIENTS: usize = 100;
/// How often they are sent; the first time is not counted.
const ROUNDS: usize = 6;
/// Seconds.
const TARGET: f64 = 1.0;

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let (mut rows, mut missed) = (String::new(), vec![]);
    for (name, under) in [("SQLite", Under::Sqlite), ("PostgreSQL", Under::Postgres)] {
        let times = measure(under)?;
        let worst = times.iter().copied().fold(0.0, f64::max);
        let median = median(times).ok_or("nothing was measured")?;
        let _ = writeln!(rows, "| {name} | {median:.2} | {worst:.2} | {TARGET} |");
        missed.extend((median > TARGET).then(|| format!("{name}: {median:.2} s")));
    }
    section::keep("OBSERVATIONS.md", &text(&rows))?;
    section::judge(&missed)
}

fn measure(under: Under) -> Result<Vec<f64>, Box<dyn Error>> {
    let folder = TempDir::new()?;
    let postgres = (under == Under::Postgres).then(Postgres::start);
    let url = postgres.as_ref().map(Postgres::url);
    let port = free_port();
    let server = started(&mut app(folder.path(), url.as_deref(), port)?, port)?;
    let told = app(folder.path(), url.as_deref(), port)?.args(["token", "clinician@example.test"]).output()?;
    let token = String::from_utf8(told.stdout)?.trim().to_owned();
    for number in 0..PATIENTS {
        let patient =
            json!({ "patient_id": format!("P-{number}"), "name": "Somebody", "born": 1968, "place": "Ferry" });
        send(&server, &token, "/patients", &patient)?;
    }
    let times = (0..ROUNDS).map(|round| {
        let body = observations(round);
        let begun = Instant::now();
        send(&server, &token, "/observations/batch", &body).map(|()| begun.elapsed().as_secs_f64())
    });
    Ok(times.collect::<Result<Vec<_>, _>>()?.split_off(1))
}

/// The reference application, without patients of its own. Its tokens name its address, and so its port.
fn app(folder: &Path, url: Option<&str>, port: u16) -> Result<Command, Box<dyn Error>> {
    let mut app = Command::new(binary("lorem-ipsum")?);
    app.current_dir(folder).env("LOREM_IPSUM_PATIENTS__DEMO", "").env("LOREM_IPSUM_SERVER__PORT", port.to_string());
    app.envs(url.map(|url| ("LOREM_IPSUM_DATABASE__URL", url)));
    Ok(app)
}

/// A round of everybody, and another: values that go up and down, so that alerts begin and end.
fn observations(round: usize) -> Value {
    let one = |index: usize| {
        let (nth, tenths) = (index / PATIENTS, u32::try_from(index % 30).unwrap_or_default());
        json!({
            "patient_id": format!("P-{}", index % PATIENTS),
            "at": format!("2026-01-{:02}T{:02}:{:02}:00Z", round + 1, nth / 10, nth % 10),
            "temperature": 36.5 + f64::from(tenths) / 10.0, "heart_rate": 60 + index % 70, "systolic": 120,
            "diastolic": 80, "spo2": 96, "symptoms": ["Cough"],
        })
    };
    json!({ "observations": (0..OBSERVATIONS).map(one).collect::<Vec<_>>() })
}

fn send(server: &Server, token: &str, path: &str, body: &Value) -> Result<(), Box<dyn Error>> {
    let head = format!("Authorization: Bearer {token}\r\nContent-Type: application/json");
    let answer = post(server.target.port, path, &head, &body.to_string())?;
    if answer.starts_with("HTTP/1.1 201") { Ok(()) } else { Err(answer.into()) }
}

fn text(rows: &str) -> String {
    format!(
        "## Ten thousand observations at once\n\n\
         Written by `cargo run --release -p bench -- --observations`: one request to the reference application with \
         {OBSERVATIONS} observations of {PATIENTS} patients, until the whole answer is there; of {} rounds, each after the \
         one before; {}.\n\n\
         | database | median, s | slowest, s | target, s |\n|---|---|---|---|\n{rows}",
        ROUNDS - 1,
        machine()
    )
}
