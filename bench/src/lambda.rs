//! `--lambda`: how long does a function of AWS Lambda take to start?
//!
//! Ours and `FastAPI` with Mangum, in turn, each as a new process that finds the same runtime API, the same file of films and
//! the same event: a film, asked for with a token. Initialisation is the time until it asks for an event; the first answer
//! counts from the start of the process too. The result is kept in `bench/LAMBDA.md`, which is a part of the report.

use crate::{
    load::here,
    median,
    report::machine,
    section,
    servers::{environment, fill, ours},
};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use std::{
    error::Error,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tollgate_testing::servers::RuntimeApi;

/// For tokens of nobody; one that can be guessed would not be taken.
const SECRET: &str = "76QGIumFcir4J8lItlT4K0+KSVEcJ2zj8lTDyeCFPAM=";
/// How often each is started; the first time is not counted.
const STARTS: usize = 21;
/// What is wanted: milliseconds of our initialisation, and how many times as soon the first answer comes.
const WANTED: (f64, f64) = (20.0, 30.0);

/// A process that ends with this value.
struct Function(Child);

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Milliseconds from the start of the process.
#[derive(Default)]
struct Times {
    asks: Vec<f64>,
    answers: Vec<f64>,
}

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let folder = TempDir::new()?;
    fill(folder.path(), None)?;
    let (event, python) = (event()?, environment("peers/requirements.txt")?);
    let (mut own, mut peer) = (Times::default(), Times::default());
    for start in 0..STARTS {
        own.measure(start, &event, &mut our_function(folder.path())?)?;
        peer.measure(start, &event, &mut peer_function(folder.path(), &python))?;
    }
    tell(own, peer)
}

impl Times {
    fn measure(&mut self, start: usize, event: &str, command: &mut Command) -> Result<(), Box<dyn Error>> {
        let api = RuntimeApi::start();
        let begun = Instant::now();
        let command = command.envs(api.variables()).stdin(Stdio::null()).stdout(Stdio::null());
        let _function = Function(command.spawn()?);
        let next = api.heard();
        let asks = begun.elapsed();
        next.hand_out("a-call", event);
        let answer = api.heard();
        let answers = begun.elapsed();
        if !answer.body.contains("Movie 7") {
            return Err(format!("{} {}", answer.path, answer.body).into());
        }
        if start > 0 {
            self.asks.push(asks.as_secs_f64() * 1000.0);
            self.answers.push(answers.as_secs_f64() * 1000.0);
        }
        Ok(())
    }
}

fn our_function(folder: &Path) -> Result<Command, Box<dyn Error>> {
    let mut function = ours(folder, None)?;
    function.envs([
        ("BENCH_IDENTITY__EMBEDDED", "false"),
        ("BENCH_TELEMETRY__METRICS", "off"),
        ("BENCH_IDENTITY__ISSUERS__BENCH__PRESET", "secret"),
        ("BENCH_IDENTITY__ISSUERS__BENCH__ISSUER", "bench"),
        ("BENCH_IDENTITY__ISSUERS__BENCH__AUDIENCE", "bench"),
        ("BENCH_IDENTITY__ISSUERS__BENCH__SECRET", SECRET),
    ]);
    Ok(function)
}

fn peer_function(folder: &Path, python: &Path) -> Command {
    let mut function = Command::new(python.join("bin/python"));
    function.args(["-m", "awslambdaric", "lambda_peer.handler"]).current_dir(here("peers"));
    function.env("PEER_DATABASE", folder.join("data/bench.db")).env("PEER_SECRET", SECRET);
    function.env("LAMBDA_TASK_ROOT", here("peers")).env("AWS_LAMBDA_LOG_GROUP_NAME", "bench");
    function.env("AWS_LAMBDA_LOG_STREAM_NAME", "bench").env("_HANDLER", "lambda_peer.handler");
    function
}

/// A film, as an HTTP API asks for it.
fn event() -> Result<String, Box<dyn Error>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = json!({
        "iss": "bench", "aud": "bench", "sub": "bench", "scope": "read:movies", "iat": now, "exp": now + 3600
    });
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes()))?;
    let http = json!({
        "method": "GET", "path": "/movies/7", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "curl"
    });
    let event = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/movies/7", "rawQueryString": "",
        "headers": { "authorization": format!("Bearer {token}"), "host": "bench.test" },
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "domainName": "bench.test", "domainPrefix": "bench",
            "http": http, "requestId": "id", "routeKey": "$default", "stage": "$default", "time": "now", "timeEpoch": 0
        },
        "isBase64Encoded": false
    });
    Ok(event.to_string())
}

fn tell(own: Times, peer: Times) -> Result<(), Box<dyn Error>> {
    let [asks, answers, peer_asks, peer_answers] =
        [own.asks, own.answers, peer.asks, peer.answers].map(|times| median(times).unwrap_or_default());
    let ratio = peer_answers / answers;
    let text = format!(
        "## How long does a function of AWS Lambda take to start?\n\n\
         Written by `cargo run --release -p bench -- --lambda`: {counted} starts of each, in turn, with the same runtime API on \
         loopback, 10,000 films in the same SQLite file and the same event, a film asked for with a token; {machine}. Medians \
         in milliseconds from the start of the process. What Lambda itself needs to make an environment is not in here.\n\n\
         | P9 | asks for an event | first answer |\n|---|---|---|\n\
         | ours | {asks:.1} | {answers:.1} |\n| FastAPI + Mangum | {peer_asks:.1} | {peer_answers:.1} |\n\n\
         Ours initialises in {asks:.1} ms (target {most:.0}), and its first answer comes **{ratio:.1}** times as soon (target \
         {least:.0}).\n",
        counted = STARTS - 1,
        machine = machine(),
        most = WANTED.0,
        least = WANTED.1,
    );
    section::keep("LAMBDA.md", &text)?;
    let slow = (asks > WANTED.0).then(|| format!("ours initialises in {asks:.1} ms"));
    let close = (ratio < WANTED.1).then(|| format!("the first answer comes {ratio:.1} times as soon"));
    section::judge(&slow.into_iter().chain(close).collect::<Vec<_>>())
}
