//! A copy of `infra/terraform` to work in, so that what Terraform leaves behind does not lie among our files.

use super::HERE;
use crate::{
    Result,
    steps::{output, stdout},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// One copy.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    variables: Vec<(&'static str, String)>,
}

/// A composition in it, where Terraform is run.
#[derive(Debug)]
pub(super) struct Root<'a> {
    folder: &'a Folder,
    pub(super) path: PathBuf,
}

impl Folder {
    /// A fresh copy.
    pub(super) fn new(name: &str) -> Result<Self> {
        let path = env::current_dir()?.join("target/infra").join(name);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        copy(Path::new(HERE), &path)?;
        Ok(Self { path, variables: vec![] })
    }

    /// The same, where Terraform has these variables.
    pub(super) fn with(self, variables: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self { variables: variables.into_iter().collect(), ..self }
    }

    pub(super) fn root(&self, example: &str) -> Root<'_> {
        Root { folder: self, path: self.path.join("examples").join(example) }
    }
}

impl Root<'_> {
    /// Gets modules and provider: a provider that is there from its folder, any other from the registry.
    pub(super) fn init(&self, more: &[&str]) -> Result {
        let plugins = plugins().map(|folder| format!("-plugin-dir={}", folder.display()));
        let arguments = ["init", "-input=false", "-no-color"].into_iter().chain(plugins.as_deref());
        self.run(&arguments.chain(more.iter().copied()).collect::<Vec<_>>()).map(drop)
    }

    /// What it says, in words.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<String> {
        output(self.terraform().args(arguments))
    }

    /// What it says for programs; on failure, what it says for people.
    pub(super) fn read(&self, arguments: &[&str]) -> Result<String> {
        stdout(self.terraform().args(arguments))
    }

    fn terraform(&self) -> Command {
        let mut terraform = Command::new("terraform");
        terraform.current_dir(&self.path).envs(self.folder.variables.iter().map(|(name, value)| (name, value)));
        // Nobody's own settings, nor the accounts they lead to.
        terraform.env("TF_CLI_CONFIG_FILE", "/dev/null").env("TF_IN_AUTOMATION", "1").env_remove("AWS_PROFILE");
        terraform
    }
}

/// The folder of a provider that was put where Terraform looks for some, or in a folder of `/opt`.
pub(in crate::infra) fn plugins() -> Option<PathBuf> {
    let home = env::home_dir().unwrap_or_default().join(".terraform.d/plugins");
    let known = [home, "/usr/local/share/terraform/plugins".into(), "/usr/share/terraform/plugins".into()];
    let opt = fs::read_dir("/opt").into_iter().flatten().flatten().map(|entry| entry.path());
    known.into_iter().chain(opt).find(|folder| folder.join("registry.terraform.io/hashicorp/aws").is_dir())
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to)?;
        } else {
            fs::copy(&path, &to)?;
        }
    }
    Ok(())
}
