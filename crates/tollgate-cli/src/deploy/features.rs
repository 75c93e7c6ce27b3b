//! Features of Tollgate that a deployment takes. The app asks for them, in its own Cargo.toml: without them the image is
//! built, and ends at its start.

use super::{Target, place::Place};
use crate::{Result, app::App, files::Files, say, tools};
use serde_json::Value as Json;
use std::fs;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Value, value};

const MANIFEST: &str = "Cargo.toml";

/// What a deployment begins with: calls of Lambda, and roles at databases and secrets.
pub(super) fn of_target(target: Target) -> Vec<&'static str> {
    let lambda = (target == Target::Lambda).then_some("lambda");
    ["aws"].into_iter().chain(lambda).collect()
}

/// What the variables of a deployment take.
pub(super) fn of_place(place: &Place) -> Vec<&'static str> {
    let said = |name: &str| place.value(name).as_object().is_some_and(|map| !map.is_empty());
    let is_injected = place.target == Target::Ecs && place.value("inject_secrets") != &Json::Bool(false);
    let has_secrets = said("secrets") || said("parameters") || place.has("redis");
    let has_postgres = place.value("postgres") != &Json::Bool(false);
    let has_mongodb = place.text("mongodb_host").is_some();
    let all = [
        ("aws", has_postgres || has_mongodb || (has_secrets && !is_injected)),
        ("lambda", place.target == Target::Lambda),
        ("mongodb", has_mongodb),
        ("redis", place.has("redis")),
    ];
    all.into_iter().filter(|(_, is_taken)| *is_taken).map(|(name, _)| name).collect()
}

/// Those of them that the app is built without.
pub(super) fn missing(app: &App, taken: &[&'static str]) -> Vec<&'static str> {
    taken.iter().copied().filter(|name| !app.features.iter().any(|there| there == name)).collect()
}

/// Refuses to build an image that would not start.
///
/// # Errors
/// The line to write, and the command that writes it.
pub(super) fn check(app: &App, place: &Place) -> Result {
    let missing = missing(app, &of_place(place));
    if missing.is_empty() {
        return Ok(());
    }
    let (names, line) = (missing.join(", "), line(app, &missing));
    let init = format!("tollgate deploy init {}", place.flags());
    Err(format!("the app is built without what this deployment takes: {names}\n  {MANIFEST}: {line}\n  or let this write it: {init}").into())
}

/// How the dependency is written with these features as well.
fn line(app: &App, missing: &[&str]) -> String {
    let all: Vec<String> =
        app.features.iter().map(String::as_str).chain(missing.iter().copied()).map(|it| format!("\"{it}\"")).collect();
    format!("tollgate = {{ …, features = [{}] }}", all.join(", "))
}

/// Adds features to the one line of the manifest that asks for Tollgate.
///
/// # Errors
/// The manifest cannot be read or written, or asks for Tollgate in a way that is not known here.
pub(super) fn add(app: &App, missing: &[&str]) -> Result {
    let file = app.folder.join(MANIFEST);
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let Some(text) = with(&text, missing) else {
        say::care(&format!("{MANIFEST}: write {}", line(app, missing)));
        return Ok(());
    };
    let mut files = Files::default();
    files.add(MANIFEST, text);
    files.write(&app.folder)?;
    say::done(&format!("{MANIFEST}: {}", line(app, missing)));
    // An image is built from what is locked.
    if let Err(why) = tools::stdout(&mut app.cargo(&["update", "--workspace", "--quiet"])) {
        say::care(&format!("Cargo.lock does not know them yet: cargo update --workspace\n  {}", why.0));
    }
    Ok(())
}

/// The manifest with these features, if it names Tollgate among its dependencies.
fn with(manifest: &str, missing: &[&str]) -> Option<String> {
    let mut manifest: DocumentMut = manifest.parse().ok()?;
    let facade = manifest.get_mut("dependencies")?.get_mut("tollgate")?;
    if let Item::Value(Value::String(version)) = facade {
        *facade = value(InlineTable::from_iter([("version", version.value().as_str())]));
    }
    let features = facade.as_table_like_mut()?.entry("features").or_insert_with(|| value(Array::new()));
    features.as_array_mut()?.extend(missing.iter().copied());
    if let Some(line) = facade.as_inline_table_mut() {
        line.fmt();
    }
    Some(manifest.to_string())
}

#[cfg(test)]
mod tests {
    use super::with;

    #[test]
    fn features_are_added_however_the_manifest_asks_for_tollgate() {
        for (manifest, expected) in [
            (r#"tollgate = "1""#, r#"tollgate = { version = "1", features = ["aws", "lambda"] }"#),
            (
                "tollgate = { path = \"x\" } # ours",
                "tollgate = { path = \"x\", features = [\"aws\", \"lambda\"] } # ours",
            ),
            (
                r#"tollgate = { path = "x", features = ["otlp"] }"#,
                r#"tollgate = { path = "x", features = ["otlp", "aws", "lambda"] }"#,
            ),
            ("tollgate.workspace = true", "tollgate.workspace = true\ntollgate.features = [\"aws\", \"lambda\"]"),
        ] {
            let (before, after) = (format!("[dependencies]\n{manifest}\n"), format!("[dependencies]\n{expected}\n"));
            assert_eq!(with(&before, &["aws", "lambda"]).unwrap(), after);
        }
        assert_eq!(with("[dependencies]\nserde = \"1\"\n", &["aws"]), None);
    }
}
