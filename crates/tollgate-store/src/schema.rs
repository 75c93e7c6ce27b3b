//! Is the database as the model says? The comparison that every SQL driver shares.

use crate::{Column, Error, Filled, Kind, Result, Table, migrate::index_name};
use std::{borrow::Cow, sync::Arc};

/// A column as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveColumn {
    /// Its name.
    pub name: String,
    /// What the database calls its kind.
    pub kind: String,
    /// The only texts that it takes; none, where it takes any.
    pub choices: Vec<String>,
    /// Whether it may be empty.
    pub nullable: bool,
    /// Whether the database fills it where an insert does not.
    pub has_default: bool,
    /// Whether it alone is the primary key.
    pub key: bool,
    /// How it is indexed.
    pub index: Option<LiveIndex>,
}

/// How a column is indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LiveIndex {
    /// Rows are found by it.
    Plain,
    /// No two rows may share a value.
    Unique,
}

/// What the model has and the table lacks, as indices of columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Columns.
    pub columns: Vec<usize>,
    /// Indexes, of missing columns too.
    pub indexes: Vec<usize>,
    /// Columns that do not take all of their choices.
    pub choices: Vec<usize>,
}

/// What the model has and the table lacks.
///
/// # Errors
/// A column of another kind, one that may be empty on one side only, one that the database demands and the model
/// does not know, or another key; each with table, column and remedy.
pub fn missing(table: &Table, live: &[LiveColumn], kind: fn(Kind) -> Cow<'static, str>) -> Result<Missing> {
    for unknown in live.iter().filter(|live| table.columns.iter().all(|column| column.name != live.name)) {
        if !unknown.nullable && !unknown.has_default {
            let what = "must be filled there and is not in the model";
            return Err(differs(table, &unknown.name, what, "add it to the struct, or drop it"));
        }
    }
    let mut missing = Missing::default();
    for (index, column) in table.columns.iter().enumerate() {
        let found = live.iter().find(|live| live.name == column.name);
        match found {
            Some(live) => {
                compare(table, index, live, &kind(column.kind))?;
                missing.choices.extend(lacks_choices(column, live).then_some(index));
            }
            None => missing.columns.push(index),
        }
        if is_indexed(table, index) && found.and_then(|live| live.index) < Some(wanted(column)) {
            missing.indexes.push(index);
        }
    }
    Ok(missing)
}

/// Whether a column deserves an index: it is unique, searched often, or says whose a row is.
pub(crate) fn is_indexed(table: &Table, index: usize) -> bool {
    let column = &table.columns[index];
    index != table.id && (column.unique || column.index || column.filled == Filled::ByOwner)
}

/// The columns that deserve one.
pub fn indexed(table: &Table) -> impl Iterator<Item = usize> + '_ {
    (0..table.columns.len()).filter(|index| is_indexed(table, *index))
}

/// Whether the database refuses what the model allows. The other way round it may: whoever rolls out a choice that goes
/// has instances with and without it.
fn lacks_choices(column: &Column, live: &LiveColumn) -> bool {
    let Kind::Choice(names) = column.kind else { return false };
    !live.choices.is_empty() && !names.iter().all(|name| live.choices.iter().any(|live| live == name))
}

fn wanted(column: &Column) -> LiveIndex {
    if column.unique { LiveIndex::Unique } else { LiveIndex::Plain }
}

fn compare(table: &Table, index: usize, live: &LiveColumn, kind: &str) -> Result<()> {
    let column = &table.columns[index];
    if !live.kind.eq_ignore_ascii_case(kind) {
        let what = format!("is {} there and {kind} here", live.kind);
        return Err(differs(table, column.name, &what, "change the field's type, or migrate the column"));
    }
    if (index == table.id) != live.key {
        let what = if live.key { "is the key there and not here" } else { "is the key here and not there" };
        return Err(differs(table, column.name, what, "move `#[id]`, or migrate the table"));
    }
    if index != table.id && live.nullable != column.nullable {
        let (there, here) = if live.nullable { ("may", "may not") } else { ("may not", "may") };
        let what = format!("{there} be empty there and {here} here");
        return Err(differs(table, column.name, &what, "make the field an `Option` or not, or migrate the column"));
    }
    Ok(())
}

/// Whether what is missing can be added: rows that are there leave new columns empty.
///
/// # Errors
/// A column that cannot be added; where nothing may be, any column, and an index that keeps values unique.
pub fn check_addable(table: &Table, missing: &Missing, additive: bool) -> Result<()> {
    for column in missing.columns.iter().map(|index| &table.columns[*index]) {
        if !column.nullable {
            let remedy = format!(
                "make the field an `Option`; or write a migration that says what its rows get, `migrate diff NAME --fill \
                 {}.{}=VALUE`, and apply it with `migrate run`; or remove the table, where its rows may go",
                table.name, column.name
            );
            return Err(differs(table, column.name, "is missing there and may not be empty", &remedy));
        }
    }
    let unique = missing.indexes.iter().map(|index| &table.columns[*index]).find(|column| column.unique);
    match (missing.columns.first(), unique) {
        (Some(index), _) if !additive => Err(lacks(table, table.columns[*index].name, "is missing there", MIGRATE)),
        _ if !additive && !missing.choices.is_empty() => {
            Err(lacks(table, table.columns[missing.choices[0]].name, "takes fewer choices there", MIGRATE))
        }
        (_, Some(column)) if !additive => Err(lacks(table, column.name, "is not unique there", MIGRATE)),
        _ => Ok(()),
    }
}

/// Why a column did not get its index.
pub fn not_indexed(table: &Table, index: usize, error: Error) -> Error {
    let column = &table.columns[index];
    match error {
        Error::Conflict { .. } => {
            let remedy = "remove all but one of them, or the `#[unique]`";
            differs(table, column.name, "has the same value in several rows there", remedy)
        }
        other => other,
    }
}

/// The table itself is missing, and nothing may be added.
pub fn absent(table: &Table) -> Error {
    Error::Schema(Arc::new(Lacking(format!("the table `{}` is missing; {MIGRATE}", table.name))))
}

/// A difference, with its remedy.
pub fn differs(table: &Table, column: &str, what: &str, remedy: &str) -> Error {
    Error::Schema(Error::source_of(difference(table, column, what, remedy)))
}

/// A difference that goes away where something may be added.
pub fn lacks(table: &Table, column: &str, what: &str, remedy: &str) -> Error {
    Error::Schema(Arc::new(Lacking(difference(table, column, what, remedy))))
}

/// Whether it does.
pub fn is_lacking(error: &Error) -> bool {
    matches!(error, Error::Schema(cause) if cause.is::<Lacking>())
}

/// An index that would keep values unique cannot be made: something else has its name. Passed over in silence, two rows
/// could share a value.
pub fn name_taken(table: &Table, index: usize) -> Error {
    let column = &table.columns[index];
    let name = index_name(table.name, column.name, column.unique);
    let what = format!("cannot be indexed, for there is something else with the index's name, `{name}`");
    differs(table, column.name, &what, "rename or remove that")
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Lacking(String);

fn difference(table: &Table, column: &str, what: &str, remedy: &str) -> String {
    format!("the table `{}` differs from its model: `{column}` {what}; {remedy}", table.name)
}

const MIGRATE: &str = "write a migration with `migrate diff` and apply it with `migrate run`, or allow additive changes with \
     `database.additive = true`";
