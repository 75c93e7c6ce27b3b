//! `deploy plan`, `apply` and `destroy`.
//!
//! The registry comes before the image, secrets have their values before the app starts, and what Terraform does is what
//! was shown: the plan is a file between both. Nothing that is there goes before somebody was asked.

use super::{
    Target, Which, cache, features,
    image::{self, Builder},
    interrupt, kubernetes,
    place::{Place, resource},
    ready,
    runner::Runner,
    secret,
};
use crate::{Failure, Result, app::App, say, tools};
use clap::Args;
use serde_json::Value;
use std::{
    io::{IsTerminal, Write},
    process::{Command, Stdio},
};

/// Show what `apply` would change.
#[derive(Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    which: Which,
    /// The image [default: a name that stands for the one that `apply` is going to build]
    #[arg(long)]
    image: Option<String>,
    /// Print each command, and run none
    #[arg(long)]
    dry_run: bool,
}

/// Build the image, push it, and bring everything to what the composition says.
#[derive(Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    which: Which,
    /// An image that is pushed already [default: one is built]
    #[arg(long)]
    image: Option<String>,
    /// What builds the image [default: the first that works]
    #[arg(long, value_enum)]
    builder: Option<Builder>,
    /// Apply without asking
    #[arg(long, short)]
    yes: bool,
    /// Print each command, and run none
    #[arg(long)]
    dry_run: bool,
}

/// Take everything away, rows and secrets included.
#[derive(Args)]
pub(crate) struct Destroy {
    #[command(flatten)]
    which: Which,
    /// Destroy without asking
    #[arg(long, short)]
    yes: bool,
    /// Print each command, and run none
    #[arg(long)]
    dry_run: bool,
}

/// What is to be applied, in a file that is gone afterwards.
const PLAN: &str = "tollgate.tfplan";

/// Shows what would change.
pub(super) fn plan(plan: &Plan, app: &App) -> Result {
    let place = Place::of(&plan.which, app)?;
    let mut runner = runner("plan", &place, plan.dry_run)?;
    prepare(&mut runner, &place)?;
    let image = format!("image={}", plan.image.clone().unwrap_or_else(|| placeholder(&place)));
    let variables = place.variables_argument();
    runner.step("plan", &mut place.terraform(&["plan", &variables, "-var", &image]))
}

/// Brings everything there.
pub(super) fn apply(apply: &Apply, app: &App) -> Result {
    let place = Place::of(&apply.which, app)?;
    let builder = if apply.image.is_none() && !apply.dry_run { Some(builder(apply)?) } else { apply.builder };
    let mut runner = runner("apply", &place, apply.dry_run)?;
    match (&apply.image, apply.builder) {
        (Some(image), _) => runner.goes_on_with("--image", image),
        (None, Some(builder)) => runner.goes_on_with("--builder", builder.program()),
        (None, None) => {}
    }
    if !apply.dry_run {
        kubernetes::check(&place)?;
    }
    if apply.image.is_none() {
        features::check(app, &place)?;
    }
    prepare(&mut runner, &place)?;
    if apply.image.is_none() {
        check_variables(&mut runner, &place)?;
    }
    let repository = first(&mut runner, &place, apply.yes)?;
    secret::check(&runner, &place)?;
    let image = match &apply.image {
        Some(image) => image.clone(),
        None => image::publish(&mut runner, builder.unwrap_or(Builder::Docker), &repository, &place, app)?,
    };
    let (variables, image_variable, out) =
        (place.variables_argument(), format!("image={image}"), format!("-out={PLAN}"));
    runner.step("plan", &mut place.terraform(&["plan", &variables, "-var", &image_variable, &out]))?;
    let agreed = if apply.yes || apply.dry_run { Ok(()) } else { confirm("apply this", "yes") };
    apply_plan("apply the plan", agreed, &mut runner, &place)?;
    prepare_database(&mut runner, &place)?;
    cache::prepare(&mut runner, &place)?;
    ready::settle(&mut runner, &place)?;
    if place.target == Target::Eks {
        kubernetes::apply(&mut runner, &place, &image)?;
    }
    ready::ask(&mut runner, &place)?;
    if !apply.dry_run {
        let address = place.outputs()?.text("url").unwrap_or("not known yet").to_owned();
        say::done(&format!("{} {} is there: {address}", place.target.name(), place.environment));
    }
    Ok(())
}

