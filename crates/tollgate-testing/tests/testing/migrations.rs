//! Migrations on every database that takes them: what is written leads where the model is, once, whole or not at all.

use crate::films::FIRST;
use std::{borrow::Cow, ops::Range, sync::Arc};
use tollgate_mongodb::MongoDb;
use tollgate_postgres::Postgres;
use tollgate_sqlite::Sqlite;
use tollgate_store::{
    Column, Database, Error, Expr, Filled, Op, Row, Select, Table, Value,
    migrate::{Change, Model, Said, Script, diff},
};
use tollgate_testing::servers;

/// A database of one's own, what writes scripts for it, and what lives as long.
struct Ground {
    database: Arc<dyn Database>,
    write: fn(&[Change]) -> String,
    _folder: tempfile::TempDir,
}

async fn sqlite() -> Ground {
    let folder = tempfile::tempdir().unwrap();
    let database = Arc::new(Sqlite::open(&folder.path().join("app.db")).unwrap());
    Ground { database, write: tollgate_sqlite::script, _folder: folder }
}

async fn postgres() -> Ground {
    let url = format!("{}?schema=test_{}", servers::Postgres::shared(), tollgate::Uuid::now_v7().simple());
    let database = Arc::new(Postgres::open(&url).await.unwrap());
    Ground { database, write: tollgate_postgres::script, _folder: tempfile::tempdir().unwrap() }
}

async fn mongodb() -> Ground {
    let name = format!("/test_{}?", tollgate::Uuid::now_v7().simple());
    let database = Arc::new(MongoDb::open(&servers::Mongo::shared().replace("/?", &name)).await.unwrap());
    Ground { database, write: tollgate_mongodb::script, _folder: tempfile::tempdir().unwrap() }
}

fn script(name: &str, text: impl Into<String>) -> Script {
    let text = text.into();
    Script { name: name.into(), checksum: format!("of {text}"), text }
}

/// Everything an old table can become: a new name, other names, kinds, what may be empty, indexes, columns.
const fn table(name: &'static str, columns: &'static [Column]) -> Table {
    Table { name, one: "film", about: "", columns, id: 0, counted: true, database: None, audited: false }
}
const KEY: Column = Column::of::<i64>("film_id").filled(Filled::ByGenerator);
static OLD: Table = table(
    "films",
    &[
        KEY,
        Column::of::<String>("name").unique(),
        Column::of::<Option<i32>>("year").index(),
        Column::of::<String>("gone"),
        Column::of::<Option<String>>("note"),
        Column::of::<tollgate::Decimal<5, 2>>("price"),
        Column::of::<i32>("length"),
        Column::of::<Option<i32>>("votes"),
        Column::of::<tollgate::ObjectId>("source"),
    ],
);
static NEW: Table = table(
    "movies",
    &[
        KEY,
        Column::of::<String>("title").index(),
        Column::of::<i64>("year").unique(),
        Column::of::<Option<String>>("note"),
        Column::of::<tollgate::Decimal<3, 1>>("rating"),
        Column::of::<Vec<String>>("tags"),
        Column::of::<Option<bool>>("seen"),
        Column::of::<tollgate::Decimal<7, 3>>("price"),
        Column::of::<f64>("length"),
        Column::of::<tollgate::Decimal<13, 2>>("votes"),
        Column::of::<String>("source"),
    ],
);

fn said() -> Said {
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
    let tags = r#"["it's","old"]"#;
    let fills = [("movies.year", "1900"), ("movies.rating", "8.5"), ("movies.tags", tags), ("movies.votes", "0.25")];
    Said { drop: true, renames: pairs(&[("films", "movies"), ("movies.name", "title")]), fills: pairs(&fills) }
}

fn text(text: &str) -> Value<'static> {
    Value::Text(text.to_owned().into())
}

async fn an_old_database_becomes_a_new_one(Ground { database, write, .. }: Ground) {
    let first = script("0001_first", write(&diff(&Model::default(), &[&OLD], &Said::default()).unwrap()));
    assert_eq!(database.migrate(std::slice::from_ref(&first), false).await.unwrap(), ["0001_first"]);
    assert_eq!(database.prepare(&[&OLD], false).await.unwrap(), Vec::<String>::new(), "as the model says");
    let row = |name, year: Value<'static>| {
        let (price, length, source) = (Value::Int(-850), Value::Int(142), text("0123456789abcdef01234567"));
        vec![Value::Int(0), text(name), year.clone(), text("x"), Value::Null, price, length, year, source]
    };
    let rows = vec![row("Alien", Value::Int(1979)), row("Brazil", Value::Null), row("Cube", Value::Int(1997))];
    database.insert(&OLD, Arc::new(rows), 0..3).await.unwrap();
    database.delete(&OLD, &Expr::Compare(1, Op::Eq, text("Cube"))).await.unwrap();
    let second = script("0002_second", write(&diff(&Model::of(&[&OLD]), &[&NEW], &said()).unwrap()));
    let scripts = [first, second];
    assert_eq!(database.migrate(&scripts, false).await.unwrap(), ["0002_second"]);
    assert_eq!(database.migrate(&scripts, false).await.unwrap(), Vec::<String>::new(), "each once");
    assert_eq!(database.prepare(&[&NEW], false).await.unwrap(), Vec::<String>::new(), "as the new model says");
    let [null, zero] = [Value::Null, Value::Int(0)];
    let mut row = vec![zero.clone(), text("Dune"), Value::Int(2021), null.clone(), Value::Int(80), text("[]"), null];
    row.extend([zero.clone(), Value::Float(155.5), zero, text("unknown")]);
    let keys = database.insert(&NEW, Arc::new(vec![row]), 0..1).await.unwrap();
    assert_eq!(keys, [Value::Int(4)], "no key is given twice");
    let old = Expr::All(vec![
        Expr::Compare(2, Op::Eq, Value::Int(1900)),
        Expr::Compare(1, Op::Eq, text("Brazil")),
        Expr::Compare(4, Op::Eq, Value::Int(85)),
        Expr::Has(5, "it's".into()),
        Expr::IsNull(6),
    ]);
    assert_eq!(database.count(&NEW, &old).await.unwrap(), 1, "what was there is there");
    assert_eq!(cells(&*database, "Alien", 7..11).await, ALIEN, "in whatever kind");
    assert_eq!(cells(&*database, "Brazil", 9..10).await, [Value::Int(25)]);
    assert_eq!(database.history().await.unwrap().len(), 2);
}

