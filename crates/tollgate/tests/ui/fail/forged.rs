use tollgate::prelude::*;

#[resource(plural = "movies")]
pub struct Movie {
    #[id]
    pub movie_id: i32,
}

fn forge(reader: &May<Read, Movie>) -> May<Create, Movie> {
    May { actor: reader.actor().clone(), rows: tollgate::Rows::All, action: std::marker::PhantomData }
}

fn main() {}
