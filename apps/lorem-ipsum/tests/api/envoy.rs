//! The gateway of `infra/envoy`, as Envoy runs it: who has no good token does not get as far as the app, and the token of who
//! does is looked at again there.

use crate::{
    aws_emulator::until,
    process::{self, Server, at_home},
};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    thread::spawn,
};
use tempfile::TempDir;
use tollgate_testing::servers::{Envoy, free_port};
use ureq::{Agent, Body, http::Response};

fn configuration() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/envoy/envoy.yaml")
}

/// Whose tokens a gateway believes.
struct Trusted<'a> {
    issuer: &'a str,
    audience: &'a str,
    keys: &'a str,
    port: u16,
}

/// An Envoy with the configuration of the repository, but for the addresses.
struct Gateway {
    envoy: Envoy,
    port: u16,
    agent: Agent,
}

impl Gateway {
    fn start(app: u16, trusted: &Trusted<'_>, change: &dyn Fn(&str) -> String) -> Self {
        let (port, text) = (free_port(), change(&fs::read_to_string(configuration()).unwrap()));
        let Trusted { issuer, audience, keys, port: issuers } = trusted;
        let (before, after) = text.split_once("\n    - name: issuer\n").unwrap();
        let before = before
            .replace("port_value: 10000", &format!("port_value: {port}"))
            .replace("port_value: 8000", &format!("port_value: {app}"))
            .replace("http://127.0.0.1:8000/oauth/jwks", keys)
            .replace("audiences: [http://127.0.0.1:8000]", &format!("audiences: [{audience}]"))
            .replace("issuer: http://127.0.0.1:8000", &format!("issuer: {issuer}"));
        let after = after.replace("port_value: 8000", &format!("port_value: {issuers}"));
        let envoy = Envoy::start(&format!("{before}\n    - name: issuer\n{after}"), port);
        let agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
        let gateway = Self { envoy, port, agent };
        until("the gateway knows the app", || gateway.get("/docs", "").0 == 200);
        gateway
    }

    /// In front of an app that is its own issuer.
    fn in_front_of(app: &Server, audience: &str) -> Self {
        let (url, port) = (app.url(), app.port());
        Self::start(port, &Trusted { issuer: &url, audience, keys: &format!("{url}/oauth/jwks"), port }, &str::to_owned)
    }

