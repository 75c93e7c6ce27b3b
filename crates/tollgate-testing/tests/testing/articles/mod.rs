//! Articles: a model with rules of its own. Readers see what is published; authors their own as well.

use tollgate::{Act, Policy, Rows, prelude::*, rules};

mod publish;
mod tests;

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
