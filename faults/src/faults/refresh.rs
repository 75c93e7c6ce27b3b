//! F14: a thousand uses of one refresh token at once over three instances; instances killed between rotation and answer.
//!
//! Pass: all of them are answered one successor; who comes late with a used token ends the whole family, access tokens
//! included, on every instance within a second, and so does whoever keeps a user out, takes a role or a key away; who never
//! got the answer of an instance that was killed is answered the same successor by another, and nobody who tries again is
//! locked out.

use super::ends;
use crate::{
    Finding, Result, Stage,
    app::App,
    client::Client,
    oauth::{self, Browser, Refreshed, Tokens},
    stage::random,
};
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep};
use tollgate_testing::servers::{Postgres, free_port};

const INSTANCES: usize = 3;
const AT_ONCE: usize = 1000;
/// As long as a used token still answers its successor, and a little more.
const GRACE: Duration = Duration::from_secs(11);
const ENDS: Duration = Duration::from_secs(1);
/// Who refreshes while instances are killed.
const CLIENTS: usize = 20;
/// Whoever is not answered by any instance for so long never is.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Instances of one issuer.
struct Instances {
    apps: Vec<App>,
    issuer: String,
    _server: Postgres,
}

impl Instances {
    async fn start(stage: &Stage) -> Result<Self> {
        let server = Postgres::start();
        let port = free_port();
        let issuer = format!("http://127.0.0.1:{port}");
        let mut apps = vec![];
        for number in 0..INSTANCES {
            let settings = [("DATABASE__URL", server.url()), ("SERVER__PUBLIC_URL", issuer.clone())];
            let port = if number == 0 { port } else { free_port() };
            apps.push(App::start_at(stage, port, &settings).await?);
        }
        Ok(Self { apps, issuer, _server: server })
    }

    /// Nobody yet, at an instance.
    fn client(&self, number: usize) -> Client {
        Client::new(self.apps[number % INSTANCES].port, &"".into())
    }

    async fn browser(&self) -> Result<Browser> {
        Browser::sign_in(self.client(0), &self.issuer).await
    }
}

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let mut instances = Instances::start(stage).await?;
    let mut finding = Finding::default();
    let mut times = vec![];
    for _ in 0..stage.pick(10, 1) {
        times.push(race(&instances, stage, &mut finding).await?);
    }
    note(&mut finding, &times);
    let ports: Vec<_> = instances.apps.iter().map(|app| app.port).collect();
    let slowest = ends::everywhere(stage, &ports, &instances.issuer, &mut finding).await?;
    finding.note(format!("a user, a role and a key ended everywhere after {} ms at most", slowest.as_millis()));
    crash(&mut instances, stage, &mut finding).await?;
    for app in &instances.apps {
        finding.require(!app.panicked()?, || "an instance panicked".to_owned());
    }
    Ok(finding)
}

/// How long all uses at once took, and then the end of the family everywhere.
type Times = (Duration, Duration);

fn note(finding: &mut Finding, times: &[Times]) {
    let slowest = |time: fn(&Times) -> Duration| times.iter().map(time).max().unwrap_or_default().as_millis();
    finding.note(format!(
        "{} times {AT_ONCE} at once in {} ms at most, and ended everywhere after {} ms at most",
        times.len(),
        slowest(|times| times.0),
        slowest(|times| times.1)
    ));
}

/// A thousand at once, and then a thief.
async fn race(instances: &Instances, stage: &Stage, finding: &mut Finding) -> Result<Times> {
    let first = instances.browser().await?.tokens().await?;
    let begun = Instant::now();
    let uses: JoinSet<_> = (0..AT_ONCE)
        .map(|number| {
            let (mut client, token) = (instances.client(number), Arc::clone(&first.refresh));
            async move { again_until_answered(&mut [&mut client], &token).await }
        })
        .collect();
    let (mut successors, mut last) = (HashSet::new(), first.clone());
    for answer in uses.join_all().await {
        match answer? {
            Some((tokens, _)) => {
                successors.insert(Arc::clone(&tokens.refresh));
                last = tokens;
                finding.acks += 1;
            }
            None => finding.lost += 1,
        }
    }
    let refused = finding.lost;
    finding.require(refused == 0, || format!("{refused} of {AT_ONCE} uses at once were refused"));
    finding.doubled += successors.len().saturating_sub(1);
    finding.require(successors.len() == 1, || format!("one token has {} successors", successors.len()));
    let took = begun.elapsed();
    sleep(GRACE).await;
    Ok((took, steal(instances, stage, (&first, &last), finding).await?))
}

