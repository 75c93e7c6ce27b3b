use tollgate::prelude::*;

#[resource(plural = "movies")]
pub struct Movie {
    #[id]
    pub movie_id: i32,
}

fn forge(reader: &May<Read, Movie>) -> May<Create, Movie> {
    May::granted(reader.actor().clone(), tollgate::Rows::All)
}

fn main() {}
