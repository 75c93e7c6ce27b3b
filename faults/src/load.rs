//! Load, bounded in count and time, and what its clients were told.

use crate::{
    Result,
    app::App,
    client::{Answer, Client},
    stage::random,
};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep};

/// What clients were told about their writes.
#[derive(Default)]
pub(crate) struct Ledger {
    told: Mutex<Told>,
    acks: AtomicUsize,
}

/// See [`Ledger`].
#[derive(Default)]
pub(crate) struct Told {
    /// Texts of messages whose storing was acknowledged.
    pub(crate) acked: Vec<String>,
    /// How many refusals by status.
    pub(crate) refused: BTreeMap<u16, usize>,
    /// How many requests got no answer.
    pub(crate) unanswered: usize,
    /// Answers that must not be; the first few.
    pub(crate) wrong: Vec<String>,
}

impl Told {
    /// How many requests were not granted.
    pub(crate) fn refusals(&self) -> usize {
        self.refused.values().sum::<usize>() + self.unanswered
    }

    /// Refusals with another of these statuses are wrong, and so are those that do not say when to come again.
    fn hear(&mut self, answer: &Result<Answer>, refusals: &[u16]) -> Outcome {
        match answer {
            Err(_) => {
                self.unanswered += 1;
                Outcome::Unanswered
            }
            Ok(answer) if answer.status.is_success() => Outcome::Acknowledged,
            Ok(answer) => {
                let status = answer.status.as_u16();
                *self.refused.entry(status).or_default() += 1;
                if !refusals.contains(&status) || (status != 507 && !answer.says_when()) {
                    self.note_wrong(answer);
                }
                Outcome::Refused
            }
        }
    }

    fn note_wrong(&mut self, answer: &Answer) {
        if self.wrong.len() < 10 {
            self.wrong.push(format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body)));
        }
    }
}

/// What a client makes of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Acknowledged,
    Refused,
    Unanswered,
}

impl Ledger {
    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn acks(&self) -> usize {
        self.acks.load(Ordering::Relaxed)
    }

    /// Whether all these messages were acknowledged.
    pub(crate) fn has(&self, texts: &[String]) -> bool {
        let told = self.told();
        let acked: HashSet<&str> = told.acked.iter().map(String::as_str).collect();
        texts.iter().all(|text| acked.contains(text.as_str()))
    }

    /// Writes a message and notes what it was told. Refusals with another status than this are wrong.
    pub(crate) async fn write(&self, client: &mut Client, text: &str, key: Option<&str>, refusal: u16) -> Outcome {
        let answer = client.post("/messages", key, &json!({ "text": text })).await;
        let mut told = self.told();
        // Of a request that was interrupted, the database may not know yet that it is over.
        let running = key.map_or(refusal, |_| 409);
        let outcome = told.hear(&answer, &[refusal, running]);
        if let (Ok(answer), Outcome::Acknowledged) = (&answer, outcome) {
            if answer.json()["text"] != text {
                told.note_wrong(answer);
            }
            told.acked.push(text.to_owned());
            self.acks.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }

    /// Reads something that is there, likewise.
    pub(crate) async fn read(&self, client: &mut Client, path: &str, refusal: u16) -> Outcome {
        let answer = client.get(path).await;
        self.told().hear(&answer, &[refusal])
    }
}

/// Clients who each write one message after the other, until told to stop.
pub(crate) struct Writers {
    over: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Writers {
    /// Sets so many off. Every other one has idempotency keys, under which it sends again what was not acknowledged; the
    /// others, whose writes are grouped, cannot know what became of it and go on with the next.
    pub(crate) fn start(clients: usize, app: &App, ledger: &Arc<Ledger>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let write = |writer: usize| {
            let (mut client, ledger, over) = (app.client(), Arc::clone(ledger), Arc::clone(&over));
            async move {
                let (mut number, keyed) = (0, writer.is_multiple_of(2));
                while !over.load(Ordering::Relaxed) {
                    let text = format!("{writer}-{number}");
                    let outcome = ledger.write(&mut client, &text, keyed.then_some(text.as_str()), 503).await;
                    if outcome != Outcome::Acknowledged {
                        sleep(Duration::from_millis(5)).await;
                    }
                    number += usize::from(outcome == Outcome::Acknowledged || !keyed);
                }
            }
        };
        Self { tasks: (0..clients).map(write).collect(), over }
    }

    /// What those with keys of so many are at: of each, the message after the last that was acknowledged.
    pub(crate) fn with_keys_are_at(clients: usize, ledger: &Ledger) -> Vec<String> {
        let mut next: BTreeMap<usize, usize> = (0..clients).step_by(2).map(|writer| (writer, 0)).collect();
        for (writer, number) in ledger.told().acked.iter().filter_map(|text| text.split_once('-')) {
            let (writer, after) = (writer.parse().unwrap_or_default(), number.parse().map_or(0, |it: usize| it + 1));
            next.entry(writer).and_modify(|next| *next = after.max(*next));
        }
        next.into_iter().map(|(writer, number)| format!("{writer}-{number}")).collect()
    }

    /// Lets them finish what they are at.
    pub(crate) async fn stop(self) {
        self.over.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
    }
}

/// Reads a film about so many times a second, until told to stop; how long each request took, or why it failed.
pub(crate) async fn keep_reading(mut client: Client, rate: u32, over: Arc<AtomicBool>) -> Vec<Result<Duration>> {
    let mut done = vec![];
    while !over.load(Ordering::Relaxed) {
        // Evenly, those who once ask at the same moment would do so again and again: in one window many, in the next few.
        sleep(random(0..2000 / u64::from(rate))).await;
        done.push(read_film(&mut client).await);
    }
    done
}

/// How long that took.
pub(crate) async fn read_film(client: &mut Client) -> Result<Duration> {
    let begun = Instant::now();
    match client.get("/movies/1").await?.status.as_u16() {
        200 => Ok(begun.elapsed()),
        other => Err(format!("{other} for a film").into()),
    }
}

/// What 99 of 100 times are below; any, if there are none.
pub(crate) fn p99(times: impl IntoIterator<Item = Duration>) -> Duration {
    below(times, 99)
}

/// What half of the times are below, likewise.
pub(crate) fn median(times: impl IntoIterator<Item = Duration>) -> Duration {
    below(times, 50)
}

fn below(times: impl IntoIterator<Item = Duration>, percent: usize) -> Duration {
    let mut times: Vec<_> = times.into_iter().collect();
    times.sort_unstable();
    times.get(times.len() * percent / 100).copied().unwrap_or(Duration::MAX)
}
