//! Grafana's dashboards, written from code: `cargo xtask dashboards`.
//!
//! A dashboard is JSON of a thousand lines in which an error hides well, so it is written from a few values that say what
//! is shown; `cargo xtask lint` fails when the files in `infra/grafana` are not what these say. That each query finds
//! something is tried by the tests of the reference application, with a Prometheus that watches it.

mod content;
mod model;

use crate::Result;
use std::{fs, path::PathBuf};

use content::dashboards;

/// Each file and what belongs into it.
fn files() -> Result<Vec<(PathBuf, String)>> {
    let write = |dashboard: &model::Dashboard| {
        let text = serde_json::to_string_pretty(&dashboard.json())? + "\n";
        Ok((PathBuf::from(format!("infra/grafana/{}.json", dashboard.name)), text))
    };
    dashboards().iter().map(write).collect()
}

/// Writes the files anew.
pub(crate) fn write() -> Result {
    for (file, text) in files()? {
        fs::write(file, text)?;
    }
    Ok(())
}

/// Fails if a file is not what the code says.
pub(crate) fn check() -> Result<String> {
    let all = files()?;
    let is_stale = |(file, text): &&(PathBuf, String)| fs::read_to_string(file).ok().as_ref() != Some(text);
    let stale: Vec<_> = all.iter().filter(is_stale).map(|(file, _)| file.display().to_string()).collect();
    if stale.is_empty() {
        return Ok(String::new());
    }
    Err(format!("{}: stale; cargo xtask dashboards writes them anew", stale.join(", ")).into())
}
