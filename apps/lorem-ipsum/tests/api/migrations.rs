//! The committed migrations lead to the tables of the model, on every database, and nothing starts without them.

use crate::process::{Server, command};
use serde_json::{Value, json};
use std::{fs, path::Path};
use tempfile::TempDir;
use tollgate_testing::servers::{Mongo, Postgres};

/// A folder with the migrations that are committed.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let (from, to) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations"), folder.path().join("migrations"));
    fs::create_dir(&to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    folder
}

/// What the app says as it would run in production, and whether it succeeded.
fn app(folder: &TempDir, arguments: &[&str], variables: &[(&str, &str)]) -> (bool, String) {
    let mut command = command(folder.path(), arguments);
    command.envs(production()).envs(variables.iter().copied());
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn production() -> [(&'static str, &'static str); 3] {
    [
        ("LOREM_IPSUM_ENV", "production"),
        ("LOREM_IPSUM_IDENTITY__EMBEDDED", "true"),
        ("LOREM_IPSUM_IDENTITY__PASSWORD_GRANT", "false"),
    ]
}

fn migrate_and_check(variables: &[(&str, &str)]) {
    let folder = folder();
    let (good, said) = app(&folder, &["migrate", "check"], variables);
    assert!(!good && said.contains("0001_first") && said.contains("`lorem-ipsum migrate run`"), "{said}");
    let (good, said) = app(&folder, &["--port", "0"], variables);
    assert!(!good && said.contains("database.migrate = true"), "nothing starts before: {said}");
    let (good, said) = app(&folder, &["migrate", "status"], variables);
    assert!(good && said.contains("not applied"), "{said}");
    let (good, said) = app(&folder, &["migrate", "run"], variables);
    assert!(good && said.contains("applied 0001_first"), "{said}");
    let (good, said) = app(&folder, &["migrate", "run"], variables);
    assert!(good && said.contains("every migration was applied before"), "{said}");
    let (good, said) = app(&folder, &["migrate", "check"], variables);
    assert!(good && said.contains("as the model says"), "{said}");
    let (good, said) = app(&folder, &["check"], variables);
    assert!(good && !said.contains("created") && !said.contains("added the"), "{said}");
    let (good, said) = app(&folder, &["migrate", "diff", "nothing"], variables);
    assert!(good && said.contains("nothing has changed"), "{said}");
}

#[test]
fn the_committed_migrations_lead_to_the_model_on_sqlite() {
    migrate_and_check(&[]);
}

#[test]
fn the_committed_migrations_lead_to_the_model_on_postgres() {
    let url = format!("{}?schema=migrated_{}", Postgres::shared(), std::process::id());
    migrate_and_check(&[("LOREM_IPSUM_DATABASE__URL", &url)]);
}

#[test]
fn instances_may_migrate_at_the_start() {
    let folder = folder();
    let mut start = command(folder.path(), &["--port", "0"]);
    let server = Server::start_as(start.envs(production()).env("LOREM_IPSUM_DATABASE__MIGRATE", "true"));
    assert!(server.banner.contains("applied the migration 0001_first"), "{}", server.banner);
    assert_eq!(ureq::get(format!("{}/readyz", server.url())).call().unwrap().status(), 200);
}

#[test]
fn what_development_added_is_adopted() {
    let folder = folder();
    drop(Server::start(folder.path()));
    let (good, said) = app(&folder, &["migrate", "run"], &[]);
    assert!(!good && said.contains("0001_first stopped at statement 1"), "{said}");
    let (good, said) = app(&folder, &["migrate", "run", "--adopt"], &[]);
    assert!(good && said.contains("adopted 0001_first"), "{said}");
    assert!(app(&folder, &["migrate", "check"], &[]).0);
}

/// The movies of an older model: without a rating, with a length, and their title called name.
fn make_older(folder: &TempDir) {
    let migrations = folder.path().join("migrations");
    let mut model: Value = serde_json::from_str(&fs::read_to_string(migrations.join("model.json")).unwrap()).unwrap();
    let columns = model["tables"]["movies"]["columns"].as_array_mut().unwrap();
    columns[1]["name"] = json!("name");
    columns[3] = json!({ "name": "length", "kind": "int32" });
    fs::write(migrations.join("model.json"), model.to_string()).unwrap();
    let first = migrations.join("0001_first.sqlite.sql");
    let text = fs::read_to_string(&first).unwrap();
    let (before, movies) = text.split_once("CREATE TABLE \"movies\"").unwrap();
    let older = movies.replace("\"title\"", "\"name\"").replace("\"rating\" REAL /* float */", "\"length\" INTEGER");
    fs::write(first, format!("{before}CREATE TABLE \"movies\"{older}")).unwrap();
}

fn files(folder: &TempDir) -> usize {
    fs::read_dir(folder.path().join("migrations")).unwrap().count()
}

#[test]
fn what_cannot_be_guessed_is_said_and_every_word_counts() {
    let folder = folder();
    make_older(&folder);
    assert!(app(&folder, &["migrate", "run"], &[]).0);
    let (good, said) = app(&folder, &["migrate", "check"], &[]);
    assert!(
        !good && said.contains("the model has changed") && said.contains("`lorem-ipsum migrate diff NAME`"),
        "{said}"
    );
    let before = files(&folder);
    let diff = |words: &[&str]| app(&folder, &[&["migrate", "diff", "next"], words].concat(), &[]);
    let (rename, fill) = (["--rename", "movies.name=title"], ["--fill", "movies.rating=5.5"]);
    let slip = ["--drop", "--rename", "movies.nmae=title", "--fill", "movies.title=x"];
    for (words, why) in [
        (vec![], "--rename movies.name=NEW"),
        (rename.to_vec(), "`movies.length` is no longer in the model: add --drop"),
        ([&rename[..], &["--drop"]].concat(), "--fill movies.rating="),
        ([&rename[..], &["--drop", "--fill", "movies.rating=good"]].concat(), "`good` is no float"),
        ([&slip[..], &fill].concat(), "`--rename`: there is no column `movies.nmae`; did you mean `movies.name`?"),
        (
            [&rename[..], &fill, &["--drop", "--fill", "movies.released=1900"]].concat(),
            "`--fill movies.released` fits no",
        ),
        (
            vec!["--fill", "movie.rating=1"],
            "`--fill`: there is no column `movie.rating`; did you mean `movies.rating`?",
        ),
        (vec!["--rename", "films=movis"], "`--rename`: there is no table `films`"),
        ([&rename[..], &fill, &["--drop", "--fill", "movies.rating"]].concat(), "there is no `=` in it"),
    ] {
        let (good, said) = diff(&words);
        assert!(!good && said.contains(why), "{words:?}: {said}");
    }
    assert_eq!(files(&folder), before, "nothing was written");
    let (good, said) = diff(&[&rename[..], &fill, &["--drop"]].concat());
    for kind in ["sqlite.sql", "postgres.sql", "mongodb.json"] {
        assert!(good && said.contains(&format!("wrote migrations/0002_next.{kind}")), "{said}");
    }
    let script = fs::read_to_string(folder.path().join("migrations/0002_next.sqlite.sql")).unwrap();
    assert!(script.contains("RENAME COLUMN \"name\" TO \"title\"") && script.contains("5.5"), "{script}");
    let (good, said) = app(&folder, &["migrate", "check"], &[]);
    assert!(!good && said.contains("the migration 0002_next was not applied"), "{said}");
    let (good, said) = app(&folder, &["migrate", "run"], &[]);
    assert!(good && said.contains("applied 0002_next"), "{said}");
    let (good, said) = app(&folder, &["migrate", "check"], &[]);
    assert!(good, "{said}");
}

#[test]
fn a_change_that_no_database_knows_of_is_kept_without_a_script() {
    let folder = folder();
    let file = folder.path().join("migrations/model.json");
    let text = fs::read_to_string(&file).unwrap();
    let mut model: Value = serde_json::from_str(&text).unwrap();
    model["tables"]["movies"]["columns"].as_array_mut().unwrap().swap(1, 2);
    fs::write(&file, model.to_string()).unwrap();
    let before = files(&folder);
    let (good, said) = app(&folder, &["migrate", "check"], &[]);
    assert!(!good && said.contains("the model has changed"), "{said}");
    let (good, said) = app(&folder, &["migrate", "diff", "order"], &[]);
    assert!(good && said.contains("wrote migrations/model.json"), "{said}");
    assert_eq!((files(&folder), fs::read_to_string(&file).unwrap()), (before, text));
}

#[test]
fn check_tells_which_file_is_missing_or_cannot_be_read() {
    let folder = folder();
    let file = |name: &str| folder.path().join("migrations").join(name);
    fs::remove_file(file("0001_first.mongodb.json")).unwrap();
    let (good, said) = app(&folder, &["migrate", "check"], &[]);
    assert!(!good && said.contains("the migration script 0001_first.mongodb.json is missing"), "{said}");
    let model = fs::read_to_string(file("model.json")).unwrap();
    for (text, why) in
        [("{", "EOF while parsing"), (&*model.replace("\"time\"", "\"tiem\""), "`tiem` is no kind of column")]
    {
        fs::write(file("model.json"), text).unwrap();
        let (good, said) = app(&folder, &["migrate", "check"], &[]);
        assert!(!good && said.contains("migrations/model.json") && said.contains(why), "{said}");
        assert!(!said.contains("the model has changed"), "{said}");
    }
}

#[test]
fn documents_move_to_mongodb_by_a_migration_of_their_own() {
    let folder = folder();
    let url = Mongo::shared().replace("/?", &format!("/migrated_{}?", std::process::id()));
    let documents = [("LOREM_IPSUM_DATABASES__DOCUMENTS__URL", &*url)];
    let run = |words: &[&str]| app(&folder, &[&["migrate"], words].concat(), &documents);
    let (good, said) = run(&["diff", "moved"]);
    assert!(!good && said.contains("the table `messages` is no longer in the model: add --drop"), "{said}");
    let (good, said) = run(&["diff", "moved", "--drop"]);
    for file in ["migrations/0002_moved.sqlite.sql", "migrations/documents/0001_moved.mongodb.json"] {
        assert!(good && said.contains(&format!("wrote {file}")), "{said}");
    }
    let (good, said) = run(&["check"]);
    assert!(!good && said.contains("not applied"), "{said}");
    let (good, said) = run(&["run"]);
    assert!(good && said.contains("applied 0002_moved in SQLite"), "{said}");
    assert!(said.contains("applied 0001_moved in MongoDB at 127.0.0.1:"), "{said}");
    let (good, said) = run(&["status"]);
    assert!(good && said.contains("MongoDB at ") && !said.contains("not applied"), "{said}");
    let (good, said) = run(&["check"]);
    assert!(good && said.contains("as the model says"), "{said}");
    let elsewhere = url.replace("/migrated_", "/elsewhere_");
    let elsewhere = [("LOREM_IPSUM_DATABASES__DOCUMENTS__URL", &*elsewhere)];
    for words in [&["migrate", "check"][..], &["check"], &["--port", "0"]] {
        let (good, said) = app(&folder, words, &elsewhere);
        assert!(!good && said.contains("`databases.documents.migrate = true`"), "{words:?}: {said}");
    }
    let (good, said) = app(&folder, &["migrate", "run", "--adopt"], &elsewhere);
    assert!(!good && said.contains("`databases.documents.additive = true`"), "{said}");
}
