//! F4: a provider of identities is away, in six ways, while people with its tokens work and strangers show others.
//!
//! Pass: the app starts without it and says what is missing; afterwards every token of a key that is known is good, also
//! one that was never seen before; strangers are told 401; the provider is asked once in ten seconds at most; and who
//! works hardly notices: the p99 of their requests is five in a hundred more at most, by the median of many pairs of
//! calm and outage, one after the other; of each way, told by itself, it is less than a quarter more. That this is so
//! for an hour is tried with a clock of its own, among the tests of `tollgate-auth`.

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
use tokio::{task::JoinSet, time::sleep};
use tollgate_testing::servers::free_port;

/// How a provider is away. The short form takes the first three.
const MOODS: [Mood; 6] = [Mood::Gone, Mood::Silent, Mood::Flooding, Mood::Failing, Mood::Garbled, Mood::Dripping];
/// How many work, and how often each asks in a second.
const WORKERS: usize = 50;
const RATE: u32 = 40;
/// Tokens in a window that nobody has shown before.
const NEWCOMERS: usize = 50;
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

/// What to do in a window.
struct Scene<'a> {
    stage: &'a Stage,
    provider: &'a Provider,
    app: &'a App,
    token: &'a Arc<str>,
}

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let (provider, mut finding) = (Provider::start(1), Finding::default());
    let mut app = App::start_at(stage, free_port(), &provider.settings()).await?;
    let token = &provider.tokens(0, 1).await?[0];
    start_without(&mut app, &provider, token, &mut finding).await?;
    let strangers = Strangers::start(2, app.port, token, Duration::from_millis(50));
    let (rounds, moods) = stage.pick((4, &MOODS[..]), (1, &MOODS[..3]));
    let (calm, outage) = stage.pick((12, 12), (1, 11));
    let scene = Scene { stage, provider: &provider, app: &app, token };
    let mut pairs = vec![];
    for mood in (0..rounds).flat_map(|_| moods) {
        let before = scene.play(Mood::Well(0), calm).await?;
        pairs.push((before, scene.play(*mood, outage).await?));
    }
    provider.be(Mood::Well(0));
    let told = strangers.stop().await;
    finding.require(told.wrong.is_empty(), || format!("strangers were told {}", told.wrong[0]));
    judge_fetches(&mut finding, stage, &provider, (pairs.len(), app.logged("keys were not renewed")?));
    judge_work(&mut finding, stage, moods, &pairs);
    finding.require(!app.panicked()?, || "the app panicked".to_owned());
    Ok(finding)
}

/// Each outage was noticed, and the one at the start.
fn judge_fetches(finding: &mut Finding, stage: &Stage, provider: &Provider, (outages, failed): (usize, usize)) {
    finding.require(failed > outages, || format!("{outages} outages, and {failed} fetches failed"));
    // Two fetches set out at this distance; how long each travels is not theirs.
    let travel = stage.pick(Duration::from_millis(200), Duration::from_secs(2));
    let asked = most_within(PAUSE.saturating_sub(travel), &provider.gave_nothing());
    finding.require(asked == 1, || format!("asked {asked} times in {PAUSE:?}"));
    finding.note(format!("{outages} outages, {failed} fetches failed"));
}

/// The app starts while the provider is away, and is ready when that is back.
async fn start_without(app: &mut App, provider: &Provider, token: &Arc<str>, finding: &mut Finding) -> Result {
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

impl Scene<'_> {
    /// So many seconds of work while the provider is in that mood.
    async fn play(&self, mood: Mood, seconds: u64) -> Result<Window> {
        let newcomers = self.provider.tokens(0, NEWCOMERS).await?;
        self.provider.be(mood);
        let over = Arc::new(AtomicBool::new(false));
        let rate = self.stage.pick(RATE, RATE / 10);
        let worker = |_| keep_reading(Client::new(self.app.port, self.token), rate, Arc::clone(&over));
        let workers: JoinSet<_> = (0..WORKERS).map(worker).collect();
        let (length, mut client) = (Duration::from_secs(seconds), Client::new(self.app.port, self.token));
        let (begun, mut failures) = (Instant::now(), vec![]);
        for token in newcomers {
            client.show(&token);
            failures.extend(read_film(&mut client).await.err());
            sleep(length / u32::try_from(NEWCOMERS)?).await;
        }
        sleep(length.saturating_sub(begun.elapsed())).await;
        over.store(true, Ordering::Relaxed);
        let mut times = vec![];
        for done in workers.join_all().await.into_iter().flatten() {
            match done {
                Ok(time) => times.push(time),
                Err(failure) => failures.push(failure),
            }
        }
        let failures = failures.iter().map(|failure| format!("{mood:?}: {failure}")).collect();
        Ok(Window { times, failures })
    }
}

fn judge_work(finding: &mut Finding, stage: &Stage, moods: &[Mood], pairs: &[(Window, Window)]) {
    let windows = || pairs.iter().flat_map(|(calm, outage)| [calm, outage]);
    let failure = windows().find_map(|window| window.failures.first());
    finding
        .require(failure.is_none(), || format!("good tokens were refused; {}", failure.cloned().unwrap_or_default()));
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
