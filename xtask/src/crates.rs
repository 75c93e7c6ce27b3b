//! The crates of the workspace, as cargo sees them.

use std::path::PathBuf;

use serde_json::Value;

use crate::{
    Result,
    steps::{cargo, stdout},
};

/// A crate of ours.
#[derive(Debug)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// Names of what it is built from; what only its tests need is not among them.
    pub(crate) dependencies: Vec<String>,
}

/// All crates of the workspace.
pub(crate) fn of_workspace() -> Result<Vec<Crate>> {
    let metadata = stdout(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    list(&metadata).ok_or_else(|| "the output of cargo metadata is not understood".into())
}

fn list(metadata: &Value) -> Option<Vec<Crate>> {
    metadata["packages"].as_array()?.iter().map(read).collect()
}

fn read(package: &Value) -> Option<Crate> {
    let built_from = package["dependencies"].as_array()?.iter().filter(|dependency| dependency["kind"] != "dev");
    Some(Crate {
        name: package["name"].as_str()?.to_owned(),
        folder: PathBuf::from(package["manifest_path"].as_str()?).parent()?.to_owned(),
        dependencies: built_from
            .map(|dependency| Some(dependency["name"].as_str()?.to_owned()))
            .collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_only_tests_need_is_no_dependency() {
        let metadata = json!({ "packages": [{
            "name": "tollgate-http",
            "manifest_path": "/src/crates/tollgate-http/Cargo.toml",
            "dependencies": [
                { "name": "tollgate-store", "kind": null },
                { "name": "cc", "kind": "build" },
                { "name": "tollgate-testing", "kind": "dev" },
            ],
        }] });
        let http = &list(&metadata).unwrap()[0];
        assert_eq!(http.folder, PathBuf::from("/src/crates/tollgate-http"));
        assert_eq!(http.dependencies, ["tollgate-store", "cc"]);
    }
}
