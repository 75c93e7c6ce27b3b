//! The built binary as one of several processes, each with some of the app's services; and asked for its health.

use crate::process::{self, Server, command, failure, stdout};
use tempfile::TempDir;

const DOCUMENTS: (&str, &str) = ("LOREM_IPSUM_DATABASES__DOCUMENTS__URL", "sqlite:./documents.db");

#[test]
fn services_are_chosen_by_flag_and_need_no_database_of_others() {
    let folder = TempDir::new().unwrap();
    let start = |services: &str| {
        let mut command = command(folder.path(), &["serve", "--port", "0", "--services", services]);
        Server::start_as(command.env(DOCUMENTS.0, DOCUMENTS.1))
    };
    let status = |server: &Server, path: &str| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        agent.get(format!("{}{path}", server.url())).call().unwrap().status().as_u16()
    };
    let movies = start("movies");
    assert_eq!([status(&movies, "/movies"), status(&movies, "/messages"), status(&movies, "/readyz")], [401, 404, 200]);
    assert!(!folder.path().join("documents.db").exists(), "only messages are kept there");
    let messages = start("messages");
    assert_eq!(
        [status(&messages, "/movies"), status(&messages, "/messages"), status(&messages, "/docs")],
        [404, 401, 200]
    );
    assert!(folder.path().join("documents.db").exists());
    let both = start("messages,movies");
    assert_eq!([status(&both, "/movies"), status(&both, "/messages")], [401, 401]);
}

#[test]
fn a_service_that_is_misspelt_is_refused_with_the_right_one() {
    let folder = TempDir::new().unwrap();
    let said = failure(&process::run(folder.path(), &["--services", "movies,mesages"]));
    assert!(said.contains("server.services: there is no service `mesages`; did you mean `messages`?"), "{said}");
    assert!(!folder.path().join("data").exists(), "nothing was begun");
}

#[test]
fn what_is_about_the_whole_app_does_not_look_at_the_services_of_one_process() {
    let folder = TempDir::new().unwrap();
    let with = |arguments: &[&str]| {
        let mut command = command(folder.path(), arguments);
        stdout(&command.env("LOREM_IPSUM_SERVER__SERVICES", "movies").output().unwrap())
    };
    assert!(!with(&["routes"]).contains("/messages"), "one process");
    with(&["migrate", "diff", "first"]);
    let model = std::fs::read_to_string(folder.path().join("migrations/model.json")).unwrap();
    assert!(model.contains("messages") && model.contains("movies"), "no table is forgotten: {model}");
}

#[test]
fn health_asks_the_app_beside_it() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let port = server.port().to_string();
    let health = |more: &[&str]| process::run(folder.path(), &[&["health", "--port", &port], more].concat());
    assert_eq!(stdout(&health(&[])).trim(), r#"{"status":"ok"}"#);
    assert!(stdout(&health(&["--ready", "--host", "0.0.0.0"])).contains("\"database\""));
    drop(server);
    let said = failure(&health(&[]));
    assert!(said.contains("nobody answers at 127.0.0.1:"), "{said}");
}

#[test]
fn health_needs_no_secret_and_no_database() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let mut health = command(folder.path(), &["health"]);
    health.env("LOREM_IPSUM_DATABASE__URL", "secret:file:/nowhere").env("LOREM_IPSUM_ENV", "production");
    health.env("LOREM_IPSUM_SERVER__PORT", server.port().to_string());
    assert_eq!(stdout(&health.output().unwrap()).trim(), r#"{"status":"ok"}"#);
}

#[test]
fn an_app_that_leaves_is_alive_and_not_ready() {
    let folder = TempDir::new().unwrap();
    let mut start = command(folder.path(), &["--port", "0"]);
    let server = Server::start_as(start.env("LOREM_IPSUM_SERVER__SHUTDOWN__WAIT_SECONDS", "60"));
    let port = server.port().to_string();
    server.signal("-TERM");
    let not_ready = || process::run(folder.path(), &["health", "--ready", "--port", &port]);
    crate::aws_emulator::until("it is not ready", || !not_ready().status.success());
    let said = failure(&not_ready());
    assert!(said.contains(r#"/readyz answers 503: {"status":"stopping""#), "{said}");
    assert!(process::run(folder.path(), &["health", "--port", &port]).status.success());
}
