//! F7: two hundred sign in at once, again and again, from everywhere, with wrong passwords, while others work.
//!
//! Pass: who works is served, within 50 ms in 99 of 100 cases; who signs in is judged, or told within a second to come
//! later.

use crate::{
    Finding, Result, Stage,
    app::App,
    client::Client,
    load::{keep_reading, p99},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep};

/// How many sign in at once.
const GUESSERS: usize = 200;
/// How many work, and how often each asks in a second.
const WORKERS: usize = 25;
const RATE: u32 = 20;
const SERVED: Duration = Duration::from_millis(50);
const SENT_AWAY: Duration = Duration::from_secs(1);

/// What those who sign in were told.
#[derive(Default)]
struct Told {
    judged: usize,
    sent_away: Vec<Duration>,
    wrong: Vec<String>,
}

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    // Behind a proxy each may come from elsewhere; otherwise one address would be told to wait after a hundred.
    let app = App::start(stage, ("SERVER__PROXIES", "1".to_owned())).await?;
    let over = Arc::new(AtomicBool::new(false));
    let tried = Arc::new(AtomicUsize::new(0));
    let nobody = || Client::new(app.port, &"".into());
    let guessers: JoinSet<_> = (0..GUESSERS).map(|_| guess(nobody(), Arc::clone(&over), Arc::clone(&tried))).collect();
    let workers: JoinSet<_> = (0..WORKERS).map(|_| keep_reading(app.client(), RATE, Arc::clone(&over))).collect();
    sleep(Duration::from_secs(stage.pick(20, 3))).await;
    over.store(true, Ordering::Relaxed);
    let worked: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    let told = guessers.join_all().await;
    let mut finding = Finding::default();
    judge_work(&mut finding, stage, &worked);
    judge_guesses(&mut finding, stage, &told);
    finding.require(!app.panicked()?, || "the app panicked".to_owned());
    Ok(finding)
}

/// Guesses at one account after the other, from one address after the other.
async fn guess(mut client: Client, over: Arc<AtomicBool>, tried: Arc<AtomicUsize>) -> Told {
    let mut told = Told::default();
    while !over.load(Ordering::Relaxed) {
        let number = tried.fetch_add(1, Ordering::Relaxed);
        let form = format!("username=user{number}@example.test&password=wrong+password+altogether");
        let address = format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
        let begun = Instant::now();
        match client.post_form("/token", form, Some(&address)).await {
            Ok(answer) if answer.status == 401 => told.judged += 1,
            Ok(answer) if [429, 503].contains(&answer.status.as_u16()) && answer.says_when() => {
                told.sent_away.push(begun.elapsed());
            }
            Ok(answer) => told.wrong.push(format!("{}", answer.status)),
            Err(failure) => told.wrong.push(failure.to_string()),
        }
        sleep(Duration::from_millis(50)).await;
    }
    told
}

fn judge_work(finding: &mut Finding, stage: &Stage, worked: &[Result<Duration>]) {
    let failed = worked.iter().find_map(|done| done.as_ref().err());
    finding.require(failed.is_none(), || {
        format!("who works was told {}", failed.map(ToString::to_string).unwrap_or_default())
    });
    let (served, p99) = (worked.iter().flatten().count(), p99(worked.iter().flatten().copied()));
    // Among other tests, a time says more about those.
    let is_served = stage.pick(p99 <= SERVED, served > 0);
    finding.require(is_served, || format!("who works waits {p99:.1?}"));
    finding.note(format!("{served} requests served, p99 {:.1} ms", p99.as_secs_f64() * 1000.0));
}

fn judge_guesses(finding: &mut Finding, stage: &Stage, told: &[Told]) {
    let judged: usize = told.iter().map(|told| told.judged).sum();
    let wrong = told.iter().find_map(|told| told.wrong.first());
    finding.require(wrong.is_none(), || format!("who signs in was told {}", wrong.cloned().unwrap_or_default()));
    let sent_away: Vec<_> = told.iter().flat_map(|told| &told.sent_away).collect();
    let slowest = sent_away.iter().max().copied().copied().unwrap_or_default();
    finding.require(judged > 0, || "no password was judged".to_owned());
    finding.require(!sent_away.is_empty(), || "nobody was sent away: hash work has no bound".to_owned());
    finding.require(slowest <= stage.within(SENT_AWAY), || format!("sent away only after {slowest:.1?}"));
    finding.note(format!("{judged} passwords judged, {} sent away within {} ms", sent_away.len(), slowest.as_millis()));
}
