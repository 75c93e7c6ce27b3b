//! F1: fifty clients write, and the app or its database is killed, again and again.
//!
//! Pass: every acknowledged message is stored, none twice, though each is sent until it is acknowledged; the app is
//! ready two seconds after each start at most.

use crate::{
    Finding, Result, Stage,
    app::App,
    database::Database,
    load::{Ledger, Writers},
    stage::random,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{task::block_in_place, time::sleep};
use tollgate_testing::servers::{Mongo, Postgres};

const CLIENTS: usize = 50;
const READY: Duration = Duration::from_secs(2);

/// What is killed.
#[derive(Clone, Copy)]
enum Victim {
    App,
    Database,
}

pub(crate) async fn of_app_on_sqlite(stage: &Stage) -> Result<Finding> {
    let folder = TempDir::new()?;
    run(stage, Database::Sqlite(folder.path().join("app.db")), Victim::App).await
}

pub(crate) async fn of_app_on_postgres(stage: &Stage) -> Result<Finding> {
    run(stage, Database::Postgres(Postgres::start()), Victim::App).await
}

pub(crate) async fn of_postgres(stage: &Stage) -> Result<Finding> {
    run(stage, Database::Postgres(Postgres::start()), Victim::Database).await
}

pub(crate) async fn of_app_on_mongodb(stage: &Stage) -> Result<Finding> {
    run(stage, Database::MongoDb(mongo()), Victim::App).await
}

pub(crate) async fn of_mongodb(stage: &Stage) -> Result<Finding> {
    run(stage, Database::MongoDb(mongo()), Victim::Database).await
}

async fn run(stage: &Stage, mut database: Database, victim: Victim) -> Result<Finding> {
    let mut app = App::start(stage, database.setting()).await?;
    let ledger = Arc::new(Ledger::default());
    let writers = Writers::start(CLIENTS, &app, &ledger);
    let (acks, kills, limit) = stage.pick((500_000, 20, 180), (20_000, 3, 20));
    let (begun, mut times_to_ready) = (Instant::now(), vec![]);
    while (ledger.acks() < acks || times_to_ready.len() < kills) && begun.elapsed() < Duration::from_secs(limit) {
        sleep(random(stage.pick(500..2500, 300..1500))).await;
        // Enough is enough: a database that starts slowly would be down most of the time.
        if times_to_ready.len() < kills {
            times_to_ready.push(kill(victim, &mut app, &mut database).await?);
        }
    }
    writers.stop().await;
    let took = begun.elapsed();
    app.kill()?;
    let mut finding = Finding::of(&ledger, &database.messages().await?);
    judge(&mut finding, stage, acks, &times_to_ready);
    finding.require(!app.panicked()?, || "the app panicked".to_owned());
    finding.note(format!("{} requests unanswered, {:.0} s", ledger.told().unanswered, took.as_secs_f64()));
    Ok(finding)
}

/// Kills the victim and has it start again; how long it took until the app was ready.
async fn kill(victim: Victim, app: &mut App, database: &mut Database) -> Result<Duration> {
    match victim {
        Victim::App => {
            app.kill()?;
            app.resume().await
        }
        Victim::Database => {
            block_in_place(|| database.crash());
            app.until_ready().await
        }
    }
}

fn judge(finding: &mut Finding, stage: &Stage, wanted: usize, times_to_ready: &[Duration]) {
    let slowest = times_to_ready.iter().max().copied().unwrap_or_default();
    finding.require(slowest <= stage.within(READY), || format!("ready only after {slowest:.1?}"));
    let acks = finding.acks;
    let is_enough = acks >= stage.pick(wanted, 1);
    finding.require(is_enough, || format!("only {acks} acknowledgements in time, not {wanted}"));
    finding.note(format!("{} kills, ready after {} ms at most", times_to_ready.len(), slowest.as_millis()));
}

/// A server that ends what a killed app has left open after 2 seconds; it would wait for 60, and refuse the key so long.
fn mongo() -> Mongo {
    let arguments = ["--replSet", "rs0", "--setParameter", "transactionLifetimeLimitSeconds=2"];
    let server = Mongo::start_with(|_| arguments.map(ToOwned::to_owned).to_vec());
    server.initiate();
    server
}
