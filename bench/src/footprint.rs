//! `--footprint` (P10): memory without and under load, and the size of the binary.

use crate::{
    jobs::{READ, Unit},
    report::machine,
    section,
    servers::{Servers, Under, binary, memory},
};
use std::{error::Error, fmt::Write as _, fs, thread::sleep, time::Duration};

const CONNECTIONS: u32 = 128;
const SECONDS: u32 = 10;
/// The most that is wanted, in MB (millions of bytes): idle, under load, the binary.
const TARGETS: [f64; 3] = [20.0, 50.0, 15.0];

/// In MB.
const MEBIBYTE: f64 = 1.048_576;

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let (mut rows, mut missed) = (String::new(), vec![]);
    for (name, under) in [("SQLite", Under::Sqlite), ("PostgreSQL", Under::Postgres)] {
        let servers = Servers::start(under)?;
        sleep(Duration::from_secs(3));
        let idle = memory(&servers.ours)?;
        servers.ours.target.run(READ, CONNECTIONS, SECONDS, Unit::Rate)?;
        let loaded = memory(&servers.ours)?;
        for (what, value, own, target) in [
            ("idle", idle.now, idle.own, TARGETS[0]),
            ("under 128 connections, at most", loaded.most, loaded.own, TARGETS[1]),
        ] {
            let (value, own) = (value * MEBIBYTE, own * MEBIBYTE);
            let _ = writeln!(rows, "| memory {what}, {name} | {value:.1} | {own:.1} | {target} |");
            missed.extend((value > target).then(|| format!("memory {what}, {name}: {value:.1} MB")));
        }
    }
    let size = f64::from(u32::try_from(fs::metadata(binary("ours")?)?.len())?) / 1e6;
    let _ = writeln!(rows, "| stripped binary with SQLite and PostgreSQL | {size:.1} | | {} |", TARGETS[2]);
    missed.extend((size > TARGETS[2]).then(|| format!("the binary has {size:.1} MB")));
    section::keep("FOOTPRINT.md", &text(&rows))?;
    section::judge(&missed)
}

fn text(rows: &str) -> String {
    format!(
        "## P10: memory and size\n\n\
         Written by `cargo run --release -p bench -- --footprint`: resident memory 3 s after the start, with 1,000 notes \
         written, and the most of it in {SECONDS} s of point reads by {CONNECTIONS} connections; of that, its own is what is no part of \
         a file, such as the binary and the database; {}.\n\n\
         | what | MB | its own | target |\n|---|---|---|---|\n{rows}",
        machine()
    )
}
