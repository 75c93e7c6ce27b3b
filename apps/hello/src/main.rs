//! Hello: the smallest service there is. Everybody keeps their own notes.
use tollgate::prelude::*;

/// A note to oneself.
#[resource(plural = "notes")]
struct Note {
    #[id(generated)]
    note_id: i64,
    #[owner]
    author: String,
    #[garde(length(min = 1, max = 500))]
    text: String,
}

/// Greets whoever calls, signed in or not.
async fn hello(_: Public) -> Json<String> {
    Json("Hello, world".into())
}

fn main() -> tollgate::Exit {
    let notes = service!("notes").crud::<Note>("/notes").get("/hello", hello);
    App::new("hello").settings(include_str!("../config/default.toml")).service(notes).main()
}
