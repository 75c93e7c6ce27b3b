//! `man`: a manual page for each command.

use crate::{Result, say};
use clap::Args;
use std::{fs, path::PathBuf};

/// Write the manual pages.
#[derive(Args)]
#[command(after_help = "As in: tollgate man ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// The folder to write them to
    folder: PathBuf,
}

/// Writes `tollgate.1`, `tollgate-new.1` and so on.
pub(crate) fn run(line: &Man, command: clap::Command) -> Result {
    fs::create_dir_all(&line.folder).map_err(|error| format!("{}: {error}", line.folder.display()))?;
    clap_mangen::generate_to(command, &line.folder)?;
    say::done(&format!("wrote the manual pages to {}", line.folder.display()));
    Ok(())
}
