//! F12: the Redis that two instances share is killed, stopped where it is, and full.
//!
//! Pass: every read is answered, and none waits for Redis longer than a call may take; a limit that instances count
//! together holds on each of them alone; who guesses passwords is slowed down, and who is signed out has no token left.

use crate::{Finding, Result, Stage, app::App, client::Client, load::p99};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    task::{JoinSet, block_in_place},
    time::sleep,
};
use tollgate_testing::servers::{Postgres, Redis, free_port};

/// Kept for all who reach the same rows.
const KEPT: &str = "/movies/new?year=2005&rating=8";
/// How often an API key may be used on a day.
const QUOTA: usize = 20;
/// A call to Redis, and what else a read takes on a machine that is busy with all of this.
const SLOWEST: Duration = Duration::from_millis(50 + 100);
/// How soon who was signed out has no token left.
const ENDED: Duration = Duration::from_secs(1);
const READERS: usize = 8;

/// What is the matter with Redis.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Lost,
    Paused,
    Full,
}

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let (server, mut redis) = block_in_place(|| (Postgres::start(), Redis::start()));
    let apps = [start(stage, &server, &redis).await?, start(stage, &server, &redis).await?];
    let mut finding = Finding::default();
    let shared = served(&apps, &key(&apps[0], "calm")?).await?;
    // Among other tests, Redis may not answer in time without any trouble.
    let most = stage.pick(QUOTA, 2 * QUOTA);
    finding.require(shared.iter().sum::<usize>() <= most, || format!("together they counted to {shared:?}"));
    for trouble in [Trouble::Lost, Trouble::Paused, Trouble::Full] {
        let over = Arc::new(AtomicBool::new(false));
        let reads: JoinSet<_> = (0..READERS).map(|at| read(apps[at % 2].client(), Arc::clone(&over))).collect();
        let frozen = block_in_place(|| begin(trouble, &mut redis));
        let begun = Instant::now();
        let promises = hold(&apps, trouble).await;
        sleep(stage.pick(Duration::from_secs(30), Duration::from_secs(2)).saturating_sub(begun.elapsed())).await;
        drop(frozen);
        block_in_place(|| end(trouble, &mut redis));
        sleep(Duration::from_secs(2)).await;
        over.store(true, Ordering::Relaxed);
        judge(&mut finding, stage, trouble, reads.join_all().await);
        promises?.into_iter().for_each(|broken| finding.failures.push(format!("{trouble:?}: {broken}")));
    }
    for app in &apps {
        finding.require(!app.panicked()?, || "the app panicked".to_owned());
    }
    Ok(finding)
}

async fn start(stage: &Stage, server: &Postgres, redis: &Redis) -> Result<App> {
    let settings = [
        ("DATABASE__URL", server.url()),
        ("REDIS__URL", redis.url()),
        ("SERVER__PUBLIC_URL", "http://127.0.0.1:9".to_owned()),
        ("SERVER__PROXIES", "1".to_owned()),
        ("LIMITS__KEY", format!("{QUOTA} per day")),
    ];
    App::start_at(stage, free_port(), &settings).await
}

fn begin(trouble: Trouble, redis: &mut Redis) -> Option<tollgate_testing::servers::Frozen> {
    match trouble {
        Trouble::Lost => redis.kill(),
        Trouble::Full => drop(redis.tell(0, &["config", "set", "maxmemory", "1"])),
        Trouble::Paused => return Some(redis.freeze()),
    }
    None
}

fn end(trouble: Trouble, redis: &mut Redis) {
    match trouble {
        Trouble::Lost => redis.resume(),
        Trouble::Full => drop(redis.tell(0, &["config", "set", "maxmemory", "0"])),
        Trouble::Paused => {}
    }
}

/// Reads a kept answer and a film, in turn; how long each took, or why it failed.
async fn read(mut client: Client, over: Arc<AtomicBool>) -> Vec<Result<Duration>> {
    let mut done = vec![];
    while !over.load(Ordering::Relaxed) {
        for path in [KEPT, "/movies/1"] {
            let begun = Instant::now();
            let answer = client.get(path).await;
            done.push(answer.and_then(|answer| match answer.status.as_u16() {
                200 => Ok(begun.elapsed()),
                other => Err(format!("{other} for {path}").into()),
            }));
            sleep(Duration::from_millis(2)).await;
        }
    }
    done
}

