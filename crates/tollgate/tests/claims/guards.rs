//! Who may: every way to say it, before anything else of a request is looked at.

use crate::ground::{Movie, NewMovie, Note, note, start, why, with, writer};
use axum::body::Body;
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use tollgate::{Act, Action, Implies, Policy, Rows, prelude::*};
use tollgate_testing::{Client, Reply, TestApp};

/// Makes a draft public.
struct Publish;

impl Action for Publish {
    const NAME: &'static str = "publish";
}

impl Implies<Update> for Publish {}

/// A draft: seen by everybody once it is published, before by its author alone.
#[resource(plural = "drafts", policy)]
struct Draft {
    #[id]
    name: String,
    published: bool,
    #[owner]
    author: String,
}

impl Policy for Draft {
    fn rows(actor: &Actor, act: Act) -> Rows<Self> {
        let own = Self::AUTHOR.eq(actor.id());
        match act {
            act if act.is::<Read>() => Rows::Where(own | Self::PUBLISHED.eq(true)),
            act if act.is::<Delete>() => Rows::None,
            _ => Rows::Where(own),
        }
    }
}

async fn health(_: Public) -> Json<String> {
    Json("fine".into())
}

async fn whoami(actor: Actor) -> Json<String> {
    Json(actor.id().to_owned())
}

/// Both permissions, told before anything happens.
async fn copy(
    (read, create): (May<Read, Note>, May<Create, Movie>),
    notes: Store<Note>,
    movies: Store<Movie>,
    Path(id): Path<i64>,
) -> Result<Created<Movie>> {
    let title = notes.get(&read, id).await?.text;
    let new = NewMovie { movie_id: 1, title, released: None, rating: None, code: None };
    Ok(Created(movies.insert(&create, new).await?))
}

async fn three(_: (May<Read, Note>, Actor, May<Publish, Draft>)) -> NoContent {
    NoContent
}

/// Asks for its permission only when it knows that it needs one.
async fn tidy(actor: Actor, movies: Store<Movie>, Path(id): Path<i32>) -> Result<NoContent> {
    if id > 100 {
        return Err(Problem::not_found());
    }
    let may: May<Delete, Movie> = actor.may()?;
    movies.delete(&may, id).await?;
    Ok(NoContent)
}

async fn publish(may: May<Publish, Draft>, drafts: Store<Draft>, Path(name): Path<String>) -> Result<Json<Draft>> {
    let published = DraftPatch { published: Change::Set(true) };
    Ok(Json(drafts.update(&may.implied(), name, published).await?))
}

/// How many notes there are, of whomever.
async fn census(_: Public, notes: Store<Note>) -> Result<Json<u64>> {
    let may = System::because("a number gives nobody away").may::<Read, Note>();
    Ok(Json(notes.count(&may, tollgate::Filter::every()).await?))
}

async fn app() -> TestApp {
    let service = Service::new("more")
        .get("/health", health)
        .get("/whoami", whoami)
        .post("/copy/{note_id}", copy)
        .get("/three", three)
        .delete("/tidy/{movie_id}", tidy)
        .crud::<Draft>("/drafts")
        .post("/drafts/{name}/publish", publish)
        .get("/census", census);
    TestApp::new(crate::ground::app().service(service)).await
}

/// A body that nobody may look at.
fn trap() -> impl Stream<Item = std::io::Result<Vec<u8>>> {
    stream::poll_fn(|_| panic!("the body was read"))
}

async fn send(client: &Client, method: &str, path: &str, body: Body) -> Reply {
    client.send_bytes(method.parse().unwrap(), path, "application/json", body).await
}

#[tokio::test]
async fn the_body_is_not_read_before_the_permission_is_known() {
    let app = app().await;
    let stranger = app.actor("str").may("read:nothing");
    for (method, path) in [("POST", "/movies"), ("PUT", "/movies/1"), ("PATCH", "/movies/1"), ("POST", "/notes")] {
        assert_eq!(send(&app.anyone(), method, path, Body::from_stream(trap())).await.status(), 401, "{method} {path}");
        assert_eq!(send(&stranger, method, path, Body::from_stream(trap())).await.status(), 403, "{method} {path}");
    }
    let curator = app.actor("cur").may("create:movies");
    let caught = send(&curator, "POST", "/movies", Body::from_stream(trap())).await;
    assert_eq!(caught.status(), 500, "who may create has their body read");
    let nobody = send(&curator, "POST", "/movies/1/2/3", Body::from_stream(trap())).await;
    assert_eq!(nobody.status(), 404);
    let text = curator.send_bytes("POST".parse().unwrap(), "/movies", "text/plain", Body::from_stream(trap())).await;
    assert_eq!(text.status(), 415, "nor is it before its media type is known");
}

