//! F17: a handler panics, again and again, among requests that have nothing to do with it. The only fault that the
//! reference application does not have: an app of its own, in this process, with a route that panics.
//!
//! Pass: each panic is a 500 that says nothing of it and is in the log with the id of its request; nobody else notices.

use crate::{Finding, Stage};
use std::{
    collections::HashSet,
    io, panic,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::task::JoinSet;
use tollgate::{Json, prelude::*};
use tollgate_http::log_panics;
use tollgate_testing::{Reply, TestApp};
use tracing::{Dispatch, instrument::WithSubscriber};

/// What the panic says, which is for the log alone.
const WORDS: &str = "canary of a panic";
/// Who asks at once.
const CLIENTS: usize = 50;

async fn panics(_: Public) -> Json<String> {
    // What follows is for the compiler.
    assert!(WORDS.is_empty(), "{WORDS}");
    Json(String::new())
}

async fn works(_: Public) -> Json<String> {
    Json("works".to_owned())
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn dispatch(&self) -> Dispatch {
        let log = self.clone();
        let lines = tracing_subscriber::fmt().with_max_level(tracing::Level::ERROR).with_ansi(false);
        lines.with_writer(move || log.clone()).into()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

pub(crate) async fn run(stage: &Stage) -> crate::Result<Finding> {
    let service = Service::new("all").get("/panics", panics).get("/works", works);
    let app = TestApp::new(App::new("panicking").service(service)).await;
    // As `serve` has it; who else runs in this process has theirs back.
    let hook = panic::take_hook();
    log_panics();
    let log = Log::default();
    let replies = ask(&app, &log, stage.pick(2_000, 20)).await;
    panic::set_hook(hook);
    Ok(judge(&replies, &log.text()))
}

/// Half of the clients ask for a panic, the others do not.
async fn ask(app: &TestApp, log: &Log, each: usize) -> Vec<(&'static str, Reply)> {
    let clients: JoinSet<_> = (0..CLIENTS)
        .map(|client| {
            let (anyone, dispatch) = (app.anyone(), log.dispatch());
            let path = if client % 2 == 0 { "/panics" } else { "/works" };
            let ask = async move {
                let mut replies = vec![];
                for _ in 0..each {
                    replies.push((path, anyone.get(path).await));
                }
                replies
            };
            ask.with_subscriber(dispatch)
        })
        .collect();
    clients.join_all().await.concat()
}

fn judge(replies: &[(&str, Reply)], log: &str) -> Finding {
    let (panicked, others): (Vec<_>, Vec<_>) = replies.iter().partition(|(path, _)| *path == "/panics");
    let mut finding = Finding { acks: others.len(), ..Finding::default() };
    let lines: HashSet<&str> = log.lines().filter_map(id).collect();
    let untold = panicked.iter().filter(|(_, reply)| !lines.contains(reply.header("x-request-id"))).count();
    let wrong = panicked.iter().filter(|(_, reply)| !is_silent(reply)).count();
    let disturbed = others.iter().filter(|(_, reply)| reply.status() != 200).count();
    finding.require(wrong == 0, || format!("{wrong} panics were no 500, or told the caller of themselves"));
    finding.require(untold == 0, || format!("{untold} panics are not in the log with the id of their request"));
    finding.require(disturbed == 0, || format!("{disturbed} others were disturbed"));
    finding.note(format!("{} panics, {} others", panicked.len(), others.len()));
    finding
}

/// The id of the request that a line with the panic's words is about.
fn id(line: &str) -> Option<&str> {
    let said = line.contains(WORDS).then(|| line.split_once("request_id="))??.1;
    said.split(' ').next()
}

/// Whether the answer is a 500 that says nothing of what happened.
fn is_silent(reply: &Reply) -> bool {
    reply.status() == 500 && !reply.text().contains(WORDS) && !reply.text().contains("panics.rs")
}
