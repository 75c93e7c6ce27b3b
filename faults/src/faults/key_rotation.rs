//! F5: a storm of tokens that name keys which nobody has, and in the middle of it a provider changes its keys.
//!
//! Pass: strangers are told 401; the provider gives its keys twice in ten seconds at most; tokens of the key that is
//! published are good all the time; ten seconds after a change at most the new ones are, and the old ones no more.

use crate::{
    Finding, Result, Stage,
    app::App,
    client::Client,
    load::read_film,
    provider::{Mood, Provider, most_within},
    stage::random,
    strangers::Strangers,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tollgate_testing::servers::free_port;

/// How many strangers come at once.
const CROWD: usize = 50;
/// How many keys they invent, at least.
const INVENTED: usize = 10_000;
const SEEN: Duration = Duration::from_secs(10);

/// The storm ends in any case.
const LONGEST: Duration = Duration::from_mins(2);

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let (provider, mut finding) = (Provider::start(2), Finding::default());
    let app = App::start_at(stage, free_port(), &provider.settings()).await?;
    let [first, second] = [provider.tokens(0, 1).await?.remove(0), provider.tokens(1, 1).await?.remove(0)];
    let (begun, mut seen) = (Instant::now(), vec![]);
    let strangers = Strangers::start(CROWD, app.port, &first, Duration::ZERO);
    for change in 0..stage.pick(6, 1) {
        let (old, new) = if change % 2 == 0 { (&first, &second) } else { (&second, &first) };
        work(&app, old, random(stage.pick(4000..9000, 2000..4000)), &mut finding).await;
        provider.be(Mood::Well(1 - change % 2));
        seen.push(until_taken(&app, new, old, &mut finding).await?);
    }
    while strangers.count() < INVENTED && begun.elapsed() < LONGEST {
        sleep(Duration::from_millis(50)).await;
    }
    let (invented, took) = (strangers.count(), begun.elapsed());
    let told = strangers.stop().await;
    let (given, slowest) = (most_within(SEEN, &provider.gave_keys()), seen.iter().max().copied().unwrap_or_default());
    finding.require(invented >= INVENTED, || format!("only {invented} keys were invented"));
    finding.require(told.wrong.is_empty(), || format!("strangers were told {}", told.wrong[0]));
    finding.require(given <= 2, || format!("keys were fetched {given} times in {SEEN:?}"));
    finding.require(slowest <= stage.pick(SEEN, SEEN * 2), || format!("a new key was taken after {slowest:.1?}"));
    finding.require(!app.panicked()?, || "the app panicked".to_owned());
    finding.note(format!(
        "{invented} invented keys in {:.0} s, {} fetches, {given} in ten seconds at most; {} changes, new keys taken after \
         {:.1} s at most",
        took.as_secs_f64(),
        provider.gave_keys().len(),
        seen.len(),
        slowest.as_secs_f64()
    ));
    Ok(finding)
}

/// Somebody with a good token works for so long.
async fn work(app: &App, token: &Arc<str>, lasting: Duration, finding: &mut Finding) {
    let (mut client, begun) = (Client::new(app.port, token), Instant::now());
    while begun.elapsed() < lasting {
        if let Err(failure) = read_film(&mut client).await {
            return finding.require(false, || format!("a good token was refused in the storm: {failure}"));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// How long it takes until the new token is good; from then on the old one is not.
async fn until_taken(app: &App, new: &Arc<str>, old: &Arc<str>, finding: &mut Finding) -> Result<Duration> {
    let (mut client, begun) = (Client::new(app.port, new), Instant::now());
    loop {
        match client.get("/movies/1").await?.status.as_u16() {
            200 => break,
            401 if begun.elapsed() < LONGEST => sleep(Duration::from_millis(20)).await,
            other => return Err(format!("a token of a new key is answered {other}").into()),
        }
    }
    let taken = begun.elapsed();
    client.show(old);
    let status = client.get("/movies/1").await?.status;
    finding.require(status == 401, || format!("a token of the key that went is answered {status}"));
    Ok(taken)
}
