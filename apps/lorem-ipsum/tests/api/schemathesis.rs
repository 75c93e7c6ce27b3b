//! The documented API as somebody else's fuzzer reads it: what does it get that the document does not promise?
//!
//! Short and always the same as a test; long and with other dice by `cargo xtask fuzz`.

use crate::process::{BINARY, Server, command, stdout};
use serde_json::Value;
use std::{
    env,
    process::{Command, Stdio},
};
use tempfile::TempDir;
use tollgate_testing::servers::{SCHEMATHESIS, free_port};

/// For how many seconds, if not as a test.
const SECONDS: &str = "TOLLGATE_FUZZ_SECONDS";

/// Everything it knows to look for but what is about meaning: which of well-formed inputs a handler takes, and whether a
/// row that was removed may come again.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method,missing_required_header,allow_header_conformance,\
                      ignored_auth";

fn fuzzer(hooks: &str) -> Command {
    let mut python = SCHEMATHESIS.python();
    python.env("SCHEMATHESIS_HOOKS", hooks).args(["-m", "schemathesis.cli", "run", "--no-shrink"]);
    // Python 3.11 may trip over itself where several threads read source at once ("AST constructor recursion depth mismatch").
    python.args(["--workers", "1"]);
    python.args(["--continue-on-failure", "--warnings", "off", "--checks", CHECKS, "--request-timeout", "30"]);
    // It would wait for the end of what has none.
    python.args(["--exclude-path-regex", "/live$"]);
    // How fast it finds its examples depends on what else the machine does.
    python.args(["--suppress-health-check", "all"]);
    match env::var(SECONDS) {
        Err(_) => python.args(["--phases", "fuzzing", "--max-examples", "10", "--seed", "1"]),
        Ok(seconds) => python.args(["--max-examples", "1000", "--max-time", &seconds]),
    };
    python
}

#[test]
fn a_fuzzer_gets_nothing_that_is_not_documented_and_nothing_without_a_token() {
    let (folder, port) = (TempDir::new().unwrap(), free_port().to_string());
    let settings = [("LOREM_IPSUM_SERVER__PORT", &*port), ("LOREM_IPSUM_PATIENTS__DEMO", "")];
    let server = Server::start_as(command(folder.path(), &[]).envs(settings).stderr(Stdio::null()));
    let hooks = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis/hooks.py");
    let mut fuzzer = fuzzer(hooks);
    fuzzer.current_dir(folder.path()).envs(settings).env("APP", BINARY);
    let output = fuzzer.arg(format!("{}/openapi.json", server.url())).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", said.lines().filter(|line| line.contains("generated")).collect::<String>());
    let written = ["books", "messages"].map(|what| written(&folder, &server, &port, what));
    assert!(written.iter().sum::<u64>() > 10, "it was let in, and wrote {written:?}");
}

/// How many rows it left behind.
fn written(folder: &TempDir, server: &Server, port: &str, what: &str) -> u64 {
    let token = command(folder.path(), &["token", "admin@example.test"]).env("LOREM_IPSUM_SERVER__PORT", port).output();
    let asked = ureq::get(format!("{}/{what}?total=true&limit=1", server.url()))
        .header("authorization", format!("Bearer {}", stdout(&token.unwrap()).trim()));
    let list: Value = serde_json::from_str(&asked.call().unwrap().into_body().read_to_string().unwrap()).unwrap();
    list["total"].as_u64().unwrap()
}
