//! `new`: an application that compiles, passes its tests and runs at once.
//!
//! Little is written: what a library can do stays in the library. Everything is known before the first file is
//! written, and a folder with anything in it is left alone.

mod answers;
mod template;

pub(crate) use template::container;

use crate::{Result, say, tools, words};
use answers::{Answers, Database, Identity, Target};
use clap::Args;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Make an application that runs at once.
#[derive(Args)]
#[command(after_help = "\
What is not said is asked for where there is a terminal; elsewhere it is the default: SQLite, the app's own sign-in,
no deployment. As in:
  tollgate new library
  tollgate new library --database postgres --identity okta --issuer domain=dev-123456.okta.com --deploy ecs")]
pub(crate) struct New {
    /// Its name, and that of its folder: lower-case letters, digits, `-` and `_`
    name: String,
    /// Where rows live
    #[arg(long, value_enum)]
    database: Option<Database>,
    /// Who says who is calling
    #[arg(long, value_enum)]
    identity: Option<Identity>,
    /// A setting of that provider, as in `domain=dev-123456.okta.com`; may be given several times
    #[arg(long, value_name = "SETTING=VALUE", value_parser = pair)]
    issuer: Vec<(String, String)>,
    /// Where it is going to run
    #[arg(long, value_enum)]
    deploy: Option<Target>,
    /// The folder to make it in [default: NAME]
    #[arg(long)]
    path: Option<PathBuf>,
    /// A clone of Tollgate's repository [default: the one that this command was built from]
    #[arg(long, value_name = "FOLDER")]
    tollgate_path: Option<PathBuf>,
    /// Ask nothing
    #[arg(long, short)]
    yes: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("there is no `=` in it")?;
    Ok((name.into(), value.into()))
}

/// Makes it.
pub(crate) fn run(new: &New) -> Result {
    check_name(&new.name)?;
    let folder = new.path.clone().unwrap_or_else(|| PathBuf::from(&new.name));
    check_empty(&folder)?;
    let tollgate = clone_of_tollgate(new.tollgate_path.as_deref())?;
    let answers = Answers::of(new)?;
    let files = template::files(&new.name, &answers, &tollgate)?;
    files.write(&folder)?;
    tidy(&folder);
    if answers.deploy != Target::None {
        lock(&folder);
    }
    tell(new, &answers, &folder, &tollgate);
    Ok(())
}

/// A crate's name that is also one of a command, of variables and of a database.
fn check_name(name: &str) -> Result {
    let taken = [
        "test",
        "tollgate",
        "core",
        "std",
        "alloc",
        "proc_macro",
        "build",
        "deps",
        "examples",
        "incremental",
        // What its tests depend on.
        "serde_json",
        "tokio",
        "tollgate_testing",
    ];
    if name.contains('/') {
        return Err(
            format!("`{name}` cannot name an application: say its name alone, and the folder with --path").into()
        );
    }
    let in_rust = name.replace('-', "_");
    words::check_identifier("an application", &in_rust, true).map_err(|_| {
        format!(
            "`{name}` cannot name an application: lower-case letters, digits, `-` and `_`, beginning with a letter, 48 at \
             most, and no word of Rust"
        )
    })?;
    if taken.contains(&in_rust.as_str()) {
        return Err(
            format!("`{name}` cannot name an application: something of Rust or of Tollgate has that name").into()
        );
    }
    Ok(())
}

fn check_empty(folder: &Path) -> Result {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{}: {error}", folder.display()).into()),
        Ok(entries) => match entries.count() {
            0 => Ok(()),
            _ => Err(format!(
                "{} is not empty, and nothing in it is overwritten: choose another folder with --path",
                folder.display()
            )
            .into()),
        },
    }
}

/// Until there is a release, an app is built from a clone of the repository.
fn clone_of_tollgate(said: Option<&Path>) -> Result<PathBuf> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = said.unwrap_or(&built_from);
    if !folder.join("crates/tollgate/Cargo.toml").is_file() {
        let why = "there is no release yet, so an app is built from a clone of Tollgate's repository";
        return Err(
            format!("{} is no such clone: {why}; say where one is with --tollgate-path", folder.display()).into()
        );
    }
    Ok(folder.canonicalize()?)
}

/// Formats the code and makes a repository, as `cargo new` does; where the tools are missing, neither is needed.
fn tidy(folder: &Path) {
    let _ = tools::stdout(tools::cargo(&["fmt"]).current_dir(folder));
    let mut git = std::process::Command::new("git");
    let is_within = tools::stdout(git.args(["rev-parse", "--is-inside-work-tree"]).current_dir(folder)).is_ok();
    if !is_within {
        let _ = tools::stdout(std::process::Command::new("git").args(["init", "--quiet"]).current_dir(folder));
    }
}

/// An image is built from what is locked, and the lock is that of Tollgate, which does not know the app yet. Where crates were
/// never fetched, the first build does the same.
fn lock(folder: &Path) {
    let _ = tools::stdout(tools::cargo(&["update", "--workspace", "--offline", "--quiet"]).current_dir(folder));
}

fn tell(new: &New, answers: &Answers, folder: &Path, tollgate: &Path) {
    say::done(&format!("made {} in {}", new.name, folder.display()));
    say::quietly(&format!("built from {}, because there is no release yet", tollgate.display()));
    say::plain("");
    say::command(&format!("cd {} && cargo run", folder.display()));
    say::quietly("the first build takes minutes; then, in another terminal in the same folder:");
    say::command(
        "curl -H \"Authorization: Bearer $(cargo run -q -- token ann@example.test)\" http://127.0.0.1:8000/notes",
    );
    say::plain("");
    if !answers.missing().is_empty() {
        let (provider, missing) = (answers.identity.name(), answers.missing().join(", "));
        say::care(&format!("{provider} is trusted once config/default.toml says: {missing}"));
    }
    if let Some(target) = answers.deploy.name() {
        say::quietly(&format!("then: tollgate deploy init --target {target} --env prod"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cargo_would_refuse_are_refused_with_a_reason() {
        for bad in ["", "Library", "2nd", "test", "fn", "a b", "über", "tollgate", "../x"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        for good in ["library", "my-api", "my_api2"] {
            check_name(good).unwrap();
        }
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let folder = tempfile::TempDir::new().unwrap();
        check_empty(folder.path()).unwrap();
        fs::write(folder.path().join("kept"), "").unwrap();
        assert!(check_empty(folder.path()).unwrap_err().0.contains("is not empty"));
    }
}
