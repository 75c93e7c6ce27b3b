//! `job`: what is done without a caller, by hand.

use super::print;
use crate::app::{Design, Failure};

pub(super) async fn job(design: Design, name: Option<&str>) -> Result<(), Failure> {
    if let Some(name) = name {
        return design.open().await?.run_job(name).await;
    }
    let line = |job: &tollgate_http::Job| {
        let text = job.text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        format!("{:<24} every {:?}: {text}\n", job.name, job.every)
    };
    let lines: String = design.built.jobs.iter().map(line).collect();
    print(if lines.is_empty() { "there are no jobs" } else { &lines })
}
