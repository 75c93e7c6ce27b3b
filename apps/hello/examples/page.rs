//! A page: the books on a shelf, for whoever may read them.
use tollgate::prelude::*;

/// A book on the shelf.
#[resource(plural = "books")]
struct Book {
    #[id(generated)]
    book_id: i64,
    #[garde(length(min = 1, max = 200))]
    title: String,
}

/// What the template shows: its fields are the template's variables.
#[output]
struct Shelf {
    books: Vec<Book>,
}

/// The shelf, by title.
async fn shelf(may: May<Read, Book>, books: Store<Book>, view: View) -> Result<Html> {
    let books = books.find(&may, Filter::every()).sort(Book::TITLE.asc()).limit(100).all().await?;
    view.render("page.html", Shelf { books })
}

/// What is granted to the roles.
const ROLES: &str = r#"
[access.roles]
reader = ["read:books"]
librarian = ["read:books", "create:books"]
"#;

fn main() -> tollgate::Exit {
    let books = service!("books").crud::<Book>("/books").page("/shelf", shelf).link("/shelf", "Books");
    App::new("library").settings(ROLES).template("page.html", include_str!("page.html")).service(books).main()
}
