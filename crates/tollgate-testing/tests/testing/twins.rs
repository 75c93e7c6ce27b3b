//! A request that is sent again to another instance while the first still works on it: what keeps the two apart is the
//! key in the database alone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::Semaphore, task::JoinHandle, time::sleep};
use tollgate::prelude::*;
use tollgate_mongodb::MongoDb;
use tollgate_postgres::Postgres;
use tollgate_store::Database;
use tollgate_testing::{Client, Reply, TestApp};

/// What was written under a gate.
#[resource(plural = "entries")]
struct Entry {
    #[id(generated)]
    entry_id: i64,
    gate: i32,
}

/// Where a request waits.
struct Gate {
    runs: AtomicUsize,
    open: Semaphore,
}

/// One for each test: they may run in one process.
static GATES: [Gate; 2] = [const { Gate { runs: AtomicUsize::new(0), open: Semaphore::const_new(0) } }; 2];

/// Adds an entry, waits at the gate, and adds another.
async fn slow(may: May<Create, Entry>, entries: Store<Entry>, Json(new): Json<NewEntry>) -> Result<NoContent> {
    let gate = usize::try_from(new.gate).ok().and_then(|gate| GATES.get(gate)).ok_or_else(Problem::not_found)?;
    entries.insert(&may, new.clone()).await?;
    gate.runs.fetch_add(1, Ordering::SeqCst);
    gate.open.acquire().await.map_err(|error| Problem::internal().caused_by(error))?.forget();
    entries.insert(&may, new).await?;
    Ok(NoContent)
}

async fn instance(database: Arc<dyn Database>) -> TestApp {
    let service = Service::new("all").crud::<Entry>("/entries").post("/slow", slow);
    TestApp::with(App::new("twins").service(service)).database(database).start().await
}

/// Sends the request of that key.
fn send(app: &TestApp, key: &str, gate: i32) -> JoinHandle<Reply> {
    let ann = app.actor("ann").may("create:entries read:entries").header("idempotency-key", key);
    tokio::spawn(async move { ann.post("/slow", serde_json::json!({ "gate": gate })).await })
}

async fn until_runs(gate: &Gate, runs: usize) {
    let start = Instant::now();
    while gate.runs.load(Ordering::SeqCst) < runs {
        assert!(start.elapsed() < Duration::from_secs(30), "it never ran");
        sleep(Duration::from_millis(5)).await;
    }
}

/// On two connections to one database.
async fn the_key_holds_elsewhere(databases: [Arc<dyn Database>; 2], at: usize) {
    let [one, two] = databases;
    let (one, two) = (instance(one).await, instance(two).await);
    let (gate, number) = (&GATES[at], i32::try_from(at).unwrap());
    let reader: Client = one.actor("ann").may("read:entries");
    let kept = async || reader.get("/entries").await.json()["items"].as_array().unwrap().len();

    // Nobody waits for longer than the lock does.
    let first = send(&one, "refused", number);
    until_runs(gate, 1).await;
    let second = send(&two, "refused", number).await.unwrap();
    assert_eq!((second.status(), second.header("retry-after")), (409, "1"), "{}", second.text());
    assert_eq!(kept().await, 0, "nothing is to be seen before all of it is");
    gate.open.add_permits(1);
    assert_eq!(first.await.unwrap().status(), 204);
    let again = send(&two, "refused", number).await.unwrap();
    assert_eq!((again.status(), again.header("idempotent-replayed")), (204, "true"));

    // Who waits when the first ends has its answer.
    let first = send(&one, "waited", number);
    until_runs(gate, 2).await;
    let second = send(&two, "waited", number);
    sleep(Duration::from_millis(300)).await;
    gate.open.add_permits(1);
    assert_eq!(first.await.unwrap().status(), 204);
    let second = second.await.unwrap();
    assert_eq!((second.status(), second.header("idempotent-replayed")), (204, "true"), "{}", second.text());
    assert_eq!((kept().await, gate.runs.load(Ordering::SeqCst)), (4, 2), "each was done once");
}

mod postgres {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_key_holds_on_every_instance() {
        let url = crate::postgres::fresh().0;
        let open = async || Arc::new(Postgres::open(&url).await.unwrap());
        the_key_holds_elsewhere([open().await, open().await], 0).await;
    }
}

mod mongodb {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_key_holds_on_every_instance() {
        let url = crate::mongodb::fresh().0;
        let open = async || Arc::new(MongoDb::open(&url).await.unwrap());
        the_key_holds_elsewhere([open().await, open().await], 1).await;
    }
}
