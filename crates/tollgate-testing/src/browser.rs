//! What does a person see? A Chromium, driven by a test.
//!
//! A small client for [WebDriver](https://www.w3.org/TR/webdriver2/), the protocol that chromedriver speaks: commands
//! are JSON over HTTP on loopback, one session is one browser with a profile of its own. It needs no npm and no runtime.
//!
//! ```no_run
//! # use tollgate_testing::browser::Browser;
//! let browser = Browser::start();
//! browser.goto("http://127.0.0.1:8000/");
//! browser.find("#email").type_into("reader@example.test");
//! browser.find("button[type=submit]").click();
//! assert_eq!(browser.find("h1").text(), "Welcome");
//! assert!(browser.console_errors().is_empty());
//! ```
//!
//! What goes wrong panics at the test's line with the driver's words. Invariant: chromedriver, the browser and its
//! profile are gone when [`Browser`] is dropped, also when the test panics.

use std::{
    collections::hash_map::RandomState,
    env, fs,
    hash::{BuildHasher, Hasher},
    io::{BufRead, BufReader, ErrorKind},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

/// How long [`Browser::find`] and [`Browser::wait_until`] wait.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long [`Browser::script`] waits: a script may look at a whole page, and the machine may be busy.
const SCRIPT: Duration = Duration::from_mins(1);

/// The name under which WebDriver hands out elements: <https://www.w3.org/TR/webdriver2/#dfn-web-element-identifier>.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

const ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--window-size=1440,900",
    // Chromium's sandbox refuses to run as root, which is what a container runs as.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// Whether browser tests were left out with `cargo xtask test --without browser`; says so on stderr.
pub fn left_out() -> bool {
    let left_out = env::var("TOLLGATE_WITHOUT").is_ok_and(|parts| parts.split(',').any(|part| part == "browser"));
    if left_out {
        eprintln!("left out: TOLLGATE_WITHOUT names browser");
    }
    left_out
}

/// A headless Chromium without history, cookies or extensions.
#[derive(Debug)]
pub struct Browser {
    agent: Agent,
    session: String,
    // Dropped in this order: nothing writes to the folder once the driver is gone.
    driver: Driver,
    folder: TempDir,
}

impl Browser {
    /// Starts chromedriver on a free port and a browser with an empty profile.
    ///
    /// # Panics
    /// If chromedriver or Chromium are missing or do not start.
    pub fn start() -> Self {
        Self::with(&json!({}))
    }

    /// The same, where no page runs a script.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn without_scripts() -> Self {
        Self::with(&json!({ "profile.managed_default_content_settings.javascript": 2 }))
    }

    fn with(preferences: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder for the browser's profile: {error}"));
        let driver = Driver::start(folder.path());
        let config =
            Agent::config_builder().http_status_as_error(false).proxy(None).timeout_global(Some(SCRIPT + TIMEOUT));
        let mut browser = Self { agent: config.build().into(), session: driver.url.clone(), driver, folder };
        let answer = browser.post("/session", &capabilities(browser.folder.path(), preferences));
        browser.session = format!("{}/session/{}", browser.driver.url, text(&answer["sessionId"]));
        browser
    }

    /// Opens a page and waits until it is loaded.
    #[track_caller]
    pub fn goto(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// The address of the page shown.
    #[track_caller]
    pub fn url(&self) -> String {
        text(&self.get("/url"))
    }

    /// The first element that matches a CSS selector, waiting up to 10 seconds for it.
    #[track_caller]
    pub fn find(&self, css: &str) -> Element<'_> {
        // The driver does the waiting: see the implicit timeout in `capabilities`.
        let found = self.post("/element", &json!({ "using": "css selector", "value": css }));
        Element { browser: self, path: format!("/element/{}", text(&found[ELEMENT])) }
    }

    /// Waits up to 10 seconds for something that no selector tells, as an address or a second window.
    ///
    /// # Panics
    /// If `is_so` stays false; the message names `what`.
    #[track_caller]
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            assert!(start.elapsed() < TIMEOUT, "waited in vain until {what}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Runs a function body in the page; what it returns, or what its promise resolves to, comes back.
    #[track_caller]
    pub fn script(&self, body: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": body, "args": [] }))
    }

    /// The handles of all windows and tabs.
    #[track_caller]
    pub fn windows(&self) -> Vec<String> {
        self.get("/window/handles").as_array().into_iter().flatten().map(text).collect()
    }

    /// Makes a window the one that the other methods speak to.
    #[track_caller]
    pub fn switch_to(&self, window: &str) {
        self.post("/window", &json!({ "handle": window }));
    }

    /// Shows pages as on a device of this width, in CSS pixels: 375 is a small phone.
    #[track_caller]
    pub fn resize(&self, width: u32) {
        let (height, is_phone) = (if width < 600 { 812 } else { 900 }, width < 600);
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Shows pages to somebody who prefers dark colours, or light ones, and no motion: the change is there at once.
    #[track_caller]
    pub fn prefer_dark(&self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" }]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// A command of the protocol that the tools for developers speak with Chromium.
    #[track_caller]
    fn devtools(&self, command: &str, parameters: &Value) {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    /// Writes the visible part of the page to a PNG file.
    ///
    /// # Panics
    /// If the file cannot be written.
    #[track_caller]
    pub fn screenshot(&self, path: impl AsRef<Path>) {
        let png = STANDARD.decode(text(&self.get("/screenshot"))).unwrap_or_else(|error| panic!("{error}"));
        fs::write(&path, png).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()));
    }

    /// Errors in the console since the last call: exceptions, failed requests, violations of the content policy.
    #[track_caller]
    pub fn console_errors(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({ "type": "browser" }));
        let errors = log.as_array().into_iter().flatten().filter(|entry| entry["level"] == "SEVERE");
        errors.map(|entry| text(&entry["message"])).collect()
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        value(path, self.agent.get(format!("{}{path}", self.session)).call())
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        value(path, self.agent.post(format!("{}{path}", self.session)).send_json(body))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser in an orderly way; if that fails, the driver's end must do.
        self.agent.delete(&self.session).call().ok();
    }
}

/// An element of the page, as long as the page shows it.
#[derive(Debug)]
pub struct Element<'browser> {
    browser: &'browser Browser,
    path: String,
}

