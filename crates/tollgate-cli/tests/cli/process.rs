//! The command in a folder, and applications that it made.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

/// The repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// `tollgate …` in that folder, without a terminal.
pub(crate) fn tollgate(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(arguments);
    prepared(command, folder)
}

/// `cargo …` in that folder.
pub(crate) fn cargo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments);
    prepared(command, folder)
}

/// A script in that folder, with `tollgate` and `cargo` among its commands.
pub(crate) fn shell(folder: &Path, script: &str) -> Command {
    let parents = [env!("CARGO_BIN_EXE_tollgate"), env!("CARGO")].map(|program| Path::new(program).parent().unwrap());
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(parents.into_iter().map(PathBuf::from).chain(env::split_paths(&path))).unwrap();
    let mut command = Command::new("bash");
    command.args(["-c", script]).env("PATH", path);
    prepared(command, folder)
}

/// All that was made is built in one place, from what is there already.
fn prepared(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder).stdin(Stdio::null()).env("CARGO_TARGET_DIR", repository().join("target/made"));
    command.env("CARGO_NET_OFFLINE", "true").env("CARGO_INCREMENTAL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// What a command wrote to standard output; it succeeded.
pub(crate) fn stdout(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", both(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// What a command that failed wrote to standard error, and how it ended.
pub(crate) fn failure(mut command: Command) -> (String, Option<i32>) {
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{command:?}\n{}", both(&output));
    (String::from_utf8(output.stderr).unwrap(), output.status.code())
}

fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A new application in a temporary folder. Its name is that of no other, for all are built in one place.
pub(crate) struct Made {
    _temporary: TempDir,
    pub(crate) folder: PathBuf,
}

impl Made {
    pub(crate) fn new(name: &str, flags: &[&str]) -> Self {
        let temporary = TempDir::new().unwrap();
        stdout(tollgate(temporary.path(), &[&["new", name], flags].concat()));
        let folder = temporary.path().canonicalize().unwrap().join(name);
        Self { _temporary: temporary, folder }
    }

    pub(crate) fn tollgate(&self, arguments: &[&str]) -> Command {
        tollgate(&self.folder, arguments)
    }

    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        cargo(&self.folder, arguments)
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.join(path), text).unwrap();
    }

    /// Every file, with its text; without what git and cargo keep.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        let mut files = vec![];
        collect(&self.folder, &self.folder, &mut files);
        files.sort();
        files
    }
}

fn collect(folder: &Path, root: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if path.is_dir() && name != ".git" {
            collect(&path, root, files);
        } else if path.is_file() {
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}
