//! How tables change when the model does: what is different becomes changes, changes become scripts, and scripts are
//! applied in order, each once.
//!
//! The model as of the newest migration is kept beside the scripts ([`Model`]), so finding out what changed takes no
//! database and says the same on every machine. What would lose something, or cannot be guessed, has to be said: a column
//! that goes, one that has another name now, what rows that are there get in a new one, what becomes of nested values that
//! have another shape.

use crate::{Column, Error, Kind, Result, Table, schema::is_indexed};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::{collections::BTreeMap, iter};

mod change;
mod fill;
mod queue;
mod script;
mod shape;

pub use change::{Change, Said, Step};
use fill::{fill, instead};
pub use queue::Queue;
pub use script::{Applied, Script, pending, stopped};
pub use shape::ShapeOf;
use shape::reshape;

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
    pub kind: Kind,
    /// Whether it may be empty.
    #[serde(default, skip_serializing_if = "is_false")]
    pub nullable: bool,
    /// Whether no two rows may share a value.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unique: bool,
    /// Whether there is an index on it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub index: bool,
    /// The JSON Schema of a nested value; none in a model that was kept before there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Json>,
}

impl KeptColumn {
    /// Whether the index on this one is the one that the other needs. Where empty cells are left out of a unique index,
    /// it is another if they may be empty.
    fn has_index_of(&self, new: &Self) -> bool {
        let is_same = self.name == new.name && self.unique == new.unique;
        self.index && new.index && is_same && (!self.unique || self.nullable == new.nullable)
    }

    /// Whether the rule which texts it holds is the one that the other needs.
    fn has_choices_of(&self, new: &Self) -> bool {
        self.name == new.name && self.kind == new.kind
    }
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

    /// What tables and columns are called, as they are named in what is [`Said`]: `movies`, `movies.title`.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.tables.iter().flat_map(|(name, table)| {
            let columns = table.columns.iter().map(move |column| format!("{name}.{}", column.name));
            iter::once(name.clone()).chain(columns)
        })
    }
}

impl KeptTable {
    fn of(table: &Table) -> Self {
        let column = |(index, column): (usize, &Column)| KeptColumn {
            name: column.name.into(),
            kind: column.kind,
            nullable: column.nullable,
            unique: column.unique,
            index: is_indexed(table, index),
            shape: column.shape.map(ShapeOf::get),
        };
        let columns = table.columns.iter().enumerate().map(column).collect();
        Self { key: table.columns[table.id].name.into(), counted: table.counted, columns }
    }
}

/// The name of an index on a column. One that is too long for PostgreSQL, which would cut it, and take it for that of
/// another index, ends in a hash of the whole.
pub fn index_name(table: &str, column: &str, unique: bool) -> String {
    short(format!("{table}_{column}_{}", if unique { "key" } else { "idx" }))
}

/// The name of the rule that a column holds one of its choices.
pub fn choices_name(table: &str, column: &str) -> String {
    short(format!("{table}_{column}_choice"))
}

fn short(name: String) -> String {
    if name.len() <= LONGEST_NAME {
        return name;
    }
    let kept = &name[..name.floor_char_boundary(LONGEST_NAME - 17)];
    format!("{kept}_{:016x}", fnv1a(&name))
}

/// In bytes.
const LONGEST_NAME: usize = 63;

/// The hash of that name (FNV-1a, 64 bits): the same in every version, as names in scripts have to be.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
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
    let kind_of_key = |table: &KeptTable| table.columns.iter().find(|it| it.name == table.key).map(|it| it.kind);
    let is_same_key = renamed(&kept.key) == wanted.key && kind_of_key(kept) == kind_of_key(&wanted);
    if !is_same_key || kept.counted != wanted.counted {
        return Err(Error::invalid(format!(
            "the key of `{}` is another one now: create a table of another name and move the rows by a script of your own",
            table.name
        )));
    }
    let mut first = gone(from, kept, &wanted, table, said)?;
    let mut last = vec![];
    for (index, new) in wanted.columns.iter().enumerate() {
        let old = kept.columns.iter().find(|old| renamed(&old.name) == new.name);
        if let Some(old) = old.filter(|old| old.name != new.name) {
            if kept.columns.iter().any(|other| other.name == new.name) {
                let (table, from, to) = (table.name, &old.name, &new.name);
                return Err(Error::invalid(format!("--rename {table}.{from}={to}: there is such a column already")));
            }
            first.push(Step::Rename { from: old.name.clone(), to: index });
        }
        match old {
            None => last.push(Step::Add(index, fill(table, index, !new.nullable, said)?)),
            Some(old) if !new.kind.stored().holds(old.kind) => return Err(inexact(table, old, new)),
            Some(old) => {
                if old.kind.stored() != new.kind.stored() || old.nullable != new.nullable {
                    let fill = fill(table, index, old.nullable && !new.nullable, said)?;
                    last.push(Step::Change { column: index, from: old.kind, fill });
                }
                let is_kept = from == table.name && old.has_choices_of(new);
                if let (Kind::Choice(_), false) = (new.kind, is_kept) {
                    last.push(Step::AddChoices { column: index, fill: instead(table, index, old, said)? });
                }
                last.extend(reshape(table, index, (old, new), said)?);
            }
        }
        if new.index && !(from == table.name && old.is_some_and(|old| old.has_index_of(new))) {
            last.push(Step::AddIndex(index));
        }
    }
    Ok(first.into_iter().chain(last).collect())
}

