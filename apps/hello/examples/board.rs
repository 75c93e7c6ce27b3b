//! A board: everybody keeps their own notes, and sees at once what becomes of them, wherever it is done.
use tollgate::prelude::*;

/// A note on the board.
#[resource(plural = "notes")]
struct Note {
    #[id(generated)]
    note_id: Uuid,
    #[owner]
    author: String,
    #[garde(length(min = 1, max = 500))]
    text: String,
}

/// What is granted to the role.
const ROLES: &str = r#"
[access.roles]
writer = ["read:notes", "create:notes", "update:notes", "delete:notes"]
"#;

fn main() -> tollgate::Exit {
    let notes = service!("notes").crud::<Note>("/notes").live::<Note>("/notes/live");
    App::new("board").settings(ROLES).service(notes).main()
}
