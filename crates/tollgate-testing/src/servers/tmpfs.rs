//! A small disk: a file system in memory, which only root may mount.

use super::{folder, run, shell};
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command},
};

/// Mounts, waits until whoever asked for it is gone, unmounts.
const KEEP: &str = r#"
    mount -t tmpfs -o "size=$2" tmpfs "$1" && echo mounted && cat >/dev/null && umount -l "$1"
    rmdir "$1"
"#;

/// A disk of one's own; it is gone with this value, or with the process.
#[derive(Debug)]
pub struct Tmpfs {
    shell: Child,
    folder: PathBuf,
}

impl Tmpfs {
    /// Whether this process may mount one.
    pub fn is_there() -> bool {
        Self::try_mount(1).is_some()
    }

    /// Mounts one of so many mebibytes.
    ///
    /// # Panics
    /// If this process may not.
    pub fn mount(mebibytes: u32) -> Self {
        let remedy = "run as root, or do without: `--without tmpfs`";
        Self::try_mount(mebibytes).unwrap_or_else(|| panic!("a tmpfs cannot be mounted: {remedy}"))
    }

    fn try_mount(mebibytes: u32) -> Option<Self> {
        let folder = folder("disk");
        let mut command = shell(KEEP);
        command.arg(&folder).arg(format!("{mebibytes}m"));
        let mut shell = command.spawn().ok()?;
        let stdout = shell.stdout.take();
        let disk = Self { shell, folder };
        let mut said = String::new();
        BufReader::new(stdout?).read_line(&mut said).ok()?;
        (said == "mounted\n").then_some(disk)
    }

    /// Has it only be read from now on.
    ///
    /// # Panics
    /// If a file on it is open for writing.
    pub fn set_read_only(&self) {
        run(Command::new("mount").args(["-o", "remount,ro"]).arg(&self.folder));
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().ok();
    }
}
