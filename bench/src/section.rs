//! A part of the report that is measured by itself, and kept in a file of its own until then.

use crate::load::here;
use std::{error::Error, fs};

/// The parts, in the order of the report.
pub(crate) const SECTIONS: [&str; 7] =
    ["STORM.md", "OVERLOAD.md", "FOOTPRINT.md", "LIVE.md", "LAMBDA.md", "LOGIN.md", "OBSERVATIONS.md"];

/// All that were measured, as they were last.
pub(crate) fn all() -> String {
    SECTIONS.iter().filter_map(|name| fs::read_to_string(here(name)).ok()).collect::<Vec<_>>().join("\n")
}

/// Takes the place of what was measured before, in the report as well; what was not comes to its end.
pub(crate) fn keep(name: &str, section: &str) -> Result<(), Box<dyn Error>> {
    println!("{section}");
    let report = fs::read_to_string(here("REPORT.md"))?;
    let report = match fs::read_to_string(here(name)) {
        Err(_) => format!("{report}\n{section}"),
        Ok(before) if report.contains(&before) => report.replace(&before, section),
        Ok(_) => return Err(format!("bench/REPORT.md has another {name} in it: measure all again").into()),
    };
    fs::write(here(name), section)?;
    Ok(fs::write(here("REPORT.md"), report)?)
}

/// Fails with what was not reached.
pub(crate) fn judge(missed: &[String]) -> Result<(), Box<dyn Error>> {
    if missed.is_empty() { Ok(()) } else { Err(missed.join("; ").into()) }
}