    /// The same, with a change of the configuration.
    fn with(app: &Server, change: impl Fn(&str) -> String) -> Self {
        let (url, port) = (app.url(), app.port());
        let trusted = Trusted { issuer: &url, audience: &url, keys: &format!("{url}/oauth/jwks"), port };
        Self::start(port, &trusted, &change)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Status and body.
    fn get(&self, path: &str, token: &str) -> (u16, String) {
        get(&self.agent, &self.url(path), token)
    }

    /// The first line of the answer to a request that is sent as it is written.
    fn raw(&self, line: &str) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(socket, "{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }
}

fn get(agent: &Agent, url: &str, token: &str) -> (u16, String) {
    let request = agent.get(url).header("accept", "application/json");
    let request = if token.is_empty() { request } else { request.header("authorization", format!("Bearer {token}")) };
    let mut response = request.call().unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

fn app(folder: &Path) -> Server {
    let log = File::create(folder.join("log")).unwrap();
    let mut start = at_home(folder);
    start.env("LOREM_IPSUM_SERVER__PROXIES", "1").env("LOREM_IPSUM_LOG__FORMAT", "json");
    Server::start_as(start.stderr(log))
}

fn json(mut response: Response<Body>) -> Value {
    response.body_mut().read_json().unwrap()
}

/// A token of a demo user, by way of the gateway.
fn token(gateway: &Gateway, user: &str) -> String {
    let form = [("username", format!("{user}@example.test")), ("password", "lorem-ipsum".into())];
    let answer = json(gateway.agent.post(gateway.url("/token")).send_form(form).unwrap());
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[test]
fn envoy_understands_the_configuration() {
    assert!(Envoy::validate(&configuration()).contains("OK"));
}

#[test]
fn who_has_no_good_token_stays_outside_and_who_has_one_is_looked_at_again() {
    let folder = TempDir::new().unwrap();
    let app = app(folder.path());
    let gateway = Gateway::in_front_of(&app, &app.url());
    let good = token(&gateway, "reader");
    assert_eq!(gateway.get("/movies?limit=1", &good).0, 200);

    let (status, said) = gateway.get("/movies", "");
    let problem: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((status, &problem["status"], &problem["detail"]), (401, &json!(401), &json!("Jwt is missing")));
    for bad in ["nonsense", &format!("{good}x")] {
        let (status, said) = gateway.get("/movies", bad);
        assert!(status == 401 && said.contains("Jwt"), "Envoy says so: {said}");
    }
    // Envoy overlooks dots too many; the app does not.
    assert_eq!(gateway.get("/movies", &good.replace('.', "..")).0, 401);

    let direct = |token: &str| get(&gateway.agent, &format!("{}/movies?limit=1", app.url()), token);
    assert_eq!((direct("").0, direct(&good).0), (401, 200));
    assert_eq!(process::run(folder.path(), &["user", "disable", "reader@example.test"]).status.code(), Some(0));
    until("the app refuses what Envoy lets in", || {
        let (status, said) = gateway.get("/movies?limit=1", &good);
        status == 401 && !said.contains("Jwt")
    });
}

#[test]
fn a_token_for_others_is_refused() {
    let folder = TempDir::new().unwrap();
    let app = app(folder.path());
    let gateway = Gateway::in_front_of(&app, "urn:another-api");
    let (status, said) = gateway.get("/movies", &token(&gateway, "reader"));
    assert!(status == 403 && said.contains("Audiences in Jwt are not allowed"), "{said}");
}

#[test]
fn pages_probes_signing_in_and_options_need_no_token_and_no_path_looks_like_them() {
    let folder = TempDir::new().unwrap();
    let app = app(folder.path());
    let gateway = Gateway::in_front_of(&app, &app.url());
    for path in [
        "/",
        "/docs",
        "/docs/start.js",
        "/openapi.json",
        "/-/assets/gate.svg",
        "/auth/login",
        "/oauth/jwks",
        "/livez",
        "/readyz",
    ] {
        assert!([200, 302, 303].contains(&gateway.get(path, "").0), "{path}");
    }
    assert_eq!(gateway.raw("OPTIONS /movies"), "HTTP/1.1 204 No Content");
    for path in
        ["/movies", "/api/me", "/livez/", "/readyzx", "/docsx", "/docs/../movies", "/docs/%2e%2e/movies", "//movies"]
    {
        assert_eq!(gateway.raw(&format!("GET {path}")), "HTTP/1.1 401 Unauthorized", "{path}");
    }
    for path in ["/docs%2f..%2fmovies", "/docs%5c..%5cmovies"] {
        assert_eq!(gateway.raw(&format!("GET {path}")), "HTTP/1.1 400 Bad Request", "{path}");
    }
}

#[test]
fn a_person_with_a_session_opens_the_pages_of_the_app_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let app = app(folder.path());
    let gateway = Gateway::in_front_of(&app, &app.url());
    let page = |path: &str, cookie: &str| {
        let request = gateway.agent.get(gateway.url(path)).header("accept", "text/html").header("cookie", cookie);
        request.call().unwrap()
    };
    for path in ["/monitor", "/monitor/places", "/library"] {
        let sent = page(path, "session=made-up");
        let location = sent.headers()["location"].to_str().unwrap();
        assert!(sent.status() == 303 && location.starts_with("/auth/login?return_to="), "{path}: {location}");
    }
    let form = [("email", "clinician@example.test"), ("password", "lorem-ipsum")];
    let sent = gateway.agent.post(gateway.url("/auth/login")).header("origin", app.url()).send_form(form).unwrap();
    let cookie = sent.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    for path in ["/monitor", "/monitor/places", "/library", "/patients/live"] {
        assert_eq!(page(path, &cookie).status(), 200, "{path}");
    }
    for path in ["/patients", "/movies", "/alerts/live", "/monitored"] {
        assert_eq!(page(path, &cookie).status(), 401, "a session is no token: {path}");
    }
}

#[test]
fn a_stream_of_changes_outlives_the_time_of_other_answers() {
    let folder = TempDir::new().unwrap();
    let app = app(folder.path());
    let gateway = Gateway::with(&app, |text| text.replace("timeout: 35s", "timeout: 1s"));
    let clinician = format!("Bearer {}", token(&gateway, "clinician"));
    let follow =
        || gateway.agent.get(gateway.url("/patients/live")).header("authorization", &clinician).call().unwrap();
    let mut lines = BufReader::new(follow().into_body().into_reader()).lines();
    std::thread::sleep(std::time::Duration::from_secs(3));
    let new = json!({ "patient_id": "P-9001", "name": "Ines Okafor", "born": 1968, "place": "Harbour" });
    let admit = gateway.agent.post(format!("{}/patients", app.url())).header("authorization", &clinician);
    assert_eq!(admit.send_json(new).unwrap().status(), 201);
    assert!(lines.any(|line| line.expect("it goes on").contains("P-9001")));
}

#[test]
fn address_and_id_of_a_request_are_those_that_the_gateway_gives_it() {
    let folder = TempDir::new().unwrap();
    let app = app(folder.path());
    let gateway = Gateway::in_front_of(&app, &app.url());
    let request = gateway.agent.get(gateway.url("/docs")).header("x-forwarded-for", "203.0.113.9");
    let answer = request.header("x-request-id", "chosen-by-me").call().unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(id.len(), 36, "{id}");
    until("the app's line of the request", || {
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        assert!(!log.contains("chosen-by-me") && !log.contains("203.0.113.9"), "{log}");
        log.lines().any(|line| line.contains(&id) && line.contains("client.address"))
    });
    let direct = gateway.agent.get(format!("{}/docs", app.url())).header("x-request-id", "from-the-proxy");
    assert_eq!(
        direct.call().unwrap().headers()["x-request-id"],
        "from-the-proxy",
        "whoever reaches the app is believed"
    );
    assert_eq!(gateway.envoy.log().matches("[critical]").count(), 0);
}

/// An issuer that the gateway was told to trust, and the app was not.
struct Issuer {
    key: EncodingKey,
    port: u16,
}

impl Issuer {
    fn start() -> Self {
        let key = key();
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap()).unwrap();
        jwk["kid"] = "1".into();
        let body = json!({ "keys": [jwk] }).to_string();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        spawn(move || {
            for mut client in listener.incoming().flatten() {
                let _ = client.read(&mut [0; 4096]);
                let _ = client.write_all(answer.as_bytes());
            }
        });
        Self { key, port }
    }
}

/// A token with these claims in place of good ones.
fn signed(key: &EncodingKey, claims: &Value) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut all = json!({ "iss": "https://stranger.example", "sub": "ann", "aud": "urn:api", "iat": now - 600,
        "exp": now + 600, "scope": "read:movies" });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    encode(&Header { kid: Some("1".into()), ..Header::new(Algorithm::ES256) }, &all, key).unwrap()
}

fn key() -> EncodingKey {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref())
}

