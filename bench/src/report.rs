//! What was measured, written down.

use crate::{
    jobs::Unit,
    load::{here, said},
    section,
};
use serde::Serialize;
use std::{error::Error, fmt, fs, process::Command, thread, time::Duration};

/// One job on ours and on a peer: medians, in the unit that the job names, or in requests per second.
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

/// All that was measured, and which peers were left out.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) measured: Vec<Measured>,
    pub(crate) missing: Vec<String>,
    /// How often a measurement was repeated, because a request in it was refused.
    pub(crate) repeats: u32,
}

impl Report {
    pub(crate) fn write(&self, start: Duration) -> Result<(), Box<dyn Error>> {
        let rows: Vec<String> = self.measured.iter().map(ToString::to_string).collect();
        let missing: Vec<String> = self.missing.iter().map(|missing| format!("\nLeft out: {missing}\n")).collect();
        let ((rounds, seconds), (turns, _)) = (Unit::Rate.rounds(), Unit::Median.rounds());
        let text = format!(
            "# Measured\n\n\
             Written by `cargo run --release -p bench`. Ours, its peer, the database and the load generator (wrk, 1 thread) \
             share one machine: {machine}. Medians of {rounds} interleaved rounds of {seconds} s, in requests per second; \
             P11: medians of {turns} interleaved rounds of 1 s, in microseconds. The ratio says how many times as good ours \
             is. Only the ratios travel to other machines.\n\n\
             | id | job | connections | ours | peer | which peer | ratio | target |\n\
             |---|---|---|---|---|---|---|---|\n{rows}\n{missing}\n\
             {repeats} measurements were repeated because a request in them was refused.\n\n\
             From the start of the process to its first answer, release build, 10,000 rows in the database: \
             {start:.1} ms (median of 11; target 50, later 30).\n\n{sections}\n{profile}",
            machine = machine(),
            rows = rows.join("\n"),
            missing = missing.concat(),
            repeats = self.repeats,
            start = start.as_secs_f64() * 1000.0,
            sections = section::all(),
            profile = fs::read_to_string(here("PROFILE.md"))?,
        );
        fs::write(here("REPORT.md"), text)?;
        fs::write(here("report.json"), serde_json::to_string_pretty(&self.measured)? + "\n")?;
        Ok(())
    }
}

/// The machine and what was measured with, as far as the system tells.
pub(crate) fn machine() -> String {
    let line = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
        line.map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let says = |program: &str, argument| said(Command::new(program).arg(argument)).unwrap_or_default();
    [
        format!("{cores} cores of {}", line("/proc/cpuinfo", "model name")),
        format!("{} of memory", line("/proc/meminfo", "MemTotal")),
        says("uname", "-sr"),
        says("pgbench", "--version"),
        says("python3", "--version"),
    ]
    .join(", ")
}
