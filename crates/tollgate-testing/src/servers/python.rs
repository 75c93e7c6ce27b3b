//! Programs and libraries of `PyPI` with all that they need, each of known content: in `target/parts`, in nobody's Python.

use super::output;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A set of packages.
#[derive(Debug)]
pub struct Python {
    /// As in `cargo xtask test --without NAME`, and its folder.
    pub(super) name: &'static str,
    /// The file, below the workspace, that says which packages there are, and of which content.
    pub(super) pins: &'static str,
}

impl Python {
    /// Whether they are there, as they are pinned now.
    pub fn is_there(&self) -> bool {
        self.look_for().is_some()
    }

    /// Gets them. The current folder is the workspace.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn fetch(&self) -> Result<(), String> {
        let place = Path::new("target/parts").join(self.name);
        let failed = |error: std::io::Error| format!("{}: {error}", place.display());
        if place.exists() {
            fs::remove_dir_all(&place).map_err(failed)?;
        }
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--target"]);
        output(pip.arg(&place).arg("--requirement").arg(self.pins))?;
        // Last, so that what was interrupted is fetched again.
        fs::copy(self.pins, place.join("requirements.txt")).map(drop).map_err(failed)
    }

    /// A Python that finds them.
    ///
    /// # Panics
    /// If they are missing.
    pub fn command(&self) -> Command {
        let name = self.name;
        let place = self.look_for().unwrap_or_else(|| {
            panic!("{name} is missing; `cargo xtask test` gets it, `cargo xtask test --without {name}` does without")
        });
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", place);
        python
    }

    fn look_for(&self) -> Option<PathBuf> {
        let here = env::current_dir().unwrap_or_default();
        let workspace = here.ancestors().find(|folder| folder.join(self.pins).is_file())?;
        let place = workspace.join("target/parts").join(self.name);
        let is_current = fs::read(workspace.join(self.pins)).ok()? == fs::read(place.join("requirements.txt")).ok()?;
        is_current.then_some(place)
    }
}
