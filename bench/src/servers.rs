//! Ours and its peers as processes of their own.

use crate::{
    jobs::{Run, Unit},
    load::{Load, Target, here, pgbench, said},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::{
    cell::Cell,
    error::Error,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tollgate_testing::servers::{Postgres, free_port};

const SECRET: &str = "a secret of at least thirty-two bytes, for a benchmark";
/// In base64, as Loco wants it.
const LOCO_SECRET: &str = "YSBzZWNyZXQgb2YgYXQgbGVhc3QgdGhpcnR5LXR3byBieXRlcywgZm9yIGEgYmVuY2htYXJr";
/// Of who asks.
const PASSWORD: &str = "seven-wide-rivers";
const ROWS: usize = 10_000;
/// How often a measurement is tried: on a busy machine a disk may hold up some requests too long for `wrk`.
const TRIES: usize = 3;

/// Which database is under all.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Under {
    Sqlite,
    Postgres,
}

/// A server under load; it ends with this value.
pub(crate) struct Server {
    child: Child,
    pub(crate) target: Target,
}

impl Server {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ours and its peers, each with its data in a temporary folder or a private PostgreSQL.
pub(crate) struct Servers {
    pub(crate) ours: Server,
    watched: Server,
    by_hand: Server,
    python: Option<Server>,
    loco: Option<Server>,
    pgbench: Option<String>,
    /// Which peers are left out, and why.
    pub(crate) missing: Vec<String>,
    /// How often a measurement was repeated.
    pub(crate) repeats: Cell<u32>,
    _postgres: Option<Postgres>,
    _folder: TempDir,
}

impl Servers {
    pub(crate) fn start(under: Under) -> Result<Self, Box<dyn Error>> {
        let folder = TempDir::new()?;
        let postgres = (under == Under::Postgres).then(Postgres::start);
        let url = postgres.as_ref().map(Postgres::url);
        fill(folder.path(), url.as_deref())?;
        add_users(folder.path(), url.as_deref())?;
        let mut ours = start_ours(folder.path(), url.as_deref())?;
        ours.target.own = password_token(ours.target.port, "own")?;
        ours.target.any = password_token(ours.target.port, "any")?;
        add_notes(&ours.target, 1000)?;
        // Apart, so that it is in the way of no other job.
        let apart = folder.path().join("watched");
        fs::create_dir(&apart)?;
        add_users(&apart, None)?;
        let mut watched = start_ours_with(&apart, None, &watched()?)?;
        watched.target.own = password_token(watched.target.port, "own")?;
        let by_hand = start_by_hand(folder.path(), url.as_deref())?;
        let mut servers = Self {
            ours,
            watched,
            by_hand,
            python: None,
            loco: None,
            pgbench: None,
            missing: vec![],
            repeats: Cell::new(0),
            _postgres: postgres,
            _folder: folder,
        };
        if let Some(url) = url {
            servers.python = python(&url).map_err(|why| servers.leave_out("FastAPI + asyncpg", &*why)).ok();
            servers.loco = loco(&url).map_err(|why| servers.leave_out("Loco + SeaORM", &*why)).ok();
            let version = said(Command::new("pgbench").arg("--version"));
            servers.pgbench = version.map_err(|why| servers.leave_out("pgbench", &*why)).map(|_| url).ok();
        }
        Ok(servers)
    }

    fn leave_out(&mut self, peer: &str, why: &dyn Error) {
        self.missing.push(format!("{peer}: {why}"));
    }

    /// What was measured; nothing if who is to be measured is left out.
    pub(crate) fn run(&self, run: &Run, connections: u32, unit: Unit) -> Result<Option<f64>, Box<dyn Error>> {
        let (_, seconds) = unit.rounds();
        let load = |server: &Server, load: &Load| server.target.run(*load, connections, seconds, unit);
        let once = || match run {
            Run::Ours(wanted) => load(&self.ours, wanted).map(Some),
            Run::OursWatched(wanted) => load(&self.watched, wanted).map(Some),
            Run::ByHand(wanted) => load(&self.by_hand, wanted).map(Some),
            Run::Python(wanted) => self.python.as_ref().map(|server| load(server, wanted)).transpose(),
            Run::Loco(wanted) => self.loco.as_ref().map(|server| load(server, wanted)).transpose(),
            Run::Pgbench(script) => {
                self.pgbench.as_ref().map(|url| pgbench(url, script, connections, seconds)).transpose()
            }
        };
        let failed = |_: &_| self.repeats.set(self.repeats.get() + 1);
        (1..TRIES).map(|_| once().inspect_err(failed)).find(Result::is_ok).unwrap_or_else(once)
    }
}

/// Notes to be read later, with the keys from 1.
fn add_notes(target: &Target, count: usize) -> Result<(), Box<dyn Error>> {
    let body = r#"{"text": "A note of the usual length, about nothing in particular."}"#;
    let head = format!("Authorization: Bearer {}\r\nContent-Type: application/json", target.own);
    for _ in 0..count {
        let answer = post(target.port, "/notes", &head, body)?;
        if !answer.starts_with("HTTP/1.1 201") {
            return Err(answer.into());
        }
    }
    Ok(())
}

pub(crate) fn binary(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} is missing: cargo build --release -p bench -p lorem-ipsum", path.display()).into())
    }
}

