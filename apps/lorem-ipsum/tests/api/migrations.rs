//! The committed migrations lead to the tables of the model, on every database, and nothing starts without them.

use crate::process::{Server, command};
use std::{fs, path::Path};
use tempfile::TempDir;
use tollgate_testing::servers::Postgres;

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
    assert!(command(folder.path(), &["check"]).output().unwrap().status.success(), "in dev, tables are just made");
    let (good, said) = app(&folder, &["migrate", "run"], &[]);
    assert!(!good && said.contains("0001_first stopped at statement 1"), "{said}");
    let (good, said) = app(&folder, &["migrate", "run", "--adopt"], &[]);
    assert!(good && said.contains("adopted 0001_first"), "{said}");
    assert!(app(&folder, &["migrate", "check"], &[]).0);
}
