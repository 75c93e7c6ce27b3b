//! `cargo xtask`: what has to be typed to test and check the project, here and in CI.
//!
//! One file per command. Two commands suffice on a fresh machine, `cargo run` and `cargo xtask test`; so a command gets
//! what it needs itself, or says what is missing and how to get it, and never leaves out anything without saying so.

use std::{env, process::ExitCode};

mod book;
mod claims;
mod crates;
mod dashboards;
mod directions;
mod faults;
mod fuzz;
mod includes;
mod infra;
mod lint;
mod parts;
// The one piece of code that tests and this program share; it needs nothing but std.
#[path = "../../crates/tollgate-testing/src/servers/mod.rs"]
#[expect(dead_code, unused_imports, reason = "tests do more with a server than start it")]
mod servers;
mod steps;
mod test;

const USAGE: &str = "\
usage: cargo xtask test [--without PART]...   all tests; gets what they need first
       cargo xtask lint                       format, clippy, documentation, dependencies
       cargo xtask ci [--without PART]...     both
       cargo xtask faults [ID]... [--short] [--without PART]...
                                              the long form of the fault tests, kept in faults/; half an hour or more
       cargo xtask fuzz [SECONDS]             somebody else's fuzzer on the reference application, for ten minutes
       cargo xtask infra [NAME]... [--without PART]...
                                              what puts an app into the cloud, tried; a quarter of an hour
       cargo xtask includes                   writes anew what the documentation takes from elsewhere: code, and the
                                              list of decisions
       cargo xtask dashboards                 writes the dashboards of infra/grafana anew";

/// What went wrong is text for a person at a terminal, nothing to match on.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result {
    env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    match arguments {
        ["test", options @ ..] => test::run(&parts::left_out(options)?),
        ["lint"] => lint::run(),
        ["faults", options @ ..] => faults::run(options),
        ["fuzz"] => fuzz::run("600"),
        ["fuzz", seconds] => fuzz::run(seconds),
        ["infra", arguments @ ..] => infra::run(arguments),
        ["includes"] => {
            includes::write()?;
            book::write()
        }
        ["dashboards"] => dashboards::write(),
        ["ci", options @ ..] => {
            test::run(&parts::left_out(options)?)?;
            lint::run()
        }
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(USAGE.into()),
    }
}
