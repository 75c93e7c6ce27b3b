//! What was made and generated compiles, is formatted and without lints, passes its tests, and answers over HTTP.

use crate::{
    dev::Running,
    process::{Made, failure, stdout},
    servers::{Mongo, Postgres},
};
use serde_json::{Value, json};

/// A field of each kind, and of each word.
const EVERY_KIND: [&str; 19] = [
    "title:string:unique",
    "plot:text:optional",
    "released:int:index",
    "views:bigint",
    "score:float",
    "rating:decimal:2,1",
    "price:decimal:optional",
    "seen:bool",
    "shown:datetime",
    "reel:uuid:optional:index",
    "tags:strings",
    "copy:objectid:index",
    "studio:json:town,country",
    "sequel:json:title:optional",
    "opens:date",
    "format:choice:digital,film35,wide_film:index",
    "lent:choice:yes,no:optional",
    "secret:string:hidden",
    "year2:int:optional",
];

fn movie() -> Value {
    json!({
        "title": "Alien", "released": 1979, "views": 5, "score": 8.5, "rating": 8.5, "seen": true,
        "shown": "1979-05-25T20:00:00Z", "tags": ["space"], "copy": "65a1b2c3d4e5f60718293a4b",
        "studio": { "town": "Shepperton", "country": "England" },
        "opens": "1979-05-25", "format": "wide_film", "secret": "Ash is a robot",
    })
}

#[test]
fn an_app_and_its_services_compile_pass_their_tests_have_no_lints_and_answer() {
    let made = Made::new("made-app", &[]);
    stdout(
        made.tollgate(
            &[&["generate", "service", "movies", "--grant", "writer", "--audited"], &EVERY_KIND[..]].concat(),
        ),
    );
    stdout(made.tollgate(&["generate", "service", "blog_posts", "--owned", "--grant", "writer", "text:text"]));
    for named_as_those_who_test in ["readers", "creators", "editors", "owners"] {
        stdout(made.tollgate(&["generate", "service", named_as_those_who_test, "--owned", "name:string:unique"]));
    }
    stdout(made.cargo(&["fmt", "--check"]));
    let tests = stdout(made.cargo(&["test", "--quiet"]));
    assert!(tests.contains("test result: ok. 24 passed"), "{tests}");
    stdout(made.cargo(&["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"]));

    let (app, ann) = running(&made);
    let notes: Value = app.get("/notes", &ann).into_body().read_json().unwrap();
    assert_eq!(notes["items"], json!([]));
    is_refused_by_lambda(&made);
    let posted = ureq::post(app.url("/movies")).header("authorization", &ann).send_json(movie()).unwrap();
    assert_eq!(posted.status(), 201);
    let movies: Value = app.get("/movies?title=Alien", &ann).into_body().read_json().unwrap();
    assert_eq!(movies["items"][0]["rating"], 8.5);
    assert_eq!(movies["items"][0]["studio"], json!({ "town": "Shepperton", "country": "England" }));
    assert_eq!(movies["items"][0]["sequel"], Value::Null);
    assert_eq!(
        (&movies["items"][0]["opens"], &movies["items"][0]["format"]),
        (&json!("1979-05-25"), &json!("wide_film"))
    );
    assert_eq!(movies["items"][0].get("secret"), None);
}

/// It was made without a target, and so without what serves AWS Lambda.
fn is_refused_by_lambda(made: &Made) {
    let mut run = made.cargo(&["run", "--quiet"]);
    run.env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9").env("MADE_APP_ENV", "dev");
    let (said, code) = failure(run);
    assert!(said.contains("AWS_LAMBDA_RUNTIME_API is set") && said.contains("turn on the feature `lambda`"), "{said}");
    assert_eq!(code, Some(1));
}

#[test]
fn an_app_on_postgres_gets_a_migration_for_its_new_service_and_answers() {
    let server = Postgres::start();
    let made = Made::new("migrated-app", &["--database", "postgres"]);
    stdout(made.cargo(&["run", "--quiet", "--", "migrate", "diff", "first"]));
    stdout(made.tollgate(&["generate", "service", "movies", "title:string", "--grant", "writer"]));
    assert!(made.read("migrations/0002_add_movies.postgres.sql").contains("movies"));
    stdout(made.cargo(&["run", "--quiet", "--", "migrate", "diff", "nothing"]));
    assert!(!made.folder.join("migrations/0003_nothing.postgres.sql").exists(), "nothing was left to migrate");
    made.write(".env", &format!("MIGRATED_APP_DATABASE__URL={}\n", server.url()));
    keeps_movies(&made);
}

#[test]
fn an_app_on_mongodb_answers() {
    let server = Mongo::start();
    let made = Made::new("documents-app", &["--database", "mongodb", "--deploy", "ecs"]);
    stdout(made.tollgate(&["generate", "service", "movies", "title:string", "--grant", "writer"]));
    made.write(".env", &format!("DOCUMENTS_APP_DATABASE__URL={}\n", server.url("documents")));
    keeps_movies(&made);
}

/// The app, and what its demo user shows it.
fn running(made: &Made) -> (Running, String) {
    let app = Running::start(made.cargo(&["run", "--quiet", "--", "--port", "0"]));
    let ann = stdout(made.cargo(&["run", "--quiet", "--", "token", "ann@example.test", "--port", &app.port()]));
    let ann = format!("Bearer {}", ann.trim());
    (app, ann)
}

/// Its demo user adds a movie.
fn keeps_movies(made: &Made) {
    let (app, ann) = running(made);
    let alien = json!({ "title": "Alien" });
    let posted = ureq::post(app.url("/movies")).header("authorization", &ann).send_json(alien).unwrap();
    assert_eq!(posted.status(), 201);
    let movies: Value = app.get("/movies", &ann).into_body().read_json().unwrap();
    assert_eq!(movies["items"][0]["title"], "Alien");
}

#[test]
fn an_app_for_lambda_passes_its_tests_and_notices_where_it_is() {
    let made = Made::new("function-app", &["--database", "postgres", "--identity", "okta", "--deploy", "lambda"]);
    stdout(made.cargo(&["test", "--quiet"]));
    let mut run = made.cargo(&["run", "--quiet"]);
    run.env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9");
    let (said, _) = failure(run);
    assert!(said.contains("AWS_LAMBDA_FUNCTION_NAME is not"), "{said}");
}

#[test]
fn every_other_choice_compiles() {
    let issuer = ["--issuer", "user_pool=eu-west-1_AbCdEfGhI", "--issuer", "client_id=3example23"];
    let flags = ["--database", "mongodb", "--identity", "cognito", "--deploy", "ecs"];
    let made = Made::new("chosen-app", &[&flags[..], &issuer].concat());
    stdout(made.cargo(&["build", "--quiet"]));
}
