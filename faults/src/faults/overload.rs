//! F15: a database that has become slow, connections to it that break off, and twice as many requests as can be served,
//! of which each client tries again what it was told to.
//!
//! Pass: four fifths of what could be served at most is served; who is sent away learns so, and when to come back, within
//! a tenth of a second; who is served waits no longer than three times as long as without load (these are P8 as well);
//! the database is asked about once for each request that is let in.

use crate::{Finding, Result, Stage, app::App, client::Client};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    task::{JoinSet, block_in_place},
    time::{interval, sleep},
};
use tollgate_testing::{
    FaultProxy,
    servers::{Postgres, free_port, psql},
};

/// How much later the database answers.
const LATE: Duration = Duration::from_millis(500);
/// One in so many of its answers is lost, together with the connection.
const RESETS: u64 = 100;
/// How many requests run at once.
const PLACES: usize = 100;
const AWAY: Duration = Duration::from_millis(100);
/// How often a client comes back until it gives up.
const TRIES: usize = 3;

/// What became of one try.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Served,
    /// There was no place.
    SentAway,
    /// There was one, in vain.
    Failed,
}

type Try = (Told, Duration);

/// What is wrong with the database.
#[derive(Default)]
struct Weather {
    is_bad: AtomicBool,
    answers: AtomicU64,
}

impl Weather {
    fn late(&self) -> Duration {
        if self.is_bad.load(Ordering::Relaxed) { LATE } else { Duration::ZERO }
    }

    fn is_lost(&self) -> bool {
        self.is_bad.load(Ordering::Relaxed) && self.answers.fetch_add(1, Ordering::Relaxed) % RESETS == RESETS - 1
    }
}

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let (server, weather) = (block_in_place(Postgres::start), Arc::new(Weather::default()));
    let (late, lost) = (Arc::clone(&weather), Arc::clone(&weather));
    let way = FaultProxy::slow(server.port(), move || late.late(), move |_| lost.is_lost()).await;
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", way.port());
    let settings = [("DATABASE__URL", url), ("SERVER__REQUESTS", PLACES.to_string())];
    let app = App::start_at(stage, free_port(), &settings).await?;
    block_in_place(|| psql(&server.url(), COUNT));
    weather.is_bad.store(true, Ordering::Relaxed);

    let lasting = Duration::from_secs(stage.pick(30, 6));
    let unloaded = percentile(&once_each(&app, 1, lasting / 4).await, 50);
    let most = number(once_each(&app, PLACES, lasting / 2).await.len()) / (lasting / 2).as_secs_f64();
    let before = attempts(&server)?;
    let tries = twice(&app, most, lasting).await;
    let attempts = attempts(&server)? - before;

    let mut finding = Finding::default();
    judge(&mut finding, stage, &tries, (unloaded, most * lasting.as_secs_f64()));
    let let_in = number(tries.iter().filter(|(told, _)| *told != Told::SentAway).count());
    finding.require(attempts <= let_in * 1.1, || format!("{attempts} attempts for {let_in} requests"));
    finding.require(!app.panicked()?, || "the app panicked".to_owned());
    finding.note(format!("{:.2} attempts for each request", attempts / let_in.max(1.0)));
    Ok(finding)
}

/// Writes a message.
async fn write(client: &mut Client) -> Try {
    let begun = Instant::now();
    let answer = client.post("/messages", None, &json!({ "text": "Hello" })).await;
    let told = match answer {
        Ok(answer) if answer.status == 201 => Told::Served,
        Ok(answer) if answer.status == 503 && answer.says_when() && answer.body_says("at once") => Told::SentAway,
        _ => Told::Failed,
    };
    (told, begun.elapsed())
}

/// So many clients each write one message after the other: how long each took that was stored.
async fn once_each(app: &App, clients: usize, lasting: Duration) -> Vec<Duration> {
    let begun = Instant::now();
    let clients: JoinSet<_> = (0..clients)
        .map(|_| {
            let mut client = app.client();
            async move {
                let mut served = vec![];
                while begun.elapsed() < lasting {
                    let (told, took) = write(&mut client).await;
                    served.extend((told == Told::Served).then_some(took));
                }
                served
            }
        })
        .collect();
    clients.join_all().await.into_iter().flatten().collect()
}

/// Requests come twice as often as they can be served, whatever becomes of them; each try of each.
async fn twice(app: &App, most: f64, lasting: Duration) -> Vec<Try> {
    let (mut tick, begun) = (interval(Duration::from_secs_f64(0.5 / most.max(1.0))), Instant::now());
    let mut requests = JoinSet::new();
    while begun.elapsed() < lasting {
        tick.tick().await;
        let mut client = app.client();
        requests.spawn(async move {
            let mut tries = vec![];
            for _ in 0..TRIES {
                tries.push(write(&mut client).await);
                if tries.last().is_some_and(|(told, _)| *told != Told::SentAway) {
                    break;
                }
                sleep(Duration::from_secs(1)).await;
            }
            tries
        });
    }
    requests.join_all().await.into_iter().flatten().collect()
}

fn judge(finding: &mut Finding, stage: &Stage, tries: &[Try], (unloaded, most): (Duration, f64)) {
    let of = |told: Told| tries.iter().filter(move |of| of.0 == told).map(|of| of.1).collect::<Vec<_>>();
    let (served, away, failed) = (of(Told::Served), of(Told::SentAway), of(Told::Failed));
    finding.acks = served.len();
    let goodput = number(served.len()) / most;
    finding.require(goodput >= 0.8, || format!("only {goodput:.2} of what is possible was served"));
    finding.require(!away.is_empty(), || "nobody was sent away".to_owned());
    // Among other tests, the slowest say more about those.
    let most_of = stage.pick(99, 50);
    let (slow, late) = (percentile(&served, most_of), percentile(&away, most_of));
    finding.require(late <= stage.within(AWAY), || format!("sent away only after {late:.1?}"));
    finding.require(slow <= unloaded * 3, || format!("who was served waited {slow:.1?}, {unloaded:.1?} without load"));
    finding.note(format!(
        "{goodput:.2} of the most possible served within {} ms ({} without load), {} sent away within {} ms, {} failed",
        slow.as_millis(),
        unloaded.as_millis(),
        away.len(),
        late.as_millis(),
        failed.len()
    ));
}

fn number(count: usize) -> f64 {
    u32::try_from(count).unwrap_or(u32::MAX).into()
}

fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() * percent / 100).copied().unwrap_or_default()
}

/// Has the database count what it is asked to insert, also by transactions that are taken back.
const COUNT: &str = "
    CREATE SEQUENCE attempts MINVALUE 0;
    CREATE FUNCTION attempt() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM nextval('attempts'); RETURN NEW; END $$;
    CREATE TRIGGER attempt BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION attempt();";

fn attempts(server: &Postgres) -> Result<f64> {
    Ok(block_in_place(|| psql(&server.url(), "SELECT last_value FROM attempts")).trim().parse()?)
}
