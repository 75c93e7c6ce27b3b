//! Completions, manual pages, help, and a doctor where there is no app.

use crate::process::{failure, stdout, tollgate};
use std::{env, fs, io, path::Path};
use tempfile::TempDir;

#[test]
fn shells_complete_and_manuals_are_written() {
    let folder = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(tollgate(folder.path(), &["completions", shell]));
        assert!(script.contains("doctor") && script.contains("secrets"), "{shell}");
    }
    stdout(tollgate(folder.path(), &["man", "man1"]));
    let page = fs::read_to_string(folder.path().join("man1/tollgate-generate-service.1")).unwrap();
    assert!(page.contains("kinds"), "{page}");
}

#[test]
fn whoever_reads_no_more_of_a_result_is_told_of_no_failure() {
    let folder = TempDir::new().unwrap();
    for arguments in [["completions", "fish"], ["doctor", "--json"]] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let output = tollgate(folder.path(), &arguments).stdout(writer).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains("panicked") && output.status.code() != Some(101), "{arguments:?}: {said}");
    }
}

#[test]
fn a_command_line_that_is_not_understood_ends_with_2() {
    let (said, code) = failure(tollgate(Path::new("."), &["generat"]));
    assert!(said.contains("generate"), "{said}");
    assert_eq!(code, Some(2));
}

#[test]
fn outside_of_an_app_the_doctor_looks_at_the_machine_alone() {
    let folder = TempDir::new().unwrap();
    let found = stdout(tollgate(folder.path(), &["doctor", "--json"]));
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let state = |name: &str| found.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()["state"].clone();
    assert_eq!((state("rust"), state("c compiler"), state("app")), ("good".into(), "good".into(), "advice".into()));
}

#[test]
fn what_is_missing_is_said_with_what_fixes_it() {
    let folder = TempDir::new().unwrap();
    let empty = folder.path().join("bin");
    fs::create_dir(&empty).unwrap();
    let mut doctor = tollgate(folder.path(), &["doctor", "--target", "eks"]);
    doctor.env("PATH", &empty);
    let output = doctor.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    for (missing, fix) in [
        ("rustc is not there", "sh.rustup.rs"),
        ("kubectl        not there", "kubernetes.io"),
        ("none of docker", "get-docker"),
    ] {
        assert!(said.contains(missing) && said.contains(fix), "{missing}: {said}");
    }
    assert!(env::var_os("PATH").is_some());
}
