//! The shelf as a page: one's books, the newest first, and the words that occur most in all of them.

use super::model::Book;
use crate::{letters::capital, words::Word};
use tollgate::prelude::*;

/// The most books, and words, that are shown.
const BOOKS: u32 = 50;
const WORDS: u32 = 12;

/// What is asked of the page.
#[input]
pub(super) struct Asked {
    q: Option<String>,
}

#[output]
struct Row {
    title: String,
    author: String,
    pages: i32,
    added: String,
}

#[output]
struct Library {
    summary: String,
    wanted: String,
    books: Vec<Row>,
    told: String,
    words: Vec<Word>,
}

/// The shelf: one's books, and the most frequent words of all.
pub(super) async fn library(
    (may, count): (May<Read, Book>, May<Read, Word>),
    books: Store<Book>,
    words: Store<Word>,
    Query(asked): Query<Asked>,
    view: View,
) -> Result<Html> {
    let wanted = asked.q.unwrap_or_default().trim().to_owned();
    // Titles begin with a capital, and who searches does not.
    let matching = Book::TITLE.contains(wanted.clone()) | Book::TITLE.contains(capital(&wanted));
    let total = books.count(&may, matching.clone()).await?;
    let found = books.find(&may, matching).sort(Book::ADDED.desc()).limit(BOOKS).all().await?;
    let top = words.find(&count, Filter::every()).sort(Word::COUNT.desc()).sort(Word::WORD.asc());
    let row = |Book { title, author, pages, added, .. }: Book| Row {
        title,
        author,
        pages,
        added: added.strftime("%-d %b %Y, %H:%M").to_string(),
    };
    view.render(
        "library.html",
        Library {
            summary: "Those that you may see, the newest first.".into(),
            wanted,
            told: format!("{} of {total} {}", found.len(), if total == 1 { "book" } else { "books" }),
            books: found.into_iter().map(row).collect(),
            words: top.limit(WORDS).all().await?,
        },
    )
}