#[test]
fn the_app_does_not_believe_whom_only_the_gateway_believes() {
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let (folder, issuer) = (TempDir::new().unwrap(), Issuer::start());
    let app = app(folder.path());
    let keys = format!("http://127.0.0.1:{}/keys", issuer.port);
    let trusted = Trusted { issuer: "https://stranger.example", audience: "urn:api", keys: &keys, port: issuer.port };
    let gateway = Gateway::start(app.port(), &trusted, &str::to_owned);
    let says = |key: &EncodingKey, claims: Value| gateway.get("/movies", &signed(key, &claims));

    let (status, said) = says(&issuer.key, json!({}));
    assert!(status == 401 && !said.contains("Jwt"), "the app's own refusal: {said}");
    for (claims, status, why) in [
        (json!({ "exp": 1_700_000_000 }), 401, "Jwt is expired"),
        (json!({ "exp": null }), 401, "Jwt"),
        (json!({ "nbf": 4_000_000_000_u64 }), 401, "Jwt not yet valid"),
        (json!({ "iss": "https://other.example" }), 401, "Jwt issuer is not configured"),
        (json!({ "aud": "urn:other" }), 403, "Audiences in Jwt are not allowed"),
    ] {
        let (told, said) = says(&issuer.key, claims);
        assert!(told == status && said.contains(why), "{told} {said}");
    }
    let (status, said) = says(&key(), json!({}));
    assert!(status == 401 && said.contains("Jwt verification fails"), "{said}");
}
