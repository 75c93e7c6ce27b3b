//! F4: a provider of identities is away, in six ways, while people with its tokens work and strangers show others.
//!
//! Pass: the app starts without it and says what is missing; afterwards every token of a key that is known is good, also
//! one that was never seen before; strangers are told 401; the provider is asked once in ten seconds at most; and who
//! works hardly notices: the p99 of their requests is five in a hundred more at most, by the median of many pairs of
//! outage and calm; of each way, told by itself, it is less than a quarter more. A pair is of one moment: there are two
//! apps, each with a provider of its own, which are away in turn, so that what else the machine does is in both. That this
//! is so for an hour is tried with a clock of its own, among the tests of `tollgate-auth`.

use crate::{
    Finding, Result, Stage,
    app::App,
    client::Client,
    load::{keep_reading, p99, read_film},
    provider::{Mood, Provider, most_within},
    strangers::Strangers,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep, try_join};
use tollgate_testing::servers::free_port;

/// How a provider is away. The short form takes the first three.
const MOODS: [Mood; 6] = [Mood::Gone, Mood::Silent, Mood::Flooding, Mood::Failing, Mood::Garbled, Mood::Dripping];
/// How many work, and how often each asks in a second.
const WORKERS: usize = 50;
const RATE: u32 = 40;
/// Tokens in a window that nobody has shown before, and how often a stranger comes.
const NEWCOMERS: u32 = 50;
const STRANGERS: Duration = Duration::from_millis(25);
/// After a failure, the provider is asked again after this pause.
const PAUSE: Duration = Duration::from_secs(10);
/// Nobody with a good token waits for the provider, which is given five seconds.
const UNDISTURBED: Duration = Duration::from_secs(1);
const RATIO: f64 = 1.05;
/// Of one way to be away there are few pairs, so that their median is rougher.
const RATIO_OF_A_WAY: f64 = 1.25;

/// One stretch of calm, or of an outage.
struct Window {
    times: Vec<Duration>,
    failures: Vec<String>,
}

impl Window {
    fn p99(&self) -> f64 {
        p99(self.times.iter().copied()).as_secs_f64()
    }
}

/// An app, and the provider that it trusts.
struct Site<'a> {
    stage: &'a Stage,
    provider: Provider,
    app: App,
    token: Arc<str>,
}

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let mut finding = Finding::default();
    let mut sites = [Site::start(stage).await?, Site::start(stage).await?];
    sites[0].start_without(&mut finding).await?;
    let strangers = sites.each_ref().map(|site| Strangers::start(1, site.app.port, &site.token, STRANGERS));
    let (rounds, moods) = stage.pick((4, &MOODS[..]), (1, &MOODS[..3]));
    let length = Duration::from_secs(stage.pick(12, 11));
    let mut pairs = vec![];
    for round in 0..rounds {
        for (number, mood) in moods.iter().enumerate() {
            let [away, calm] = [round + number, round + number + 1].map(|turn| &sites[turn % 2]);
            away.provider.be(*mood);
            pairs.push(try_join!(calm.work(length), away.work(length))?);
            away.provider.be(Mood::Well(0));
        }
    }
    for strangers in strangers {
        let told = strangers.stop().await;
        finding.require(told.wrong.is_empty(), || format!("strangers were told {}", told.wrong[0]));
    }
    judge_fetches(&mut finding, stage, &sites, pairs.len())?;
    judge_work(&mut finding, stage, moods, &pairs);
    for site in &sites {
        finding.require(!site.app.panicked()?, || "the app panicked".to_owned());
    }
    Ok(finding)
}

/// Each outage was noticed, and the one at the start.
fn judge_fetches(finding: &mut Finding, stage: &Stage, sites: &[Site; 2], outages: usize) -> Result {
    // Two fetches set out at this distance; how long each travels is not theirs.
    let travel = stage.pick(Duration::from_millis(200), Duration::from_secs(2));
    let mut failed = 0;
    for site in sites {
        failed += site.app.logged("keys were not renewed")?;
        let asked = most_within(PAUSE.saturating_sub(travel), &site.provider.gave_nothing());
        finding.require(asked == 1, || format!("asked {asked} times in {PAUSE:?}"));
    }
    finding.require(failed > outages, || format!("{outages} outages, and {failed} fetches failed"));
    finding.note(format!("{outages} outages, {failed} fetches failed"));
    Ok(())
}

impl<'a> Site<'a> {
    async fn start(stage: &'a Stage) -> Result<Self> {
        let provider = Provider::start(1);
        let app = App::start_at(stage, free_port(), &provider.settings()).await?;
        let token = provider.tokens(0, 1).await?.remove(0);
        Ok(Self { stage, provider, app, token })
    }

