//! PostgreSQL by hand: deadpool's pool and prepared, cached statements.

use crate::{Movie, NewNote, Note, Tokens};
use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use deadpool_postgres::{Config, Pool, Runtime};
use serde::Deserialize;
use std::{error::Error, sync::Arc};
use tokio_postgres::{NoTls, Row};

struct Shared {
    pool: Pool,
    tokens: Tokens,
}

type App = State<Arc<Shared>>;

fn failed(_: impl Error) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

fn movie_of(row: &Row) -> Movie {
    Movie { movie_id: row.get(0), title: row.get(1), released: row.get(2), rating: row.get(3) }
}

async fn movie(State(app): App, headers: HeaderMap, Path(id): Path<i32>) -> Result<Json<Movie>, StatusCode> {
    app.tokens.check(&headers, "read:movies")?;
    let db = app.pool.get().await.map_err(failed)?;
    let select = "SELECT movie_id, title, released, rating FROM peer.movies WHERE movie_id = $1";
    let select = db.prepare_cached(select).await.map_err(failed)?;
    let row = db.query_opt(&select, &[&id]).await.map_err(failed)?;
    row.map(|row| Json(movie_of(&row))).ok_or(StatusCode::NOT_FOUND)
}

#[derive(Deserialize)]
struct Since {
    #[serde(rename = "released.gte")]
    released: i32,
}

async fn list(State(app): App, headers: HeaderMap, Query(since): Query<Since>) -> Result<Json<Vec<Movie>>, StatusCode> {
    app.tokens.check(&headers, "read:movies")?;
    let db = app.pool.get().await.map_err(failed)?;
    let select = "SELECT movie_id, title, released, rating FROM peer.movies WHERE released >= $1 \
                  ORDER BY rating DESC, movie_id LIMIT 51";
    let select = db.prepare_cached(select).await.map_err(failed)?;
    let rows = db.query(&select, &[&since.released]).await.map_err(failed)?;
    Ok(Json(rows.iter().take(50).map(movie_of).collect()))
}

async fn add_note(State(app): App, headers: HeaderMap, Json(new): Json<NewNote>) -> Result<Json<Note>, StatusCode> {
    let author = app.tokens.check(&headers, "create:notes")?.sub;
    let db = app.pool.get().await.map_err(failed)?;
    let insert = "INSERT INTO peer.notes (author, text) VALUES ($1, $2) RETURNING note_id";
    let insert = db.prepare_cached(insert).await.map_err(failed)?;
    let row = db.query_one(&insert, &[&author, &new.text]).await.map_err(failed)?;
    Ok(Json(Note { note_id: row.get(0), author, text: new.text }))
}

pub(crate) async fn routes(url: &str, secret: &str) -> Result<Router, Box<dyn Error>> {
    let config = Config { url: Some(url.to_owned()), ..Config::default() };
    let pool = config.create_pool(Some(Runtime::Tokio1), NoTls)?;
    pool.get().await?.batch_execute(
        "CREATE SCHEMA peer;
         CREATE TABLE peer.movies (movie_id int4 PRIMARY KEY, title text NOT NULL, released int4 NOT NULL, rating float8 NOT NULL);
         CREATE TABLE peer.notes (note_id bigserial PRIMARY KEY, author text NOT NULL, text text NOT NULL);
         CREATE INDEX ON peer.notes (author);
         INSERT INTO peer.movies SELECT i, 'Movie ' || i, 1950 + i % 75, (i % 100) / 10.0 FROM generate_series(1, 10000) i;
         ANALYZE peer.movies;",
    ).await?;
    let routes =
        Router::new().route("/movies", get(list)).route("/movies/{id}", get(movie)).route("/notes", post(add_note));
    Ok(routes.with_state(Arc::new(Shared { pool, tokens: Tokens::new(secret) })))
}
