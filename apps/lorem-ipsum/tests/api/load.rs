//! `load`: rows from a file, all of them or none.

use crate::process::{Server, failure, run, stdout};
use tempfile::TempDir;

#[test]
fn a_file_is_loaded_as_a_whole_or_not_at_all() {
    let folder = TempDir::new().unwrap();
    let load = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        run(folder.path(), &["load", "movies", name])
    };
    let csv = "movie_id,title,released,rating\n900001,\"Alien, again\",1979,8.5\n900002,Aliens,1986,8.4\n";
    assert!(stdout(&load("good.csv", csv)).contains("loaded 2 movies"));
    let bad = "movie_id,title,released,rating\n900003,Alien,1979,8.5\n900004,Aliens,many,84\n";
    let said = failure(&load("bad.csv", bad));
    assert!(said.contains("row 2") && said.contains("released"), "{said}");
    let said = failure(&load(
        "twice.json",
        r#"[{"movie_id":900005,"title":"A","released":1979,"rating":1},{"movie_id":1,"title":"B","released":1979,"rating":1}]"#,
    ));
    assert!(said.contains("nothing was loaded") && said.contains("row 2, movie_id"), "{said}");
    assert!(failure(&load("bad.json", "{")).contains("bad.json"));
    assert!(failure(&run(folder.path(), &["load", "movies", "absent.json"])).contains("absent.json"));
    assert!(failure(&run(folder.path(), &["load", "moovies", "good.csv"])).contains("movies"));
    let all = r#"[{"movie_id":900003,"title":"A","released":1979,"rating":1},{"movie_id":900005,"title":"B","released":1979,"rating":1}]"#;
    assert!(stdout(&load("all.json", all)).contains("loaded 2"), "nothing was left of the files that failed");
}

#[test]
fn a_file_that_says_something_twice_is_refused() {
    let folder = TempDir::new().unwrap();
    let load = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        failure(&run(folder.path(), &["load", "movies", name]))
    };
    let said = load("twice.csv", "movie_id,title,title,released,rating\n900001,Alien,Aliens,1979,8.5\n");
    assert!(said.contains("the column `title` comes twice"), "{said}");
    let said = load("twice.json", r#"[{"movie_id":900001,"title":"A","title":"B","released":1979,"rating":1}]"#);
    assert!(said.contains("the key `title` comes twice"), "{said}");
    let said = load("escape.json", r#"[{"\u001b[2J":1,"\u001b[2J":2}]"#);
    assert!(!said.contains('\u{1b}'), "{said}");
}

/// Accounts come from a file as they come from anybody: with roles that there are, and a record of each.
#[test]
fn users_of_a_file_are_added_as_any_others_and_records_are_not_loaded() {
    let folder = TempDir::new().unwrap();
    let load = |resource: &str, text: &str, more: &[&str]| {
        std::fs::write(folder.path().join("rows.json"), text).unwrap();
        run(folder.path(), &[&["load", resource, "rows.json"], more].concat())
    };
    // As bcrypt makes them.
    let hash = "$2b$04$abcdefghijklmnopqrstuuGDJkYQ7mF1nYp3vWmQqJ1J0dT4mQ2Zu";
    let user = |email: &str, role: &str, hash: &str| {
        serde_json::json!({ "name": "N", "email": email, "password_hash": hash, "roles": [role], "disabled": false,
            "demo": false })
    };
    let file = |users: &[serde_json::Value]| serde_json::to_string(users).unwrap();
    for (bad, said) in [
        (user("b@example.test", "admni", hash), "roles: there is no role `admni`"),
        (user("b@example.test", "reader", "x"), "password_hash: must be a hash"),
        (user("B@example.test", "reader", hash), "email: must be in lower case"),
    ] {
        let refused = failure(&load("users", &file(&[user("a@example.test", "reader", hash), bad]), &[]));
        assert!(
            refused.contains("nothing was loaded") && refused.contains("row 2") && refused.contains(said),
            "{refused}"
        );
    }
    let two = [user("a@example.test", "reader", hash), user("b@example.test", "curator", hash)];
    assert!(stdout(&load("users", &file(&two), &[])).contains("loaded 2 users"));
    let record = r#"[{ "actor": "ada", "action": "delete", "resource": "movies", "allowed": true }]"#;
    for own in ["audit_events", "api_keys", "provider_people"] {
        assert!(failure(&load(own, record, &[])).contains("are not loaded from files"), "{own}");
    }
    let server = Server::start(folder.path());
    let token = stdout(&run(folder.path(), &["token", "admin@example.test", "--port", &server.port().to_string()]));
    let audit = ureq::get(server.url() + "/audit?resource=users&action=create&sort=event_id");
    let audit = audit.header("authorization", format!("Bearer {}", token.trim())).call();
    let audit: serde_json::Value = audit.unwrap().body_mut().read_json().unwrap();
    let loaded: Vec<_> =
        audit["items"].as_array().unwrap().iter().filter(|event| event["via"] == "an operator loads users").collect();
    assert_eq!(loaded.iter().map(|event| &event["detail"]).collect::<Vec<_>>(), ["reader", "curator"], "{audit}");
}

#[test]
fn rows_are_loaded_as_somebody_within_what_they_may() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    std::fs::write(folder.path().join("messages.json"), r#"[{ "text": "One" }, { "text": "Two" }]"#).unwrap();
    let as_reader = |resource| run(folder.path(), &["load", resource, "messages.json", "--as", "reader@example.test"]);
    assert!(stdout(&as_reader("messages")).contains("loaded 2 messages"));
    let form = [("username", "reader@example.test"), ("password", "lorem-ipsum")];
    let answer: serde_json::Value =
        ureq::post(server.url() + "/token").send_form(form).unwrap().body_mut().read_json().unwrap();
    let token = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let own = ureq::get(server.url() + "/messages?total=true").header("authorization", token).call();
    let own: serde_json::Value = own.unwrap().body_mut().read_json().unwrap();
    assert_eq!(own["total"], 2, "they are the reader's own: {own}");
    assert!(failure(&as_reader("movies")).contains("this needs `create:movies`; nothing was loaded"));
    let nobody = ["load", "messages", "messages.json", "--as", "nobody@example.test"];
    assert!(failure(&run(folder.path(), &nobody)).contains("nobody@example.test"));
}
