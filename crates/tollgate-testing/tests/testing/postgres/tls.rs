//! The line is as secure as `sslmode` demands, and a server that is not who it should be is refused.

use std::time::Duration;
use tokio::task::block_in_place;
use tollgate_postgres::Postgres;
use tollgate_store::{Database, Error};
use tollgate_testing::servers::{self, certify, psql};

async fn refusal(url: &str) -> String {
    match Postgres::open(url).await.map(drop) {
        Err(Error::Unavailable(why) | Error::Invalid(why)) => why.to_string(),
        other => panic!("{url}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_is_as_secure_as_sslmode_demands() {
    let server = servers::Postgres::start_with(certify);
    let authority = server.data().join("ca.pem").display().to_string();
    let url = |host: &str, parameters: &str| {
        format!("postgres://postgres@{host}:{}/postgres?application_name=tls&{parameters}", server.port())
    };
    let encrypted = async |host: &str, parameters: &str| {
        let database =
            Postgres::open(&url(host, parameters)).await.unwrap_or_else(|error| panic!("{parameters}: {error:?}"));
        database.ping().await.unwrap();
        let ask =
            "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'tls'";
        let answer = block_in_place(|| psql(&server.url(), ask));
        drop(database);
        // The next one must not see the sessions of this one.
        tokio::time::sleep(Duration::from_millis(200)).await;
        answer.trim() == "t"
    };
    assert!(!encrypted("localhost", "sslmode=disable").await);
    assert!(encrypted("localhost", "").await, "the server can, so it is");
    assert!(encrypted("127.0.0.1", "sslmode=require").await);
    assert!(encrypted("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={authority}")).await);
    assert!(encrypted("localhost", &format!("sslmode=verify-full&sslrootcert={authority}")).await);

    let why = refusal(&url("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={authority}"))).await;
    assert!(
        why.contains("not valid for name") && why.contains("check `sslmode` and `sslrootcert` in `database.url`"),
        "{why}"
    );
    for mode in ["verify-ca", "verify-full"] {
        let why = refusal(&url("localhost", &format!("sslmode={mode}"))).await;
        assert!(
            why.contains("UnknownIssuer") && why.contains("check `sslmode`"),
            "no authority of the web vouches: {why}"
        );
    }
    let other = server.data().join("other");
    std::fs::create_dir(&other).unwrap();
    certify(&other);
    let other = other.join("ca.pem").display().to_string();
    for mode in ["require", "verify-ca", "verify-full"] {
        let why = refusal(&url("localhost", &format!("sslmode={mode}&sslrootcert={other}"))).await;
        assert!(why.contains("certificate") && why.contains("check `sslmode`"), "{why}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_it_is_demanded() {
    for mode in ["require", "verify-ca", "verify-full"] {
        let why = refusal(&format!("{}?sslmode={mode}", servers::Postgres::shared())).await;
        assert!(why.contains("server does not support TLS; check `sslmode`"), "{why}");
    }
}

#[tokio::test]
async fn a_file_without_authorities_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let url = format!("{}?sslmode=verify-full&sslrootcert={}", servers::Postgres::shared(), file.display());
    let why = refusal(&url).await;
    assert!(why.contains("ca.pem: ") && why.contains("give `sslrootcert` in `database.url` a PEM file"), "{why}");
    std::fs::write(&file, "nothing").unwrap();
    let why = refusal(&url).await;
    assert!(why.contains("it has no certificate; give `sslrootcert`"), "{why}");
}
