//! How tables change when the model does: what is different becomes changes, changes become scripts, and scripts are
//! applied in order, each once.
//!
//! The model as of the newest migration is kept beside the scripts ([`Model`]), so finding out what changed takes no
//! database and says the same on every machine. What would lose something, or cannot be guessed, has to be said: a column
//! that goes, one that has another name now, what rows that are there get in a new one.

use crate::{Column, Error, Kind, Result, Table, Value, schema::is_indexed};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

/// The tables of a database, without their types.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Each table, by name.
    pub tables: BTreeMap<String, KeptTable>,
}

/// One table of a [`Model`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTable {
    /// The column that is the key.
    pub key: String,
    /// Whether the database counts the keys.
    pub counted: bool,
    /// Each column, in order.
    pub columns: Vec<KeptColumn>,
}

/// One column of a [`KeptTable`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptColumn {
    /// Its name.
    pub name: String,
    /// Its kind, as in `text` or `decimal(2,1)`.
    pub kind: Cow<'static, str>,
    /// Whether it may be empty.
    #[serde(default, skip_serializing_if = "is_false")]
    pub nullable: bool,
    /// Whether no two rows may share a value.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unique: bool,
    /// Whether there is an index on it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub index: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(it: &bool) -> bool {
    !it
}

impl Model {
    /// That of these tables.
    pub fn of(tables: &[&Table]) -> Self {
        Self { tables: tables.iter().map(|table| (table.name.to_owned(), KeptTable::of(table))).collect() }
    }
}

impl KeptTable {
    fn of(table: &Table) -> Self {
        let column = |(index, column): (usize, &Column)| KeptColumn {
            name: column.name.into(),
            kind: name_of(column.kind),
            nullable: column.nullable,
            unique: column.unique,
            index: is_indexed(table, index),
        };
        let columns = table.columns.iter().enumerate().map(column).collect();
        Self { key: table.columns[table.id].name.into(), counted: table.counted, columns }
    }
}

fn name_of(kind: Kind) -> Cow<'static, str> {
    Cow::Borrowed(match kind {
        Kind::Decimal { precision, scale } => return format!("decimal({precision},{scale})").into(),
        Kind::Bool => "bool",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Float => "float",
        Kind::Text => "text",
        Kind::Uuid => "uuid",
        Kind::Time => "time",
        Kind::ObjectId => "object id",
        Kind::Texts => "texts",
        Kind::Json => "json",
    })
}

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
    /// A column is of another kind, or may be empty or no longer; where it may not, empty cells get this value.
    Change(usize, Option<Value<'static>>),
    /// An index is new.
    AddIndex(usize),
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
}

impl Said {
    /// What a column is called now.
    fn new_name<'a>(&'a self, table: &Table, column: &'a str) -> &'a str {
        self.renames.get(&format!("{}.{column}", table.name)).map_or(column, String::as_str)
    }
}

/// The name of an index on a column.
pub fn index_name(table: &str, column: &str, unique: bool) -> String {
    format!("{table}_{column}_{}", if unique { "key" } else { "idx" })
}

