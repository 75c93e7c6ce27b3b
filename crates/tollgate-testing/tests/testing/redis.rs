//! What instances share in a real Redis, and what happens without it.

use axum::http::Method;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tollgate::prelude::*;
use tollgate_sqlite::Sqlite;
use tollgate_testing::{Client, Reply, TestApp, servers::Redis};

const MINUTE: Duration = Duration::from_mins(1);

/// A word, and how often it was read.
#[resource(plural = "entries")]
struct Entry {
    #[id]
    entry_id: i32,
    text: String,
}

/// Two instances of one app on one database, which share that Redis.
struct Twins {
    one: TestApp,
    two: TestApp,
    _folder: TempDir,
}

impl Twins {
    async fn start(redis: &Redis, cluster: bool) -> Self {
        let ca = redis.authority().map(|file| format!("ca = \"{}\"", file.display())).unwrap_or_default();
        let settings = format!(
            "[redis]\nurl = \"{}\"\ncluster = {cluster}\n{ca}\n[limits.routes]\n\"POST /entries/\" = \"5 per day\"\n",
            redis.url()
        );
        let twins = Self::start_with(settings.leak()).await;
        // It is connected to in the background.
        twins.eventually("hit").await;
        twins
    }

    async fn start_with(settings: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database: Arc<Sqlite> = Arc::new(Sqlite::open(&folder.path().join("app.db")).unwrap());
        let start = async || {
            let service = Service::new("all").crud::<Entry>("/entries").cached(MINUTE).post("/entries/", nothing);
            TestApp::with(App::new("twins").settings(settings).service(service))
                .database(database.clone())
                .start()
                .await
        };
        Self { one: start().await, two: start().await, _folder: folder }
    }

    /// What an instance says of itself: the status and the word for Redis.
    async fn health(&self) -> (u16, String) {
        let said = self.one.anyone().get("/readyz").await;
        (said.status(), said.json()["checks"]["redis"]["status"].as_str().unwrap_or_default().to_owned())
    }

    fn clients(&self) -> (Client, Client) {
        let client = |app: &TestApp| app.actor("ann").may("read:entries create:entries update:entries");
        (client(&self.one), client(&self.two))
    }

