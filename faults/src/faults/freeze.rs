//! F18: the app is a function of AWS Lambda and frozen between two calls. Meanwhile its connections are cut off by the
//! server, or forgotten by somebody on their way; ten minutes pass on the calendar, of which no stopwatch knows; a film gets
//! another title, and in the end a user is kept out.
//!
//! Pass: the first call after that is answered as if nothing had been, whatever it is: a write, a change, a list, one of
//! several writes at once, an answer that was kept, which is made anew. Who was kept out stays out from the first call on.

use crate::{
    Finding, Result, Stage,
    database::Database,
    function::{Answer, Function, event},
    load::Ledger,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::block_in_place,
};
use tollgate_testing::servers::{Postgres, psql};

/// What passes on the calendar, in seconds.
const MISSED: u64 = 600;
/// How long the first call may take: what does not answer is given a second.
const FIRST: Duration = Duration::from_secs(2);
const TERMINATE: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
    WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
const USER: &str = "frozen@example.test";

/// The calls, each of which is the first in its turn.
const CALLS: [&str; 5] = ["write", "write under a key", "change", "list", "kept"];

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let (server, forgotten) = (Postgres::start(), watch::Sender::new(0));
    let way = forgetful(server.port(), &forgotten).await?;
    let url = server.url().replace(&format!(":{}/", server.port()), &format!(":{way}/"));
    let rounds = stage.pick(6, 1) * 2 * CALLS.len();
    let mut trial = block_in_place(|| Trial::start(stage, &url, &server.url()))?;
    block_in_place(|| {
        for round in 0..rounds {
            let is_told = (round / CALLS.len()).is_multiple_of(2);
            trial.round(round, || {
                if is_told { drop(psql(&server.url(), TERMINATE)) } else { forgotten.send_modify(|n| *n += 1) }
            })?;
        }
        trial.keep_out(rounds)
    })?;
    let mut finding = Finding::of(&trial.ledger, &Database::Postgres(server).messages().await?);
    finding.failures.append(&mut trial.failures);
    let slowest = trial.slowest;
    finding.require(slowest <= stage.within(FIRST), || format!("a first call took {slowest:.1?}"));
    finding.require(!trial.function.log().contains("panicked"), || "the app panicked".to_owned());
    finding.note(format!("{rounds} times frozen, the slowest first call after {} ms", slowest.as_millis()));
    Ok(finding)
}

/// A way to that port on which connections are forgotten whenever the number changes: they stay open, and nothing that is
/// sent on them arrives.
async fn forgetful(port: u16, forgotten: &watch::Sender<u32>) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (here, forgotten) = (listener.local_addr()?.port(), forgotten.clone());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut forgotten = forgotten.subscribe();
            tokio::spawn(async move {
                let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => {}
                    _ = forgotten.changed() => std::future::pending().await,
                }
            });
        }
    });
    Ok(here)
}

/// One function, frozen again and again.
struct Trial {
    function: Function,
    /// The database, past the way.
    url: String,
    token: String,
    /// A message that is changed.
    message: String,
    ledger: Ledger,
    writes: usize,
    slowest: Duration,
    failures: Vec<String>,
}

impl Trial {
    fn start(stage: &Stage, way: &str, url: &str) -> Result<Self> {
        let mut function = Function::start(stage, way)?;
        let password = "a long password of four words";
        function.command(&[
            "create-user",
            "--name",
            "Fro",
            "--email",
            USER,
            "--password",
            password,
            "--role",
            "reader",
        ])?;
        let token = function.command(&["token", USER])?;
        let text = json!({ "text": "to be changed" });
        let added = function.call(&event("POST", ("/messages", ""), &token, Some(&text)))?;
        let message =
            added.body()["message_id"].as_str().ok_or_else(|| format!("no message: {}", added.body()))?.to_owned();
        let (ledger, failures, slowest) = (Ledger::default(), vec![], Duration::ZERO);
        Ok(Self { function, url: url.to_owned(), token, message, ledger, writes: 0, slowest, failures })
    }

    /// Each call once, so that there is a connection for it; a freeze; and each once more.
    fn round(&mut self, round: usize, cut: impl FnOnce()) -> Result {
        let title = format!("Round {round}");
        for call in CALLS {
            self.ask(call, None)?;
        }
        let seconds = MISSED * (round as u64 + 1);
        self.function.freeze(seconds, || {
            cut();
            psql(&self.url, &format!("UPDATE movies SET title = '{title}' WHERE movie_id = 1"));
            // A pause that is one for the stopwatch too.
            std::thread::sleep(Duration::from_millis(100));
            Ok(())
        })?;
        let begun = Instant::now();
        for turn in 0..CALLS.len() {
            self.ask(CALLS[(round + turn) % CALLS.len()], Some(&title))?;
            if turn == 0 {
                self.slowest = self.slowest.max(begun.elapsed());
            }
        }
        Ok(())
    }

    /// Asks for something; it is to be granted, and the film to have that title.
    fn ask(&mut self, call: &str, title: Option<&str>) -> Result {
        let text = format!("message {}", self.writes);
        let new = json!({ "text": text });
        let path = format!("/messages/{}", self.message);
        let event = match call {
            "write" => self.event("POST", ("/messages", ""), Some(&new)),
            "write under a key" => {
                let mut event = self.event("POST", ("/messages", ""), Some(&new));
                event["headers"]["idempotency-key"] = format!("a-key-of-{}", self.writes).into();
                event
            }
            "change" => self.event("PATCH", (&path, ""), Some(&json!({ "text": format!("changed {}", self.writes) }))),
            "list" => self.event("GET", ("/movies", "limit=3"), None),
            _ => self.event("GET", ("/movies/", "movie_id=1"), None),
        };
        let answer = self.function.call(&event)?;
        if call.starts_with("write") {
            self.writes += 1;
            if answer.status() == 201 {
                self.ledger.told().acked.push(text);
            }
        }
        self.judge(call, title, &answer);
        Ok(())
    }

    fn event(&self, method: &str, target: (&str, &str), body: Option<&Value>) -> Value {
        event(method, target, &self.token, body)
    }

    fn judge(&mut self, call: &str, title: Option<&str>, answer: &Answer) {
        let is_stale = call == "kept" && title.is_some_and(|title| answer.body()["title"] != title);
        if !(200..300).contains(&answer.status()) || is_stale {
            self.failures.push(format!("{call}, to be {title:?}: {} {}", answer.status(), answer.body()));
        }
    }

    /// Somebody keeps the user out while the function is frozen.
    fn keep_out(&mut self, rounds: usize) -> Result {
        self.function.freeze(MISSED * (rounds as u64 + 1), || {
            self.function.command(&["user", "disable", USER])?;
            std::thread::sleep(Duration::from_millis(1100));
            Ok(())
        })?;
        let answer = self.function.call(&self.event("GET", ("/movies", "limit=1"), None))?;
        if answer.status() != 401 {
            self.failures.push(format!("who was kept out came in: {}", answer.status()));
        }
        Ok(())
    }
}
