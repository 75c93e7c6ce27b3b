//! What is secret is nowhere that people look: not in the log at its most talkative, not in an answer that says no, not in a
//! list, not in the database.

use crate::{
    doors::printed,
    issuer::{say, secret},
    process::{Server, command},
    telemetry::until,
};
use serde_json::{Value, json};
use std::{fmt::Write, fs::File, path::Path};
use tempfile::TempDir;
use tollgate_testing::servers::Rotel;
use ureq::{Agent, Body, http::Response};

/// Of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const BACK: &str = "http://127.0.0.1:9/back";

/// An app that says everything it can, and all that was secret in what was said to it and by it.
struct Talk {
    folder: TempDir,
    server: Server,
    traces: Rotel,
    agent: Agent,
    secrets: Vec<String>,
    /// What people see: answers that say no, lists, what commands print about a mistake.
    seen: String,
}

impl Talk {
    fn start(format: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let mut start = command(folder.path(), &["--port", "0"]);
        let traces = Rotel::start();
        start.env("LOREM_IPSUM_LOG__FORMAT", format).env("LOREM_IPSUM_TELEMETRY__METRICS", "127.0.0.1:0");
        start.env("LOREM_IPSUM_TELEMETRY__TRACES", traces.url());
        let server = Server::start_as(start.env("RUST_LOG", "trace").stderr(log));
        let agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
        Self { folder, server, traces, agent, secrets: vec![], seen: String::new() }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }

    /// A value that must be nowhere.
    fn secret(&mut self, value: &str) -> String {
        assert!(value.len() >= 12, "`{value}` might be anywhere");
        self.secrets.push(value.to_owned());
        value.to_owned()
    }

    /// What a command prints; if it fails, people see it.
    fn run(&mut self, arguments: &[&str]) -> String {
        let (good, said) = say(self.folder.path(), arguments);
        if !good {
            self.seen += &said;
        }
        said
    }

