//! `oidc-provider`, a certified OpenID provider of the npm registry: what real ones say and do.

use super::{Keeper, find, folder, free_port, output};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What is installed: one dependency and all of its own, each with the hash of its archive.
const FILES: [(&str, &str); 2] =
    [("package.json", include_str!("package.json")), ("package-lock.json", include_str!("package-lock.json"))];
const SCRIPT: &str = include_str!("provider.mjs");
/// Where it is kept, below the workspace.
const PART: &str = "target/parts/oidc-provider";

/// A provider of one's own. Its keys are new whenever it starts.
#[derive(Debug)]
pub struct OidcProvider {
    keeper: Keeper,
    port: u16,
}

impl OidcProvider {
    /// Whether Node.js and its package are there.
    pub fn is_there() -> bool {
        find("node", &[]).is_some() && look_for().is_some()
    }

    /// Gets the package into `target/parts` of the workspace, the current folder. Nothing in it is run for that.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn fetch() -> Result<(), String> {
        let part = Path::new(PART);
        fs::create_dir_all(part).map_err(|error| format!("{}: {error}", part.display()))?;
        for (name, text) in FILES {
            fs::write(part.join(name), text).map_err(|error| format!("{name}: {error}"))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]).current_dir(part);
        output(&mut npm)
            .map(drop)
            .map_err(|error| format!("{error}; npm comes with Node.js, which is needed from 20 on"))
    }

    /// Starts one with these clients: a JSON list, in the words of dynamic registration (RFC 7591).
    ///
    /// # Panics
    /// If Node.js or the package are missing or do not start.
    pub fn start(clients: &str) -> Self {
        let (folder, port) = (folder("oidc-provider"), free_port());
        let part = look_for().unwrap_or_else(|| {
            panic!("oidc-provider is missing; `cargo xtask test` gets it, `--without oidc-provider` does without")
        });
        let script = folder.join("provider.mjs");
        fs::write(&script, SCRIPT).unwrap_or_else(|error| panic!("{}: {error}", script.display()));
        let (script, part) = (script.display().to_string(), part.display().to_string());
        let server = ["node".into(), script, port.to_string(), clients.to_owned(), part];
        let is_ready = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'");
        let mut provider = Self { keeper: Keeper::new(&folder, &is_ready, &server), port };
        provider.keeper.tell("start");
        provider
    }

    /// Its issuer.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.keeper.tell("kill");
    }

    /// Starts it again, at the same place, with other keys.
    pub fn resume(&mut self) {
        self.keeper.tell("start");
    }
}

/// Where [`OidcProvider::fetch`] puts it: `target/parts` of the workspace, if it is what this version wants.
fn look_for() -> Option<PathBuf> {
    let here = env::current_dir().unwrap_or_default();
    let wanted = |folder: &PathBuf| {
        let is_same = |(name, text): (&str, &str)| fs::read_to_string(folder.join(name)).is_ok_and(|has| has == text);
        FILES.into_iter().all(is_same) && folder.join("node_modules/oidc-provider").is_dir()
    };
    here.ancestors().map(|folder| folder.join(PART)).find(wanted)
}
