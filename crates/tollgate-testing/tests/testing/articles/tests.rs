//! Articles, as their callers know them.

use super::publish::app;
use serde_json::json;
use tollgate_testing::TestApp;

const AUTHOR: &str = "read:articles create:articles update:articles create:news read:news";

fn article(title: &str, tags: &[&str]) -> serde_json::Value {
    json!({ "title": title, "tags": tags })
}

#[tokio::test]
async fn readers_see_what_is_published_and_authors_their_own() {
    let app = TestApp::with(app()).seeded().start().await;
    let (ann, bob) = (app.actor("ann").may(AUTHOR), app.actor("bob").may(AUTHOR));
    ann.given("/articles", [article("Tides", &["sea"])]).await;
    assert_eq!(ann.get("/articles/1").await.status(), 200);
    assert_eq!(bob.get("/articles/1").await.status(), 404);
    assert_eq!(bob.post("/articles/1/publish", json!({})).await.status(), 404);
    assert_eq!(ann.post("/articles/1/publish", json!({})).await.json()["published"], true);
    assert_eq!(bob.get("/articles/1").await.json()["version"], 2);
    assert_eq!(bob.patch("/articles/1", json!({ "title": "Mine" })).await.status(), 404, "reading is not writing");
    let news = bob.get("/news?sort=news_id").await.json();
    assert_eq!((&news["items"][0]["text"], &news["items"][1]["text"]), (&json!("We are open"), &json!("New: Tides")));
}

#[tokio::test]
async fn what_breaks_a_rule_is_a_422_that_names_each() {
    let app = TestApp::new(app()).await;
    let ann = app.actor("ann").may(AUTHOR);
    let sent = json!({ "title": " ", "tags": [], "price": -1.0, "source": { "link": "nowhere" } });
    let refused = ann.post("/articles", sent).await;
    let errors = refused.json()["errors"].clone();
    let pointers: Vec<_> = errors.as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!((refused.status(), pointers), (422, vec!["#/title", "#/price", "#/source/link"]));
    let refused =
        ann.post("/articles", json!({ "title": "Tides", "tags": [], "section": "sports", "issue": "soon" })).await;
    let said = refused.json()["errors"].to_string();
    assert!(
        said.contains("`culture`, `science`, `front_page`") && said.contains("a day such as `2026-11-20`"),
        "{said}"
    );
    let published = ann.post("/articles", json!({ "title": "Tides", "tags": [], "published": true })).await;
    assert_eq!(published.status(), 422, "nobody sends what only the app sets");
}

#[tokio::test]
async fn what_fails_in_a_transaction_leaves_nothing() {
    let app = TestApp::new(app()).await;
    let ann = app.actor("ann").may(AUTHOR);
    ann.given("/articles", [article("Tides", &[])]).await;
    assert_eq!(ann.post("/articles/1/publish", json!({})).await.status(), 409);
    assert_eq!(ann.get("/articles/1").await.json()["published"], false);
    assert_eq!(ann.get("/news").await.json()["items"], json!([]));
}
