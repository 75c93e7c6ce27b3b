//! Movies.
use tollgate::prelude::*;

#[cfg(test)]
mod tests;

/// Movie.
#[resource(plural = "movies")]
pub struct Movie {
    /// Names it.
    #[id(generated)]
    pub movie_id: Uuid,
    /// Title.
    #[unique]
    #[garde(length(min = 1, max = 200))]
    pub title: String,
    /// Released.
    #[index]
    pub released: i32,
    /// Rating.
    pub rating: Decimal<2, 1>,
}

/// The service: everything about movies that the rest of the app may see.
pub fn service() -> Service {
    service!("movies").crud::<Movie>("/movies")
}
