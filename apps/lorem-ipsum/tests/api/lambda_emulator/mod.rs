//! The built binary as a function of AWS Lambda, called through the official emulator with events as gateways send them.

mod gateways;
mod rotel;
mod runtime;

use crate::process::{BINARY, command};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tollgate_testing::servers::{LambdaEmulator, RuntimeApi};

const SECRET: &str = "GigpCuYFM1VX0O+hOBgdOqPvZCJ4qigBzql0kBxN0So=";

/// What every function here is told: that it trusts one issuer, and keeps its rows in its own folder.
fn settings(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = [
        ("ENV", "prod"),
        ("SERVER__PUBLIC_URL", "https://lorem.example"),
        ("IDENTITY__ISSUERS__OLD__PRESET", "secret"),
        ("IDENTITY__ISSUERS__OLD__ISSUER", "old"),
        ("IDENTITY__ISSUERS__OLD__AUDIENCE", "api"),
        ("IDENTITY__ISSUERS__OLD__SECRET", SECRET),
        ("DATABASE__URL", "sqlite:app.db"),
        ("DATABASE__ADDITIVE", "true"),
    ];
    let all = own.iter().chain(more);
    all.map(|(name, value)| (format!("LOREM_IPSUM_{name}"), (*value).to_owned())).collect()
}

fn function(more: &[(&str, &str)]) -> LambdaEmulator {
    let settings = settings(more);
    let variables: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    LambdaEmulator::start(Path::new(BINARY), &variables)
}

/// A function without the emulator: whoever has its runtime API sees more of it. It ends with this value.
struct Alone {
    child: Child,
    folder: TempDir,
}

impl Alone {
    fn start(api: &RuntimeApi, more: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = command(folder.path(), &[]);
        command.envs(api.variables()).envs(settings(&[])).envs(more.iter().copied());
        command.stderr(File::create(folder.path().join("log")).unwrap());
        let mut function = Self::start_as(&mut command);
        function.folder = folder;
        function
    }

    fn start_as(command: &mut Command) -> Self {
        Self { child: command.stdout(Stdio::null()).spawn().unwrap(), folder: TempDir::new().unwrap() }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A token of the issuer that is trusted.
fn token(scope: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    // Functions are frozen for a while, and calendars put forward.
    let claims = json!({ "iss": "old", "aud": "api", "sub": "ann", "scope": scope, "iat": now, "exp": now + 3600 });
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// Somebody who may read and write films.
fn curator() -> String {
    token("read:movies create:movies update:movies")
}

/// An event as that gateway sends it: `GET /movies` for films with a title that is hard to write.
fn event(gateway: &str, token: &str) -> Value {
    let text = match gateway {
        "http_api" => include_str!("events/http_api.json"),
        "http_api_stage" => include_str!("events/http_api_stage.json"),
        "http_api_format_1" => include_str!("events/http_api_format_1.json"),
        "function_url" => include_str!("events/function_url.json"),
        "rest_api" => include_str!("events/rest_api.json"),
        "rest_api_base_path" => include_str!("events/rest_api_base_path.json"),
        "load_balancer" => include_str!("events/load_balancer.json"),
        "load_balancer_many" => include_str!("events/load_balancer_many.json"),
        other => panic!("no gateway {other}"),
    };
    serde_json::from_str(&text.replace("TOKEN", token)).unwrap()
}

/// The same event with another method and path, and no query.
fn asking(method: &str, path: &str, mut event: Value) -> Value {
    let fields = event.as_object_mut().unwrap();
    fields.retain(|name, _| !name.to_lowercase().contains("querystring"));
    if fields.contains_key("rawPath") {
        fields.insert("rawPath".into(), path.into());
        event["requestContext"]["http"]["method"] = method.into();
    } else {
        fields.insert("path".into(), path.into());
        fields.insert("httpMethod".into(), method.into());
    }
    event
}

/// The same with a header more.
fn with_header(name: &str, value: &str, mut event: Value) -> Value {
    if event["headers"].is_object() {
        event["headers"][name] = value.into();
    }
    if event["multiValueHeaders"].is_object() {
        event["multiValueHeaders"][name] = json!([value]);
    }
    event
}

/// The same from a browser, which has no token and these cookies.
fn with_cookies(one: &str, other: &str, mut event: Value) -> Value {
    for headers in ["headers", "multiValueHeaders"] {
        if let Some(headers) = event[headers].as_object_mut() {
            headers.retain(|name, _| !["authorization", "cookie"].contains(&&*name.to_lowercase()));
        }
    }
    if event["cookies"].is_array() {
        event["cookies"] = json!([one, other]);
        return event;
    }
    with_header("cookie", &format!("{one}; {other}"), event)
}

/// An event that adds a film.
fn adding(film: &Value, event: Value) -> Value {
    let mut event = with_header("content-type", "application/json", asking("POST", "/movies", event));
    event["body"] = film.to_string().into();
    event
}

fn film(movie_id: u32, title: &str) -> Value {
    json!({ "movie_id": movie_id, "title": title, "released": 1999, "rating": 7.5 })
}

/// An answer as the gateway gets it.
fn call(function: &LambdaEmulator, event: &Value) -> Value {
    let said = function.invoke(&event.to_string());
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}\n{}", function.log()))
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_else(|_| panic!("{answer}"))
}
