//! The manifests: what a scanner says to them. Schemas, routes and the live gateway are among the tests.

use super::{Check, LeftOut};
use crate::{
    Result, servers,
    steps::{Steps, output},
};
use std::{fs, path::Path};

pub(super) const CHECK: Check = Check { name: "kubernetes", parts: &["kubernetes", "checkov"], quick: |_, _| (), slow };

const OVERLAYS: &str = "infra/kubernetes/overlays";

fn slow(steps: &mut Steps, left_out: &LeftOut) {
    if !left_out.has("kubernetes") && !left_out.has("checkov") {
        steps.step("scanned manifests", scan);
    }
}

/// What checkov does not like is changed, or in the list with the reason.
fn scan() -> Result<String> {
    let place = Path::new("target/kubernetes");
    fs::create_dir_all(place)?;
    let mut checkov = servers::CHECKOV.python();
    checkov.args(["-m", "checkov.main", "--config-file", "infra/kubernetes/checkov.yaml"]);
    for overlay in fs::read_dir(OVERLAYS)? {
        let overlay = overlay?.path();
        let file = place.join(overlay.file_name().unwrap_or_default()).with_extension("yaml");
        fs::write(&file, servers::Kubernetes::render(&overlay))?;
        checkov.arg("--file").arg(file);
    }
    output(&mut checkov).map(|_| String::new())
}
