//! The reference of a command line: what `--help` says, of every command. Written from clap, so that it cannot drift; the
//! crate `tollgate` has a test of it as well, for the command line of apps.

use clap::Command;
use std::{env, fmt::Write, fs};

/// Compares that page of `docs/reference` with the commands; `UPDATE_EXPECT=1` writes it.
///
/// # Panics
/// If it is stale.
pub(crate) fn check(page: &str, title: &str, command: Command) {
    let mut text = format!("# {title}\n\nWritten from the program; `--help` says the same.\n");
    describe(&mut text, &mut command.term_width(100), "");
    let file = format!("{}/../../docs/reference/{page}", env!("CARGO_MANIFEST_DIR"));
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let is_current = fs::read_to_string(&file).unwrap_or_default() == text;
    assert!(is_current, "docs/reference/{page} is stale: run this test with UPDATE_EXPECT=1");
}

fn describe(text: &mut String, command: &mut Command, parents: &str) {
    command.build();
    let name = format!("{parents}{}", command.get_name());
    let help = command.render_long_help().to_string();
    let lines: Vec<_> = help.trim_end().lines().map(str::trim_end).collect();
    write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", lines.join("\n")).unwrap();
    for inner in command.get_subcommands_mut().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set()) {
        describe(text, inner, &format!("{name} "));
    }
}
