//! What an app's tests bring about: rows that are there, time that passes, work that is due, a database that fails.

use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tollgate::{ManualClock, prelude::*};
use tollgate_testing::{Failed, Fault, Faulty, TestApp, servers::Postgres};

/// A parcel.
#[resource(plural = "parcels")]
struct Parcel {
    #[id(generated)]
    parcel_id: i64,
    #[owner]
    owner: String,
    to: String,
    #[created_at]
    posted: Timestamp,
}

/// An order. Who gave it is recorded in the same transaction.
#[resource(plural = "orders", audited)]
struct Order {
    #[id(generated)]
    order_id: i64,
    what: String,
}

/// Parcels that nobody fetched for a week go back.
async fn give_back(parcels: Store<Parcel>, Now(now): Now) -> Result<()> {
    let system = System::because("parcels are kept for a week");
    parcels.delete_all(&system.may(), Parcel::POSTED.lt(now - Duration::from_hours(7 * 24))).await?;
    Ok(())
}

fn app() -> App {
    let parcels = Service::new("parcels").crud::<Parcel>("/parcels").crud::<Order>("/orders");
    App::new("post").service(parcels.every(Duration::from_hours(1), give_back))
}

async fn on(database: &Arc<Faulty>) -> TestApp {
    TestApp::with(app()).database(Arc::clone(database) as _).start().await
}

const ALL: &str = "read:parcels create:parcels";

#[tokio::test]
async fn rows_are_there_in_one_line_and_belong_to_who_gave_them() {
    let app = TestApp::new(app()).await;
    let (ann, bob) = (app.actor("ann").may(ALL), app.actor("bob").may(ALL));
    let given = ann.given("/parcels", [json!({ "to": "Oslo" }), json!({ "to": "Rome" })]).await;
    assert_eq!((&given[0]["to"], &given[1]["owner"]), (&json!("Oslo"), &json!("ann")));
    assert_eq!(ann.get("/parcels").await.json()["items"], json!(given));
    assert_eq!(bob.get("/parcels").await.json()["items"], json!([]));
}

#[tokio::test]
async fn time_passes_when_told() {
    let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    let app = TestApp::with(app()).clock(clock.clone()).start().await;
    let ann = app.actor("ann").may(ALL);
    clock.advance(Duration::from_hours(24));
    let given = ann.given("/parcels", [json!({ "to": "Oslo" })]).await;
    assert_eq!(given[0]["posted"], "1970-01-02T00:00:00Z");
}

#[tokio::test]
async fn what_is_done_again_and_again_is_done_when_told() {
    let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    let app = TestApp::with(app()).clock(clock.clone()).start().await;
    let ann = app.actor("ann").may(ALL);
    ann.given("/parcels", [json!({ "to": "Oslo" })]).await;
    clock.advance(Duration::from_hours(8 * 24));
    ann.given("/parcels", [json!({ "to": "Rome" })]).await;
    app.job("parcels_give_back").await.unwrap();
    assert_eq!(ann.get("/parcels?total=true").await.json()["total"], 1);
    assert!(app.job("parcels_forget").await.unwrap_err().to_string().contains("parcels_give_back"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_through_a_socket_is_the_one_who_was_said() {
    let app = TestApp::new(app()).await;
    let ann = app.actor("ann").may(ALL).header("Accept-Language", "de");
    ann.given("/parcels", [json!({ "to": "Oslo" })]).await;
    let served = ann.serve().await;
    let parcels: Value = ureq::get(served.url("/parcels")).call().unwrap().into_body().read_json().unwrap();
    assert_eq!(parcels["items"][0]["to"], "Oslo");
}

#[tokio::test]
async fn what_memory_does_not_show_is_asked_of_the_database_itself() {
    let url = format!("{}?schema=post_{}", Postgres::shared(), Uuid::now_v7().simple());
    let app = TestApp::with(app()).database_at(&url).await.start().await;
    let ann = app.actor("ann").may(ALL);
    ann.given("/parcels", [json!({ "to": "Oslo" })]).await;
    assert_eq!(ann.get("/parcels?to.contains=slo").await.json()["items"][0]["owner"], "ann");
}

#[tokio::test]
async fn a_write_that_fails_is_a_503_and_the_next_one_works() {
    let database = Arc::new(Faulty::default());
    let app = on(&database).await;
    let ann = app.actor("ann").may(ALL);
    database.fail(2, Fault::Refused);
    let post = async || ann.post("/parcels", json!({ "to": "Oslo" })).await.status();
    assert_eq!((post().await, post().await, post().await), (201, 503, 201));
    assert_eq!(database.mend(), Some(Failed::Statement));
    assert_eq!(database.mend(), None);
    database.fail(1, Fault::AnswerLost);
    assert_eq!(post().await, 503);
    assert_eq!(ann.get("/parcels?total=true").await.json()["total"], 3, "it was stored, and nobody learned of it");
}

#[tokio::test]
async fn reads_fail_and_are_slow_when_told() {
    let database = Arc::new(Faulty::default());
    let app = on(&database).await;
    let ann = app.actor("ann").may(ALL);
    database.unreadable(true);
    assert_eq!(ann.get("/parcels").await.status(), 503);
    database.unreadable(false);
    database.slow(Duration::from_millis(50));
    let begin = Instant::now();
    assert_eq!(ann.get("/parcels").await.status(), 200);
    assert!(begin.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn whichever_write_fails_nothing_is_left_by_half() {
    let database = Arc::new(Faulty::default());
    let app = on(&database).await;
    let ann = app.actor("ann").may("read:orders create:orders");
    for nth in 1.. {
        database.fail(nth, Fault::Refused);
        let status = ann.post("/orders", json!({ "what": "Tea" })).await.status();
        let failed = database.mend();
        let total = ann.get("/orders?total=true").await.json()["total"].clone();
        let Some(_) = failed else {
            assert_eq!((status, total), (201, json!(1)));
            assert!(nth > 2, "an order, its record and the commit are several writes");
            break;
        };
        assert_eq!((status, total), (503, json!(0)), "write {nth}");
    }
}
