//! The model as it is kept beside the scripts.

use super::ShapeOf;
use crate::{Column, Kind, Table, schema::is_indexed};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::{collections::BTreeMap, iter};

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
    pub(super) fn has_index_of(&self, new: &Self) -> bool {
        let is_same = self.name == new.name && self.unique == new.unique;
        self.index && new.index && is_same && (!self.unique || self.nullable == new.nullable)
    }

    /// Whether the rule which texts it holds is the one that the other needs.
    pub(super) fn has_choices_of(&self, new: &Self) -> bool {
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

    /// What tables and columns are called, as they are named in what is [`Said`](super::Said): `movies`, `movies.title`.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.tables.iter().flat_map(|(name, table)| {
            let columns = table.columns.iter().map(move |column| format!("{name}.{}", column.name));
            iter::once(name.clone()).chain(columns)
        })
    }
}

impl KeptTable {
    pub(super) fn of(table: &Table) -> Self {
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
