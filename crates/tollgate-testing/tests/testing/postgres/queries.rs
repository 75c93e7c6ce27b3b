//! SQL of the app's own, where PostgreSQL is more than others: functions that are tables, types that no field has.

use super::{fresh, on};
use std::sync::Arc;
use tokio::task::block_in_place;
use tollgate::{Actor, Decimal, Filter, Resource, Store, StoreError as Error, SystemClock, params, resource};
use tollgate_access::Identity;
use tollgate_postgres::Postgres;
use tollgate_sqlite::Sqlite;
use tollgate_store::Database;

/// A film that somebody saw.
#[resource(plural = "films")]
#[derive(Eq)]
struct Film {
    #[id]
    film_id: i32,
    #[owner]
    seen_by: String,
    title: String,
    stars: i64,
}

/// Functions that return rows of the table, rows like them, and rows of another shape; and one that writes.
const FUNCTIONS: &str = "
    CREATE FUNCTION best(lowest int8) RETURNS SETOF films LANGUAGE sql STABLE
        AS 'SELECT * FROM films WHERE stars >= lowest';
    CREATE FUNCTION doubled() RETURNS TABLE (stars int8, title text, film_id int4, seen_by text) LANGUAGE plpgsql AS $$
        BEGIN RETURN QUERY SELECT f.stars * 2, f.title, f.film_id, f.seen_by FROM films AS f; END $$;
    CREATE FUNCTION per_star() RETURNS TABLE (stars int8, how_many int8) LANGUAGE sql
        AS 'SELECT stars, count(*) FROM films GROUP BY stars';
    CREATE FUNCTION forget() RETURNS SETOF films LANGUAGE sql AS 'DELETE FROM films RETURNING *';";

struct Cinema {
    database: Arc<dyn Database>,
    films: Store<Film>,
    schema: String,
}

/// Two films of Ann's, one of Bob's, and the functions.
async fn cinema() -> Cinema {
    let (url, schema) = fresh();
    let database: Arc<dyn Database> = Arc::new(Postgres::open(&format!("{url}&statement_timeout=2")).await.unwrap());
    database.prepare(&[Film::TABLE], true).await.unwrap();
    let functions = FUNCTIONS.replace(" films", &format!(" {schema}.films"));
    block_in_place(|| on(&schema, &functions));
    let films = Store::<Film>::new(Arc::clone(&database), Arc::new(SystemClock::default()));
    for (film_id, seen_by, title, stars) in [(1, "ann", "Alien", 4), (2, "ann", "Brazil", 5), (3, "bob", "Cube", 4)] {
        films.insert(&person(seen_by).may().unwrap(), NewFilm { film_id, title: title.into(), stars }).await.unwrap();
    }
    Cinema { database, films, schema }
}

impl Cinema {
    /// The schema is another one in each test; in an app, it is known.
    fn text(&self, text: &str) -> &'static str {
        text.replace("SCHEMA", &self.schema).leak()
    }
}

fn person(id: &str) -> Actor {
    Identity::new(id).granted(["read:films", "create:films", "update:films"]).into()
}

fn clerk() -> Actor {
    Identity::new("eve").granted(["read:films:any", "update:films:any"]).into()
}

