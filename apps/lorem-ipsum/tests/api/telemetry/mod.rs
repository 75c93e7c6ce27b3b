//! What those see who look after the app: the built binary, watched by what would watch it.

mod grafana_sdk;
mod lines;
mod prometheus;
mod rotel;

use crate::process::{self, Server};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread::spawn,
    time::{Duration, Instant},
};
use ureq::{Agent, Body, http::Response};

/// A folder of the workspace.
fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Tries something until it holds, on a machine that may be busy.
pub(crate) fn until<T>(what: &str, mut holds: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match holds() {
            Ok(value) => return value,
            Err(why) => assert!(start.elapsed() < Duration::from_mins(1), "{what}: {why}"),
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// An app that is watched, and who speaks to it.
struct Watched {
    server: Server,
    agent: Agent,
}

impl Watched {
    fn start(folder: &Path, settings: &[(&str, &str)]) -> Self {
        Self::start_as(command(folder, settings).stderr(Stdio::null()))
    }

    fn start_as(command: &mut Command) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        Self { server: Server::start_as(command), agent }
    }

    /// The address behind a word of the banner.
    fn told(&self, word: &str) -> &str {
        let line = self.server.banner.lines().find_map(|line| line.trim().strip_prefix(word));
        line.unwrap_or_else(|| panic!("{}", self.server.banner)).trim()
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }

    /// A token of a demo user.
    fn token(&self, role: &str) -> String {
        let form = [("username", &*format!("{role}@example.test")), ("password", "lorem-ipsum")];
        let answer: Value = self.agent.post(self.at("/token")).send_form(form).unwrap().body_mut().read_json().unwrap();
        format!("Bearer {}", answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")))
    }

    fn get(&self, path: &str, token: &str) -> Response<Body> {
        self.agent.get(self.at(path)).header("authorization", token).call().unwrap()
    }

    fn metrics(&self) -> String {
        self.agent.get(self.told("metrics")).call().unwrap().body_mut().read_to_string().unwrap()
    }
}

fn command(folder: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = process::at_home(folder);
    command.envs(settings.iter().map(|(name, value)| (format!("LOREM_IPSUM_{name}"), value)));
    command
}

/// An issuer that has keys and does nothing else. It remembers the heads of the requests it got.
struct Issuer {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Issuer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = Self { url: url.clone(), heads: Arc::default() };
        let heads = Arc::clone(&issuer.heads);
        spawn(move || {
            for mut client in listener.incoming().flatten() {
                let mut bytes = [0; 4096];
                let length = client.read(&mut bytes).unwrap_or_default();
                let head = String::from_utf8_lossy(&bytes[..length]).into_owned();
                let body = if head.starts_with("GET /keys") { keys() } else { metadata(&url) }.to_string();
                let length = body.len();
                heads.lock().unwrap().push(head);
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                let _ = client.write_all(answer.as_bytes());
            }
        });
        issuer
    }

    /// The settings that trust it.
    fn settings(&self) -> [(&'static str, &str); 3] {
        [
            ("IDENTITY__ISSUERS__PEER__PRESET", "generic"),
            ("IDENTITY__ISSUERS__PEER__ISSUER", &self.url),
            ("IDENTITY__ISSUERS__PEER__AUDIENCE", "urn:api"),
        ]
    }
}

fn metadata(url: &str) -> Value {
    json!({ "issuer": url, "jwks_uri": format!("{url}/keys"), "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"), "response_types_supported": ["code"] })
}

/// A key of RFC 7517, appendix A.1.
fn keys() -> Value {
    json!({ "keys": [{ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "1",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" }] })
}
