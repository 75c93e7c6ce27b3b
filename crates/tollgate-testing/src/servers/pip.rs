//! Packages of `PyPI` with all that they need: pinned by a list of ours, kept in `target/parts` of the workspace.

use super::output;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What finds holes in Terraform.
pub const CHECKOV: Pip = Pip { name: "checkov", pins: "infra/terraform/checkov" };

/// What sends an API all that its document allows, and more.
pub const SCHEMATHESIS: Pip = Pip { name: "schemathesis", pins: "apps/lorem-ipsum/tests/schemathesis" };

/// Packages that are used together, by Python alone.
#[derive(Debug)]
pub struct Pip {
    /// As in `cargo xtask test --without NAME`, and their folder.
    pub(super) name: &'static str,
    /// The folder with their `requirements.txt`, below the workspace.
    pub(super) pins: &'static str,
}

/// What says which packages there are, and of which content.
const LIST: &str = "requirements.txt";

impl Pip {
    /// Whether they are there, as they are pinned now.
    pub fn is_there(&self) -> bool {
        self.look_for().is_some()
    }

    /// Gets the packages; the current folder is the workspace.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn fetch(&self) -> Result<(), String> {
        let (pins, place) = (Path::new(self.pins).join(LIST), self.below(Path::new("")));
        let failed = |error: std::io::Error| format!("{}: {error}", place.display());
        if place.exists() {
            fs::remove_dir_all(&place).map_err(failed)?;
        }
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--target"]);
        output(pip.arg(&place).arg("--requirement").arg(&pins))?;
        // Last, so that what was interrupted is fetched again.
        fs::copy(&pins, place.join(LIST)).map(drop).map_err(failed)
    }

    /// Python, to which these packages are there.
    ///
    /// # Panics
    /// If they are missing.
    pub fn python(&self) -> Command {
        let name = self.name;
        let (_, place) = self.look_for().unwrap_or_else(|| {
            panic!("{name} is missing; `cargo xtask test` gets it, `cargo xtask test --without {name}` does without")
        });
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", place);
        python
    }

    /// The folder of the list, and that of the packages.
    pub(super) fn look_for(&self) -> Option<(PathBuf, PathBuf)> {
        let here = env::current_dir().unwrap_or_default();
        let workspace = here.ancestors().find(|folder| folder.join(self.pins).join(LIST).is_file())?;
        let (pins, place) = (workspace.join(self.pins), self.below(workspace));
        let is_current = fs::read(pins.join(LIST)).ok()? == fs::read(place.join(LIST)).ok()?;
        is_current.then_some((pins, place))
    }

    fn below(&self, workspace: &Path) -> PathBuf {
        workspace.join("target/parts").join(self.name)
    }
}
