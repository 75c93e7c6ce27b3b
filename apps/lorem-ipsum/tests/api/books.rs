//! Books and the words in them: whose they are, and that the counts follow.

use insta::assert_snapshot;
use serde_json::{Value, json};
use std::{collections::BTreeMap, pin::Pin, sync::Arc, time::Duration};
use tempfile::tempdir;
use tollgate::Uuid;
use tollgate_mongodb::MongoDb;
use tollgate_postgres::Postgres;
use tollgate_sqlite::Sqlite;
use tollgate_store::Database;
use tollgate_testing::{Client, Reply, TestApp, servers};

async fn app() -> TestApp {
    TestApp::new(lorem_ipsum::app()).await
}

fn tale(text: &[&str]) -> Value {
    json!({ "author": "Livia Varro", "title": "Mare et terra", "text": text })
}

/// How often each word occurs, as the app says.
async fn counts(reader: &Client) -> BTreeMap<String, i64> {
    let (mut all, mut path) = (BTreeMap::new(), "/words?limit=100".to_owned());
    loop {
        let page = reader.get(&path).await.json();
        for word in page["items"].as_array().unwrap() {
            all.insert(word["word"].as_str().unwrap().to_owned(), word["count"].as_i64().unwrap());
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/words?limit=100&cursor={next}"),
            None => return all,
        }
    }
}

/// How often each word occurs, counted again from all pages of all books.
async fn recount(admin: &Client) -> BTreeMap<String, i64> {
    let mut all = BTreeMap::new();
    let books = admin.get("/books?limit=100").await.json();
    for book in books["items"].as_array().unwrap() {
        for page in 1..=book["pages"].as_i64().unwrap() {
            let page = admin.get(&format!("/books/{}/pages/{page}", book["book_id"])).await.json();
            for word in page["text"].as_str().unwrap().split(|c: char| !c.is_alphanumeric()).filter(|it| !it.is_empty())
            {
                *all.entry(word.to_lowercase()).or_insert(0) += 1;
            }
        }
    }
    all
}

fn of(words: &[(&str, i64)]) -> BTreeMap<String, i64> {
    words.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
}

#[tokio::test]
async fn everybody_has_their_own_books_and_an_admin_all() {
    let app = app().await;
    let (ann, bob, admin) =
        (app.actor("ann").role("reader"), app.actor("bob").role("reader"), app.actor("ada").role("admin"));
    let made = ann.post("/books", tale(&["Mare.", "Terra."])).await;
    assert_eq!((made.status(), made.header("location")), (201, "/books/1"));
    let book = made.json();
    assert_eq!([&book["owner"], &book["author"], &book["pages"]], [&json!("ann"), &json!("Livia Varro"), &json!(2)]);
    bob.post("/books/random", json!({ "pages": 3 })).await;
    let total = async |who: &Client| who.get("/books?total=true").await.json()["total"].clone();
    assert_eq!([total(&ann).await, total(&bob).await, total(&admin).await], [1, 1, 2]);
    let path = "/books/1";
    assert_eq!(ann.get(&format!("{path}/pages/2")).await.json(), json!({ "number": 2, "text": "Terra." }));
    assert_eq!(ann.get(&format!("{path}/pages/3")).await.status(), 404);
    for reply in [
        bob.get(path).await,
        bob.get(&format!("{path}/pages/1")).await,
        bob.put(path, tale(&["Mine"])).await,
        bob.patch(path, json!({ "text": ["Mine"] })).await,
        bob.delete(path).await,
    ] {
        assert_eq!(reply.status(), 404);
    }
    assert_eq!(admin.patch(path, json!({ "title": "Aqua" })).await.json()["title"], "Aqua");
    assert_eq!(ann.get(&format!("{path}/pages/1")).await.json()["text"], "Mare.", "the text stayed");
    assert_eq!(admin.delete(path).await.status(), 204);
    assert_eq!(total(&ann).await, 0);
}

#[tokio::test]
async fn who_lacks_the_permission_is_told_and_options_needs_no_token() {
    let app = app().await;
    let (anyone, reader) = (app.anyone(), app.actor("rea").may("read:books"));
    assert_eq!(anyone.get("/books").await.status(), 401);
    assert_snapshot!(reader.post("/books/random", json!({ "pages": 3 })).await, @r#"
    403 Forbidden
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Forbidden",
      "status": 403,
      "detail": "this needs `create:books`",
      "instance": "/books/random",
      "request_id": "…"
    }
    "#);
    let options = anyone.send("OPTIONS".parse().unwrap(), "/books", None).await;
    assert_eq!((options.status(), options.header("allow")), (204, "GET,HEAD,POST"));
}

#[tokio::test]
async fn a_random_book_has_as_many_pages_as_were_asked_for() {
    let app = app().await;
    let ann = app.actor("ann").role("reader");
    let (one, other) = (
        ann.post("/books/random", json!({ "pages": 7 })).await,
        ann.post("/books/random", json!({ "pages": 7 })).await,
    );
    assert_eq!((one.status(), one.json()["pages"].clone()), (201, json!(7)));
    let text =
        async |id: &Value| ann.get(&format!("/books/{id}/pages/7")).await.json()["text"].as_str().unwrap().to_owned();
    let (one, other) = (text(&one.json()["book_id"]).await, text(&other.json()["book_id"]).await);
    assert!(one.split(' ').count() > 30 && one.ends_with('.') && one != other, "{one}");
    for pages in [json!(0), json!(201), json!("three")] {
        assert_eq!(ann.post("/books/random", json!({ "pages": pages })).await.status(), 422, "{pages}");
    }
    ann.post("/books/random", json!({ "pages": 2 })).await;
    let found = async |query: &str| ann.get(&format!("/books?{query}&total=true")).await.json()["total"].clone();
    assert_eq!([found("pages=7").await, found("pages=2").await, found("pages.gte=2").await], [2, 1, 3]);
    assert_eq!(ann.get("/books?sort=-pages&limit=1").await.json()["items"][0]["pages"], 7);
}

