//! `deploy init`: the composition, in the app's own repository.

use super::{
    Which, check_environment, features,
    kept::{self, Became},
    kubernetes,
    lacks::lacks,
    place::{Place, folder, variables_file},
    variables::{Deployment, aws_name, variables},
};
use crate::{Result, app::App, new, say};
use clap::Args;
use include_dir::{Dir, include_dir};
use serde_json::json;

/// Modules and compositions, as this command was built with them.
static TERRAFORM: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../infra/terraform");

/// Where the bucket for the states is made from.
const STATE: &str = "infra/terraform/targets/state";

/// What a composition's folder is not committed with.
const IGNORED: &str = ".terraform/\n*.tfplan\n*.tfstate\n*.tfstate.*\n";

/// Write the Terraform composition into infra/; what was edited there is left alone.
#[derive(Args)]
pub(crate) struct Init {
    #[command(flatten)]
    which: Which,
    /// The AWS region
    #[arg(long, env = "AWS_REGION", default_value = "eu-central-1")]
    region: String,
    /// The S3 bucket that keeps Terraform's state, by its whole name [default: a file beside the composition]
    #[arg(long)]
    state_bucket: Option<String>,
    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Writes it.
pub(super) fn run(init: &Init, app: &App) -> Result {
    check_environment(&init.which.env)?;
    say::step(&format!("asking {} what it is in `{}`", app.name, init.which.env));
    let described = app.describe(Some(&init.which.env))?;
    let deployment = Deployment { target: init.which.target, environment: &init.which.env, region: &init.region };
    let told = serde_json::to_string_pretty(&variables(app, &described, &deployment))? + "\n";
    let mut wanted = composition(init)?;
    wanted.push((variables_file(init.which.target, &init.which.env), told.into()));
    wanted.push((format!("{}/.gitignore", folder(init.which.target)), IGNORED.into()));
    if let Some(bucket) = &init.state_bucket {
        wanted.extend(state(bucket, &aws_name(&described.name), init));
    }
    wanted.extend(kubernetes::files(&init.which, &described)?);
    wanted.extend(container(app, &described.prefix)?);
    if init.dry_run {
        for (path, _) in &wanted {
            say::result(path);
        }
        return Ok(());
    }
    let became = kept::write(&app.folder, &wanted)?;
    let place = Place::of(&init.which, app)?;
    ask_for_features(app, &place)?;
    tell(init, &place, &became);
    for lack in lacks(app, &described, &place) {
        say::care(&lack);
    }
    for (path, _) in wanted.iter().filter(|(_, content)| String::from_utf8_lossy(content).contains(kubernetes::UNKNOWN))
    {
        say::care(&format!("{path} says {}, which nobody could tell: fill it in", kubernetes::UNKNOWN));
    }
    Ok(())
}

/// The modules, and the composition of the target, with the paths between them as they were.
fn composition(init: &Init) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = vec![];
    let modules = TERRAFORM.get_dir("modules").ok_or("this command was built without the modules of Terraform")?;
    collect(modules, &mut |path, content| files.push((format!("infra/terraform/{path}"), content.to_vec())));
    let state = init.state_bucket.as_ref().map(|_| "state");
    for target in [Some(init.which.target.name()), state].into_iter().flatten() {
        let example = format!("examples/{target}");
        let composition =
            TERRAFORM.get_dir(&example).ok_or_else(|| format!("this command was built without {example}"))?;
        collect(composition, &mut |path, content| {
            let inner = path.trim_start_matches(&example);
            files.push((format!("infra/terraform/targets/{target}{inner}"), content.to_vec()));
        });
    }
    Ok(files)
}

/// What belongs to users: neither samples and expectations nor what was left there by Terraform.
fn collect(folder: &Dir<'_>, take: &mut dyn FnMut(&str, &[u8])) {
    for file in folder.files().filter(|file| file.path().extension().is_some_and(|extension| extension == "tf")) {
        take(&file.path().to_string_lossy(), file.contents());
    }
    folder.dirs().filter(|inner| !inner.path().ends_with(".terraform")).for_each(|inner| collect(inner, take));
}

/// Adds to Cargo.toml what the deployment takes, if that is not there.
fn ask_for_features(app: &App, place: &Place) -> Result {
    let mut taken = features::of_target(place.target);
    taken.extend(features::of_place(place).into_iter().filter(|name| *name == "redis" || *name == "mongodb"));
    let missing = features::missing(app, &taken);
    if missing.is_empty() { Ok(()) } else { features::add(app, &missing) }
}

/// The bucket, and where the composition is told of it.
fn state(bucket: &str, name: &str, init: &Init) -> [(String, Vec<u8>); 3] {
    let told = json!({ "bucket": bucket, "region": init.region });
    [
        (format!("{STATE}/terraform.tfvars.json"), format!("{told:#}\n").into()),
        (format!("{STATE}/.gitignore"), IGNORED.into()),
        (format!("{}/backend.tf", folder(init.which.target)), backend(bucket, name, init).into()),
    ]
}

fn backend(bucket: &str, name: &str, init: &Init) -> String {
    let quoted = |text: &str| toml_edit::Value::from(text).to_string();
    format!(
        "# Where Terraform keeps what it knows: encrypted, with a lock, one state for each environment.\n\
         terraform {{\n  backend \"s3\" {{\n    bucket       = {}\n    key          = {}\n    region       = {}\n    \
         encrypt      = true\n    use_lockfile = true\n  }}\n}}\n",
        quoted(bucket),
        quoted(&format!("{name}/{}.tfstate", init.which.target.name())),
        quoted(&init.region),
    )
}

/// How to build an image, where the app has no way of its own.
fn container(app: &App, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
    if app.folder.join("Dockerfile").exists() && !kept::wrote(&app.folder, "Dockerfile")? {
        return Ok(vec![]);
    }
    new::container(&app.name, prefix, app.clone_of_tollgate().as_deref())
}

fn tell(init: &Init, place: &Place, became: &[(String, Became)]) {
    let those = |wanted: Became| became.iter().filter(move |(_, became)| *became == wanted).map(|(path, _)| path);
    for (became, words) in [(Became::New, "new"), (Became::Updated, "updated"), (Became::Same, "as they were")] {
        let number = those(became).count();
        if number > 0 {
            say::done(&format!("{number} files {words}"));
        }
    }
    for path in those(Became::Kept) {
        say::quietly(&format!("{path} was edited, and is left alone"));
    }
    for path in those(Became::Edited) {
        say::care(&format!("{path} was edited, and is left alone; the newer one is {path}.new"));
    }
    for path in those(Became::Deleted) {
        say::care(&format!("{path} was deleted, and stays so"));
    }
    say::quietly(&format!("what is yours to say is in {}", variables_file(place.target, &place.environment)));
    if init.state_bucket.is_some() {
        say::quietly("once per account, the bucket for the state:");
        say::command(&format!("terraform -chdir={STATE} init && terraform -chdir={STATE} apply"));
    } else {
        say::quietly(
            "Terraform's state is a file on this machine; --state-bucket keeps it in S3, where others have it too",
        );
    }
    say::command(&format!("tollgate deploy apply {}", place.flags()));
}
