//! `deploy secrets`: values that go from standard input to AWS, and are kept nowhere else.

use super::{Which, place::Place, runner::Runner};
use crate::{Failure, Result, app::App, say, tools};
use clap::{Args, Subcommand};
use std::io::{IsTerminal, Read};

/// Values of secrets, which go from standard input to AWS and are kept nowhere else.
#[derive(Subcommand)]
pub(crate) enum Secrets {
    /// Give a secret its value, from standard input or typed without being shown
    Set(Set),
    /// Say which have a value
    List(List),
}

/// Give a secret its value.
#[derive(Args)]
#[command(
    after_help = "As in: pass show okta | tollgate deploy secrets set my-api/prod/identity-issuers-okta-client-secret --target ecs --env prod"
)]
pub(crate) struct Set {
    /// Its name, as `secrets list` says
    name: String,
    #[command(flatten)]
    which: Which,
}

/// Say which have a value.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    which: Which,
}

/// Runs the command.
pub(super) fn run(secrets: &Secrets, app: &App) -> Result {
    match secrets {
        Secrets::Set(Set { name, which }) => set(name, &Place::of(which, app)?),
        Secrets::List(List { which }) => list(&Place::of(which, app)?),
    }
}

fn set(name: &str, place: &Place) -> Result {
    let mut runner = Runner::new(false, format!("tollgate deploy secrets set {name} {}", place.flags()));
    let value = value()?;
    let is_parameter = place.outputs().is_ok_and(|outputs| outputs.texts("parameter_names").contains(&name));
    if is_parameter { put_parameter(&mut runner, place, name, value) } else { put(&mut runner, place, name, value) }
}

/// Hands a value to AWS.
///
/// # Errors
/// AWS does not take it.
pub(super) fn put(runner: &mut Runner, place: &Place, name: &str, value: String) -> Result {
    let mut put = place.aws(&["secretsmanager", "put-secret-value", "--secret-id", name])?;
    // Arguments are seen by everybody on a machine, and files stay.
    put.args(["--secret-string", "file:///dev/stdin", "--query", "Name", "--output", "text"]);
    runner.fed("put the value", "(the value)", &mut put, || Ok(value))
}

/// The same for a parameter, which Terraform lets the app read and does not make.
fn put_parameter(runner: &mut Runner, place: &Place, name: &str, value: String) -> Result {
    let mut put = place.aws(&["ssm", "put-parameter", "--name", name, "--type", "SecureString", "--overwrite"])?;
    put.args(["--value", "file:///dev/stdin", "--query", "Version", "--output", "text"]);
    runner.fed("put the value", "(the value)", &mut put, || Ok(value))
}

fn value() -> Result<String> {
    let mut input = std::io::stdin();
    let value = if input.is_terminal() {
        rpassword::prompt_password("Value: ")?
    } else {
        let mut text = String::new();
        input.read_to_string(&mut text)?;
        // `echo` adds a line's end, which no secret has.
        text.strip_suffix('\n').map(str::to_owned).unwrap_or(text)
    };
    if value.is_empty() { Err("there is no value: type it, or send it to standard input".into()) } else { Ok(value) }
}

fn list(place: &Place) -> Result {
    let (outputs, missing) = (place.outputs()?, missing(place)?);
    for name in outputs.texts("secret_names").into_iter().chain(outputs.texts("parameter_names")) {
        let state = if missing.iter().any(|it| it == name) { "HAS NO VALUE" } else { "has a value" };
        say::result(format_args!("{name:<48} {state}"));
    }
    Ok(())
}

/// Refuses to go on while a secret has no value: the app would not start.
///
/// # Errors
/// The commands that give them their values.
pub(super) fn check(runner: &Runner, place: &Place) -> Result {
    if runner.is_dry() {
        return Ok(());
    }
    let names = missing(place)?;
    if names.is_empty() {
        return Ok(());
    }
    let which = place.flags();
    let commands = names.iter().map(|name| format!("\n  tollgate deploy secrets set {name} {which}"));
    let commands: String = commands.collect();
    say::care("secrets without a value");
    Err(Failure(format!("the app needs these values before it starts:{commands}\nthen: {}", runner.again())))
}

/// The secrets and parameters that have no value yet.
///
/// # Errors
/// AWS or Terraform cannot be asked.
pub(super) fn missing(place: &Place) -> Result<Vec<String>> {
    let outputs = place.outputs()?;
    let mut missing = vec![];
    for name in outputs.texts("secret_names") {
        if !has_value(place, name)? {
            missing.push(name.to_owned());
        }
    }
    for name in outputs.texts("parameter_names") {
        if !is_put(place, name)? {
            missing.push(name.to_owned());
        }
    }
    Ok(missing)
}

/// Whether there is such a parameter; its value is not asked for.
fn is_put(place: &Place, name: &str) -> Result<bool> {
    let filter = format!("Key=Name,Values={name}");
    let mut describe = place.aws(&["ssm", "describe-parameters", "--parameter-filters", &filter])?;
    let said = tools::stdout(describe.args(["--query", "Parameters[].Name", "--output", "text"]))?;
    Ok(!said.trim().is_empty())
}

/// Versions are asked for, and never the value.
///
/// # Errors
/// AWS cannot be asked.
pub(super) fn has_value(place: &Place, name: &str) -> Result<bool> {
    let mut describe = place.aws(&["secretsmanager", "describe-secret", "--secret-id", name])?;
    let said = tools::stdout(describe.args(["--query", "VersionIdsToStages", "--output", "json"]))?;
    Ok(!matches!(said.trim(), "" | "null" | "{}"))
}
