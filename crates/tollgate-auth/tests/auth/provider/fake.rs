//! A provider on a socket of its own that does what it is told, right or wrong.

use crate::token::world::Signer;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tollgate_core::Clock;

/// What it does with the next request for metadata or keys.
#[derive(Clone)]
pub(crate) enum Does {
    /// Answers that, with these headers.
    Answers(String, &'static str),
    /// Answers with that status.
    Fails(u16),
    /// Sends the caller elsewhere.
    Redirects(String),
    /// Begins an answer and sends a byte of it each second.
    Drips,
    /// Takes the request and says nothing.
    Hangs,
    /// Sends ten megabytes.
    Floods,
    /// Hangs up.
    HangsUp,
}

/// What it does, and what it was asked when.
struct State {
    metadata: Does,
    keys: Does,
    token: Does,
    asked: Vec<(String, Duration)>,
    /// What was sent to the token endpoint: the head, and the form.
    sent: Vec<(String, String)>,
}

#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Fake {
    /// One that works, with the key of that signer, which takes over its name.
    pub(crate) async fn start(signer: &mut Signer, clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        signer.name.clone_from(&url);
        let metadata = answers(&json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }));
        let keys = answers(&json!({ "keys": [signer.pair.jwk("k1")] }));
        let fake = Self {
            url,
            state: Arc::new(Mutex::new(State { metadata, keys, token: Does::Fails(400), asked: vec![], sent: vec![] })),
        };
        tokio::spawn(fake.clone().serve(listener, clock));
        fake
    }

    pub(crate) fn metadata(&self, does: Does) {
        self.state.lock().unwrap().metadata = does;
    }

    pub(crate) fn keys(&self, does: Does) {
        self.state.lock().unwrap().keys = does;
    }

    pub(crate) fn token(&self, does: Does) {
        self.state.lock().unwrap().token = does;
    }

    /// What was sent to the token endpoint last: the head, and the form.
    pub(crate) fn sent(&self) -> (String, String) {
        self.state.lock().unwrap().sent.last().cloned().unwrap()
    }

    pub(crate) fn both(&self, does: &Does) {
        self.metadata(does.clone());
        self.keys(does.clone());
    }

    /// When a path with that end was asked for.
    pub(crate) fn asked(&self, end: &str) -> Vec<Duration> {
        let state = self.state.lock().unwrap();
        state.asked.iter().filter(|(path, _)| path.ends_with(end)).map(|(_, at)| *at).collect()
    }

    async fn serve(self, listener: TcpListener, clock: Arc<dyn Clock>) {
        while let Ok((stream, _)) = listener.accept().await {
            let (fake, clock) = (self.clone(), Arc::clone(&clock));
            tokio::spawn(async move { fake.answer(stream, &*clock).await });
        }
    }

    async fn answer(&self, mut stream: TcpStream, clock: &dyn Clock) -> Option<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).ok()?;
        let path = head.split(' ').nth(1)?.to_owned();
        let length =
            head.to_lowercase().split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        let mut form = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut form).await.ok()?;
        let does = {
            let mut state = self.state.lock().unwrap();
            state.asked.push((path.clone(), clock.uptime()));
            match path.rsplit('/').next()? {
                "keys" => state.keys.clone(),
                "token" => {
                    state.sent.push((head, String::from_utf8(form).ok()?));
                    state.token.clone()
                }
                _ => state.metadata.clone(),
            }
        };
        match does {
            Does::Answers(body, headers) => send(&mut stream, 200, headers, body.as_bytes()).await,
            Does::Fails(status) => send(&mut stream, status, "", b"{}").await,
            Does::Redirects(to) => send(&mut stream, 302, &format!("location: {to}\r\n"), b"").await,
            Does::Floods => send(&mut stream, 200, "", &vec![b' '; 10_000_000]).await,
            Does::HangsUp => {}
            Does::Hangs => sleep(Duration::from_mins(1)).await,
            Does::Drips => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n").await;
                for _ in 0..60 {
                    let _ = stream.write_all(b" ").await;
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
        Some(())
    }
}

async fn send(stream: &mut TcpStream, status: u16, headers: &str, body: &[u8]) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
    // Whoever has heard enough hangs up.
    let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
}

/// Answers with a document.
pub(crate) fn answers(document: &Value) -> Does {
    Does::Answers(document.to_string(), "")
}