const ALIEN: [Value<'static>; 4] = [
    Value::Int(-8500),
    Value::Float(142.0),
    Value::Int(197_900),
    Value::Text(Cow::Borrowed("0123456789abcdef01234567")),
];

async fn cells(database: &dyn Database, title: &str, columns: Range<usize>) -> Vec<Value<'static>> {
    let filter = Expr::Compare(1, Op::Eq, text(title));
    let select = Select { table: &NEW, filter, order: vec![], limit: None };
    let mut cells = vec![];
    let mut each = |row: &dyn Row| {
        for column in columns.clone() {
            cells.push(row.value(column)?.into_owned());
        }
        Ok(())
    };
    database.select(&select, &mut each).await.unwrap();
    cells
}

async fn one_of_ten_instances_migrates(Ground { database, write, .. }: Ground) {
    let scripts: Arc<[Script]> = vec![
        script("0001_first", write(&[Change::Create(&OLD)])),
        script("0002_next", write(&[Change::Create(&FIRST_BUT_OTHER)])),
    ]
    .into();
    let start = |_| {
        let (database, scripts) = (Arc::clone(&database), Arc::clone(&scripts));
        tokio::spawn(async move { database.migrate(&scripts, false).await.unwrap() })
    };
    let mut applied = vec![];
    for instance in (0..10).map(start).collect::<Vec<_>>() {
        applied.extend(instance.await.unwrap());
    }
    applied.sort();
    assert_eq!(applied, ["0001_first", "0002_next"]);
}
static FIRST_BUT_OTHER: Table = Table { name: "others", ..table("", &[Column::of::<i64>("other_id")]) };

/// The second script has a good part and a bad one.
async fn a_script_that_fails_leaves_nothing(Ground { database, write, .. }: Ground, bad: &str, words: &str) {
    let scripts = [
        script("0001_first", write(&[Change::Create(&OLD)])),
        script("0002_bad", write(&[Change::Create(&FIRST_BUT_OTHER)]) + bad),
    ];
    let Err(Error::Schema(why)) = database.migrate(&scripts, false).await else { panic!() };
    let why = why.to_string();
    assert!(why.contains("0002_bad") && why.contains(words) && why.contains("nothing of it was kept"), "{why}");
    assert_eq!(database.history().await.unwrap().len(), 1, "the first one stays");
    assert!(matches!(database.prepare(&[&FIRST_BUT_OTHER], false).await, Err(Error::Schema(_))), "no half table");
    let mended = [scripts[0].clone(), script("0002_bad", write(&[Change::Create(&FIRST_BUT_OTHER)]))];
    assert_eq!(database.migrate(&mended, false).await.unwrap(), ["0002_bad"]);
    let changed = [script("0001_first", "-- nothing"), mended[1].clone()];
    let Err(Error::Schema(why)) = database.migrate(&changed, false).await else { panic!() };
    assert!(why.to_string().contains("was changed after it was applied"), "{why}");
}

/// Development added what it needed; then came migrations.
async fn what_is_there_already_is_adopted(Ground { database, write, .. }: Ground) {
    database.prepare(&[&FIRST], true).await.unwrap();
    let scripts = [script("0001_first", write(&[Change::Create(&FIRST)]))];
    assert_eq!(database.migrate(&scripts, true).await.unwrap(), ["0001_first"]);
    assert_eq!(database.migrate(&scripts, false).await.unwrap(), Vec::<String>::new());
}

macro_rules! on {
    ($($module:ident)+) => {$(
        mod $module {
            #[tokio::test(flavor = "multi_thread")]
            async fn an_old_database_becomes_a_new_one() {
                super::an_old_database_becomes_a_new_one(super::$module().await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn one_of_ten_instances_migrates() {
                super::one_of_ten_instances_migrates(super::$module().await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn what_is_there_already_is_adopted() {
                super::what_is_there_already_is_adopted(super::$module().await).await;
            }
        }
    )+};
}
on! {
    sqlite
    postgres
    mongodb
}

#[tokio::test(flavor = "multi_thread")]
async fn in_sqlite_a_script_that_fails_leaves_nothing() {
    let bad = "INSERT INTO others VALUES (1);\nINSERT INTO nowhere VALUES (1);";
    a_script_that_fails_leaves_nothing(sqlite().await, bad, "statement 3: no such table: nowhere").await;
    let Ground { database, .. } = sqlite().await;
    let ends = [script("0001_ends", "CREATE TABLE a (b INTEGER);\n-- and now\n commit; CREATE TABLE c (d INTEGER);")];
    let Err(Error::Schema(why)) = database.migrate(&ends, false).await else { panic!() };
    assert!(why.to_string().contains("is one transaction"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_postgres_a_script_that_fails_leaves_nothing() {
    let bad =
        "INSERT INTO others VALUES (1);\n-- a comment; with a semicolon\nDO $$ BEGIN PERFORM 1; END $$;\nSELEC 1;";
    a_script_that_fails_leaves_nothing(postgres().await, bad, "line ").await;
}
