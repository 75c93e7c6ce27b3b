//! A database that cannot be used is refused at once, in one line that says where it is and what to do.

use super::{fresh, on};
use crate::films::FIRST;
use std::time::{Duration, Instant};
use tollgate_postgres::Postgres;
use tollgate_store::{Database, Driver, Error, Expr};
use tollgate_testing::servers::{self, psql};

/// What opening says, in time, in one line, with the setting, without the password.
async fn refusal(url: &str) -> String {
    let start = Instant::now();
    let outcome = Postgres::open(url).await.map(drop);
    said(start, outcome)
}

fn said(start: Instant, outcome: Result<(), Error>) -> String {
    let Err(Error::Unavailable(why) | Error::Invalid(why)) = outcome else { panic!("{outcome:?}") };
    let why = why.to_string();
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}: {why}", start.elapsed());
    assert!(!why.contains('\n') && why.contains("`database.url`"), "{why}");
    assert!(!why.contains("hunter2"), "{why}");
    why
}

/// The shared server as somebody else sees it.
fn as_user(user: &str, database: &str) -> String {
    let shared = servers::Postgres::shared();
    let address = shared.rsplit_once('@').unwrap().1.rsplit_once('/').unwrap().0;
    format!("postgres://{user}@{address}/{database}")
}

/// A user who may log in with `password`, and do nothing else.
fn user() -> String {
    let name = format!("user_{}", tollgate::Uuid::now_v7().simple());
    psql(&servers::Postgres::shared(), &format!("CREATE ROLE {name} LOGIN PASSWORD 'password'"));
    name
}

#[tokio::test]
async fn it_says_where_it_is_without_the_password() {
    let user = user();
    let url = as_user(&format!("{user}:password"), "postgres");
    let described = Postgres::open(&url).await.unwrap().describe();
    let address = url.rsplit_once('@').unwrap().1;
    assert_eq!(described, format!("PostgreSQL at {address}"));
    let described = Postgres::open(&format!("{url}?schema=myapi")).await.unwrap().describe();
    assert_eq!(described, format!("PostgreSQL at {address}, schema myapi"));
}

#[tokio::test]
async fn wrong_credentials_are_told() {
    let user = user();
    let why = refusal(&as_user(&format!("{user}:hunter2"), "postgres")).await;
    assert!(
        why.contains(&format!("password authentication failed for user \"{user}\"; check user and password")),
        "{why}"
    );
    let why = refusal(&as_user(&user, "postgres")).await;
    assert!(why.contains("password missing; check user and password"), "{why}");
    let why = refusal(&as_user("nobody_of_that_name:hunter2", "postgres")).await;
    assert!(why.contains("password authentication failed"), "{why}");
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_told() {
    let why = refusal("postgres://app:hunter2@127.0.0.1:1/films").await;
    assert!(why.starts_with("PostgreSQL at 127.0.0.1:1/films: ") && why.contains("refused"), "{why}");
    assert!(why.ends_with("start it, or check host and port in `database.url`"), "{why}");
    let why = refusal("postgres://app:hunter2@no-such-host.invalid/films").await;
    assert!(why.starts_with("PostgreSQL at no-such-host.invalid:5432/films: "), "{why}");
    assert!(why.ends_with("start it, or check host and port in `database.url`"), "{why}");
}

#[tokio::test]
async fn a_host_that_never_answers_is_told() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let why = refusal(&format!("postgres://app:hunter2@127.0.0.1:{port}/films?connect_timeout=1")).await;
    assert!(why.contains("no answer within 2 s; check host and port"), "{why}");
}

#[tokio::test]
async fn a_missing_database_is_told() {
    let why = refusal(&as_user("postgres", "films")).await;
    assert!(why.contains("database \"films\" does not exist; create it, or name another in `database.url`"), "{why}");
}

#[tokio::test]
async fn a_url_that_is_not_understood_is_told() {
    let why = refusal("postgres://app:hunter2@db/films?shcema=myapi").await;
    assert!(why.contains("unknown option `shcema`"), "{why}");
}

#[tokio::test]
async fn a_database_that_can_only_be_read_is_told() {
    let name = user();
    psql(&servers::Postgres::shared(), &format!("ALTER ROLE {name} SET default_transaction_read_only = on"));
    let why = refusal(&as_user(&format!("{name}:password"), "postgres")).await;
    assert!(why.contains("it can only be read; set `database.url` to the primary server"), "{why}");
}

#[tokio::test]
async fn a_server_that_is_too_old_is_told_with_its_version() {
    let (_, schema) = fresh();
    // As a server of another version answers: in this schema, which is looked at first.
    let version = |number: u32| {
        on(
            &schema,
            &format!(
                "CREATE OR REPLACE FUNCTION current_setting(name text) RETURNS text LANGUAGE sql AS $$ SELECT CASE name \
                 WHEN 'server_version_num' THEN '{number}' ELSE pg_catalog.current_setting(name) END $$"
            ),
        );
    };
    let url = format!("{}?options=-csearch_path%3D{schema},pg_catalog", servers::Postgres::shared());
    version(12_0022);
    let why = refusal(&url).await;
    assert!(
        why.contains("it is version 12; 13 is the oldest that will do; upgrade it, or set `database.url`"),
        "{why}"
    );
    version(9_0624);
    assert!(refusal(&url).await.contains("it is version 9;"));
    version(13_0000);
    Postgres::open(&url).await.unwrap();
}

#[tokio::test]
async fn a_user_who_may_only_read_is_told_what_to_grant() {
    let (name, (_, schema)) = (user(), fresh());
    on(&schema, &format!("GRANT USAGE ON SCHEMA {schema} TO {name}"));
    let url = format!("{}?schema={schema}", as_user(&format!("{name}:password"), "postgres"));
    let database = Postgres::open(&url).await.unwrap();
    let prepare = async || {
        let start = Instant::now();
        said(start, database.prepare(&[&FIRST], true).await.map(drop))
    };
    let why = prepare().await;
    assert!(
        why.contains(&format!(
            "permission denied for schema {schema}; GRANT CREATE ON SCHEMA \"{schema}\" TO \"{name}\""
        )),
        "{why}"
    );
    on(
        &schema,
        &format!("CREATE TABLE films (film_id int PRIMARY KEY, title text NOT NULL); GRANT SELECT ON films TO {name}"),
    );
    let why = prepare().await;
    let words =
        format!("the user `{name}` may not INSERT, UPDATE, DELETE on the table `films`; GRANT INSERT, UPDATE, DELETE");
    assert!(why.contains(&words), "{why}");
    on(&schema, &format!("GRANT INSERT, UPDATE, DELETE ON films TO {name}"));
    assert_eq!(database.prepare(&[&FIRST], true).await.unwrap(), Vec::<String>::new());
    assert_eq!(database.count(&FIRST, &Expr::EVERY).await.unwrap(), 0);
}
