//! A database that cannot be used is refused at once, in one line that says where it is and what to do.

use crate::films::FIRST;
use mongodb::{Client, bson::doc};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};
use tollgate_mongodb::MongoDb;
use tollgate_store::{Database, Error};
use tollgate_testing::servers::Mongo;

/// What opening says, in time, in one line, with the setting, without the password.
async fn refusal(url: &str) -> String {
    let start = Instant::now();
    let outcome = MongoDb::open(url).await.map(drop);
    let Err(Error::Unavailable(why) | Error::Invalid(why)) = outcome else { panic!("{outcome:?}") };
    let why = why.to_string();
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}: {why}", start.elapsed());
    assert!(!why.contains('\n') && why.contains("`database.url`"), "{why}");
    assert!(!why.contains("hunter2"), "{why}");
    why
}

/// A replica set that lets in only whom it knows, and the user `app` with the password `password`.
async fn guarded() -> Mongo {
    let server = Mongo::start_with(|data| {
        let key = data.join("key");
        fs::write(&key, "a key that the members of this replica set share").unwrap();
        private(&key);
        vec!["--replSet".into(), "rs0".into(), "--auth".into(), "--keyFile".into(), key.display().to_string()]
    });
    server.initiate();
    let roles = vec![doc! { "role": "readWrite", "db": "films" }, doc! { "role": "dbAdmin", "db": "films" }];
    let create = |name, roles| doc! { "createUser": name, "pwd": "password", "roles": roles };
    // The first user may be made by anyone on this machine, and makes the others.
    let first = doc! { "createUser": "root", "pwd": "password", "roles": ["root"] };
    Client::with_uri_str(server.url("")).await.unwrap().database("admin").run_command(first).await.unwrap();
    let root = format!("mongodb://root:password@127.0.0.1:{}/admin?replicaSet=rs0", server.port());
    let films = Client::with_uri_str(root).await.unwrap().database("films");
    films.run_command(create("app", roles)).await.unwrap();
    films.run_command(create("reader", vec![doc! { "role": "read", "db": "films" }])).await.unwrap();
    server
}

fn private(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o400)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_is_told() {
    let server = guarded().await;
    let at = |user: &str| format!("mongodb://{user}127.0.0.1:{}/films?replicaSet=rs0", server.port());
    let database = MongoDb::open(&at("app:password@")).await.unwrap();
    assert_eq!(database.describe(), format!("MongoDB at 127.0.0.1:{}/films", server.port()));
    database.prepare(&[&FIRST], true).await.unwrap();
    for url in [at("app:hunter2@"), at("nobody:hunter2@"), at("")] {
        let why = refusal(&url).await;
        assert!(why.contains("does not let this user in; check user, password and `authSource`"), "{why}");
    }
    let reader = MongoDb::open(&at("reader:password@")).await.unwrap();
    let Err(Error::Unavailable(why)) = reader.prepare(&[&FIRST], true).await.map(drop) else { panic!() };
    let words = "may not insert, update, remove in the collection `films`; grant it the role `readWrite`";
    assert!(why.to_string().contains(words), "{why}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() {
    let why = refusal("mongodb://app:hunter2@127.0.0.1:1/films").await;
    assert!(why.starts_with("MongoDB at 127.0.0.1:1/films: "), "{why}");
    assert!(why.contains("start it, or check host and port"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_transactions_is_refused() {
    let server = Mongo::start_with(|_| vec![]);
    let why = refusal(&format!("mongodb://127.0.0.1:{}/films", server.port())).await;
    assert!(why.contains("no member of a replica set") && why.contains("--replSet"), "{why}");
}

#[tokio::test]
async fn what_is_no_url_is_refused_without_its_password() {
    for url in ["mongodb://app:hunter2@", "mongodb://app:hunter2@host:no", "mongodb://app:hunter2@h/db?w=-1"] {
        refusal(url).await;
    }
}

#[tokio::test]
async fn a_host_alone_means_the_role_that_the_app_runs_as() {
    // The name is reserved (RFC 6761), so that no DNS knows it.
    let why = refusal("mongodb+srv://cluster0.example.invalid").await;
    assert!(why.contains("is no URL of a MongoDB") || why.contains("feature `aws`"), "{why}");
}
