//! Applies each composition to an emulator of AWS, looks at what is there, and destroys it.
//!
//! In the order of a first deployment: the bucket for the state, the registry, everything else with that bucket as its
//! backend. Three compositions are tried at once, each with an emulator of its own, because Terraform mostly waits.

use super::{
    HERE, TARGETS, expect,
    folder::{Folder, Root},
    policies,
};
use crate::{
    Result,
    servers::AwsEmulator,
    steps::{Steps, stdout},
};
use serde_json::Value;
use std::{fs, path::Path, thread};

/// The variables of a composition, as one would say them.
const VARIABLES: &str = "-var-file=example.tfvars.json";
const UNPROTECTED: &str = "-var=protected=false";

pub(super) fn run(steps: &mut Steps) {
    thread::scope(|scope| {
        let trials = TARGETS.map(|target| scope.spawn(move || try_out(target).map_err(|why| why.to_string())));
        for (name, trial) in ["terraform: lambda", "terraform: ecs", "terraform: eks"].into_iter().zip(trials) {
            steps.step(name, || match trial.join() {
                Ok(said) => said.map_err(Into::into),
                Err(_) => Err("it panicked".into()),
            });
        }
    });
}

/// What a trial saw.
struct Seen {
    made: String,
    left: String,
    shown: Value,
    shown_state: Value,
}

fn try_out(target: &str) -> Result<String> {
    let seen = make_and_unmake(target)?;
    expect(&Path::new(HERE).join("examples").join(target).join("inventory.txt"), &seen.made)?;
    check_policies("state", &seen.shown_state)?;
    let note = check_policies(target, &seen.shown)?;
    if !seen.left.is_empty() {
        return Err(format!("left behind:\n{}", seen.left).into());
    }
    Ok(format!("{} things made and unmade, {note}", seen.made.lines().count()))
}

fn make_and_unmake(target: &str) -> Result<Seen> {
    let aws = AwsEmulator::start();
    let folder = Folder::new(target)?.with(variables(&aws));
    let before = inventory(&aws)?;
    let (state, root) = (folder.root("state"), folder.root(target));
    state.init(&[])?;
    state.apply(&[])?;
    keep_state_in(&state.read(&["output", "-raw", "bucket"])?, &root)?;
    // A bucket as a folder of the address, since no name server knows the emulator.
    root.init(&["-backend-config=use_path_style=true"])?;
    root.apply(&["-target=module.registry"])?;
    let image = format!("-var=image={}:1", root.read(&["output", "-raw", "repository_url"])?);
    let certificate = if target == "ecs" { Some(format!("-var=certificate_arn={}", certificate(&aws)?)) } else { None };
    let more: Vec<_> = [&image].into_iter().chain(&certificate).map(String::as_str).collect();
    root.apply(&more)?;
    let (made, shown, shown_state) = (added(&before, &inventory(&aws)?), root.shown()?, state.shown()?);
    fill_secrets(&aws)?;
    root.unprotect(&more)?;
    check_state(&root)?;
    root.destroy(&more)?;
    state.unprotect(&[])?;
    state.destroy(&[])?;
    Ok(Seen { made, left: added(&before, &inventory(&aws)?), shown, shown_state })
}

/// The backend looks for the address of each service by itself; what fails is not tried for minutes.
fn variables(aws: &AwsEmulator) -> Vec<(&'static str, String)> {
    let mut variables = aws.variables().to_vec();
    variables.extend(["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS"].map(|name| (name, variables[0].1.clone())));
    variables.push(("AWS_MAX_ATTEMPTS", "2".into()));
    variables
}

fn check_policies(example: &str, shown: &Value) -> Result<String> {
    let described = policies::describe(shown)?;
    expect(&Path::new(HERE).join("examples").join(example).join("policies.txt"), &described)?;
    policies::check(&described, &policies::reasons(Path::new(HERE))?)
}

/// One that is there, as a balancer wants it.
pub(crate) fn certificate(aws: &AwsEmulator) -> Result<String> {
    let request = "import boto3; print(boto3.client('acm').request_certificate(DomainName='a.b')['CertificateArn'])";
    Ok(stdout(aws.python().args(["-c", request]))?.trim().to_owned())
}

/// A backend as `tollgate deploy` writes it.
fn keep_state_in(bucket: &str, root: &Root) -> Result {
    let lines = format!(
        "terraform {{\n  backend \"s3\" {{\n    bucket       = \"{bucket}\"\n    key          = \"app.tfstate\"\n    \
         region       = \"eu-central-1\"\n    encrypt      = true\n    use_lockfile = true\n  }}\n}}\n"
    );
    Ok(fs::write(root.path.join("backend.tf"), lines)?)
}

impl Root<'_> {
    fn shown(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.read(&["show", "-json"])?)?)
    }

    fn apply(&self, more: &[&str]) -> Result {
        self.run(&[&["apply", "-auto-approve", "-input=false", "-no-color", VARIABLES], more].concat()).map(drop)
    }

    /// What is protected refuses to go, until it no longer is.
    fn unprotect(&self, more: &[&str]) -> Result {
        self.apply(&[more, &[UNPROTECTED]].concat())
    }

    fn destroy(&self, more: &[&str]) -> Result {
        let destroy = ["destroy", "-auto-approve", "-input=false", "-no-color", VARIABLES, UNPROTECTED];
        self.run(&[&destroy, more].concat()).map(drop)
    }
}

/// What nobody must find where it does not belong.
const CANARY: &str = "canary-7f3a9c";

/// Puts a value into every secret that was made, as its owner does.
fn fill_secrets(aws: &AwsEmulator) -> Result {
    let put = "import boto3, sys; kept = boto3.client('secretsmanager')\n\
               for secret in kept.list_secrets()['SecretList']:\n \
               kept.put_secret_value(SecretId=secret['ARN'], SecretString=sys.argv[1])";
    stdout(aws.python().args(["-c", put, CANARY])).map(drop)
}

/// Terraform has looked at everything since the secrets were filled; none of them is in its state.
fn check_state(root: &Root) -> Result {
    let state = root.read(&["state", "pull"])?;
    if state.contains(CANARY) { Err("the value of a secret is in the state".into()) } else { Ok(()) }
}

/// What is there, asked of AWS itself: a line for each thing.
fn inventory(aws: &AwsEmulator) -> Result<String> {
    stdout(aws.python().arg(Path::new(HERE).join("inventory.py")))
}

/// Lines that were not there before.
fn added(before: &str, after: &str) -> String {
    let before: Vec<_> = before.lines().collect();
    after.lines().filter(|line| !before.contains(line)).flat_map(|line| [line, "\n"]).collect()
}
