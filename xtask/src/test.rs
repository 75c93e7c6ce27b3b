//! `cargo xtask test`: every test of the workspace, documentation examples included.
//!
//! Servers that many tests use at once are started here and end with this program; the tests of a part that was left
//! out, which live in a module of its name, are skipped.

use std::process::Command;

use crate::{
    Result, infra,
    parts::{self, Part},
    servers,
    steps::{Steps, cargo, output},
};

/// Gets what the tests need, then runs them.
pub(crate) fn run(left_out: &[&Part]) -> Result {
    parts::prepare(left_out)?;
    let without: Vec<&str> = left_out.iter().map(|part| part.name).collect();
    let modules: Vec<_> = without.iter().map(|name| name.replace('-', "_")).collect();
    let is_wanted = |name: &str| !without.contains(&name);
    let postgres = is_wanted("postgres").then(servers::Postgres::start);
    let mongo = is_wanted("mongodb").then(servers::Mongo::start);
    let mut tests = tests(&modules);
    tests.envs(postgres.iter().map(|server| (servers::SHARED, server.url())));
    tests.envs(mongo.iter().map(|server| (servers::SHARED_MONGO, server.url(""))));
    let without = without.join(",");
    let mut steps = Steps::default();
    steps.step("tests", || match output(tests.env("TOLLGATE_WITHOUT", &without)) {
        Ok(text) => Ok(format!("{}{}", summary(&text), by_store(&text))),
        Err(failure) => Err(without_passed(&failure.to_string()).into()),
    });
    steps.program("tests without the feature `aws`", &mut without_aws());
    steps.program("documentation tests", &mut cargo(&["test", "--quiet", "--doc", "--workspace"]));
    infra::quick(&mut steps, &infra::LeftOut(left_out));
    if !without.is_empty() {
        println!("left out: {without}");
    }
    steps.finish()
}

/// The workspace is built with it. The apps that tests make compile the framework without; what the drivers say then is
/// tested here.
fn without_aws() -> Command {
    cargo(&["test", "--quiet", "--lib", "--package", "tollgate-mongodb", "--package", "tollgate-postgres"])
}

/// cargo-nextest if it is there. Installing it compiles for minutes and buys only time limits, so it is not required.
fn tests(left_out: &[String]) -> Command {
    if output(&mut cargo(&["nextest", "--version"])).is_ok() {
        let mut nextest = cargo(&["nextest", "run", "--workspace", "--cargo-quiet", "--status-level", "pass"]);
        let modules = left_out.iter().map(|module| format!(r"test(/\b{module}::/)")).collect::<Vec<_>>().join(" | ");
        nextest.args((!left_out.is_empty()).then(|| format!("-Enot ({modules})")));
        return nextest;
    }
    println!("cargo-nextest is not installed: using cargo test, which does not stop a test that hangs");
    let mut test = cargo(&["test", "--quiet", "--workspace", "--tests", "--no-fail-fast", "--"]);
    for module in left_out {
        test.args(["--skip".to_owned(), format!("{module}::")]);
    }
    test
}

/// How many tests ran and how many were skipped, in the words of cargo-nextest.
fn summary(text: &str) -> String {
    let after_time =
        |line: &str| Some(line.trim_start().strip_prefix("Summary [")?.split_once(']')?.1.trim().to_owned());
    text.lines().find_map(after_time).unwrap_or_default()
}

/// How many passed in front of each store; every one of them runs the conformance suite.
fn by_store(text: &str) -> String {
    let passed = |store: &str| {
        let module = format!(" tollgate-testing::testing {store}::");
        text.lines().filter(|line| is_passed(line) && line.contains(&module)).count()
    };
    let stores = ["memory", "sqlite", "postgres", "mongodb"].map(|store| format!("; {store} {}", passed(store)));
    stores.concat()
}

fn is_passed(line: &str) -> bool {
    line.trim_start().starts_with("PASS [")
}

fn without_passed(text: &str) -> String {
    text.lines().filter(|line| !is_passed(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{by_store, summary, without_passed};

    #[test]
    fn each_store_is_told_apart_and_what_failed_is_shown_without_the_rest() {
        let text = "   PASS [   0.1s] ( 1/3) tollgate-testing::testing sqlite::kinds::a\n   \
                    FAIL [   0.1s] ( 2/3) tollgate-testing::testing postgres::kinds::a\nwhy";
        assert_eq!(by_store(text), "; memory 0; sqlite 1; postgres 0; mongodb 0");
        assert_eq!(without_passed(text), "   FAIL [   0.1s] ( 2/3) tollgate-testing::testing postgres::kinds::a\nwhy");
    }

    #[test]
    fn skipped_tests_are_told() {
        let text = "    PASS [   0.1s] a b\n------\n     Summary [   0.512s] 41 tests run: 40 passed, 1 skipped\n";
        assert_eq!(summary(text), "41 tests run: 40 passed, 1 skipped");
    }
}
