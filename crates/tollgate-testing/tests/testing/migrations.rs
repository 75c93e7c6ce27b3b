//! Migrations on every database that takes them: what is written leads where the model is, once, whole or not at all.

use crate::films::FIRST;
use std::{borrow::Cow, ops::Range, pin::Pin, sync::Arc};
use tempfile::TempDir;
use tollgate::{Decimal, Timestamp};
use tollgate_mongodb::MongoDb;
use tollgate_postgres::Postgres;
use tollgate_sqlite::Sqlite;
use tollgate_store::{
    Column, Database, Error, Expr, Filled, Op, Row, Select, Table, Value,
    migrate::{Change, Model, Said, Script, diff},
};
use tollgate_testing::servers;

/// A database of one's own, what opens it once more, what writes scripts for it, and what lives as long.
pub(crate) struct Ground {
    pub database: Arc<dyn Database>,
    open: Box<dyn Fn() -> Opening + Send>,
    pub write: fn(&[Change]) -> String,
    _folder: TempDir,
}

type Opening = Pin<Box<dyn Future<Output = Arc<dyn Database>> + Send>>;

impl Ground {
    async fn new(open: impl Fn() -> Opening + Send + 'static, write: fn(&[Change]) -> String, folder: TempDir) -> Self {
        Self { database: open().await, open: Box::new(open), write, _folder: folder }
    }
}

pub(crate) async fn sqlite() -> Ground {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let open = move || -> Opening {
        let path = path.clone();
        Box::pin(async move { Arc::new(Sqlite::open(&path).unwrap()) as _ })
    };
    Ground::new(open, tollgate_sqlite::script, folder).await
}

pub(crate) async fn postgres() -> Ground {
    let url = format!("{}?schema=test_{}", servers::Postgres::shared(), tollgate::Uuid::now_v7().simple());
    let open = move || -> Opening {
        let url = url.clone();
        Box::pin(async move { Arc::new(Postgres::open(&url).await.unwrap()) as _ })
    };
    Ground::new(open, tollgate_postgres::script, tempfile::tempdir().unwrap()).await
}

pub(crate) async fn mongodb() -> Ground {
    let name = format!("/test_{}?", tollgate::Uuid::now_v7().simple());
    let url = servers::Mongo::shared().replace("/?", &name);
    let open = move || -> Opening {
        let url = url.clone();
        Box::pin(async move { Arc::new(MongoDb::open(&url).await.unwrap()) as _ })
    };
    Ground::new(open, tollgate_mongodb::script, tempfile::tempdir().unwrap()).await
}

pub(crate) fn script(name: &str, text: impl Into<String>) -> Script {
    let text = text.into();
    Script { name: name.into(), checksum: format!("of {text}"), text }
}

/// Everything an old table can become: a new name, other names, kinds, what may be empty, indexes, columns.
const fn table(name: &'static str, columns: &'static [Column]) -> Table {
    Table { name, one: "film", about: "", columns, id: 0, counted: true, database: None, audited: false }
}
const KEY: Column = Column::of::<i64>("film_id").filled(Filled::ByGenerator);
pub(crate) static OLD: Table = table(
    "films",
    &[
        KEY,
        Column::of::<String>("name").unique(),
        Column::of::<Option<i32>>("year").index(),
        Column::of::<String>("gone"),
        Column::of::<Option<String>>("note"),
        Column::of::<Decimal<5, 2>>("price"),
        Column::of::<i32>("length"),
        Column::of::<Option<i32>>("votes"),
        Column::of::<tollgate::ObjectId>("source"),
    ],
);
pub(crate) static NEW: Table = table(
    "movies",
    &[
        KEY,
        Column::of::<String>("title").index(),
        Column::of::<i64>("year").unique(),
        Column::of::<Option<String>>("note"),
        Column::of::<Decimal<3, 1>>("rating"),
        Column::of::<Vec<String>>("tags"),
        Column::of::<Option<bool>>("seen"),
        Column::of::<Decimal<7, 3>>("price"),
        Column::of::<f64>("length"),
        Column::of::<Decimal<13, 2>>("votes"),
        Column::of::<String>("source"),
    ],
);

pub(crate) fn said() -> Said {
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
    let tags = r#"["it's","old"]"#;
    let fills = [("movies.year", "1900"), ("movies.rating", "8.5"), ("movies.tags", tags), ("movies.votes", "0.25")];
    let renames = pairs(&[("films", "movies"), ("movies.name", "title")]);
    Said { drop: true, renames, fills: pairs(&fills), ..Said::default() }
}

pub(crate) fn text(text: &str) -> Value<'static> {
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

