//! Books: lorem ipsum on numbered pages, written or generated. You see your own; an admin sees all.
//!
//! A book and its pages are rows of two tables, so that a list of books stays light. Whatever changes a book changes
//! its pages and the [words](crate::words) that are counted over all of them, in one transaction.

mod model;
mod page;
mod random;
mod routes;
mod shelf;

use tollgate::prelude::*;

/// The service: everything about books that the rest of the app may see.
pub fn service() -> Service {
    let about = "Books: lorem ipsum on numbered pages, written or generated. You see your own; an admin sees all.";
    routes::add_to(service!("books").about(about)).page("/library", page::library).link("/library", "Books")
}
