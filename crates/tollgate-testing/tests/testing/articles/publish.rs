//! Publishing an article: one act on two resources.

use super::Article;
use tollgate::prelude::*;

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

/// The app, with its routes.
pub(super) fn app() -> App {
    let articles = Service::new("articles")
        .crud::<Article>("/articles")
        .body_limit(4 * 1024 * 1024)
        .post("/articles/{article_id}/publish", publish)
        .seed::<News>(r#"[{ "text": "We are open" }]"#)
        .crud::<News>("/news");
    App::new("magazine").service(articles)
}
