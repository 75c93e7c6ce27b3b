//! F3: fifty clients write, and time and again the word that a commit is done is lost, and the connection with it.
//!
//! Pass: whoever's write is uncertain is told 503, never 2xx or another thing; sent again under the same idempotency
//! key until it is acknowledged, it is stored once.

use crate::{
    Finding, Result, Stage,
    app::App,
    database::Database,
    load::{Ledger, Writers},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;
use tollgate_testing::{FaultProxy, servers::Postgres};

/// One in so many words is lost.
const LOST: usize = 20;

/// Loses words of finished commits, once told to.
#[derive(Default)]
struct Loss {
    begun: AtomicBool,
    commits: AtomicUsize,
}

impl Loss {
    fn meets(&self, answer: &[u8]) -> bool {
        let is_commit = ["INSERT 0 ", "COMMIT\0"].iter().any(|word| contains(answer, word.as_bytes()));
        is_commit
            && self.begun.load(Ordering::Relaxed)
            && self.commits.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOST)
    }
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let (server, loss) = (Postgres::start(), Arc::new(Loss::default()));
    let proxy = FaultProxy::to(server.port(), {
        let loss = Arc::clone(&loss);
        move |answer: &[u8]| loss.meets(answer)
    });
    let proxy = proxy.await;
    let url = server.url().replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port()));
    let app = App::start(stage, ("DATABASE__URL", url)).await?;
    loss.begun.store(true, Ordering::Relaxed);
    let ledger = Arc::new(Ledger::default());
    let writers = Writers::start(50, &app, &ledger);
    sleep(Duration::from_secs(stage.pick(30, 4))).await;
    writers.stop().await;

    let stored = Database::Postgres(server).messages().await?;
    let mut finding = Finding::of(&ledger, &stored);
    let commits = loss.commits.load(Ordering::Relaxed);
    finding.require(commits > 0, || "nothing was lost on the way".to_owned());
    finding.require(ledger.told().unanswered == 0, || "requests were not answered".to_owned());
    finding.require(!app.panicked()?, || "the app panicked".to_owned());
    let refused = ledger.told().refusals();
    finding.note(format!("{} of {commits} commits not told, {refused} writes refused", commits.div_ceil(LOST)));
    Ok(finding)
}
