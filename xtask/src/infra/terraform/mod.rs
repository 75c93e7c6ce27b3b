//! Terraform: is it well written, does it let nobody do more than they need, and does it make and unmake what it says?
//!
//! Each composition in `infra/terraform/examples` is applied to an emulator of AWS and destroyed. What is there in between
//! is compared with what a reviewer saw: [`inventory.txt`](trial) by asking the emulator, [`policies.txt`](policies) by
//! asking Terraform. `UPDATE_EXPECT=1` writes both anew.

mod folder;
mod policies;
mod trial;
mod words;

use crate::{
    Result,
    infra::{Check, LeftOut},
    servers::CHECKOV,
    steps::{Steps, output},
};
use folder::Folder;
pub(super) use folder::plugins;
use std::{env, fs, path::Path, process::Command};
pub(super) use trial::certificate;

pub(super) const CHECK: Check =
    Check { name: "terraform", parts: &["terraform", "checkov", "aws-emulator"], quick, slow };

/// Where modules and examples are.
const HERE: &str = "infra/terraform";

/// The compositions for apps; `state` is what comes before them.
const TARGETS: [&str; 3] = ["lambda", "ecs", "eks"];

fn quick(steps: &mut Steps, left_out: &LeftOut) {
    steps.step("terraform: words", || words::check(Path::new(HERE)));
    steps.step("terraform: shared variables", || words::same(&Path::new(HERE).join("examples"), &TARGETS));
    if !left_out.has("terraform") {
        let mut format = Command::new("terraform");
        steps.program("terraform: format", format.args(["fmt", "-check", "-diff", "-recursive", HERE]));
        steps.step("terraform: validate", validate);
        steps.step("terraform: test", test);
    }
}

fn slow(steps: &mut Steps, left_out: &LeftOut) {
    if !left_out.has("checkov") {
        steps.step("terraform: checkov", checkov);
    }
    if !left_out.has("terraform") && !left_out.has("aws-emulator") {
        trial::run(steps);
    }
}

/// All compositions, and by them every module.
fn validate() -> Result<String> {
    let folder = Folder::new("validate")?;
    for example in ["state"].iter().chain(&TARGETS) {
        let root = folder.root(example);
        root.init(&[])?;
        root.run(&["validate", "-no-color"])?;
    }
    Ok(String::new())
}

/// What is promised of single modules, and what they refuse, with a provider that makes everything up.
fn test() -> Result<String> {
    let folder = Folder::new("test")?;
    let root = folder.root("../tests");
    let here = "-test-directory=.";
    root.init(&[here])?;
    let said = root.run(&["test", "-no-color", here])?;
    Ok(said.lines().last().unwrap_or_default().to_owned())
}

/// What checkov does not like is changed, or has a comment that says why not.
fn checkov() -> Result<String> {
    let mut checkov = CHECKOV.python();
    checkov.args(["-m", "checkov.main", "--directory", HERE, "--framework", "terraform", "--skip-download"]);
    output(checkov.args(["--compact", "--quiet"])).map(|_| String::new())
}

/// Compares what is with what a reviewer saw, or writes it anew where `UPDATE_EXPECT` says so.
fn expect(file: &Path, found: &str) -> Result {
    if env::var_os("UPDATE_EXPECT").is_some() {
        return Ok(fs::write(file, found)?);
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    let lines = |of: &'_ str, other: &str, sign: char| -> Vec<String> {
        let other: Vec<_> = other.lines().collect();
        of.lines().filter(|line| !other.contains(line)).map(|line| format!("{sign} {line}")).collect()
    };
    let different = [lines(&expected, found, '-'), lines(found, &expected, '+')].concat();
    if different.is_empty() {
        return Ok(());
    }
    let advice = "UPDATE_EXPECT=1 cargo xtask infra terraform writes it anew";
    Err(format!("{} is not what came of it; {advice}\n{}", file.display(), different.join("\n")).into())
}
