//! Strangers: their tokens are like good ones, but for a key that nobody has.

use crate::client::Client;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep};

/// Those who come now, until they are told to stop.
pub(crate) struct Strangers {
    over: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    tasks: JoinSet<Told>,
}

/// What they were told.
#[derive(Default)]
pub(crate) struct Told {
    /// The longest that one of them waited.
    pub(crate) slowest: Duration,
    /// Anything but 401.
    pub(crate) wrong: Vec<String>,
}

impl Strangers {
    /// So many set off, each with one token after the other, made of a good one.
    pub(crate) fn start(crowd: usize, port: u16, good: &str, pause: Duration) -> Self {
        let (over, count) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let come = |_| {
            let (good, over, count) = (good.to_owned(), Arc::clone(&over), Arc::clone(&count));
            async move {
                let (mut told, mut client) = (Told::default(), Client::new(port, &"".into()));
                while !over.load(Ordering::Relaxed) {
                    client.show(&invented(&good, count.fetch_add(1, Ordering::Relaxed)).into());
                    told.come(&mut client).await;
                    sleep(pause).await;
                }
                told
            }
        };
        Self { tasks: (0..crowd).map(come).collect(), over, count }
    }

    /// How many tokens they have shown.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Lets each hear the answer it waits for.
    pub(crate) async fn stop(self) -> Told {
        self.over.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().fold(Told::default(), Told::and)
    }
}

impl Told {
    async fn come(&mut self, client: &mut Client) {
        let begun = Instant::now();
        match client.get("/movies/1").await {
            Ok(answer) if answer.status == 401 => {}
            Ok(answer) => self.wrong.push(answer.status.to_string()),
            Err(failure) => self.wrong.push(failure.to_string()),
        }
        self.slowest = self.slowest.max(begun.elapsed());
    }

    fn and(self, other: Self) -> Self {
        Self { slowest: self.slowest.max(other.slowest), wrong: [self.wrong, other.wrong].concat() }
    }
}

/// The token, as if a key with this number had signed it.
fn invented(good: &str, number: usize) -> String {
    let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": format!("invented-{number}") });
    let rest = good.split_once('.').map_or(good, |(_, rest)| rest);
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}
