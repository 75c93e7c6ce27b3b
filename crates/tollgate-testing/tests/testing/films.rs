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
/// Documents of others under keys that are counted from now on.
pub(crate) static SIGNED: Table =
    Table { counted: true, ..films(&[Column::of::<i64>("film_id").filled(Filled::ByGenerator), TITLE.unique()]) };

/// Two tables whose indexes would have one name.
pub(crate) static NAMESAKES: [&Table; 2] = [
    &Table { name: "films", ..films(&[ID, Column::of::<i32>("words_count").unique()]) },
    &Table { name: "films_words", ..films(&[ID, Column::of::<i32>("count").unique()]) },
];

/// That both cannot be, as somebody is told who prepares them.
pub(crate) async fn namesakes_are_refused(database: &dyn Database) {
    let refused = database.prepare(&NAMESAKES, true).await;
    let Err(Error::Schema(why)) = refused else { panic!("{refused:?}") };
    let words = "the table `films_words` differs from its model: `count` cannot be indexed";
    assert!(why.to_string().starts_with(words), "{why}");
}

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