#[tokio::test]
async fn counts_follow_every_change_of_a_book() {
    let app = app().await;
    let ann = app.actor("ann").role("reader");
    ann.post("/books", tale(&["Mare mare terra", "Mare, luna!"])).await;
    ann.post("/books", tale(&["luna"])).await;
    assert_eq!(counts(&ann).await, of(&[("luna", 2), ("mare", 3), ("terra", 1)]));
    ann.patch("/books/1", json!({ "text": ["mare sol"] })).await;
    assert_eq!(counts(&ann).await, of(&[("luna", 1), ("mare", 1), ("sol", 1)]), "what is in no book is gone");
    ann.patch("/books/1", json!({ "title": "Sol" })).await;
    ann.put("/books/2", tale(&["sol sol", "sol"])).await;
    assert_eq!(counts(&ann).await, of(&[("mare", 1), ("sol", 4)]));
    assert_eq!(ann.get("/books/2").await.json()["pages"], 2);
    assert_eq!(ann.get("/words/sol").await.json(), json!({ "word": "sol", "count": 4 }));
    ann.delete("/books/2").await;
    assert_eq!(counts(&ann).await, of(&[("mare", 1), ("sol", 1)]));
    let stale = ann.clone().header("if-match", "\"1\"");
    assert_eq!(stale.delete("/books/1").await.status(), 412);
    assert_eq!(ann.post("/books", tale(&[])).await.status(), 422);
    assert_eq!(counts(&ann).await, of(&[("mare", 1), ("sol", 1)]), "what was refused changed nothing");
}

#[tokio::test]
async fn words_are_listed_from_the_most_frequent() {
    let app = app().await;
    let ann = app.actor("ann").role("reader");
    ann.post("/books", tale(&["a b b c c c d d d d e"])).await;
    let top = ann.get("/words/top?limit=3").await.json();
    assert_eq!(top, json!([{ "word": "d", "count": 4 }, { "word": "c", "count": 3 }, { "word": "b", "count": 2 }]));
    assert_eq!(ann.get("/words/top").await.json().as_array().unwrap().len(), 5);
    assert_eq!(ann.get("/words/top?limit=0").await.status(), 422);
    let page = ann.get("/words?sort=-count,word&limit=2&total=true").await.json();
    assert_eq!((page["total"].clone(), page["items"][1]["word"].clone()), (json!(5), json!("c")));
    let next = format!("/words?sort=-count,word&limit=2&cursor={}", page["next"].as_str().unwrap());
    assert_eq!(ann.get(&next).await.json()["items"][0]["word"], "b");
    assert_eq!(ann.post("/words", json!({ "word": "x", "count": 1 })).await.status(), 405, "nobody writes here");
}

/// Many write at once: what is counted is what a recount finds. Who is told to come again does.
async fn counts_are_exact(database: Arc<dyn Database>) {
    let app = Arc::new(TestApp::with(lorem_ipsum::app()).database(database).start().await);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..6 {
        let app = Arc::clone(&app);
        tasks.spawn(async move {
            let who = app.actor(&format!("writer {number}")).role("reader");
            for round in 0..4 {
                let made = again(|| Box::pin(who.post("/books/random", json!({ "pages": 2 })))).await;
                assert_eq!(made.status(), 201, "{made}");
                let path = format!("/books/{}", made.json()["book_id"]);
                match round {
                    0 => assert_eq!(again(|| Box::pin(who.delete(&path))).await.status(), 204),
                    1 => {
                        let text = json!({ "text": [format!("lorem ipsum {number}")] });
                        assert_eq!(again(|| Box::pin(who.patch(&path, text.clone()))).await.status(), 200);
                    }
                    _ => {}
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let admin = app.actor("ada").role("admin");
    let (counted, found) = (counts(&admin).await, recount(&admin).await);
    assert!(found.len() > 50);
    assert_eq!(counted, found);
}

type Sent<'a> = Pin<Box<dyn Future<Output = Reply> + Send + 'a>>;

/// Sends it until it is answered.
async fn again<'a>(send: impl Fn() -> Sent<'a>) -> Reply {
    for _ in 0..500 {
        let reply = send().await;
        if reply.status() != 503 {
            return reply;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("told to come again 500 times");
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_exact_however_many_write_on_sqlite() {
    let folder = tempdir().unwrap();
    counts_are_exact(Arc::new(Sqlite::open(&folder.path().join("app.db")).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_exact_however_many_write_on_postgres() {
    let schema = format!("books_{}", Uuid::now_v7().simple());
    let database = Postgres::open(&format!("{}?schema={schema}", servers::Postgres::shared())).await.unwrap();
    counts_are_exact(Arc::new(database)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_exact_however_many_write_on_mongodb() {
    let name = format!("books_{}", Uuid::now_v7().simple());
    let database = MongoDb::open(&servers::Mongo::shared().replace("/?", &format!("/{name}?"))).await.unwrap();
    counts_are_exact(Arc::new(database)).await;
}
