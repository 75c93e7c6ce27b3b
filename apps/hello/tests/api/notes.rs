//! The smallest service, as whoever follows the README meets it.

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

const BINARY: &str = env!("CARGO_BIN_EXE_hello");

/// The app as a server; it ends with this value.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(BINARY);
        command.args(["--port", "0"]).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let url = lines.find_map(|line| line.trim().strip_prefix("app ").map(|url| url.trim().to_owned())).unwrap();
        lines.find(|line| line.contains("Ctrl-C")).unwrap();
        Self { child, url: url.trim_end_matches('/').to_owned() }
    }

    /// A token as the command line makes it, for the port that this server listens on.
    fn token(&self, folder: &Path, email: &str) -> String {
        let port = self.url.rsplit(':').next().unwrap();
        let output = Command::new(BINARY).args(["token", email, "--port", port]).current_dir(folder).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn notes(&self, token: &str) -> Value {
        let asked = ureq::get(format!("{}/notes", self.url)).header("authorization", format!("Bearer {token}"));
        asked.call().unwrap().into_body().read_json().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn everybody_keeps_notes_and_sees_only_their_own() {
    let folder = tempfile::TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let bob = ["create-user", "--name", "Bob", "--email", "bob@example.test", "--password", "notes of my own as well"];
    assert!(Command::new(BINARY).args(bob).current_dir(folder.path()).status().unwrap().success());
    let (ann, bob) = (server.token(folder.path(), "ann@example.test"), server.token(folder.path(), "bob@example.test"));
    let posted = ureq::post(format!("{}/notes", server.url))
        .header("authorization", format!("Bearer {ann}"))
        .send_json(json!({ "text": "Buy milk" }));
    assert_eq!(posted.unwrap().status(), 201);
    assert_eq!(server.notes(&ann)["items"][0]["text"], "Buy milk");
    assert_eq!(server.notes(&bob)["items"], json!([]));
}