fn judge(finding: &mut Finding, stage: &Stage, trouble: Trouble, reads: Vec<Vec<Result<Duration>>>) {
    let all: Vec<_> = reads.into_iter().flatten().collect();
    let failed: Vec<_> = all.iter().filter_map(|read| read.as_ref().err().map(ToString::to_string)).collect();
    finding.require(failed.is_empty(), || format!("{trouble:?}: {} reads failed, such as {}", failed.len(), failed[0]));
    let times: Vec<_> = all.iter().filter_map(|read| read.as_ref().ok().copied()).collect();
    let (most, slowest) = (p99(times.iter().copied()), times.iter().max().copied().unwrap_or(Duration::MAX));
    finding.require(slowest <= stage.within(SLOWEST), || format!("{trouble:?}: a read took {slowest:.1?}"));
    finding.note(format!(
        "{trouble:?}: {} reads, p99 {:.1} ms, the slowest {} ms",
        times.len(),
        most.as_secs_f64() * 1000.0,
        slowest.as_millis()
    ));
}

/// Whatever promise is broken meanwhile.
async fn hold(apps: &[App; 2], trouble: Trouble) -> Result<Vec<String>> {
    let mut broken = vec![];
    let name = format!("{trouble:?}").to_lowercase();
    let alone = served(apps, &key(&apps[0], &name)?).await?;
    if alone.iter().any(|served| *served > QUOTA) {
        broken.push(format!("a limit of {QUOTA} was opened to {alone:?}"));
    }
    if !is_slowed_down(&apps[1], &name).await? {
        broken.push("nobody slowed down who guessed".to_owned());
    }
    if let Some(after) = outlives(apps, &name).await? {
        broken.push(format!("a token was good {after:.1?} after its user was signed out"));
    }
    Ok(broken)
}

/// A new API key.
fn key(app: &App, name: &str) -> Result<Arc<str>> {
    Ok(app.operate(&["api-key", "create", name, "--scope", "read:movies"])?.trim().into())
}

/// How many requests with that key each instance serves of more than it should.
async fn served(apps: &[App; 2], key: &Arc<str>) -> Result<[usize; 2]> {
    let mut served = [0; 2];
    for _ in 0..QUOTA + 5 {
        for (app, served) in apps.iter().zip(&mut served) {
            *served += usize::from(Client::new(app.port, key).get("/movies/1").await?.status == 200);
        }
    }
    Ok(served)
}

/// Whether the last of some wrong passwords is not even tried.
async fn is_slowed_down(app: &App, name: &str) -> Result<bool> {
    let (mut client, mut last) = (Client::new(app.port, &"".into()), 0);
    for _ in 0..12 {
        let form = format!("username={name}@example.test&password=a+wrong+password");
        last = client.post_form("/token", form, Some("192.0.2.7")).await?.status.as_u16();
    }
    Ok(last == 429)
}

/// How long a token outlives the sign-out of its user, if for too long.
async fn outlives(apps: &[App; 2], name: &str) -> Result<Option<Duration>> {
    let email = format!("{name}@example.test");
    let password = "a-password-of-theirs";
    let add = ["create-user", "--name", name, "--email", &email, "--password", password, "--role", "reader"];
    apps[0].operate(&add)?;
    let form = format!("username={email}&password={password}");
    let answer = Client::new(apps[0].port, &"".into()).post_form("/token", form, Some("192.0.2.8")).await?.json();
    let token: Arc<str> = answer["access_token"].as_str().ok_or_else(|| format!("no token: {answer}"))?.into();
    apps[1].operate(&["user", "sign-out", &email])?;
    let begun = Instant::now();
    for app in apps {
        let mut client = Client::new(app.port, &token);
        while client.get("/movies/1").await?.status != 401 {
            if begun.elapsed() > ENDED * 5 {
                return Ok(Some(begun.elapsed()));
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
    Ok((begun.elapsed() > ENDED).then(|| begun.elapsed()))
}
