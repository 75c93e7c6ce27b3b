//! F8: five messages wait for a locked table, each in a transaction, and the pool has five.
//!
//! Pass: who comes next is told 503 once the acquire timeout is over, `/livez` answers as ever, and when the lock is
//! gone the five are acknowledged, everybody is served, and no transaction is left open.

use crate::{
    Failure, Finding, Result, Stage,
    app::App,
    client::Client,
    database::Database,
    load::{Ledger, Writers, median},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    task::{JoinHandle, JoinSet, block_in_place, spawn_blocking},
    time::sleep,
};
use tollgate_postgres::Config;
use tollgate_testing::servers::{Postgres, free_port, psql};

const PLACES: usize = 5;
const ACQUIRE: Duration = Duration::from_secs(2);
const LATE: Duration = Duration::from_millis(100);
const ALIVE: Duration = Duration::from_millis(10);
/// Who comes while the pool is full.
const OTHERS: usize = 20;

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let server = Postgres::start();
    let patient = "lock_timeout=60&statement_timeout=60";
    let url = format!("{}?transactions={PLACES}&acquire_timeout={}&{patient}", server.url(), ACQUIRE.as_secs());
    let most = Config::parse(&url)?.most_connections();
    // Those who hold the pool do so for as long as a request may take by default.
    let settings = [("DATABASE__URL", url), ("SERVER__REQUEST_SECONDS", "60".to_owned())];
    let app = App::start_at(stage, free_port(), &settings).await?;
    let ledger = Arc::new(Ledger::default());

    let (held, rounds) = stage.pick((30, 13), (6, 2));
    let lock = lock_messages(&server, held).await?;
    let holders = write_once(&app, &ledger, "held", PLACES);
    until(&server, "wait_event_type = 'Lock'", PLACES).await?;
    let mut alive = vec![];
    let waits = tokio::select! {
        waits = refuse(&app, &ledger, rounds) => waits,
        failure = live(app.client(), &mut alive) => return Err(failure),
    };
    let refusals = ledger.told().refusals();
    lock.await?;
    holders.join_all().await;

    let writers = Writers::start(50, &app, &ledger);
    sleep(Duration::from_secs(1)).await;
    writers.stop().await;
    let refused_later = ledger.told().refusals() - refusals;
    let stuck = sessions(&server, "state LIKE 'idle in transaction%' OR wait_event_type = 'Lock'")?;
    let open = sessions(&server, "application_name = 'tollgate'")?;
    let mut finding = Finding::of(&ledger, &Database::Postgres(server).messages().await?);
    judge_waits(&mut finding, stage, &waits);
    judge_life(&mut finding, stage, alive);
    finding.require(refusals == OTHERS * rounds, || format!("{refusals} of {} were refused", OTHERS * rounds));
    finding.require(ledger.acks() > PLACES, || "nobody was served afterwards".to_owned());
    finding.require(refused_later == 0, || format!("{refused_later} were refused after the lock was gone"));
    finding.require(stuck == 0, || format!("{stuck} transactions are left open"));
    finding.require(open <= most, || format!("{open} connections are open, not {most}"));
    finding.note(format!("{open} connections of {most} open"));
    finding.require(!app.panicked()?, || "the app panicked".to_owned());
    Ok(finding)
}

/// Locks the table for so many seconds.
async fn lock_messages(server: &Postgres, seconds: u32) -> Result<JoinHandle<String>> {
    let (url, sql) =
        (server.url(), format!("BEGIN; LOCK messages IN EXCLUSIVE MODE; SELECT pg_sleep({seconds}); COMMIT"));
    let lock = spawn_blocking(move || psql(&url, &sql));
    until(server, "wait_event = 'PgSleep'", 1).await?;
    Ok(lock)
}

/// Waits until there are that many such sessions.
async fn until(server: &Postgres, which: &str, count: usize) -> Result {
    let start = Instant::now();
    while sessions(server, which)? < count {
        if start.elapsed() > Duration::from_secs(2) {
            return Err(format!("there are no {count} sessions with {which}").into());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// How many sessions of the server are such.
fn sessions(server: &Postgres, which: &str) -> Result<usize> {
    let count = format!("SELECT count(*) FROM pg_stat_activity WHERE {which}");
    Ok(block_in_place(|| psql(&server.url(), &count)).trim().parse()?)
}

/// So many clients write one message each, in a transaction because of its idempotency key; how long each took.
fn write_once(app: &App, ledger: &Arc<Ledger>, name: &str, clients: usize) -> JoinSet<Duration> {
    let write = |client: usize| {
        let (mut client, ledger, text) = (app.client(), Arc::clone(ledger), format!("{name}-{client}"));
        async move {
            let start = Instant::now();
            ledger.write(&mut client, &text, Some(&text), 503).await;
            start.elapsed()
        }
    };
    (0..clients).map(write).collect()
}

/// Writes that find no place, round after round; how long each took.
async fn refuse(app: &App, ledger: &Arc<Ledger>, rounds: usize) -> Vec<Duration> {
    let mut waits = vec![];
    for round in 0..rounds {
        waits.extend(write_once(app, ledger, &format!("refused-{round}"), OTHERS).join_all().await);
    }
    waits
}

/// Asks for `/livez` all the time, and keeps how long that takes; ends when there is no answer.
async fn live(mut client: Client, times: &mut Vec<Duration>) -> Failure {
    loop {
        let start = Instant::now();
        match client.get("/livez").await {
            Ok(answer) if answer.status.is_success() => times.push(start.elapsed()),
            Ok(answer) => return format!("/livez answers {}", answer.status).into(),
            Err(failure) => return failure,
        }
        sleep(Duration::from_millis(10)).await;
    }
}

fn judge_waits(finding: &mut Finding, stage: &Stage, waits: &[Duration]) {
    let (first, last) =
        (waits.iter().min().copied().unwrap_or_default(), waits.iter().max().copied().unwrap_or_default());
    finding.require(first >= ACQUIRE, || format!("the first was refused after {first:.2?}"));
    finding.require(last <= ACQUIRE + stage.within(LATE), || format!("the last was refused after {last:.2?}"));
    finding.note(format!("{} refused after {} to {} ms", waits.len(), first.as_millis(), last.as_millis()));
}

/// Other tests may take the machine for a moment, but not most of the time.
fn judge_life(finding: &mut Finding, stage: &Stage, times: Vec<Duration>) {
    let slowest = times.iter().max().copied().unwrap_or(Duration::MAX);
    finding.require(slowest <= stage.within(ALIVE), || format!("/livez took {slowest:.1?}"));
    let (usual, limit) = (median(times), stage.pick(ALIVE, ALIVE * 5));
    finding.require(usual <= limit, || format!("/livez usually took {usual:.1?}"));
    finding.note(format!("/livez within {:.1} ms", slowest.as_secs_f64() * 1000.0));
}
