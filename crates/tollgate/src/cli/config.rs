//! `config`: the effective settings and where each was said, or the reference of all that there are.

use super::print;
use crate::app::{App, Failure};
use clap::Args;

/// What is printed.
#[derive(Args)]
pub(super) struct Line {
    /// For programs
    #[arg(long)]
    json: bool,
    /// The reference of all settings instead, in Markdown
    #[arg(long, conflicts_with = "json")]
    reference: bool,
}

/// Prints what there is, also where something is wrong with it, and then fails.
pub(super) fn config(app: &App, line: &Line) -> Result<(), Failure> {
    if line.reference {
        return print(&app.settings_page());
    }
    let configuration = app.configuration()?;
    let text = if line.json { format!("{:#}", configuration.json()) } else { configuration.table() };
    print(&text)?;
    configuration.doubt().into_iter().for_each(|doubt| eprintln!("warning: {doubt}"));
    Ok(configuration.check()?)
}
