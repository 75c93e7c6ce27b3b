use tollgate::prelude::*;

#[resource(plural = "movies")]
pub struct Movie {
    #[id]
    pub movie_id: i32,
}

fn forge() -> May<Create, Movie> {
    May { actor: todo!(), rows: todo!(), action: std::marker::PhantomData }
}

fn main() {
    forge();
}
