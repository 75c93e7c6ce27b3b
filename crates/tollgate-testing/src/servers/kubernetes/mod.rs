//! Manifests, as `kubectl` puts them together, held to the schemas of Kubernetes.

use super::{Pip, find, run};
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// What knows the schemas.
const SCHEMAS: Pip = Pip { name: "kubernetes", pins: "crates/tollgate-testing/src/servers/kubernetes" };

/// A folder of manifests.
#[derive(Debug)]
pub struct Kubernetes;

impl Kubernetes {
    /// Whether `kubectl` and the schemas are there.
    pub fn is_there() -> bool {
        find("kubectl", &[]).is_some() && SCHEMAS.is_there()
    }

    /// Gets the schemas; `kubectl` is the system's affair. The current folder is the workspace.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn fetch() -> Result<(), String> {
        SCHEMAS.fetch()
    }

    /// The manifests of an overlay, in YAML.
    ///
    /// # Panics
    /// If they cannot be put together.
    pub fn render(overlay: &Path) -> String {
        run(Command::new("kubectl").arg("kustomize").arg(overlay))
    }

    /// The same as one JSON array, after each was held to the schema of its kind.
    ///
    /// # Panics
    /// As [`render`](Self::render), and if one does not fit, with all that does not.
    pub fn validated(overlay: &Path) -> String {
        let mut kubectl = Command::new("kubectl");
        let kubectl = kubectl.arg("kustomize").arg(overlay).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut kubectl = kubectl.unwrap_or_else(|error| panic!("cannot run kubectl: {error}"));
        let mut python = SCHEMAS.python();
        python.args(["-c", include_str!("validate.py")]);
        python.stdin(kubectl.stdout.take().map_or_else(Stdio::null, Into::into));
        let output = python.output().unwrap_or_else(|error| panic!("cannot run python3: {error}"));
        let good = kubectl.wait().is_ok_and(|status| status.success()) && output.status.success();
        assert!(good, "{}: {}", overlay.display(), String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
