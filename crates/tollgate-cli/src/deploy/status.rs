//! `deploy status`: what is there.

use super::{
    Target, Which, kubernetes,
    place::{Place, resource},
    secret,
};
use crate::{
    Result,
    app::App,
    say::{self, Mark},
    tools,
};
use clap::Args;
use serde_json::json;
use std::process::Command;

/// Show what is there.
#[derive(Args)]
pub(crate) struct Status {
    #[command(flatten)]
    which: Which,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Shows it.
pub(super) fn run(status: &Status, app: &App) -> Result {
    let place = Place::of(&status.which, app)?;
    let found = Found::of(&place)?;
    if status.json {
        say::result(format_args!("{:#}", found.json()));
    } else {
        found.show(&place);
    }
    Ok(())
}

struct Found {
    resources: usize,
    address: Option<String>,
    missing: Vec<String>,
    /// What the app answers to `/livez`, if it does.
    answer: Option<String>,
    pods: Option<String>,
}

impl Found {
    fn of(place: &Place) -> Result<Self> {
        // It may have been applied from another machine.
        tools::stdout(&mut place.terraform(&["init", "-no-color"]))?;
        let hint = |_| format!("nothing was applied yet: tollgate deploy plan {}", place.flags());
        tools::stdout(&mut place.terraform(&["workspace", "select", &place.environment])).map_err(hint)?;
        let resources = tools::stdout(&mut place.terraform(&["state", "list"]))?;
        let resources = resources.lines().filter(|line| !resource(line).starts_with("data.")).count();
        let address = place.outputs()?.text("url").map(str::to_owned);
        let pods = if place.target == Target::Eks && resources > 0 { kubernetes::pods(place) } else { None };
        let missing = if resources == 0 { vec![] } else { secret::missing(place)? };
        Ok(Self { resources, answer: address.as_deref().and_then(ask), address, missing, pods })
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "resources": self.resources, "url": self.address, "livez": self.answer,
            "secrets_without_value": self.missing, "pods": self.pods,
        })
    }

    fn show(&self, place: &Place) {
        let is_there = if self.resources > 0 { Mark::Good } else { Mark::Care };
        say::finding(is_there, "resources", &self.resources.to_string());
        if let Some(address) = &self.address {
            say::finding(Mark::Good, "address", address);
        }
        match (&self.answer, &self.address) {
            (Some(code), _) => say::finding(if code == "200" { Mark::Good } else { Mark::Bad }, "answers", code),
            (None, Some(_)) => say::finding(Mark::Bad, "answers", "nobody does, or curl is not there to ask"),
            (None, None) => {}
        }
        for name in &self.missing {
            say::finding(Mark::Bad, "secret", &format!("{name} has no value"));
            say::remedy(&format!("tollgate deploy secrets set {name} {}", place.flags()));
        }
        if let Some(pods) = &self.pods {
            say::result(pods);
        }
    }
}

/// The status of `/livez`.
fn ask(address: &str) -> Option<String> {
    tools::stdout(&mut curl(address, "/livez")).ok().filter(|code| code != "000")
}

/// Prints the status of the answer, and fails where nobody gives one.
pub(super) fn curl(address: &str, path: &str) -> Command {
    let address = format!("{}{path}", address.trim_end_matches('/'));
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--output", "/dev/null", "--max-time", "10", "--write-out", "%{http_code}", &address]);
    curl
}
