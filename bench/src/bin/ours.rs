//! What is measured: a service as anybody would write it, with everything the framework puts around it.

use tollgate::prelude::*;

/// A film in the catalogue.
#[resource(plural = "movies")]
struct Movie {
    #[id]
    movie_id: i32,
    #[garde(length(min = 1, max = 200))]
    title: String,
    released: i32,
    #[garde(range(min = 0.0, max = 10.0))]
    rating: f64,
}

/// A note to oneself: its key is counted, its owner set.
#[resource(plural = "notes")]
struct Note {
    #[id(generated)]
    note_id: i64,
    #[owner]
    author: String,
    #[garde(length(min = 1, max = 500))]
    text: String,
}

/// Something that is followed.
#[resource(plural = "signals")]
struct Signal {
    #[id(generated)]
    signal_id: i64,
    #[owner]
    author: String,
    #[garde(length(min = 1, max = 500))]
    text: String,
}

/// Says hello to whoever signed in.
async fn hello(_: Actor) -> Json<Greeting> {
    Json(Greeting { movie_id: 1, title: "Movie 1".into(), released: 1999, rating: 8.1 })
}

/// As large as a film.
#[output]
struct Greeting {
    movie_id: i32,
    title: String,
    released: i32,
    rating: f64,
}

fn main() -> tollgate::Exit {
    let service = service!("bench").crud::<Movie>("/movies").crud::<Note>("/notes").get("/hello", hello);
    let service = service.crud::<Signal>("/signals").live::<Signal>("/signals/live");
    App::new("bench").settings(include_str!("../settings.toml")).service(service).main()
}
