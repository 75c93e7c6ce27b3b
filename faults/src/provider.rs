//! A provider of identities that misbehaves when told to: a door in front of real ones, each with keys of its own.
//!
//! Whoever comes through the door meets the provider as all others do: its metadata, its keys, at one place.

use crate::{Result, client::Client};
use serde_json::json;
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, sink},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, block_in_place},
    time::sleep,
};
use tollgate_testing::servers::{OidcProvider, free_port};

const SECRET: &str = "the-secret-of-the-service-account";
const GRANT: &str = "grant_type=client_credentials&client_id=service&scope=read:movies&client_secret=";

/// How it treats whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As the real one at that place does.
    Well(usize),
    /// Nobody listens.
    Gone,
    /// It takes what is asked and says nothing.
    Silent,
    /// It answers 500.
    Failing,
    /// It answers with ten megabytes.
    Flooding,
    /// It answers 200 and a page.
    Garbled,
    /// It answers a byte each second.
    Dripping,
}

/// Real providers and the door in front of them. They end with this value.
pub(crate) struct Provider {
    reals: Vec<OidcProvider>,
    door: Arc<Door>,
    opening: JoinHandle<()>,
}

struct Door {
    port: u16,
    /// Where the real ones are.
    behind: Vec<u16>,
    mood: watch::Sender<Mood>,
    /// When it was asked for what, and how it treated that.
    asked: Mutex<Vec<(Instant, String, Mood)>>,
}

impl Provider {
    /// So many real ones, each with other keys, behind a door that leads to the first.
    pub(crate) fn start(count: usize) -> Self {
        let client = json!([{ "client_id": "service", "client_secret": SECRET, "redirect_uris": [], "response_types": [],
            "grant_types": ["client_credentials"] }]);
        let port = free_port();
        let real = |_| block_in_place(|| OidcProvider::start_behind(port, &client.to_string()));
        let reals: Vec<_> = (0..count).map(real).collect();
        let behind = reals.iter().map(OidcProvider::port).collect();
        let mood = watch::Sender::new(Mood::Well(0));
        let door = Arc::new(Door { port, behind, mood, asked: Mutex::default() });
        let opening = tokio::spawn(Arc::clone(&door).open());
        Self { reals, door, opening }
    }

    /// The settings of an app that takes its tokens.
    pub(crate) fn settings(&self) -> [(&'static str, String); 3] {
        [
            ("IDENTITY__ISSUERS__PEER__PRESET", "generic".to_owned()),
            ("IDENTITY__ISSUERS__PEER__ISSUER", self.reals[0].issuer()),
            ("IDENTITY__ISSUERS__PEER__AUDIENCE", "urn:api".to_owned()),
        ]
    }

    /// Tokens for films that the real one at that place signs, whatever the door does.
    pub(crate) async fn tokens(&self, real: usize, count: usize) -> Result<Vec<Arc<str>>> {
        let mut client = Client::new(self.reals[real].port(), &"".into());
        let mut tokens = vec![];
        for _ in 0..count {
            let answer = client.post_form("/token", format!("{GRANT}{SECRET}"), None).await?.json();
            let token = answer["access_token"].as_str().ok_or_else(|| format!("no token: {answer}"))?;
            tokens.push(token.into());
        }
        Ok(tokens)
    }

    pub(crate) fn be(&self, mood: Mood) {
        self.door.mood.send_replace(mood);
    }

    /// When it was asked for its keys by somebody whom it treated well.
    pub(crate) fn gave_keys(&self) -> Vec<Instant> {
        let is_it = |path: &str, mood| path.ends_with("/jwks") && matches!(mood, Mood::Well(_));
        self.door.asked().iter().filter(|(_, path, mood)| is_it(path, *mood)).map(|(at, ..)| *at).collect()
    }

    /// When it was asked for anything by somebody whom it did not treat well.
    pub(crate) fn gave_nothing(&self) -> Vec<Instant> {
        let asked = self.door.asked();
        asked.iter().filter(|(.., mood)| !matches!(mood, Mood::Well(_))).map(|(at, ..)| *at).collect()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.opening.abort();
    }
}

/// The most of these moments that lie within a stretch of time.
pub(crate) fn most_within(stretch: Duration, moments: &[Instant]) -> usize {
    let within = |from: &Instant| moments.iter().filter(|at| *at >= from && **at < *from + stretch).count();
    moments.iter().map(within).max().unwrap_or(0)
}

impl Door {
    fn asked(&self) -> MutexGuard<'_, Vec<(Instant, String, Mood)>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens whenever it is not gone.
    async fn open(self: Arc<Self>) {
        let mut mood = self.mood.subscribe();
        while mood.wait_for(|mood| *mood != Mood::Gone).await.is_ok() {
            let Ok(listener) = TcpListener::bind(("127.0.0.1", self.port)).await else {
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    _ = mood.wait_for(|mood| *mood == Mood::Gone) => break,
                };
                if let Ok((socket, _)) = accepted {
                    // Whoever has heard enough hangs up.
                    tokio::spawn(Arc::clone(&self).meet(socket));
                }
            }
        }
    }

    /// Answers one request.
    async fn meet(self: Arc<Self>, mut socket: TcpStream) -> io::Result<()> {
        let mut head = vec![];
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await?);
        }
        let (head, mood) = (String::from_utf8_lossy(&head).into_owned(), *self.mood.borrow());
        let path = head.split(' ').nth(1).unwrap_or_default();
        self.asked().push((Instant::now(), path.to_owned(), mood));
        match mood {
            Mood::Well(real) => lead(socket, self.behind[real], &head).await,
            Mood::Gone => Ok(()),
            Mood::Silent => copy(&mut socket, &mut sink()).await.map(drop),
            Mood::Failing => answer(&mut socket, "500 Internal Server Error", b"{}").await,
            Mood::Flooding => answer(&mut socket, "200 OK", &vec![b' '; 10_000_000]).await,
            Mood::Garbled => answer(&mut socket, "200 OK", b"<!doctype html><title>We will be back</title>").await,
            Mood::Dripping => drip(&mut socket).await,
        }
    }
}

/// Passes one request on, and the answer back.
async fn lead(mut socket: TcpStream, to: u16, head: &str) -> io::Result<()> {
    let mut real = TcpStream::connect(("127.0.0.1", to)).await?;
    real.write_all(head.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n").as_bytes()).await?;
    copy(&mut real, &mut socket).await.map(drop)
}

async fn answer(socket: &mut TcpStream, status: &str, body: &[u8]) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body).await
}

async fn drip(socket: &mut TcpStream) -> io::Result<()> {
    socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 600\r\n\r\n").await?;
    loop {
        socket.write_all(b" ").await?;
        sleep(Duration::from_secs(1)).await;
    }
}
