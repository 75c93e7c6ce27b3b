//! Choices as they come and go: the rule that a database has follows the model, and no row is left that cannot be read.

use crate::migrations::{Ground, mongodb, postgres, script, sqlite, text};
use std::sync::Arc;
use tollgate_store::{
    Column, Database, Error, Expr, Kind, Op, Table, Value,
    migrate::{Model, Said, diff},
};

const fn tasks(name: &'static str, status: &'static [Column]) -> Table {
    Table { name, one: "task", about: "", columns: status, id: 0, counted: false, database: None, audited: false }
}
const ID: Column = Column::of::<i32>("task_id");
const fn one_of(name: &'static str, choices: &'static [&'static str]) -> Column {
    Column { kind: Kind::Choice(choices), ..Column::of::<String>(name) }
}
static TWO: Table = tasks("tasks", &[ID, one_of("status", &["open", "closed"])]);
static THREE: Table = tasks("tasks", &[ID, one_of("status", &["open", "closed", "50 %; é"])]);
static ONE: Table = tasks("tasks", &[ID, one_of("status", &["open"])]);
static ANY: Table = tasks("tasks", &[ID, Column::of::<String>("status")]);
static MAYBE: Table = tasks("tasks", &[ID, Column { nullable: true, ..one_of("status", &["open", "50 %; é"]) }]);
static MOVED: Table = tasks("jobs", &[ID, one_of("state", &["open", "50 %; é"])]);

async fn insert(database: &dyn Database, table: &'static Table, id: i64, status: &str) -> Result<(), Error> {
    let row = vec![Value::Int(id), text(status)];
    database.insert(table, Arc::new(vec![row]), 0..1).await.map(drop)
}

async fn count(database: &dyn Database, table: &'static Table, status: &str) -> u64 {
    database.count(table, &Expr::Compare(1, Op::Eq, text(status))).await.unwrap()
}

fn fill(place: &str, with: &str) -> Said {
    Said { fills: [(place.to_owned(), with.to_owned())].into(), ..Said::default() }
}

async fn choices_follow_the_model(Ground { database, write, .. }: Ground, has_rules: bool) {
    let mut scripts = vec![];
    let mut before = Model::default();
    let mut migrate = async |table: &'static Table, said: Said| {
        let changes = diff(&before, &[table], &said)?;
        assert!(!changes.is_empty(), "the model changed");
        said.check_used(&changes)?;
        scripts.push(script(&format!("{:04}", scripts.len()), write(&changes)));
        // As a file: a model is read again before the next change.
        before = serde_json::from_value(serde_json::to_value(Model::of(&[table])).unwrap()).unwrap();
        database.migrate(&scripts, false).await?;
        database.prepare(&[table], false).await
    };
    let database = &*database;
    migrate(&TWO, Said::default()).await.unwrap();
    insert(database, &TWO, 1, "open").await.unwrap();
    insert(database, &TWO, 2, "closed").await.unwrap();
    let refused = insert(database, &TWO, 3, "paused").await;
    assert_eq!(refused.is_err(), has_rules, "{refused:?}");
    database.delete(&TWO, &Expr::In(0, vec![Value::Int(3)])).await.unwrap();

    migrate(&THREE, Said::default()).await.unwrap();
    insert(database, &THREE, 3, "50 %; é").await.unwrap();
    let older = database.prepare(&[&TWO], false).await;
    assert_eq!(older.unwrap(), Vec::<String>::new(), "instances that do not know it go on");

    let Err(Error::Invalid(why)) = migrate(&ONE, Said::default()).await else { panic!("rows may hold the others") };
    assert!(why.to_string().contains("--fill tasks.status=…"), "{why}");
    let Err(Error::Invalid(why)) = migrate(&ONE, fill("tasks.status", "closed")).await else { panic!("no choice") };
    assert!(why.to_string().contains("`closed` is no choice(open)"), "{why}");
    migrate(&ONE, fill("tasks.status", "open")).await.unwrap();
    assert_eq!(count(database, &ONE, "open").await, 3);

    migrate(&ANY, Said::default()).await.unwrap();
    insert(database, &ANY, 4, "it's anything").await.unwrap();
    migrate(&MAYBE, fill("tasks.status", "50 %; é")).await.unwrap();
    assert_eq!((count(database, &MAYBE, "50 %; é").await, count(database, &MAYBE, "open").await), (1, 3));
    let empty = vec![Value::Int(5), Value::Null];
    database.insert(&MAYBE, Arc::new(vec![empty]), 0..1).await.unwrap();

    let renames = [("tasks", "jobs"), ("jobs.status", "state")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    migrate(&MOVED, Said { renames, ..fill("jobs.state", "open") }).await.unwrap();
    assert_eq!((count(database, &MOVED, "50 %; é").await, count(database, &MOVED, "open").await), (1, 4));
    assert_eq!(insert(database, &MOVED, 6, "closed").await.is_err(), has_rules);
}

async fn a_new_choice_is_added_at_the_start_where_that_is_allowed(Ground { database, .. }: Ground, has_rules: bool) {
    database.prepare(&[&TWO], true).await.unwrap();
    let kept = database.prepare(&[&THREE], false).await;
    match kept {
        Err(Error::Schema(why)) if has_rules => {
            let why = why.to_string();
            assert!(why.contains("`status` takes fewer choices there; write a migration"), "{why}");
        }
        other => assert_eq!((other.unwrap(), has_rules), (vec![], false)),
    }
    let done = database.prepare(&[&THREE], true).await.unwrap();
    assert_eq!(!done.is_empty(), has_rules, "{done:?}");
    assert_eq!(database.prepare(&[&THREE], true).await.unwrap(), Vec::<String>::new(), "once");
    insert(&*database, &THREE, 1, "50 %; é").await.unwrap();
}

macro_rules! on {
    ($($module:ident $has_rules:literal)+) => {$(
        mod $module {
            #[tokio::test(flavor = "multi_thread")]
            async fn choices_follow_the_model() {
                super::choices_follow_the_model(super::$module().await, $has_rules).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn a_new_choice_is_added_at_the_start_where_that_is_allowed() {
                let ground = super::$module().await;
                super::a_new_choice_is_added_at_the_start_where_that_is_allowed(ground, $has_rules).await;
            }
        }
    )+};
}
on! {
    sqlite false
    postgres true
    mongodb true
}
