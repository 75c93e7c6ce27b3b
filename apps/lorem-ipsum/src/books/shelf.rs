//! A book with its pages and its words: they change together or not at all.

use super::model::{Book, BookPage, BookPatch, NewBook, NewBookPage, WriteBook};
use crate::words::{self, Counts, Word};
use tollgate::{Transaction, prelude::*};

/// Where books are.
pub(super) struct Shelf {
    pub(super) books: Store<Book>,
    pub(super) pages: Store<BookPage>,
    pub(super) words: Store<Word>,
}

/// Who has a book has its pages.
fn follows() -> System {
    System::because("pages follow their book")
}

/// How many pages a text has; its length was checked.
fn count(text: &[String]) -> i32 {
    i32::try_from(text.len()).unwrap_or(i32::MAX)
}

impl Shelf {
    /// Adds a book.
    pub(super) async fn add(
        &self,
        may: &May<Create, Book>,
        WriteBook { author, title, text }: WriteBook,
    ) -> Result<Book> {
        self.books
            .transaction(async |tx| {
                let new = NewBook { author, title, pages: count(&text) };
                let book = self.books.on(&tx)?.insert(may, new).await?;
                self.write(&tx, &book, &text).await?;
                words::follow(&self.words.on(&tx)?, &Counts::of(&text)).await?;
                Ok(book)
            })
            .await
    }

    /// Changes a book, if it is as the caller believes.
    pub(super) async fn change(
        &self,
        may: &May<Update, Book>,
        id: i64,
        only: Preconditions,
        mut patch: BookPatch,
        text: Option<Vec<String>>,
    ) -> Result<Book> {
        let Some(text) = text else { return only.update(&self.books, may, id, patch).await };
        self.books
            .transaction(async |tx| {
                patch.pages = Change::Set(count(&text));
                // First: it says whether the caller may, and has all others wait who change this book.
                let book = only.update(&self.books.joining(&tx), may, id, patch).await?;
                let before = self.take_out(&tx, id).await?;
                self.write(&tx, &book, &text).await?;
                words::follow(&self.words.on(&tx)?, &(Counts::of(&text) - Counts::of(&before))).await?;
                Ok(book)
            })
            .await
    }

    /// Removes a book, if it is as the caller believes.
    pub(super) async fn remove(&self, may: &May<Delete, Book>, id: i64, only: Preconditions) -> Result<()> {
        self.books
            .transaction(async |tx| {
                only.delete(&self.books.joining(&tx), may, id).await?;
                let before = self.take_out(&tx, id).await?;
                words::follow(&self.words.on(&tx)?, &(Counts::default() - Counts::of(&before))).await
            })
            .await
    }

    async fn write(&self, tx: &Transaction, book: &Book, text: &[String]) -> Result<()> {
        let page = |(number, text): (i32, &String)| NewBookPage { book_id: book.book_id, number, text: text.clone() };
        let pages = (1..).zip(text).map(page).collect();
        self.pages.on(tx)?.insert_many(&follows().may(), pages).await?;
        Ok(())
    }

    /// Removes the pages of a book; answers what was on them.
    async fn take_out(&self, tx: &Transaction, book: i64) -> Result<Vec<String>> {
        let pages = self.pages.on(tx)?;
        let before = pages.find(&follows().may(), BookPage::BOOK_ID.eq(book)).all().await?;
        pages.delete_all(&follows().may(), BookPage::BOOK_ID.eq(book)).await?;
        Ok(before.into_iter().map(|page| page.text).collect())
    }

    /// What is on a page of a book that the caller may read.
    pub(super) async fn page(&self, may: &May<Read, Book>, book: i64, number: i32) -> Result<BookPage> {
        self.books.get(may, book).await?;
        let wanted = BookPage::BOOK_ID.eq(book) & BookPage::NUMBER.eq(number);
        let page = self.pages.find(&follows().may(), wanted).first().await?;
        page.ok_or_else(|| Problem::not_found().because("the book has no such page"))
    }
}
