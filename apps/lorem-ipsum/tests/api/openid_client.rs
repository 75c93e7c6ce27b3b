//! The embedded issuer, driven by a certified client library: `openid-client/flows.mjs`.

use crate::process::{BINARY, Server, command};
use std::{env, fs, path::Path, process::Command};
use tempfile::TempDir;
use tollgate_testing::servers::{OPENID_CLIENT, free_port};

/// As in the guide.
const SETTINGS: &str = include_str!("../guide/clients.toml");
const COMMANDS: &str = include_str!("../guide/clients.sh");

/// The secrets that the commands print, in their order.
fn add_clients(folder: &Path) -> Vec<String> {
    let binary = Path::new(BINARY).parent().unwrap();
    let path = env::join_paths([binary.to_owned()].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())));
    let mut shell = Command::new("sh");
    shell.args(["-ec", COMMANDS]).current_dir(folder).env("PATH", path.unwrap()).env_remove("RUST_LOG");
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().filter_map(|line| line.strip_prefix("secret (shown once): ")).map(str::to_owned).collect()
}

#[test]
fn the_code_flow_by_hand_works_when_pasted() {
    if env::var("TOLLGATE_WITHOUT").is_ok_and(|parts| parts.split(',').any(|part| part == "curl")) {
        return eprintln!("left out: curl");
    }
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("config/default.toml"), SETTINGS).unwrap();
    let server = Server::start(folder.path());
    let mut shell = Command::new("sh");
    shell.args(["-euc", include_str!("../guide/code-flow.sh")]).current_dir(folder.path()).env("URL", server.url());
    let output = shell.env("EMAIL", "reader@example.test").env("PASSWORD", "lorem-ipsum").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("\"email\":\"reader@example.test\""), "{said}");
}

#[test]
fn every_flow_passes_a_certified_client_library() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("config/default.toml"), SETTINGS).unwrap();
    let secrets = add_clients(folder.path());
    let port = free_port().to_string();
    let _server = Server::start_as(&mut command(folder.path(), &["--port", &port]));
    let library = OPENID_CLIENT.folder().join("node_modules/openid-client/build/index.js");
    let mut flows = Command::new("node");
    flows.arg("tests/openid-client/flows.mjs").envs(["SERVER", "RECORDER", "MACHINE"].into_iter().zip(secrets));
    flows.env("LIBRARY", format!("file://{}", library.display())).env("ISSUER", format!("http://127.0.0.1:{port}"));
    let output = flows.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    assert_eq!(said.lines().count(), 4, "{said}");
}
