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
    /// Director.
    #[garde(length(min = 1, max = 200))]
    pub director: Option<String>,
}

/// Which films count.
#[input]
pub struct Since {
    /// The first year.
    #[garde(range(min = 1888))]
    pub year: i32,
}

/// The ten best films since `year`, best first.
async fn best(
    may: May<Read, Movie>,
    movies: Store<Movie>,
    Query(since): Query<Since>,
) -> Result<Json<Vec<Movie>>> {
    let best_first = movies
        .find(&may, Movie::RELEASED.gte(since.year))
        .sort(Movie::RATING.desc());
    Ok(Json(best_first.limit(10).all().await?))
}

/// The service: everything about movies that the rest of the app may see.
pub fn service() -> Service {
    service!("movies")
        .crud::<Movie>("/movies")
        .get("/movies/best", best)
}
