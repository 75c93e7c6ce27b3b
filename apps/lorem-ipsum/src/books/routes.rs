//! What is sent and asked: books, and their pages.

use super::{
    model::{Book, BookPage, BookPatch, ChangeBook, Text, Wanted, WriteBook},
    random,
    shelf::Shelf,
};
use crate::words::Word;
use tollgate::prelude::*;

/// The longest body of a book, in bytes.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// Lists books.
///
/// Those of `?pages=3`, or `?pages.gte=100&sort=-pages`; `?total=true` counts them.
async fn list(may: May<Read, Book>, books: Store<Book>, wanted: List<Book>) -> Result<Page<Book>> {
    wanted.page(&books, &may).await
}

/// Adds a book.
///
/// Its words are counted with those of all others before this answers.
async fn write(
    may: May<Create, Book>,
    books: Store<Book>,
    pages: Store<BookPage>,
    words: Store<Word>,
    Json(new): Json<WriteBook>,
) -> Result<Located<Book>> {
    Ok(located(Shelf { books, pages, words }.add(&may, new).await?))
}

/// Generates a book of so many pages.
///
/// Words, author and title are random: no two books are the same.
async fn generate(
    may: May<Create, Book>,
    books: Store<Book>,
    pages: Store<BookPage>,
    words: Store<Word>,
    Json(wanted): Json<Wanted>,
) -> Result<Located<Book>> {
    Ok(located(Shelf { books, pages, words }.add(&may, random::book(wanted.pages)).await?))
}

fn located(made: Book) -> Located<Book> {
    let location = format!("/books/{}", made.book_id);
    Created(made).at(location)
}

/// Reads a book, without its text.
async fn read(may: May<Read, Book>, books: Store<Book>, Path(id): Path<i64>) -> Result<Tagged<Book>> {
    Ok(Tagged(books.get(&may, id).await?))
}

/// Reads a page of a book.
async fn read_page(
    may: May<Read, Book>,
    books: Store<Book>,
    pages: Store<BookPage>,
    words: Store<Word>,
    Path((id, number)): Path<(i64, i32)>,
) -> Result<Json<Text>> {
    let page = Shelf { books, pages, words }.page(&may, id, number).await?;
    Ok(Json(Text { number: page.number, text: page.text }))
}

/// Replaces a book and its text.
async fn replace(
    may: May<Update, Book>,
    books: Store<Book>,
    pages: Store<BookPage>,
    words: Store<Word>,
    Path(id): Path<i64>,
    only: Preconditions,
    Json(WriteBook { author, title, text }): Json<WriteBook>,
) -> Result<Json<Book>> {
    let patch = BookPatch { author: Change::Set(author), title: Change::Set(title), pages: Change::Keep };
    Ok(Json(Shelf { books, pages, words }.change(&may, id, only, patch, Some(text)).await?))
}

/// Changes part of a book.
///
/// What is absent stays as it is.
async fn update(
    may: May<Update, Book>,
    books: Store<Book>,
    pages: Store<BookPage>,
    words: Store<Word>,
    Path(id): Path<i64>,
    only: Preconditions,
    Json(ChangeBook { author, title, text }): Json<ChangeBook>,
) -> Result<Tagged<Book>> {
    let patch = BookPatch { author: change(author), title: change(title), pages: Change::Keep };
    Ok(Tagged(Shelf { books, pages, words }.change(&may, id, only, patch, text).await?))
}

fn change(sent: Option<String>) -> Change<String> {
    sent.map_or(Change::Keep, Change::Set)
}

/// Removes a book, its pages and its words.
async fn remove(
    may: May<Delete, Book>,
    books: Store<Book>,
    pages: Store<BookPage>,
    words: Store<Word>,
    Path(id): Path<i64>,
    only: Preconditions,
) -> Result<NoContent> {
    Shelf { books, pages, words }.remove(&may, id, only).await?;
    Ok(NoContent)
}

pub(super) fn add_to(service: Service) -> Service {
    service
        .get("/books", list)
        .post("/books", write)
        .body_limit(BODY_LIMIT)
        .post("/books/random", generate)
        .get("/books/{book_id}", read)
        .put("/books/{book_id}", replace)
        .body_limit(BODY_LIMIT)
        .patch("/books/{book_id}", update)
        .body_limit(BODY_LIMIT)
        .delete("/books/{book_id}", remove)
        .get("/books/{book_id}/pages/{number}", read_page)
}
