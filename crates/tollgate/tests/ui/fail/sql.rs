//! Another permission, SQL put together at run time, a type that is no row, a field of another resource.
use tollgate::prelude::*;

#[resource(plural = "movies")]
pub struct Movie {
    #[id]
    pub movie_id: i32,
}

#[resource(plural = "words")]
pub struct Word {
    #[id]
    pub word: String,
}

#[output]
pub struct Plain {
    pub movie_id: i32,
}

#[output(column)]
pub struct Misread {
    pub movie_id: i32,
}

#[output(row)]
pub enum Choice {
    One,
}

async fn deletes(may: May<Delete, Movie>, movies: Store<Movie>) -> Result<Json<Vec<Movie>>> {
    Ok(Json(movies.sql(&may, "SELECT * FROM {movies}", params![]).all().await?))
}

async fn formats(may: May<Read, Movie>, movies: Store<Movie>, Path(name): Path<String>) -> Result<Json<Vec<Movie>>> {
    let text = format!("SELECT * FROM {name}");
    Ok(Json(movies.sql(&may, &text, params![]).all().await?))
}

async fn reads(may: May<Read, Movie>, movies: Store<Movie>) -> Result<Json<Vec<Plain>>> {
    Ok(Json(movies.sql(&may, "SELECT * FROM {movies}", params![]).all_as().await?))
}

async fn sets(may: May<Update, Movie>, movies: Store<Movie>) -> Result<Json<Movie>> {
    Ok(Json(movies.set(&may, 1, [Word::WORD.to("two")]).await?))
}

fn main() {}