/// Rows as an operator would load them.
pub(crate) fn fill(folder: &Path, url: Option<&str>) -> Result<(), Box<dyn Error>> {
    let movie = |n: usize| {
        let rating: f64 = format!("{}.{}", n / 10 % 10, n % 10).parse().unwrap_or_default();
        json!({ "movie_id": n, "title": format!("Movie {n}"), "released": 1950 + n % 75, "rating": rating })
    };
    let file = folder.join("movies.json");
    fs::write(&file, (1..=ROWS).map(movie).collect::<Value>().to_string())?;
    said(ours(folder, url)?.args(["load", "movies"]).arg(&file)).map(drop)
}

/// Who asks: one who may reach their own notes, and one who may reach any.
pub(crate) fn add_users(folder: &Path, url: Option<&str>) -> Result<(), Box<dyn Error>> {
    ["own", "any"].into_iter().try_for_each(|role| {
        let who = ["user", "create", "--name", role, "--email", &format!("{role}@example.test"), "--role", role];
        said(ours(folder, url)?.args(who).args(["--password", PASSWORD])).map(drop)
    })
}

/// Ours as in production: in `dev`, a developer's console keeps what it hears of each request.
pub(crate) fn ours(folder: &Path, url: Option<&str>) -> Result<Command, Box<dyn Error>> {
    let mut ours = Command::new(binary("ours")?);
    ours.current_dir(folder).envs(url.map(|url| ("BENCH_DATABASE__URL", url)));
    // Load comes from one address; whoever measures sign-ins says another, as a proxy on this machine would.
    ours.envs([
        ("BENCH_ENV", "production"),
        ("BENCH_SERVER__PUBLIC_URL", "https://bench.test"),
        ("BENCH_SERVER__PROXIES", "1"),
        ("BENCH_IDENTITY__EMBEDDED", "true"),
        ("BENCH_DATABASE__ADDITIVE", "true"),
        ("BENCH_TELEMETRY__METRICS", "127.0.0.1:0"),
    ]);
    Ok(ours)
}

pub(crate) fn start_ours(folder: &Path, url: Option<&str>) -> Result<Server, Box<dyn Error>> {
    start_ours_with(folder, url, &[])
}

