//! The load: `wrk` on a server, or `pgbench` on the database itself.

use crate::jobs::Unit;
use std::{
    error::Error,
    path::{Path, PathBuf},
    process::Command,
};

/// What to ask for, and as whom.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) path: &'static str,
    pub(crate) script: Option<&'static str>,
    pub(crate) caller: Caller,
}

/// Who asks.
#[derive(Clone, Copy)]
pub(crate) enum Caller {
    /// Nobody: no token.
    Nobody,
    /// Somebody who may reach their own notes.
    Own,
    /// Somebody who may reach any note.
    Any,
}

/// Where the load goes, and with which tokens.
pub(crate) struct Target {
    pub(crate) port: u16,
    pub(crate) own: String,
    pub(crate) any: String,
}

impl Target {
    /// A refused request makes the measurement worthless, so it is an error.
    pub(crate) fn run(&self, load: Load, connections: u32, seconds: u32, unit: Unit) -> Result<f64, Box<dyn Error>> {
        let mut wrk = Command::new("wrk");
        wrk.args(["-t1", "--latency", &format!("-c{connections}"), &format!("-d{seconds}s")]);
        let token = match load.caller {
            Caller::Nobody => None,
            Caller::Own => Some(&self.own),
            Caller::Any => Some(&self.any),
        };
        if let Some(token) = token {
            wrk.args(["-H", &format!("Authorization: Bearer {token}")]);
        }
        if let Some(script) = load.script {
            wrk.arg("-s").arg(here("wrk").join(script));
        }
        let text = said(wrk.arg(format!("http://127.0.0.1:{}{}", self.port, load.path)))?;
        if text.contains("Non-2xx") || text.contains("Socket errors") {
            return Err(format!("{} was refused:\n{text}", load.path).into());
        }
        let found = match unit {
            Unit::Rate => after(&text, "Requests/sec:").and_then(|rate| rate.parse().ok()),
            Unit::Median => after(&text, "50%").and_then(micros),
        };
        found.ok_or_else(|| format!("wrk said:\n{text}").into())
    }
}

/// Transactions per second of `pgbench`, with as many threads as it takes to keep the server busy.
pub(crate) fn pgbench(url: &str, script: &str, connections: u32, seconds: u32) -> Result<f64, Box<dyn Error>> {
    let mut pgbench = Command::new("pgbench");
    pgbench.args(["-n", "-M", "prepared", "-j2", &format!("-c{connections}"), &format!("-T{seconds}")]);
    let text = said(pgbench.arg("-f").arg(here("pgbench").join(script)).arg(url))?;
    let rate = after(&text, "tps =").and_then(|rate| rate.parse().ok());
    rate.ok_or_else(|| format!("pgbench said:\n{text}").into())
}

/// What a program says, if it succeeds.
pub(crate) fn said(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let name = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{name}: {}", text(&output.stderr)).into())
    }
}

/// A file of this package.
pub(crate) fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The word after these ones at the beginning of a line.
pub(crate) fn after<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.trim().strip_prefix(words)?.split_whitespace().next())
}

/// `98.00us`, `1.20ms` or `1.00s` in microseconds.
fn micros(text: &str) -> Option<f64> {
    let units = [("us", 1.0), ("ms", 1e3), ("s", 1e6)];
    units.iter().find_map(|(unit, size)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * size))
}
