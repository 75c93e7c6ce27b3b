//! The application in this folder: what cargo knows of it, and what it says about itself.
//!
//! The tool does not link the framework, so it may be older or newer than what the app is built from. All it knows
//! of an app is what cargo tells, and what the app's own command `describe` prints.

use crate::{Result, tools};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

/// A crate that depends on `tollgate` and is a program.
#[derive(Debug)]
pub(crate) struct App {
    /// Its name as a crate.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// Folders of the crates that it is built from and that lie on this machine, outside its own.
    pub(crate) beside: Vec<PathBuf>,
    /// The features of Tollgate that it is built with, unless other features of its own are asked for.
    pub(crate) features: Vec<String>,
}

/// What `cargo metadata` says, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
    targets: Vec<Target>,
    /// What each of its own features turns on.
    features: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    path: Option<PathBuf>,
    features: Vec<String>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

/// What an app says about itself: its command `describe`.
#[derive(Debug, Deserialize)]
pub(crate) struct Description {
    /// Its name, which its command has.
    pub(crate) name: String,
    /// What its variables begin with: `MYAPI` of `MYAPI_SERVER__PORT`.
    pub(crate) prefix: String,
    /// Identity providers whose tokens it trusts.
    pub(crate) issuers: Vec<Issuer>,
    /// Every setting.
    pub(crate) settings: BTreeMap<String, Setting>,
}

/// An identity provider.
#[derive(Debug, Deserialize)]
pub(crate) struct Issuer {
    /// Its name in the settings.
    pub(crate) name: String,
    /// The `iss` of its tokens.
    pub(crate) issuer: String,
    /// Tokens for one of these are for the app.
    pub(crate) audiences: Vec<String>,
}

/// A setting and where it was said.
#[derive(Debug, Deserialize)]
pub(crate) struct Setting {
    /// None if it is a secret.
    pub(crate) value: Option<serde_json::Value>,
    /// Whether there is a value that is not shown.
    #[serde(default)]
    pub(crate) hidden: bool,
    /// As in `config/default.toml`.
    pub(crate) origin: String,
}

impl App {
    /// The application that the current folder belongs to.
    ///
    /// # Errors
    /// There is none, or cargo does not understand it.
    pub(crate) fn here() -> Result<Self> {
        let folder = std::env::current_dir()?;
        Self::in_folder(&folder)
    }

    /// The application of that folder.
    fn in_folder(folder: &Path) -> Result<Self> {
        if !folder.ancestors().any(|above| above.join("Cargo.toml").is_file()) {
            return Err(
                "there is no application in this folder: change to one, or make one with `tollgate new NAME`".into()
            );
        }
        let said =
            tools::stdout(tools::cargo(&["metadata", "--no-deps", "--format-version", "1"]).current_dir(folder))?;
        let metadata: Metadata =
            serde_json::from_str(&said).map_err(|error| format!("cargo metadata is not understood: {error}"))?;
        Self::choose(metadata, folder)
    }

    /// The crate whose folder this is or lies in; else the only application of the workspace.
    fn choose(metadata: Metadata, folder: &Path) -> Result<Self> {
        let apps: Vec<Package> = metadata.packages.into_iter().filter(Package::is_app).collect();
        let folder = folder.canonicalize()?;
        let names = apps.iter().map(|app| app.name.clone()).collect::<Vec<_>>().join(", ");
        let is_here = |app: &Package| app.folder().canonicalize().is_ok_and(|its| folder.starts_with(its));
        let (here, mut others): (Vec<_>, Vec<_>) = apps.into_iter().partition(is_here);
        if let Some(app) = here.into_iter().max_by_key(|app| app.folder().as_os_str().len()) {
            return Ok(Self::of(app));
        }
        match (others.pop(), others.len()) {
            (Some(app), 0) => Ok(Self::of(app)),
            (Some(_), _) => {
                Err(format!("there are several applications here: change to the folder of one of {names}").into())
            }
            (None, _) => Err("no crate here is an application: a program that depends on `tollgate`".into()),
        }
    }

    fn of(package: Package) -> Self {
        let folder = package.folder().to_owned();
        let facade = package.dependencies.iter().find(|dependency| dependency.name == "tollgate");
        let mut features = facade.map(|dependency| dependency.features.clone()).unwrap_or_default();
        features.extend(package.features_by("default"));
        let beside = package.dependencies.into_iter().filter_map(|dependency| dependency.path);
        let beside = beside.filter(|path| !path.starts_with(&folder)).collect();
        Self { name: package.name, folder, beside, features }
    }

    /// The clone of Tollgate that it is built from, where it is.
    pub(crate) fn clone_of_tollgate(&self) -> Option<PathBuf> {
        let facade = self.beside.iter().find(|path| path.ends_with("crates/tollgate"))?;
        facade.ancestors().nth(2).map(Path::to_owned)
    }

    /// A cargo command for this crate.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = tools::cargo(arguments);
        command.current_dir(&self.folder);
        command
    }

    /// Its own command line, built if it has to be.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.cargo(&[&["run", "--quiet", "--"], arguments].concat())
    }

    /// What it says about itself in an environment.
    ///
    /// # Errors
    /// It does not compile, its settings are wrong, or it was built from a Tollgate that knows no `describe`.
    pub(crate) fn describe(&self, environment: Option<&str>) -> Result<Description> {
        let mut command = self.command(&["describe"]);
        // The variable has the app's prefix, which is that of its crate unless it calls itself otherwise.
        command.envs(environment.map(|environment| (format!("{}_ENV", prefix(&self.name)), environment)));
        let said = tools::stdout(&mut command)?;
        serde_json::from_str(&said)
            .map_err(|error| format!("what `{} describe` says is not understood: {error}", self.name).into())
    }
}

impl Package {
    fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }

    /// The features of Tollgate that one of its own turns on.
    fn features_by(&self, name: &str) -> Vec<String> {
        let turned_on = self.features.get(name).into_iter().flatten();
        let inner =
            |it: &String| it.strip_prefix("tollgate/").map_or_else(|| self.features_by(it), |it| vec![it.into()]);
        turned_on.flat_map(inner).collect()
    }

    fn is_app(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "bin"))
            && self.dependencies.iter().any(|dependency| dependency.name == "tollgate")
    }
}

impl Description {
    /// A setting as a text.
    pub(crate) fn text(&self, setting: &str) -> Option<String> {
        match self.settings.get(setting)?.value.as_ref()? {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// Whether it hands out tokens of its own, besides those of [`issuers`](Self::issuers).
    pub(crate) fn is_issuer(&self) -> bool {
        self.text("identity.embedded").as_deref() == Some("true")
    }

    /// The variable of a setting: `MYAPI_SERVER__PORT` of `server.port`.
    pub(crate) fn variable(&self, setting: &str) -> String {
        format!("{}_{}", self.prefix, setting.to_uppercase().replace('.', "__"))
    }
}

/// What the variables of an app begin with.
pub(crate) fn prefix(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}