/// What goes: indexes that are others now, and columns, where that was said.
fn gone(from: &str, kept: &KeptTable, wanted: &KeptTable, table: &Table, said: &Said) -> Result<Vec<Step>> {
    let mut steps = vec![];
    for old in &kept.columns {
        let new = wanted.columns.iter().find(|new| new.name == said.new_name(table, &old.name));
        if let Kind::Choice(_) = old.kind
            && !(from == table.name && new.is_some_and(|new| old.has_choices_of(new)))
        {
            steps.push(Step::DropChoices { name: choices_name(from, &old.name) });
        }
        if old.index && !(from == table.name && new.is_some_and(|new| old.has_index_of(new))) {
            steps.push(Step::DropIndex { name: index_name(from, &old.name, old.unique) });
        }
        match new {
            Some(_) => (),
            None if said.drop => steps.push(Step::Drop(old.name.clone())),
            None => {
                return Err(Error::invalid(format!(
                    "`{0}.{1}` is no longer in the model: add --drop to lose its values, or --rename {0}.{1}=NEW",
                    table.name, old.name
                )));
            }
        }
    }
    Ok(steps)
}

/// A change of kind that no script can make of itself.
fn inexact(table: &Table, old: &KeptColumn, new: &KeptColumn) -> Error {
    Error::invalid(format!(
        "`{}.{}` is {} now and was {}, which may lose or change values: make it a column of another name, fill that by a \
         script of your own, and drop this one with the migration after",
        table.name, new.name, new.kind, old.kind
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Column = Column::of::<i32>("film_id");
    const fn films(columns: &'static [Column]) -> Table {
        Table { name: "films", one: "film", about: "", columns, id: 0, counted: false, database: None, audited: false }
    }
    static OLD: Table = films(&[ID, Column::of::<String>("name").unique(), Column::of::<Option<i32>>("year").index()]);
    static NEW: Table =
        films(&[ID, Column::of::<String>("title").unique(), Column::of::<i32>("year"), Column::of::<bool>("good")]);

    fn said(renames: &[(&str, &str)], fills: &[(&str, &str)], drop: bool) -> Said {
        let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Said { drop, renames: owned(renames), fills: owned(fills), ..Said::default() }
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
            "Change { column: 2, from: Int32, fill: Some(Int(1900)) }",
            "Add(3, Some(Bool(true)))",
            "AddIndex(1)",
        ] {
            assert!(changes.contains(step), "{step} in {changes}");
        }
        assert!(crate::error_text(&diff(&before, &[], &Said::default()).unwrap_err()).contains("--drop"));
        assert!(diff(&before, &[&OLD], &Said::default()).unwrap().is_empty());
    }

    #[test]
    fn what_was_said_in_vain_is_refused() {
        let before = Model::of(&[&OLD]);
        let fills = [("films.year", "1900"), ("films.good", "true")];
        let check = |renames: &[(&str, &str)], more: &[(&str, &str)]| {
            let said = said(renames, &[&fills[..], more].concat(), true);
            said.check_used(&diff(&before, &[&NEW], &said).unwrap()).map_err(|error| crate::error_text(&error))
        };
        assert_eq!(check(&[("films.name", "title")], &[]), Ok(()));
        for (renames, more, words) in [
            (&[("films.nmae", "title")][..], &[][..], "--rename films.nmae=title"),
            (&[("film", "movies")], &[], "--rename film=movies"),
            (&[], &[("films.godo", "true")], "--fill films.godo"),
            (&[], &[("films.film_id", "1")], "--fill films.film_id"),
        ] {
            let fills = [more, &[("films.title", "x")][..]].concat();
            assert!(check(renames, &fills).unwrap_err().contains(words), "{words}");
        }
    }

    #[test]
    fn a_new_name_is_none_that_is_taken() {
        static TITLED: Table = films(&[ID, Column::of::<String>("name"), Column::of::<String>("title")]);
        static ONE: Table = films(&[ID, Column::of::<String>("title")]);
        let why = diff(&Model::of(&[&TITLED]), &[&ONE], &said(&[("films.name", "title")], &[], true)).unwrap_err();
        assert!(crate::error_text(&why).contains("there is such a column already"));
    }

    #[test]
    fn a_change_of_kind_that_would_change_values_is_left_to_a_hand() {
        const fn priced(column: Column) -> [Column; 2] {
            [ID, column]
        }
        static CENTS: Table = films(&priced(Column::of::<crate::Decimal<5, 2>>("price")));
        static DIMES: Table = films(&priced(Column::of::<crate::Decimal<5, 1>>("price")));
        static WIDER_KEY: Table = films(&[Column::of::<i64>("film_id")]);
        let why = |before: &'static Table, after| {
            crate::error_text(
                &diff(&Model::of(&[before]), &[after], &Said { drop: true, ..Said::default() }).unwrap_err(),
            )
        };
        let said = why(&CENTS, &DIMES);
        assert!(said.contains("`films.price` is decimal(5,1) now and was decimal(5,2)"), "{said}");
        assert!(why(&OLD, &WIDER_KEY).contains("the key of `films` is another one now"));
    }

    #[test]
    fn values_for_lists_and_nested_ones_are_json() {
        static MORE: Table =
            films(&[ID, Column::of::<Vec<String>>("tags"), Column::of::<Option<crate::Nested<Vec<i32>>>>("sizes")]);
        let less: &'static Table = Box::leak(Box::new(films(&MORE.columns[..1])));
        let add = |column: &str, text: &str| {
            let said = said(&[], &[("films.tags", "[]"), (column, text)], false);
            diff(&Model::of(&[less]), &[&MORE], &said)
                .map(|changes| format!("{changes:?}"))
                .map_err(|error| crate::error_text(&error))
        };
        assert!(add("films.tags", "[\"a\", \"b\"]").unwrap().contains(r#"[\"a\",\"b\"]"#));
        assert!(add("films.sizes", "[1, 2]").unwrap().contains("[1,2]"));
        for (column, text, kind) in [
            ("films.tags", "a", "texts"),
            ("films.tags", "[1]", "texts"),
            ("films.sizes", "[1", "json"),
            ("films.tags", r#"["\u0000"]"#, "texts"),
        ] {
            assert!(add(column, text).unwrap_err().contains(&format!("is no {kind}")), "{text}");
        }
    }

    #[test]
    fn another_shape_of_a_nested_value_has_to_be_said() {
        #[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
        struct Place {
            street: String,
        }
        #[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
        struct Further {
            street: String,
            town: String,
        }
        const fn placed(shape: ShapeOf) -> Column {
            Column { shape: Some(shape), ..Column::of::<Option<crate::Nested<Vec<i32>>>>("place") }
        }
        static PLACED: Table = films(&[ID, placed(ShapeOf::of::<Place>())]);
        static FURTHER: Table = films(&[ID, placed(ShapeOf::of::<Further>())]);
        let (nearer, further) = (Model::of(&[&PLACED]), Model::of(&[&FURTHER]));
        let why = crate::error_text(&diff(&nearer, &[&FURTHER], &Said::default()).unwrap_err());
        assert!(why.contains("`films.place`") && why.contains("/town is new and must be there"), "{why}");
        let said = |place: &str| Said { reshapes: [place.to_owned()].into(), ..Said::default() };
        let changes = diff(&nearer, &[&FURTHER], &said("films.place")).unwrap();
        assert!(format!("{changes:?}").contains("Reshape { column: 1"), "{changes:?}");
        said("films.place").check_used(&changes).unwrap();
        let in_vain = said("films.place").check_used(&diff(&nearer, &[&PLACED], &Said::default()).unwrap());
        assert!(crate::error_text(&in_vain.unwrap_err()).contains("--reshape films.place"));
        let misspelt = said("films.plaice").check_names(&["films".into(), "films.place".into()]).unwrap_err();
        assert!(crate::error_text(&misspelt).contains("did you mean `films.place`?"));
        let mut older = further;
        older.tables.get_mut("films").unwrap().columns[1].shape = None;
        assert!(
            diff(&older, &[&PLACED], &Said::default()).unwrap().is_empty(),
            "a model from before says nothing of it"
        );
        assert_ne!(older, Model::of(&[&PLACED]));
    }

    #[test]
    fn names_too_long_to_be_told_apart_end_in_a_hash() {
        assert_eq!(index_name("films", "title", true), "films_title_key");
        let long = "a_column_with_a_name_that_says_much_more_than_is_needed_to_say";
        let (one, other) =
            (index_name("films", &format!("{long}_1"), false), index_name("films", &format!("{long}_2"), false));
        assert_eq!((one.len(), other.len()), (63, 63));
        assert_ne!(one, other);
        assert_eq!(one, index_name("films", &format!("{long}_1"), false));
        assert!(index_name("f", &"é".repeat(40), true).len() <= 63);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c, "as everybody computes it");
    }

    #[test]
    fn the_model_comes_back_from_json() {
        let model = Model::of(&[&OLD, &NEW]);
        assert_eq!(serde_json::from_str::<Model>(&serde_json::to_string(&model).unwrap()).unwrap(), model);
    }
}
