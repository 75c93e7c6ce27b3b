//! SQLite by hand: WAL and four connections, each read a `spawn_blocking`, each insert a transaction of its own.

use crate::{Movie, NewNote, Note, Tokens};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

struct Shared {
    readers: Vec<Mutex<Connection>>,
    writer: Mutex<Connection>,
    next: AtomicUsize,
    tokens: Tokens,
}

type App = State<Arc<Shared>>;

async fn movie(State(app): App, headers: HeaderMap, Path(id): Path<i32>) -> Result<Json<Movie>, StatusCode> {
    app.tokens.check(&headers, "read:movies")?;
    let found = tokio::task::spawn_blocking(move || {
        let turn = app.next.fetch_add(1, Ordering::Relaxed) % app.readers.len();
        let db = app.readers[turn].lock().unwrap_or_else(PoisonError::into_inner);
        let mut select =
            db.prepare_cached("SELECT movie_id, title, released, rating FROM movies WHERE movie_id = ?")?;
        let movie = |row: &rusqlite::Row<'_>| {
            Ok(Movie { movie_id: row.get(0)?, title: row.get(1)?, released: row.get(2)?, rating: row.get(3)? })
        };
        select.query_row([id], movie).optional()
    });
    let found = found.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    found.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?.map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn add_note(State(app): App, headers: HeaderMap, Json(new): Json<NewNote>) -> Result<Json<Note>, StatusCode> {
    let author = app.tokens.check(&headers, "create:notes")?.sub;
    let added = tokio::task::spawn_blocking(move || {
        let db = app.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut insert = db.prepare_cached("INSERT INTO notes (author, text) VALUES (?, ?)")?;
        insert.execute(params![author, new.text])?;
        Ok::<_, rusqlite::Error>(Note { note_id: db.last_insert_rowid(), author, text: new.text })
    });
    let added = added.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    added.map(Json).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

fn connect(file: &str) -> rusqlite::Result<Connection> {
    let db = Connection::open(file)?;
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;")?;
    Ok(db)
}

fn open(file: &str, secret: &str) -> rusqlite::Result<Shared> {
    let writer = connect(file)?;
    writer.execute_batch(
        "CREATE TABLE movies (movie_id INTEGER PRIMARY KEY, title TEXT NOT NULL, released INTEGER NOT NULL, rating REAL NOT NULL);
         CREATE TABLE notes (note_id INTEGER PRIMARY KEY AUTOINCREMENT, author TEXT NOT NULL, text TEXT NOT NULL);
         CREATE INDEX notes_author ON notes (author);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
         INSERT INTO movies SELECT i, 'Movie ' || i, 1950 + i % 75, (i % 100) / 10.0 FROM n;",
    )?;
    let readers = (0..4).map(|_| connect(file).map(Mutex::new)).collect::<Result<_, _>>()?;
    Ok(Shared { readers, writer: Mutex::new(writer), next: AtomicUsize::new(0), tokens: Tokens::new(secret) })
}

pub(crate) fn routes(file: &str, secret: &str) -> rusqlite::Result<Router> {
    let routes = Router::new().route("/movies/{id}", get(movie)).route("/notes", post(add_note));
    Ok(routes.with_state(Arc::new(open(file, secret)?)))
}
