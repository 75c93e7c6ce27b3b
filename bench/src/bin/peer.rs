//! The peers, written by hand: axum with rusqlite behind a token checked each time, and axum with fixed JSON.
//!
//! `peer FILE SECRET` listens on a free port of 127.0.0.1 and prints it. The database has WAL and four connections,
//! each read is a `spawn_blocking`, each insert a transaction of its own: what careful people write first.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::{get, post},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::{
    error::Error,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

#[derive(Serialize)]
struct Movie {
    movie_id: i32,
    title: String,
    released: i32,
    rating: f64,
}

#[derive(Serialize)]
struct Note {
    note_id: i64,
    author: String,
    text: String,
}

#[derive(Deserialize)]
struct NewNote {
    text: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    scope: String,
}

struct Shared {
    readers: Vec<Mutex<Connection>>,
    writer: Mutex<Connection>,
    next: AtomicUsize,
    key: DecodingKey,
    rules: Validation,
}

type App = State<Arc<Shared>>;

impl Shared {
    fn check(&self, headers: &HeaderMap, permission: &str) -> Result<Claims, StatusCode> {
        let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let token = token.ok_or(StatusCode::UNAUTHORIZED)?;
        let claims = decode::<Claims>(token, &self.key, &self.rules).map_err(|_| StatusCode::UNAUTHORIZED)?.claims;
        let granted = claims.scope.split(' ').any(|scope| scope == permission);
        if granted { Ok(claims) } else { Err(StatusCode::FORBIDDEN) }
    }
}

async fn fixed() -> Json<Movie> {
    Json(Movie { movie_id: 1, title: "Movie 1".into(), released: 1999, rating: 8.1 })
}

async fn movie(State(app): App, headers: HeaderMap, Path(id): Path<i32>) -> Result<Json<Movie>, StatusCode> {
    app.check(&headers, "read:movies")?;
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
    let author = app.check(&headers, "create:notes")?.sub;
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
    let (key, rules) = (DecodingKey::from_secret(secret.as_bytes()), Validation::new(Algorithm::HS256));
    Ok(Shared { readers, writer: Mutex::new(writer), next: AtomicUsize::new(0), key, rules })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, secret] = &arguments[..] else { return Err("usage: peer FILE SECRET".into()) };
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let routes = Router::new()
        .route("/fixed", get(fixed))
        .route("/movies/{id}", get(movie))
        .route("/notes", post(add_note))
        .with_state(Arc::new(open(file, secret)?));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    axum::serve(listener, routes).await?;
    Ok(())
}
