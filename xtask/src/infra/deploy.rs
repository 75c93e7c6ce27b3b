//! `tollgate deploy` from the first command to the last, with the real Terraform, against an emulator of AWS.
//!
//! What it calls is tested with tools that only write down their arguments; here is shown that Terraform and AWS take
//! them: an app is made, its composition written, planned, its secret filled, applied, looked at and destroyed. The image is
//! one that nobody pulls.

use super::{Check, LeftOut, made::App, terraform};
use crate::{
    Result,
    servers::AwsEmulator,
    steps::{Steps, output, stdout},
};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

pub(super) const CHECK: Check =
    Check { name: "deploy", parts: &["terraform", "aws", "aws-emulator", "kubernetes"], quick: |_, _| {}, slow };

const IMAGE: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/library-stage:1";
/// What the app reads, and somebody gives its value.
const SECRET: &str = "library/stage/ledger";
const PARAMETER: &str = "/library/stage/host";
const TARGETS: [&str; 3] = ["lambda", "ecs", "eks"];
/// Of these, the one whose state is kept in a bucket, and whose image is built, by what stands in for a builder.
const KEPT: &str = "lambda";

fn slow(steps: &mut Steps, left_out: &LeftOut) {
    if CHECK.parts.iter().any(|part| left_out.has(part)) {
        return;
    }
    let mut app = None;
    steps.step("tollgate deploy: an app", || {
        app = Some(written()?);
        Ok(String::new())
    });
    let Some(app) = app else { return };
    // At once, because Terraform mostly waits; each has a folder and a state of its own.
    thread::scope(|scope| {
        let app = &app;
        let tries = TARGETS.map(|target| scope.spawn(move || come_and_go(app, target).map_err(|why| why.to_string())));
        let names = ["tollgate deploy: lambda", "tollgate deploy: ecs", "tollgate deploy: eks"];
        for (name, tried) in names.into_iter().zip(tries) {
            steps.step(name, || match tried.join() {
                Ok(said) => said.map_err(Into::into),
                Err(_) => Err("it panicked".into()),
            });
        }
    });
}

fn come_and_go(app: &App, target: &str) -> Result<String> {
    let to = Deployment { app, target, aws: AwsEmulator::start() };
    to.change_variables()?;
    to.make_place_for_state()?;
    to.deploy("plan", &["--image", IMAGE])?;
    for name in [SECRET, PARAMETER] {
        to.is_refused(&["--yes"], &format!("tollgate deploy secrets set {name} --target {target} --env stage"))?;
        to.fill(name)?;
    }
    let image: &[&str] = if target == KEPT { &[] } else { &["--image", IMAGE] };
    to.deploy("apply", &[image, &["--yes"]].concat())?;
    // A second time does not stumble over what is there.
    to.deploy("apply", &["--image", IMAGE, "--yes"])?;
    let variables = to.forget_secret()?;
    to.is_refused(&[], &format!("aws_secretsmanager_secret.this[\"{SECRET}\"]"))?;
    fs::write(to.variables(), variables)?;
    let (there, without_value) = to.status()?;
    to.deploy("destroy", &["--yes"])?;
    let (left, _) = to.status()?;
    to.has_no_secret()?;
    match (there, without_value, left) {
        (0, ..) => Err("after `apply`, `status` knows of nothing".into()),
        (_, 0, 0) => Ok(format!("{there} resources made and unmade")),
        (_, 0, left) => Err(format!("after `destroy`, {left} resources are left").into()),
        (_, secrets, _) => Err(format!("after `apply`, {secrets} secrets have no value").into()),
    }
}

/// An app, and what deploys it.
fn written() -> Result<App> {
    let app = App::new("library", &[])?;
    for target in TARGETS {
        let which = ["deploy", "init", "--target", target, "--env", "stage", "--region", "eu-central-1"];
        let kept: &[&str] = if target == KEPT { &["--state-bucket", "library-123456789012"] } else { &[] };
        output(&mut app.tollgate(&[&which[..], kept].concat()))?;
    }
    Ok(app)
}

/// The app at one target, and an emulator for it alone.
struct Deployment<'a> {
    app: &'a App,
    target: &'a str,
    aws: AwsEmulator,
}

