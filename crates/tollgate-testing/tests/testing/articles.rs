//! Articles: a model with rules of its own. Readers see what is published; authors their own as well.

use serde_json::json;
use tollgate::{Act, Policy, Rows, prelude::*, rules};
use tollgate_testing::TestApp;

/// An article.
#[resource(plural = "articles", policy, audited)]
struct Article {
    #[id(generated)]
    article_id: i64,
    #[unique]
    #[garde(length(min = 1, max = 80), custom(not_blank))]
    title: String,
    tags: Vec<String>,
    /// What it costs to read it.
    #[garde(range(min = 0.0))]
    price: Option<f64>,
    source: Option<Nested<Source>>,
    section: Option<Section>,
    /// The day of the issue that it is in.
    issue: Option<Date>,
    /// Whether all may read it; publishing it says so, and nobody sends it.
    #[read_only]
    published: bool,
    #[owner]
    author: String,
    #[created_at]
    written: Timestamp,
    #[version]
    version: i64,
}

/// Where it appeared first: an object within the row.
#[input]
#[output]
#[derive(Clone, Debug, PartialEq)]
struct Source {
    #[garde(url)]
    link: String,
    year: Option<i32>,
}

/// Where it stands: one of these names, in lower case.
#[choice]
#[serde(rename_all = "snake_case")]
enum Section {
    Culture,
    Science,
    FrontPage,
}

/// A rule of the app's own.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "a rule is called so")]
fn not_blank(text: &str, _: &()) -> Result<(), rules::Error> {
    if text.trim().is_empty() { Err(rules::Error::new("it is blank")) } else { Ok(()) }
}

/// Whose rows are whose, for each query and each write: what is published is read by all.
impl Policy for Article {
    fn rows(actor: &Actor, act: Act) -> Rows<Self> {
        let own = Self::AUTHOR.eq(actor.id());
        Rows::Where(if act.is::<Read>() { own | Self::PUBLISHED.eq(true) } else { own })
    }
}

/// What happened, for all to see.
#[resource(plural = "news")]
struct News {
    #[id(generated)]
    news_id: i64,
    text: String,
}

/// Publishes an article and tells of it: both or neither.
async fn publish(
    (update, create): (May<Update, Article>, May<Create, News>),
    articles: Store<Article>,
    news: Store<News>,
    Path(id): Path<i64>,
) -> Result<Json<Article>> {
    let published = articles.transaction(async |tx| {
        let article = articles.on(&tx)?.set(&update, id, Article::PUBLISHED.to(true)).await?;
        if article.tags.is_empty() {
            return Err(Problem::conflict().because("an article without a tag is found by nobody"));
        }
        news.on(&tx)?.insert(&create, NewNews { text: format!("New: {}", article.title) }).await?;
        Ok(article)
    });
    Ok(Json(published.await?))
}

fn app() -> App {
    let articles = Service::new("articles")
        .crud::<Article>("/articles")
        .body_limit(4 * 1024 * 1024)
        .post("/articles/{article_id}/publish", publish)
        .seed::<News>(r#"[{ "text": "We are open" }]"#)
        .crud::<News>("/news");
    App::new("magazine").service(articles)
}

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
