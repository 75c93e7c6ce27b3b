//! Movies: a catalogue that readers browse and curators fill.
use std::time::Duration;
use tollgate::prelude::*;

/// A film in the catalogue.
#[resource(plural = "movies")]
pub struct Movie {
    /// The number of the film.
    #[id]
    pub movie_id: i32,
    /// The title under which it was released.
    #[garde(length(min = 1, max = 200))]
    pub title: String,
    /// Year of release.
    #[index]
    #[garde(range(min = 1888, max = 2100))]
    pub released: i32,
    /// Average rating, 0 to 10.
    #[garde(range(min = 0.0, max = 10.0))]
    pub rating: f64,
}

/// Which film.
#[input]
pub struct Wanted {
    /// The number of the film.
    pub movie_id: i32,
}

/// How new and how good a film must be.
#[input]
pub struct Since {
    /// The first year that counts.
    pub year: i32,
    /// The least rating.
    #[garde(range(min = 0.0, max = 10.0))]
    pub rating: f64,
}

/// One film, by a parameter instead of the path.
///
/// The same as `GET /movies/{movie_id}`, under the address that older clients know.
async fn by_number(may: May<Read, Movie>, movies: Store<Movie>, Query(wanted): Query<Wanted>) -> Result<Json<Movie>> {
    Ok(Json(movies.get(&may, wanted.movie_id).await?))
}

/// Films released since `year` and rated at least `rating`, best first.
async fn newest(may: May<Read, Movie>, movies: Store<Movie>, Query(since): Query<Since>) -> Result<Json<Vec<Movie>>> {
    let wanted = Movie::RELEASED.gte(since.year) & Movie::RATING.gte(since.rating);
    let best_first = movies.find(&may, wanted).sort(Movie::RATING.desc()).sort(Movie::MOVIE_ID.asc());
    Ok(Json(best_first.all().await?))
}

/// The service: everything about movies that the rest of the app may see.
pub fn service() -> Service {
    service!("movies")
        .seed::<Movie>(include_str!("../data/movies.json"))
        .crud::<Movie>("/movies")
        .get("/movies/", by_number)
        .get("/movies/new", newest)
        .cached(Duration::from_mins(1))
}
