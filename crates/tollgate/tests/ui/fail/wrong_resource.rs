use tollgate::prelude::*;

#[resource(plural = "movies")]
pub struct Movie {
    #[id]
    pub movie_id: i32,
    pub title: String,
}

#[resource(plural = "books")]
pub struct Book {
    #[id]
    pub book_id: i32,
}

async fn read(may: May<Read, Book>, movies: Store<Movie>, Path(id): Path<i32>) -> Result<Json<Movie>> {
    Ok(Json(movies.get(&may, id).await?))
}

fn main() {
    let _ = Service::new("movies").get("/movies/{movie_id}", read);
}