#[tokio::test]
async fn a_refusal_says_what_it_takes() {
    let app = app().await;
    let anyone = app.anyone().post("/movies", json!({})).await;
    assert_eq!(why(&anyone), "401 this needs `create:movies`");
    assert_eq!(anyone.header("www-authenticate"), "Bearer");
    let reader = app.actor("rea").may("read:movies").post("/movies", json!({})).await;
    assert_eq!(why(&reader), "403 this needs `create:movies`");
    assert_eq!(reader.header("www-authenticate"), "", "no token was brought");
    let bearer = app.actor("rea").may("read:movies").header("authorization", "Bearer good");
    let reader = bearer.post("/movies", json!({})).await;
    let lacks = "Bearer error=\"insufficient_scope\", scope=\"create:movies\"";
    assert_eq!(reader.header("www-authenticate"), lacks, "RFC 6750, 3.1");
    let whoami = app.anyone().get("/whoami").await;
    assert_eq!((why(&whoami).as_str(), whoami.header("www-authenticate")), ("401 sign in first", "Bearer"));
    assert_eq!(app.actor("ann").get("/whoami").await.json(), "ann");
    assert_eq!(app.anyone().get("/health").await.json(), "fine");
}

#[tokio::test]
async fn only_the_exact_permission_admits() {
    let app = app().await;
    let status = async |permissions: &str| app.actor("x").may(permissions).get("/notes").await.status();
    for enough in ["read:notes", "read:notes:any", "read:*", "*:notes", "*", "update:notes read:notes"] {
        assert_eq!(status(enough).await, 200, "{enough}");
    }
    for other in
        ["", "create:notes", "read:note", "read:notes2", "Read:notes", "read:Notes", "update:* create:*", "notes:read"]
    {
        assert_eq!(status(other).await, 403, "{other}");
    }
}

#[tokio::test]
async fn two_permissions_are_both_needed() {
    let app = app().await;
    let ann = writer(&app, "ann");
    let id = ann.post("/notes", note("Alien")).await.json()["note_id"].to_string();
    let copy = async |client: &Client| why(&client.post(&format!("/copy/{id}"), Value::Null).await);
    assert_eq!(copy(&app.anyone()).await, "401 this needs `read:notes`");
    assert_eq!(copy(&ann).await, "403 this needs `create:movies`");
    assert_eq!(copy(&app.actor("ann").may("create:movies")).await, "403 this needs `read:notes`");
    assert_eq!(copy(&writer(&app, "bob").may("create:movies")).await, "404 there is none, or none that you may reach");
    assert_eq!(copy(&ann.may("create:movies")).await, "201");
    let three = async |permissions: &str| app.actor("x").may(permissions).get("/three").await.status();
    assert_eq!((three("read:notes").await, three("publish:drafts").await), (403, 403));
    assert_eq!(three("read:notes publish:drafts").await, 204);
    let operation = &app.document()["paths"]["/three"]["get"];
    assert_eq!(operation["security"][0]["oauth2"], json!(["read:notes", "publish:drafts"]));
    let lacks = operation["responses"]["403"]["description"].as_str().unwrap();
    assert!(lacks.contains("read:notes") && lacks.contains("publish:drafts"), "{lacks}");
}

#[tokio::test]
async fn a_permission_in_the_middle_is_the_same_as_in_front() {
    let app = app().await;
    let curator = app.actor("cur").may("create:movies delete:movies");
    curator
        .post("/movies", json!({ "movie_id": 1, "title": "A", "released": null, "rating": null, "code": null }))
        .await;
    assert_eq!(app.anyone().delete("/tidy/1").await.status(), 401);
    assert_eq!(why(&app.actor("rea").delete("/tidy/1").await), "403 this needs `delete:movies`");
    assert_eq!(app.actor("rea").delete("/tidy/101").await.status(), 404);
    assert_eq!(curator.delete("/tidy/1").await.status(), 204);
}

