//! F6: clients that take their time: with their heads, with their bodies, between requests, with reading what they asked
//! for; over HTTP/2 by giving no room for answers, or a byte of it, or by asking for nothing while they go on to speak.
//!
//! Pass: each is let go within a second of its limit; meanwhile others are served without an error; the memory that each
//! crowd takes is bounded.

use crate::{Finding, Result, Stage, app::App, client::Client, http2};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

/// Slow clients that come together, and what an application may take for all of them, in MiB.
struct Crowd {
    kinds: &'static [Kind],
    memory: u64,
}

/// A connection of HTTP/2 keeps tables of headers and buffers for frames: 1,500 of them have 64 KiB each. What they were
/// answered and do not read may be 64 MiB, whatever their number.
const CROWDS: [Crowd; 2] = [
    Crowd { kinds: &[Kind::Head, Kind::Body, Kind::Idle, Kind::Reader], memory: 64 },
    Crowd { kinds: &[Kind::NoRoom, Kind::LittleRoom, Kind::Ping], memory: 94 + 64 },
];
/// Who works meanwhile, and how long each waits between requests.
const WORKERS: usize = 20;
const PAUSE: Duration = Duration::from_millis(50);
/// How soon after one slow client the next comes: all at once they are a storm, which is another fault.
const NEXT: Duration = Duration::from_millis(2);
/// How far from its limit somebody may be let go.
const OFF: Duration = Duration::from_secs(1);
/// Whoever is not let go by then never is.
const NEVER: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Head,
    Body,
    Idle,
    Reader,
    NoRoom,
    LittleRoom,
    Ping,
}

/// What each client of HTTP/2 asks for at once.
const ANSWERS: u32 = 4;

/// In seconds: of a head, between requests, of a body or an answer that stands still.
struct Limits {
    head: u64,
    idle: u64,
    stall: u64,
}

impl Limits {
    fn of(&self, kind: Kind) -> Duration {
        Duration::from_secs(match kind {
            Kind::Head => self.head,
            Kind::Idle | Kind::Ping => self.idle,
            Kind::Body | Kind::Reader | Kind::NoRoom | Kind::LittleRoom => self.stall,
        })
    }
}

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let limits = stage.pick(Limits { head: 5, idle: 8, stall: 6 }, Limits { head: 2, idle: 3, stall: 2 });
    let settings = [
        ("SERVER__HEAD_SECONDS", limits.head.to_string()),
        ("SERVER__IDLE_SECONDS", limits.idle.to_string()),
        ("SERVER__STALL_SECONDS", limits.stall.to_string()),
        // What the system takes in for a client that does not read counts as progress.
        ("SERVER__BYTES_PER_SECOND", "1000000".to_owned()),
    ];
    let mut finding = Finding::default();
    for crowd in CROWDS {
        // Each has an application of its own, as what one took is taken by the next.
        let app = App::start_at(stage, tollgate_testing::servers::free_port(), &settings).await?;
        meet(&mut finding, stage, (&app, &limits), &crowd).await?;
    }
    finding.failures.truncate(10);
    Ok(finding)
}

/// A crowd comes, and is let go, while others work.
async fn meet(finding: &mut Finding, stage: &Stage, (app, limits): (&App, &Limits), crowd: &Crowd) -> Result {
    let Crowd { kinds, memory: most_memory } = crowd;
    let over = Arc::new(AtomicBool::new(false));
    let workers: JoinSet<_> = (0..WORKERS).map(|_| work(app.client(), Arc::clone(&over))).collect();
    let warm: JoinSet<_> = (0..WORKERS).map(|_| warm_up(app.client())).collect();
    warm.join_all().await;
    let before = memory(app)?;
    let each = stage.pick(500, 25);
    let mut slow = JoinSet::new();
    for number in 0..each * kinds.len() {
        let (kind, port, token) = (kinds[number % kinds.len()], app.port, Arc::clone(&app.token));
        let turn = NEXT * u32::try_from(number)?;
        slow.spawn(async move {
            sleep(turn).await;
            (kind, let_go(kind, port, &token).await)
        });
    }
    let mut most = before;
    let mut ends = vec![];
    while !slow.is_empty() {
        if let Ok(Some(end)) = timeout(Duration::from_millis(100), slow.join_next()).await {
            ends.push(end?);
        }
        most = most.max(memory(app)?);
    }
    over.store(true, Ordering::Relaxed);
    let served = workers.join_all().await;

    judge_ends(finding, stage, limits, &ends);
    let errors: usize = served.iter().map(|(_, errors)| errors).sum();
    let requests: usize = served.iter().map(|(requests, _)| requests).sum();
    finding.require(errors == 0, || format!("{errors} of {requests} requests of others failed"));
    let grown = most.saturating_sub(before) / 1024;
    finding.require(grown <= *most_memory, || format!("memory grew by {grown} MiB, not {most_memory}"));
    finding.require(!app.panicked()?, || "the app panicked".to_owned());
    let count = ends.len();
    finding.note(format!("{count} slow clients ({kinds:?}) let go, {requests} requests of others, {grown} MiB"));
    Ok(())
}

