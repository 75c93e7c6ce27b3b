//! The built binary in front of a PostgreSQL that takes tokens of AWS for passwords, as RDS does: in the clear, over TLS.

use crate::process::{Server, command};
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    thread::{sleep, spawn},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tollgate_testing::servers::{Postgres, certify, psql};

/// Whom PostgreSQL asks about passwords, by LDAP: it keeps what it was shown, and lets in whom the test lets in.
#[derive(Clone, Default)]
struct Judge(Arc<Mutex<Judgement>>);

#[derive(Default)]
struct Judgement {
    refuses: bool,
    let_in: Vec<String>,
    refused: Vec<String>,
}

impl Judge {
    /// Listens; its port.
    fn listen(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (judge, port) = (self.clone(), listener.local_addr().unwrap().port());
        spawn(move || listener.incoming().for_each(|client| judge.answer(client.unwrap())));
        port
    }

    /// A simple bind (RFC 4511, 4.2), the first message of a connection, has the password at its end.
    fn answer(&self, mut client: TcpStream) {
        let mut bytes = [0; 4096];
        let length = client.read(&mut bytes).unwrap();
        let message = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let password = &message[message.find("localhost:").expect("a token begins with its host")..];
        let mut judgement = self.0.lock().unwrap();
        let code = if judgement.refuses { 49 } else { 0 };
        if judgement.refuses { &mut judgement.refused } else { &mut judgement.let_in }.push(password.to_owned());
        client.write_all(&[0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, code, 4, 0, 4, 0]).unwrap();
    }

    fn refuse(&self, refuses: bool) {
        self.0.lock().unwrap().refuses = refuses;
    }

    fn let_in(&self) -> Vec<String> {
        self.0.lock().unwrap().let_in.clone()
    }
}

/// A server where the user `app` has no password, but a judge.
fn judged(by: &Judge) -> Postgres {
    let port = by.listen();
    let server = Postgres::start_with(|data| {
        let doors = format!(
            "host all postgres 127.0.0.1/32 trust\n\
             hostssl all app 127.0.0.1/32 ldap ldapserver=127.0.0.1 ldapport={port} ldapprefix=\"cn=\" ldapsuffix=\"\"\n"
        );
        fs::write(data.join("pg_hba.conf"), doors).unwrap();
        certify(data)
    });
    psql(&server.url(), "CREATE ROLE app LOGIN; GRANT ALL ON SCHEMA public TO app");
    server
}

/// The app as the role that these variables name; the AWS SDK looks nowhere else.
fn as_role(folder: &Path, server: &Postgres) -> Command {
    let mut command = command(folder, &["--port", "0"]);
    let url = format!("postgres://app@localhost:{}/postgres", server.port());
    command.env("LOREM_IPSUM_DATABASE__URL", url).env("LOREM_IPSUM_DATABASE__PARAMETERS__IAM", "true");
    command.env("LOREM_IPSUM_DATABASE__PARAMETERS__SSLMODE", "verify-full");
    command.env("LOREM_IPSUM_DATABASE__PARAMETERS__SSLROOTCERT", server.data().join("ca.pem"));
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_REGION", "eu-central-1");
    command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "hunter2");
    command
}

/// What ended the app.
fn failure(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && !said.contains("hunter2") && !said.contains("Signature"), "{said}");
    said
}

fn status(url: &str) -> u16 {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    agent.get(url).call().unwrap().status().as_u16()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(10), "never {what}");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_role_signs_in_with_tokens_and_with_a_new_one_after_a_refusal() {
    let (judge, folder) = (Judge::default(), TempDir::new().unwrap());
    let server = judged(&judge);
    let app = Server::start_as(&mut as_role(folder.path(), &server));
    assert!(app.banner.contains("added 2987 movies"), "{}", app.banner);
    let first = judge.let_in().remove(0);
    let begin = format!("localhost:{}/?Action=connect&DBUser=app&", server.port());
    let scope = "%2Feu-central-1%2Frds-db%2Faws4_request&";
    assert!(first.starts_with(&begin) && first.contains(scope) && first.contains("=AKIDEXAMPLE%2F"), "{first}");

    judge.refuse(true);
    psql(&server.url(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
    let ready = format!("{}/readyz", app.url());
    wait_until("unready", || status(&ready) == 503);
    let refused = judge.0.lock().unwrap().refused.clone();
    // Tokens tell seconds apart.
    sleep(Duration::from_millis(1100));
    judge.refuse(false);
    wait_until("ready again", || status(&ready) == 200);
    let new = judge.let_in().pop().unwrap();
    assert!(!refused.contains(&new), "a token that was refused is not shown again");
}

#[test]
fn a_role_that_is_not_let_in_or_is_none_is_told() {
    let (judge, folder) = (Judge::default(), TempDir::new().unwrap());
    let server = judged(&judge);
    judge.refuse(true);
    let said = failure(&mut as_role(folder.path(), &server));
    let remedy = "GRANT rds_iam to the user in `database.url`, and let the AWS role `rds-db:connect`";
    assert!(said.contains("authentication failed for user \"app\"") && said.contains(remedy), "{said}");
    let said = failure(as_role(folder.path(), &server).env_remove("AWS_ACCESS_KEY_ID"));
    assert!(said.contains("no token for `iam`: ") && said.contains("give the app an AWS role"), "{said}");
    let said = failure(as_role(folder.path(), &server).env("LOREM_IPSUM_DATABASE__PARAMETERS__SSLMODE", "require"));
    assert!(said.contains("sslmode=verify-full"), "{said}");
    assert_eq!(judge.let_in(), [""; 0]);
}
