//! How tables change when the model does: what is different becomes changes, changes become scripts, and scripts are
//! applied in order, each once.
//!
//! The model as of the newest migration is kept beside the scripts ([`Model`]), so finding out what changed takes no
//! database and says the same on every machine. What would lose something, or cannot be guessed, has to be said: a column
//! that goes, one that has another name now, what rows that are there get in a new one, what becomes of nested values that
//! have another shape.

use crate::{Error, Kind, Result, Table};

mod change;
mod fill;
mod model;
mod names;
mod queue;
mod script;
mod shape;

pub use change::{Change, Said, Step};
use fill::{fill, instead};
pub use model::{KeptColumn, KeptTable, Model};
pub use names::{choices_name, index_name};
pub use queue::Queue;
pub use script::{Applied, Script, pending, stopped};
pub use shape::ShapeOf;
use shape::reshape;

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
    use crate::Column;
    use serde::{Deserialize, Serialize};

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
    fn the_model_comes_back_from_json() {
        let model = Model::of(&[&OLD, &NEW]);
        assert_eq!(serde_json::from_str::<Model>(&serde_json::to_string(&model).unwrap()).unwrap(), model);
    }
}