impl Element<'_> {
    /// Scrolls to the element and clicks into its middle; fails if something covers it.
    #[track_caller]
    pub fn click(&self) {
        self.browser.post(&format!("{}/click", self.path), &json!({}));
    }

    /// Types into a field, after what it holds.
    #[track_caller]
    pub fn type_into(&self, text: &str) {
        self.browser.post(&format!("{}/value", self.path), &json!({ "text": text }));
    }

    /// The text as a reader sees it, without what is hidden.
    #[track_caller]
    pub fn text(&self) -> String {
        text(&self.browser.get(&format!("{}/text", self.path)))
    }
}

/// The chromedriver process; ends with this value.
#[derive(Debug)]
struct Driver {
    process: Child,
    url: String,
}

impl Driver {
    fn start(folder: &Path) -> Self {
        let started = (0..20).find_map(|_| Self::try_start(port(), folder));
        started.unwrap_or_else(|| panic!("chromedriver did not start on any of 20 ports"))
    }

    /// `None` if the port is taken. The driver itself says that it holds the port, so no other can answer in its place.
    fn try_start(port: u16, folder: &Path) -> Option<Self> {
        let process = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            // Chromium leaves sockets and locks in the temporary folder.
            .env("TMPDIR", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}", why_not(&error)));
        let mut driver = Self { process, url: format!("http://127.0.0.1:{port}") };
        let mut lines = BufReader::new(driver.process.stdout.as_mut()?).lines().map_while(Result::ok);
        lines.any(|line| line.contains("started successfully")).then_some(driver)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn why_not(error: &std::io::Error) -> String {
    if error.kind() == ErrorKind::NotFound {
        "chromedriver is missing (Debian packages chromium and chromium-driver); `cargo xtask test` gets it, \
         `cargo xtask test --without browser` does without"
            .to_owned()
    } else {
        format!("cannot start chromedriver: {error}")
    }
}

/// A random port below those that the system gives to outgoing connections, which take listening ports away.
fn port() -> u16 {
    let random = RandomState::new().build_hasher().finish() % 12_000;
    20_000 + u16::try_from(random).unwrap_or_default()
}

fn capabilities(folder: &Path, preferences: &Value) -> Value {
    let mut arguments: Vec<String> = ARGUMENTS.iter().map(ToString::to_string).collect();
    arguments.push(format!("--user-data-dir={}", folder.join("profile").display()));
    let [timeout, script] = [TIMEOUT, SCRIPT].map(|time| time.as_secs() * 1000);
    json!({ "capabilities": { "alwaysMatch": {
        "goog:chromeOptions": { "args": arguments, "prefs": preferences },
        "goog:loggingPrefs": { "browser": "ALL" },
        "timeouts": { "implicit": timeout, "script": script, "pageLoad": timeout },
    } } })
}

/// The value of an answer, or a panic with the driver's error.
#[track_caller]
fn value(path: &str, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Value {
    let body = answer.and_then(|mut answer| answer.body_mut().read_json::<Value>());
    let mut body = body.unwrap_or_else(|error| panic!("chromedriver does not answer {path}: {error}"));
    let value = body["value"].take();
    if let (Some(error), Some(message)) = (value["error"].as_str(), value["message"].as_str()) {
        panic!("{error}: {}", message.lines().next().unwrap_or_default());
    }
    value
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_browser_leaves_nothing_behind() {
        if left_out() {
            return;
        }
        let browser = Browser::start();
        let folder = browser.folder.path().to_owned();
        let address = browser.driver.url.replace("http://", "");
        assert!(folder.exists() && TcpStream::connect(&address).is_ok());
        drop(browser);
        assert!(!folder.exists() && TcpStream::connect(&address).is_err());
    }

    #[test]
    fn a_browser_driver_does_not_start_on_a_port_that_is_taken() {
        if left_out() {
            return;
        }
        let taken = Driver::start(&env::temp_dir());
        let port = taken.url.rsplit(':').next().unwrap().parse().unwrap();
        assert!(Driver::try_start(port, &env::temp_dir()).is_none());
    }
}
