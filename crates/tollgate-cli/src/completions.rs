//! `completions`: what a shell needs to complete this command.

use crate::say;
use clap::Args;
use clap_complete::{Shell, generate};

/// Print what completes this command in a shell.
#[derive(Args)]
#[command(after_help = "As in: tollgate completions bash > ~/.local/share/bash-completion/completions/tollgate")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Prints it.
pub(crate) fn run(line: &Completions, command: &mut clap::Command) {
    let mut script = vec![];
    generate(line.shell, command, "tollgate", &mut script);
    say::result(String::from_utf8_lossy(&script).trim_end());
}
