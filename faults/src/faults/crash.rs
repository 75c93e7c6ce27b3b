//! F1: fifty clients write, and the app or its database is killed, again and again.
//!
//! Pass: every acknowledged message is stored, none twice, though each is sent until it is acknowledged; the app is
//! ready two seconds after each start at most. The short form asks for 20,000 acknowledgements and three kills, the long one
//! for 500,000 and twenty; how long that may take is generous, for the short one shares its machine.

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
/// A MongoDB server ends what a killed app has left open after that many seconds; it would wait for 60, and its key be
/// refused for as long.
const LEFT_OPEN: &str = "transactionLifetimeLimitSeconds=2";

/// What is killed.
#[derive(Clone, Copy)]
enum Victim {
    App,
    Database,
}

/// How long a server with its defaults keeps open what a killed app has left, and looks only now and then.
const HELD: Duration = Duration::from_secs(100);

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

/// Whoever sends again under a key is told 409 as long as the server keeps open what the killed app has left, and then
/// gets the one row.
pub(crate) async fn of_app_with_keys_on_mongodb(stage: &Stage) -> Result<Finding> {
    let (server, which) = stage.pick((Mongo::start as fn() -> Mongo, "its defaults"), (mongo, LEFT_OPEN));
    let database = Database::MongoDb(server());
    let mut app = App::start(stage, database.setting()).await?;
    let ledger = Arc::new(Ledger::default());
    let writers = Writers::start(CLIENTS, &app, &ledger);
    sleep(Duration::from_secs(2)).await;
    app.kill()?;
    let (killed, at) = (Instant::now(), Writers::with_keys_are_at(CLIENTS, &ledger));
    app.resume().await?;
    while !ledger.has(&at) && killed.elapsed() < HELD {
        sleep(Duration::from_millis(200)).await;
    }
    let (is_there, took) = (ledger.has(&at), killed.elapsed());
    writers.stop().await;
    app.kill()?;
    let mut finding = Finding::of(&ledger, &database.messages().await?);
    finding.require(is_there, || format!("some keys are refused after {took:.0?}"));
    let refused = ledger.told().refused.get(&409).copied().unwrap_or_default();
    finding.note(format!("server with {which}: every key answered {:.0} s after the kill", took.as_secs_f64()));
    finding.note(format!("{refused} answers 409 until then"));
    Ok(finding)
}

async fn run(stage: &Stage, mut database: Database, victim: Victim) -> Result<Finding> {
    let mut app = App::start(stage, database.setting()).await?;
    let ledger = Arc::new(Ledger::default());
    let writers = Writers::start(CLIENTS, &app, &ledger);
    let (acks, kills, limit) = stage.pick((500_000, 20, 180), (20_000, 3, 150));
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
    judge(&mut finding, stage, (acks, kills), &times_to_ready);
    finding.require(!app.panicked()?, || "the app panicked".to_owned());
    finding.note(format!("{} requests unanswered, {:.0} s", ledger.told().unanswered, took.as_secs_f64()));
    if let Database::MongoDb(_) = database {
        finding.note(format!("server with {LEFT_OPEN}"));
    }
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

fn judge(finding: &mut Finding, stage: &Stage, (wanted, kills): (usize, usize), times_to_ready: &[Duration]) {
    let slowest = times_to_ready.iter().max().copied().unwrap_or_default();
    finding.require(slowest <= stage.within(READY), || format!("ready only after {slowest:.1?}"));
    let acks = finding.acks;
    finding.require(acks >= wanted, || format!("only {acks} acknowledgements in time, not {wanted}"));
    let killed = times_to_ready.len();
    finding.require(killed >= kills, || format!("killed {killed} times in time, not {kills}"));
    finding.note(format!("{killed} kills, ready after {} ms at most", slowest.as_millis()));
}

fn mongo() -> Mongo {
    let arguments = ["--replSet", "rs0", "--setParameter", LEFT_OPEN];
    let server = Mongo::start_with(|_| arguments.map(ToOwned::to_owned).to_vec());
    server.initiate();
    server
}
