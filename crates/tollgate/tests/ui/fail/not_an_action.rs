use tollgate::prelude::*;

#[resource(plural = "movies")]
pub struct Movie {
    #[id]
    pub movie_id: i32,
}

pub struct Publish;

async fn publish(_: May<Publish, Movie>) -> NoContent {
    NoContent
}

fn main() {
    let _ = Service::new("movies").post("/movies/publish", publish);
}