#[tokio::test]
async fn an_action_of_ones_own_is_a_permission_like_any_other() {
    let app = app().await;
    let author = app.actor("aut").may("create:drafts read:drafts update:drafts publish:drafts");
    let other = app.actor("oth").may("read:drafts update:drafts publish:drafts");
    assert_eq!(author.post("/drafts", json!({ "name": "one", "published": false })).await.status(), 201);
    assert_eq!(
        author.may("delete:drafts").delete("/drafts/one").await.status(),
        404,
        "the policy lets nobody remove one"
    );
    assert_eq!(other.get("/drafts/one").await.status(), 404, "not published");
    assert_eq!(other.post("/drafts/one/publish", Value::Null).await.status(), 404, "nor theirs to publish");
    let author = app.actor("aut").may("publish:drafts");
    assert_eq!(
        why(&app.actor("aut").may("update:drafts").post("/drafts/one/publish", Value::Null).await),
        "403 this needs `publish:drafts`"
    );
    assert_eq!(author.post("/drafts/one/publish", Value::Null).await.json()["published"], true);
    assert_eq!(other.get("/drafts/one").await.json()["author"], "aut", "published");
    assert_eq!(other.patch("/drafts/one", json!({ "published": false })).await.status(), 404, "seen is not owned");
    assert_eq!(other.get("/drafts?total=true").await.json()["total"], 1);
    assert_eq!(
        author.may("create:drafts").post("/drafts", json!({ "name": "two", "published": false })).await.status(),
        201
    );
    let editor = app.actor("edi").may("publish:drafts:any");
    assert_eq!(editor.post("/drafts/two/publish", Value::Null).await.json()["published"], true, "any reaches all rows");
}

#[tokio::test]
async fn the_system_works_without_a_caller() {
    let app = app().await;
    writer(&app, "ann").post("/notes", note("a")).await;
    writer(&app, "bob").post("/notes", note("b")).await;
    assert_eq!(app.anyone().get("/census").await.json(), 2);
}

#[tokio::test]
async fn what_is_anothers_is_not_there() {
    let app = start().await;
    let (ann, bob) = (writer(&app, "ann"), writer(&app, "bob"));
    let stored = ann.post("/notes", note("mine")).await.json();
    let path = format!("/notes/{}", stored["note_id"]);
    let missing = bob.get("/notes/999").await;
    let replies = [
        bob.get(&path).await,
        bob.put(&path, note("his")).await,
        bob.patch(&path, json!({ "text": "his" })).await,
        bob.patch(&path, json!({})).await,
        bob.delete(&path).await,
    ];
    for reply in replies {
        assert_eq!(why(&reply), why(&missing), "nothing tells a foreign row from none");
    }
    assert_eq!(bob.get("/notes?total=true").await.json(), json!({ "items": [], "next": null, "total": 0 }));
    assert_eq!(ann.get(&path).await.json(), stored, "and the row is as it was");
}

#[tokio::test]
async fn a_row_cannot_be_given_away_or_taken() {
    let app = start().await;
    let (ann, bob) = (writer(&app, "ann"), writer(&app, "bob"));
    let stored = ann.post("/notes", note("mine")).await.json();
    let path = format!("/notes/{}", stored["note_id"]);
    for author in ["bob", "ann", ""] {
        assert_eq!(ann.post("/notes", with(note("x"), "author", author)).await.status(), 422);
        assert_eq!(ann.put(&path, with(note("x"), "author", author)).await.status(), 422);
        assert_eq!(ann.patch(&path, json!({ "author": author })).await.status(), 422);
        assert_eq!(bob.patch(&path, json!({ "author": "bob" })).await.status(), 422);
    }
    assert_eq!(ann.get(&path).await.json(), stored);
}

#[tokio::test]
async fn any_lifts_the_scope_for_that_action_alone() {
    let app = start().await;
    let ann = writer(&app, "ann");
    let path = format!("/notes/{}", ann.post("/notes", note("mine")).await.json()["note_id"]);
    let auditor = app.actor("aud").may("read:notes:any update:notes delete:notes");
    assert_eq!(auditor.get(&path).await.json()["author"], "ann");
    assert_eq!(auditor.get("/notes?total=true&author=ann").await.json()["total"], 1);
    assert_eq!(auditor.patch(&path, json!({ "text": "x" })).await.status(), 404);
    assert_eq!(auditor.delete(&path).await.status(), 404);
    let editor = app.actor("edi").may("update:notes:any");
    let changed = editor.patch(&path, json!({ "text": "better" })).await.json();
    assert_eq!((&changed["text"], &changed["author"]), (&json!("better"), &json!("ann")), "and it stays hers");
    assert_eq!(editor.get(&path).await.status(), 403);
    assert_eq!(app.actor("adm").may("*").delete(&path).await.status(), 204);
}

#[tokio::test]
async fn what_anyone_may_needs_no_token_and_gives_no_more() {
    let app = start().await;
    assert_eq!(app.anyone().get("/movies").await.status(), 200);
    assert_eq!(app.anyone().get("/movies/1").await.status(), 404);
    assert_eq!(app.anyone().delete("/movies/1").await.status(), 401);
    assert_eq!(app.actor("new").get("/movies").await.status(), 200, "who signs in loses nothing");
}
