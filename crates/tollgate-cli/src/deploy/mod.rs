//! `deploy`: the application on AWS Lambda, ECS or EKS.
//!
//! ```text
//! init.rs       the composition, written into the app's repository, where it is the app's
//! kept.rs       what was written and not edited since, so that an edit is never lost
//! lacks.rs      what the app will not start without
//! features.rs   features of Tollgate that a deployment takes
//! variables.rs  what Terraform is told, from what the app says about itself
//! roll_out.rs   plan, apply, destroy: Terraform, the image, Kubernetes, in this order
//! image.rs      docker, podman or buildah
//! gateway.rs    the gateway in front of an app on Kubernetes
//! ready.rs      whether what was brought there is well
//! cache.rs      the cache, whose user is made switched off
//! secret.rs     values that go to AWS and nowhere else
//! status.rs     what is there
//! interrupt.rs  Ctrl-C, which ends what runs, and then this
//! runner.rs     steps: shown, or only printed; a failed one says what was done and how to go on
//! ```
//!
//! Invariant: no secret is in a file, an argument or a message. Terraform knows names of secrets alone; values go from
//! standard input to AWS.

mod cache;
mod features;
mod gateway;
mod image;
mod init;
mod interrupt;
mod kept;
mod kubernetes;
mod lacks;
mod place;
mod ready;
mod roll_out;
mod runner;
mod secret;
mod status;
mod variables;

use crate::{Result, app::App};
use clap::{Args, Subcommand, ValueEnum};
pub(crate) use image::Builder;

/// Bring the application in this folder to AWS Lambda, ECS or EKS.
#[derive(Subcommand)]
pub(crate) enum Deploy {
    /// Write the Terraform composition into infra/; what was edited there is left alone
    Init(init::Init),
    /// Show what `apply` would change
    Plan(roll_out::Plan),
    /// Build the image, push it, and bring everything to what the composition says
    Apply(roll_out::Apply),
    /// Take everything away, rows and secrets included
    Destroy(roll_out::Destroy),
    /// Show what is there
    Status(status::Status),
    /// Values of secrets, which go from standard input to AWS and are kept nowhere else
    #[command(subcommand)]
    Secrets(secret::Secrets),
}

/// Where an app runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Target {
    /// AWS Lambda behind API Gateway
    Lambda,
    /// AWS ECS on Fargate behind a load balancer
    Ecs,
    /// Kubernetes on AWS EKS
    Eks,
}

impl Target {
    /// Its name in commands and paths.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::Ecs => "ecs",
            Self::Eks => "eks",
        }
    }
}

/// Which deployment.
#[derive(Args)]
pub(crate) struct Which {
    /// Where it runs
    #[arg(long, value_enum)]
    target: Target,
    /// The environment, as in `prod`: `MYAPI_ENV` of the app
    #[arg(long)]
    env: String,
}

/// Runs the command.
pub(crate) fn run(deploy: &Deploy) -> Result {
    let app = App::here()?;
    match deploy {
        Deploy::Init(init) => init::run(init, &app),
        Deploy::Plan(plan) => roll_out::plan(plan, &app),
        Deploy::Apply(apply) => roll_out::apply(apply, &app),
        Deploy::Destroy(destroy) => roll_out::destroy(destroy, &app),
        Deploy::Status(status) => status::run(status, &app),
        Deploy::Secrets(secrets) => secret::run(secrets, &app),
    }
}

/// Names of environments are parts of names at AWS.
fn check_environment(name: &str) -> Result {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name == "dev" {
        return Err(
            "`dev` is a developer's machine, where things are open that must not be elsewhere: choose another --env"
                .into(),
        );
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase())
        || !(2..=12).contains(&name.len())
        || !name.chars().all(is_good)
    {
        return Err(
            format!("`{name}` names no environment: 2 to 12 lower-case letters, digits and `-`, as in `prod`").into()
        );
    }
    Ok(())
}
