//! F2: the database is restarted at once, again and again, while requests keep coming, answered or not.
//!
//! Pass: every acknowledged message is stored; whoever is refused is told 503 and when to come again; nobody waits for
//! more than two seconds; three seconds after the database is back, nobody is refused any more.

use crate::{
    Finding, Result, Stage,
    app::App,
    database::Database,
    load::Ledger,
    open_loop::{Request, keep_asking},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{task::block_in_place, time::sleep};
use tollgate_testing::servers::Postgres;

/// Requests a second.
const RATE: u32 = 300;
const HANG: Duration = Duration::from_secs(2);
const WHOLE: Duration = Duration::from_secs(3);

/// When the database went away, and when it was back.
type Outage = (Instant, Instant);

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let mut server = Postgres::start();
    let app = App::start(stage, ("DATABASE__URL", server.url())).await?;
    let ledger = Arc::new(Ledger::default());
    let (restarts, seconds) = stage.pick((4, 20), (2, 4));
    let pause = Duration::from_secs(seconds);
    let load = tokio::spawn(keep_asking(app.client(), Arc::clone(&ledger), RATE, pause * (restarts + 1)));
    let mut outages = vec![];
    for _ in 0..restarts {
        sleep(pause).await;
        let gone = Instant::now();
        block_in_place(|| server.restart());
        outages.push((gone, Instant::now()));
    }
    let requests = load.await?;
    let mut finding = Finding::of(&ledger, &Database::Postgres(server).messages().await?);
    judge(&mut finding, stage, &requests, &outages);
    finding.require(ledger.told().unanswered == 0, || "requests were not answered".to_owned());
    finding.require(!app.panicked()?, || "the app panicked".to_owned());
    Ok(finding)
}

fn judge(finding: &mut Finding, stage: &Stage, requests: &[Request], outages: &[Outage]) {
    let failed = || requests.iter().filter(|request| !request.is_well);
    let slowest = requests.iter().map(|request| request.took).max().unwrap_or_default();
    let whole_after = |(index, (gone, back)): (usize, &Outage)| {
        let next = outages.get(index + 1).map_or_else(Instant::now, |(gone, _)| *gone);
        // Who was at it when the next one began belongs to that.
        let of_this = failed().filter(|request| (*gone..next).contains(&(request.begun + request.took)));
        of_this.map(|last| last.begun.saturating_duration_since(*back)).max().unwrap_or_default()
    };
    let whole = outages.iter().enumerate().map(whole_after).max().unwrap_or_default();
    finding.require(failed().next().is_some(), || "nobody noticed".to_owned());
    finding.require(slowest <= stage.within(HANG), || format!("a request took {slowest:.1?}"));
    finding.require(whole <= stage.within(WHOLE), || format!("the last refusal came {whole:.1?} after the restart"));
    finding.note(format!(
        "{} restarts, {} of {} requests refused, the slowest answer after {} ms, whole after {} ms",
        outages.len(),
        failed().count(),
        requests.len(),
        slowest.as_millis(),
        whole.as_millis()
    ));
}
