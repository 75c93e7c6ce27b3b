//! Tables follow the model where that is safe, and say what to do where it is not.

use super::{fresh, on};
use crate::films::{self, BY_TITLE, DEMANDING, FIRST, GROWN, NUMBERED, OPTIONAL, OWNED, UNTITLED};
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::sleep;
use tollgate_postgres::Postgres;
use tollgate_store::{Column, Driver, Error, Expr, Order, Select, Table, Value};
use tollgate_testing::servers::{self, psql};

async fn prepare(url: &str, table: &'static Table, additive: bool) -> Result<Vec<String>, String> {
    films::prepare(&Postgres::open(url).await.unwrap(), table, additive).await
}

/// A schema in which somebody else has been at work.
fn schema(sql: &str) -> (String, String) {
    let (url, schema) = fresh();
    on(&schema, sql);
    (url, schema)
}

fn indexes(schema: &str) -> String {
    let ask = "SELECT string_agg(indexname, ' ' ORDER BY indexname COLLATE \"C\") FROM pg_indexes";
    on(schema, &format!("{ask} WHERE schemaname = '{schema}' AND indexname NOT LIKE '%_pkey'"))
}

#[tokio::test]
async fn a_missing_table_is_created_with_its_schema_and_indexes() {
    let (url, schema) = fresh();
    let said = [format!("created the schema `{schema}`"), "created the table `films`".into()];
    assert_eq!(prepare(&url, &GROWN, true).await.unwrap(), said);
    assert_eq!(indexes(&schema), "films_code_key films_rating_idx films_title_key");
    assert_eq!(prepare(&url, &OWNED, true).await.unwrap(), ["created the table `reviews`"]);
    assert!(indexes(&schema).contains("reviews_owner_idx"), "owners are searched by in every query");
}

#[tokio::test]
async fn two_indexes_of_one_name_are_refused() {
    let (url, schema) = fresh();
    films::namesakes_are_refused(&Postgres::open(&url).await.unwrap()).await;
    assert_eq!(indexes(&schema), "", "nothing is made of either");
}

#[tokio::test]
async fn columns_that_may_be_empty_and_indexes_are_added() {
    let (url, schema) = schema(
        "CREATE TABLE films (film_id int PRIMARY KEY, title text NOT NULL); \
                                INSERT INTO films VALUES (1, 'Alien')",
    );
    assert_eq!(
        prepare(&url, &GROWN, true).await.unwrap(),
        [
            "added the column `rating` to `films`",
            "added the column `code` to `films`",
            "added an index on `title` to `films`",
            "added an index on `rating` to `films`",
            "added an index on `code` to `films`",
        ]
    );
    assert_eq!(indexes(&schema), "films_code_key films_rating_idx films_title_key");
    assert_eq!(on(&schema, "SELECT title FROM films WHERE rating IS NULL"), "Alien");
    for additive in [true, false] {
        assert_eq!(prepare(&url, &GROWN, additive).await.unwrap(), Vec::<String>::new(), "twice changes nothing");
    }
}

#[tokio::test]
async fn somebody_elses_indexes_types_and_optional_columns_are_welcome() {
    let (url, schema) = schema(
        "CREATE TABLE films (film_id smallint PRIMARY KEY, title varchar(20) NOT NULL UNIQUE, rating float8, code text, \
         extra bytea, filled int NOT NULL DEFAULT 7); \
         CREATE INDEX mine ON films (rating, extra); CREATE UNIQUE INDEX codes ON films (code);",
    );
    assert_eq!(prepare(&url, &GROWN, false).await.unwrap(), Vec::<String>::new());
    assert_eq!(prepare(&url, &GROWN, true).await.unwrap(), Vec::<String>::new());
    assert_eq!(indexes(&schema), "codes films_title_key mine");
}

#[tokio::test]
async fn texts_that_are_equal_though_not_the_same_are_refused() {
    let (url, _) = schema(
        "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
         CREATE TABLE films (film_id int PRIMARY KEY, title text COLLATE loose NOT NULL)",
    );
    let refused = prepare(&url, &FIRST, true).await.unwrap_err();
    assert!(refused.contains("`title` is text COLLATE loose there and text here"), "{refused}");
}