/// What leads from the kept model to these tables.
///
/// # Errors
/// [`Error::Invalid`]: what has to be said first, and how.
pub fn diff(before: &Model, tables: &[&'static Table], said: &Said) -> Result<Vec<Change>> {
    let mut changes = vec![];
    let old_name = |table: &Table| {
        let renamed = said.renames.iter().find(|(_, to)| *to == table.name).map(|(from, _)| from.as_str());
        renamed.filter(|from| before.tables.contains_key(*from)).unwrap_or(table.name)
    };
    let gone = before.tables.keys().filter(|name| tables.iter().all(|table| old_name(table) != name.as_str()));
    for name in gone {
        if !said.drop {
            return Err(Error::invalid(format!(
                "the table `{name}` is no longer in the model: add --drop to lose its rows, or --rename {name}=NEW"
            )));
        }
        changes.push(Change::Drop(name.clone()));
    }
    for table in tables {
        let Some(kept) = before.tables.get(old_name(table)) else {
            changes.push(Change::Create(table));
            continue;
        };
        let from = old_name(table);
        if from != table.name {
            changes.push(Change::Rename { from: from.into(), to: table });
        }
        let steps = steps(from, kept, table, said)?;
        if !steps.is_empty() {
            changes.push(Change::Alter { table, steps });
        }
    }
    Ok(changes)
}

fn steps(from: &str, kept: &KeptTable, table: &'static Table, said: &Said) -> Result<Vec<Step>> {
    let wanted = KeptTable::of(table);
    let renamed = |column| said.new_name(table, column);
    if renamed(&kept.key) != wanted.key || kept.counted != wanted.counted {
        return Err(Error::invalid(format!(
            "the key of `{}` is another one now: create a table of another name and move the rows by a script of your own",
            table.name
        )));
    }
    let (mut first, mut last) = (vec![], vec![]);
    for old in &kept.columns {
        let new = wanted.columns.iter().find(|new| new.name == renamed(&old.name));
        let stays =
            from == table.name && new.is_some_and(|new| new.name == old.name && new.unique == old.unique && new.index);
        if old.index && !stays {
            first.push(Step::DropIndex { name: index_name(from, &old.name, old.unique) });
        }
        if new.is_none() && !said.drop {
            return Err(Error::invalid(format!(
                "`{0}.{1}` is no longer in the model: add --drop to lose its values, or --rename {0}.{1}=NEW",
                table.name, old.name
            )));
        }
        if new.is_none() {
            first.push(Step::Drop(old.name.clone()));
        }
    }
    for (index, new) in wanted.columns.iter().enumerate() {
        let old = kept.columns.iter().find(|old| renamed(&old.name) == new.name);
        if let Some(old) = old.filter(|old| old.name != new.name) {
            first.push(Step::Rename { from: old.name.clone(), to: index });
        }
        match old {
            None => last.push(Step::Add(index, fill(table, index, !new.nullable, said)?)),
            Some(old) if old.kind != new.kind || old.nullable != new.nullable => {
                last.push(Step::Change(index, fill(table, index, old.nullable && !new.nullable, said)?));
            }
            Some(_) => (),
        }
        let stays =
            old.is_some_and(|old| from == table.name && old.name == new.name && old.unique == new.unique && old.index);
        if new.index && !stays {
            last.push(Step::AddIndex(index));
        }
    }
    Ok(first.into_iter().chain(last).collect())
}

/// What rows that are there get in a column.
fn fill(table: &Table, index: usize, is_needed: bool, said: &Said) -> Result<Option<Value<'static>>> {
    let column = &table.columns[index];
    let place = format!("{}.{}", table.name, column.name);
    let parse = |text: &String| {
        let parsed = match column.kind {
            Kind::Texts | Kind::Json => Some(Value::Text(text.clone().into())),
            kind => kind.parse(text),
        };
        parsed.ok_or_else(|| Error::invalid(format!("--fill {place}: `{text}` is no {}", name_of(column.kind))))
    };
    match said.fills.get(&place) {
        Some(text) => parse(text).map(Some),
        None if is_needed => Err(Error::invalid(format!(
            "`{place}` may not be empty, and there may be rows: say what they get, as in --fill {place}=…, or make the \
             field an `Option`"
        ))),
        None => Ok(None),
    }
}

/// One migration, as its file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its number and name, as in `0001_first`.
    pub name: String,
    /// What it does.
    pub text: String,
    /// SHA-256 of the text.
    pub checksum: String,
}

/// A migration that a database has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its number and name.
    pub name: String,
    /// SHA-256 of its text at that time.
    pub checksum: String,
    /// When.
    pub when: Timestamp,
}

