//! What is done to a database, and what has to be said about it first.

use crate::{Error, Kind, Result, Table, Value};
use std::collections::{BTreeMap, BTreeSet};
use tollgate_core::nearest;

/// One change of a database. Columns are indices into the table's.
#[derive(Debug, Clone)]
pub enum Change {
    /// A table that is not there yet, with its indexes.
    Create(&'static Table),
    /// A table goes, with its rows.
    Drop(String),
    /// A table has another name.
    Rename {
        /// Its name before.
        from: String,
        /// The table.
        to: &'static Table,
    },
    /// A table stays and is changed.
    Alter {
        /// The table as it will be.
        table: &'static Table,
        /// In this order.
        steps: Vec<Step>,
    },
}

/// One step in the change of a table.
#[derive(Debug, Clone)]
pub enum Step {
    /// An index goes.
    DropIndex {
        /// Its name.
        name: String,
    },
    /// A column has another name.
    Rename {
        /// Its name before.
        from: String,
        /// The column.
        to: usize,
    },
    /// A column goes, with its values.
    Drop(String),
    /// A column is new; rows that are there get this value.
    Add(usize, Option<Value<'static>>),
    /// A column is of another kind, or may be empty or no longer.
    Change {
        /// The column.
        column: usize,
        /// Its kind before, of which every value is one of the new kind.
        from: Kind,
        /// What empty cells get.
        fill: Option<Value<'static>>,
    },
    /// An index is new.
    AddIndex(usize),
    /// The rule that a column holds one of certain texts goes.
    DropChoices {
        /// Its name.
        name: String,
    },
    /// A column holds one of its choices from now on.
    AddChoices {
        /// The column.
        column: usize,
        /// What replaces other texts.
        fill: Option<Value<'static>>,
    },
    /// Nested values have another shape, and rows that are there the one before.
    Reshape {
        /// The column.
        column: usize,
        /// What keeps them from being read as they are, each with its place.
        differences: Vec<String>,
    },
}

/// What cannot be guessed.
#[derive(Debug, Default, Clone)]
pub struct Said {
    /// Whether what is no longer in the model goes.
    pub drop: bool,
    /// `films` → `movies`, `movies.name` → `title`.
    pub renames: BTreeMap<String, String>,
    /// `movies.released` → `1900`.
    pub fills: BTreeMap<String, String>,
    /// `movies.place`: nested values of another shape than before, which somebody looks after.
    pub reshapes: BTreeSet<String>,
}

impl Said {
    /// What a column is called now.
    pub(super) fn new_name<'a>(&'a self, table: &Table, column: &'a str) -> &'a str {
        self.renames.get(&format!("{}.{column}", table.name)).map_or(column, String::as_str)
    }

    /// Refuses what names a table or a column that never was, with the one that may be meant.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the words.
    pub fn check_names(&self, known: &[String]) -> Result<()> {
        let fills = self.fills.keys().map(|place| ("--fill", place.clone()));
        let reshapes = self.reshapes.iter().map(|place| ("--reshape", place.clone()));
        let renames = self.renames.iter().flat_map(|(from, to)| {
            // A column is renamed within its table.
            let to = from.split_once('.').map_or_else(|| to.clone(), |(table, _)| format!("{table}.{to}"));
            [("--rename", from.clone()), ("--rename", to)]
        });
        // What a table has another name for now has its columns under that name.
        let tables = self.renames.iter().filter(|(from, _)| !from.contains('.'));
        let moved = tables.flat_map(|(from, to)| {
            let column =
                move |name: &String| Some(format!("{to}.{}", name.strip_prefix(from.as_str())?.strip_prefix('.')?));
            known.iter().filter_map(column)
        });
        let known: Vec<String> = known.iter().cloned().chain(moved).collect();
        let Some((option, name)) = fills.chain(reshapes).chain(renames).find(|(_, name)| !known.contains(name)) else {
            return Ok(());
        };
        let meant = nearest(&name, &known).map_or_else(
            || "name tables as in `movies`, columns as in `movies.title`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        let what = if name.contains('.') { "column" } else { "table" };
        Err(Error::invalid(format!("`{option}`: there is no {what} `{name}`; {meant}")))
    }

    /// Refuses what was said and decides nothing in these changes: it is misspelt, and what it was meant for happens in
    /// another way, or was done before.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the words.
    pub fn check_used(&self, changes: &[Change]) -> Result<()> {
        let used: BTreeSet<String> = changes.iter().flat_map(Change::words).collect();
        let renames = self.renames.iter().map(|(from, to)| format!("--rename {from}={to}"));
        let reshapes = self.reshapes.iter().map(|place| format!("--reshape {place}"));
        let mut said = renames.chain(self.fills.keys().map(|place| format!("--fill {place}"))).chain(reshapes);
        match said.find(|words| !used.contains(words)) {
            Some(words) => Err(Error::invalid(format!(
                "`{words}` fits no change of the model: name tables as they are called now, columns as `TABLE.COLUMN`"
            ))),
            None => Ok(()),
        }
    }
}

impl Change {
    /// What may have been said about it.
    fn words(&self) -> Vec<String> {
        match self {
            Self::Rename { from, to } => vec![format!("--rename {from}={}", to.name)],
            Self::Alter { table, steps } => steps.iter().filter_map(|step| step.words(table)).collect(),
            Self::Create(_) | Self::Drop(_) => vec![],
        }
    }
}

impl Step {
    fn words(&self, table: &Table) -> Option<String> {
        let name = |column: &usize| table.columns[*column].name;
        match self {
            Self::Rename { from, to } => Some(format!("--rename {}.{from}={}", table.name, name(to))),
            Self::Add(column, Some(_))
            | Self::Change { column, fill: Some(_), .. }
            | Self::AddChoices { column, fill: Some(_) } => Some(format!("--fill {}.{}", table.name, name(column))),
            Self::Reshape { column, .. } => Some(format!("--reshape {}.{}", table.name, name(column))),
            _ => None,
        }
    }
}
