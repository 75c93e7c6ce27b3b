//! `tollgate dev`: who calls the app while it changes.

use crate::process::{Made, failure};
use std::{
    io::{BufRead, BufReader, Read},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

/// How long a machine that does other things may take to build a small app.
const TIMEOUT: Duration = Duration::from_mins(10);

/// An app that runs, or `tollgate dev` around one; it ends with this value.
pub(crate) struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
    address: String,
}

impl Running {
    /// Waits until the app says where it is.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        keep(child.stdout.take().unwrap(), &said);
        keep(child.stderr.take().unwrap(), &said);
        let mut running = Self { child, said, address: String::new() };
        running.hears("Ctrl-C stops it.");
        running.address =
            running.said().lines().find_map(|line| line.trim().strip_prefix("app ").map(address)).unwrap();
        running
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it said that, and forgets what was said before.
    fn hears(&mut self, words: &str) {
        let begin = Instant::now();
        while !self.said().contains(words) {
            assert!(begin.elapsed() < TIMEOUT, "`{words}` was not said: {}", self.said());
            assert!(self.child.try_wait().unwrap().is_none(), "it ended: {}", self.said());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn forget(&self) {
        self.said.lock().unwrap().clear();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    pub(crate) fn port(&self) -> String {
        self.address.rsplit(':').next().unwrap().to_owned()
    }

    pub(crate) fn get(&self, path: &str, authorization: &str) -> ureq::http::Response<ureq::Body> {
        ureq::get(self.url(path)).header("authorization", authorization).call().unwrap()
    }

    fn greeting(&self) -> String {
        ureq::get(self.url("/greeting")).call().unwrap().into_body().read_to_string().unwrap()
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal("-TERM");
        let _ = self.child.wait();
    }
}

fn address(text: &str) -> String {
    text.trim().trim_end_matches('/').to_owned()
}

fn keep(stream: impl Read + Send + 'static, said: &Arc<Mutex<String>>) {
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut said = said.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
        }
    });
}

/// A port that is free, below those that the system gives to outgoing connections.
pub(crate) fn free_port() -> String {
    let random = |at: u32| 20_000 + (std::process::id().wrapping_mul(31).wrapping_add(at * 97)) % 12_000;
    let ports = (0..100).map(|at| u16::try_from(random(at)).unwrap());
    ports.into_iter().find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap().to_string()
}

/// An app that greets.
fn greeting_app() -> Made {
    let made = Made::new("watched-app", &[]);
    let notes = made.read("src/notes/mod.rs");
    let routes = "service!(\"notes\").crud::<Note>(\"/notes\").get(\"/greeting\", greet)";
    let notes = notes.replace("service!(\"notes\").crud::<Note>(\"/notes\")", routes);
    let greet = "\n/// Greets.\nasync fn greet(_: Public) -> Json<String> {\n    Json(\"first\".into())\n}\n";
    made.write("src/notes/mod.rs", &(notes + greet));
    made
}

#[test]
fn an_edit_is_answered_a_broken_one_is_shown_and_nobody_is_refused_meanwhile() {
    let made = greeting_app();
    let mut dev = Running::start(made.tollgate(&["dev", "--port", &free_port()]));
    assert_eq!(dev.greeting(), "\"first\"");

    let edit = |from: &str, to: &str| made.write("src/notes/mod.rs", &made.read("src/notes/mod.rs").replace(from, to));
    let door = knock(dev.port());
    dev.forget();
    edit("\"first\"", "\"second\"");
    dev.hears("Ctrl-C stops it.");
    assert_eq!(dev.greeting(), "\"second\"");
    door.stop();

    dev.forget();
    edit("\"second\".into()", "\"third\".int()");
    dev.hears("goes on answering");
    assert!(dev.said().contains("error[E0599]") && dev.said().contains("src/notes/mod.rs"), "{}", dev.said());
    assert_eq!(dev.greeting(), "\"second\"");

    dev.forget();
    edit("\"third\".int()", "\"third\".into()");
    dev.hears("Ctrl-C stops it.");
    assert_eq!(dev.greeting(), "\"third\"");

    // A folder that was not there, and a file elsewhere.
    dev.forget();
    made.write("../greeting.txt", "\"fourth\"");
    edit("\"third\".into()", "include_str!(\"../../../greeting.txt\").trim_matches('\"').into()");
    dev.hears("Ctrl-C stops it.");
    dev.forget();
    made.write("../greeting.txt", "\"fifth\"");
    dev.hears("Ctrl-C stops it.");
    assert_eq!(dev.greeting(), "\"fifth\"");
    dev.forget();
    std::fs::create_dir(made.folder.join("templates")).unwrap();
    dev.hears("Ctrl-C stops it.");
    dev.forget();
    made.write("templates/home.html", "");
    dev.hears("home.html changed");
    dev.hears("Ctrl-C stops it.");

    // What does not start is told; who calls meanwhile waits for what does.
    dev.forget();
    made.write(".env", "WATCHED_APP_SERVER__PROT=1");
    dev.hears("waiting for a change");
    assert!(dev.said().contains("the app ended (exit status: 1)"), "{}", dev.said());
    let port = dev.port();
    let waiting =
        thread::spawn(move || ureq::get(format!("http://127.0.0.1:{port}/greeting")).call().unwrap().status());
    dev.forget();
    made.write(".env", "");
    dev.hears("Ctrl-C stops it.");
    assert_eq!(waiting.join().unwrap(), 200);

    let (said, _) = failure(made.tollgate(&["dev", "--port", &dev.port()]));
    assert!(said.contains(&format!("port {} of 127.0.0.1 is taken", dev.port())), "{said}");

    // What it started ends with it.
    let port = dev.port();
    dev.signal("-INT");
    assert!(dev.child.wait().unwrap().success(), "{}", dev.said());
    assert!(TcpStream::connect(format!("127.0.0.1:{port}")).is_err());
    dev.child = Command::new("sleep").arg("60").spawn().unwrap();
}

/// Somebody who opens a connection again and again, and demands an answer each time.
struct Door {
    stop: Arc<Mutex<bool>>,
    knocking: thread::JoinHandle<u32>,
}

fn knock(port: String) -> Door {
    let stop = Arc::new(Mutex::new(false));
    let told = Arc::clone(&stop);
    let knocking = thread::spawn(move || {
        let mut answers = 0;
        while !*told.lock().unwrap() {
            let greeted = ureq::get(format!("http://127.0.0.1:{port}/greeting")).header("connection", "close").call();
            assert!(greeted.is_ok(), "after {answers} answers: {greeted:?}");
            answers += 1;
            thread::sleep(Duration::from_millis(10));
        }
        answers
    });
    Door { stop, knocking }
}

impl Door {
    fn stop(self) {
        *self.stop.lock().unwrap() = true;
        assert!(self.knocking.join().unwrap() > 1);
    }
}
