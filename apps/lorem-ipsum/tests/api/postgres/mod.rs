//! The built binary on PostgreSQL: one setting is all it takes.

mod aws_emulator;
mod iam;

use crate::process::{Server, command};
use std::{path::Path, process::Command};
use tempfile::TempDir;
use tollgate_testing::servers::Postgres;

fn on(url: &str, folder: &Path) -> Command {
    let mut command = command(folder, &["--port", "0"]);
    command.env("LOREM_IPSUM_DATABASE__URL", url);
    command
}

#[test]
fn the_app_runs_on_postgres_as_it_does_on_sqlite() {
    let folder = TempDir::new().unwrap();
    let url = format!("{}?schema=lorem_ipsum_{}", Postgres::shared(), std::process::id());
    let server = Server::start_as(&mut on(&url, folder.path()));
    assert!(server.banner.contains("PostgreSQL at 127.0.0.1:"), "{}", server.banner);
    assert!(server.banner.contains("added 2987 movies"), "{}", server.banner);
    assert_eq!(ureq::get(format!("{}/readyz", server.url())).call().unwrap().status(), 200);
    drop(server);
    let again = Server::start_as(&mut on(&url, folder.path()));
    assert!(!again.banner.contains("added"), "it is all there: {}", again.banner);
    assert!(!folder.path().join("data").exists(), "nothing is kept beside");
}

#[test]
fn a_database_that_is_not_there_ends_the_app_with_one_line_that_names_the_setting() {
    let folder = TempDir::new().unwrap();
    let output = on("postgres://app:hunter2@127.0.0.1:1/films", folder.path()).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    let [line] = lines[..] else { panic!("{said}") };
    assert!(line.contains("127.0.0.1:1/films") && line.contains("`database.url`"), "{line}");
    assert!(!said.contains("hunter2"), "{said}");

    let mut named = command(folder.path(), &["--port", "0"]);
    named.env("LOREM_IPSUM_DATABASES__DOCUMENTS__URL", "postgres://app@127.0.0.1:1/films");
    let said = String::from_utf8_lossy(&named.output().unwrap().stderr).into_owned();
    assert!(said.contains("host and port in `databases.documents.url`"), "{said}");
}

#[test]
fn parameters_are_said_apart_from_the_url_and_once() {
    let folder = TempDir::new().unwrap();
    let schema = format!("apart, & {}", std::process::id());
    let with = |url: &str, name: &str, value: &str| {
        let mut command = on(url, folder.path());
        command.env(format!("LOREM_IPSUM_DATABASE__PARAMETERS__{name}"), value);
        command
    };
    let url = Postgres::shared();
    let server = Server::start_as(&mut with(&url, "SCHEMA", &schema));
    assert!(server.banner.contains(&format!(", schema {schema}")), "{}", server.banner);
    for (url, name, value, words) in [
        (format!("{url}?schema=a"), "SCHEMA", "b", "`schema` is said twice; say it once"),
        (url.clone(), "TRANSACTIONS", "0", "`transactions` is a number from 1 to 1000"),
        (url, "SHCEMA", "b", "did you mean `schema`?"),
        ("sqlite:./data/app.db".into(), "SCHEMA", "b", "takes no parameter `schema`"),
    ] {
        let said = String::from_utf8_lossy(&with(&url, name, value).output().unwrap().stderr).into_owned();
        assert!(said.contains(words) && said.contains("`database.url`"), "{said}");
    }
}
