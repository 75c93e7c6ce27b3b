//! Models of one table, as it grows and changes: what the drivers that speak SQL are shown.

use tollgate_store::{Column, Database, Error, Filled, Table};

/// A model of `films` with these columns; the first one is the key.
const fn films(columns: &'static [Column]) -> Table {
    Table { name: "films", one: "film", about: "", columns, id: 0, counted: false, database: None, audited: false }
}

const ID: Column = Column::of::<i32>("film_id");
const TITLE: Column = Column::of::<String>("title");

pub(crate) static FIRST: Table = films(&[ID, TITLE]);
pub(crate) static GROWN: Table = films(&[
    ID,
    TITLE.unique(),
    Column::of::<Option<f64>>("rating").index(),
    Column::of::<Option<String>>("code").unique(),
]);
pub(crate) static DEMANDING: Table = films(&[ID, TITLE, Column::of::<i32>("released")]);
pub(crate) static NUMBERED: Table = films(&[ID, Column::of::<i64>("title")]);
pub(crate) static UNTITLED: Table = films(&[ID]);
pub(crate) static OPTIONAL: Table = films(&[ID, Column::of::<Option<String>>("title")]);
pub(crate) static BY_TITLE: Table = films(&[TITLE, ID]);
pub(crate) static OWNED: Table = Table {
    name: "reviews",
    counted: true,
    ..films(&[
        Column::of::<i64>("review_id").filled(Filled::ByGenerator),
        Column::of::<String>("owner").filled(Filled::ByOwner),
    ])
};

/// What a database does about a table; in words, what is wrong with it.
pub(crate) async fn prepare(
    database: &dyn Database,
    table: &'static Table,
    additive: bool,
) -> Result<Vec<String>, String> {
    database.prepare(&[table], additive).await.map_err(|error| match error {
        Error::Schema(why) => why.to_string(),
        other => panic!("{other:?}"),
    })
}
