//! `--overload` (P8): twice as many requests as can be served, which come whatever becomes of those before.
//!
//! The job is a list of fifty rows over PostgreSQL, whose limit is the processor; the server has its default settings, and
//! finds out in the first seconds how many requests are best at once. A time is counted from when a request should have left,
//! so a client that is late does not hide it; how late it was itself is told beside it. The client and
//! the server have a core each and the database has the others, as they would be three machines: what is measured is how
//! long the server keeps who asks, not who of the three gets a core.

use crate::{
    jobs::{LIST, Unit},
    load::{Load, Target},
    report::machine,
    section,
    servers::{Servers, Under},
};
use std::{
    error::Error,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

/// How long the server has to find out how many requests are best at once, and what is measured then.
const FIRST: Duration = Duration::from_secs(5);
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
    /// How much of that passed before it left: the client was late.
    late: f64,
    /// In the first seconds.
    is_first: bool,
}

/// What came of the requests of a while.
#[derive(Default)]
struct Outcome {
    served: Vec<f64>,
    away: Vec<f64>,
    late: Vec<f64>,
    /// Neither served nor properly sent away.
    lost: usize,
}

impl Outcome {
    fn of(told: Vec<Told>) -> Self {
        told.into_iter().fold(Self::default(), |mut outcome, told| {
            outcome.late.push(told.late);
            match (told.status, told.says_when) {
                (200, _) => outcome.served.push(told.millis),
                (503, true) => outcome.away.push(told.millis),
                _ => outcome.lost += 1,
            }
            outcome
        })
    }
}

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let cores = std::thread::available_parallelism()?.get();
    let of_database = cores.checked_sub(3).ok_or("it takes three cores")?;
    let machine = machine();
    keep_to(std::process::id(), &format!("0-{of_database}"))?;
    let servers = Servers::start(Under::Postgres)?;
    keep_to(servers.ours.id(), &(cores - 2).to_string())?;
    keep_to(std::process::id(), &(cores - 1).to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let most = servers.ours.target.run(LIST, 32, 5, Unit::Rate)?;
    let come = |rate| runtime.block_on(open_loop(&servers.ours.target, LIST, rate));
    let ((_, calm), (first, storm)) = (come(most / 20.0), come(most * 2.0));
    tell(&machine, most, &calm, &first, &storm)
}

/// A process, and those it starts from now on, run on these cores alone.
fn keep_to(process: u32, cores: &str) -> Result<(), Box<dyn Error>> {
    let told = Command::new("taskset").args(["-a", "-c", "-p", cores, &process.to_string()]).output()?;
    if told.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&told.stderr).into()) }
}

fn tell(machine: &str, most: f64, calm: &Outcome, first: &Outcome, storm: &Outcome) -> Result<(), Box<dyn Error>> {
    let rate = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / LASTING.as_secs_f64();
    let goodput = rate(storm.served.len()) / most;
    let (unloaded, loaded) = (percentile(&calm.served, 99), percentile(&storm.served, 99));
    let away = percentile(&storm.away, 99);
    let rows = [
        format!("| served of what can be served at most | {goodput:.2} | {} at least |", TARGETS.0),
        format!("| p99 until who is sent away knows, ms | {away:.1} | {} |", TARGETS.1),
        format!("| p99 of who is served, ms; without load {unloaded:.1} | {loaded:.1} | {:.1} |", unloaded * TARGETS.2),
        format!("| the same in the {} s before that | {:.1} | |", FIRST.as_secs(), percentile(&first.served, 99)),
        format!("| p99 of how late the client itself was, ms | {:.1} | |", percentile(&storm.late, 99)),
        format!("| neither served nor told 503 with `Retry-After` | {} | 0 |", storm.lost),
    ];
    let text = format!(
        "## P8: twice as many requests as can be served\n\n\
         Written by `cargo run --release -p bench -- --overload`: a list of 50 over PostgreSQL, of which {most:.0} a second can \
         be served; {:.0} a second come for {} s, and for {} s before; one core for the client, one for the server, the others for the database; \
         {machine}.\n\n\
         | what | measured | target |\n|---|---|---|\n{}\n",
        most * 2.0,
        LASTING.as_secs(),
        FIRST.as_secs(),
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

/// So many requests a second, each at its time; what came of them in the first seconds, and afterwards.
async fn open_loop(target: &Target, load: Load, rate: f64) -> (Outcome, Outcome) {
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n\r\n",
        load.path, target.port, target.own
    );
    let begun = Instant::now() + Duration::from_secs(1);
    let (head, turn): (Arc<str>, _) = (head.into(), Arc::new(AtomicU64::new(0)));
    let port = target.port;
    let clients: JoinSet<Vec<Told>> = (0..CLIENTS)
        .map(|_| {
            let (head, turn) = (Arc::clone(&head), Arc::clone(&turn));
            async move {
                // They are there before the storm, as those of a balancer are.
                let (mut told, mut connection) = (vec![], connect(port).await.ok());
                loop {
                    let number = u32::try_from(turn.fetch_add(1, Ordering::Relaxed)).unwrap_or(u32::MAX);
                    let due = begun + Duration::from_secs_f64(f64::from(number) / rate);
                    if due > begun + FIRST + LASTING {
                        return told;
                    }
                    sleep_until(due).await;
                    let answer = timeout(Duration::from_secs(10), ask(&mut connection, port, &head)).await;
                    let answer = answer.ok().and_then(Result::ok);
                    let (status, says_when, left) = answer.unwrap_or((0, false, due));
                    let [millis, late] = [due.elapsed(), left - due].map(|time| time.as_secs_f64() * 1000.0);
                    told.push(Told { status, says_when, millis, late, is_first: due < begun + FIRST });
                }
            }
        })
        .collect();
    let (first, then): (Vec<_>, Vec<_>) =
        clients.join_all().await.into_iter().flatten().partition(|told| told.is_first);
    (Outcome::of(first), Outcome::of(then))
}

/// The status of an answer, whether it says when to come again, and when the request left. A connection that failed is not
/// used again.
async fn ask(connection: &mut Option<TcpStream>, port: u16, head: &str) -> std::io::Result<(u16, bool, Instant)> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => connect(port).await?,
    };
    open.write_all(head.as_bytes()).await?;
    let left = Instant::now();
    let (status, says_when) = read(&mut open).await?;
    *connection = Some(open);
    Ok((status, says_when, left))
}

async fn connect(port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn read(connection: &mut TcpStream) -> std::io::Result<(u16, bool)> {
    let mut bytes = Vec::with_capacity(8 * 1024);
    let end = loop {
        if connection.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let of = |name: &str| Some(head.split_once(name)?.1.split_once("\r\n")?.0.to_owned());
    let length: usize = of("content-length: ").and_then(|length| length.parse().ok()).unwrap_or_default();
    let (status, says_when) = (head.get(9..12).and_then(|status| status.parse().ok()), of("retry-after: ").is_some());
    while bytes.len() < end + length && connection.read_buf(&mut bytes).await? > 0 {}
    Ok((status.unwrap_or_default(), says_when))
}

fn percentile(times: &[f64], percent: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.get(times.len() * percent / 100).copied().unwrap_or_default()
}
