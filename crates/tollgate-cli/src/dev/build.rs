//! Builds the app with cargo, whose messages go to the terminal as they are.

use crate::{Result, app::App, tools};
use serde_json::Value;
use std::{io::IsTerminal, path::PathBuf, process::Stdio};
use tokio::io::{AsyncBufReadExt, BufReader};

/// What came of it.
pub(super) enum Built {
    /// The program.
    Program(PathBuf),
    /// It does not compile; why was shown.
    Broken,
}

/// Builds. Whoever drops this has it stopped.
///
/// # Errors
/// Cargo cannot be run, or says nothing that is understood.
pub(super) async fn build(app: &App, features: &[String]) -> Result<Built> {
    let mut cargo = tools::cargo(&["build", "--message-format", "json-render-diagnostics"]);
    cargo.current_dir(&app.folder).args(features.iter().flat_map(|feature| ["--features", feature]));
    if std::io::stderr().is_terminal() {
        cargo.args(["--color", "always"]);
    }
    cargo.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut cargo = tokio::process::Command::from(cargo);
    let mut group = super::child::Group::spawn(&mut cargo)?;
    let stdout = group.stdout().ok_or("cargo has no standard output")?;
    let mut lines = BufReader::new(stdout).lines();
    let mut program = None;
    while let Some(line) = lines.next_line().await? {
        program = program_of(&line, &app.name).or(program);
    }
    if !group.wait().await?.success() {
        return Ok(Built::Broken);
    }
    let missing = format!("cargo built no program of `{}`: name it in Cargo.toml as `default-run`", app.name);
    Ok(Built::Program(program.ok_or(missing)?))
}

/// The program that a message of cargo's is about: that of the crate's name wins over others.
fn program_of(line: &str, name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_program = message["reason"] == "compiler-artifact" && message["target"]["name"] == name;
    is_program.then(|| message["executable"].as_str().map(PathBuf::from))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_that_of_the_crates_name() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"shop","kind":["bin"]},"executable":"/t/shop"}"#;
        assert_eq!(program_of(line, "shop"), Some("/t/shop".into()));
        assert_eq!(program_of(line, "other"), None);
        assert_eq!(program_of(&line.replace("\"/t/shop\"", "null"), "shop"), None);
        assert_eq!(program_of("Compiling", "shop"), None);
    }
}
