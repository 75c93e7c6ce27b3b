//! `--overload` (P8): twice as many requests as can be served, which come whatever becomes of those before.
//!
//! The job is a list of fifty rows over PostgreSQL, whose limit is the processor. As many requests have a place as the guide
//! says: three times as many as run at once without load. A time is counted from when a request should have left, so a
//! client that is late does not hide it.

use crate::{
    jobs::{LIST, Unit},
    load::{Load, Target},
    report::machine,
    section,
    servers::{Servers, Under, password_token, start_ours_with},
};
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

const LASTING: Duration = Duration::from_secs(10);
/// Who asks, at most at once.
const CLIENTS: usize = 2000;
/// The wanted goodput, how soon who finds no place is to know, and how many times as long as without load who is served waits.
const TARGETS: (f64, f64, f64) = (0.8, 100.0, 3.0);

/// What one request was told, and after how many milliseconds.
#[derive(Clone, Copy)]
struct Told {
    status: u16,
    says_when: bool,
    millis: f64,
}

/// What came of the requests of a while.
#[derive(Default)]
struct Outcome {
    served: Vec<f64>,
    away: Vec<f64>,
    /// Neither served nor properly sent away.
    lost: usize,
}

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let servers = Servers::start(Under::Postgres)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let most = servers.ours.target.run(LIST, 32, 5, Unit::Rate)?;
    let calm = runtime.block_on(open_loop(&servers.ours.target, LIST, most / 20.0, LASTING / 2));
    let places = (3.0 * most * percentile(&calm.served, 50) / 1000.0).ceil().max(4.0);
    let settings = [("BENCH_SERVER__REQUESTS", places), ("BENCH_SERVER__QUEUE_MILLISECONDS", 20.0)];
    let settings = settings.map(|(name, value)| (name.to_owned(), format!("{value:.0}")));
    let mut server = start_ours_with(servers.folder(), servers.url().as_deref(), &settings)?;
    server.target.own = password_token(server.target.port, "own")?;
    let storm = runtime.block_on(open_loop(&server.target, LIST, most * 2.0, LASTING));
    tell(most, places, &calm, &storm)
}

fn tell(most: f64, places: f64, calm: &Outcome, storm: &Outcome) -> Result<(), Box<dyn Error>> {
    let rate = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / LASTING.as_secs_f64();
    let goodput = rate(storm.served.len()) / most;
    let (unloaded, loaded) = (percentile(&calm.served, 99), percentile(&storm.served, 99));
    let away = percentile(&storm.away, 99);
    let rows = [
        format!("| served of what can be served at most | {goodput:.2} | {} at least |", TARGETS.0),
        format!("| p99 until who is sent away knows, ms | {away:.1} | {} |", TARGETS.1),
        format!("| p99 of who is served, ms; without load {unloaded:.1} | {loaded:.1} | {:.1} |", unloaded * TARGETS.2),
        format!("| neither served nor told 503 with `Retry-After` | {} | 0 |", storm.lost),
    ];
    let text = format!(
        "## P8: twice as many requests as can be served\n\n\
         Written by `cargo run --release -p bench -- --overload`: a list of 50 over PostgreSQL, of which {most:.0} a second can \
         be served; {:.0} a second come for {} s, {places:.0} of which have a place; {}.\n\n\
         | what | measured | target |\n|---|---|---|\n{}\n",
        most * 2.0,
        LASTING.as_secs(),
        machine(),
        rows.join("\n")
    );
    section::keep("OVERLOAD.md", &text)?;
    let missed = [
        (goodput < TARGETS.0, "goodput"),
        (away > TARGETS.1, "who is sent away waits"),
        (loaded > unloaded * TARGETS.2, "who is served waits"),
        (storm.lost > 0, "some were told nothing"),
    ];
    let missed = missed.iter().filter(|(is_missed, _)| *is_missed).map(|(_, what)| (*what).to_owned());
    section::judge(&missed.collect::<Vec<_>>())
}

/// So many requests a second, each at its time.
async fn open_loop(target: &Target, load: Load, rate: f64, lasting: Duration) -> Outcome {
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n\r\n",
        load.path, target.port, target.own
    );
    let (head, turn, begun): (Arc<str>, _, _) = (head.into(), Arc::new(AtomicU64::new(0)), Instant::now());
    let port = target.port;
    let clients: JoinSet<Vec<Told>> = (0..CLIENTS)
        .map(|_| {
            let (head, turn) = (Arc::clone(&head), Arc::clone(&turn));
            async move {
                let (mut told, mut connection) = (vec![], None);
                loop {
                    let number = u32::try_from(turn.fetch_add(1, Ordering::Relaxed)).unwrap_or(u32::MAX);
                    let due = begun + Duration::from_secs_f64(f64::from(number) / rate);
                    if due > begun + lasting {
                        return told;
                    }
                    sleep_until(due).await;
                    let answer = timeout(Duration::from_secs(10), ask(&mut connection, port, &head)).await;
                    let (status, says_when) = answer.ok().and_then(Result::ok).unwrap_or_default();
                    told.push(Told { status, says_when, millis: due.elapsed().as_secs_f64() * 1000.0 });
                }
            }
        })
        .collect();
    clients.join_all().await.into_iter().flatten().fold(Outcome::default(), |mut outcome, told| {
        match (told.status, told.says_when) {
            (200, _) => outcome.served.push(told.millis),
            (503, true) => outcome.away.push(told.millis),
            _ => outcome.lost += 1,
        }
        outcome
    })
}

type Connection = BufReader<TcpStream>;

/// The status of an answer, and whether it says when to come again. A connection that failed is not used again.
async fn ask(connection: &mut Option<Connection>, port: u16, head: &str) -> std::io::Result<(u16, bool)> {
    let mut open = if let Some(open) = connection.take() {
        open
    } else {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        BufReader::new(stream)
    };
    open.write_all(head.as_bytes()).await?;
    let answer = read(&mut open).await?;
    *connection = Some(open);
    Ok(answer)
}

async fn read(connection: &mut Connection) -> std::io::Result<(u16, bool)> {
    use tokio::io::AsyncBufReadExt;
    let (mut line, mut status, mut length, mut says_when) = (String::new(), 0, 0, false);
    loop {
        line.clear();
        if connection.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let text = line.trim_end().to_ascii_lowercase();
        if text.is_empty() {
            break;
        }
        match text.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap_or_default(),
            Some(("retry-after", _)) => says_when = true,
            None => status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default(),
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    Ok((status, says_when))
}

fn percentile(times: &[f64], percent: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.get(times.len() * percent / 100).copied().unwrap_or_default()
}
