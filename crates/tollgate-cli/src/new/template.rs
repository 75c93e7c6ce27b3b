//! The files of a new application.

use super::answers::{Answers, Database, Identity, Target};
use crate::{Result, files::Files, templates::render, words};
use include_dir::{Dir, include_dir};
use minijinja::context;
use std::path::Path;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates/app");

/// Files that only some applications have, with who they are for.
const FOR_CONTAINERS: [&str; 2] = ["Dockerfile.j2", "dockerignore"];

/// All files, by their path in the application.
///
/// # Errors
/// A template is wrong, which the tests would have found.
pub(super) fn files(name: &str, answers: &Answers, tollgate: &Path) -> Result<Files> {
    let (issuer, missing) = (issuer(answers), answers.missing());
    let about = context! {
        name,
        crate_name => name.replace('-', "_"),
        title => words::title(name),
        prefix => crate::app::prefix(name),
        tollgate => tollgate.display().to_string(),
        features => features(answers),
        database => answers.database.name(),
        is_embedded => answers.identity == Identity::Embedded,
        provider => answers.identity.name(),
        is_for_anybody => answers.identity == Identity::Google && !answers.says("hosted_domain"),
        issuer,
        is_complete => missing.is_empty(),
        target => answers.deploy.name(),
    };
    let mut files = Files::default();
    add(&FILES, answers, &mut files, &|text| render(text, &about))?;
    // What Tollgate was tested with.
    if let Ok(lock) = std::fs::read(tollgate.join("Cargo.lock")) {
        files.add("Cargo.lock", lock);
    }
    Ok(files)
}

/// How an app that was made without is put into an image.
///
/// # Errors
/// A template is wrong, which the tests would have found.
pub(crate) fn container(name: &str, prefix: &str, tollgate: Option<&Path>) -> Result<Vec<(String, Vec<u8>)>> {
    let about = context! { name, prefix, database => "postgres", tollgate => tollgate.map(|clone| clone.display().to_string()) };
    let files = FOR_CONTAINERS.iter().filter_map(|path| FILES.get_file(path));
    files
        .map(|file| {
            Ok((
                in_place(&file.path().to_string_lossy()),
                render(file.contents_utf8().unwrap_or_default(), &about)?.into(),
            ))
        })
        .collect()
}

fn add(folder: &Dir<'_>, answers: &Answers, files: &mut Files, render: &dyn Fn(&str) -> Result<String>) -> Result {
    for file in folder.files() {
        let (path, text) = (file.path().to_string_lossy(), file.contents_utf8().unwrap_or_default());
        if answers.deploy == Target::None && FOR_CONTAINERS.contains(&path.as_ref()) {
            continue;
        }
        files.add(in_place(&path), render(text)?);
    }
    folder.dirs().try_for_each(|inner| add(inner, answers, files, render))
}

/// Where a template's file belongs: cargo, git and editors would take the templates' own for theirs.
fn in_place(path: &str) -> String {
    match path.trim_end_matches(".j2") {
        path @ ("gitignore" | "dockerignore" | "env.example") => format!(".{path}"),
        path => path.to_owned(),
    }
}

/// Features of Tollgate beyond its default ones.
fn features(answers: &Answers) -> Vec<&'static str> {
    let mongodb = (answers.database == Database::Mongodb).then_some("mongodb");
    let lambda = (answers.deploy == Target::Lambda).then_some("lambda");
    let aws = (answers.deploy != Target::None).then_some("aws");
    [aws, lambda, mongodb].into_iter().flatten().collect()
}

/// The provider's settings as lines of TOML: what was said, or an example where nothing was.
fn issuer(answers: &Answers) -> Vec<String> {
    let said = |name: &str| answers.issuer.iter().find(|(said, _)| said == name).map(|(_, value)| value.as_str());
    let needs = answers.identity.needs();
    let needed = needs.iter().map(|(name, example)| (*name, said(name).unwrap_or(example)));
    let is_more = |name: &str| needs.iter().all(|(needed, _)| *needed != name);
    let more = answers.issuer.iter().filter(|(name, _)| is_more(name)).map(|(name, value)| (&**name, &**value));
    needed.chain(more).map(|(name, value)| format!("{name} = {}", toml_edit::value(value))).collect()
}
