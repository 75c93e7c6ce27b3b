//! Who asks too often is told so, how long to wait, and before that how much is left.

use super::ground::{Movie, Note, note, why, writer};
use axum::http::request::Parts;
use futures_util::FutureExt;
use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tollgate::{
    prelude::*,
    testing::{Authenticate, Identified},
};
use tollgate_access::Identity;
use tollgate_core::ManualClock;
use tollgate_testing::{Reply, TestApp};

fn app(settings: &'static str) -> App {
    App::new("claims").settings(settings).service(Service::new("all").crud::<Movie>("/movies").crud::<Note>("/notes"))
}

async fn start(settings: &'static str) -> (TestApp, ManualClock) {
    let clock = ManualClock::at("2026-05-01T12:00:00Z".parse().unwrap());
    (TestApp::with(app(settings)).clock(clock.clone()).start().await, clock)
}

fn left(reply: &Reply) -> (u16, String, String, String) {
    let header =
        |name| reply.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(", ");
    (reply.status(), header("ratelimit-policy"), header("ratelimit"), header("retry-after"))
}

#[tokio::test]
async fn each_caller_has_a_quota_that_comes_back_evenly() {
    let (app, clock) = start("[limits]\nactor = \"3 per minute\"").await;
    let (ann, bob) = (writer(&app, "ann"), writer(&app, "bob"));
    let told = |status: u16, rest: &str, retry: &str| {
        (status, "\"actor\";q=3;w=60".to_owned(), format!("\"actor\";{rest}"), retry.to_owned())
    };
    assert_eq!(left(&ann.get("/notes").await), told(200, "r=2;t=20", ""));
    assert_eq!(left(&ann.get("/notes").await), told(200, "r=1;t=40", ""));
    assert_eq!(left(&ann.post("/notes", note("third")).await), told(201, "r=0;t=60", ""));
    let over = ann.post("/notes", note("fourth")).await;
    assert_eq!(left(&over), told(429, "r=0;t=20", "20"));
    assert_eq!(over.header("content-type"), "application/problem+json");
    assert_eq!(why(&over), "429 over the limit by actor: 3 requests in 60 seconds");
    assert_eq!(bob.get("/notes").await.status(), 200, "another's quota is another");
    assert_eq!(left(&app.anyone().get("/notes").await).1, "", "nobody in particular has none");
    clock.advance(Duration::from_secs(20));
    assert_eq!(ann.get("/notes").await.json()["items"].as_array().unwrap().len(), 1, "what was refused was not done");
    assert_eq!(ann.get("/notes").await.status(), 429);
    clock.advance(Duration::from_hours(24));
    assert_eq!(left(&ann.get("/notes").await), told(200, "r=2;t=20", ""));
}

#[tokio::test]
async fn an_address_has_a_quota_for_everything_but_health() {
    let (app, _) = start("[limits]\naddress = \"2 per minute\"").await;
    let (anyone, ann) = (app.anyone(), writer(&app, "ann"));
    assert_eq!(
        left(&anyone.get("/nowhere").await),
        (404, "\"address\";q=2;w=60".into(), "\"address\";r=1;t=30".into(), String::new())
    );
    assert_eq!(ann.get("/notes").await.status(), 200);
    assert_eq!((ann.get("/notes").await.status(), anyone.get("/docs").await.status()), (429, 429));
    for _ in 0..3 {
        assert_eq!((anyone.get("/livez").await.status(), anyone.get("/readyz").await.status()), (200, 200));
    }
}

#[tokio::test]
async fn a_route_has_a_quota_of_its_own_for_each_caller() {
    let (app, _) = start("[access]\nanyone = [\"read:movies\"]\n[limits]\nactor = \"9 per minute\"\n[limits.routes]\n\"POST /notes\" = \"1 per hour\"\n\"GET /movies\" = \"1 per day\"").await;
    let (ann, bob) = (writer(&app, "ann"), writer(&app, "bob"));
    let first = ann.post("/notes", note("one")).await;
    assert_eq!(
        left(&first),
        (
            201,
            "\"actor\";q=9;w=60, \"route\";q=1;w=3600".into(),
            "\"actor\";r=8;t=7, \"route\";r=0;t=3600".into(),
            String::new()
        )
    );
    assert_eq!(left(&ann.post("/notes", note("two")).await).3, "3600");
    assert_eq!(ann.get("/notes").await.status(), 200);
    assert_eq!(bob.post("/notes", note("one")).await.status(), 201);
    assert_eq!(app.anyone().get("/movies").await.status(), 200);
    assert_eq!(app.anyone().send(tollgate::http::Method::HEAD, "/movies", None).await.status(), 429, "HEAD is GET");
    assert!(app.document()["paths"]["/notes"]["post"]["responses"]["429"].is_object());
}

