//! SQL of the app's own, where SQLite is unlike others, and its connections.

use super::empty;
use std::sync::Arc;
use tempfile::TempDir;
use tollgate::{Actor, Filter, Read, Resource, Store, StoreError as Error, SystemClock, Update, params, resource};
use tollgate_access::Identity;
use tollgate_sqlite::Sqlite;

/// A film that somebody saw.
#[resource(plural = "films")]
struct Film {
    #[id]
    film_id: i32,
    #[owner]
    seen_by: String,
    title: String,
}

/// A film of Ann's and one of Bob's.
async fn cinema() -> (Store<Film>, TempDir) {
    let (database, folder) = empty().await;
    database.prepare(&[Film::TABLE], true).await.unwrap();
    let films = Store::<Film>::new(database, Arc::new(SystemClock::default()));
    for (film_id, seen_by, title) in [(1, "ann", "Alien"), (2, "bob", "Brazil")] {
        films.insert(&person(seen_by).may().unwrap(), NewFilm { film_id, title: title.into() }).await.unwrap();
    }
    (films, folder)
}

fn person(id: &str) -> Actor {
    Identity::new(id).granted(["read:films", "create:films", "update:films"]).into()
}

fn clerk() -> Actor {
    Identity::new("eve").granted(["read:films:any", "update:films:any"]).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_by_its_own_name_shows_no_foreign_row() {
    let (films, _folder) = cinema().await;
    for text in
        ["SELECT * FROM films", "SELECT * FROM main.films", "SELECT * FROM {films} UNION SELECT * FROM main.films"]
    {
        let found = films.sql(&person("bob").may().unwrap(), text, params![]).all().await.unwrap();
        assert_eq!(found.iter().map(|film| film.film_id).collect::<Vec<_>>(), [2], "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_are_tables_take_part() {
    let (films, _folder) = cinema().await;
    let text = "SELECT films.* FROM {films} JOIN json_each($1) AS wanted ON films.film_id = wanted.value";
    let found = films.sql(&clerk().may().unwrap(), text, params!["[2, 3]"]).all().await.unwrap();
    assert_eq!(found.iter().map(|film| film.title.as_str()).collect::<Vec<_>>(), ["Brazil"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_no_column_is_no_text() {
    let (films, _folder) = cinema().await;
    let refused = films.sql(&clerk().may().unwrap(), "SELECT \"nothing\" FROM {films}", params![]).all_as::<String>();
    let refused = refused.await;
    assert!(matches!(&refused, Err(Error::Internal(why)) if why.to_string().contains("nothing")), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connections_are_for_those_who_reach_every_row() {
    let (films, _folder) = cinema().await;
    for person in [person("ann"), person("bob")] {
        let refused = films.raw::<Sqlite, _>(&person.may::<Read, _>().unwrap()).map(drop);
        assert!(matches!(refused, Err(Error::Unscoped(_))), "{refused:?}");
    }
    let may = clerk().may::<Update, _>().unwrap();
    let sqlite = films.raw::<Sqlite, _>(&may).unwrap();
    let changed = sqlite.write(|db| db.execute("UPDATE films SET title = upper(title)", [])).await.unwrap();
    let title = |db: &rusqlite::Connection| db.query_row("SELECT max(title) FROM films", [], |row| row.get(0));
    assert_eq!((changed, sqlite.read(title).await.unwrap()), (2, String::from("BRAZIL")));

    let half = sqlite.write(|db| {
        db.execute("DELETE FROM films", [])?;
        db.execute("DELETE FROM nothing", [])
    });
    assert!(matches!(half.await, Err(Error::Internal(_))));
    let refused = sqlite.read(|db| db.execute("DELETE FROM films", [])).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert_eq!(films.count(&clerk().may().unwrap(), Filter::every()).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_panics_on_the_connection_that_writes_harms_nobody() {
    let (films, _folder) = cinema().await;
    let may = clerk().may::<Update, _>().unwrap();
    let sqlite = films.raw::<Sqlite, _>(&may).unwrap();
    let panics = sqlite.write(|db| -> rusqlite::Result<()> {
        db.execute("DELETE FROM films", [])?;
        panic!("half way")
    });
    let panicked = panics.await;
    assert!(matches!(panicked, Err(Error::Internal(_))), "{panicked:?}");
    films.insert(&person("ann").may().unwrap(), NewFilm { film_id: 3, title: "Cube".into() }).await.unwrap();
    assert_eq!(films.count(&clerk().may().unwrap(), Filter::every()).await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_a_connection_in_a_transaction_holds_up_nobody() {
    let (films, _folder) = cinema().await;
    let may = clerk().may::<Update, _>().unwrap();
    let sqlite = films.raw::<Sqlite, _>(&may).unwrap();
    for _ in 0..8 {
        sqlite.read(|db| db.execute_batch("BEGIN; SELECT * FROM films")).await.unwrap();
    }
    films.insert(&person("ann").may().unwrap(), NewFilm { film_id: 3, title: "Cube".into() }).await.unwrap();
    for _ in 0..8 {
        assert_eq!(films.count(&clerk().may().unwrap(), Filter::every()).await.unwrap(), 3);
    }
}
