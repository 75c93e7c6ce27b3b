//! `tollgate deploy` from the first command to the last, with the real Terraform, against an emulator of AWS.
//!
//! What it calls is tested with tools that only write down their arguments; here is shown that Terraform and AWS take
//! them: an app is made, its composition written, planned, applied, looked at and destroyed. The image is one that nobody
//! pulls.

use super::{Check, LeftOut, terraform};
use crate::{
    Result,
    servers::AwsEmulator,
    steps::{Steps, cargo, output, stdout},
};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

pub(super) const CHECK: Check =
    Check { name: "deploy", parts: &["terraform", "aws", "aws-emulator"], quick: |_, _| {}, slow };

const IMAGE: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/library-stage:1";
const WHICH: [&str; 4] = ["--target", "lambda", "--env", "stage"];

fn slow(steps: &mut Steps, left_out: &LeftOut) {
    if !CHECK.parts.iter().any(|part| left_out.has(part)) {
        steps.step("tollgate deploy: lambda", lambda);
    }
}

fn lambda() -> Result<String> {
    let app = App::new()?;
    app.deploy("init", &["--region", "eu-central-1"])?;
    app.without_postgres()?;
    app.deploy("plan", &["--image", IMAGE])?;
    app.deploy("apply", &["--image", IMAGE, "--yes"])?;
    // A second time changes nothing, and does not stumble over what is there.
    app.deploy("apply", &["--image", IMAGE, "--yes"])?;
    let there = app.status()?;
    app.deploy("destroy", &["--yes"])?;
    let left = app.status()?;
    match (there, left) {
        (0, _) => Err("after `apply`, `status` knows of nothing".into()),
        (_, 0) => Ok(format!("{there} resources made and unmade")),
        (_, left) => Err(format!("after `destroy`, {left} resources are left").into()),
    }
}

/// An app that was made for this, and an emulator for it alone.
struct App {
    aws: AwsEmulator,
    tollgate: PathBuf,
    folder: PathBuf,
}

impl App {
    fn new() -> Result<Self> {
        output(&mut cargo(&["build", "--quiet", "--package", "tollgate-cli"]))?;
        let here = env::current_dir()?;
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("target"), PathBuf::from);
        let folder = here.join("target/infra/library");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let app = Self { aws: AwsEmulator::start(), tollgate: target.join("debug/tollgate"), folder };
        output(app.command(&here, &["new", "library", "--path"]).arg(&app.folder))?;
        Ok(app)
    }

    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.tollgate);
        command.args(arguments).current_dir(folder).envs(self.aws.variables()).env("AWS_MAX_ATTEMPTS", "2");
        // Where the tests build what they make.
        let made = self.folder.ancestors().nth(2).map(|target| target.join("made"));
        command
            .envs(made.map(|made| ("CARGO_TARGET_DIR", made)))
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        command.env("TF_CLI_CONFIG_FILE", "/dev/null");
        let plugins = terraform::plugins().map(|folder| format!("-plugin-dir={}", folder.display()));
        command.envs(plugins.map(|plugins| ("TF_CLI_ARGS_init", plugins))).env_remove("AWS_PROFILE");
        command
    }

    fn deploy(&self, what: &str, arguments: &[&str]) -> Result {
        output(&mut self.command(&self.folder, &[&["deploy", what], &WHICH[..], arguments].concat())).map(drop)
    }

    /// How many resources there are.
    fn status(&self) -> Result<u64> {
        let said = stdout(&mut self.command(&self.folder, &[&["deploy", "status", "--json"], &WHICH[..]].concat()))?;
        let said: Value = serde_json::from_str(&said)?;
        said["resources"].as_u64().ok_or_else(|| "`status` says no number".into())
    }

    /// A database takes minutes to appear, here as at AWS; the compositions are tried with one.
    fn without_postgres(&self) -> Result {
        let file = self.folder.join("infra/terraform/targets/lambda/stage.tfvars.json");
        let mut variables: Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
        variables["postgres"] = false.into();
        Ok(fs::write(file, variables.to_string())?)
    }
}