/// With settings, as variables.
pub(crate) fn start_ours_with(
    folder: &Path,
    url: Option<&str>,
    settings: &[(String, String)],
) -> Result<Server, Box<dyn Error>> {
    let (mut ours, port) = (ours(folder, url)?, free_port());
    // A log of each request is written, and read by nobody.
    let log = if settings.is_empty() { Stdio::inherit() } else { Stdio::null() };
    started(ours.envs(settings.iter().cloned()).stderr(log), port)
}

/// A server that listens at this port, which it says in its banner.
pub(crate) fn started(command: &mut Command, port: u16) -> Result<Server, Box<dyn Error>> {
    let mut child = command.args(["--port", &port.to_string()]).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or("no output")?;
    let is_banner = |line: &String| line.trim().starts_with("app ");
    BufReader::new(stdout).lines().map_while(Result::ok).find(is_banner).ok_or("it did not start")?;
    Ok(Server { child, target: Target { port, own: String::new(), any: String::new() } })
}

/// Everything that watches and limits in production, at limits that nobody reaches.
fn watched() -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let mut settings = vec![
        ("LIMITS__ADDRESS", "1000000 per second".to_owned()),
        ("LIMITS__ACTOR", "1000000 per second".to_owned()),
        ("LOG__FILTER", "info".to_owned()),
    ];
    if cfg!(feature = "otlp") {
        let receiver = receiver()?;
        settings.push(("TELEMETRY__TRACES", format!("http://{receiver}/v1/traces")));
        settings.push(("TELEMETRY__TRACES_SAMPLED", "0.01".to_owned()));
    }
    Ok(settings.into_iter().map(|(name, value)| (format!("BENCH_{name}"), value)).collect())
}

/// Takes traces and says so, until this process ends.
fn receiver() -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || take(BufReader::new(socket)));
        }
    });
    Ok(address)
}

/// One request after the other, of which only the length matters.
fn take(mut socket: BufReader<TcpStream>) -> std::io::Result<()> {
    let (mut line, mut length) = (String::new(), 0);
    while socket.read_line(&mut line)? > 0 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        if line.trim().is_empty() {
            std::io::copy(&mut socket.by_ref().take(length), &mut std::io::sink())?;
            socket.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
            length = 0;
        }
        line.clear();
    }
    Ok(())
}

/// Resident memory of a server, in MiB.
pub(crate) struct Memory {
    /// All of it, now.
    pub(crate) now: f64,
    /// What of that is the server's alone: no part of a file, which the system can take back and other processes share.
    pub(crate) own: f64,
    /// All of it, at most so far.
    pub(crate) most: f64,
}

pub(crate) fn memory(server: &Server) -> Result<Memory, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{}/status", server.child.id()))?;
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()? / 1024.0)
    };
    let all = || Some(Memory { now: of("VmRSS:")?, own: of("RssAnon:")?, most: of("VmHWM:")? });
    all().ok_or_else(|| "the system does not tell how much memory it takes".into())
}

/// What was most so far: counted anew from here (proc(5), `clear_refs`).
pub(crate) fn forget_most(server: &Server) -> Result<(), Box<dyn Error>> {
    Ok(fs::write(format!("/proc/{}/clear_refs", server.child.id()), "5")?)
}

fn start_by_hand(folder: &Path, url: Option<&str>) -> Result<Server, Box<dyn Error>> {
    let mut peer = Command::new(binary("peer")?);
    match url {
        Some(url) => peer.args(["postgres", url]),
        None => peer.arg("sqlite").arg(folder.join("peer.db")),
    };
    start_peer(peer.arg(SECRET))
}

/// The peer in Python. Reads the tables of the peer by hand.
fn python(url: &str) -> Result<Server, Box<dyn Error>> {
    let python = environment("peers/requirements.txt")?.join("bin/python");
    let mut server = start_peer(Command::new(python).arg(here("peers/fastapi_peer.py")).args([url, SECRET]))?;
    wait_for_success(&mut server)?;
    Ok(server)
}

