use tollgate::prelude::*;

#[resource(plural = "movies")]
pub struct Movie {
    #[id]
    pub movie_id: i32,
    pub title: String,
}

async fn remove(may: May<Read, Movie>, movies: Store<Movie>, Path(id): Path<i32>) -> Result<NoContent> {
    movies.delete(&may, id).await?;
    Ok(NoContent)
}

fn main() {
    let _ = Service::new("movies").delete("/movies/{movie_id}", remove);
}
