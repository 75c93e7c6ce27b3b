//! The embedded issuer from the command line and from the settings: its clients and its keys.

use crate::{
    doors::printed,
    process::{Server, command},
};
use serde_json::{Value, json};
use std::{fs, path::Path};
use tempfile::TempDir;

/// What a command says, on either stream, and whether it succeeded.
pub(crate) fn say(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = command(folder, arguments).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// The secret that a command printed.
pub(crate) fn secret(said: &str) -> String {
    said.lines().find_map(|line| line.strip_prefix("secret (shown once): ")).unwrap_or_else(|| panic!("{said}")).into()
}

/// The token that a client gets in its own name, or why not.
fn token(server: &Server, id: &str, secret: &str) -> Value {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
    agent.post(format!("{}/oauth/token", server.url())).send_form(form).unwrap().into_body().read_json().unwrap()
}

fn titles(server: &Server, token: &Value) -> usize {
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let list = ureq::get(format!("{}/movies?limit=3", server.url())).header("authorization", bearer).call().unwrap();
    list.into_body().read_json::<Value>().unwrap()["items"].as_array().unwrap().len()
}

#[test]
fn a_client_is_added_given_another_secret_and_removed_while_the_app_runs() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let add = ["client", "add", "job", "--name", "Night job", "--kind", "machine", "--permission", "read:movies"];
    let (good, said) = say(folder.path(), &add);
    assert!(good, "{said}");
    let first = secret(&said);
    assert_eq!(titles(&server, &token(&server, "job", &first)), 3);
    let (good, said) = say(folder.path(), &add);
    assert!(!good && said.contains("there is a client `job`"), "{said}");
    let (_, said) = say(folder.path(), &["client", "list"]);
    assert!(said.contains("docs  public") && said.contains("Night job") && said.contains("may read:movies"), "{said}");
    assert!(!said.contains(&first));
    let second = secret(&say(folder.path(), &["client", "rotate", "job"]).1);
    assert_eq!(token(&server, "job", &first)["error"], "invalid_client");
    assert_eq!(token(&server, "job", &second)["scope"], "read:movies");
    assert!(say(folder.path(), &["client", "remove", "job"]).0);
    assert_eq!(token(&server, "job", &second)["error"], "invalid_client");
    for (bad, why) in [
        (&["client", "remove", "job"][..], "there is no client `job`"),
        (&["client", "rotate", "docs"], "change it there"),
        (&["client", "add", "x", "--kind", "secret"], "no kind of client"),
        (&["client", "add", "x", "--kind", "public"], "is public, so it needs an address"),
        (&["client", "add", "x", "--kind", "machine", "--permission", "read:movie"], "did you mean `read:movies`?"),
        (&["client", "add", "x", "--kind", "public", "--redirect-uri", "http://a.example/"], "cannot be sent back"),
    ] {
        let (good, said) = say(folder.path(), bad);
        assert!(!good && said.contains(why), "{said}");
    }
}

#[test]
fn clients_stand_in_the_settings() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    let write = |text: &str| fs::write(folder.path().join("config/default.toml"), text).unwrap();
    let client = "[[identity.clients]]\nid = \"job\"\nkind = \"machine\"\n";
    for (more, why) in [
        ("", "`job` is machine, so it needs a secret"),
        ("secret = \"short\"\n", "`job` has a secret that is shorter than 32 bytes"),
        ("redirect_uri = \"x\"\n", "did you mean `redirect_uris`?"),
    ] {
        write(&format!("{client}{more}"));
        let (good, said) = say(folder.path(), &["check"]);
        assert!(!good && said.contains(why), "{said}");
    }
    let secret = "0123456789abcdef0123456789abcdef";
    write(&format!("{client}secret = \"{secret}\"\npermissions = [\"read:movies\"]\n"));
    let server = Server::start(folder.path());
    assert_eq!(titles(&server, &token(&server, "job", secret)), 3);
}

#[test]
fn outside_dev_the_embedded_issuer_is_switched_on_with_its_address() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    let variables = [("LOREM_IPSUM_ENV", "prod"), ("LOREM_IPSUM_DATABASE__ADDITIVE", "true")];
    let check = || command(folder.path(), &["check"]).envs(variables).output().unwrap();
    assert!(String::from_utf8_lossy(&check().stderr).contains("no issuer is configured"));
    fs::write(folder.path().join("config/prod.toml"), include_str!("../guide/embedded.toml")).unwrap();
    let output = check();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn keys_are_rotated_while_the_app_runs_and_no_token_dies_of_it() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let port = server.url().rsplit(':').next().unwrap().to_owned();
    let token = ["token", "reader@example.test", "--port", &port];
    let issue = || serde_json::json!({ "access_token": printed(folder.path(), &token) });
    let before = issue();
    let (good, said) = say(folder.path(), &["keys", "rotate"]);
    assert!(good && said.contains("signs from"), "{said}");
    let (_, said) = say(folder.path(), &["keys", "list"]);
    assert_eq!((said.lines().count(), said.matches("signs now").count()), (2, 1), "{said}");
    assert_eq!((titles(&server, &before), titles(&server, &issue())), (3, 3));
    let (good, said) = say(folder.path(), &["keys", "rotate", "--compromised"]);
    assert!(good && said.contains("is dead"), "{said}");
    let bearer = format!("Bearer {}", before["access_token"].as_str().unwrap());
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let status = || {
        let list = agent.get(format!("{}/movies?limit=3", server.url())).header("authorization", &bearer);
        list.call().unwrap().status().as_u16()
    };
    let start = std::time::Instant::now();
    while status() == 200 && start.elapsed().as_secs() < 20 {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(status(), 401);
    assert_eq!(titles(&server, &issue()), 3);
}

/// Who signs in, and who tries to, is recorded with where from and in which request.
#[test]
fn a_sign_in_is_recorded_with_where_it_came_from() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
    let agent: ureq::Agent = agent.into();
    let sign_in = |password: &str| {
        let form = [("email", "reader@example.test"), ("password", password)];
        let answer = agent.post(format!("{}/auth/login", server.url())).send_form(form).unwrap();
        answer.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    let requests = [sign_in("another password"), sign_in("lorem-ipsum")];
    let admin = printed(folder.path(), &["token", "admin@example.test", "--port", &server.port().to_string()]);
    let audit = ureq::get(format!("{}/audit?action=sign_in&sort=event_id", server.url()));
    let audit = audit.header("authorization", format!("Bearer {admin}")).call().unwrap();
    let audit: Value = audit.into_body().read_json().unwrap();
    let events = audit["items"].as_array().unwrap();
    let told: Vec<_> =
        events.iter().map(|event| [&event["allowed"], &event["address"], &event["request_id"]]).collect();
    let expected = [false, true].into_iter().zip(requests);
    let expected: Vec<_> =
        expected.map(|(allowed, request)| [json!(allowed), json!("127.0.0.1"), json!(request)]).collect();
    assert_eq!(told, expected.iter().map(<[serde_json::Value; 3]>::each_ref).collect::<Vec<_>>(), "{audit}");
}
