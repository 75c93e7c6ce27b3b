use tollgate::prelude::*;

#[resource(plural = "movies")]
pub struct Movie {
    #[id]
    pub movie_id: i32,
}

async fn without_await(may: May<Read, Movie>, movies: Store<Movie>) -> Result<Json<Vec<Movie>>> {
    Ok(Json(movies.find(&may, Filter::every()).all()?))
}

async fn without_all(may: May<Read, Movie>, movies: Store<Movie>) -> Result<Json<Vec<Movie>>> {
    Ok(Json(movies.find(&may, Filter::every()).await?))
}

async fn without_page(_: May<Read, Movie>, asked: List<Movie>) -> Result<List<Movie>> {
    Ok(asked)
}

fn main() {
    let _ = Service::new("movies").get("/movies", without_page);
}