/// Applies what was planned, if somebody agreed to it.
fn apply_plan(what: &str, agreed: Result, runner: &mut Runner, place: &Place) -> Result {
    let applied = agreed.and_then(|()| runner.step(what, &mut place.terraform(&["apply", PLAN])));
    // It holds what it was made of, and is good once.
    let _ = std::fs::remove_file(place.folder().join(PLAN));
    applied
}

/// What is going to build the image; better known before anything is made.
fn builder(apply: &Apply) -> Result<Builder> {
    let hint = "  mend it, or name an image that is pushed already with --image";
    Builder::choose(apply.builder).map_err(|why| Failure(format!("nothing builds the image\n{}\n{hint}", why.0)))
}

/// Takes everything away.
pub(super) fn destroy(destroy: &Destroy, app: &App) -> Result {
    let place = Place::of(&destroy.which, app)?;
    let mut runner = runner("destroy", &place, destroy.dry_run)?;
    if !destroy.yes && !destroy.dry_run {
        say::care("the databases of this environment, their rows and its secrets will be gone");
        confirm("destroy all of it", &place.environment)?;
    }
    prepare(&mut runner, &place)?;
    if place.target == Target::Eks {
        kubernetes::delete(&mut runner, &place)?;
    }
    let (variables, image) = (place.variables_argument(), format!("image={}", placeholder(&place)));
    let common = [variables.as_str(), "-var", &image, "-var", "protected=false", "-auto-approve"];
    // What is protected refuses to go, so that is a change of its own: of these alone, and only where they are there.
    let state = runner.read(&mut place.terraform(&["state", "list"]), "$STATE")?;
    let targets: Vec<String> =
        state.lines().filter(|line| is_protected(line)).map(|it| format!("-target={it}")).collect();
    if !targets.is_empty() {
        let lift = [&["apply"], &common[..], &targets.iter().map(String::as_str).collect::<Vec<_>>()].concat();
        runner.step("lift the protection", &mut place.terraform(&lift))?;
    }
    runner.step("destroy", &mut place.terraform(&[&["destroy"], &common[..]].concat()))
}

/// What the compositions protect from being destroyed.
fn is_protected(address: &str) -> bool {
    // A secret of a protected environment is kept for 30 days after its end, and its name with it.
    let kinds = ["aws_ecr_repository.", "aws_rds_cluster.", "aws_lb.", "aws_secretsmanager_secret."];
    kinds.iter().any(|kind| resource(address).starts_with(kind))
}

/// An image that nobody pulls, where Terraform wants to know one that makes no difference.
fn placeholder(place: &Place) -> String {
    let repository = place.outputs().ok().and_then(|outputs| outputs.text("repository_url").map(str::to_owned));
    let nowhere =
        || format!("000000000000.dkr.ecr.{}.amazonaws.com/none", place.text("region").unwrap_or("eu-central-1"));
    format!("{}:not-built-yet", repository.unwrap_or_else(nowhere))
}

fn runner(command: &str, place: &Place, is_dry: bool) -> Result<Runner> {
    interrupt::listen()?;
    Ok(Runner::new(is_dry, format!("tollgate deploy {command} {}", place.flags())))
}

/// What Terraform will not take is better told before an image is built, which takes minutes.
fn check_variables(runner: &mut Runner, place: &Place) -> Result {
    let (variables, image) = (place.variables_argument(), format!("image={}", placeholder(place)));
    let mut plan = place.terraform(&["plan", "-refresh=false", "-lock=false", &variables, "-var", &image]);
    runner.step("check the variables", plan.stdout(Stdio::null()))
}

