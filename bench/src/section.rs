//! A part of the report that is measured by itself, and kept in a file of its own until then.

use crate::load::here;
use std::{error::Error, fs};

/// The parts, in the order of the report.
pub(crate) const SECTIONS: [&str; 6] = ["STORM.md", "OVERLOAD.md", "FOOTPRINT.md", "LIVE.md", "LAMBDA.md", "LOGIN.md"];

/// All of them, as they were measured last.
pub(crate) fn all() -> Result<String, Box<dyn Error>> {
    let texts = SECTIONS.iter().map(|name| fs::read_to_string(here(name))).collect::<Result<Vec<_>, _>>()?;
    Ok(texts.join("\n"))
}

/// Takes the place of what was measured before, in the report as well.
pub(crate) fn keep(name: &str, section: &str) -> Result<(), Box<dyn Error>> {
    println!("{section}");
    let (before, report) = (fs::read_to_string(here(name))?, fs::read_to_string(here("REPORT.md"))?);
    if !report.contains(&before) {
        return Err(format!("bench/REPORT.md has another {name} in it: measure all again").into());
    }
    fs::write(here(name), section)?;
    Ok(fs::write(here("REPORT.md"), report.replace(&before, section))?)
}

/// Fails with what was not reached.
pub(crate) fn judge(missed: &[String]) -> Result<(), Box<dyn Error>> {
    if missed.is_empty() { Ok(()) } else { Err(missed.join("; ").into()) }
}