    /// The app starts while the provider is away, and is ready when that is back.
    async fn start_without(&mut self, finding: &mut Finding) -> Result {
        let Self { provider, app, token, .. } = self;
        app.kill()?;
        provider.be(Mood::Gone);
        app.launch()?;
        let (mut nobody, mut somebody) = (Client::new(app.port, &"".into()), Client::new(app.port, token));
        let begun = Instant::now();
        while nobody.get("/livez").await.is_err() && begun.elapsed() < Duration::from_secs(30) {
            sleep(Duration::from_millis(20)).await;
        }
        let ready = nobody.get("/readyz").await?;
        let says_why = ready.status == 503 && String::from_utf8_lossy(&ready.body).contains("peer");
        finding.require(says_why, || format!("/readyz does not say what is missing: {}", ready.status));
        let refused = somebody.get("/movies/1").await?;
        let is_told = refused.status == 503 && refused.says_when();
        finding.require(is_told, || format!("without any key, a token is answered {}", refused.status));
        provider.be(Mood::Well(0));
        let ready = app.until_ready().await?;
        finding.note(format!("ready {:.1} s after the provider it was started without", ready.as_secs_f64()));
        Ok(())
    }

    /// What becomes of work while the provider is as it is.
    async fn work(&self, length: Duration) -> Result<Window> {
        let newcomers = self.provider.tokens(0, NEWCOMERS as usize).await?;
        let over = Arc::new(AtomicBool::new(false));
        let rate = self.stage.pick(RATE, RATE / 10);
        let worker = |_| keep_reading(Client::new(self.app.port, &self.token), rate, Arc::clone(&over));
        let workers: JoinSet<_> = (0..WORKERS).map(worker).collect();
        let mut failures = self.come(&newcomers, length).await;
        over.store(true, Ordering::Relaxed);
        let mut times = vec![];
        for done in workers.join_all().await.into_iter().flatten() {
            match done {
                Ok(time) => times.push(time),
                Err(failure) => failures.push(failure.to_string()),
            }
        }
        Ok(Window { times, failures })
    }

    /// Tokens that were never seen before, one after the other for so long; what they met.
    async fn come(&self, newcomers: &[Arc<str>], length: Duration) -> Vec<String> {
        let (begun, mut failures) = (Instant::now(), vec![]);
        let mut client = Client::new(self.app.port, &self.token);
        for token in newcomers {
            client.show(token);
            failures.extend(read_film(&mut client).await.err().map(|failure| failure.to_string()));
            sleep(length / NEWCOMERS).await;
        }
        sleep(length.saturating_sub(begun.elapsed())).await;
        failures
    }
}

fn judge_work(finding: &mut Finding, stage: &Stage, moods: &[Mood], pairs: &[(Window, Window)]) {
    let windows = || pairs.iter().flat_map(|(calm, outage)| [calm, outage]);
    for (window, mood) in windows().zip(moods.iter().flat_map(|mood| [mood; 2]).cycle()) {
        let failure = window.failures.first();
        finding.require(failure.is_none(), || {
            format!("{mood:?}: a good token was refused; {}", failure.map_or("", |it| it))
        });
    }
    let slowest = windows().flat_map(|window| &window.times).max().copied().unwrap_or_default();
    finding.require(slowest <= stage.pick(UNDISTURBED, UNDISTURBED * 4), || format!("a good token took {slowest:.1?}"));
    let ratio = median(pairs.iter().map(slower).collect());
    let calm = median(pairs.iter().map(|(calm, _)| calm.p99()).collect());
    // Among other tests, a time says more about those.
    finding.require(stage.pick(ratio <= RATIO, true), || format!("in an outage, p99 is {ratio:.3} times as long"));
    finding.note(format!(
        "{} requests with good tokens, p99 {:.2} ms in calm and {ratio:.3} times that in outages (median of {} pairs), the slowest {} ms",
        windows().map(|window| window.times.len()).sum::<usize>(),
        calm * 1000.0,
        pairs.len(),
        slowest.as_millis()
    ));
    for (number, mood) in moods.iter().enumerate() {
        let of_it = pairs.iter().skip(number).step_by(moods.len());
        let ratio = median(of_it.map(slower).collect());
        let is_calm = stage.pick(ratio <= RATIO_OF_A_WAY, true);
        finding.require(is_calm, || format!("while it is {mood:?}, p99 is {ratio:.3} times as long"));
        finding.note(format!("{mood:?}: {ratio:.3} times"));
    }
}

/// How much longer requests take in the outage of a pair.
fn slower((calm, outage): &(Window, Window)) -> f64 {
    outage.p99() / calm.p99()
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::INFINITY)
}
