//! The password of the database is rotated in Secrets Manager.

use crate::{
    aws_emulator::{keep, until, with},
    process::Server,
};
use serde_json::json;
use std::fs;
use tempfile::TempDir;
use tollgate_testing::servers::{AwsEmulator, Postgres, psql};

/// A server that asks the user `app` for this password.
fn locked(password: &str) -> Postgres {
    let server = Postgres::start_with(|data| {
        let doors = "host all postgres 127.0.0.1/32 trust\nhost all app 127.0.0.1/32 scram-sha-256\n";
        fs::write(data.join("pg_hba.conf"), doors).unwrap();
        vec![]
    });
    psql(&server.url(), &format!("CREATE ROLE app LOGIN PASSWORD '{password}'; GRANT ALL ON SCHEMA public TO app"));
    server
}

#[test]
fn a_password_that_is_rotated_is_taken_over_by_new_connections_without_a_restart() {
    const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'";
    let (aws, folder, database) = (AwsEmulator::start(), TempDir::new().unwrap(), locked("first"));
    keep(&aws, "CreateSecret", "films", &json!({ "password": "first", "host": "unused" }));
    let url = format!("postgres://app@127.0.0.1:{}/postgres", database.port());
    // Refreshed once an hour: what is seen here within a minute comes from a sign-in that was refused.
    let settings = [
        ("DATABASE__URL", &*url),
        ("DATABASE__PARAMETERS__PASSWORD", "secret:aws-sm:films#password"),
        ("ACCESS__ANYONE", "read:movies"),
        ("SECRETS__REFRESH_SECONDS", "3600"),
    ];
    let server = Server::start_as(&mut with(&aws, folder.path(), &["--port", "0"], &settings));
    let answers = || ureq::get(format!("{}/movies?limit=1", server.url())).call().is_ok();
    assert!(answers());
    psql(&database.url(), "ALTER ROLE app PASSWORD 'second'");
    psql(&database.url(), END);
    keep(&aws, "PutSecretValue", "films", &json!({ "password": "second" }));
    until("the new password is used", answers);
    psql(&database.url(), END);
    until("it is used again", answers);
}
