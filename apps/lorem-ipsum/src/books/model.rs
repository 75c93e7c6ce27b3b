//! What is kept of books, and what callers send.

use tollgate::prelude::*;

/// A book.
#[resource(plural = "books")]
pub struct Book {
    /// The number of the book.
    #[id(generated)]
    pub book_id: i64,
    /// Whose it is.
    #[owner]
    pub owner: String,
    /// Who wrote it.
    #[garde(length(min = 1, max = 200))]
    pub author: String,
    /// What it is called.
    #[garde(length(min = 1, max = 200))]
    pub title: String,
    /// How many pages it has.
    #[index]
    pub pages: i32,
    /// When it was added.
    #[created_at]
    pub added: Timestamp,
    /// When it last changed.
    #[updated_at]
    pub changed: Timestamp,
    /// Counts the changes, from 1.
    #[version]
    pub version: i32,
}

/// A page of a book.
#[resource(plural = "book_pages")]
pub struct BookPage {
    /// Names the page.
    #[id(generated)]
    pub page_id: Uuid,
    /// The book it is in.
    #[index]
    pub book_id: i64,
    /// Its number, from 1.
    pub number: i32,
    /// What is on it.
    pub text: String,
}

/// A book as it is written: its text by pages.
#[input]
pub struct WriteBook {
    /// Who wrote it.
    #[garde(length(min = 1, max = 200))]
    pub author: String,
    /// What it is called.
    #[garde(length(min = 1, max = 200))]
    pub title: String,
    /// What is on each page.
    #[garde(length(min = 1, max = 500), inner(length(min = 1, max = 20_000)))]
    pub text: Vec<String>,
}

/// What changes in a book. What is absent stays as it is.
#[input]
pub struct ChangeBook {
    /// Who wrote it.
    #[garde(length(min = 1, max = 200))]
    pub author: Option<String>,
    /// What it is called.
    #[garde(length(min = 1, max = 200))]
    pub title: Option<String>,
    /// What is on each page.
    #[garde(length(min = 1, max = 500), inner(length(min = 1, max = 20_000)))]
    pub text: Option<Vec<String>>,
}

/// Which book is to be generated.
#[input]
pub struct Wanted {
    /// How many pages it has.
    #[garde(range(min = 1, max = 200))]
    pub pages: i32,
}

/// A page, as it is read.
#[output]
pub struct Text {
    /// Its number, from 1.
    pub number: i32,
    /// What is on it.
    pub text: String,
}
