//! API keys by command, and what the guide says about them.

use crate::process::{Server, command};
use serde_json::{Value, json};
use std::{
    path::Path,
    process::{Command, Output},
    thread::sleep,
    time::{Duration, Instant},
};
use tempfile::TempDir;

fn run(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let Output { status, stdout, stderr } = command(folder, arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    (status.success(), text(stdout), text(stderr))
}

fn create(folder: &Path, arguments: &[&str]) -> String {
    let (good, key, said) = run(folder, &[&["api-key", "create"], arguments].concat());
    assert!(good && key.starts_with("tg_lorem_ipsum_") && said.contains("only time"), "{key} {said}");
    key
}

fn me(server: &Server, key: &str) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let asked = agent.get(format!("{}/api/me", server.url())).header("authorization", format!("Bearer {key}"));
    let mut answer = asked.call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
}

#[test]
fn the_lines_of_the_guide_work_when_pasted() {
    if std::env::var("TOLLGATE_WITHOUT").is_ok_and(|parts| parts.split(',').any(|part| part == "curl")) {
        return eprintln!("left out: curl");
    }
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let binary = Path::new(env!("CARGO_BIN_EXE_lorem-ipsum")).parent().unwrap().to_str().unwrap();
    let path = format!("{binary}:{}", std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell
        .args(["-euc", include_str!("api_keys.sh")])
        .current_dir(folder.path())
        .env("URL", server.url())
        .env("PATH", path);
    let Output { status, stdout, stderr } = shell.output().unwrap();
    let (said, failed) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(
        status.success() && said.contains("\"movie_id\"") && said.contains("revoked the API key"),
        "{said}{failed}"
    );
    let list = run(folder.path(), &["api-key", "list"]).1;
    assert!(list.contains("  laptop  for "), "{list}");
    assert!(!list.contains("nightly-import"), "it is gone: {list}");
}

#[test]
fn a_key_that_a_command_revokes_ends_in_the_running_app() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let service = create(folder.path(), &["importer", "--scope", "read:movies", "--scope", "create:movies"]);
    let own = create(
        folder.path(),
        &["laptop", "--scope", "read:movies", "--user", "reader@example.test", "--expires", "never"],
    );
    let (status, who) = me(&server, &service);
    assert_eq!((status, &who["id"]), (200, &json!("service:importer")));
    assert_eq!(who["permissions"], json!(["read:movies", "create:movies"]));
    let (status, who) = me(&server, &own);
    assert_eq!((status, &who["name"], &who["permissions"]), (200, &json!("Rea Lindgren"), &json!(["read:movies"])));

    let (_, list, _) = run(folder.path(), &["api-key", "list"]);
    assert!(list.contains("importer  for service:importer") && list.contains("expires never"), "{list}");
    assert!(!list.contains(service.rsplit('_').next().unwrap()), "{list}");
    let id = service.split('_').nth(3).unwrap();
    let (good, said, _) = run(folder.path(), &["api-key", "revoke", id]);
    assert!(good && said == format!("revoked the API key {id}"), "{said}");
    let start = Instant::now();
    while me(&server, &service).0 == 200 {
        assert!(start.elapsed() < Duration::from_secs(5), "still good after {:?}", start.elapsed());
        sleep(Duration::from_millis(20));
    }
    assert_eq!(me(&server, &own).0, 200, "and no other");
}

#[test]
fn what_cannot_be_a_key_is_refused_in_a_line() {
    let folder = TempDir::new().unwrap();
    drop(Server::start(folder.path()));
    for (arguments, words) in [
        (&["create", "a b", "--scope", "read:movies"][..], "a service account has a name of"),
        (&["create", "a", "--scope", "movies"], "`movies` is no permission"),
        (&["create", "a", "--scope", "raed:movies"], "did you mean `read:movies`?"),
        (&["create", "a", "--scope", "*", "--user", "reader@example.test"], "`*` is more than"),
        (&["create", "a", "--scope", "*", "--user", "nobody@example.test"], "nobody@example.test"),
        (&["create", "a", "--scope", "*", "--expires", "soon"], "90d, 12h or never"),
        (&["create", "a", "--scope", "*", "--expires=-1d"], "90d, 12h or never"),
        (&["create", "a", "--scope", "*", "--expires", "99999y"], "--expires"),
        (&["create", "a"], "--scope"),
        (&["revoke", "aaaaaaaaaaaa"], "there is no API key aaaaaaaaaaaa"),
    ] {
        let (good, key, said) = run(folder.path(), &[&["api-key"], arguments].concat());
        assert!(!good && key.is_empty() && said.contains("error: ") && said.contains(words), "{arguments:?}: {said}");
    }
    assert_eq!(run(folder.path(), &["api-key", "list"]).1, "", "none was made");
}