/// The scripts that a database has not seen.
///
/// # Errors
/// [`Error::Schema`]: one that it has seen is missing or was changed, or a new one comes before one of those.
pub fn pending<'a>(scripts: &'a [Script], history: &[Applied]) -> Result<&'a [Script]> {
    for (index, applied) in history.iter().enumerate() {
        let name = &applied.name;
        let (what, remedy) = match scripts.get(index) {
            Some(script) if script.name == *name && script.checksum == applied.checksum => continue,
            Some(script) if script.name == *name => {
                ("was changed after it was applied", "put its text back, and write another")
            }
            Some(_) if scripts.iter().any(|script| script.name == *name) => {
                ("comes after one that was not applied", "give the new one a higher number")
            }
            _ => ("was applied, and there is no such file", "put it back"),
        };
        return Err(Error::Schema(Error::source_of(format!("the migration {name} {what}; {remedy}"))));
    }
    Ok(&scripts[history.len()..])
}

/// Why a script stopped, with the place; nothing of it was kept.
pub fn stopped(script: &Script, place: &str, why: &str) -> Error {
    let name = &script.name;
    Error::Schema(Error::source_of(format!("the migration {name} stopped at {place}: {why}; nothing of it was kept")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(name: &str, checksum: &str) -> Script {
        Script { name: name.into(), text: String::new(), checksum: checksum.into() }
    }

    fn applied(name: &str, checksum: &str) -> Applied {
        Applied { name: name.into(), checksum: checksum.into(), when: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn what_was_applied_is_never_applied_again_and_never_changed() {
        let scripts = [script("0001_a", "x"), script("0002_b", "y"), script("0003_c", "z")];
        let seen = |history: &[Applied]| {
            pending(&scripts, history).map(<[Script]>::len).map_err(|error| crate::error_text(&error))
        };
        assert_eq!(seen(&[]), Ok(3));
        assert_eq!(seen(&[applied("0001_a", "x")]), Ok(2));
        for (history, words) in [
            (vec![applied("0001_a", "changed")], "was changed after"),
            (vec![applied("0002_b", "y")], "comes after one that was not applied"),
            (vec![applied("0001_a", "x"), applied("0002_gone", "y")], "there is no such file"),
        ] {
            assert!(seen(&history).unwrap_err().contains(words), "{history:?}");
        }
    }

    const ID: Column = Column::of::<i32>("film_id");
    const fn films(columns: &'static [Column]) -> Table {
        Table { name: "films", one: "film", about: "", columns, id: 0, counted: false, database: None, audited: false }
    }
    static OLD: Table = films(&[ID, Column::of::<String>("name").unique(), Column::of::<Option<i32>>("year").index()]);
    static NEW: Table =
        films(&[ID, Column::of::<String>("title").unique(), Column::of::<i32>("year"), Column::of::<bool>("good")]);

    fn said(renames: &[(&str, &str)], fills: &[(&str, &str)], drop: bool) -> Said {
        let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Said { drop, renames: owned(renames), fills: owned(fills) }
    }

    #[test]
    fn what_cannot_be_guessed_has_to_be_said() {
        let before = Model::of(&[&OLD]);
        let why = |said: &Said| crate::error_text(&diff(&before, &[&NEW], said).unwrap_err());
        assert!(why(&Said::default()).contains("--rename films.name=NEW"));
        let rename = [("films.name", "title")];
        assert!(why(&said(&rename, &[], false)).contains("--fill films.year="));
        assert!(why(&said(&rename, &[("films.year", "x")], false)).contains("`x` is no int32"));
        let all = said(&rename, &[("films.year", "1900"), ("films.good", "true")], false);
        let changes = format!("{:?}", diff(&before, &[&NEW], &all).unwrap());
        for step in [
            "films_name_key",
            "films_year_idx",
            "from: \"name\"",
            "Change(2, Some(Int(1900)))",
            "Add(3, Some(Bool(true)))",
            "AddIndex(1)",
        ] {
            assert!(changes.contains(step), "{step} in {changes}");
        }
        assert!(crate::error_text(&diff(&before, &[], &Said::default()).unwrap_err()).contains("--drop"));
        assert!(diff(&before, &[&OLD], &Said::default()).unwrap().is_empty());
    }

    #[test]
    fn the_model_comes_back_from_json() {
        let model = Model::of(&[&OLD, &NEW]);
        assert_eq!(serde_json::from_str::<Model>(&serde_json::to_string(&model).unwrap()).unwrap(), model);
    }
}