/// Looks for tools and credentials, and gets Terraform ready.
fn prepare(runner: &mut Runner, place: &Place) -> Result {
    if !runner.is_dry() {
        let tools = [
            ("terraform", "https://developer.hashicorp.com/terraform/install"),
            ("aws", "https://aws.amazon.com/cli/"),
        ];
        let kubectl = (place.target == Target::Eks).then_some(("kubectl", "https://kubernetes.io/docs/tasks/tools/"));
        for (tool, address) in tools.into_iter().chain(kubectl) {
            tools::find(tool).ok_or_else(|| format!("{tool} is missing: {address}"))?;
        }
    }
    check_credentials(runner, place)?;
    runner.step("initialise Terraform", &mut place.terraform(&["init"]))?;
    runner.step(
        "select the environment",
        &mut place.terraform(&["workspace", "select", "-or-create", &place.environment]),
    )
}

fn check_credentials(runner: &mut Runner, place: &Place) -> Result {
    let mut who = place.aws(&["sts", "get-caller-identity", "--query", "Arn", "--output", "text"])?;
    if runner.is_dry() {
        return Ok(());
    }
    let who = tools::stdout(&mut who)
        .map_err(|why| format!("AWS does not know who you are: {}\n  aws sso login, or aws configure", why.0))?;
    say::quietly(&format!("as {who} in {}", place.region()?));
    Ok(())
}

/// What has to be there before the image and the app: where images are, and the empty secrets. The image's repository.
fn first(runner: &mut Runner, place: &Place, is_agreed: bool) -> Result<String> {
    let (variables, out) = (place.variables_argument(), format!("-out={PLAN}"));
    let plan = ["plan", &variables, &out, "-target=module.registry", "-target=module.secrets"];
    runner.step("plan the registry and the secrets", &mut place.terraform(&plan))?;
    let agreed = if is_agreed || runner.is_dry() { Ok(()) } else { ask_for_what_goes(place) };
    apply_plan("make the registry and the secrets", agreed, runner, place)?;
    runner.read(&mut place.terraform(&["output", "-raw", "repository_url"]), "$REPOSITORY")
}

/// Asks, if the plan takes something away: a secret that the variables name no more, or a registry of another name.
fn ask_for_what_goes(place: &Place) -> Result {
    let plan: Value = serde_json::from_str(&tools::stdout(&mut place.terraform(&["show", "-json", PLAN]))?)?;
    let goes =
        |change: &&Value| change["change"]["actions"].as_array().is_some_and(|all| all.contains(&"delete".into()));
    let changes = plan["resource_changes"].as_array().into_iter().flatten();
    let gone: Vec<_> = changes.filter(goes).filter_map(|change| change["address"].as_str()).collect();
    if gone.is_empty() {
        return Ok(());
    }
    say::care(&format!("with what is in it goes: {}", gone.join(", ")));
    confirm("take that away", "yes")
}

/// Makes the user that the app is in the database, whose password is its role at AWS.
fn prepare_database(runner: &mut Runner, place: &Place) -> Result {
    const WHAT: &str = "prepare the database";
    if runner.is_dry() {
        let named = |name: &str| format!("${}", name.to_uppercase());
        return if place.has("postgres") {
            runner.step(WHAT, &mut execute(place, named, "$STATEMENT")?)
        } else {
            Ok(())
        };
    }
    let outputs = place.outputs()?;
    let database = outputs.value("database");
    let field = |name: &str| database[name].as_str().unwrap_or_default().to_owned();
    for sql in database["first_statements"].as_array().into_iter().flatten().filter_map(|sql| sql.as_str()) {
        runner.step(WHAT, execute(place, field, sql)?.stdout(Stdio::null()))?;
    }
    Ok(())
}

/// A statement for the database with those names, by the Data API.
fn execute(place: &Place, named: impl Fn(&str) -> String, sql: &str) -> Result<Command> {
    let mut statement = place.aws(&["rds-data", "execute-statement"])?;
    statement.args(["--resource-arn", &named("cluster_arn"), "--secret-arn", &named("master_secret_arn")]);
    statement.args(["--database", &named("name"), "--sql", sql]);
    Ok(statement)
}

/// Demands a word; where nobody can say it, `--yes` does.
fn confirm(what: &str, word: &str) -> Result {
    if !std::io::stdin().is_terminal() {
        return Err(format!("nobody is there to confirm: say --yes to {what}").into());
    }
    anstream::eprint!("Type `{word}` to {what}: ");
    std::io::stderr().flush()?;
    if interrupt::typed()?.trim() == word { Ok(()) } else { Err("nothing was changed".into()) }
}
