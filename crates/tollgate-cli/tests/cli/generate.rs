//! What `tollgate generate service` writes, and what it leaves alone.

use crate::process::{Made, failure, stdout};
use std::collections::BTreeMap;

const MOVIES: [&str; 5] = ["generate", "service", "movies", "title:string:unique", "released:int:index"];

fn by_name(made: &Made) -> BTreeMap<String, String> {
    made.files().into_iter().collect()
}

#[test]
fn a_service_is_one_folder_and_two_lines() {
    let made = Made::new("library", &[]);
    let before = by_name(&made);
    stdout(made.tollgate(&MOVIES));
    let after = by_name(&made);
    let new: Vec<&String> = after.keys().filter(|name| !before.contains_key(*name)).collect();
    assert_eq!(new, ["src/movies/mod.rs", "src/movies/tests.rs"]);
    let changed: Vec<&String> = before.keys().filter(|name| before[*name] != after[*name]).collect();
    assert_eq!(changed, ["src/lib.rs"]);
    let old: Vec<&str> = before["src/lib.rs"].lines().collect();
    let lines: Vec<&str> = after["src/lib.rs"].lines().filter(|line| !old.contains(line)).collect();
    assert_eq!(lines, ["mod movies;", "        .service(movies::service())"]);
}

#[test]
fn whoever_has_a_role_may_if_it_is_said() {
    let made = Made::new("library", &[]);
    stdout(made.tollgate(&[&MOVIES[..], &["--grant", "writer=read,create"]].concat()));
    let settings = made.read("config/default.toml");
    assert!(settings.contains("\"delete:notes\", \"read:movies\", \"create:movies\"]\n"), "{settings}");
    assert!(settings.contains("# What nothing grants is denied."), "comments stay: {settings}");
}

#[test]
fn what_cannot_be_done_leaves_everything_as_it_was() {
    let made = Made::new("library", &[]);
    stdout(made.tollgate(&MOVIES));
    let before = by_name(&made);
    for (arguments, why) in [
        (&["movies", "title:string"][..], "src/movies is there already"),
        (&["books", "title:sting"], "did you mean `string`?"),
        (&["books", "title:string", "--grant", "reader"], "has no role `reader`: there are writer, admin"),
        (&["people", "name:string"], "Say it with --model"),
        (&["books", "book_id:int"], "is there by itself"),
        (&["type", "title:string"], "it is a word of Rust"),
        (&["users", "name:string"], "every app has `users` already"),
        (&["services", "name:string"], "`Service` is a type that services use already"),
    ] {
        let (said, code) = failure(made.tollgate(&[&["generate", "service"], arguments].concat()));
        assert!(said.contains(why), "{arguments:?}: {said}");
        assert_eq!(code, Some(1));
        assert_eq!(by_name(&made), before, "{arguments:?}");
    }
}

#[test]
fn an_app_that_is_not_recognised_is_left_to_its_author() {
    let made = Made::new("library", &[]);
    made.write("src/lib.rs", "pub fn app() -> tollgate::App {\n    made_elsewhere()\n}\n");
    let before = by_name(&made);
    let (said, _) = failure(made.tollgate(&MOVIES));
    assert!(said.contains("  mod movies;\n  .service(movies::service())"), "{said}");
    assert_eq!(by_name(&made), before);
}