/// An environment of Python for these packages, which come from where `pip` takes them.
pub(crate) fn environment(packages: &str) -> Result<PathBuf, Box<dyn Error>> {
    let environment = here("../target/bench-python");
    if !environment.join("bin/pip").exists() {
        said(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    }
    let install =
        ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:", "-r"];
    said(Command::new(environment.join("bin/pip")).args(install).arg(here(packages)))?;
    Ok(environment)
}

/// The peer as a Loco application, which is built first. Reads the tables of the peer by hand.
fn loco(url: &str) -> Result<Server, Box<dyn Error>> {
    let (manifest, target) = (here("peers/loco/Cargo.toml"), here("../target/bench-loco"));
    let build = ["build", "--release", "--quiet", "--locked", "--manifest-path"];
    said(Command::new(env!("CARGO")).args(build).arg(manifest).arg("--target-dir").arg(&target))?;
    let mut server = start_peer(Command::new(target.join("release/loco-peer")).args([url, LOCO_SECRET]))?;
    server.target.own = token(Algorithm::HS512, &EncodingKey::from_base64_secret(LOCO_SECRET)?)?;
    wait_for_success(&mut server)?;
    Ok(server)
}

/// Starts a peer that prints its port, and makes the token that it takes.
fn start_peer(peer: &mut Command) -> Result<Server, Box<dyn Error>> {
    let mut child = peer.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let own = token(Algorithm::HS256, &EncodingKey::from_secret(SECRET.as_bytes()))?;
    Ok(Server { child, target: Target { port: line.trim().parse()?, own, any: String::new() } })
}

/// A token for the peers, for an hour.
fn token(algorithm: Algorithm, key: &EncodingKey) -> Result<String, Box<dyn Error>> {
    let expires = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 3600;
    let claims = json!({ "sub": "bench", "pid": "bench", "scope": "read:movies create:notes", "exp": expires });
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    Ok(encode(&Header::new(algorithm), &claims, key)?)
}

/// It listens before it is ready.
fn wait_for_success(server: &mut Server) -> Result<(), Box<dyn Error>> {
    let Target { port, own, .. } = &server.target;
    let head = format!("GET /movies/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {own}\r\nConnection: close");
    let answer = exchange(*port, &format!("{head}\r\n\r\n"))?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(format!("it answers {answer}").into()) }
}

/// A token for a password, of one of those who ask.
pub(crate) fn password_token(port: u16, user: &str) -> Result<String, Box<dyn Error>> {
    let form = format!("username={user}@example.test&password={PASSWORD}");
    let answer = post(port, "/token", "Content-Type: application/x-www-form-urlencoded", &form)?;
    let json: Value = serde_json::from_str(answer.split_once("\r\n\r\n").ok_or("no answer")?.1)?;
    Ok(json["access_token"].as_str().ok_or_else(|| format!("no token: {json}"))?.to_owned())
}

pub(crate) fn post(port: u16, path: &str, head: &str, body: &str) -> Result<String, Box<dyn Error>> {
    let length = body.len();
    exchange(
        port,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ),
    )
}

fn exchange(port: u16, request: &str) -> Result<String, Box<dyn Error>> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.write_all(request.as_bytes())?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The median time from the start of the process to its first answer, with the rows in its database.
pub(crate) fn time_to_first_answer(rounds: usize) -> Result<Duration, Box<dyn Error>> {
    let folder = TempDir::new()?;
    fill(folder.path(), None)?;
    drop(start_ours(folder.path(), None)?);
    let mut times = (0..rounds).map(|_| first_answer(folder.path())).collect::<Result<Vec<_>, _>>()?;
    times.sort();
    Ok(times[rounds / 2])
}

fn first_answer(folder: &Path) -> Result<Duration, Box<dyn Error>> {
    let started = Instant::now();
    let ours = start_ours(folder, None)?;
    let request = format!("GET /livez HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", ours.target.port);
    exchange(ours.target.port, &request)?;
    Ok(started.elapsed())
}