    /// The body of an answer; one that says no is seen.
    fn body(&mut self, mut answer: Response<Body>) -> Value {
        let text = answer.body_mut().read_to_string().unwrap();
        if answer.status().as_u16() >= 400 {
            write!(self.seen, "{:?}{text}", answer.headers()).unwrap();
        }
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    fn get(&mut self, path: &str, header: (&str, &str)) -> Value {
        let answer = self.agent.get(self.at(path)).header(header.0, header.1).call().unwrap();
        self.body(answer)
    }

    fn form(&mut self, path: &str, header: (&str, &str), form: &[(&str, &str)]) -> Value {
        let request = self.agent.post(self.at(path)).header("origin", self.server.url()).header(header.0, header.1);
        let answer = request.send_form(form.iter().copied()).unwrap();
        self.body(answer)
    }

    /// Passwords, and what they are changed for.
    fn passwords(&mut self) {
        let password = self.secret("canary-password-of-the-command");
        self.run(&["create-user", "--name", "Can", "--email", "can@example.test", "--password", &password]);
        let short = "can-ary";
        self.run(&["create-user", "--name", "Can", "--email", "short@example.test", "--password", short]);
        assert!(self.seen.contains("error: ") && !self.seen.contains(short), "{}", self.seen);
        for (email, wrong) in [("can@example.test", "canary-wrong-password"), ("no@example.test", "canary-of-nobody")] {
            let wrong = self.secret(wrong);
            self.form("/auth/login", ("accept", "text/html"), &[("email", email), ("password", &wrong)]);
            self.form("/token", ("accept", "*/*"), &[("username", email), ("password", &wrong)]);
        }
        let token =
            self.form("/token", ("accept", "*/*"), &[("username", "can@example.test"), ("password", &password)]);
        self.secret(token["access_token"].as_str().unwrap());
        let link = self.run(&["user", "reset-link", "can@example.test"]);
        self.secret(link.lines().find_map(|line| line.split_once("link=")).unwrap().1);
    }

    /// From a session over a code to tokens, and where each goes when it is wrong.
    fn sign_in(&mut self) {
        let client = self.run(&["client", "add", "web", "--kind", "confidential", "--redirect-uri", BACK, "--offline"]);
        let client = self.secret(&secret(&client));
        let form = [("email", "can@example.test"), ("password", "canary-password-of-the-command")];
        let login =
            self.agent.post(self.at("/auth/login")).header("origin", self.server.url()).send_form(form).unwrap();
        let cookie = login.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        self.secret(cookie.split_once('=').unwrap().1);
        let state = self.secret("canary-of-the-state");
        let ask = format!(
            "/oauth/authorize?response_type=code&client_id=web&redirect_uri={BACK}&scope=openid&state={state}\
             &code_challenge={CHALLENGE}&code_challenge_method=S256"
        );
        let answer = self.agent.get(self.at(&ask)).header("cookie", &cookie).call().unwrap();
        let back = answer.headers()["location"].to_str().unwrap().to_owned();
        let code = back.split(['?', '&']).find_map(|pair| pair.strip_prefix("code=")).unwrap();
        let code = self.secret(code);
        let verifier = self.secret(VERIFIER);
        let wrong = self.secret("canary-of-a-wrong-client-secret");
        let redeem = |talk: &mut Self, secret: &str| {
            let form = [
                ("grant_type", "authorization_code"),
                ("client_id", "web"),
                ("client_secret", secret),
                ("redirect_uri", BACK),
                ("code_verifier", &verifier),
                ("code", &code),
            ];
            talk.form("/oauth/token", ("accept", "*/*"), &form)
        };
        redeem(self, &wrong);
        let tokens = redeem(self, &client);
        for name in ["access_token", "refresh_token", "id_token"] {
            self.secret(tokens[name].as_str().unwrap_or_else(|| panic!("{tokens}")));
        }
        redeem(self, &client);
        let rotated = self.run(&["client", "rotate", "web"]);
        self.secret(&secret(&rotated));
        let id_token = tokens["id_token"].as_str().unwrap();
        self.get("/api/me", ("authorization", &format!("Bearer {id_token}")));
    }

    /// API keys: whole, cut short, over HTTP, of a user.
    fn api_keys(&mut self) {
        let key = key_in(&self.run(&["api-key", "create", "canary", "--scope", "read:movies"]));
        let key = self.secret(&key);
        self.secret(key.rsplit('_').next().unwrap());
        let own = self.run(&["api-key", "create", "mine", "--scope", "read:movies", "--user", "can@example.test"]);
        let own = self.secret(&key_in(&own));
        let port = self.server.url().rsplit_once(':').unwrap().1.to_owned();
        let token = printed(self.folder.path(), &["token", "admin@example.test", "--port", &port]);
        let token = self.secret(&token);
        let wanted = json!({ "name": "over-http", "scopes": ["read:movies"] });
        let made =
            self.agent.post(self.at("/api-keys")).header("authorization", format!("Bearer {token}")).send_json(wanted);
        let made: Value = made.unwrap().body_mut().read_json().unwrap();
        self.secret(made["secret"].as_str().unwrap());
        let cut = self.secret(&key[..key.len() - 1]);
        for shown in [&*key, &own, &cut] {
            self.get("/audit", ("authorization", &format!("Bearer {shown}")));
        }
        for list in [
            &["api-key", "list"][..],
            &["user", "list"],
            &["client", "list"],
            &["keys", "list"],
            &["check"],
            &["openapi"],
            &["config"],
            &["describe"],
        ] {
            let said = self.run(list);
            self.seen += &said;
        }
        for path in ["/api-keys", "/users", "/audit", "/api/me"] {
            let shown = self.get(path, ("authorization", &format!("Bearer {token}")));
            self.seen += &shown.to_string();
        }
    }

    /// Where secrets are put that belong elsewhere.
    fn misplaced(&mut self) {
        for (header, value, secret) in [
            ("authorization", "Bearer canary-that-is-no-token", "canary-that-is-no-token"),
            ("authorization", "Basic Y2FuYXJ5OmNhbmFyeQ==", "Y2FuYXJ5OmNhbmFyeQ"),
            ("cookie", "session=canary-of-a-cookie", "canary-of-a-cookie"),
            ("x-api-key", "canary-of-a-header", "canary-of-a-header"),
        ] {
            self.secret(secret);
            self.get("/movies", (header, value));
        }
        let asked = self.secret("canary-in-a-question");
        self.get(&format!("/movies?access_token={asked}"), ("accept", "*/*"));
        let message = self.secret("canary-in-a-message");
        let key = self.run(&["api-key", "create", "writer", "--scope", "create:messages"]);
        let key = self.secret(&key_in(&key));
        let bearer = format!("Bearer {key}");
        let wrong = json!({ "text": [message] });
        let answer = self.agent.post(self.at("/messages")).header("authorization", &bearer).send_json(wrong).unwrap();
        self.body(answer);
    }
}

/// The key that a command printed.
fn key_in(said: &str) -> String {
    said.lines().find(|line| line.starts_with("tg_")).unwrap_or_else(|| panic!("{said}")).to_owned()
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap()
}

/// What the database holds: of most secrets their hashes, of none the secret.
fn kept(folder: &Path) -> String {
    let files = std::fs::read_dir(folder.join("data")).unwrap().map(|file| file.unwrap().path());
    files.map(|file| String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned()).collect()
}

/// Searches what people see, and programs, and whoever has a copy of the database.
fn is_nowhere(format: &str, words: &str) {
    let mut talk = Talk::start(format);
    talk.passwords();
    talk.sign_in();
    talk.api_keys();
    talk.misplaced();
    let metrics =
        talk.server.banner.lines().find_map(|line| line.trim().strip_prefix("metrics")).unwrap().trim().to_owned();
    let metrics = talk.agent.get(&metrics).call().unwrap().body_mut().read_to_string().unwrap();
    let config = talk.run(&["config", "--json"]);
    let traces = until("the steps of the requests", || {
        let log = talk.traces.log();
        if log.contains("POST /token") && log.contains("POST /api-keys") { Ok(log) } else { Err(log) }
    });
    let (log, seen, kept) = (log(talk.folder.path()), &talk.seen, kept(talk.folder.path()));
    assert!(log.contains(words) && log.len() > 10_000, "the log is silent");
    assert!(seen.contains("application/problem+json"), "nothing was refused");
    assert!(metrics.contains("http_server_request_duration_seconds_count"), "nothing was counted");
    assert!(kept.contains("can@example.test"), "the database is elsewhere");
    assert!(talk.secrets.len() >= 25, "{}", talk.secrets.len());
    for secret in &talk.secrets {
        let around =
            |text: &str| text.lines().find(|line| line.contains(secret)).map(|line| line.chars().take(600).collect());
        let texts = [&log, seen, &talk.server.banner, &metrics, &traces, &config, &kept];
        let found: Option<String> = texts.into_iter().find_map(|text| around(text));
        assert_eq!(found, None, "{secret}");
    }
}

mod rotel {
    use super::is_nowhere;

    #[test]
    fn no_secret_is_in_the_log_in_traces_in_a_refusal_or_in_a_list() {
        is_nowhere("text", "DEBUG tollgate::request");
    }

    #[test]
    fn no_secret_is_in_lines_for_programs_or_in_metrics() {
        is_nowhere("json", "\"log.logger\":\"tollgate::request\"");
    }
}