impl Deployment<'_> {
    fn command(&self, what: &[&str], arguments: &[&str]) -> Command {
        let which = ["--target", self.target, "--env", "stage"];
        let mut command = self.app.tollgate(&[&["deploy"], what, &which[..], arguments].concat());
        self.with_tools(&mut command);
        command
    }

    fn with_tools<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        self.app.with_tools(command, &self.aws, self.target == KEPT)
    }

    /// The file of what is its owner's to say.
    fn variables(&self) -> PathBuf {
        self.app.folder.join(format!("infra/terraform/targets/{}/stage.tfvars.json", self.target))
    }

    /// The command that `init` prints.
    fn make_place_for_state(&self) -> Result {
        if self.target != KEPT {
            return Ok(());
        }
        let state = "terraform -chdir=infra/terraform/targets/state";
        let commands = format!("{state} init && {state} apply -auto-approve");
        output(self.with_tools(Command::new("sh").args(["-c", &commands]).current_dir(&self.app.folder))).map(drop)
    }

    /// None that is there, and none that is kept for a while and keeps its name.
    fn has_no_secret(&self) -> Result {
        let list = ["secretsmanager", "list-secrets", "--include-planned-deletion", "--query", "SecretList[].Name"];
        let left = output(self.with_tools(Command::new("aws").args(list).args([
            "--output",
            "text",
            "--region",
            "eu-central-1",
        ])))?;
        if left.trim().is_empty() { Ok(()) } else { Err(format!("secrets are left: {left}").into()) }
    }

    fn deploy(&self, what: &str, arguments: &[&str]) -> Result {
        output(&mut self.command(&[what], arguments)).map(drop)
    }

    /// `apply` goes no further than where it says that.
    fn is_refused(&self, more: &[&str], words: &str) -> Result {
        let Err(why) = self.deploy("apply", &[&["--image", IMAGE], more].concat()) else {
            return Err(format!("`apply` went on, and did not say: {words}").into());
        };
        if why.to_string().contains(words) { Ok(()) } else { Err(why) }
    }

    fn fill(&self, name: &str) -> Result {
        let mut set = self.command(&["secrets", "set", name], &[]);
        let mut set = set.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        set.stdin.take().ok_or("it has no standard input")?.write_all(b"correct horse battery staple")?;
        if set.wait()?.success() { Ok(()) } else { Err("`secrets set` failed".into()) }
    }

    /// The variables name it no more; what they were before.
    fn forget_secret(&self) -> Result<String> {
        let before = fs::read_to_string(self.variables())?;
        let mut variables: Value = serde_json::from_str(&before)?;
        variables["secrets"] = json!({});
        fs::write(self.variables(), variables.to_string())?;
        Ok(before)
    }

    /// How many resources there are, and how many secrets without a value.
    fn status(&self) -> Result<(u64, usize)> {
        let said: Value = serde_json::from_str(&stdout(&mut self.command(&["status"], &["--json"]))?)?;
        let resources = said["resources"].as_u64().ok_or("`status` says no number")?;
        Ok((resources, said["secrets_without_value"].as_array().map_or(0, Vec::len)))
    }

    /// As the guide has them changed. A database takes minutes to appear, here as at AWS; the compositions are tried with
    /// one.
    fn change_variables(&self) -> Result {
        let mut variables: Value = serde_json::from_str(&fs::read_to_string(self.variables())?)?;
        variables["postgres"] = false.into();
        variables["secrets"] = json!({ "LIBRARY_LEDGER": SECRET });
        variables["parameters"] = json!({ "LIBRARY_HOST": PARAMETER });
        if self.target != "lambda" {
            variables["redis"] = true.into();
            variables["domain"] = "library.example.com".into();
        }
        if self.target == "eks" {
            self.fill_in()?;
        }
        if self.target == "ecs" {
            variables["certificate_arn"] = terraform::certificate(&self.aws)?.into();
        }
        Ok(fs::write(self.variables(), variables.to_string())?)
    }

    /// What `init` could not know of the host and its issuer.
    fn fill_in(&self) -> Result {
        for name in ["settings.env", "gateway.env"] {
            let file = self.app.folder.join("infra/kubernetes/overlays/stage/settings").join(name);
            fs::write(&file, fs::read_to_string(&file)?.replace("FILL-THIS-IN", "library"))?;
        }
        Ok(())
    }
}