#[tokio::test]
async fn lists_of_short_texts_are_read() {
    static TAGGED: Table = Table {
        columns: &[Column::of::<i32>("film_id"), Column::of::<String>("title"), Column::of::<Vec<String>>("tags")],
        ..FIRST
    };
    let (url, _) = schema(
        "CREATE TABLE films (film_id int PRIMARY KEY, title text NOT NULL, tags varchar(9)[] NOT NULL); \
         INSERT INTO films VALUES (1, 'Alien', '{cat,ship}')",
    );
    assert_eq!(prepare(&url, &TAGGED, false).await.unwrap(), Vec::<String>::new());
    let database = Postgres::open(&url).await.unwrap();
    let select = Select { table: &TAGGED, filter: Expr::Has(2, "cat".into()), order: vec![], limit: None };
    let mut tags = vec![];
    let mut each = |row: &dyn tollgate_store::Row| {
        tags.push(row.value(2)?.into_owned());
        Ok(())
    };
    database.select(&select, &mut each).await.unwrap();
    assert_eq!(tags, [Value::Text(r#"["cat","ship"]"#.into())]);
}

#[tokio::test]
async fn text_sorts_by_code_point_whatever_the_collation_of_its_column() {
    let (url, _) = schema(
        "CREATE TABLE films (film_id int PRIMARY KEY, title varchar(9) NOT NULL); \
         INSERT INTO films VALUES (1, 'b'), (2, 'B'), (3, 'é'), (4, 'a'), (5, 'Z')",
    );
    let database = Postgres::open(&url).await.unwrap();
    let order = vec![Order { column: 1, descending: false }];
    let select = Select { table: &FIRST, filter: Expr::EVERY, order, limit: None };
    let mut keys = vec![];
    let mut each = |row: &dyn tollgate_store::Row| {
        keys.push(row.value(0)?.into_owned());
        Ok(())
    };
    database.select(&select, &mut each).await.unwrap();
    assert_eq!(keys, [2, 5, 4, 1, 3].map(Value::Int));
}

#[tokio::test]
async fn what_does_not_fit_a_narrower_column_is_refused() {
    let (url, _) =
        schema("CREATE TABLE films (film_id smallint PRIMARY KEY, title varchar(3) NOT NULL CHECK (title <> 'x'))");
    let database = Postgres::open(&url).await.unwrap();
    let insert = async |id: i64, title: &'static str| {
        let rows = vec![vec![Value::Int(id), Value::Text(title.into())]];
        database.insert(&FIRST, std::sync::Arc::new(rows), 0..1).await
    };
    insert(1, "abc").await.unwrap();
    for (id, title, words) in [(2, "abcd", "too long"), (40_000, "a", "out of range"), (3, "x", "check constraint")] {
        match insert(id, title).await {
            Err(Error::Rejected(why)) => assert!(why.to_string().contains(words), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn differences_that_need_a_decision_are_refused_with_table_column_and_remedy() {
    let (url, _) = schema("CREATE TABLE films (film_id int NOT NULL PRIMARY KEY, title text NOT NULL)");
    let refusals: [(&'static Table, &str); 5] = [
        (&NUMBERED, "`title` is text there and int8 here; change the field's type, or migrate the column"),
        (
            &OPTIONAL,
            "`title` may not be empty there and may here; make the field an `Option` or not, or migrate the column",
        ),
        (
            &DEMANDING,
            "`released` is missing there and may not be empty; make the field an `Option`; or write a migration that says \
             what its rows get, `migrate diff NAME --fill films.released=VALUE`, and apply it with `migrate run`; or remove \
             the table, where its rows may go",
        ),
        (&UNTITLED, "`title` must be filled there and is not in the model; add it to the struct, or drop it"),
        (&BY_TITLE, "`title` is the key here and not there; move `#[id]`, or migrate the table"),
    ];
    for (table, words) in refusals {
        let refused = prepare(&url, table, true).await.unwrap_err();
        assert_eq!(refused, format!("the table `films` differs from its model: {words}"));
    }
    assert_eq!(prepare(&url, &FIRST, false).await.unwrap(), Vec::<String>::new(), "nothing was changed meanwhile");
}

#[tokio::test]
async fn who_fills_a_column_is_the_same_here_and_there() {
    static COUNTED: Table = Table { counted: true, ..FIRST };
    let refused = async |column: &str, table: &'static Table| {
        let (url, _) = schema(&format!("CREATE TABLE films ({column})"));
        prepare(&url, table, true).await.map(drop)
    };
    assert_eq!(
        refused("film_id int PRIMARY KEY, title text NOT NULL", &COUNTED).await.unwrap_err(),
        "the table `films` differs from its model: `film_id` is counted here and not there; ALTER TABLE \"films\" ALTER \
         COLUMN \"film_id\" ADD GENERATED BY DEFAULT AS IDENTITY, or drop `generated` from `#[id]`"
    );
    let always = "film_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL";
    refused(always, &COUNTED).await.unwrap();
    let why = refused(always, &FIRST).await.unwrap_err();
    assert!(why.contains("`film_id` is filled by the app here and always by the server there"), "{why}");
    let computed = "film_id int PRIMARY KEY, title text NOT NULL GENERATED ALWAYS AS ('a') STORED";
    let why = refused(computed, &FIRST).await.unwrap_err();
    assert!(why.contains("`title` is filled by the app here and always by the server there"), "{why}");
    for counts in ["film_id serial PRIMARY KEY", "film_id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"] {
        refused(&format!("{counts}, title text NOT NULL"), &COUNTED).await.unwrap();
    }
}

/// What a thread logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn who_waits_for_another_instance_that_changes_the_schema_says_so() {
    let server = servers::Postgres::start();
    let database = Postgres::open(&server.url()).await.unwrap();
    let mut other = tollgate_postgres::tokio_postgres::Config::new();
    other.host("127.0.0.1").port(server.port()).user("postgres");
    let (other, connection) = other.connect(tollgate_postgres::tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    other.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(x'746f6c6c67617465'::int8)").await.unwrap();
    let (log, preparing) = (Log::default(), films::prepare(&database, &FIRST, true));
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().without_time().with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (done, ()) = tokio::join!(preparing, async {
        sleep(Duration::from_millis(2500)).await;
        other.batch_execute("COMMIT").await.unwrap();
    });
    assert_eq!(done.unwrap(), ["created the table `films`"]);
    let said = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(said.contains("waits for another instance, which changes the schema"), "{said}");
}

#[tokio::test]
async fn indexes_of_long_names_are_told_apart() {
    macro_rules! long {
        ($end:literal) => {
            concat!("a_column_with_a_name_that_says_more_than_an_index_can_keep_", $end)
        };
    }
    const ONE: Column = Column::of::<Option<String>>(long!("1")).unique();
    const TWO: Column = Column::of::<Option<String>>(long!("2")).unique();
    static LONG: Table = Table { name: "long", columns: &[KEY, ONE, TWO], ..FIRST };
    const KEY: Column = Column::of::<i32>("film_id");
    let (url, schema) = fresh();
    prepare(&url, &LONG, true).await.unwrap();
    assert_eq!(indexes(&schema).split(' ').count(), 2);
    assert_eq!(prepare(&url, &LONG, false).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn where_nothing_may_be_added_everything_missing_is_refused() {
    let remedy = "write a migration with `migrate diff` and apply it with `migrate run`, or allow additive changes with \
                  `database.additive = true`";
    let (url, schema) = schema("SELECT 1");
    let refused = prepare(&url, &FIRST, false).await.unwrap_err();
    assert_eq!(refused, format!("the table `films` is missing; {remedy}"));
    prepare(&url, &FIRST, true).await.unwrap();
    let refused = prepare(&url, &GROWN, false).await.unwrap_err();
    assert_eq!(refused, format!("the table `films` differs from its model: `rating` is missing there; {remedy}"));
    on(&schema, "ALTER TABLE films ADD rating float8; ALTER TABLE films ADD code text");
    let refused = prepare(&url, &GROWN, false).await.unwrap_err();
    assert_eq!(refused, format!("the table `films` differs from its model: `title` is not unique there; {remedy}"));
}

#[tokio::test]
async fn a_column_with_duplicates_does_not_become_unique() {
    let (url, schema) = schema(
        "CREATE TABLE films (film_id int PRIMARY KEY, title text NOT NULL); \
                                INSERT INTO films VALUES (1, 'Alien'), (2, 'Alien')",
    );
    let refused = prepare(&url, &GROWN, true).await.unwrap_err();
    assert!(refused.contains("`films`") && refused.contains("`title` has the same value in several rows"), "{refused}");
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_schema =";
    assert_eq!(on(&schema, &format!("{columns} '{schema}'")), "2", "nothing is half done");
}

#[tokio::test]
async fn an_index_whose_name_another_table_has_is_not_passed_over() {
    let (url, schema) = schema("CREATE TABLE films (film_id int PRIMARY KEY, title text UNIQUE)");
    on(&schema, "ALTER TABLE films RENAME TO old_films");
    let refused = prepare(&url, &GROWN, true).await.unwrap_err();
    let words = "`title` cannot be indexed, for there is something else with the index's name, `films_title_key`";
    assert!(refused.contains(words), "{refused}");
    on(&schema, "ALTER INDEX films_title_key RENAME TO old_films_title_key");
    prepare(&url, &GROWN, true).await.unwrap();
    assert_eq!(prepare(&url, &GROWN, false).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_table_of_the_same_name_elsewhere_is_another_table() {
    let (url, schema) = fresh();
    let name = format!("{schema}_elsewhere");
    psql(
        &tollgate_testing::servers::Postgres::shared(),
        &format!("CREATE SCHEMA {name}; CREATE TABLE {name}.films (it int)"),
    );
    let path = format!("{url}&options=-csearch_path%3D{name},{schema}");
    assert_eq!(prepare(&path, &FIRST, true).await.unwrap().len(), 2);
    let database = Postgres::open(&path).await.unwrap();
    assert_eq!(database.count(&FIRST, &Expr::EVERY).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_start_at_once_prepare_once() {
    let (url, schema) = fresh();
    let start = |_| {
        let url = url.clone();
        tokio::spawn(async move { prepare(&url, &GROWN, true).await.unwrap() })
    };
    let mut said = vec![];
    for task in (0..10).map(start).collect::<Vec<_>>() {
        said.extend(task.await.unwrap());
    }
    assert_eq!(said, [format!("created the schema `{schema}`"), "created the table `films`".into()]);
}

#[tokio::test]
async fn a_table_that_was_there_before_is_used_as_it_is() {
    /// As somebody else wrote it, years ago.
    #[tollgate::resource(plural = "movies")]
    struct Movie {
        #[id(generated)]
        movie_id: i32,
        title: String,
        released: i32,
        rating: tollgate::Decimal<2, 1>,
    }
    let (url, _) = schema(
        "CREATE TABLE movies (movie_id serial PRIMARY KEY, title varchar(200) NOT NULL, released int NOT NULL, \
         rating numeric(2,1) NOT NULL); INSERT INTO movies (title, released, rating) VALUES ('Alien', 1979, 8.5)",
    );
    let database = std::sync::Arc::new(Postgres::open(&url).await.unwrap());
    let table = <Movie as tollgate::Resource>::TABLE;
    assert_eq!(prepare(&url, table, false).await.unwrap(), Vec::<String>::new());
    let movies = tollgate::Store::<Movie>::new(database, std::sync::Arc::new(tollgate::SystemClock::default()));
    let new = NewMovie { title: "Brazil".into(), released: 1985, rating: "7.9".parse().unwrap() };
    movies.insert(&super::faults::may(), new).await.unwrap();
    let good = Movie::RATING.gte("7.9".parse::<tollgate::Decimal<2, 1>>().unwrap());
    let found = movies.find(&super::faults::may(), good).sort(Movie::RATING.asc()).all().await.unwrap();
    assert_eq!(found.iter().map(|movie| movie.rating.to_string()).collect::<Vec<_>>(), ["7.9", "8.5"]);
    let (url, _) = schema(
        "CREATE TABLE movies (movie_id int PRIMARY KEY, title text NOT NULL, released int NOT NULL, \
                           rating numeric(3,2) NOT NULL)",
    );
    let said = prepare(&url, table, true).await.unwrap_err();
    assert!(said.contains("`rating` is numeric(3,2) there and numeric(2,1) here"), "{said}");
}
