//! A request that is sent again under its key is done once.

use super::ground::{self, Note, note, why, writer};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Semaphore, task::JoinSet};
use tollgate::{
    Answer, NoIdempotencyKey, Operation,
    http::{StatusCode, header},
    prelude::*,
};
use tollgate_core::ManualClock;
use tollgate_sqlite::Sqlite;
use tollgate_testing::{Client, Reply, TestApp};

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

fn keyed(client: Client, key: &str) -> Client {
    client.header("idempotency-key", key)
}

/// What an answer says, but for which request it answers.
fn said(reply: &Reply) -> (u16, String, String, String) {
    let header = |name| reply.header(name).to_owned();
    (reply.status(), header("location"), header("content-type"), reply.text())
}

async fn notes(client: &Client) -> usize {
    client.get("/notes").await.json()["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_repeated_write_happens_once_and_gets_the_same_answer() {
    let app = ground::start().await;
    let ann = keyed(writer(&app, "ann"), KEY);
    let first = ann.post("/notes", note("once")).await;
    assert_eq!((first.status(), first.header("idempotent-replayed")), (201, ""));
    let again = ann.post("/notes", note("once")).await;
    assert_eq!(said(&again), said(&first));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"), "it is another request");
    assert_eq!(notes(&ann).await, 1);

    let path = format!("/notes/{}", first.json()["note_id"]);
    let stars = keyed(writer(&app, "ann"), "stars");
    let changed = stars.patch(&path, json!({ "stars": 5 })).await;
    assert_eq!(said(&stars.patch(&path, json!({ "stars": 5 })).await), said(&changed));
    assert_eq!(changed.json()["version"], 2);
    assert_eq!(ann.get(&path).await.json()["version"], 2, "changed once");

    let gone = keyed(writer(&app, "ann"), "gone");
    assert_eq!((gone.delete(&path).await.status(), gone.delete(&path).await.status()), (204, 204));
    assert_eq!(ann.delete(&path).await.status(), 422, "that key was another request's");
}

#[tokio::test]
async fn a_key_stands_for_one_request_of_one_caller() {
    let app = ground::start().await;
    let (ann, bob) = (keyed(writer(&app, "ann"), KEY), keyed(writer(&app, "bob"), KEY));
    let first = ann.post("/notes", note("mine")).await.json();
    let others = bob.post("/notes", note("mine")).await;
    assert_eq!((others.status(), others.json()["author"].clone()), (201, json!("bob")));
    let path = format!("/notes/{}", first["note_id"]);
    for other in [
        ann.post("/notes", note("another")).await,
        ann.post("/notes?x=1", note("mine")).await,
        ann.put(&path, note("mine")).await,
        ann.delete(&path).await,
    ] {
        assert_eq!(
            why(&other),
            "422 this `Idempotency-Key` was used for another request; send each request under a key \
                                 of its own"
        );
    }
    assert_eq!((notes(&ann).await, notes(&bob).await), (1, 1));
    let bare = keyed(writer(&app, "ann"), &format!("\"{KEY}\"")).post("/notes", note("mine")).await;
    assert_eq!(bare.header("idempotent-replayed"), "true", "quoted, as the draft has it, it is the same key");
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let app = ground::start().await;
    let long = "k".repeat(256);
    for bad in ["", " ", "\"\"", "two words", "a\"b", "schlüssel", &long] {
        let refused = keyed(writer(&app, "ann"), bad).post("/notes", note("no")).await;
        assert_eq!(refused.status(), 400, "{bad}");
    }
    let twice = keyed(keyed(writer(&app, "ann"), "one"), "two").post("/notes", note("no")).await;
    assert_eq!(twice.status(), 400);
    assert_eq!(notes(&writer(&app, "ann")).await, 0);
    let ann = keyed(writer(&app, "ann"), "\"\"");
    assert_eq!(ann.get("/notes").await.status(), 200, "what changes nothing needs no key");
}

#[tokio::test]
async fn who_may_not_is_told_so_before_any_key_is_looked_at() {
    let app = ground::start().await;
    keyed(writer(&app, "ann"), KEY).post("/notes", note("mine")).await;
    let lost = keyed(app.actor("ann").may("read:notes"), KEY).post("/notes", note("mine")).await;
    assert_eq!(lost.status(), 403, "a permission that is gone gives no old answers");
    assert_eq!(keyed(app.anyone(), KEY).post("/notes", note("mine")).await.status(), 401);
    let anyone = App::new("open").settings("[access]\nanyone = [\"create:movies\"]");
    let open = TestApp::new(anyone.service(Service::new("open").crud::<ground::Movie>("/movies"))).await;
    let film = json!({ "movie_id": 1, "title": "Heat", "released": null, "rating": null, "code": null });
    let refused = keyed(open.anyone(), KEY).post("/movies", film).await;
    assert_eq!(why(&refused), "400 an `Idempotency-Key` is a caller's own: sign in, or leave it out");
}

#[tokio::test]
async fn what_fails_leaves_nothing_and_may_be_tried_again() {
    let app = ground::start().await;
    let cur = keyed(ground::curator(&app), KEY);
    let film = |title: &str| json!({ "movie_id": 1, "title": title, "released": null, "rating": null, "code": null });
    assert_eq!(cur.post("/movies", film("")).await.status(), 422);
    assert_eq!(cur.post("/movies", film("Heat")).await.status(), 201, "a body that was refused has used no key");
    let other = keyed(ground::curator(&app), "other");
    assert_eq!(other.post("/movies", film("Ronin")).await.status(), 409);
    assert_eq!(ground::curator(&app).delete("/movies/1").await.status(), 204);
    assert_eq!(other.post("/movies", film("Ronin")).await.status(), 201);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let clock = ManualClock::at("2026-05-01T12:00:00Z".parse().unwrap());
    let app = TestApp::with(ground::app()).clock(clock.clone()).start().await;
    let ann = keyed(writer(&app, "ann"), KEY);
    ann.post("/notes", note("again and again")).await;
    clock.advance(Duration::from_secs(24 * 60 * 60 - 1));
    ann.post("/notes", note("again and again")).await;
    assert_eq!(notes(&ann).await, 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(ann.post("/notes", note("something else")).await.status(), 201);
    assert_eq!(notes(&ann).await, 2);
}

static GATE: Semaphore = Semaphore::const_new(0);
static RUNS: AtomicU32 = AtomicU32::new(0);

/// Adds a note twice and waits.
async fn slow(may: May<Create, Note>, notes: Store<Note>, Json(text): Json<Text>) -> Result<Created<Note>> {
    let new = |text: &str| {
        let text = text.to_owned();
        NewNote { text, pinned: false, stars: None, weight: None, due: None, reference: None, secret: None }
    };
    notes.insert(&may, new(&text.text)).await?;
    RUNS.fetch_add(1, Ordering::SeqCst);
    GATE.acquire().await.map_err(|error| Problem::internal().caused_by(error))?.forget();
    Ok(Created(notes.insert(&may, new(&text.text)).await?))
}

/// Adds a note in a transaction of its own, and fails there if it is told to, but answers with success.
async fn forgiving(may: May<Create, Note>, notes: Store<Note>, Json(text): Json<Text>) -> Result<NoContent> {
    let new =
        NewNote { text: text.text, pinned: false, stars: None, weight: None, due: None, reference: None, secret: None };
    let fails = new.text == "fail";
    let done = notes.transaction(async |tx| {
        notes.on(&tx)?.insert(&may, new).await?;
        if fails { Err(Problem::conflict()) } else { Ok(()) }
    });
    let _ = done.await;
    Ok(NoContent)
}

/// A text.
#[input]
struct Text {
    text: String,
}

use ground::NewNote;

fn special() -> App {
    let service = Service::new("all").crud::<Note>("/notes").post("/slow", slow).post("/forgiving", forgiving);
    App::new("claims").service(service)
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_request_runs_the_same_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = Arc::new(Sqlite::open(&folder.path().join("app.db")).unwrap());
    let app = Arc::new(TestApp::with(special()).database(database).start().await);
    let ann = keyed(writer(&app, "ann"), KEY);
    let body = json!({ "text": "slow" });
    let first = tokio::spawn({
        let (ann, body) = (ann.clone(), body.clone());
        async move { ann.post("/slow", body).await }
    });
    while RUNS.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let second = ann.post("/slow", body.clone()).await;
    assert_eq!(second.status(), 409);
    assert_eq!(second.header("retry-after"), "1");
    assert_eq!(notes(&ann).await, 0, "nothing is to be seen before all of it is");
    GATE.add_permits(1);
    let first = first.await.unwrap();
    assert_eq!(said(&ann.post("/slow", body.clone()).await), said(&first));
    assert_eq!((notes(&ann).await, RUNS.load(Ordering::SeqCst)), (2, 1));

    // Who goes away before the answer stops nothing, and is told of it later.
    let left = keyed(writer(&app, "ann"), "left");
    let leaving = tokio::time::timeout(Duration::from_millis(50), left.post("/slow", body.clone())).await;
    assert!(leaving.is_err());
    GATE.add_permits(1);
    let mut again = left.post("/slow", body.clone()).await;
    while again.status() == 409 {
        tokio::task::yield_now().await;
        again = left.post("/slow", body.clone()).await;
    }
    assert_eq!((again.status(), again.header("idempotent-replayed")), (201, "true"));
    assert_eq!((notes(&ann).await, RUNS.load(Ordering::SeqCst)), (4, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_happens() {
    let app = Arc::new(ground::start().await);
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let ann = keyed(writer(&app, "ann"), KEY);
        all.spawn(async move { ann.post("/notes", note("once")).await.status() });
    }
    let mut statuses = all.join_all().await;
    statuses.sort_unstable();
    statuses.dedup();
    assert!(statuses == [201] || statuses == [201, 409], "{statuses:?}");
    assert_eq!(notes(&writer(&app, "ann")).await, 1);
}

#[tokio::test]
async fn a_transaction_of_the_handler_is_part_of_the_request() {
    let app = TestApp::new(special()).await;
    let ann = keyed(writer(&app, "ann"), KEY);
    let body = |text: &str| json!({ "text": text });
    assert_eq!(ann.post("/forgiving", body("kept")).await.status(), 204);
    assert_eq!(ann.post("/forgiving", body("kept")).await.header("idempotent-replayed"), "true");
    assert_eq!(notes(&ann).await, 1);
    let failing = keyed(writer(&app, "ann"), "failing").post("/forgiving", body("fail")).await;
    assert!(failing.status() >= 400, "what was taken back is not acknowledged");
    assert_eq!(notes(&ann).await, 1);
}

/// An answer of the app's own: it leads elsewhere with a cookie, or is too long to be kept.
enum Own {
    Elsewhere,
    Long,
}

impl Answer for Own {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers_nothing(StatusCode::SEE_OTHER, "Done; look there.");
    }

    fn answer(self) -> Response {
        let headers = [(header::LOCATION, "/notes"), (header::SET_COOKIE, "seen=1")];
        match self {
            Self::Elsewhere => (StatusCode::SEE_OTHER, headers).into_response(),
            Self::Long => "x".repeat(1024 * 1024 + 1).into_response(),
        }
    }
}

/// Adds a note, and answers as it is asked to.
async fn own(may: May<Create, Note>, notes: Store<Note>, Json(text): Json<Text>) -> Result<Own> {
    let answer = if text.text == "long" { Own::Long } else { Own::Elsewhere };
    let new =
        NewNote { text: text.text, pinned: false, stars: None, weight: None, due: None, reference: None, secret: None };
    notes.insert(&may, new).await?;
    Ok(answer)
}

#[tokio::test]
async fn what_leads_elsewhere_was_done_and_a_cookie_is_given_once() {
    let app =
        TestApp::new(App::new("claims").service(Service::new("all").crud::<Note>("/notes").post("/own", own))).await;
    let ann = keyed(writer(&app, "ann"), KEY);
    let first = ann.post("/own", json!({ "text": "see other" })).await;
    assert_eq!((first.status(), first.header("location"), first.header("set-cookie")), (303, "/notes", "seen=1"));
    let again = ann.post("/own", json!({ "text": "see other" })).await;
    assert_eq!((said(&again), again.header("idempotent-replayed")), (said(&first), "true"));
    assert_eq!(again.header("set-cookie"), "", "it is a secret of one answer");
    assert_eq!(notes(&ann).await, 1);
}

#[tokio::test]
async fn what_is_too_long_to_be_kept_is_not_done_under_a_key() {
    let app =
        TestApp::new(App::new("claims").service(Service::new("all").crud::<Note>("/notes").post("/own", own))).await;
    let ann = writer(&app, "ann");
    let refused = keyed(ann.clone(), KEY).post("/own", json!({ "text": "long" })).await;
    assert!(why(&refused).starts_with("400 the answer is longer than the 1 MiB"), "{}", why(&refused));
    assert_eq!(notes(&ann).await, 0);
    assert_eq!(ann.post("/own", json!({ "text": "long" })).await.status(), 200);
    assert_eq!(notes(&ann).await, 1);
}

/// Works with no store.
async fn shout(_: May<Create, Note>, Json(text): Json<Text>) -> Json<String> {
    RUNS.fetch_add(1, Ordering::SeqCst);
    Json(text.text.to_uppercase())
}

#[tokio::test]
async fn what_works_with_no_store_is_done_once_too() {
    let service = Service::new("all").crud::<Note>("/notes").post("/shout", shout);
    let app = TestApp::new(App::new("claims").service(service)).await;
    let (ann, body) = (writer(&app, "ann"), json!({ "text": "hey" }));
    let before = RUNS.load(Ordering::SeqCst);
    let first = keyed(ann.clone(), KEY).post("/shout", body.clone()).await;
    assert_eq!((first.status(), first.json()), (200, json!("HEY")));
    let again = keyed(ann.clone(), KEY).post("/shout", body.clone()).await;
    assert_eq!((said(&again), again.header("idempotent-replayed")), (said(&first), "true"));
    assert_eq!(RUNS.load(Ordering::SeqCst), before + 1, "it ran once");
    assert_eq!(keyed(ann, KEY).post("/shout", json!({ "text": "you" })).await.status(), 422);
    assert_eq!(keyed(app.anyone(), KEY).post("/shout", body).await.status(), 401);
}

/// Answers a secret.
async fn whisper(_: May<Create, Note>, _: NoIdempotencyKey, Json(text): Json<Text>) -> Json<String> {
    RUNS.fetch_add(1, Ordering::SeqCst);
    Json(text.text)
}

#[tokio::test]
async fn a_route_whose_answer_is_a_secret_refuses_a_key() {
    let service = Service::new("all").crud::<Note>("/notes").post("/whisper", whisper);
    let app = TestApp::new(App::new("claims").service(service)).await;
    let (ann, body) = (writer(&app, "ann"), json!({ "text": "hey" }));
    assert_eq!(ann.post("/whisper", body.clone()).await.json(), "hey");
    let before = RUNS.load(Ordering::SeqCst);
    let refused = keyed(ann, KEY).post("/whisper", body.clone()).await;
    assert!(why(&refused).starts_with("400 what is sent or answered here is not kept"), "{}", why(&refused));
    assert_eq!(RUNS.load(Ordering::SeqCst), before, "nothing was done");
    assert_eq!(keyed(app.anyone(), KEY).post("/whisper", body).await.status(), 401);
    let operation = &app.document()["paths"]["/whisper"]["post"];
    assert_eq!(operation["parameters"], Value::Null, "no key is offered");
    assert_eq!(operation["responses"]["400"]["description"], "It cannot be read, or has an `Idempotency-Key`.");
}

#[tokio::test]
async fn the_document_tells_of_the_key_where_it_counts() {
    let app = ground::start().await;
    let takes = |path: &str, method: &str| {
        let parameters = &app.document()["paths"][path][method]["parameters"];
        let is_key = |parameter: &&Value| parameter["name"] == "Idempotency-Key" && parameter["in"] == "header";
        parameters.as_array().into_iter().flatten().filter(is_key).count()
    };
    assert_eq!(["post"].map(|method| takes("/notes", method)), [1]);
    assert_eq!(["put", "patch", "delete"].map(|method| takes("/notes/{note_id}", method)), [1, 1, 1]);
    assert_eq!((takes("/notes", "get"), takes("/notes/{note_id}", "get"), takes("/api/me", "get")), (0, 0, 0));
}
