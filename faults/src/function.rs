//! The reference application as a function of AWS Lambda: a process that is frozen between two calls.

use crate::{Result, Stage};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;
use tollgate_testing::servers::{Call, Faketime, RuntimeApi};

/// The function, after it has asked for an event. It ends with this value.
pub(crate) struct Function {
    api: RuntimeApi,
    asked: Option<Call>,
    child: Child,
    calendar: Faketime,
    binary: PathBuf,
    settings: HashMap<String, String>,
    folder: TempDir,
}

/// What a gateway gets.
pub(crate) struct Answer(Value);

impl Answer {
    pub(crate) fn status(&self) -> u64 {
        self.0["statusCode"].as_u64().unwrap_or_default()
    }

    pub(crate) fn body(&self) -> Value {
        self.0["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default()
    }
}

/// A request as an HTTP API sends it.
pub(crate) fn event(method: &str, (path, query): (&str, &str), token: &str, body: Option<&Value>) -> Value {
    json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": { "authorization": format!("Bearer {token}"), "content-type": "application/json" },
        "body": body.map(Value::to_string),
        "isBase64Encoded": false,
        "requestContext": { "stage": "$default", "http": { "method": method, "path": path, "sourceIp": "127.0.0.1" } }
    })
}

impl Function {
    /// Starts it with its rows there, and a user who reads and writes messages; waits until it asks for an event.
    pub(crate) fn start(stage: &Stage, database: &str) -> Result<Self> {
        let (folder, api) = (TempDir::new()?, RuntimeApi::start());
        let calendar = Faketime::start(folder.path());
        let settings = [
            ("ENV", "prod"),
            ("SERVER__PUBLIC_URL", "https://lorem.example"),
            ("IDENTITY__EMBEDDED", "true"),
            ("IDENTITY__ACCESS_TOKEN_MINUTES", "1440"),
            ("DATABASE__ADDITIVE", "true"),
            ("DATABASE__URL", database),
            ("LOG__FILTER", "warn"),
        ];
        let settings = settings.map(|(name, value)| (format!("LOREM_IPSUM_{name}"), value.to_owned())).into();
        let mut command = Command::new(&stage.binary);
        command.envs(&settings).envs(api.variables()).envs(calendar.variables()).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(folder.path().join("log"))?);
        let child = command.spawn().map_err(|error| format!("{}: {error}", stage.binary.display()))?;
        let asked = Some(api.heard());
        Ok(Self { api, asked, child, calendar, binary: stage.binary.clone(), settings, folder })
    }

    /// Calls it; answers once it asks for the next event, so that it may be frozen.
    pub(crate) fn call(&mut self, event: &Value) -> Result<Answer> {
        let asked = self.asked.take().ok_or("it asked for nothing")?;
        asked.hand_out("a-call", &event.to_string());
        let answer = self.api.heard();
        let body = answer.body.clone();
        answer.accept();
        self.asked = Some(self.api.heard());
        Ok(Answer(serde_json::from_str(&body)?))
    }

    /// Stops it, lets something happen while the calendar goes on by so many seconds, and lets it go on.
    pub(crate) fn freeze(&self, seconds: u64, meanwhile: impl FnOnce() -> Result) -> Result {
        self.signal("-STOP")?;
        self.calendar.put_forward(seconds);
        let happened = meanwhile();
        self.signal("-CONT")?;
        happened
    }

    fn signal(&self, name: &str) -> Result {
        let done = Command::new("kill").args([name, &self.child.id().to_string()]).status()?;
        if done.success() { Ok(()) } else { Err("it has ended".into()) }
    }

    /// A command of the app, on the same database.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.binary);
        let said = command.args(arguments).envs(&self.settings).current_dir(self.folder.path()).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if said.status.success() { Ok(text(&said.stdout).trim().to_owned()) } else { Err(text(&said.stderr).into()) }
    }

    /// What it wrote.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
