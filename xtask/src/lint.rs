//! `cargo xtask lint`: what can be told without running the program.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{
    Result, book, claims,
    crates::{self, Crate},
    dashboards, directions, includes,
    steps::{Steps, cargo, output, stdout},
};

/// Crates that a build of the facade may consist of, ours included; each costs every user compile time.
const MAX_CRATES: usize = 250;

/// Lines after which a file gets a second look.
const LONG_FILE: usize = 400;

/// Runs all checks and fails if one did.
pub(crate) fn run() -> Result {
    let crates = crates::of_workspace()?;
    let mut steps = Steps::default();
    steps.program("format", &mut cargo(&["fmt", "--all", "--check", "--", "--color", "never"]));
    steps.program("clippy", &mut cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]));
    steps.program(
        "documentation",
        cargo(&["doc", "--quiet", "--workspace", "--all-features", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"),
    );
    steps.step("dependency directions", || directions::check(&crates));
    steps.step("code in the documentation", includes::check);
    steps.step("pages and links", book::check);
    steps.step("dashboards", dashboards::check);
    steps.step("report of the measurements", check_report);
    steps.step("tests in SECURITY.md", claims::check);
    steps.step("lints for every crate", || check_lints(&crates));
    steps.step("crates in the facade", check_number);
    steps.step("long files", || long_files(&crates));
    steps.step("licences and advisories", deny);
    steps.finish()
}

/// What explains the numbers is written by hand, and may be written anew without measuring.
fn check_report() -> Result<String> {
    let (report, profile) = (fs::read_to_string("bench/REPORT.md")?, fs::read_to_string("bench/PROFILE.md")?);
    let is_whole = report.ends_with(&profile);
    if is_whole { Ok(String::new()) } else { Err("bench/REPORT.md does not end with bench/PROFILE.md".into()) }
}

/// A crate that does not take the workspace's lints is not covered by `forbid(unsafe_code)` either.
fn check_lints(crates: &[Crate]) -> Result<String> {
    let mut without = Vec::new();
    for of in crates {
        if !fs::read_to_string(of.folder.join("Cargo.toml"))?.contains("[lints]\nworkspace = true") {
            without.push(format!("{} does not take the workspace's lints", of.name));
        }
    }
    if without.is_empty() { Ok(String::new()) } else { Err(without.join("\n").into()) }
}

fn check_number() -> Result<String> {
    let tree = stdout(&mut cargo(&["tree", "-p", "tollgate", "-e", "normal,build", "--prefix", "none"]))?;
    let number = count_crates(&tree);
    let note = format!("{number} of at most {MAX_CRATES}");
    if number <= MAX_CRATES { Ok(note) } else { Err(note.into()) }
}

/// Lines read `name version`, then a path, `(proc-macro)` or `(*)` for one that was shown before.
fn count_crates(tree: &str) -> usize {
    let name_and_version = |line: &'_ str| -> Option<(String, String)> {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    };
    tree.lines().filter_map(name_and_version).collect::<BTreeSet<_>>().len()
}

/// Long files are told, not refused: some are long for a reason.
fn long_files(crates: &[Crate]) -> Result<String> {
    let mut long = Vec::new();
    for of in crates {
        collect_long(&of.folder.join("src"), &mut long)?;
    }
    if long.is_empty() {
        return Ok(String::new());
    }
    Ok(format!("over {LONG_FILE} lines, second look:\n{}", long.join("\n")))
}

fn collect_long(folder: &Path, long: &mut Vec<String>) -> Result {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect_long(&path, long)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let lines = fs::read_to_string(&path)?.lines().count();
            if lines > LONG_FILE {
                long.push(format!("  {lines} {}", path.display()));
            }
        }
    }
    Ok(())
}

/// cargo-deny compiles for minutes, which would be most of the time of CI; so it is run where it is there.
fn deny() -> Result<String> {
    if output(&mut cargo(&["deny", "--version"])).is_err() {
        return Ok("NOT RUN: cargo install cargo-deny --locked".to_owned());
    }
    output(&mut cargo(&["deny", "--log-level", "error", "check"])).map(|_| String::new())
}

#[cfg(test)]
mod tests {
    use super::count_crates;

    #[test]
    fn a_crate_counts_once_and_each_of_its_versions() {
        let tree = "tollgate v0.1.0 (/src)\nserde v1.0.1\nsyn v2.0.0\nsyn v3.0.0\n\nserde v1.0.1 (*)\nderive v1.0.0 (proc-macro)";
        assert_eq!(count_crates(tree), 5);
    }
}
