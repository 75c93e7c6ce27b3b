//! Ours and the peer as processes of their own, and the load on them.

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tollgate_testing::servers::Postgres;

const SECRET: &str = "a secret of at least thirty-two bytes, for a benchmark";
const ROWS: usize = 10_000;

/// What to ask for, and as whom.
pub(crate) struct Load {
    pub(crate) path: &'static str,
    pub(crate) script: Option<&'static str>,
    pub(crate) who: Who,
}

/// Who asks.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Who {
    /// Nobody: no token.
    Nobody,
    /// Somebody who may reach their own notes.
    Own,
    /// Somebody who may reach any note.
    Any,
}

/// Which database is under both.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Under {
    Sqlite,
    Postgres,
}

/// A server under load; it ends with this value.
pub(crate) struct Server {
    child: Child,
    port: u16,
    own: String,
    any: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ours and the peer, each with its data in a temporary folder or a private PostgreSQL.
pub(crate) struct Servers {
    pub(crate) ours: Server,
    pub(crate) peer: Server,
    _postgres: Option<Postgres>,
    _folder: TempDir,
}

impl Servers {
    pub(crate) fn start(under: Under) -> Result<Self, Box<dyn Error>> {
        let folder = TempDir::new()?;
        let postgres = (under == Under::Postgres).then(Postgres::start);
        let url = postgres.as_ref().map(Postgres::url);
        fill(folder.path(), url.as_deref())?;
        let mut ours = start_ours(folder.path(), url.as_deref())?;
        ours.own = password_token(ours.port, "own")?;
        ours.any = password_token(ours.port, "any")?;
        ours.add_notes(1000)?;
        let peer = start_peer(folder.path(), url.as_deref())?;
        Ok(Self { ours, peer, _postgres: postgres, _folder: folder })
    }
}

impl Server {
    /// Requests per second. A refused request makes the measurement worthless, so it is an error.
    pub(crate) fn run(&self, load: &Load, connections: u32, seconds: u32) -> Result<f64, Box<dyn Error>> {
        let mut wrk = Command::new("wrk");
        wrk.args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s")]);
        if load.who != Who::Nobody {
            let token = if load.who == Who::Own { &self.own } else { &self.any };
            wrk.args(["-H", &format!("Authorization: Bearer {token}")]);
        }
        if let Some(script) = load.script {
            wrk.arg("-s").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("wrk").join(script));
        }
        let output = wrk.arg(format!("http://127.0.0.1:{}{}", self.port, load.path)).output();
        let output = output.map_err(|error| format!("wrk: {error}; it is the Debian package wrk"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains("Non-2xx") || text.contains("Socket errors") {
            return Err(format!("{} was refused:\n{text}", load.path).into());
        }
        let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
        Ok(line.ok_or_else(|| format!("wrk said:\n{text}"))?.trim().parse()?)
    }

    /// Notes to be read later, with the keys from 1.
    fn add_notes(&self, count: usize) -> Result<(), Box<dyn Error>> {
        let body = r#"{"text": "A note of the usual length, about nothing in particular."}"#;
        let head = format!("Authorization: Bearer {}\r\nContent-Type: application/json", self.own);
        for _ in 0..count {
            let answer = post(self.port, "/notes", &head, body)?;
            if !answer.starts_with("HTTP/1.1 201") {
                return Err(answer.into());
            }
        }
        Ok(())
    }
}

fn binary(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} is missing: cargo build --release -p bench", path.display()).into())
    }
}

/// Rows as an operator would load them.
fn fill(folder: &Path, url: Option<&str>) -> Result<(), Box<dyn Error>> {
    let movie = |n: usize| {
        let rating: f64 = format!("{}.{}", n / 10 % 10, n % 10).parse().unwrap_or_default();
        json!({ "movie_id": n, "title": format!("Movie {n}"), "released": 1950 + n % 75, "rating": rating })
    };
    let file = folder.join("movies.json");
    fs::write(&file, (1..=ROWS).map(movie).collect::<Value>().to_string())?;
    let loaded = ours(folder, url)?.args(["load", "movies"]).arg(&file).output()?;
    if loaded.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&loaded.stderr).into()) }
}

fn ours(folder: &Path, url: Option<&str>) -> Result<Command, Box<dyn Error>> {
    let mut ours = Command::new(binary("ours")?);
    ours.current_dir(folder).envs(url.map(|url| ("BENCH_DATABASE__URL", url)));
    Ok(ours)
}

fn start_ours(folder: &Path, url: Option<&str>) -> Result<Server, Box<dyn Error>> {
    let mut child = ours(folder, url)?.args(["--port", "0"]).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or("no output")?;
    let port = BufReader::new(stdout).lines().map_while(Result::ok).find_map(|line| {
        let address = line.trim().strip_prefix("app ")?.trim().trim_end_matches('/').to_owned();
        address.rsplit_once(':')?.1.parse().ok()
    });
    Ok(Server { child, port: port.ok_or("ours did not start")?, own: String::new(), any: String::new() })
}

fn start_peer(folder: &Path, url: Option<&str>) -> Result<Server, Box<dyn Error>> {
    let mut peer = Command::new(binary("peer")?);
    match url {
        Some(url) => peer.args(["postgres", url]),
        None => peer.arg("sqlite").arg(folder.join("peer.db")),
    };
    let mut child = peer.arg(SECRET).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let expires = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 3600;
    let claims = json!({ "sub": "bench", "scope": "read:movies create:notes", "exp": expires });
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let own = encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes()))?;
    Ok(Server { child, port: line.trim().parse()?, own, any: String::new() })
}

/// What the banner's first `curl` line does.
fn password_token(port: u16, user: &str) -> Result<String, Box<dyn Error>> {
    let form = format!("username={user}@example.test&password=bench-bench");
    let answer = post(port, "/token", "Content-Type: application/x-www-form-urlencoded", &form)?;
    let json: Value = serde_json::from_str(answer.split_once("\r\n\r\n").ok_or("no answer")?.1)?;
    Ok(json["access_token"].as_str().ok_or_else(|| format!("no token: {json}"))?.to_owned())
}

fn post(port: u16, path: &str, head: &str, body: &str) -> Result<String, Box<dyn Error>> {
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
    let request = format!("GET /livez HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", ours.port);
    exchange(ours.port, &request)?;
    Ok(started.elapsed())
}