    /// Waits until both find kept answers, or do not.
    async fn eventually(&self, wanted: &str) {
        let (one, two) = self.clients();
        let start = Instant::now();
        while start.elapsed() < MINUTE {
            let (first, second) = (one.get("/entries?limit=7").await, two.get("/entries?limit=7").await);
            if came_from(&first) == wanted && came_from(&second) == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it never came to `{wanted}`");
    }
}

/// Does nothing, some times a day.
async fn nothing(_: May<Create, Entry>) -> Result<NoContent> {
    Ok(NoContent)
}

fn came_from(reply: &Reply) -> &str {
    assert_eq!(reply.status(), 200, "a read never fails: {reply}");
    match reply.header("cache-status") {
        "tollgate; hit" => "hit",
        "tollgate; fwd=uri-miss; stored" => "stored",
        _ => "computed",
    }
}

fn entry(text: &str) -> Value {
    json!({ "entry_id": 1, "text": text })
}

/// What one instance keeps the other finds, and what one writes the other sees.
async fn share(redis: &Redis, cluster: bool) {
    let twins = Twins::start(redis, cluster).await;
    let (one, two) = twins.clients();
    assert_eq!(one.post("/entries", entry("zero")).await.status(), 201);
    assert_eq!(came_from(&one.get("/entries/1").await), "stored");
    assert_eq!(came_from(&two.get("/entries/1").await), "hit");
    for round in 0..50 {
        let text = round.to_string();
        let (writer, reader) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        writer.patch("/entries/1", json!({ "text": &text })).await;
        let seen = reader.get("/entries/1").await;
        assert_eq!((seen.status(), seen.json()["text"].clone()), (200, json!(text)), "round {round}");
    }
    let mut statuses = vec![];
    for round in 0..8 {
        let client = if round % 2 == 0 { &one } else { &two };
        statuses.push(client.send(Method::POST, "/entries/", None).await.status());
    }
    assert_eq!(statuses, [204, 204, 204, 204, 204, 429, 429, 429], "one quota for both");
    let elsewhere = app_elsewhere(redis, cluster).await;
    assert_eq!(elsewhere.get("/entries/1").await.status(), 404, "another app finds nothing of this one");
}

async fn app_elsewhere(redis: &Redis, cluster: bool) -> Client {
    let ca = redis.authority().map(|file| format!("ca = \"{}\"", file.display())).unwrap_or_default();
    let settings = format!("[redis]\nurl = \"{}\"\ncluster = {cluster}\n{ca}", redis.url());
    let service = Service::new("all").crud::<Entry>("/entries").cached(MINUTE);
    let app = TestApp::new(App::new("elsewhere").settings(settings.leak()).service(service)).await;
    app.actor("ann").may("read:entries")
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_share_answers_and_counters() {
    share(&Redis::start(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_three_nodes_is_as_good_as_one() {
    let cluster = Redis::start_cluster();
    share(&cluster, true).await;
    let keys = |node| cluster.tell(node, &["dbsize"]).trim().parse::<u32>().unwrap();
    assert!((0..3).filter(|&node| keys(node) > 0).count() > 1, "keys are spread");
}

/// Reads and writes go on, each read is what was last written, and no call waits for long.
async fn goes_on(twins: &Twins) {
    let (one, two) = twins.clients();
    for round in 0..30 {
        let text = format!("without {round}");
        let start = Instant::now();
        // Each page is kept under another key, which in a cluster may be where nobody answers.
        assert_eq!(one.get(&format!("/entries?limit={}", round + 1)).await.status(), 200);
        let written = one.patch("/entries/1", json!({ "text": &text })).await;
        assert_eq!(written.status(), 200, "{written}");
        for reader in [&one, &two] {
            let seen = reader.get("/entries/1").await;
            assert_eq!((seen.status(), seen.json()["text"].clone()), (200, json!(text)), "round {round}");
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
}

async fn counts_alone(twins: &Twins) {
    let client = twins.one.actor("bob").may("create:entries");
    let mut statuses = vec![];
    for _ in 0..7 {
        statuses.push(client.send(Method::POST, "/entries/", None).await.status());
    }
    assert_eq!(statuses, [204, 204, 204, 204, 204, 429, 429], "an instance alone still counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_every_read_is_answered_and_every_limit_holds() {
    let mut redis = Redis::start();
    let twins = Twins::start(&redis, false).await;
    twins.clients().0.post("/entries", entry("zero")).await;
    assert_eq!(twins.health().await, (200, "ok".to_owned()));
    redis.kill();
    goes_on(&twins).await;
    counts_alone(&twins).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(twins.health().await, (200, "degraded".to_owned()), "requests should come nevertheless");
    redis.resume();
    twins.eventually("hit").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(twins.health().await, (200, "ok".to_owned()));
    goes_on(&twins).await;
}

/// How often the slow handler ran.
static RUNS: AtomicI32 = AtomicI32::new(0);

/// Takes a while.
async fn slow(_: May<Read, Entry>, _: Store<Entry>) -> Json<i32> {
    let run = RUNS.fetch_add(1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(3)).await;
    Json(run)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_one_computes_for_all_who_ask_at_once_and_nobody_after_a_write_gets_that() {
    let service = Service::new("all").crud::<Entry>("/entries").get("/slow", slow).cached(MINUTE);
    let app = App::new("alone").settings("[redis]\nurl = \"redis://127.0.0.1:1\"").service(service);
    let app = TestApp::new(app).await;
    let ann = app.actor("ann").may("read:entries create:entries");
    let ask = || {
        let ann = ann.clone();
        tokio::spawn(async move { ann.get("/slow").await.json() })
    };
    let first: Vec<_> = (0..50).map(|_| ask()).collect();
    // By then all have asked.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(ann.post("/entries", entry("new")).await.status(), 201);
    let after = ask().await.unwrap();
    for answer in first {
        assert_eq!(answer.await.unwrap(), 0);
    }
    assert_eq!((after, RUNS.load(Ordering::SeqCst)), (json!(1), 2));
    assert_eq!(ask().await.unwrap(), 2, "what cannot be kept is not");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_loses_a_node_hides_no_write_and_is_used_again_once_whole() {
    let mut cluster = Redis::start_cluster();
    let twins = Twins::start(&cluster, true).await;
    twins.clients().0.post("/entries", entry("zero")).await;
    for node in 0..3 {
        cluster.kill_node(node);
        goes_on(&twins).await;
        cluster.wait_until_missed(node);
        goes_on(&twins).await;
        cluster.resume_node(node);
        twins.eventually("hit").await;
        goes_on(&twins).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_a_paused_redis_did_not_hear_of_is_told_later() {
    let redis = Redis::start();
    let twins = Twins::start(&redis, false).await;
    let (one, two) = twins.clients();
    one.post("/entries", entry("before")).await;
    twins.eventually("hit").await;
    assert_eq!(two.get("/entries/1").await.json()["text"], "before");
    let frozen = redis.freeze();
    goes_on(&twins).await;
    counts_alone(&twins).await;
    drop(frozen);
    twins.eventually("hit").await;
    assert_eq!(one.get("/entries/1").await.json()["text"], "without 29", "who wrote never finds what was before");
    goes_on(&twins).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_keeps_nothing_and_hides_nothing() {
    let redis = Redis::start();
    let twins = Twins::start(&redis, false).await;
    twins.clients().0.post("/entries", entry("zero")).await;
    twins.eventually("hit").await;
    redis.tell(0, &["config", "set", "maxmemory", "1"]);
    goes_on(&twins).await;
    counts_alone(&twins).await;
    redis.tell(0, &["config", "set", "maxmemory", "0"]);
    twins.eventually("hit").await;
}

#[tokio::test]
async fn what_is_no_address_is_refused_by_its_setting() {
    let app = App::new("twins").settings("[redis]\nurl = \"localhost:secret\"").service(Service::new("all"));
    let panic = tokio::spawn(TestApp::new(app)).await.err().unwrap().into_panic();
    let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(said.starts_with("redis.url is no address of a Redis") && !said.contains("secret"), "{said}");
}

/// The shortest of many waits says how long the wait is meant to be, also on a machine that is busy.
#[tokio::test(flavor = "multi_thread")]
async fn no_call_waits_longer_than_fifty_milliseconds() {
    let server = Redis::start();
    let url = Secret::from(server.url());
    let config = tollgate_redis::Config { url: &url, cluster: false, authorities: None };
    let redis = tollgate_redis::Redis::open(&config, "waits", "1").unwrap();
    while redis.ping().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let frozen = server.freeze();
    let mut waits = vec![];
    for _ in 0..20 {
        let start = Instant::now();
        let why = redis.ping().await.unwrap_err().to_string();
        waits.push(start.elapsed());
        assert!(!why.contains("127.0.0.1"), "{why}");
    }
    drop(frozen);
    let shortest = waits.iter().min().unwrap();
    assert!(*shortest <= Duration::from_millis(55), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait >= Duration::from_millis(45)), "it was waited for: {waits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_share_answers_and_counters_over_tls() {
    let redis = Redis::start_with_tls();
    share(&redis, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_nobody_vouches_for_gets_nothing() {
    let (redis, other) = (Redis::start_with_tls(), Redis::start_with_tls());
    let ca = other.authority().unwrap().display().to_string();
    let settings = format!("[redis]\nurl = \"{}\"\nca = \"{ca}\"\n", redis.url());
    let twins = Twins::start_with(settings.leak()).await;
    twins.clients().0.post("/entries", entry("zero")).await;
    goes_on(&twins).await;
    assert_eq!(twins.health().await, (200, "degraded".to_owned()));
}

#[tokio::test]
async fn authorities_that_are_none_are_refused_by_their_setting() {
    for (settings, words) in [
        ("url = \"rediss://localhost\"\nca = \"/nonexistent.pem\"", "redis.ca: /nonexistent.pem: "),
        ("url = \"redis://localhost\"\nca = \"/dev/null\"", "there is no certificate in it"),
    ] {
        let settings = format!("[redis]\n{settings}").leak();
        let app = App::new("twins").settings(settings).service(Service::new("all"));
        let panic = tokio::spawn(TestApp::new(app)).await.err().unwrap().into_panic();
        let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        assert!(said.contains(words), "{said}");
    }
}
