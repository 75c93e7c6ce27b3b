//! An open loop: every request leaves when its time has come, whatever became of those before.

use crate::{
    client::Client,
    load::{Ledger, Outcome},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::interval};

/// A request that was made.
pub(crate) struct Request {
    pub(crate) begun: Instant,
    pub(crate) took: Duration,
    pub(crate) is_well: bool,
}

/// So many requests a second; every other one writes.
pub(crate) async fn keep_asking(client: Client, ledger: Arc<Ledger>, rate: u32, lasting: Duration) -> Vec<Request> {
    let (mut tick, mut requests) = (interval(Duration::from_secs(1) / rate), JoinSet::new());
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
