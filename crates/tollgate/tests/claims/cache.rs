//! An answer that was kept for one caller is given to another only if it would be theirs too.

use super::ground::{Movie, NewNote, Note, note, writer};
use futures_util::FutureExt;
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicU32, Ordering::SeqCst},
    time::Duration,
};
use tokio::{sync::Semaphore, task::JoinSet};
use tollgate::{
    Axum, Gateway,
    http::{HeaderMap, Uri},
    prelude::*,
};
use tollgate_core::ManualClock;
use tollgate_testing::{Client, Reply, TestApp};

const MINUTE: Duration = Duration::from_mins(1);

/// What is known of who calls.
async fn caller(may: May<Read, Movie>, _: Store<Movie>, Axum(headers): Axum<HeaderMap>) -> Json<Vec<String>> {
    let actor = may.actor();
    Json(vec![actor.id().into(), actor.name().unwrap_or("-").into(), headers.len().to_string()])
}

/// The same for everybody.
async fn now(_: Public, Query(question): Query<Question>) -> Json<String> {
    Json(question.text)
}

/// What is known of the request itself.
async fn target(_: Public, Path(name): Path<String>, Axum(uri): Axum<Uri>, gateway: Gateway) -> Json<Vec<String>> {
    Json(vec![name, uri.to_string(), format!("{:?}", gateway.get("/identity"))])
}

/// A question.
#[input]
struct Question {
    text: String,
}

/// Adds two notes at once.
async fn two(may: May<Create, Note>, notes: Store<Note>) -> Result<NoContent> {
    let new = || NewNote {
        text: "one of two".into(),
        pinned: false,
        stars: None,
        weight: None,
        due: None,
        reference: None,
        secret: None,
    };
    notes
        .transaction(async |tx| {
            notes.on(&tx)?.insert(&may, new()).await?;
            notes.on(&tx)?.insert(&may, new()).await
        })
        .await?;
    Ok(NoContent)
}

/// Both resources and some handlers, cached or not.
fn app(lifetime: Option<Duration>) -> App {
    let cached = |service: Service| match lifetime {
        Some(lifetime) => service.cached(lifetime),
        None => service,
    };
    let service = cached(Service::new("all").crud::<Movie>("/movies"));
    let service = cached(service.crud::<Note>("/notes"));
    let service = cached(service.get("/caller", caller));
    let service = cached(service.get("/target/{name}", target));
    let service = cached(service.get("/now", now)).post("/notes/two", two);
    App::new("claims").settings("[access]\nanyone = [\"read:movies\"]").service(service)
}

async fn start() -> TestApp {
    TestApp::new(app(Some(MINUTE))).await
}

