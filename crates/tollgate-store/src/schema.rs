//! Is the database as the model says? The comparison that every SQL driver shares.

use crate::{Error, Result, Table};

/// A column as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveColumn {
    /// Its name.
    pub name: String,
    /// What the database calls its kind.
    pub kind: String,
    /// Whether it may be empty.
    pub nullable: bool,
    /// Whether the database fills it where an insert does not.
    pub has_default: bool,
}

/// The columns that the model has and the table lacks.
///
/// # Errors
/// A column of another kind, one that may be empty here and not there, or one that the database demands and the
/// model does not know; each with table, column and remedy.
pub fn missing_columns(
    table: &Table,
    live: &[LiveColumn],
    kind: fn(crate::Kind) -> &'static str,
) -> Result<Vec<usize>> {
    let differs = |column: &str, what: &str, remedy: &str| {
        let name = table.name;
        Err(Error::invalid(format!("the table `{name}` differs from its model: `{column}` {what}; {remedy}")))
    };
    for unknown in live.iter().filter(|live| table.columns.iter().all(|column| column.name != live.name)) {
        if !unknown.nullable && !unknown.has_default {
            return differs(&unknown.name, "must be filled and is not in the model", "add it to the struct or drop it");
        }
    }
    let mut missing = vec![];
    for (index, column) in table.columns.iter().enumerate() {
        let Some(live) = live.iter().find(|live| live.name == column.name) else {
            missing.push(index);
            continue;
        };
        if !live.kind.eq_ignore_ascii_case(kind(column.kind)) {
            let what = format!("is {} there and {} here", live.kind, kind(column.kind));
            return differs(column.name, &what, "change the field's type, or migrate the column");
        }
        if index != table.id && live.nullable != column.nullable {
            let (there, here) = if live.nullable { ("may", "may not") } else { ("may not", "may") };
            let what = format!("{there} be empty there and {here} here");
            return differs(column.name, &what, "make the field an `Option` or not, or migrate the column");
        }
    }
    Ok(missing)
}

/// Whether the missing columns can be added by themselves: rows that are there leave them empty.
///
/// # Errors
/// One that cannot, or any where nothing may be added.
pub fn check_addable(table: &Table, missing: &[usize], additive: bool) -> Result<()> {
    let refused = missing.iter().map(|index| &table.columns[*index]).find(|column| !additive || !column.nullable);
    let Some(column) = refused else { return Ok(()) };
    let (name, column) = (table.name, column.name);
    let remedy = if additive { "make the field an `Option`, or migrate the table" } else { "migrate the table" };
    Err(Error::invalid(format!("the table `{name}` differs from its model: `{column}` is missing there; {remedy}")))
}
