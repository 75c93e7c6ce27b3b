//! `doctor`: what is missing or wrong on this machine and in this app, each with the command that fixes it.
//!
//! It looks and changes nothing. What the app itself can tell (settings, databases, providers), it is asked.

mod app;
mod cloud;
mod machine;

use crate::{
    app::App,
    deploy::Target,
    say::{self, Mark},
};
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

/// Look for what is missing or wrong, and say the command that fixes it.
#[derive(Args)]
#[command(after_help = "Exit code: 0 if nothing is wrong, 1 if something is.")]
pub(crate) struct Doctor {
    /// Look at what this deployment needs, too [default: those that were written into infra/]
    #[arg(long, value_enum)]
    target: Option<Target>,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Something that was looked at.
pub(super) struct Finding {
    mark: Mark,
    name: &'static str,
    found: String,
    fix: Option<String>,
}

impl Finding {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self { mark: Mark::Good, name, found: found.into(), fix: None }
    }

    fn care(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { mark: Mark::Care, name, found: found.into(), fix: Some(fix.into()) }
    }

    fn bad(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { mark: Mark::Bad, name, found: found.into(), fix: Some(fix.into()) }
    }

    fn show(&self) {
        let mut lines = self.found.lines();
        say::finding(self.mark, self.name, lines.next().unwrap_or_default());
        lines.for_each(|line| say::result(format_args!("                 {line}")));
        if let Some(fix) = &self.fix {
            say::remedy(fix);
        }
    }

    fn json(&self) -> serde_json::Value {
        let state = match self.mark {
            Mark::Good => "good",
            Mark::Care => "advice",
            Mark::Bad => "bad",
        };
        json!({ "name": self.name, "state": state, "found": self.found, "fix": self.fix })
    }
}

/// Looks at everything, and shows each finding as it comes.
pub(crate) fn run(doctor: &Doctor) -> ExitCode {
    let mut report = Report { json: doctor.json, findings: vec![] };
    machine::look(&mut report);
    let app = App::here();
    match &app {
        Ok(app) => app::look(app, &mut report),
        Err(why) => report.add(Finding::care("app", why.0.split(": ").next().unwrap_or_default(), "tollgate new NAME")),
    }
    let targets =
        doctor.target.map_or_else(|| app.as_ref().map(cloud::written).unwrap_or_default(), |target| vec![target]);
    if !targets.is_empty() {
        cloud::look(&targets, &mut report);
    }
    report.finish()
}

/// What was found so far.
pub(super) struct Report {
    json: bool,
    findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, finding: Finding) {
        if !self.json {
            finding.show();
        }
        self.findings.push(finding);
    }

    fn finish(self) -> ExitCode {
        if self.json {
            let all: Vec<_> = self.findings.iter().map(Finding::json).collect();
            say::result(format_args!("{:#}", json!(all)));
        }
        let is_bad = self.findings.iter().any(|finding| finding.mark == Mark::Bad);
        if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}
