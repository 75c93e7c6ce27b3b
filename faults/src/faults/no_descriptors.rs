//! F16: no file descriptors are left: more clients than the system lets the app have sockets.
//!
//! Pass: some are served meanwhile, it does not end, and a second after there is room again it accepts.

use crate::{Finding, Result, Stage, app::App, client::Client};
use std::{
    process::Command,
    time::{Duration, Instant},
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{sleep, timeout},
};
use tollgate_testing::servers::free_port;

/// What it may have: the figure of the fault.
const DESCRIPTORS: &str = "--nofile=64:64";
const CLIENTS: usize = 200;
const AGAIN: Duration = Duration::from_secs(1);
/// Whoever is not served by then never is.
const NEVER: Duration = Duration::from_secs(30);

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let app = App::start_at(stage, free_port(), &[]).await?;
    let id = app.id().ok_or("the app does not run")?.to_string();
    let limited = Command::new("prlimit").args(["--pid", &id, DESCRIPTORS]).status()?;
    let (mut finding, mut longest) = (Finding::default(), Duration::ZERO);
    finding.require(limited.success(), || "prlimit (Debian package util-linux) does not limit it".to_owned());
    for _ in 0..stage.pick(20, 1) {
        let served = crowd(app.port, stage.pick(Duration::from_secs(2), Duration::from_secs(1))).await?;
        finding.require((1..CLIENTS).contains(&served), || format!("{served} of {CLIENTS} had an answer at once"));
        finding.acks += served;
        longest = longest.max(accepts(&app).await?);
    }
    finding.require(longest <= stage.within(AGAIN), || format!("accepts again only after {longest:.1?}"));
    finding.require(app.logged("no connection can be accepted")? > 0, || "the log does not know of it".to_owned());
    finding.require(!app.panicked()?, || "the app panicked".to_owned());
    finding.note(format!("accepts again after {} ms at most", longest.as_millis()));
    Ok(finding)
}

/// More clients than there are descriptors ask at once and stay; how many have an answer by then. They leave together.
async fn crowd(port: u16, stay: Duration) -> Result<usize> {
    let mut clients = vec![];
    for _ in 0..CLIENTS {
        let mut client = TcpStream::connect(("127.0.0.1", port)).await?;
        client.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").await?;
        clients.push(client);
    }
    sleep(stay).await;
    let mut served = 0;
    for client in &clients {
        let answer = timeout(Duration::from_millis(1), client.peek(&mut [0; 64])).await;
        served += usize::from(matches!(answer, Ok(Ok(1..))));
    }
    Ok(served)
}

/// How long it takes until a film is read by somebody who comes now.
async fn accepts(app: &App) -> Result<Duration> {
    let begun = Instant::now();
    while begun.elapsed() < NEVER {
        let mut client: Client = app.client();
        let answer = timeout(NEVER, client.get("/movies/1")).await?;
        if answer.is_ok_and(|answer| answer.status == 200) {
            return Ok(begun.elapsed());
        }
    }
    Err("it never accepts again".into())
}
