//! `tollgate`: from nothing to an application, and from an application to a service in the cloud.
//!
//! One file or folder per command. A command does nothing that an app could do itself (`cargo run -- --help`), links
//! nothing of the framework, and leaves nothing half done: what it is going to write is known before the first file is.
//!
//! Exit codes: 0 done; 1 it could not be done, or something is wrong, and it was said what; 2 the command line is not
//! understood.

mod app;
mod completions;
mod deploy;
mod dev;
mod doctor;
mod files;
mod generate;
mod man;
mod new;
#[cfg(test)]
mod reference;
mod say;
mod templates;
mod tools;
mod words;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Makes, extends, watches and deploys applications of Tollgate.
#[derive(Parser)]
#[command(name = "tollgate", version, propagate_version = true, styles = say::HELP)]
#[command(after_help = "Exit codes: 0 done, 1 failed or something is wrong, 2 the command line is not understood.")]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make an application that runs at once
    New(new::New),
    /// Add to the application in this folder
    #[command(subcommand, visible_alias = "g")]
    Generate(generate::Generate),
    /// Serve the application in this folder, rebuilt and restarted when a file changes
    Dev(dev::Dev),
    /// Look for what is missing or wrong, and say the command that fixes it
    Doctor(doctor::Doctor),
    /// Bring the application in this folder to AWS Lambda, ECS or EKS
    #[command(subcommand)]
    Deploy(deploy::Deploy),
    /// Print what completes this command in a shell
    Completions(completions::Completions),
    /// Write the manual pages
    Man(man::Man),
}

/// What went wrong and what to do about it, for a person at a terminal.
#[derive(Debug)]
struct Failure(String);

type Result<T = (), E = Failure> = std::result::Result<T, E>;

impl<E: std::fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn main() -> ExitCode {
    match run(Line::parse().command) {
        Ok(code) => code,
        Err(Failure(why)) => {
            say::failed(&why);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::New(new) => new::run(&new)?,
        Command::Generate(generate) => generate::run(&generate)?,
        Command::Dev(dev) => dev::run(&dev)?,
        Command::Doctor(doctor) => return Ok(doctor::run(&doctor)),
        Command::Deploy(deploy) => deploy::run(&deploy)?,
        Command::Completions(shell) => completions::run(&shell, &mut Line::command()),
        Command::Man(man) => man::run(&man, Line::command())?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_has_no_contradictions() {
        Line::command().debug_assert();
    }

    #[test]
    fn the_reference_has_every_command() {
        reference::check("tollgate.md", "The command `tollgate`", Line::command());
    }
}