#[tokio::test]
async fn without_limits_nothing_is_counted_or_said() {
    let (app, _) = start("").await;
    let reply = writer(&app, "ann").get("/notes").await;
    assert_eq!(left(&reply), (200, String::new(), String::new(), String::new()));
    assert!(app.document()["paths"]["/notes"]["post"]["responses"]["429"].is_null());
}

#[test]
fn a_wrong_limit_is_refused_by_its_name() {
    let said = |settings: &'static str| {
        app(settings).built_in_settings("dev").err().map(|failure| failure.to_string()).unwrap_or_default()
    };
    let wrong = said("[limits]\nactor = \"3 per fortnight\"");
    assert!(wrong.contains("limits.actor") && wrong.contains("write it as `100 per minute`"), "{wrong}");
    let unknown = said("[limits]\nadress = \"3 per minute\"");
    assert!(unknown.contains("adress") && unknown.contains("address"), "{unknown}");
}

#[tokio::test]
async fn a_limit_of_a_route_that_is_not_there_keeps_the_app_from_starting() {
    let starting = std::panic::AssertUnwindSafe(start("[limits.routes]\n\"POST /note\" = \"1 per hour\""));
    let panic = starting.catch_unwind().await.err().unwrap();
    let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(said.contains("limits.routes: there is no route `POST /note`; did you mean `POST /notes`?"), "{said}");
}

/// Counts how often it is asked who calls.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Authenticate for Counting {
    fn identify<'a>(&'a self, _: &'a Parts) -> Identified<'a> {
        self.0.fetch_add(1, SeqCst);
        Box::pin(ready(Ok(Identity::new("ann").into())))
    }
}

async fn open(_: Public) -> Result<NoContent> {
    Ok(NoContent)
}

async fn other(_: Public) -> Result<NoContent> {
    Ok(NoContent)
}

#[tokio::test]
async fn who_calls_is_asked_where_a_limit_depends_on_it_alone() {
    for (limits, times) in [
        ("[limits]\naddress = \"9 per minute\"", 0),
        ("[limits.routes]\n\"GET /other\" = \"9 per minute\"", 0),
        ("[limits.routes]\n\"GET /open\" = \"9 per minute\"", 1),
        ("[limits]\nactor = \"9 per minute\"", 1),
    ] {
        let service = Service::new("all").get("/open", open).get("/other", other);
        let (app, counting) = (App::new("claims").settings(limits).service(service), Arc::<Counting>::default());
        let app = TestApp::with(app).authenticate(counting.clone()).start().await;
        assert_eq!(app.anyone().get("/open").await.status(), 204);
        assert_eq!(counting.0.load(SeqCst), times, "{limits}");
    }
}

/// The page of a refusal says who is signed in. To find that out would cost what a limit is there to spare.
#[tokio::test]
async fn who_is_over_a_limit_is_not_looked_up_for_a_page() {
    let app = App::new("claims").settings("[limits]\naddress = \"1 per day\"").service(Service::new("all"));
    let counting = Arc::<Counting>::default();
    let app = TestApp::with(app).authenticate(counting.clone()).start().await;
    let browser = app.anyone().header("accept", "text/html");
    assert_eq!(browser.get("/nowhere").await.status(), 404);
    let asked = counting.0.load(SeqCst);
    let over = browser.get("/nowhere").await;
    assert_eq!((over.status(), counting.0.load(SeqCst)), (429, asked));
    assert!(over.header("content-type").starts_with("text/html"), "{}", over.text());
}

/// It shows a request and its answer: that one counts as the visitor's, and not as everybody's together.
#[tokio::test]
async fn the_home_page_asks_as_whoever_looks_at_it() {
    let (app, _) = start("[server]\nproxies = 1\n[limits]\naddress = \"2 per day\"").await;
    for last in 1..5 {
        let visitor = app.anyone().header("x-forwarded-for", &format!("192.0.2.{last}"));
        let page = visitor.get("/").await;
        assert_eq!((page.status(), page.text().contains("429")), (200, false), "{}", page.text());
    }
}
