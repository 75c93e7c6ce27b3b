//! F13: SQLite on four mebibytes, until there is no space left.
//!
//! Pass: writes are answered with 507 and reads as ever; every acknowledged message is stored, the file is whole, and
//! a second after there is space again, so is writing.

use crate::{
    Finding, Result, Stage,
    app::App,
    client::Client,
    database::Database,
    load::{Ledger, Outcome},
};
use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep};
use tollgate_testing::servers::Tmpfs;

const WRITERS: usize = 8;
/// So many refusals in a row, and a writer believes that the disk is full.
const FULL: usize = 20;
/// What is put aside, to be given back in the end.
const BALLAST: usize = 1024 * 1024;
const AGAIN: Duration = Duration::from_secs(1);

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let disk = Tmpfs::mount(4);
    let ballast = disk.folder().join("ballast");
    fs::write(&ballast, vec![0; BALLAST])?;
    let database = Database::Sqlite(disk.folder().join("app.db"));
    let mut app = App::start(stage, database.setting()).await?;
    let ledger = Arc::new(Ledger::default());
    fill(&app, &ledger).await;
    let filled = ledger.acks();
    let reads = read_while_full(&app, &ledger).await;

    fs::remove_file(&ballast)?;
    let again = until_written(&mut app.client(), &ledger, stage.within(AGAIN)).await;
    fill(&app, &ledger).await;
    app.kill()?;
    let mut finding = Finding::of(&ledger, &database.messages().await?);
    finding.require(filled > 0, || "nothing fit on the disk".to_owned());
    finding.require(ledger.acks() > filled + 1, || "the space given back was not used".to_owned());
    finding.require(again.is_some(), || format!("no write within {:?} of space", stage.within(AGAIN)));
    finding.require(ledger.told().unanswered == 0, || "requests were not answered".to_owned());
    finding.require(!app.panicked()?, || "the app panicked".to_owned());
    let again = again.unwrap_or_default().as_millis();
    finding.note(format!("{filled} messages until full, then {reads} reads; written again after {again} ms"));
    Ok(finding)
}

/// Writes until the disk is full.
async fn fill(app: &App, ledger: &Arc<Ledger>) {
    let start = ledger.acks();
    let write = |writer: usize| {
        let (mut client, ledger) = (app.client(), Arc::clone(ledger));
        async move {
            let mut refused = 0;
            for number in 0..100_000 {
                let outcome = ledger.write(&mut client, &text(&format!("{start}-{writer}-{number}")), None, 507).await;
                refused = if outcome == Outcome::Acknowledged { 0 } else { refused + 1 };
                if refused == FULL {
                    break;
                }
            }
        }
    };
    (0..WRITERS).map(write).collect::<JoinSet<_>>().join_all().await;
}

/// As long as a message may be, so that the disk is full soon.
fn text(name: &str) -> String {
    format!("{name:x<2000}")
}

/// Reads rows and lists; how many. Each refusal is wrong.
async fn read_while_full(app: &App, ledger: &Ledger) -> usize {
    let (mut client, reads) = (app.client(), 500);
    for number in 1..=reads / 2 {
        ledger.read(&mut client, &format!("/movies/{number}"), 0).await;
        ledger.read(&mut client, "/messages?limit=20", 0).await;
    }
    reads
}

/// How long it takes until a message is written.
async fn until_written(client: &mut Client, ledger: &Ledger, limit: Duration) -> Option<Duration> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if ledger.write(client, &text(&format!("again-{:?}", start.elapsed())), None, 507).await
            == Outcome::Acknowledged
        {
            return Some(start.elapsed());
        }
        sleep(Duration::from_millis(5)).await;
    }
    None
}
