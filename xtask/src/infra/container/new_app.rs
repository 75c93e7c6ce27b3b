//! An app that `tollgate new` makes, and the image that its own `Dockerfile` makes of it.

use super::{
    bill_of_materials, buildah, is_as_promised, place,
    running::{is_a_function, runs},
    tree,
};
use crate::{Result, infra::made::tollgate, servers, steps::output};
use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

const IMAGE: &str = "localhost/library:1";

/// What a linter says to it, wherever rows live and whether or not there is a target from the beginning.
pub(super) fn dockerfile() -> Result<String> {
    for database in ["postgres", "mongodb"] {
        let folder = fresh("linted")?;
        make(&folder, &["--database", database, "--deploy", "ecs"])?;
        lint(&folder)?;
    }
    Ok(String::new())
}

fn lint(app: &Path) -> Result {
    output(Command::new(servers::HADOLINT.file()).arg(app.join("Dockerfile"))).map(drop)
}

/// A folder where nothing is yet.
fn fresh(name: &str) -> Result<PathBuf> {
    let folder = place()?.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    Ok(folder)
}

/// Makes an app there; the command that did.
fn make(folder: &Path, arguments: &[&str]) -> Result<PathBuf> {
    let tollgate = tollgate()?;
    output(Command::new(&tollgate).args(["new", "library"]).args(arguments).arg("--path").arg(folder))?;
    Ok(tollgate)
}

/// As the tutorial goes: an app that was made for nowhere, of which `tollgate deploy init` makes one for Lambda. Its
/// image, built by the line that the guide has, is a server and a function.
pub(super) fn image() -> Result<String> {
    let (here, folder) = (env::current_dir()?, fresh("library")?);
    let mut init = Command::new(make(&folder, &[])?);
    init.args(["deploy", "init", "--target", "lambda", "--env", "prod"]).current_dir(&folder);
    output(init.env("CARGO_TARGET_DIR", here.join("target/made")))?;
    lint(&folder)?;
    // As files are whose owner shows them to nobody.
    fs::set_permissions(folder.join("config/default.toml"), fs::Permissions::from_mode(0o600))?;
    let context = format!("--build-context=tollgate={}", here.display());
    let version = format!("--build-arg=VERSION={}", env!("CARGO_PKG_VERSION"));
    output(buildah(&[&context, &version, "--tag", IMAGE])?.arg(&folder))?;
    let note = is_as_promised(IMAGE, "library")?;
    let crates = bill_of_materials(IMAGE, tree().current_dir(&folder))?;
    Ok(format!("{note}, {crates}"))
}

/// What it is, it is at work.
pub(super) fn works(is_emulated: bool) -> Result<String> {
    runs(IMAGE, "LIBRARY")?;
    if is_emulated {
        is_a_function(IMAGE, "LIBRARY", &[("DATABASE__ADDITIVE", "true"), ("IDENTITY__EMBEDDED", "true")])?;
    }
    Ok(String::new())
}