fn titles(films: &[Film]) -> Vec<&str> {
    films.iter().map(|film| film.title.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_are_tables_are_read_into_a_resource() {
    let cinema = cinema().await;
    let (films, best) = (&cinema.films, cinema.text("SELECT * FROM SCHEMA.best($1)"));
    let ask = async |actor: &Actor, at_least: i64| {
        let found = films.sql(&actor.may().unwrap(), best, params![at_least]).find(Filter::every());
        found.sort(Film::TITLE.asc()).all().await.unwrap()
    };
    assert_eq!(titles(&ask(&clerk(), 4).await), ["Alien", "Brazil", "Cube"]);
    assert_eq!(titles(&ask(&clerk(), 5).await), ["Brazil"]);
    assert_eq!(titles(&ask(&person("ann"), 1).await), ["Alien", "Brazil"], "the function sees all, she does not");
    assert_eq!(titles(&ask(&person("eve"), 1).await), [""; 0]);

    let doubled = cinema.text("SELECT * FROM SCHEMA.doubled() ORDER BY film_id DESC");
    let found = films.sql(&person("ann").may().unwrap(), doubled, params![]).all().await.unwrap();
    assert_eq!(found.iter().map(|film| (film.film_id, film.stars)).collect::<Vec<_>>(), [(2, 10), (1, 8)]);

    let counted = cinema.text("SELECT * FROM SCHEMA.per_star() ORDER BY stars");
    let ask = async |actor: &Actor| films.sql(&actor.may().unwrap(), counted, params![]).all_as::<(i64, i64)>().await;
    assert_eq!(ask(&clerk()).await.unwrap(), [(4, 2), (5, 1)]);
    assert!(matches!(ask(&person("ann")).await, Err(Error::Unscoped(_))), "it counts what she may not see");
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_write_are_refused() {
    let cinema = cinema().await;
    let forget = cinema.text("SELECT * FROM SCHEMA.forget()");
    for _ in 0..3 {
        let refused = cinema.films.sql(&clerk().may().unwrap(), forget, params![]).all().await;
        assert!(matches!(&refused, Err(Error::Internal(why)) if why.to_string().contains("read-only")), "{refused:?}");
    }
    let sessions = "SELECT count(DISTINCT pid) FROM pg_stat_activity WHERE query LIKE '%SCHEMA.forget%'";
    let sessions = cinema.text(sessions);
    assert_eq!(block_in_place(|| on(&cinema.schema, sessions)), "2", "ours and this one: it was not taken for lost");
    assert_eq!(cinema.films.count(&clerk().may().unwrap(), Filter::every()).await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_no_field_has_is_cast() {
    let cinema = cinema().await;
    let may = clerk().may().unwrap();
    let ask = |text| cinema.films.sql(&may, text, params![]);
    let Err(Error::Internal(why)) = ask("SELECT TIME '10:40' AS hour").all_as::<String>().await else { panic!() };
    assert!(why.to_string().contains("`hour` cannot be read: no field is a time; cast it"), "{why}");
    let hour = ask("SELECT (TIME '10:40')::text AS hour").all_as::<String>().await.unwrap();
    assert_eq!(hour, ["10:40:00"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_numeric_is_read_with_its_decimals_or_not_at_all() {
    let cinema = cinema().await;
    let may = clerk().may().unwrap();
    let ask = |text| cinema.films.sql(&may, text, params![]);
    let average = "SELECT avg(stars) AS stars, 1 AS one FROM {films}";
    for refused in [
        ask(average).all_as::<(i64, i32)>().await.map(drop),
        ask(average).all_as::<(f64, i32)>().await.map(drop),
        ask(average).all_as::<(Decimal<9, 2>, i32)>().await.map(drop),
        ask("SELECT max(stars) AS stars FROM {films}").all_as::<Decimal<9, 2>>().await.map(drop),
        ask("SELECT 10::numeric ^ 15 AS stars").all_as::<Decimal<15, 6>>().await.map(drop),
    ] {
        let Err(Error::Internal(why)) = refused else { panic!("{refused:?}") };
        assert!(why.to_string().contains("`stars`"), "{why}");
    }
    let sum = ask("SELECT sum(stars)::int8, avg(stars)::numeric(9,2), sum(stars) FROM {films}");
    let sum: Vec<(i64, Decimal<3, 2>, Option<Decimal<9, 1>>)> = sum.all_as().await.unwrap();
    assert_eq!(sum, [(13, "4.33".parse().unwrap(), Some("13.0".parse().unwrap()))]);
    let none = ask("SELECT sum(stars) FROM {films} WHERE FALSE").all_as::<Option<Decimal<9, 0>>>().await.unwrap();
    assert_eq!(none, [None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_given_up_like_any_statement() {
    let cinema = cinema().await;
    let slow = cinema.films.sql(&clerk().may().unwrap(), "SELECT 1 FROM pg_sleep($1)", params![30.0]);
    let slow = slow.all_as::<i32>().await;
    assert!(matches!(slow, Err(Error::Overloaded)), "{slow:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_for_those_who_reach_every_row() {
    let Cinema { films, database, schema } = cinema().await;
    let refused = films.raw::<Postgres, _>(&person("ann").may::<tollgate::Update, _>().unwrap());
    assert!(matches!(refused.map(drop), Err(Error::Unscoped(_))));
    let may = clerk().may::<tollgate::Update, _>().unwrap();
    let other = films.raw::<Sqlite, _>(&may).map(drop);
    assert!(matches!(&other, Err(Error::Internal(why)) if why.to_string().contains("in PostgreSQL at")), "{other:?}");
    let within = async |tx| films.on(&tx)?.raw::<Postgres, _>(&may).map(drop);
    assert!(matches!(films.transaction(within).await, Err(Error::Internal(_))), "it would not be part of it");

    let mut client = films.raw::<Postgres, _>(&may).unwrap().client().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    transaction.execute(&format!("UPDATE {schema}.films SET stars = stars + $1"), &[&1_i64]).await.unwrap();
    transaction.commit().await.unwrap();
    client.batch_execute(&format!("SET search_path = nowhere; BEGIN; DELETE FROM {schema}.films")).await.unwrap();
    drop(client);
    let stars = films.sql(&clerk().may().unwrap(), "SELECT max(stars) FROM {films}", params![]);
    assert_eq!(stars.all_as::<i64>().await.unwrap(), [6]);
    let session = database.begin().await.unwrap();
    session.rollback().await.unwrap();
    let client = films.raw::<Postgres, _>(&may).unwrap().client().await.unwrap();
    let path: String = client.query_one("SHOW search_path", &[]).await.unwrap().get(0);
    assert!(!path.contains("nowhere"), "{path}");
}
