//! What every app needs on this machine: Rust, a C compiler.

use super::{Finding, Report};
use crate::tools;
use std::process::Command;

/// The oldest Rust that compiles the framework, whose manifests say so too.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// Looks for them.
pub(super) fn look(report: &mut Report) {
    report.add(rust());
    report.add(compiler());
    report.add(component("rustfmt", "formats what `tollgate generate` writes", "rustup component add rustfmt"));
    report.add(component("cargo-nextest", "tests run with `cargo test`", "cargo install cargo-nextest --locked"));
}

fn rust() -> Finding {
    let update = "rustup update stable";
    let Ok(said) = tools::stdout(Command::new("rustc").arg("--version")) else {
        return Finding::bad(
            "rust",
            "rustc is not there",
            "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh",
        );
    };
    let version = said.split(' ').nth(1).unwrap_or_default().to_owned();
    match minor(&version) {
        Some(its) if Some(its) >= minor(OLDEST) => Finding::good("rust", version),
        _ => Finding::bad("rust", format!("{version}, and {OLDEST} is needed"), update),
    }
}

/// 95 of `1.95.0-nightly`.
fn minor(version: &str) -> Option<u32> {
    let (major, rest) = version.split_once('.')?;
    let minor = rest.split('.').next()?.parse().ok()?;
    if major == "1" { Some(minor) } else { Some(u32::MAX) }
}

/// SQLite and the cryptography are C.
fn compiler() -> Finding {
    match tools::find("cc") {
        Some(path) => Finding::good("c compiler", path.display().to_string()),
        None => Finding::bad(
            "c compiler",
            "cc is not there, and SQLite is written in C",
            if cfg!(target_os = "macos") { "xcode-select --install" } else { "sudo apt-get install build-essential" },
        ),
    }
}

fn component(program: &'static str, without: &str, fix: &str) -> Finding {
    match tools::find(program) {
        Some(_) => Finding::good(program, "there"),
        None => Finding::care(program, format!("not there: {without}"), fix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_rust_are_compared_by_number() {
        assert_eq!(minor("1.95.0"), Some(95));
        assert_eq!(minor("1.100.0-nightly"), Some(100));
        assert!(minor("2.0.0") > minor(OLDEST) && minor(OLDEST).is_some());
        assert_eq!(minor("unknown"), None);
    }
}
