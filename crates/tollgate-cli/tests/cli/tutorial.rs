//! The tutorial, as somebody follows it who does everything that stands there.
//!
//! ```text
//! ```sh                        commands, which succeed; what they set and where they are stays for the next ones
//! ```sh server                 a server, in place of the one before
//! ```text                      below one of them: lines that it prints, in this order; `…` is anything
//! include tutorial/code/NN/F   the file F is written into the app
//! include tutorial/made/F      the file F is what the tools made
//! ```
//!
//! `UPDATE_EXPECT=1` takes over what the tools made.

use crate::{
    dev::{Running, free_port},
    process::{repository, shell},
};
use std::{env, fs, path::Path};
use tempfile::TempDir;

const PAGES: &str = "docs/guide/tutorial";

/// What stands on a page.
enum Step {
    Run(String),
    Serve(String),
    Printed(String),
    Include(String),
}

fn steps(page: &str) -> Vec<Step> {
    let (mut steps, mut lines) = (vec![], page.lines());
    while let Some(line) = lines.next() {
        if let Some(path) = line.strip_prefix("<!-- include ").and_then(|rest| rest.strip_suffix(" -->")) {
            steps.push(Step::Include(path.to_owned()));
        } else if let Some(kind) = line.strip_prefix("```") {
            let block: String =
                lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
            match kind {
                "sh" => steps.push(Step::Run(block)),
                "sh server" => steps.push(Step::Serve(block)),
                "text" if matches!(steps.last(), Some(Step::Run(_) | Step::Serve(_))) => {
                    steps.push(Step::Printed(block));
                }
                _ => {}
            }
        }
    }
    steps
}

/// Who follows the pages.
struct Reader {
    home: TempDir,
    /// What the pages say, and what it is here: nobody else's ports.
    ports: [(&'static str, String); 2],
    server: Option<Running>,
    /// What was printed last.
    printed: String,
}

impl Reader {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let (port, metrics) = (free_port(), free_port_but());
        fs::write(home.path().join(".state"), format!("export CINEMA_SERVER__PORT={port}\n")).unwrap();
        let ports = [("127.0.0.1:8000", port), ("127.0.0.1:9464", metrics)];
        Self {
            home,
            ports: ports.map(|(said, port)| (said, format!("127.0.0.1:{port}"))),
            server: None,
            printed: String::new(),
        }
    }

    fn follow(&mut self, step: &Step, page: &str) {
        match step {
            Step::Run(commands) => {
                let script = format!("{}\n{}export -p > {}", self.begin(), self.here(commands), self.state());
                let output = shell(self.home.path(), &script).output().unwrap();
                self.printed = String::from_utf8(output.stdout).unwrap();
                assert!(output.status.success(), "{page}: {commands}\n{}", self.printed);
            }
            Step::Serve(command) => {
                self.server = None;
                let script = format!("{}\nexec env {}", self.begin(), self.here(command));
                let server = Running::start(shell(self.home.path(), &script));
                self.printed = server.said();
                self.server = Some(server);
            }
            Step::Printed(lines) => self.check(&self.here(lines), page),
            Step::Include(path) => self.include(path, page),
        }
    }

    fn state(&self) -> String {
        self.home.path().join(".state").display().to_string()
    }

    /// Goes on where the last commands ended.
    fn begin(&self) -> String {
        format!("set -ea -o pipefail; exec 2>&1; . {}; cd \"$PWD\"", self.state())
    }

    fn here(&self, text: &str) -> String {
        self.ports.iter().fold(text.to_owned(), |text, (said, port)| text.replace(said, port))
    }

    fn check(&self, expected: &str, page: &str) {
        let mut printed = self.printed.lines();
        for line in expected.lines() {
            assert!(printed.any(|printed| is_like(printed, line)), "{page}: `{line}` is not in\n{}", self.printed);
        }
    }

    fn include(&self, path: &str, page: &str) {
        let source = repository().join(path);
        let place = |rest: &str| self.home.path().join("cinema").join(rest);
        if let Some((_, rest)) = path.strip_prefix("docs/guide/tutorial/code/").and_then(|rest| rest.split_once('/')) {
            fs::copy(source, place(rest)).unwrap();
            return;
        }
        let prefixes = ["docs/guide/tutorial/made/", "crates/tollgate-cli/templates/app/"];
        let rest = prefixes.iter().find_map(|prefix| path.strip_prefix(prefix));
        let made = fs::read_to_string(place(rest.unwrap_or_else(|| panic!("{page}: whose is {path}?")))).unwrap();
        if env::var_os("UPDATE_EXPECT").is_some() && path.starts_with(PAGES) {
            fs::write(&source, &made).unwrap();
        }
        let shown = fs::read_to_string(&source).unwrap_or_default();
        assert!(made == shown, "{path} is stale: run this test with UPDATE_EXPECT=1, then cargo xtask includes");
    }
}

/// Another port than the first free one: an app's own takes that.
fn free_port_but() -> String {
    let socket = std::net::TcpListener::bind(("127.0.0.1", free_port().parse().unwrap())).unwrap();
    let port = free_port();
    drop(socket);
    port
}

/// Whether a line has these words, with anything between them where there is `…`.
fn is_like(line: &str, words: &str) -> bool {
    let [line, words] = [line, words].map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut rest = line.as_str();
    words.split('…').all(|part| rest.split_once(part).map(|(_, after)| rest = after).is_some())
}

#[test]
fn whoever_follows_the_tutorial_gets_what_it_says() {
    let folder = repository().join(PAGES);
    let pages = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = pages.filter(|page| is_page(page)).collect();
    pages.sort();
    assert_eq!(pages.len(), 10);
    let mut reader = Reader::new();
    for page in pages {
        let name = page.file_name().unwrap().display().to_string();
        for step in steps(&fs::read_to_string(&page).unwrap()) {
            reader.follow(&step, &name);
        }
    }
}

fn is_page(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.ends_with(b".md") && name[0].is_ascii_digit()
}

#[test]
fn a_line_is_like_its_words() {
    assert!(is_like("app    http://127.0.0.1:8000/", "app  http://…/"));
    assert!(is_like(r#"{"id":7,"title":"Alien"}"#, r#"{…"title":"Alien"}"#));
    assert!(!is_like("wrote a", "wrote b") && !is_like("b a", "a…b"));
}
