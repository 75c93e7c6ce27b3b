//! Whether what was brought there is well: asked after `apply`, before anybody is told that it is.

use super::{Target, place::Place, runner::Runner, status};
use crate::{Failure, Result, say, tools};

/// Starts the tasks of ECS anew, and waits for them.
///
/// Terraform started the first ones before the database knew the app and the cache had a password, and ECS gives up
/// after a few that end.
///
/// # Errors
/// They do not come up.
pub(super) fn settle(runner: &mut Runner, place: &Place) -> Result {
    if place.target != Target::Ecs {
        return Ok(());
    }
    let cluster = runner.read(&mut place.terraform(&["output", "-raw", "cluster_name"]), "$CLUSTER")?;
    let service = runner.read(&mut place.terraform(&["output", "-raw", "service_name"]), "$SERVICE")?;
    let mut anew = place.aws(&["ecs", "update-service", "--cluster", &cluster, "--service", &service])?;
    anew.args(["--force-new-deployment", "--query", "service.status", "--output", "text"]);
    runner.step("start the app, now that all is there", &mut anew)?;
    let mut wait = place.aws(&["ecs", "wait", "services-stable", "--cluster", &cluster, "--services", &service])?;
    runner.step("wait for the app", &mut wait).map_err(|why| with_log(&why.0, place))
}

/// Asks the app whether it is ready.
///
/// # Errors
/// It answers that it is not, or nobody answers where there should be somebody.
pub(super) fn ask(runner: &mut Runner, place: &Place) -> Result {
    let url = runner.read(&mut place.terraform(&["output", "-raw", "url"]), "$URL")?;
    if url.is_empty() {
        return Ok(());
    }
    if !runner.is_dry() && tools::find("curl").is_none() {
        say::care(&format!("curl is not there to ask {url}/readyz"));
        return Ok(());
    }
    let mut curl = status::curl(&url, "/readyz");
    // What has just been made may be known everywhere in a minute.
    curl.args(["--retry", "12", "--retry-delay", "5", "--retry-all-errors"]);
    let line = super::runner::shown(&curl);
    runner.doing("ask whether it is ready", &line, || match tools::stdout(&mut curl).as_deref() {
        Ok("200") => Ok(()),
        Ok(code) => Err(with_log(&format!("{url}/readyz answers {code}"), place)),
        Err(_) => unreached(&url, place),
    })
}

/// A domain may lead elsewhere yet, and that is for whoever keeps its records.
fn unreached(url: &str, place: &Place) -> Result {
    let leads_to = match place.target {
        Target::Eks => Some("what `kubectl get gateway app` says".to_owned()),
        Target::Lambda | Target::Ecs => place.outputs()?.text("address").map(str::to_owned),
    };
    let Some(address) = leads_to else { return Err(with_log(&format!("nobody answers at {url}"), place)) };
    say::care(&format!("nobody answers at {url} yet: let the record of the domain point to {address}"));
    Ok(())
}

fn with_log(why: &str, place: &Place) -> Failure {
    let name = format!("{}-{}", place.text("name").unwrap_or_default(), place.environment);
    let log = match place.target {
        Target::Lambda => format!("aws logs tail /aws/lambda/{name} --since 15m"),
        Target::Ecs => format!("aws logs tail /ecs/{name} --since 15m"),
        Target::Eks => "kubectl logs deployment/app".to_owned(),
    };
    Failure(format!("{why}\n  its log: {log}"))
}
