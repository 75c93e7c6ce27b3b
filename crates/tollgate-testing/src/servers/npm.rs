//! Packages of npm's registry: pinned by a lock file of ours, kept in `target/parts` of the workspace.

use super::{find, output};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A certified client library of OpenID Connect, against which the embedded issuer is tried.
pub const OPENID_CLIENT: Npm = Npm { name: "openid-client", pins: "apps/lorem-ipsum/tests/openid-client" };

/// Looks for what keeps people from using a page.
pub const AXE: Npm = Npm { name: "axe", pins: "apps/lorem-ipsum/tests/axe" };

/// A certified OpenID provider, whose tokens and sign-ins the app takes.
pub const OIDC_PROVIDER: Npm = Npm { name: "oidc-provider", pins: "crates/tollgate-testing/src/servers/oidc_provider" };

/// Packages that are used together.
#[derive(Debug)]
pub struct Npm {
    name: &'static str,
    /// The folder with their `package.json` and `package-lock.json`, below the workspace.
    pins: &'static str,
}

/// What says which packages there are, and of which content.
const LOCK: &str = "package-lock.json";

impl Npm {
    /// Whether Node is there, and the packages as they are pinned now.
    pub fn is_there(&self) -> bool {
        find("node", &[]).is_some() && self.look_for().is_some()
    }

    /// Gets the packages; none of them runs anything of its own. The current folder is the workspace.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn fetch(&self) -> Result<(), String> {
        let (pins, folder) = (Path::new(self.pins), self.below(Path::new("")));
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        for file in ["package.json", LOCK] {
            fs::copy(pins.join(file), folder.join(file)).map_err(failed)?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        output(npm.current_dir(&folder)).map(drop)
    }

    /// The folder that holds `node_modules`.
    ///
    /// # Panics
    /// If the packages are missing.
    pub fn folder(&self) -> PathBuf {
        let name = self.name;
        self.look_for().unwrap_or_else(|| {
            panic!("{name} is missing; `cargo xtask test` gets it, `cargo xtask test --without {name}` does without")
        })
    }

    fn look_for(&self) -> Option<PathBuf> {
        let here = env::current_dir().unwrap_or_default();
        let workspace = here.ancestors().find(|folder| folder.join(self.pins).is_dir())?;
        let folder = self.below(workspace);
        let is_current = fs::read(workspace.join(self.pins).join(LOCK)).ok()? == fs::read(folder.join(LOCK)).ok()?;
        // npm writes this file when it is done.
        (is_current && folder.join("node_modules/.package-lock.json").is_file()).then_some(folder)
    }

    fn below(&self, workspace: &Path) -> PathBuf {
        workspace.join("target/parts").join(self.name)
    }
}
