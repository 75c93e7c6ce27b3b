//! A shelf: books that are changed only as they were last seen, and a list that is kept for a minute.
use std::time::Duration;
use tollgate::prelude::*;

/// A book on the shelf.
#[resource(plural = "books")]
struct Book {
    #[id(generated)]
    book_id: i64,
    #[garde(length(min = 1, max = 200))]
    title: String,
    /// How often it was changed: what its tag is made of.
    #[version]
    version: i64,
}

/// Changes a book: 412 if `If-Match` names another state than it is in.
async fn update(
    may: May<Update, Book>,
    books: Store<Book>,
    Path(id): Path<i64>,
    only: Preconditions,
    Json(patch): Json<BookPatch>,
) -> Result<Tagged<Book>> {
    Ok(Tagged(only.update(&books, &may, id, patch).await?))
}

/// All books, by their titles.
async fn titles(may: May<Read, Book>, books: Store<Book>) -> Result<Json<Vec<Book>>> {
    Ok(Json(books.find(&may, Filter::every()).sort(Book::TITLE.asc()).limit(100).all().await?))
}

/// Everybody reads, librarians write.
const ROLES: &str = r#"
[access]
anyone = ["read:books"]

[access.roles]
librarian = ["create:books", "update:books"]
"#;

fn main() -> tollgate::Exit {
    let books =
        service!("books").patch("/books/{book_id}", update).get("/books", titles).cached(Duration::from_mins(1));
    App::new("shelf").settings(ROLES).service(books).main()
}
