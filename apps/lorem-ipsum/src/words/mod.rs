//! Words: how often each occurs in all books, counted as the books change.
//!
//! A change of a book comes with the difference that it makes, in the same transaction, as one statement for all its
//! words. Nobody but the app writes here.

mod counts;

pub(crate) use counts::Counts;
use tollgate::prelude::*;

/// A word that is in some book.
#[resource(plural = "words")]
pub struct Word {
    /// The word, in lower case.
    #[id]
    pub word: String,
    /// How often it occurs.
    #[index]
    pub count: i64,
}

/// How many words.
#[input]
pub struct Most {
    /// How many at most.
    #[garde(range(min = 1, max = 1000))]
    pub limit: Option<i32>,
}

/// Lists words.
///
/// `?sort=-count` from the most frequent, `?total=true` counts them.
async fn list(may: May<Read, Word>, words: Store<Word>, wanted: List<Word>) -> Result<Page<Word>> {
    wanted.page(&words, &may).await
}

/// The most frequent words: ten, unless `limit` says otherwise.
async fn top(may: May<Read, Word>, words: Store<Word>, Query(most): Query<Most>) -> Result<Json<Vec<Word>>> {
    let limit = most.limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(10);
    let found = words.find(&may, Filter::every()).sort(Word::COUNT.desc()).sort(Word::WORD.asc());
    Ok(Json(found.limit(limit).all().await?))
}

/// How often one word occurs.
async fn read(may: May<Read, Word>, words: Store<Word>, Path(word): Path<String>) -> Result<Tagged<Word>> {
    Ok(Tagged(words.get(&may, word).await?))
}

/// Adds what a book made of them, in the transaction that the store is part of. A word that is in no book any more is
/// gone.
pub(crate) async fn follow(words: &Store<Word>, difference: &Counts) -> Result<()> {
    let system = System::because("word counts follow their book");
    words.upsert(&(system.may(), system.may()), difference.rows(), [Word::COUNT.added()]).await?;
    let fewer = difference.fewer();
    if !fewer.is_empty() {
        words.delete_all(&system.may(), Word::WORD.in_(fewer) & Word::COUNT.lte(0)).await?;
    }
    Ok(())
}

/// The service: everything about words that the rest of the app may see.
pub fn service() -> Service {
    service!("words").get("/words", list).get("/words/top", top).get("/words/{word}", read)
}