/// The used token comes late: everything ends. How long that took.
async fn steal(
    instances: &Instances,
    stage: &Stage,
    (used, last): (&Tokens, &Tokens),
    finding: &mut Finding,
) -> Result<Duration> {
    let caught = matches!(oauth::refresh(&mut instances.client(0), &used.refresh).await?, Refreshed::Refused);
    finding.require(caught, || "a used token came late and was good".to_owned());
    let begun = Instant::now();
    for number in 1..=INSTANCES {
        let dead = matches!(oauth::refresh(&mut instances.client(number), &last.refresh).await?, Refreshed::Refused);
        finding.require(dead, || format!("instance {number} still refreshes"));
        let mut reader = Client::new(instances.apps[number % INSTANCES].port, &last.access);
        while reader.get("/api/me").await?.status.is_success() && begun.elapsed() < stage.within(ENDS) {
            sleep(Duration::from_millis(10)).await;
        }
        let ended = begun.elapsed() < stage.within(ENDS);
        finding.require(ended, || format!("instance {number} still takes the access token"));
    }
    Ok(begun.elapsed())
}

/// Clients refresh without pause while one instance after the other is killed.
async fn crash(instances: &mut Instances, stage: &Stage, finding: &mut Finding) -> Result {
    let (over, retried) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut browser = instances.browser().await?;
    let mut clients = JoinSet::new();
    for first in 0..CLIENTS {
        let tokens = browser.tokens().await?;
        let all: Vec<_> = (0..INSTANCES).map(|number| instances.client(first + number)).collect();
        clients.spawn(keep_refreshing(all, tokens, Arc::clone(&over), Arc::clone(&retried)));
    }
    let (kills, mut last) = (stage.pick(30, 3), browser.tokens().await?);
    for number in 0..kills {
        sleep(random(stage.pick(300..1500, 300..900))).await;
        last = kill_before_the_answer(instances, number % INSTANCES, &last, finding).await?;
    }
    over.store(true, Ordering::Relaxed);
    let mut locked_out = 0;
    for refreshed in clients.join_all().await {
        match refreshed? {
            Some(count) => finding.acks += count,
            None => locked_out += 1,
        }
    }
    finding.lost += locked_out;
    finding.require(locked_out == 0, || format!("{locked_out} of {CLIENTS} clients were locked out"));
    let retried = retried.load(Ordering::Relaxed);
    finding
        .note(format!("{kills} kills between rotation and answer, {retried} other requests were repeated elsewhere"));
    Ok(())
}

/// An instance rotates a token and is killed, and its answer is lost: here we know what it was, and go on as if we did not.
async fn kill_before_the_answer(
    instances: &mut Instances,
    victim: usize,
    used: &Tokens,
    finding: &mut Finding,
) -> Result<Tokens> {
    let lost = again_until_answered(&mut [&mut instances.client(victim)], &used.refresh).await?;
    instances.apps[victim].kill()?;
    let again = again_until_answered(&mut [&mut instances.client(victim + 1)], &used.refresh).await?;
    instances.apps[victim].resume().await?;
    let (Some((lost, _)), Some((again, _))) = (lost, again) else {
        return Err("who lost an answer with its instance is locked out".into());
    };
    let is_same = lost.refresh == again.refresh;
    finding.doubled += usize::from(!is_same);
    finding.require(is_same, || "who lost an answer with its instance got another successor".to_owned());
    Ok(again)
}

/// How often a client refreshed until it was over; `None` if it was locked out.
async fn keep_refreshing(
    mut instances: Vec<Client>,
    mut tokens: Tokens,
    over: Arc<AtomicBool>,
    retried: Arc<AtomicUsize>,
) -> Result<Option<usize>> {
    let mut count = 0;
    while !over.load(Ordering::Relaxed) {
        instances.rotate_left(1);
        let mut all: Vec<_> = instances.iter_mut().collect();
        let Some((next, tries)) = again_until_answered(&mut all, &tokens.refresh).await? else { return Ok(None) };
        retried.fetch_add(tries - 1, Ordering::Relaxed);
        (tokens, count) = (next, count + 1);
        sleep(random(1..20)).await;
    }
    Ok(Some(count))
}

/// Tries instance after instance until one answers; with how many tries that took. `None` if the token was refused.
async fn again_until_answered(instances: &mut [&mut Client], token: &str) -> Result<Option<(Tokens, usize)>> {
    let (begun, count, mut tries) = (Instant::now(), instances.len(), 0);
    while begun.elapsed() < TIMEOUT {
        tries += 1;
        match oauth::refresh(instances[tries % count], token).await? {
            Refreshed::Tokens(tokens) => return Ok(Some((tokens, tries))),
            Refreshed::Refused => return Ok(None),
            Refreshed::Unknown => sleep(Duration::from_millis(5)).await,
        }
    }
    Err(format!("no instance answers a refresh for {TIMEOUT:?}").into())
}
