//! A database that cannot be used is refused at once, in one line that says where it is and what to do.

use super::scripted;
use crate::{films::FIRST, outages::may};
use futures_util::future::join_all;
use mongodb::{Client, bson::doc};
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tollgate::{Change, ObjectId, Resource, Store, SystemClock, resource};
use tollgate_core::LiveSecret;
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

/// A message, whose key MongoDB makes.
#[resource(plural = "messages")]
struct Message {
    #[id(generated)]
    message_id: ObjectId,
    #[index]
    text: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_read_and_write_one_collection_needs_no_more() {
    let server = guarded().await;
    let at = |user: &str| format!("mongodb://{user}:password@127.0.0.1:{}/films?replicaSet=rs0", server.port());
    let root = format!("mongodb://root:password@127.0.0.1:{}/admin?replicaSet=rs0", server.port());
    let films = Client::with_uri_str(root).await.unwrap().database("films");
    // What the role `readWrite` has that is about a collection.
    let actions =
        ["find", "insert", "update", "remove", "killCursors", "createCollection", "dropCollection", "collStats"];
    let actions = [&actions[..], &["createIndex", "dropIndex", "listIndexes", "convertToCapped"]].concat();
    let on_one = doc! { "resource": { "db": "films", "collection": "messages" }, "actions": actions };
    films.run_command(doc! { "createRole": "writer", "privileges": [on_one], "roles": [] }).await.unwrap();
    films.run_command(doc! { "createUser": "narrow", "pwd": "password", "roles": ["writer"] }).await.unwrap();

    for (additive, done) in [(true, vec!["created the collection `messages`"]), (true, vec![]), (false, vec![])] {
        let database = MongoDb::open(&at("narrow")).await.unwrap();
        assert_eq!(database.prepare(&[Message::TABLE], additive).await.unwrap(), done);
        let messages = Store::<Message>::new(Arc::new(database), Arc::new(SystemClock::default()));
        let new = |text: &str| NewMessage { text: text.into() };
        let kept = messages.insert(&may(), new("one")).await.unwrap();
        messages.insert_many(&may(), vec![new("two"), new("three")]).await.unwrap();
        let changed = MessagePatch { text: Change::Set("more".into()) };
        messages.update(&may(), kept.message_id, changed).await.unwrap();
        assert_eq!(messages.find(&may(), Message::TEXT.eq("more")).all().await.unwrap().len(), 1);
        messages.delete(&may(), kept.message_id).await.unwrap();
    }
    let narrow = MongoDb::open(&at("narrow")).await.unwrap();
    let Err(Error::Unavailable(why)) = narrow.prepare(&[&FIRST], true).await.map(drop) else { panic!() };
    assert!(why.to_string().contains("may not find, insert, update, remove in the collection `films`"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_rotated_is_taken_over_while_the_app_runs() {
    let server = guarded().await;
    let at = |password: &str| format!("mongodb://app:{password}@127.0.0.1:{}/films?replicaSet=rs0", server.port());
    let doubts = Arc::new(AtomicUsize::new(0));
    let doubted = Arc::clone(&doubts);
    let url = LiveSecret::new(at("password").into(), move || {
        doubted.fetch_add(1, Ordering::Relaxed);
    });
    let database = MongoDb::open_live(&url).await.unwrap();
    // Told here before it is changed there: the old one goes on.
    url.replace(at("another").into());
    sleep(Duration::from_millis(500)).await;
    database.ping().await.unwrap();
    let root = format!("mongodb://root:password@127.0.0.1:{}/admin?replicaSet=rs0", server.port());
    let films = Client::with_uri_str(root).await.unwrap().database("films");
    films.run_command(doc! { "updateUser": "app", "pwd": "another" }).await.unwrap();
    let start = Instant::now();
    // Many at once take new connections, which sign in again.
    let works = async || {
        let pings = (0..50).map(|_| database.ping());
        join_all(pings).await.into_iter().all(|ping| ping.is_ok())
    };
    sleep(Duration::from_secs(3)).await;
    while !works().await {
        assert!(start.elapsed() < Duration::from_mins(1), "it is not taken over");
        sleep(Duration::from_millis(200)).await;
    }
    assert!(doubts.load(Ordering::Relaxed) > 0, "who is not let in has the secret looked up again");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_set_that_is_none_yet_or_another_is_told() {
    let server = Mongo::start_with(|_| vec!["--replSet".into(), "rs0".into()]);
    for options in ["", "?replicaSet=rs0", "?directConnection=true"] {
        let why = refusal(&format!("mongodb://127.0.0.1:{}/films{options}", server.port())).await;
        assert!(why.contains("rs.initiate()"), "{options}: {why}");
    }
    server.initiate();
    let why = refusal(&format!("mongodb://127.0.0.1:{}/films?replicaSet=other", server.port())).await;
    assert!(why.contains("`replicaSet`"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_too_old_is_refused() {
    // MongoDB 5.0, and one that the driver does not speak with at all.
    for (version, words) in [(13, "older than MongoDB 6.0; upgrade it"), (5, "upgrade it")] {
        let why = refusal(&format!(
            "mongodb://127.0.0.1:{}/films?replicaSet=rs0",
            scripted::server(move |me, _| scripted::hello(me, version))
        ))
        .await;
        assert!(why.contains(words), "{why}");
    }
}

#[tokio::test]
async fn a_host_that_no_dns_knows_is_told() {
    // The name is reserved (RFC 6761).
    let why = refusal("mongodb+srv://app:hunter2@cluster0.example.invalid").await;
    assert!(why.contains("the DNS does not know the host"), "{why}");
}
