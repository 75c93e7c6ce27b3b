//! The peers, written by hand as careful people write first: axum with its database behind a token that is checked
//! each time, and axum with fixed JSON.
//!
//! `peer sqlite FILE SECRET` and `peer postgres URL SECRET` listen on a free port of 127.0.0.1 and print it.

use axum::{
    Json, Router,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::get,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::{Deserialize, Serialize};
use std::error::Error;

mod postgres;
mod sqlite;

/// A film.
#[derive(Serialize)]
struct Movie {
    movie_id: i32,
    title: String,
    released: i32,
    rating: f64,
}

/// A note.
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

/// HS256, the cheapest there is.
struct Tokens {
    key: DecodingKey,
    rules: Validation,
}

impl Tokens {
    fn new(secret: &str) -> Self {
        Self { key: DecodingKey::from_secret(secret.as_bytes()), rules: Validation::new(Algorithm::HS256) }
    }

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

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let routes: Router = match arguments[..] {
        ["sqlite", file, secret] => sqlite::routes(file, secret)?,
        ["postgres", url, secret] => postgres::routes(url, secret).await?,
        _ => return Err("usage: peer sqlite FILE SECRET | peer postgres URL SECRET".into()),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    axum::serve(listener, routes.route("/fixed/", get(fixed)).route("/fixed/{id}", get(fixed))).await?;
    Ok(())
}
