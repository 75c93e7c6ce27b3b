//! `user …`: people from the command line.

use super::process::{Server, failure, run, stdout};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

const PASSWORD: &str = "a long password of four words";

fn user(folder: &Path, arguments: &[&str]) -> std::process::Output {
    run(folder, &[&["user"], arguments].concat())
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(&user(folder, &[&["--json"], arguments].concat()))).unwrap()
}

fn create(folder: &Path, email: &str, role: &str) -> Value {
    let who = ["create", "--name", "Some One", "--email", email, "--password", PASSWORD, "--role", role];
    json(folder, &who)
}

#[test]
fn users_are_managed_from_the_command_line() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    assert_eq!(json(path, &["list"]), Value::Array(vec![]));
    let made = create(path, "Ann@example.test", "reader");
    assert_eq!(made["email"], "ann@example.test");
    assert!(made.get("password_hash").is_none(), "{made}");
    assert_eq!(json(path, &["get", "ann@example.test"]), made);
    assert_eq!(json(path, &["roles", "ann@example.test", "curator", "reader"])["roles"][0], "curator");
    assert!(failure(&user(path, &["roles", "ann@example.test", "owner"])).contains("there is no role `owner`"));
    assert_eq!(json(path, &["disable", "ann@example.test"])["disabled"], true);
    let listed = stdout(&user(path, &["list"]));
    assert!(listed.contains("ann@example.test") && listed.contains("curator, reader  disabled"), "{listed}");
    assert!(failure(&run(path, &["token", "ann@example.test"])).contains("disabled"));
    assert_eq!(json(path, &["enable", "ann@example.test"])["disabled"], false);
    assert!(stdout(&user(path, &["sessions", "ann@example.test"])).contains("signed in nowhere"));
    assert!(stdout(&user(path, &["sign-out", "ann@example.test"])).contains("signed out everywhere"));
    let link = json(path, &["reset-link", "ann@example.test", "--port", "8123"])["link"].as_str().unwrap().to_owned();
    assert!(link.starts_with("http://127.0.0.1:8123/auth/reset?link="), "{link}");
    let off = stdout(&user(path, &["second-factor-off", "ann@example.test"]));
    assert!(off.contains("has no second factor: nothing was done"), "{off}");
    assert!(stdout(&user(path, &["delete", "ann@example.test"])).contains("removed"));
    let said = failure(&user(path, &["get", "ann@example.test"]));
    assert!(said.contains("there is no user with the e-mail address ann@example.test"), "{said}");
}

#[test]
fn one_session_of_a_user_is_ended_from_the_command_line() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    create(folder.path(), "ann@example.test", "reader");
    let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
    let agent: ureq::Agent = agent.into();
    let form = [("email", "ann@example.test"), ("password", PASSWORD)];
    for _ in 0..2 {
        let answer = agent.post(format!("{}/auth/login", server.url())).send_form(form).unwrap();
        assert_eq!(answer.status(), 303);
    }
    let sessions = || json(folder.path(), &["sessions", "ann@example.test"]);
    let name = |session: &Value| session["session"].as_str().unwrap().to_owned();
    let (first, second) = (name(&sessions()[0]), name(&sessions()[1]));
    let text = stdout(&user(folder.path(), &["sessions", "ann@example.test"]));
    assert!(text.contains(&first) && text.contains(&second), "{text}");
    let end = ["sessions", "ann@example.test", "--end", &first];
    assert!(stdout(&user(folder.path(), &end)).contains("signed out there"));
    assert_eq!(sessions().as_array().unwrap().iter().map(name).collect::<Vec<_>>(), [second]);
    let of_hyphen = ["sessions", "ann@example.test", "--end", "-Pa8"];
    for gone in [end, of_hyphen] {
        assert!(failure(&user(folder.path(), &gone)).contains("they have no session"));
    }
}

/// It speaks for the service account, so it goes on; whoever keeps its maker out is told.
#[test]
fn a_key_that_somebody_made_for_a_service_account_is_named_when_they_go() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    create(folder.path(), "ann@example.test", "admin");
    let port = server.port().to_string();
    let token = stdout(&run(folder.path(), &["token", "ann@example.test", "--port", &port]));
    let made = ureq::post(server.url() + "/api-keys").header("authorization", format!("Bearer {}", token.trim()));
    let wanted = serde_json::json!({ "name": "nightly", "scopes": ["read:movies"], "service": true });
    let made: Value = made.send_json(wanted).unwrap().body_mut().read_json().unwrap();
    let id = made["key"]["key_id"].as_str().unwrap();
    for gone in ["disable", "delete"] {
        let output = user(folder.path(), &[gone, "ann@example.test"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains(&format!("`api-key revoke {id}` ends it")), "{gone}: {said}");
    }
}

#[test]
fn the_last_admin_cannot_be_locked_out_by_mistake() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    create(path, "ada@example.test", "admin");
    for command in
        [&["disable", "ada@example.test"][..], &["roles", "ada@example.test"], &["delete", "ada@example.test"]]
    {
        let said = failure(&user(path, command));
        assert!(said.contains("nobody else may change users"), "{command:?}: {said}");
    }
    create(path, "bob@example.test", "admin");
    stdout(&user(path, &["disable", "ada@example.test"]));
}

/// The command ends tokens in the database; the server, another process, sees it there.
#[test]
fn a_command_signs_a_user_out_of_a_server_that_runs() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    create(folder.path(), "ann@example.test", "reader");
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let form = [("username", "ann@example.test"), ("password", PASSWORD)];
    let answer = agent.post(format!("{}/token", server.url())).send_form(form).unwrap();
    let token = answer.into_body().read_json::<Value>().unwrap()["access_token"].as_str().unwrap().to_owned();
    let (me, bearer) = (format!("{}/api/me", server.url()), format!("Bearer {token}"));
    let status = || agent.get(&me).header("authorization", &bearer).call().unwrap().status().as_u16();
    assert_eq!(status(), 200);
    stdout(&user(folder.path(), &["sign-out", "ann@example.test"]));
    let started = std::time::Instant::now();
    while status() != 401 {
        assert!(started.elapsed().as_secs() < 10, "the token still lives");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}
