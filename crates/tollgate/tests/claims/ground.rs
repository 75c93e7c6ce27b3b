//! The app that most claims are made about: films that anyone may read, and notes that belong to whoever wrote them.

use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tollgate::prelude::*;
use tollgate_testing::{Client, Reply, TestApp};

/// A film.
#[resource(plural = "movies")]
pub(crate) struct Movie {
    #[id]
    pub movie_id: i32,
    #[garde(length(min = 1, max = 200))]
    pub title: String,
    pub released: Option<i32>,
    #[garde(range(min = 0.0, max = 10.0))]
    pub rating: Option<f64>,
    #[unique]
    pub code: Option<String>,
}

/// A note to oneself, with a field of every kind.
#[resource(plural = "notes")]
pub(crate) struct Note {
    #[id(generated)]
    pub note_id: i64,
    #[owner]
    pub author: String,
    pub text: String,
    pub pinned: bool,
    pub stars: Option<i32>,
    pub weight: Option<f64>,
    pub due: Option<Timestamp>,
    pub reference: Option<Uuid>,
    #[hidden]
    pub secret: Option<String>,
    #[created_at]
    pub made: Timestamp,
    #[updated_at]
    pub changed: Timestamp,
    #[version]
    pub version: i64,
}

/// Both resources under their six routes.
pub(crate) fn app() -> App {
    let service = Service::new("all").crud::<Movie>("/movies").crud::<Note>("/notes");
    App::new("claims").settings("[access]\nanyone = [\"read:movies\"]").service(service)
}

pub(crate) async fn start() -> TestApp {
    TestApp::new(app()).await
}

pub(crate) fn curator(app: &TestApp) -> Client {
    app.actor("cur").may("create:movies update:movies delete:movies")
}

/// Somebody who keeps notes.
pub(crate) fn writer(app: &TestApp, id: &str) -> Client {
    app.actor(id).may("read:notes create:notes update:notes delete:notes")
}

/// What a writer sends for a note.
pub(crate) fn note(text: &str) -> Value {
    json!({ "text": text, "pinned": false, "stars": null, "weight": null, "due": null, "reference": null, "secret": null })
}

/// The same JSON object with one member more, or another one.
pub(crate) fn with(mut object: Value, name: &str, value: impl Into<Value>) -> Value {
    object[name] = value.into();
    object
}

/// Status, and the members of a problem that say why.
pub(crate) fn why(reply: &Reply) -> String {
    let problem = reply.json();
    let mut said = reply.status().to_string();
    for fault in problem["errors"].as_array().into_iter().flatten() {
        let place = fault["pointer"].as_str().or(fault["parameter"].as_str()).unwrap_or("?");
        said = format!("{said} {place}: {}", fault["detail"].as_str().unwrap_or("?"));
    }
    match problem["detail"].as_str() {
        Some(detail) if problem["errors"].is_null() => format!("{said} {detail}"),
        _ => said,
    }
}

/// Every byte as `%XX`.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02X}"))
}

/// What was written to the log.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// What a request has written to the log, and how it was answered.
    pub(crate) async fn of<T>(request: impl Future<Output = T>) -> (String, T) {
        let log = Self::default();
        let writer = log.clone();
        let lines = tracing_subscriber::fmt()
            .with_env_filter("error,tollgate::request=debug,tollgate::audit=info")
            .with_ansi(false);
        let logging = tracing::subscriber::set_default(lines.with_writer(move || writer.clone()).finish());
        let reply = request.await;
        drop(logging);
        let log = log.0.lock().unwrap().clone();
        (String::from_utf8(log).unwrap(), reply)
    }
}
