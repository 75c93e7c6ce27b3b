//! `completions`: what a shell needs to complete this command.

use crate::Result;
use clap::Args;
use clap_complete::{Shell, generate};
use std::io::{self, ErrorKind, Write};

/// Print what completes this command in a shell.
#[derive(Args)]
#[command(after_help = "As in: tollgate completions bash > ~/.local/share/bash-completion/completions/tollgate")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Prints it.
pub(crate) fn run(line: &Completions, command: &mut clap::Command) -> Result {
    let mut script = vec![];
    generate(line.shell, command, "tollgate", &mut script);
    match io::stdout().write_all(&script) {
        // Who looks at the first lines alone, as with `head`, has what they wanted.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
