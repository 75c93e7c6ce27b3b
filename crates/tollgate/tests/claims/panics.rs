//! What a handler panics with, as the log shows it. Logging belongs to a process, so each log is that of another one: this
//! test binary, once more.

use std::{
    env,
    process::{Command, Stdio},
};
use tollgate::prelude::*;
use tollgate_http::log_panics;
use tollgate_telemetry::{Format, Logging};
use tollgate_testing::TestApp;

/// Says to the other process which log it writes.
const LOG: &str = "PANICS_LOG";
const TEST: &str = "panics::what_a_handler_panics_with_is_in_the_log_without_what_looks_like_a_secret";
const SECRETS: [&str; 3] = ["hunter2", "0123456789abcdefghijklmn", "eyJhbGciOiJFZERTQSJ9"];

async fn lend(_: Public) -> Result<NoContent> {
    let url = "postgres://app:hunter2@db/app";
    panic!("no row for tg_0123456789abcdefghijklmn with Bearer eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2ln at {url}")
}

#[test]
fn what_a_handler_panics_with_is_in_the_log_without_what_looks_like_a_secret() {
    if let Ok(format) = env::var(LOG) {
        return panic_and_log(if format == "json" { Format::Json } else { Format::Text });
    }
    for format in ["text", "json"] {
        let mut again = Command::new(env::current_exe().unwrap());
        let again = again.args(["--exact", TEST, "--nocapture"]).env(LOG, format).stdin(Stdio::null());
        let ran = again.output().unwrap();
        let (log, said) = (String::from_utf8(ran.stderr).unwrap(), String::from_utf8(ran.stdout).unwrap());
        assert!(ran.status.success() && said.contains("1 passed"), "{said} {log}");
        // The hook's line, and that of the request.
        let lines: Vec<_> = log.lines().filter(|line| line.contains("no row for tg_[hidden]")).collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(lines.iter().all(|line| line.contains("panicked at ") && line.contains("panics.rs:")), "{log}");
        assert!(lines.iter().all(|line| line.contains("postgres://[hidden]@db/app")), "{log}");
        assert!(SECRETS.iter().all(|secret| !log.contains(secret)), "{log}");
        assert_eq!(format == "json", lines.iter().all(|line| line.starts_with('{')), "{log}");
    }
}

/// As `serve` starts its log.
#[tokio::main(flavor = "current_thread")]
async fn panic_and_log(format: Format) {
    let logging = Logging {
        filter: "info".into(),
        format,
        service: ["library", "1.0.0", "prod"].map(String::from),
        scope: |_| {},
    };
    let flush = logging.start(None).unwrap();
    log_panics();
    let app = TestApp::new(App::new("library").service(Service::new("lending").get("/lend", lend))).await;
    let reply = app.anyone().get("/lend").await;
    assert_eq!(reply.status(), 500);
    assert!(SECRETS.iter().all(|secret| !reply.text().contains(secret)), "{reply}");
    drop(flush);
}