/// Empty cells are not equal, whatever the index was made for.
async fn a_unique_column_becomes_optional(Ground { database, write, .. }: Ground) {
    const fn coded(column: Column) -> [Column; 2] {
        [KEY, column]
    }
    static MUST: Table = table("codes", &coded(Column::of::<String>("code").unique()));
    static MAY: Table = table("codes", &coded(Column::of::<Option<String>>("code").unique()));
    let change = diff(&Model::of(&[&MUST]), &[&MAY], &Said::default()).unwrap();
    let scripts = [script("0001_first", write(&[Change::Create(&MUST)])), script("0002_may", write(&change))];
    database.migrate(&scripts, false).await.unwrap();
    assert_eq!(database.prepare(&[&MAY], false).await.unwrap(), Vec::<String>::new(), "as the model says");
    let add = async |code: Value<'static>| database.insert(&MAY, Arc::new(vec![vec![Value::Int(0), code]]), 0..1).await;
    for code in [text("A"), Value::Null, Value::Null] {
        add(code).await.unwrap();
    }
    assert!(matches!(add(text("A")).await, Err(Error::Conflict { .. })));
}

/// Each has a database of its own in hand: what they take turns by is in the one they share.
async fn one_of_ten_instances_migrates(Ground { open, write, .. }: Ground) {
    let scripts: Arc<[Script]> = vec![
        script("0001_first", write(&[Change::Create(&OLD)])),
        script("0002_next", write(&[Change::Create(&FIRST_BUT_OTHER)])),
    ]
    .into();
    let start = |_| {
        let (database, scripts) = (open(), Arc::clone(&scripts));
        tokio::spawn(async move { database.await.migrate(&scripts, false).await.unwrap() })
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

/// What is kept as the same type means something else: nobody reads prices as ten times what they are.
async fn a_column_of_another_kind_is_seen(Ground { open, write, .. }: Ground) {
    const fn films(column: Column) -> [Column; 2] {
        [KEY, column]
    }
    static CENTS: Table = table("films", &films(Column::of::<Option<Decimal<5, 2>>>("price")));
    static DIMES: Table = table("films", &films(Column::of::<Option<Decimal<5, 1>>>("price")));
    static RENAMED: Table = table("films", &films(Column::of::<Option<Decimal<5, 2>>>("cost")));
    static RENAMED_DIMES: Table = table("films", &films(Column::of::<Option<Decimal<5, 1>>>("cost")));
    static NUMBER: Table = table("counts", &films(Column::of::<i64>("number")));
    static MOMENT: Table = table("counts", &films(Column::of::<Timestamp>("number")));
    static LESS: Table = table("films", &[KEY]);
    let refused = async |database: &dyn Database, table| match database.prepare(&[table], true).await {
        Err(Error::Schema(why)) => why.to_string(),
        other => panic!("{other:?}"),
    };
    let database = open().await;
    database.prepare(&[&NUMBER, &LESS], true).await.unwrap();
    database.prepare(&[&CENTS], true).await.unwrap();
    assert!(refused(&*database, &MOMENT).await.contains("`number` is "));
    let said = refused(&*database, &DIMES).await;
    assert!(said.contains("`price` is ") && said.contains("(5,2) there and ") && said.contains("(5,1) here"), "{said}");
    let said = Said { renames: [("films.price".into(), "cost".into())].into(), ..Said::default() };
    let changes = diff(&Model::of(&[&CENTS]), &[&RENAMED], &said).unwrap();
    database.migrate(&[script("0001_rename", write(&changes))], false).await.unwrap();
    database.prepare(&[&RENAMED, &NUMBER], false).await.unwrap();
    assert!(refused(&*database, &RENAMED_DIMES).await.contains("`cost` is "));
}

/// In whatever disguise.
async fn no_script_ends_its_transaction(Ground { database, .. }: Ground, ends: &[&str]) {
    let start = "CREATE TABLE kept (it INTEGER)";
    for end in ends {
        let bad = script("0001_ends", format!("{start};{end}; CREATE TABLE other (it INTEGER);"));
        match database.migrate(&[bad], false).await {
            Err(Error::Schema(why)) => {
                assert!(why.to_string().contains("a migration is one transaction"), "{end}: {why}");
            }
            other => panic!("{end}: {other:?}"),
        }
        assert_eq!(database.history().await.unwrap(), []);
    }
    let good = [script("0001_ends", format!("{start}; /* COMMIT; */ -- COMMIT;\n"))];
    assert_eq!(database.migrate(&good, false).await.unwrap(), ["0001_ends"], "nothing was kept");
}

macro_rules! on {
    ($($module:ident)+) => {$(
        mod $module {
            #[tokio::test(flavor = "multi_thread")]
            async fn an_old_database_becomes_a_new_one() {
                super::an_old_database_becomes_a_new_one(super::$module().await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn a_unique_column_becomes_optional() {
                super::a_unique_column_becomes_optional(super::$module().await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn one_of_ten_instances_migrates() {
                super::one_of_ten_instances_migrates(super::$module().await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn a_column_of_another_kind_is_seen() {
                super::a_column_of_another_kind_is_seen(super::$module().await).await;
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
}

/// SQLite deletes the rows of a table before it drops it, and what refers to them.
#[tokio::test(flavor = "multi_thread")]
async fn in_sqlite_a_copied_table_takes_no_rows_along_that_refer_to_it() {
    const fn priced(column: Column) -> [Column; 2] {
        [KEY, column]
    }
    static CENTS: Table = table("prices", &priced(Column::of::<Decimal<5, 2>>("price")));
    static FINER: Table = table("prices", &priced(Column::of::<Decimal<7, 3>>("price")));
    let Ground { database, write, _folder, .. } = sqlite().await;
    let refer = "CREATE TABLE tags (of INTEGER REFERENCES prices ON DELETE CASCADE);
        INSERT INTO prices VALUES (1, 250); INSERT INTO tags VALUES (1);";
    let finer = diff(&Model::of(&[&CENTS]), &[&FINER], &Said::default()).unwrap();
    let mut scripts = vec![
        script("0001_first", write(&[Change::Create(&CENTS)]) + refer),
        script("0002_finer", write(&finer)),
        script("0003_still_there", "INSERT INTO prices SELECT of + 1, 1 FROM tags"),
    ];
    assert_eq!(database.migrate(&scripts, false).await.unwrap().len(), 3);
    assert_eq!(database.count(&FINER, &Expr::EVERY).await.unwrap(), 2, "the row that refers was there");
    scripts.push(script("0004_torn", "DELETE FROM prices WHERE film_id = 1"));
    let Err(Error::Schema(why)) = database.migrate(&scripts, false).await else { panic!() };
    assert!(why.to_string().contains("rows of `tags` would refer to rows of `prices`"), "{why}");
    assert_eq!(database.count(&FINER, &Expr::EVERY).await.unwrap(), 2, "nothing of it was kept");
    let referred = database.delete(&FINER, &Expr::In(0, vec![Value::Int(1)])).await;
    assert_eq!(referred.unwrap(), 1, "as it was said: its tags go along");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_sqlite_no_script_ends_its_transaction() {
    let ends =
        ["COMMIT", "\n-- and now\n commit", "/* so; */ COMMIT", ";;END", "ROLLBACK", "/**/--\n\u{feff}RELEASE work"];
    no_script_ends_its_transaction(sqlite().await, &ends).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_postgres_no_script_ends_its_transaction() {
    let ends = ["COMMIT", "/* /* so; */ */ COMMIT AND CHAIN", ";;END", "ROLLBACK", "ABORT", "SELECT 'it''s'; COMMIT"];
    no_script_ends_its_transaction(postgres().await, &ends).await;
}

/// As a careful DBA grants it: a schema, and nothing of the database.
#[tokio::test(flavor = "multi_thread")]
async fn in_postgres_rights_on_the_schema_are_enough() {
    let (server, name) = (servers::Postgres::shared(), format!("owner_{}", tollgate::Uuid::now_v7().simple()));
    let make = format!(
        "CREATE ROLE {name} LOGIN PASSWORD 'password'; CREATE SCHEMA {name}; GRANT USAGE, CREATE ON SCHEMA {name} TO {name}"
    );
    servers::psql(&server, &make);
    let url = format!("{}?schema={name}", server.replace("postgres@", &format!("{name}:password@")));
    let database = Postgres::open(&url).await.unwrap();
    let scripts = [script("0001_first", tollgate_postgres::script(&[Change::Create(&FIRST)]))];
    assert_eq!(database.migrate(&scripts, false).await.unwrap(), ["0001_first"]);
    assert_eq!(database.prepare(&[&FIRST], false).await.unwrap(), Vec::<String>::new());
    servers::psql(&server, &format!("REVOKE CREATE ON SCHEMA {name} FROM {name}"));
    let next =
        [scripts[0].clone(), script("0002_next", tollgate_postgres::script(&[Change::Create(&FIRST_BUT_OTHER)]))];
    let Err(Error::Schema(why)) = database.migrate(&next, false).await else { panic!() };
    assert!(why.to_string().contains("permission denied"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_postgres_a_script_that_fails_leaves_nothing() {
    let bad =
        "INSERT INTO others VALUES (1);\n-- a comment; with a semicolon\nDO $$ BEGIN PERFORM 1; END $$;\nSELEC 1;";
    a_script_that_fails_leaves_nothing(postgres().await, bad, "line ").await;
}
