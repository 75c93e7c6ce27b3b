//! What a person at the terminal sees: few words, one mark in front, colour only where a terminal shows it.
//!
//! Everything goes to standard error but results that a program may read; `NO_COLOR` and pipes are respected.

use anstream::eprintln;
use anstyle::{AnsiColor, Style};
use clap::builder::Styles;
use std::{
    fmt::Display,
    io::{ErrorKind, Write},
    time::Duration,
};

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const CARE: Style = AnsiColor::Yellow.on_default().bold();
const STEP: Style = AnsiColor::Cyan.on_default().bold();
const QUIET: Style = Style::new().dimmed();

/// How help is coloured.
pub(crate) const HELP: Styles = Styles::styled().header(STEP).usage(STEP).literal(GOOD).error(BAD).invalid(CARE);

/// How something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mark {
    /// As it should be.
    Good,
    /// Worth knowing.
    Care,
    /// Wrong.
    Bad,
}

impl Mark {
    fn painted(self) -> String {
        let (style, sign) = match self {
            Self::Good => (GOOD, "✓"),
            Self::Care => (CARE, "!"),
            Self::Bad => (BAD, "✗"),
        };
        format!("{style}{sign}{style:#}")
    }
}

/// Something was done.
pub(crate) fn done(what: &str) {
    eprintln!("{} {what}", Mark::Good.painted());
}

/// Something to look at.
pub(crate) fn care(what: &str) {
    eprintln!("{} {what}", Mark::Care.painted());
}

/// The command failed.
pub(crate) fn failed(why: &str) {
    eprintln!("{BAD}error:{BAD:#} {why}");
}

/// Something begins that takes a while.
pub(crate) fn step(what: &str) {
    eprintln!("{STEP}▸{STEP:#} {what}");
}

/// What is of little interest.
pub(crate) fn quietly(what: &str) {
    eprintln!("  {QUIET}{what}{QUIET:#}");
}

/// A line as it is.
pub(crate) fn plain(what: &str) {
    eprintln!("{what}");
}

/// A command to type.
pub(crate) fn command(line: &str) {
    eprintln!("  {STEP}{line}{STEP:#}");
}

/// A line of a result, which programs may read. Who reads no more of them, as `head`, has what they wanted.
pub(crate) fn result(line: impl Display) {
    match writeln!(anstream::stdout().lock(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("standard output: {error}"),
        _ => (),
    }
}

/// `✓ port          127.0.0.1:8000 is free`
pub(crate) fn finding(mark: Mark, name: &str, found: &str) {
    result(format_args!("{} {name:<14} {found}", mark.painted()));
}

/// `                 → cargo install …`
pub(crate) fn remedy(fix: &str) {
    result(format_args!("                 {STEP}→ {fix}{STEP:#}"));
}

/// Seconds, as people read them: `0.8 s`, `72 s`.
pub(crate) fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 10.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}
