//! What `tollgate new` writes, and what it refuses.

use crate::process::{Made, failure, stdout, tollgate};
use std::fs;
use tempfile::TempDir;

fn names(made: &Made) -> Vec<String> {
    made.files().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn little_is_written() {
    let made = Made::new("library", &[]);
    let wanted = [
        ".env.example",
        ".gitignore",
        "Cargo.lock",
        "Cargo.toml",
        "README.md",
        "config/default.toml",
        "config/dev.toml",
        "src/lib.rs",
        "src/main.rs",
        "src/notes/mod.rs",
        "src/notes/tests.rs",
    ];
    assert_eq!(names(&made), wanted);
    let lines = |name: &str| made.read(name).lines().count();
    assert!(["src/lib.rs", "src/main.rs", "src/notes/mod.rs"].map(lines).iter().sum::<usize>() < 70);
}

#[test]
fn nothing_is_written_over() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("library")).unwrap();
    fs::write(folder.path().join("library/notes.txt"), "mine").unwrap();
    let (said, code) = failure(tollgate(folder.path(), &["new", "library"]));
    assert!(said.contains("library is not empty, and nothing in it is overwritten"), "{said}");
    assert_eq!(code, Some(1));
    assert_eq!(fs::read_dir(folder.path().join("library")).unwrap().count(), 1);
}

#[test]
fn a_name_that_cannot_be_one_is_refused_before_anything_is_written() {
    let folder = TempDir::new().unwrap();
    for name in ["Library", "fn", "test", "a b", "../x", "tokio", "serde-json"] {
        let (said, _) = failure(tollgate(folder.path(), &["new", name]));
        assert!(said.contains("cannot name an application"), "{name}: {said}");
    }
    let (said, _) = failure(tollgate(folder.path(), &["new", "apps/library"]));
    assert!(said.contains("the folder with --path"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_provider_is_asked_only_for_what_it_knows() {
    let folder = TempDir::new().unwrap();
    let refused = |flags: &[&str]| failure(tollgate(folder.path(), &[&["new", "library"], flags].concat())).0;
    let said = refused(&["--identity", "okta", "--issuer", "domian=x"]);
    assert!(said.contains("okta knows no `domian`; did you mean `domain`?"), "{said}");
    let said = refused(&["--issuer", "domain=x"]);
    assert!(said.contains("is for another identity provider"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_provider_comes_in_once_its_settings_are_said() {
    let said = Made::new(
        "library",
        &["--identity", "auth0", "--issuer", "domain=a.example", "--issuer", "audience=https://b.example"],
    );
    let settings = said.read("config/default.toml");
    let wanted = "[identity.issuers.auth0]\npreset = \"auth0\"\ndomain = \"a.example\"\naudience = \"https://b.example\"\nroles = [\"writer\"]\n";
    assert!(settings.ends_with(wanted), "{settings}");
    let later = Made::new("library", &["--identity", "auth0"]).read("config/default.toml");
    assert!(later.contains("# [identity.issuers.auth0]") && !later.contains("\n[identity.issuers"), "{later}");
}

#[test]
fn a_provider_is_told_what_it_need_not_know_as_well() {
    let told = ["--issuer", "client_id=1-a.apps.googleusercontent.com", "--issuer", "hosted_domain=example.com"];
    let settings = Made::new("library", &[&["--identity", "google"], &told[..]].concat()).read("config/default.toml");
    let wanted =
        "preset = \"google\"\nclient_id = \"1-a.apps.googleusercontent.com\"\nhosted_domain = \"example.com\"\nroles";
    assert!(settings.contains(wanted), "{settings}");
    let open = Made::new("library", &[&["--identity", "google"], &told[..2]].concat()).read("config/default.toml");
    assert!(open.contains("# hosted_domain = \"example.com\"   # without it, anybody"), "{open}");
}

#[test]
fn where_it_is_going_to_run_decides_what_it_is_built_with() {
    let made = Made::new("library", &["--database", "mongodb", "--deploy", "lambda"]);
    assert!(
        made.read("Cargo.toml").contains("features = [\"aws\", \"lambda\", \"mongodb\"]"),
        "{}",
        made.read("Cargo.toml")
    );
    assert!(names(&made).contains(&"Dockerfile".to_owned()) && names(&made).contains(&".dockerignore".to_owned()));
    assert!(made.read(".env.example").contains("LIBRARY_DATABASE__URL=mongodb://"));
}

#[test]
fn a_folder_that_is_no_clone_of_tollgate_is_refused() {
    let folder = TempDir::new().unwrap();
    let (said, _) = failure(tollgate(folder.path(), &["new", "library", "--tollgate-path", "."]));
    assert!(said.contains("there is no release yet") && said.contains("--tollgate-path"), "{said}");
}

#[test]
fn commands_that_come_next_are_said() {
    let folder = TempDir::new().unwrap();
    let output = tollgate(folder.path(), &["new", "library"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cd library && cargo run") && said.contains("token ann@example.test"), "{said}");
    assert!(!said.contains('\u{1b}'), "colour belongs to terminals: {said:?}");
    stdout(tollgate(&folder.path().join("library"), &["--version"]));
}

#[test]
fn an_image_can_be_built_at_once_because_everything_is_locked() {
    let made = Made::new("locked-app", &["--deploy", "lambda"]);
    assert!(made.read("Dockerfile").contains("cargo auditable build --release --locked"));
    // Only what this machine would build is asked for.
    stdout(made.cargo(&["tree", "--locked", "--depth", "0"]));
}
