//! F2: the database is restarted at once, again and again, while requests keep coming, answered or not.
//!
//! Pass: every acknowledged message is stored; whoever is refused is told 503 and when to come again; nobody waits for
//! more than two seconds; three seconds after the database is back, nobody is refused any more.

use crate::{
    Finding, Result, Stage,
    app::App,
    client::Client,
    database::Database,
    load::{Ledger, Outcome},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    task::{JoinSet, block_in_place},
    time::{interval, sleep},
};
use tollgate_testing::servers::Postgres;

/// Requests a second.
const RATE: u32 = 300;
const HANG: Duration = Duration::from_secs(2);
const WHOLE: Duration = Duration::from_secs(3);

/// A request that was made.
struct Request {
    begun: Instant,
    took: Duration,
    is_well: bool,
}

/// When the database went away, and when it was back.
type Outage = (Instant, Instant);

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let mut server = Postgres::start();
    let app = App::start(stage, ("DATABASE__URL", server.url())).await?;
    let ledger = Arc::new(Ledger::default());
    let (restarts, seconds) = stage.pick((4, 20), (2, 4));
    let pause = Duration::from_secs(seconds);
    let load = tokio::spawn(keep_asking(app.client(), Arc::clone(&ledger), pause * (restarts + 1)));
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

/// An open loop: every request leaves when its time has come, whatever became of those before.
async fn keep_asking(client: Client, ledger: Arc<Ledger>, lasting: Duration) -> Vec<Request> {
    let (mut tick, mut requests) = (interval(Duration::from_secs(1) / RATE), JoinSet::new());
    let idle: Arc<Mutex<Vec<Client>>> = Arc::default();
    let begun = Instant::now();
    for number in 0.. {
        tick.tick().await;
        if begun.elapsed() >= lasting {
            break;
        }
        let (idle, ledger) = (Arc::clone(&idle), Arc::clone(&ledger));
        let mut client = lock(&idle).pop().unwrap_or_else(|| client.another());
        requests.spawn(async move {
            let request = ask(&mut client, &ledger, number).await;
            lock(&idle).push(client);
            request
        });
    }
    requests.join_all().await
}

/// Every other request writes.
async fn ask(client: &mut Client, ledger: &Ledger, number: u32) -> Request {
    let begun = Instant::now();
    let outcome = if number.is_multiple_of(2) {
        ledger.write(client, &number.to_string(), None, 503).await
    } else {
        ledger.read(client, &format!("/movies/{}", 1 + number % 2000), 503).await
    };
    Request { begun, took: begun.elapsed(), is_well: outcome == Outcome::Acknowledged }
}

fn lock(idle: &Mutex<Vec<Client>>) -> MutexGuard<'_, Vec<Client>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
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
