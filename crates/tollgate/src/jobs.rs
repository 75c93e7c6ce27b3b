//! Work without a caller: begun when the app is served, or by hand.

use crate::{app::Failure, running::Running};
use std::sync::Arc;
use tokio::time::sleep;
use tollgate_core::{Problem, with_causes};
use tollgate_http::{Context, Job};

impl Running {
    /// Does each job of the services now, and again so long after each end. They end with the process.
    pub(crate) fn start_jobs(&self) {
        for job in &self.design.built.jobs {
            tokio::spawn(again_and_again(job.clone(), Arc::clone(&self.context)));
        }
    }

    /// Does one job now.
    pub(crate) async fn run_job(&self, name: &str) -> Result<(), Failure> {
        let jobs = &self.design.built.jobs;
        let job = jobs.iter().find(|job| job.name == name);
        let names = || jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>().join(", ");
        let job = job.ok_or_else(|| Failure(format!("there is no job `{name}`: {}", names())))?;
        job.run(&self.context).await.map_err(|problem| Failure(in_words(&problem)))
    }
}

async fn again_and_again(job: Job, context: Arc<Context>) {
    loop {
        let (one, here) = (job.clone(), Arc::clone(&context));
        // In a task of its own: one that panics has another turn.
        match tokio::spawn(async move { one.run(&here).await }).await {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => tracing::error!(job = job.name, problem = in_words(&problem), "a job failed"),
            Err(_) => tracing::error!(job = job.name, "a job panicked"),
        }
        sleep(job.every).await;
    }
}

fn in_words(problem: &Problem) -> String {
    let cause = problem.cause().map(|cause| format!(": {}", with_causes(&**cause))).unwrap_or_default();
    format!("{problem}{cause}")
}
