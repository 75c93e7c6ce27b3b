//! Settings of an app's own.

use tollgate::prelude::*;
use tollgate_testing::TestApp;

/// Where posters come from.
#[settings]
struct Posters {
    /// The archive's address.
    url: String,
    /// What the archive knows us by.
    key: Option<Secret>,
    /// How many are fetched at once. Default: 3.
    #[default(3)]
    at_once: u8,
}

async fn posters(_: Public, posters: Config<Posters>) -> Json<String> {
    let key = if posters.key.is_some() { "with" } else { "without" };
    Json(format!("{} at once from {}, {key} a key", posters.at_once, posters.url))
}

fn app() -> App {
    App::new("films").config::<Posters>("posters").service(Service::new("films").get("/posters", posters))
}

#[tokio::test]
async fn a_handler_asks_for_settings_of_the_apps_own() {
    let given = "[posters]\nurl = \"https://archive.example\"\nkey = \"k\"";
    let app = TestApp::new(app().settings(given)).await;
    let said = app.anyone().get("/posters").await.json();
    assert_eq!(said, "3 at once from https://archive.example, with a key");
}

#[test]
fn settings_of_the_apps_own_are_refused_as_all_others() {
    let refused = |given: &'static str| app().settings(given).built_in_settings("dev").unwrap_err().to_string();
    assert!(refused("").contains("`posters.url` is missing: set FILMS_POSTERS__URL"));
    let said = refused("[posters]\nurl = \"a\"\nat_onse = 2");
    assert!(said.contains("did you mean `posters.at_once` (FILMS_POSTERS__AT_ONCE)?"), "{said}");
    let said = refused("[posters]\nurl = \"a\"\nat_once = 1000");
    assert_eq!(said, "built in: `posters.at_once`: expected a whole number from 0 to 255");
    let said = refused("[posters]\nurl = \"a\"\nkey = \"secret:file:/nonexistent\"");
    assert!(said.starts_with("`posters.key`: the secret `secret:file:/nonexistent` cannot be had"), "{said}");
}

#[tokio::test]
async fn an_app_that_does_not_read_what_a_handler_asks_for_does_not_start() {
    let app = App::new("films").service(Service::new("films").get("/posters", posters));
    let panic = tokio::spawn(TestApp::new(app)).await.err().unwrap().into_panic();
    let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    let words =
        "`GET /posters` asks for `Config<Posters>`, which no group of settings is read into: add `.config::<Posters>(";
    assert!(said.contains(words), "{said}");
}
