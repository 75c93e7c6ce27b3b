//! What was measured, written down.

use serde::Serialize;
use std::{error::Error, fmt, fs, path::Path, time::Duration};

/// One job on ours and on a peer: medians in requests per second.
#[derive(Serialize)]
pub(crate) struct Measured {
    pub(crate) id: &'static str,
    pub(crate) job: &'static str,
    pub(crate) connections: u32,
    pub(crate) ours: f64,
    pub(crate) peer: f64,
    pub(crate) peer_name: &'static str,
    pub(crate) ratio: f64,
    pub(crate) target: f64,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, job, connections, ours, peer, peer_name, ratio, target } = self;
        write!(f, "| {id} | {job} | {connections} | {ours:.0} | {peer:.0} | {peer_name} | **{ratio:.2}** | {target} |")
    }
}

pub(crate) fn write(all: &[Measured], start: Duration) -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::write(folder.join("report.json"), serde_json::to_string_pretty(all)? + "\n")?;
    let rows: Vec<String> = all.iter().map(ToString::to_string).collect();
    let text = format!(
        "# Measured\n\n\
         Written by `cargo run --release -p bench`. Ours, its peer and the load generator (wrk, 1 thread) share {cores} \
         cores; medians of {rounds} interleaved rounds of {seconds} s, in requests per second. Only the ratios travel to \
         other machines.\n\n\
         | id | job | connections | ours | peer | which peer | ratio | target |\n\
         |---|---|---|---|---|---|---|---|\n{rows}\n\n\
         From the start of the process to its first answer, release build, 10,000 rows in the database: \
         {start:.1} ms (median of 11; target 50, later 30).\n",
        rows = rows.join("\n"),
        cores = std::thread::available_parallelism()?,
        rounds = crate::ROUNDS,
        seconds = crate::SECONDS,
        start = start.as_secs_f64() * 1000.0,
    );
    fs::write(folder.join("REPORT.md"), text)?;
    Ok(())
}
