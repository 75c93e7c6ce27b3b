use tollgate::prelude::*;

#[resource(plural = "movies")]
pub struct Movie {
    #[id]
    pub movie_id: i32,
    pub title: String,
}

async fn read(actor: Actor, movies: Store<Movie>, Path(id): Path<i32>) -> Result<Json<Movie>> {
    Ok(Json(movies.get(&actor, id).await?))
}

fn main() {
    let _ = Service::new("movies").get("/movies/{movie_id}", read);
}
