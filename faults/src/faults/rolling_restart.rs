//! F11: three instances behind nginx, which share a Redis, are replaced one after the other, while requests keep coming.
//!
//! Pass: no request fails, whether it reads or writes; who was signed in still is; an instance is gone ten seconds after
//! its last request.

use crate::{
    Finding, Result, Stage, app::App, client::Client, database::Database, load::Ledger, oauth::Browser,
    open_loop::keep_asking,
};
use std::{sync::Arc, time::Duration};
use tokio::{task::block_in_place, time::sleep};
use tollgate_testing::servers::{Nginx, Postgres, Redis, free_port};

/// Requests a second.
const RATE: u32 = 400;
const INSTANCES: usize = 3;
/// How long an instance goes on while it says that it is not ready.
const WAIT: u32 = 1;
const GONE: Duration = Duration::from_secs(10);

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let (server, redis) = block_in_place(|| (Postgres::start(), Redis::start()));
    let (port, ports) = (free_port(), [(); INSTANCES].map(|()| free_port()));
    let address = format!("http://127.0.0.1:{port}");
    let settings = [
        ("DATABASE__URL", server.url()),
        ("REDIS__URL", redis.url()),
        ("LIMITS__ADDRESS", "1000000 per second".to_owned()),
        ("SERVER__PUBLIC_URL", address.clone()),
        ("SERVER__PROXIES", "1".to_owned()),
        ("SERVER__SHUTDOWN__WAIT_SECONDS", WAIT.to_string()),
    ];
    let mut apps = vec![];
    for port in ports {
        apps.push(App::start_at(stage, port, &settings).await?);
    }
    let _proxy = block_in_place(|| Nginx::start(port, &ports));
    let client = Client::new(port, &apps[0].token);
    let mut browser = Browser::sign_in(Client::new(port, &"".into()), &address).await?;

    let (rounds, pause) = stage.pick((5, Duration::from_secs(3)), (1, Duration::from_millis(700)));
    let ledger = Arc::new(Ledger::default());
    let lasting = (pause + Duration::from_secs(u64::from(WAIT) + 2)) * 3 * rounds;
    let load = tokio::spawn(keep_asking(client.another(), Arc::clone(&ledger), RATE, lasting));
    let mut slowest = Duration::ZERO;
    for _ in 0..rounds {
        for app in &mut apps {
            sleep(pause).await;
            slowest = slowest.max(app.stop().await?);
            app.resume().await?;
        }
    }
    let requests = load.await?;

    let failed = requests.iter().filter(|request| !request.is_well).count();
    let signed_in = browser.tokens().await;
    let mut finding = Finding::of(&ledger, &Database::Postgres(server).messages().await?);
    finding.require(failed == 0, || format!("{failed} of {} requests failed", requests.len()));
    if let Err(failure) = signed_in {
        finding.require(false, || format!("who was signed in is not any more: {failure}"));
    }
    let limit = Duration::from_secs(WAIT.into()) + stage.within(GONE);
    finding.require(slowest <= limit, || format!("an instance was gone only after {slowest:.1?}"));
    for app in &apps {
        finding.require(!app.panicked()?, || "an instance panicked".to_owned());
    }
    let (count, restarts, gone) = (requests.len(), rounds * 3, slowest.as_millis());
    finding.note(format!("{restarts} restarts, {failed} of {count} requests failed, gone after {gone} ms at most"));
    Ok(finding)
}
