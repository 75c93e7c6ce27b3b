//! Programs of others: is one there, and what does it say?

use crate::Result;
use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where a program is that the shell would find.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

/// What a program writes to its standard output.
///
/// # Errors
/// It is missing, or failed with what it wrote to its standard error.
pub(crate) fn stdout(command: &mut Command) -> Result<String> {
    let (said, ended) = outcome(command);
    ended.map(|()| said)
}

/// The same of a program that may have said something before it failed.
pub(crate) fn outcome(command: &mut Command) -> (String, Result) {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) => return (String::new(), Err(cannot_run(&program, &error).into())),
    };
    let [said, why] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let ended = match why.trim() {
        _ if output.status.success() => Ok(()),
        "" => Err(format!("{program} failed: {}", output.status).into()),
        why => Err(why.into()),
    };
    (said.trim_end().to_owned(), ended)
}

/// Runs a program whose output is for the person at the terminal.
///
/// # Errors
/// It is missing or failed; what it said was seen.
pub(crate) fn run(command: &mut Command) -> Result {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| cannot_run(&program, &error))?;
    if status.success() { Ok(()) } else { Err(format!("{program} failed: {status}").into()) }
}

fn cannot_run(program: &str, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => format!("{program} is not installed, or not on the PATH"),
        _ => format!("{program} cannot be run: {error}"),
    }
}

/// The cargo of this folder: the one that called us, if one did.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}
