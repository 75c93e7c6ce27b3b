//! What a deployment needs on this machine: tools, and somebody whom AWS knows.

use super::{Finding, Report};
use crate::{
    app::App,
    deploy::{Builder, Target},
    tools,
};
use std::process::Command;

/// The targets that were written into the app's repository.
pub(super) fn written(app: &App) -> Vec<Target> {
    let is_written = |target: &Target| app.folder.join("infra/terraform/targets").join(target.name()).is_dir();
    [Target::Lambda, Target::Ecs, Target::Eks].into_iter().filter(is_written).collect()
}

/// Looks for what they need.
pub(super) fn look(targets: &[Target], report: &mut Report) {
    report.add(builder());
    report.add(tool("terraform", "https://developer.hashicorp.com/terraform/install"));
    report.add(tool("aws", "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"));
    if targets.contains(&Target::Eks) {
        report.add(tool("kubectl", "https://kubernetes.io/docs/tasks/tools/"));
    }
    if tools::find("aws").is_some() {
        report.add(credentials());
    }
}

fn builder() -> Finding {
    match Builder::choose(None) {
        Ok(builder) => Finding::good("image", format!("built by {}", builder.program())),
        Err(why) => Finding::bad("image", why.0, "https://docs.docker.com/get-started/get-docker/"),
    }
}

fn tool(name: &'static str, address: &str) -> Finding {
    match tools::find(name) {
        Some(path) => Finding::good(name, path.display().to_string()),
        None => Finding::bad(name, "not there", address),
    }
}

fn credentials() -> Finding {
    let mut who = Command::new("aws");
    who.args(["sts", "get-caller-identity", "--query", "Arn", "--output", "text"]).env("AWS_PAGER", "");
    match tools::stdout(&mut who) {
        Ok(arn) => Finding::good("credentials", arn),
        Err(why) => Finding::bad("credentials", why.0, "aws sso login, or aws configure"),
    }
}