fn came_from(reply: &Reply) -> &str {
    match reply.header("cache-status") {
        "tollgate; hit" => "hit",
        "tollgate; fwd=uri-miss; stored" => "stored",
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_reaches_the_same_rows_shares_an_answer_and_nobody_else() {
    let app = start().await;
    let (ann, bob) = (writer(&app, "ann"), writer(&app, "bob"));
    let admin = app.actor("ada").may("read:notes:any");
    ann.post("/notes", note("Ann's")).await;
    let all = |reply: &Reply| reply.json()["items"].as_array().unwrap().len();
    let told = async |client: &Client| {
        let reply = client.get("/notes").await;
        (came_from(&reply).to_owned(), all(&reply))
    };
    assert_eq!(told(&ann).await, ("stored".into(), 1));
    assert_eq!(told(&ann).await, ("hit".into(), 1));
    assert_eq!(told(&bob).await, ("stored".into(), 0), "Bob has no notes, and does not get Ann's");
    assert_eq!(told(&admin).await, ("stored".into(), 1));
    assert_eq!(told(&app.actor("eve").may("read:notes:any")).await, ("hit".into(), 1), "who sees all sees the same");
    assert_eq!(app.actor("eve").get("/notes").await.status(), 403, "and who may not see them does not");
    assert_eq!(app.anyone().get("/notes").await.status(), 401);
}

#[tokio::test]
async fn a_cached_handler_knows_nothing_that_is_not_in_the_key() {
    let app = start().await;
    let ann = app.actor("ann").may("read:movies").header("x-name", "Ann").header("accept-language", "de");
    assert_eq!(ann.get("/caller").await.json(), json!(["anyone", "-", "0"]));
    let bob = app.actor("bob").may("read:movies").get("/caller").await;
    assert_eq!((came_from(&bob), bob.json()), ("hit", json!(["anyone", "-", "0"])));
}

#[tokio::test]
async fn no_caller_has_their_host_in_what_others_are_given() {
    let app = start().await;
    let poisoned = app.anyone().get("http://evil.example/target/a?b=c").await;
    assert_eq!((came_from(&poisoned), poisoned.json()), ("stored", json!(["a", "/target/a?b=c", "None"])));
    let next = app.anyone().get("/target/a?b=c").await;
    assert_eq!((came_from(&next), next.json()), ("hit", poisoned.json()));
}

#[tokio::test]
async fn every_write_ends_what_was_kept_before_it_is_acknowledged() {
    let app = start().await;
    let ann = writer(&app, "ann");
    let made = ann.post("/notes", note("milk")).await.json();
    let one = format!("/notes/{}", made["note_id"]);
    let fresh = async |path: &str| {
        let (first, second) = (ann.get(path).await, ann.get(path).await);
        assert_eq!((came_from(&first), came_from(&second)), ("stored", "hit"));
        assert_eq!(first.text(), second.text());
        first.json()
    };
    assert_eq!(fresh(&one).await["text"], "milk");
    fresh("/notes").await;
    assert_eq!(ann.patch(&one, json!({ "text": "bread" })).await.status(), 200);
    assert_eq!(fresh(&one).await["text"], "bread");
    assert_eq!(ann.put(&one, note("wine")).await.status(), 200);
    assert_eq!(fresh(&one).await["text"], "wine");
    assert_eq!(fresh("/notes").await["items"].as_array().unwrap().len(), 1);
    ann.post("/notes/two", json!({})).await;
    assert_eq!(
        fresh("/notes").await["items"].as_array().unwrap().len(),
        3,
        "a transaction counts when it is committed"
    );
    let keyed = ann.clone().header("idempotency-key", "once");
    keyed.post("/notes", note("once")).await;
    assert_eq!(fresh("/notes").await["items"].as_array().unwrap().len(), 4);
    fresh(&one).await;
    assert_eq!(ann.delete(&one).await.status(), 204);
    assert_eq!(ann.get(&one).await.status(), 404);
    assert_eq!(fresh("/notes").await["items"].as_array().unwrap().len(), 3);
    fresh("/movies").await;
    ann.post("/notes", note("another table")).await;
    assert_eq!(came_from(&ann.get("/movies").await), "hit", "a write ends what is made of its own table");
}

#[tokio::test]
async fn an_answer_is_kept_for_as_long_as_the_route_says() {
    let clock = ManualClock::at("2026-05-01T12:00:00Z".parse().unwrap());
    let app = TestApp::with(app(Some(MINUTE))).clock(clock.clone()).start().await;
    let anyone = app.anyone();
    assert_eq!(came_from(&anyone.get("/movies").await), "stored");
    clock.advance(Duration::from_millis(59_999));
    assert_eq!(came_from(&anyone.get("/movies").await), "hit");
    clock.advance(Duration::from_millis(1));
    assert_eq!(came_from(&anyone.get("/movies").await), "stored");
}

#[tokio::test]
async fn headers_say_who_may_keep_an_answer() {
    let app = start().await;
    let header = |reply: &Reply| [reply.header("cache-control").to_owned(), reply.header("vary").to_owned()];
    for path in ["/movies", "/caller"] {
        for _ in 0..2 {
            let reply = app.anyone().get(path).await;
            assert_eq!(header(&reply), ["private, no-cache", "authorization, cookie"], "{path}");
            let known = app.anyone().header("if-none-match", reply.header("etag")).get(path).await;
            assert_eq!((known.status(), came_from(&known), known.text().as_str()), (304, "hit", ""), "{path}");
        }
    }
    for _ in 0..2 {
        assert_eq!(header(&app.anyone().get("/now?text=a").await), ["public, no-cache", ""]);
    }
    let other = app.anyone().get("/now?text=b").await;
    assert_eq!((came_from(&other), other.json()), ("stored", json!("b")), "another question");
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let app = start().await;
    for _ in 0..2 {
        let reply = app.anyone().get("/movies/7").await;
        assert_eq!((reply.status(), reply.header("cache-status")), (404, "tollgate; fwd=uri-miss"));
    }
}

static RUNS: AtomicU32 = AtomicU32::new(0);
static GATE: Semaphore = Semaphore::const_new(0);

/// Slow.
async fn slow(_: May<Read, Movie>, _: Store<Movie>) -> Json<u32> {
    let run = RUNS.fetch_add(1, SeqCst);
    GATE.acquire().await.unwrap().forget();
    Json(run)
}

#[tokio::test]
async fn of_many_who_ask_at_once_one_computes() {
    let service = Service::new("all").get("/slow", slow).cached(MINUTE);
    let app = App::new("claims").settings("[access]\nanyone = [\"read:movies\"]").service(service);
    let anyone = TestApp::new(app).await.anyone();
    let ask = || {
        let anyone = anyone.clone();
        async move { anyone.get("/slow").await.json() }
    };
    let leaving = tokio::spawn(ask());
    while RUNS.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let mut all = JoinSet::new();
    for _ in 0..50 {
        all.spawn(ask());
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    leaving.abort();
    while RUNS.load(SeqCst) == 1 {
        tokio::task::yield_now().await;
    }
    GATE.add_permits(50);
    assert_eq!(all.join_all().await, vec![json!(1); 50], "who leaves is followed by one of those who wait");
    assert_eq!(RUNS.load(SeqCst), 2);
}

#[tokio::test]
async fn what_cannot_be_shared_or_repeated_is_not_cached() {
    async fn mine(actor: tollgate::Actor) -> Json<String> {
        Json(actor.id().to_owned())
    }
    let refused = |service: Service| {
        let app = App::new("claims").service(service);
        std::panic::AssertUnwindSafe(async move { TestApp::new(app).await })
    };
    let said = async |service| {
        let panic = refused(service).catch_unwind().await.err().unwrap();
        panic.downcast_ref::<String>().cloned().unwrap_or_default()
    };
    let personal = said(Service::new("all").get("/mine", mine).cached(MINUTE)).await;
    assert!(personal.contains("`GET /mine` is cached, and `Actor` makes each answer one caller's alone"), "{personal}");
    let post = said(Service::new("all").post("/two", two).cached(MINUTE)).await;
    assert!(post.contains("`POST /two` is cached, which is for `GET` alone"), "{post}");
}

/// A caller's next step: small numbers that follow from each other, the same in each run.
struct Steps(u32);

impl Steps {
    fn next(&mut self, below: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) % below
    }
}

#[tokio::test]
async fn with_and_without_the_cache_every_answer_is_the_same() {
    let clock = ManualClock::at("2026-05-01T12:00:00Z".parse().unwrap());
    let mut apps = vec![];
    for lifetime in [None, Some(MINUTE)] {
        apps.push(TestApp::with(app(lifetime)).clock(clock.clone()).start().await);
    }
    let clients = |app: &TestApp| {
        vec![
            app.anyone(),
            writer(app, "ann"),
            writer(app, "bob"),
            app.actor("ann").may("read:notes:any"),
            app.actor("ada").may("*"),
            app.actor("eve"),
        ]
    };
    let (plain, cached) = (clients(&apps[0]), clients(&apps[1]));
    let (mut steps, mut hits) = (Steps(7), 0);
    for round in 0..1500 {
        let (who, id) = (steps.next(6) as usize, steps.next(4) + 1);
        let one = format!("/notes/{id}");
        let what = steps.next(12);
        let list = ["/notes", "/notes?text.contains=1&sort=-note_id", "/notes?limit=1"][steps.next(3) as usize];
        let ask = async |client: &Client| match what {
            0 => client.post("/notes", note(&format!("note {round}"))).await,
            1 => client.patch(&one, json!({ "stars": round % 5 })).await,
            2 => client.delete(&one).await,
            3..=7 => client.get(list).await,
            8 => client.get("/movies").await,
            _ => client.get(&one).await,
        };
        let (expected, got) = (ask(&plain[who]).await, ask(&cached[who]).await);
        let seen = |reply: &Reply| {
            let mut body = reply.json();
            hide(&mut body);
            (reply.status(), body)
        };
        assert_eq!(seen(&got), seen(&expected), "round {round}: caller {who} asks {what} of {id} or {list}");
        hits += u32::from(got.header("cache-status") == "tollgate; hit");
    }
    assert!(hits > 100, "{hits} answers were kept ones");
}

/// What differs in two apps that were asked the same.
fn hide(body: &mut Value) {
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
        body.remove("next");
    }
}