/// Reads films; how many times, and how often in vain.
async fn work(mut client: Client, over: Arc<AtomicBool>) -> (usize, usize) {
    let (mut requests, mut errors) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        let answer = client.get("/movies/1").await;
        requests += 1;
        errors += usize::from(!answer.is_ok_and(|answer| answer.status == 200));
        sleep(PAUSE).await;
    }
    (requests, errors)
}

/// Asks for what slow readers ask for, so that all that takes memory once has it.
async fn warm_up(mut client: Client) {
    for _ in 0..10 {
        let _ = client.get("/movies?limit=100").await;
    }
}

/// How long a slow client of that kind is put up with.
async fn let_go(kind: Kind, port: u16, token: &str) -> Result<Duration> {
    let socket = TcpSocket::new_v4()?;
    // So that what is not read soon fills all there is.
    socket.set_recv_buffer_size(16 * 1024)?;
    let mut socket = socket.connect(([127, 0, 0, 1], port).into()).await?;
    let sent = beginning(kind, port, token);
    let begun = Instant::now();
    // A server that is not read from does not read either.
    let _ = timeout(Duration::from_millis(500), socket.write_all(&sent)).await;
    let trickle: &[u8] = match kind {
        Kind::Head | Kind::Body => b" ",
        Kind::NoRoom | Kind::LittleRoom | Kind::Ping => &http2::PING,
        Kind::Idle | Kind::Reader => b"",
    };
    while is_open(&mut socket, kind, trickle).await && begun.elapsed() < NEVER {
        sleep(Duration::from_millis(100)).await;
    }
    Ok(begun.elapsed())
}

/// What a client of that kind says at first.
fn beginning(kind: Kind, port: u16, token: &str) -> Vec<u8> {
    let head = format!("Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}");
    let text = match kind {
        Kind::Head => format!("GET /movies/1 HTTP/1.1\r\n{head}\r\nX-Slow: "),
        Kind::Idle => format!("GET /movies/1 HTTP/1.1\r\n{head}\r\n\r\n"),
        Kind::Body => {
            format!(
                "POST /messages HTTP/1.1\r\n{head}\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{{"
            )
        }
        Kind::Reader => format!("GET /movies?limit=100 HTTP/1.1\r\n{head}\r\n\r\n").repeat(500),
        Kind::NoRoom => return lists(0, token),
        Kind::LittleRoom => return lists(1, token),
        Kind::Ping => return [http2::beginning(65_535), http2::get(1, "/movies/1", token)].concat(),
    };
    text.into_bytes()
}

/// Asks for a few lists over HTTP/2, with so much room for each, in bytes.
fn lists(room: u32, token: &str) -> Vec<u8> {
    let lists = (0..ANSWERS).flat_map(|number| http2::get(2 * number + 1, "/movies?limit=100", token));
    http2::beginning(room).into_iter().chain(lists).collect()
}

/// Whether the server still wants this connection; says a little more on it if so.
async fn is_open(socket: &mut TcpStream, kind: Kind, trickle: &[u8]) -> bool {
    if socket.take_error().is_ok_and(|error| error.is_some()) || socket.write_all(trickle).await.is_err() {
        return false;
    }
    let mut bytes = [0; 4096];
    // Who does not read learns of the end by an error alone.
    matches!(kind, Kind::Reader) || !matches!(socket.try_read(&mut bytes), Ok(0))
}

fn judge_ends(finding: &mut Finding, stage: &Stage, limits: &Limits, ends: &[(Kind, Result<Duration>)]) {
    for (kind, end) in ends {
        let (limit, off) = (limits.of(*kind), stage.within(OFF));
        match end {
            Ok(took) => finding.require(*took + OFF >= limit && *took <= limit + off, || {
                format!("{kind:?}: let go after {took:.1?}, not {limit:?}")
            }),
            Err(failure) => finding.require(false, || format!("{kind:?}: {failure}")),
        }
    }
}

/// What the application takes for itself, in KiB: files that it looks into are the system's.
fn memory(app: &App) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", app.id().unwrap_or_default()))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or_default();
    Ok(resident.trim().trim_end_matches("kB").trim().parse()?)
}
