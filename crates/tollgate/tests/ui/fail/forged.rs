use tollgate::prelude::*;

#[resource(plural = "movies")]
pub struct Movie {
    #[id]
    pub movie_id: i32,
}

fn forge(reader: &May<Read, Movie>) -> May<Create, Movie> {
    May { actor: reader.actor().clone(), rows: reader.rows().clone(), action: std::marker::PhantomData }
}

fn ask_within() -> May<Create, Movie> {
    May::granted(todo!(), todo!())
}

fn main() {}
